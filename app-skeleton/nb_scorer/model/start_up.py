"""The notebook's `setup` and `teardown`, called once per scorer before its first sample and after its last.

`setup` creates objects that can't be pickled (a connection, a session, a lock) or belong on a device, and assigns them
to globals. These globals are left out of the pickle, and every process that loads the model creates its own.
"""

import contextlib
import inspect
import os
import sys
import types

NAMES = ("setup", "teardown")
_DEVICE = "device"


def find_functions(namespace):
    """Return ({name: function or None}, notes) for the notebook's own setup and teardown in `namespace`.

    Imported functions of these names, and a setup with arguments other than a device, don't count; the notes report
    that they are not called.
    """
    found, notes = dict.fromkeys(NAMES), []
    for name in NAMES:
        function = namespace.get(name)
        if not isinstance(function, types.FunctionType) or function.__globals__ is not namespace:
            continue
        if _can_be_called(name, function):
            found[name] = function
        else:
            notes.append(
                "{} needs arguments, so the service does not call it; it calls {}".format(
                    name, "setup() and setup(device)" if name == "setup" else "teardown()"
                )
            )
    return found, notes


def _can_be_called(name, function):
    try:
        inspect.signature(function).bind(*(("cpu",) if name == "setup" and takes_device(function) else ()))
    except TypeError:
        return False
    return True


def takes_device(function):
    """Return whether a setup takes the device that the model should use: its only parameter is `device`."""
    return list(inspect.signature(function).parameters) == [_DEVICE]


def device():
    """Return the device to pass to a setup: "cuda" if this process has access to a GPU, otherwise "cpu"."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return "cuda" if os.path.exists("/dev/nvidiactl") and not hidden else "cpu"


def call(function, await_result):
    """Call a setup or teardown; `await_result` returns its argument, awaited if it is a coroutine."""
    await_result(function(device()) if takes_device(function) else function())


def bound_globals(function):
    """Return the names of globals assigned by `function`, or by a notebook's function that it calls."""
    names: list = []
    seen: set = set()
    waiting = [function]
    while waiting:
        current = waiting.pop()
        if current.__code__ in seen:
            continue
        seen.add(current.__code__)
        for code in _codes(current.__code__):
            names.extend(name for name in _stored(code) if name not in names)
            for name in code.co_names:
                called = current.__globals__.get(name)
                if isinstance(called, types.FunctionType) and called.__globals__ is function.__globals__:
                    waiting.append(called)
    return names


def _codes(code):
    """Yield `code` and the code of the functions that are defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            for inner in _codes(constant):
                yield inner


def _stored(code):
    # Imported here, because a serving scorer doesn't need it.
    import dis

    return [step.argval for step in dis.get_instructions(code) if step.opname == "STORE_GLOBAL"]


@contextlib.contextmanager
def left_out(namespace, names):
    """Temporarily remove `names` from `namespace`, so that pickled functions don't refer to them."""
    kept = {name: namespace.pop(name) for name in names if name in namespace}
    try:
        yield
    finally:
        namespace.update(kept)
