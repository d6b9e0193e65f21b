"""Records process state that a notebook changed and its functions rely on, as plain facts for the manifest.

It records only state that process_state can restore, that differs from a new process, and that belongs to imported
libraries. Other changes to the process are listed by name.
"""

import copyreg
import decimal
import functools
import json
import locale
import logging
import os
import re
import socket
import sys
import warnings

from nb_scorer.model import process_state

_LOCALES = ("LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME")
# The libraries' defaults, except those that only affect display (sklearn's display).
_SKLEARN = {
    "array_api_dispatch": False,
    "assume_finite": False,
    "enable_cython_pairwise_dist": True,
    "enable_metadata_routing": False,
    "pairwise_dist_chunk_size": 256,
    "skip_parameter_validation": False,
    "transform_output": "default",
    "working_memory": 1024,
}
_NUMPY_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_NUMPY_PRINT = {
    "edgeitems": 3,
    "floatmode": "maxprec",
    "infstr": "inf",
    "linewidth": 75,
    "nanstr": "nan",
    "precision": 8,
    "sign": "-",
    "suppress": False,
    "threshold": 1000,
}
# Prefixes of matplotlib settings that concern a screen or the environment.
_OF_A_SCREEN = (
    "animation.",
    "backend",
    "datapath",
    "interactive",
    "keymap.",
    "savefig.directory",
    "toolbar",
    "webagg.",
)
_DRAWS_FILES = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")

_SEEDS = re.compile(r"\b(?:random\.seed|manual_seed|set_seed|set_random_seed|seed_everything)\(")
_PANDAS_OPTION = re.compile(r"\bset_option\(\s*['\"]([\w.]+)['\"]|\bpd\.options\.([\w.]+)\s*=[^=]")
# State that can't be restored, recognised by the code that sets it.
_NAMED = (
    (re.compile(r"\.addHandler\(|\bFileHandler\(|\bdictConfig\(|\bfileConfig\("), "handlers of logging"),
    (re.compile(r"\bsignal\.signal\("), "handlers of signals"),
    (re.compile(r"\batexit\.register\("), "functions registered with atexit"),
    (re.compile(r"\bsys\.std(?:out|err) *= "), "other standard streams"),
    (re.compile(r"\bgc\.(?:disable|freeze|set_threshold)\("), "settings of the garbage collector"),
)

_start: dict = {}
_basic: dict = {}


def remember():
    """Record this process's state before the notebook's code runs, and watch its call of logging.basicConfig."""
    _start.update(
        filters=list(warnings.filters),
        locales=_locales(),
        recursion=sys.getrecursionlimit(),
        environ=dict(os.environ),
        levels=_levels(),
        root=logging.root.level,
    )
    configure = logging.basicConfig

    @functools.wraps(configure)
    def watched(**options):
        if not logging.root.handlers or options.get("force"):
            _basic.clear()
            _basic.update(options, configured=True)
        configure(**options)

    logging.basicConfig = watched


def describe(cells):
    """Return (state, lost): the facts for process_state, and names of what a service can't restore.

    `cells` are the sources of the executed cells, as in IPython's `In`; a notebook may have replaced that with
    something else.
    """
    text = "\n".join(cell for cell in cells if isinstance(cell, str)) if isinstance(cells, list) else ""
    libraries, unreadable = _libraries(text)
    state = {"version": process_state.VERSION}
    recorded = {
        "recursion_limit": _recursion_limit(),
        "socket_timeout": socket.getdefaulttimeout(),
        "locale": _changed(_locales(), _start.get("locales", _locales())),
        "decimal": _decimal(),
        "warnings": _warnings(),
        "logging": _logging(),
        "seeds": bool(_SEEDS.search(text)),
        "libraries": libraries,
    }
    state.update((name, facts) for name, facts in recorded.items() if facts)
    return state, _lost(text) + ["settings of " + name for name in unreadable]


def let_loggers_be_pickled():
    """Make pickle and cloudpickle save loguru's logger by reference: each process has its own, with its own sinks."""
    loguru = sys.modules.get("loguru")
    if hasattr(loguru, "logger"):
        copyreg.pickle(type(loguru.logger), _reduce_logger)


def _reduce_logger(logger):
    if logger is sys.modules["loguru"].logger:
        return process_state.loguru_logger, ()
    return object.__reduce_ex__(logger, 2)


def _changed(values, defaults):
    return {name: value for name, value in values.items() if name in defaults and value != defaults[name]}


def _locales():
    names = [name for name in _LOCALES if hasattr(locale, name)]
    return {name: locale.setlocale(getattr(locale, name)) for name in names}


def _recursion_limit():
    limit = sys.getrecursionlimit()
    return limit if limit != _start.get("recursion", limit) else None


def _decimal():
    context, default = decimal.getcontext(), decimal.DefaultContext
    return _changed(
        {"prec": context.prec, "rounding": context.rounding}, {"prec": default.prec, "rounding": default.rounding}
    )


def _warnings():
    """Return the warning filters added by the notebook and its imports, in order."""
    initial = _start.get("filters", warnings.filters)
    added = [_filter(*entry) for entry in warnings.filters if entry not in initial]
    return [entry for entry in added if entry["category"]]


def _filter(action, message, category, module, line):
    kinds = category if isinstance(category, tuple) else (category,)
    name = "{}:{}".format(kinds[0].__module__, kinds[0].__qualname__) if len(kinds) == 1 else None
    # A service can't import the notebook's own classes.
    name = None if name and name.startswith("__main__:") else name
    texts = [getattr(pattern, "pattern", pattern) or "" for pattern in (message, module)]
    return {"action": action, "message": texts[0], "category": name, "module": texts[1], "line": line}


def _levels():
    loggers = logging.root.manager.loggerDict
    levels = {name: getattr(logger, "level", 0) for name, logger in list(loggers.items())}
    return {name: level for name, level in levels.items() if level}


def _logging():
    """Return the root logger's level, the arguments of basicConfig, and the levels of other loggers."""
    facts: dict = {}
    if logging.root.level != _start.get("root", logging.root.level):
        facts["level"] = logging.root.level
    if _basic and logging.root.handlers and not _writes_elsewhere():
        options = {name: _basic[name] for name in ("format", "datefmt", "style") if isinstance(_basic.get(name), str)}
        facts["basic"] = dict(options, stream="stdout" if _is_stdout(_basic.get("stream")) else "stderr")
    levels = {name: level for name, level in _levels().items() if _start.get("levels", {}).get(name) != level}
    if levels:
        facts["levels"] = levels
    return facts


def _writes_elsewhere():
    stream = _basic.get("stream")
    is_standard = stream is None or _is_stdout(stream) or stream in (sys.stderr, sys.__stderr__)
    return bool(_basic.get("filename") or _basic.get("handlers")) or not is_standard


def _is_stdout(stream):
    return stream is not None and stream in (sys.stdout, sys.__stdout__)


def _libraries(text):
    """Return ({module: facts}, names): imported libraries whose settings differ from their defaults.

    `names` are libraries whose settings can't be read.
    """
    recorded, unreadable = {}, []
    for name, record in sorted(_RECORDERS.items()):
        module = sys.modules.get(name)
        # A partially imported module lacks the attributes read here.
        if getattr(module, "__version__", None) is None:
            continue
        try:
            facts = record(module, text)
        # Very old or very new versions may lack these attributes, or raise anything.
        except Exception:
            unreadable.append(name)
            continue
        if facts:
            recorded[name] = facts
    return recorded, unreadable


def _matplotlib(matplotlib, _text):
    facts: dict = {}
    with warnings.catch_warnings():
        # Reading deprecated settings causes warnings.
        warnings.simplefilter("ignore")
        current, defaults = dict(matplotlib.rcParams), matplotlib.rcParamsDefault
        settings = {
            name: _plain(current[name]) for name in current if name in defaults and current[name] != defaults[name]
        }
    settings = {
        name: value for name, value in settings.items() if not name.startswith(_OF_A_SCREEN) and _is_json(value)
    }
    if settings:
        facts["settings"] = settings
    backend = str(matplotlib.get_backend()).lower()
    if backend in _DRAWS_FILES:
        facts["backend"] = backend
    return facts


def _plain(value):
    """Return a matplotlib setting as a JSON value; a cycle of styles as the text that matplotlib parses."""
    return str(value) if type(value).__name__ == "Cycler" else value


def _numpy(numpy, _text):
    facts = {"errors": _changed(numpy.geterr(), _NUMPY_ERRORS), "print": {}}
    facts["print"] = _changed(numpy.get_printoptions(), _NUMPY_PRINT)
    return {name: values for name, values in facts.items() if values}


def _pandas(pandas, text):
    names = {called or assigned for called, assigned in _PANDAS_OPTION.findall(text)}
    options = {name: value for name, value in ((name, _option(pandas, name)) for name in sorted(names)) if value != ""}
    facts: dict = {"options": options} if options else {}
    if hasattr(pandas.DataFrame, "progress_apply") and "tqdm" in sys.modules:
        facts["progress"] = True
    return facts


def _option(pandas, name):
    """Return the value of a pandas option, or "" if it does not exist or has no JSON form."""
    try:
        value = pandas.get_option(name)
    except (KeyError, AttributeError):
        return ""
    return value if _is_json(value) else ""


def _sklearn(sklearn, _text):
    return _changed(sklearn.get_config(), _SKLEARN) if hasattr(sklearn, "get_config") else {}


def _torch(torch, text):
    facts: dict = {}
    if "set_num_threads(" in text:
        facts["threads"] = torch.get_num_threads()
    if torch.get_default_dtype() != torch.float32:
        facts["dtype"] = str(torch.get_default_dtype()).split(".")[-1]
    if not torch.is_grad_enabled():
        facts["grad"] = False
    if getattr(torch, "are_deterministic_algorithms_enabled", bool)():
        facts["deterministic"] = True
    return facts


_RECORDERS = {"matplotlib": _matplotlib, "numpy": _numpy, "pandas": _pandas, "sklearn": _sklearn, "torch": _torch}


def _is_json(value):
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _lost(text):
    """Return a description of each change to the process that can't be restored."""
    lost = [description for pattern, description in _NAMED if pattern.search(text)]
    if _basic and _writes_elsewhere() and "handlers of logging" not in lost:
        lost.append("handlers of logging")
    if "loguru" in sys.modules and re.search(r"\blogger\.(?:add|configure)\(", text):
        lost.append("sinks of loguru")
    before = _start.get("environ", os.environ)
    quoted = [name for name in os.environ if "'{}'".format(name) in text or '"{}"'.format(name) in text]
    changed = [name for name in quoted if os.environ[name] != before.get(name)]
    if changed:
        lost.append("the environment variables " + ", ".join(sorted(changed)))
    return lost
