"""Supports pydantic, versions 1 and 2, in notebooks: recognises its classes, and imports it only if needed."""

import copyreg
import importlib
import itertools
import sys

from nb_scorer.model.misfit import MAX_ERRORS

# pydantic creates objects for all its errors at once, so further ones are only counted.
MAX_NAMED = 100000

# Version 1's name for the only field of a model that is a single value, such as the models that it creates for other
# hints.
_ROOT = "__root__"
# Version 1's fields are recreated from these attributes on loading; compiled parts are not saved.
_FIELD_FACTS = (
    *("name", "class_validators", "model_config", "default", "default_factory", "required", "alias", "field_info"),
)


def is_model(kind):
    """Return whether the class `kind` is a model."""
    return hasattr(kind, "model_validate") or (hasattr(kind, "parse_obj") and hasattr(kind, "__fields__"))


def is_known(kind):
    """Return whether pydantic handles the class `kind`: models, its own dataclasses and types, constraints."""
    if is_model(kind) or hasattr(kind, "__pydantic_validator__") or hasattr(kind, "__pydantic_model__"):
        return True
    home = getattr(kind, "__module__", "").split(".")[0]
    # PositiveInt is an int with a constraint of annotated_types, which can also be used without pydantic.
    return home == "pydantic" or (home == "annotated_types" and "pydantic" in sys.modules)


def fields(kind):
    """Return {name in JSON: (type hint, whether it is required)} of a model."""
    if hasattr(kind, "model_fields"):
        declared = kind.model_fields.items()
        return {_alias(field, name): (field.annotation, field.is_required()) for name, field in declared}
    return {field.alias: (_annotation(field), bool(field.required)) for field in kind.__fields__.values()}


def root(kind):
    """Return the type hint of a model that is a single value rather than an object, otherwise None."""
    by_name = fields(kind)
    names = (_ROOT,) if not hasattr(kind, "model_fields") else ("root",) * hasattr(kind, "__pydantic_root_model__")
    return next((hint for name, (hint, _) in by_name.items() if name in names and len(by_name) == 1), None)


def _alias(field, name):
    alias = getattr(field, "validation_alias", None)
    # The name may also be a path in the object, or one of several names.
    return alias if isinstance(alias, str) else name


def dumped(value):
    """Return the fields of a model, one step closer to JSON, by their names in JSON."""
    if hasattr(value, "model_dump"):
        return value.model_dump(by_alias=True)
    values = value.dict(by_alias=True)
    return values[_ROOT] if set(values) == {_ROOT} else values


class Parser(object):
    """Converts JSON values to a type hint with pydantic classes; pickled as the hint."""

    def __init__(self, hint, kind):
        """Store a `hint`, and `kind`, a pydantic class in it."""
        self._facts = hint, kind
        # Imported here, because a hint with only constraints does not import pydantic when it is loaded.
        package = importlib.import_module(_package_of(kind))
        self._error = package.ValidationError
        if hasattr(package, "TypeAdapter"):
            self._parse = package.TypeAdapter(hint).validate_python
        else:
            self._parse = lambda value: package.parse_obj_as(hint, value)

    def __reduce__(self):
        """Return how to pickle this: as the hint, because compiled validators fit only one version."""
        return Parser, self._facts

    def parse(self, value):
        """Return (the value as the hint's type, None), or (None, [(path of a field, text)]) if `value` does not fit."""
        try:
            return self._parse(value), None
        except self._error as failure:
            return None, [(_path(error["loc"]), error["msg"]) for error in self._first_of(failure)]

    def _first_of(self, error):
        """Return the first errors as pydantic's dicts, without creating more than memory can hold."""
        if hasattr(error, "raw_errors"):
            # Version 1 creates them one at a time.
            flattened = importlib.import_module(type(error).__module__).flatten_errors
            return itertools.islice(flattened(error.raw_errors, error.model.__config__), MAX_ERRORS)
        if error.error_count() > MAX_NAMED:
            message = "has {} errors, too many to list".format(error.error_count())
            return [{"loc": (), "msg": message}]
        return error.errors(include_url=False, include_context=False)[:MAX_ERRORS]


def _path(location):
    return tuple(location[1:] if location[:1] == (_ROOT,) else location)


def _package_of(kind):
    """Return the name of the package that created the class: pydantic, or pydantic.v1 within version 2."""
    kind = getattr(kind, "__pydantic_model__", kind)
    names = [base.__module__ for base in kind.__mro__ if base.__module__.split(".")[0] == "pydantic"]
    return "pydantic.v1" if names and names[0].startswith("pydantic.v1.") else "pydantic"


def let_version_1_be_pickled():
    """Make cloudpickle save a notebook's models of version 1, whose fields refer to compiled code."""
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
    # Imported here, because scorers only encode models as predictions, and never read their fields.
    import typing

    # Before 1.10, a field drops the Optional of its hint, and keeps only allow_none.
    outer = typing.Optional[field.outer_type_] if field.allow_none else field.outer_type_
    return getattr(field, "annotation", outer)


def _field(kind, facts):
    return kind(**facts)
