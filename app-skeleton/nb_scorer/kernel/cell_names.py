"""Names a cell's code after its notebook and number, for tracebacks and pickles.

ipykernel's own name is a path that contains the kernel's pid: it means nothing to a reader and differs in each build.
"""


def install(shell, notebook):
    """Name the code of cells that `shell` compiles from now on, as in "model.ipynb cell [3]"."""
    # IPython before 7.23 lacks this method; its names, "<ipython-input-3-...>", are acceptable.
    if hasattr(shell.compile, "get_code_name"):
        shell.compile.get_code_name = lambda raw, transformed, number: "{} cell [{}]".format(notebook, number)
