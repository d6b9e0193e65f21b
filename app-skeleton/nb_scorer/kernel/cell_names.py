"""Names a cell's code by its notebook and number, as tracebacks and pickles will show it.

ipykernel's own name is a path in a folder named by the kernel's pid: it tells a reader nothing, and no two builds
have the same.
"""


def install(shell, notebook):
    """Name the code of the cells that the IPython `shell` compiles from now on "model.ipynb cell [3]"."""
    # IPython before 7.23 has no such method; its names are "<ipython-input-3-...>", which serve as well.
    if hasattr(shell.compile, "get_code_name"):
        shell.compile.get_code_name = lambda raw, transformed, number: "{} cell [{}]".format(notebook, number)
