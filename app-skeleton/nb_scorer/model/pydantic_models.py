"""pydantic as a notebook uses it, versions 1 and 2: known by what its classes can do, imported where they are."""

import copyreg
import importlib
import itertools
import sys

from nb_scorer.model.misfit import MOST_ERRORS

# pydantic makes objects of all its errors at once: of more than these nothing is said but how many they are.
MOST_NAMED = 100000

# What version 1 calls the value of a model that is one value, and the model that it makes for any other hint.
_ROOT = "__root__"
# So version 1's fields are made anew where they are loaded: what they compile is not saved.
_FIELD_FACTS = (
    *("name", "class_validators", "model_config", "default", "default_factory", "required", "alias", "field_info"),
)


def is_model(kind):
    """Return whether the class `kind` is a model."""
    return hasattr(kind, "model_validate") or (hasattr(kind, "parse_obj") and hasattr(kind, "__fields__"))


def is_known(kind):
    """Return whether pydantic knows what the class `kind` means: models, its own dataclasses and types, constraints."""
    if is_model(kind) or hasattr(kind, "__pydantic_validator__") or hasattr(kind, "__pydantic_model__"):
        return True
    home = getattr(kind, "__module__", "").split(".")[0]
    # PositiveInt is an int with a constraint of that package, which others may use without pydantic.
    return home == "pydantic" or (home == "annotated_types" and "pydantic" in sys.modules)


def fields(kind):
    """Return {name in JSON: (type hint, whether it must be there)} of a model."""
    if hasattr(kind, "model_fields"):
        known = kind.model_fields.items()
        return {_alias(field, name): (field.annotation, field.is_required()) for name, field in known}
    return {field.alias: (_annotation(field), bool(field.required)) for field in kind.__fields__.values()}


def root(kind):
    """Return the type hint of a model that is one value and no object, else None."""
    known = fields(kind)
    names = (_ROOT,) if not hasattr(kind, "model_fields") else ("root",) * hasattr(kind, "__pydantic_root_model__")
    return next((hint for name, (hint, _) in known.items() if name in names and len(known) == 1), None)


def _alias(field, name):
    alias = getattr(field, "validation_alias", None)
    # Or a path in the object, or one of several names.
    return alias if isinstance(alias, str) else name


def dumped(value):
    """Return the fields of a model as values one step nearer to JSON, under their names in JSON."""
    if hasattr(value, "model_dump"):
        return value.model_dump(by_alias=True)
    found = value.dict(by_alias=True)
    return found[_ROOT] if set(found) == {_ROOT} else found


class Parser(object):
    """Makes of JSON's values what a hint with classes of pydantic promises; saved as the hint."""

    def __init__(self, hint, kind):
        """Take a `hint`, and a class of pydantic's in it."""
        self._facts = hint, kind
        # A hint of constraints alone brings it into no process.
        package = importlib.import_module(_package_of(kind))
        self._error = package.ValidationError
        if hasattr(package, "TypeAdapter"):
            self._parse = package.TypeAdapter(hint).validate_python
        else:
            self._parse = lambda value: package.parse_obj_as(hint, value)

    def __reduce__(self):
        """Return how this is saved: by the hint, as compiled validators are not for every version."""
        return Parser, self._facts

    def parse(self, value):
        """Return (what the hint promises, None), or (None, [(path of a field, words)]) where `value` does not fit."""
        try:
            return self._parse(value), None
        except self._error as wrong:
            return None, [(_path(error["loc"]), error["msg"]) for error in self._first_of(wrong)]

    def _first_of(self, wrong):
        """Return the errors that are told, as dicts of pydantic's, without making more than memory has room for."""
        if hasattr(wrong, "raw_errors"):
            # Version 1 makes them one by one.
            each = importlib.import_module(type(wrong).__module__).flatten_errors
            return itertools.islice(each(wrong.raw_errors, wrong.model.__config__), MOST_ERRORS)
        if wrong.error_count() > MOST_NAMED:
            words = "is wrong in {} places, too many to name".format(wrong.error_count())
            return [{"loc": (), "msg": words}]
        return wrong.errors(include_url=False, include_context=False)[:MOST_ERRORS]


def _path(place):
    return tuple(place[1:] if place[:1] == (_ROOT,) else place)


def _package_of(kind):
    """Return the name of the package that the class is made by: pydantic, or pydantic.v1 in the second version."""
    kind = getattr(kind, "__pydantic_model__", kind)
    names = [base.__module__ for base in kind.__mro__ if base.__module__.split(".")[0] == "pydantic"]
    return "pydantic.v1" if names and names[0].startswith("pydantic.v1.") else "pydantic"


def let_version_1_be_pickled():
    """Have cloudpickle save models that a notebook defines by version 1, whose fields refer to compiled code."""
    for package in ("pydantic", "pydantic.v1"):
        module = sys.modules.get(package + ".fields")
        if hasattr(module, "ModelField"):
            copyreg.pickle(module.ModelField, _reduce_field)


def _reduce_field(field):
    facts = {name: getattr(field, name) for name in _FIELD_FACTS if hasattr(field, name)}
    facts["type_"] = _annotation(field)
    return _field, (type(field), facts)


def _annotation(field):
    """Return the type hint of a field of version 1."""
    # Here and not above: scorers write answers of models and never look at their fields.
    import typing

    # Before 1.10 it has forgotten that it was Optional, but for what that means.
    outer = typing.Optional[field.outer_type_] if field.allow_none else field.outer_type_
    return getattr(field, "annotation", outer)


def _field(kind, facts):
    return kind(**facts)
