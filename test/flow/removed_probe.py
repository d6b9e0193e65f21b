"""Prints which names of the table of removals the installed packages have: old Pythons run it, from 3.6 on."""

import importlib
import inspect
import json
import sys
import warnings

# A keyword is looked for in the signature of these, a method among the members of these.
CLASSES = [
    *("pandas.DataFrame", "pandas.Series", "sklearn.preprocessing.OneHotEncoder"),
    *("sklearn.feature_extraction.text.CountVectorizer", "sklearn.tree.DecisionTreeClassifier"),
    *("keras.models.Sequential", "tensorflow.keras.Sequential", "imblearn.over_sampling.SMOTE"),
]
# Where functions that are named without their module are.
MODULES = [
    *("sklearn.preprocessing", "sklearn.model_selection", "sklearn.tree", "sklearn.ensemble", "sklearn.cluster"),
    *("sklearn.linear_model", "sklearn.metrics", "pandas", "matplotlib.pyplot", "gensim.models"),
]
# {a value of an argument: the argument}
ARGUMENTS = {"auto": "max_features", "log": "loss", "deviance": "loss", "ls": "loss"}


def found(dotted):
    """Return the object of a dotted name; None if it does not exist, or an empty class in its place."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:count]))
        except Exception:  # noqa: BLE001, S112 - of parts that do not fit each other
            continue
        for part in parts[count:]:
            # load_boston of scikit-learn raises an ImportError.
            if not works(lambda: getattr(value, part)):  # noqa: B023 - called at once
                return None
            value = getattr(value, part)
        is_own = inspect.isclass(value) and value.__module__ != "builtins"
        is_empty = is_own and not [name for name in dir(value) if name[0] != "_"]
        return None if is_empty else value
    return None


def function(name):
    """Return a function by its full name, or by its own name in one of the known modules."""
    places = [name] if "." in name else [module + "." + name for module in MODULES]
    return next((value for value in map(found, places) if value is not None), None)


def works(call):
    """Return whether a call raises nothing."""
    try:
        call()
    except Exception:  # noqa: BLE001 - of any library
        return False
    return True


def takes_two(called):
    """Return whether a function of seaborn takes x and y without their names."""
    table = importlib.import_module("pandas").DataFrame({"a": [1.0, 2.0, 3.0], "b": [2.0, 1.0, 4.0]})
    return works(lambda: called("a", "b", data=table))


def takes_value(name, value):
    """Return whether a function still knows a string."""
    if name == "use":
        use = importlib.import_module("matplotlib.pyplot").style.use
        return works(lambda: use(value.replace("*", "whitegrid")))
    if name == "spacy.load":
        # It follows the link "en" in this folder.
        return found("spacy.util.get_data_path") is not None
    arguments = {ARGUMENTS[value]: value}
    rows = [[0.0, 1.0], [1.0, 0.0], [2.0, 3.0], [3.0, 2.0]]
    return works(lambda: function(name)(**arguments).fit(rows, [0, 1, 0, 1]))


def has(name):
    """Return whether a name of the table is there."""
    called, _, argument = name.rstrip(")").partition("(")
    if argument == ",":
        return takes_two(function(called))
    if argument.endswith("="):
        keyword, value = argument[:-1], function(called)
        # Doc2Vec of gensim takes some of them by **kwargs.
        return keyword in inspect.signature(value).parameters or works(lambda: value(**{keyword: 2}))
    return takes_value(called, argument) if argument else has_plain(name)


def has_plain(name):
    """Return whether a name of the table without a bracket is there."""
    classes = [each for each in map(found, CLASSES) if each]
    if name.endswith("="):
        return any(name[:-1] in inspect.signature(each).parameters for each in classes)
    if name.startswith((".", "x=x.")):
        return any(hasattr(each, name.rpartition(".")[2]) for each in classes)
    return found(name) is not None


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps([name for name in sys.argv[1:] if has(name)]))
