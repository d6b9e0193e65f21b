"""`%run other.ipynb` as in Jupyter: IPython reads notebooks with nbformat, which no environment of a notebook has."""

import contextlib
import io
import json
import os
import sys


def install(shell):
    """Let `%run` of the IPython `shell` run notebooks: the code cells of the file, in the notebook's own namespace."""
    # Here and not above: the builder imports this, too, and runs nothing by it.
    from IPython.utils.syspathcontext import prepended_to_syspath

    run_script = shell.safe_execfile_ipy

    def run(fname, shell_futures=False, raise_exceptions=False):
        __tracebackhide__ = True  # IPython looks for it: no frame of ours is the author's business
        path = os.path.abspath(os.path.expanduser(str(fname)))
        if not path.endswith(".ipynb"):
            run_script(fname, shell_futures=shell_futures, raise_exceptions=raise_exceptions)
            return
        folder = os.path.dirname(path)
        with prepended_to_syspath(folder):
            for position, source in sources(path):
                # With futures, which a compiler of its own has not: the names of the code are the shell's then.
                with _named(shell, "{} cell {} of the file".format(fname, position)):
                    result = shell.run_cell(source, silent=True, shell_futures=True)
                if not result.success:
                    print("The error is in cell {} of the file {}, which is run here.".format(position, fname))
                    # Always: a build that went on would save what the rest of the file was to correct.
                    result.raise_error()
        if folder not in sys.path and _imported_from(folder):
            # The service finds them only by what is on the path after the last cell (see runtime_paths).
            sys.path.append(folder)

    shell.safe_execfile_ipy = run


def _imported_from(folder):
    """Return whether a module that is loaded lies in `folder`."""
    # For the time of %run the notebook itself, __main__, has the file's name.
    modules = [module for name, module in list(sys.modules.items()) if name != "__main__"]
    files = [getattr(module, "__file__", None) for module in modules]
    return any(os.path.abspath(file).startswith(os.path.join(folder, "")) for file in files if file)


@contextlib.contextmanager
def _named(shell, name):
    """Have the IPython `shell` name the code that it compiles `name`, where it can be told to (see cell_names)."""
    before = getattr(shell.compile, "get_code_name", None)
    if before is None:
        yield
        return
    shell.compile.get_code_name = lambda raw, transformed, number: name
    try:
        yield
    finally:
        shell.compile.get_code_name = before


def sources(path):
    """Yield (place in the file, source) of each code cell of a notebook of format 3 or 4."""
    with io.open(path, encoding="utf-8-sig") as file:
        raw = json.load(file)
    held = raw["cells"] if "cells" in raw else [cell for sheet in raw.get("worksheets", ()) for cell in sheet["cells"]]
    for position, cell in enumerate(held, 1):
        if cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            yield position, source if isinstance(source, str) else "".join(source)
