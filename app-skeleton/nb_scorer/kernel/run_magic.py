"""`%run other.ipynb` as in Jupyter. IPython needs nbformat for it, which a notebook's environment lacks."""

import contextlib
import io
import json
import os
import sys


def install(shell):
    """Make `%run` of the IPython `shell` run a notebook's code cells in the current notebook's namespace."""
    # Imported here, because the builder imports this module, too, and doesn't need it.
    from IPython.utils.syspathcontext import prepended_to_syspath

    run_script = shell.safe_execfile_ipy

    def run(fname, shell_futures=False, raise_exceptions=False):
        __tracebackhide__ = True  # for IPython: hides our frames from the author
        path = os.path.abspath(os.path.expanduser(str(fname)))
        if not path.endswith(".ipynb"):
            run_script(fname, shell_futures=shell_futures, raise_exceptions=raise_exceptions)
            return
        folder = os.path.dirname(path)
        with prepended_to_syspath(folder):
            for position, source in sources(path):
                # With the __future__ flags; without them, IPython uses another compiler, which names code differently.
                with _named(shell, "{} cell {} of the file".format(fname, position)):
                    result = shell.run_cell(source, silent=True, shell_futures=True)
                if not result.success:
                    print("The error is in cell {} of the file {}, which this cell runs.".format(position, fname))
                    # Raised in any case: otherwise, the build would save a state that the rest of the file should have
                    # changed.
                    result.raise_error()
        if folder not in sys.path and _imported_from(folder):
            # The service searches only the folders on the path after the last cell (see runtime_paths).
            sys.path.append(folder)

    shell.safe_execfile_ipy = run


def _imported_from(folder):
    """Return whether a loaded module's file is in `folder`."""
    # During %run, the notebook itself, __main__, has the file's name.
    modules = [module for name, module in list(sys.modules.items()) if name != "__main__"]
    files = [getattr(module, "__file__", None) for module in modules]
    return any(os.path.abspath(file).startswith(os.path.join(folder, "")) for file in files if file)


@contextlib.contextmanager
def _named(shell, name):
    """Make `shell` use this `name` for code that it compiles, if it can (see cell_names)."""
    previous = getattr(shell.compile, "get_code_name", None)
    if previous is None:
        yield
        return
    shell.compile.get_code_name = lambda raw, transformed, number: name
    try:
        yield
    finally:
        shell.compile.get_code_name = previous


def sources(path):
    """Yield (position in the file, source) of each code cell of a notebook of format 3 or 4."""
    with io.open(path, encoding="utf-8-sig") as file:
        notebook = json.load(file)
    cells = (
        notebook["cells"]
        if "cells" in notebook
        else [cell for sheet in notebook.get("worksheets", ()) for cell in sheet["cells"]]
    )
    for position, cell in enumerate(cells, 1):
        if cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            yield position, source if isinstance(source, str) else "".join(source)
