"""Known calls in a predictor: which ones are a model's, which can be deferred, and which have side effects."""

import collections
import io
import random
import types

# Methods that take rows, and return the same number of rows.
METHODS = frozenset(
    [
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
        "decision_path",
        "transform",
        "inverse_transform",
        "score_samples",
        "inplace_predict",
        "kneighbors",
        "run",
        "encode",
        "apply",
    ]
)
# If only a model reads them, they are built once, from the rows of all samples.
BUILT_LATER = {("pandas", "DataFrame"), ("xgboost", "DMatrix"), ("catboost", "Pool")}
BUILT_WITH = ("columns", "index", "feature_names", "cat_features")
# Functions that apply to each row of a table separately.
ROW_BY_ROW = {
    ("sklearn", "cosine_similarity"),
    ("sklearn", "linear_kernel"),
    ("sklearn", "euclidean_distances"),
    ("sklearn", "pairwise_distances"),
}
# Context managers that may be entered once, around all samples of a batch.
LIFTED = {("torch", "no_grad"), ("torch", "inference_mode"), ("numpy", "errstate"), ("warnings", "catch_warnings")}
# With these arguments, they would raise in the code of other samples, too.
NOT_LIFTED_WITH = ("raise", "call", "error")
# Methods that modify their object.
CHANGES = frozenset(
    [
        "append",
        "appendleft",
        "extend",
        "insert",
        "update",
        "add",
        "pop",
        "popitem",
        "remove",
        "clear",
        "setdefault",
        "write",
        "put",
    ]
)
CONTAINERS = (list, dict, set, collections.deque, io.IOBase)
TRAINS = frozenset(["fit", "fit_transform", "partial_fit", "fit_predict", "learn_one"])
# A sample that holds the lock may pause at a model call, and block the next sample.
TAKES_LOCK = "acquire"
# They consume a generator expression at once, so it can become a list.
EAGER = frozenset(["sum", "list", "tuple", "max", "min", "sorted", "dict", "set"])
# Functions and methods that, for plain values and results, run no other code and have no side effects.
PLAIN_FUNCTIONS = (
    abs,
    bool,
    dict,
    enumerate,
    float,
    int,
    len,
    list,
    max,
    min,
    range,
    round,
    set,
    sorted,
    str,
    sum,
    tuple,
    zip,
)
PLAIN_FUNCTIONS_OF_NUMPY = frozenset(
    [
        "abs",
        "absolute",
        "argmax",
        "argmin",
        "array",
        "asarray",
        "atleast_2d",
        "clip",
        "exp",
        "expm1",
        "float32",
        "float64",
        "int32",
        "int64",
        "log",
        "log10",
        "log1p",
        "max",
        "mean",
        "min",
        "ravel",
        "reshape",
        "round",
        "sqrt",
        "sum",
        "where",
    ]
)
LOOKS = frozenset(
    [
        "argmax",
        "argmin",
        "astype",
        "clip",
        "endswith",
        "flatten",
        "get",
        "item",
        "items",
        "keys",
        "lower",
        "lstrip",
        "max",
        "mean",
        "min",
        "ravel",
        "replace",
        "reshape",
        "round",
        "rstrip",
        "split",
        "squeeze",
        "startswith",
        "strip",
        "sum",
        "title",
        "tolist",
        "upper",
        "values",
    ]
)
RANDOM = {"random", "secrets", "uuid"}
CLOCK = {
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "monotonic"),
    ("time", "monotonic_ns"),
    ("time", "perf_counter"),
    ("time", "perf_counter_ns"),
    ("time", "process_time"),
    ("time", "sleep"),
    ("time", "ctime"),
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
}
ALARMS = {"signal", "_signal"}
# Functions that load a model or other data from a file, and methods that do so on any object.
LOADS = {
    ("_pickle", "load"),
    ("_pickle", "loads"),
    ("cloudpickle", "load"),
    ("cloudpickle", "loads"),
    ("dill", "load"),
    ("dill", "loads"),
    ("joblib", "load"),
    ("keras", "load_model"),
    ("lightgbm", "Booster"),
    ("mlflow", "load_model"),
    ("onnxruntime", "InferenceSession"),
    ("pickle", "load"),
    ("pickle", "loads"),
    ("sentence_transformers", "SentenceTransformer"),
    ("skops", "load"),
    ("spacy", "load"),
    ("tensorflow", "load_model"),
    ("torch", "load"),
    ("transformers", "pipeline"),
}
LOADING_METHODS = frozenset(["from_pretrained", "load_model", "load_weights", "load_state_dict"])
LOADS_EACH_TIME = "loads from a file for each sample"
READS_OR_WRITES = "reads or writes outside the process"
# Packages whose calls leave the process.
OUTSIDE = {
    "aiohttp",
    "boto3",
    "botocore",
    "ftplib",
    "httpx",
    "kafka",
    "pika",
    "psycopg",
    "psycopg2",
    "pymongo",
    "pymysql",
    "redis",
    "requests",
    "smtplib",
    "socket",
    "sqlalchemy",
    "sqlite3",
    "subprocess",
    "urllib",
    "urllib3",
}


def top_package(value):
    """Return the top-level package of the module that defines `value`, "" if unknown."""
    module = getattr(value, "__module__", None)
    return module.partition(".")[0] if isinstance(module, str) else ""


def is_one_of(value, names):
    """Return whether `names` contains `value` as (top-level package, name).

    The place within the package varies with its version.
    """
    return (top_package(value), getattr(value, "__name__", "")) in names


def effect_of(called):
    """Return a call's effect beyond the sample, such as "draws random numbers", or None."""
    owner = getattr(called, "__self__", None)
    # Modules written in C have an underscore: _io, _sqlite3.
    packages = {name.lstrip("_") for name in (top_package(called), top_package(type(owner)), _module_name(owner))}
    if packages & RANDOM or isinstance(owner, random.Random) or _is_numpy_random(called, owner):
        return "draws random numbers"
    home = owner.__name__ if isinstance(owner, types.ModuleType) else top_package(called) or top_package(owner)
    if (home, getattr(called, "__name__", "")) in CLOCK:
        is_pause = called.__name__ == "sleep"
        return "waits, so the other samples of a batch would wait, too" if is_pause else "reads the clock"
    if packages & ALARMS:
        return "sets an alarm or a handler for all samples"
    # IPython's own `open` claims to be the one of io.
    opens = "io" in packages and getattr(called, "__name__", "") == "open"
    if packages & OUTSIDE or opens or called is open or called is input:
        return READS_OR_WRITES
    return None


def loads(called, function):
    """Return whether a call of `called` (or UNKNOWN, judged from the node `function`) loads from a file."""
    return getattr(function, "attr", None) in LOADING_METHODS or is_one_of(called, LOADS)


def _module_name(value):
    return value.__name__.partition(".")[0] if isinstance(value, types.ModuleType) else ""


def _is_numpy_random(called, owner):
    home = "{} {}".format(getattr(called, "__module__", ""), type(owner).__module__)
    return "numpy.random" in home
