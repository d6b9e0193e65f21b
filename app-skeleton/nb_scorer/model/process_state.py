"""Restores in a scorer the changes that a notebook made to its process, as recorded by record_process_state.

The standard library is configured before the model is loaded; every other library after its import, while the model is
loaded or later. Changes that can't be restored are logged.
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
    """Configure the standard library, and other libraries as they are imported; `state` is the manifest's, or None."""
    if not _is_known(state):
        return
    if "recursion_limit" in state:
        sys.setrecursionlimit(state["recursion_limit"])
    if "socket_timeout" in state:
        socket.setdefaulttimeout(state["socket_timeout"])
    for name, value in state.get("locale", {}).items():
        _try_to_set("locale", _set_locale, name, value)
    for name, value in state.get("decimal", {}).items():
        setattr(decimal.getcontext(), name, value)
    _set_logging(state.get("logging", {}))
    _set_filters(state)
    pending: dict = {}
    for name, facts in state.get("libraries", {}).items():
        if name in sys.modules:
            _try_to_set(name, _LIBRARIES[name], facts)
        else:
            pending[name] = functools.partial(_run_and_set, pending, _LIBRARIES[name], facts)
    if pending:
        import_hooks.around(pending)


def after_load(state):
    """Move the notebook's warning filters to the front again, because the model's imports have added their own."""
    if _is_known(state):
        _set_filters(state)


def _is_known(state):
    return bool(state) and state.get("version") == VERSION


def loguru_logger():
    """Return loguru's single logger; a pickle contains a call of this function in its place."""
    from loguru import logger

    return logger


def _run_and_set(pending, set_up, facts, run, module):
    """Run a `pending` module, then restore in it, once, the notebook's settings."""
    run(module)
    del pending[module.__name__]
    _try_to_set(module.__name__, set_up, facts)


def _try_to_set(subject, function, *facts):
    """Call `function`; if it fails, log that and continue, because the service can still work."""
    try:
        function(*facts)
    # Libraries may raise anything, and older ones may lack the function.
    except Exception as error:
        reason = "{}: {}".format(type(error).__name__, error)
        sys.stderr.write("The notebook's settings of {} can't be applied ({}).\n".format(subject, reason))


def _set_locale(name, value):
    locale.setlocale(getattr(locale, name), value)


def _set_filters(state):
    """Add the filters whose categories exist by now: a library that is not imported can't warn."""
    for entry in reversed(state.get("warnings", [])):
        module, name = entry["category"].split(":")
        category = getattr(sys.modules.get(module), name, None)
        if category is not None:
            warnings.filterwarnings(entry["action"], entry["message"], category, entry["module"], entry["line"])


def _set_logging(facts):
    if "basic" in facts:
        options = dict(facts["basic"])
        logging.basicConfig(**dict(options, stream=getattr(sys, options["stream"])))
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
