"""What a kernel does beyond Jupyter; what needs a running kernel is tested by test_execute."""

import subprocess
import sys

import pytest
from nb_scorer.kernel import ipython_hooks

THREADS = """
import sys, threading, types
from nb_scorer.kernel import ipython_hooks
shown = []
{watch}
def run(target):
    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
run(lambda: 1 / 0)
run(sys.exit)
run(list)
print([told[0].__name__ for told in shown])
"""

LIBRARY = """
import queue, sys, threading, types
from nb_scorer.kernel import ipython_hooks
shown = []
{watch}
def mine():
    queue.Queue().get(timeout=-1)
for target in (mine, queue.Queue(1).get):
    for daemon in (True, False):
        thread = threading.Thread(target=target, kwargs={{}} if target is mine else {{"timeout": -1}}, daemon=daemon)
        thread.start()
        thread.join()
        print(len(shown), end=" ")
"""

PLOTS = """
import os, sys
os.environ["MPLBACKEND"] = "module://inline"
from nb_scorer.kernel import ipython_hooks
ipython_hooks._plot_inline()
import {module}
print(os.environ.get("MPLBACKEND"), getattr({module}, "backend", None))
"""

# Since Python 3.14, every thread is in this state until something sets a loop.
NO_LOOP = """
import asyncio
from nb_scorer.kernel import ipython_hooks
asyncio.set_event_loop(None)
ipython_hooks._watch_tasks(None)
print(asyncio.get_event_loop().get_exception_handler().__name__)
"""


def run(program, **kwargs):
    return subprocess.check_output([sys.executable, "-c", program], text=True, **kwargs).strip()


def test_a_thread_that_fails_is_shown_and_one_that_exits_is_not():
    assert (
        run(THREADS.format(watch="ipython_hooks._watch_threads(types.SimpleNamespace(showtraceback=shown.append))"))
        == "['ZeroDivisionError']"
    )


def test_so_it_is_on_pythons_without_a_hook():
    watch = "ipython_hooks._watch_started_threads(lambda *told: told[0] is not SystemExit and shown.append(told))"
    assert run(THREADS.format(watch=watch)) == "['ZeroDivisionError']"


def test_a_matplotlib_that_is_installed_later_is_reported_too(tmp_path):
    later = PLOTS.replace(
        "import {module}",
        "try:\n    import matplotlib\nexcept ImportError:\n    open('matplotlib.py', 'w').write({text!r})\n"
        "importlib = ipython_hooks.importlib; importlib.invalidate_caches()\nimport matplotlib",
    )
    text = "import os\nbackend = os.environ.get('MPLBACKEND')\n"
    assert run(later.format(module="matplotlib", text=text), cwd=tmp_path) == "None module://inline"


def test_a_librarys_own_helper_that_fails_is_only_printed():
    watch = "ipython_hooks._watch_threads(types.SimpleNamespace(showtraceback=shown.append))"
    assert run(LIBRARY.format(watch=watch), stderr=subprocess.DEVNULL) == "1 2 2 3"


def test_only_matplotlib_itself_is_reported_the_backend(tmp_path):
    (tmp_path / "matplotlib.py").write_text("import os\nbackend = os.environ.get('MPLBACKEND')\n")
    (tmp_path / "other.py").write_text("import os\nbackend = os.environ.get('MPLBACKEND')\n")
    assert run(PLOTS.format(module="matplotlib"), cwd=tmp_path) == "None module://inline"
    assert run(PLOTS.format(module="other"), cwd=tmp_path) == "None None"


class Shell:
    """IPython's shell where only one backend can be had."""

    def __init__(self, error):
        self.error = error
        self.enabled = []

    def enable_matplotlib(self, gui=None):
        if gui != "inline":
            raise self.error
        self.enabled.append(gui)


@pytest.mark.parametrize("error", [ImportError("no display"), RuntimeError("'widget' is not a backend")])
def test_plots_in_windows_are_inline_where_there_is_no_display(error, capsys):
    shell = Shell(error)
    ipython_hooks._do_without_display(shell)
    shell.enable_matplotlib("qt")
    assert shell.enabled == ["inline"]
    assert capsys.readouterr().out == "There is no display for '%matplotlib qt': plots are inline.\n"


@pytest.mark.parametrize("gui", ["qt", "inline", None])
def test_without_matplotlib_its_magic_has_no_effect_and_a_note(gui, capsys):
    shell = Shell(ImportError("No module named 'matplotlib'", name="matplotlib"))
    shell.enable_matplotlib = lambda gui: (_ for _ in ()).throw(shell.error)
    ipython_hooks._do_without_display(shell)
    assert shell.enable_matplotlib(gui) == (gui, "inline")
    assert capsys.readouterr().out == "'%matplotlib' has no effect: matplotlib is not installed.\n"


def test_tasks_are_watched_where_python_has_not_created_a_loop():
    assert run(NO_LOOP) == "show"
