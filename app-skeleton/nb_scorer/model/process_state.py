"""Sets again in a scorer what a notebook did to its process: the facts that state_record has kept.

What the standard library is to do comes before the model is loaded; each library is set when it has been imported, be
that with the model or in the middle of a prediction. What can't be set here is said in the log.
"""

import decimal
import functools
import locale
import logging
import socket
import sys
import warnings

from nb_scorer.common import import_hooks

VERSION = 1


def before_load(state):
    """Set the standard library, and have libraries set as they are imported; `state` is of the manifest, or None."""
    if not _is_known(state):
        return
    if "recursion_limit" in state:
        sys.setrecursionlimit(state["recursion_limit"])
    if "socket_timeout" in state:
        socket.setdefaulttimeout(state["socket_timeout"])
    for name, value in state.get("locale", {}).items():
        _said("locale", _set_locale, name, value)
    for name, value in state.get("decimal", {}).items():
        setattr(decimal.getcontext(), name, value)
    _set_logging(state.get("logging", {}))
    _set_filters(state)
    waiting: dict = {}
    for name, facts in state.get("libraries", {}).items():
        if name in sys.modules:
            _said(name, _LIBRARIES[name], facts)
        else:
            waiting[name] = functools.partial(_run_and_set, waiting, _LIBRARIES[name], facts)
    if waiting:
        import_hooks.around(waiting)


def after_load(state):
    """Put the notebook's filters of warnings in front again: what was imported with the model has put its own there."""
    if _is_known(state):
        _set_filters(state)


def _is_known(state):
    return bool(state) and state.get("version") == VERSION


def loguru_logger():
    """Return loguru's one logger: what a pickle has in its place."""
    from loguru import logger

    return logger


def _run_and_set(waiting, function, facts, run, module):
    """Run a module that was waited for, and set in it, this once, what the notebook had set."""
    run(module)
    del waiting[module.__name__]
    _said(module.__name__, function, facts)


def _said(what, function, *facts):
    """Call `function`; what it can't do in this process is said, and no reason not to serve."""
    try:
        function(*facts)
    # Libraries raise whatever they like, and an older one may lack what is asked of it.
    except Exception as wrong:
        words = "{}: {}".format(type(wrong).__name__, wrong)
        sys.stderr.write("What the notebook set of {} can't be set here ({}).\n".format(what, words))


def _set_locale(name, value):
    locale.setlocale(getattr(locale, name), value)


def _set_filters(state):
    """Put the filters in front whose categories are known by now: of a library that is not imported, nothing warns."""
    for one in reversed(state.get("warnings", [])):
        module, name = one["category"].split(":")
        category = getattr(sys.modules.get(module), name, None)
        if category is not None:
            warnings.filterwarnings(one["action"], one["message"], category, one["module"], one["line"])


def _set_logging(facts):
    if "basic" in facts:
        wanted = dict(facts["basic"])
        logging.basicConfig(**dict(wanted, stream=getattr(sys, wanted["stream"])))
    if "level" in facts:
        logging.root.setLevel(facts["level"])
    for name, level in facts.get("levels", {}).items():
        logging.getLogger(name).setLevel(level)


def _set_matplotlib(facts):
    import matplotlib as mpl

    if "backend" in facts:
        mpl.use(facts["backend"])
    mpl.rcParams.update(facts.get("settings", {}))


def _set_numpy(facts):
    import numpy as np

    np.seterr(**facts.get("errors", {}))
    np.set_printoptions(**facts.get("print", {}))


def _set_pandas(facts):
    import pandas as pd

    for name, value in facts.get("options", {}).items():
        pd.set_option(name, value)
    if facts.get("progress"):
        from tqdm import tqdm

        tqdm.pandas()


def _set_sklearn(facts):
    import sklearn

    sklearn.set_config(**facts)


def _set_torch(facts):
    import torch

    if "threads" in facts:
        torch.set_num_threads(facts["threads"])
    if "dtype" in facts:
        torch.set_default_dtype(getattr(torch, facts["dtype"]))
    if "grad" in facts:
        torch.set_grad_enabled(facts["grad"])
    if "deterministic" in facts:
        torch.use_deterministic_algorithms(facts["deterministic"])


_LIBRARIES = {
    "matplotlib": _set_matplotlib,
    "numpy": _set_numpy,
    "pandas": _set_pandas,
    "sklearn": _set_sklearn,
    "torch": _set_torch,
}
