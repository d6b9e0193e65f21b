"""Has Python find the text of the notebook's functions again: a pickle has their code, and not their source.

The script that the build wrote of the notebook has each cell as it was run.
"""

import linecache
import os
import re

from nb_scorer.common import paths

_CELL = re.compile(r"^# %% \[(\d+)\] .*\n", re.MULTILINE)


def give(app_root, notebook):
    """Put the cells of `notebook`, its path in the repository, into linecache; without the script, nothing."""
    path = os.path.join(app_root, paths.BUILD, paths.MODEL_SCRIPT)
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as file:
        parts = _CELL.split(file.read())
    for number, rest in zip(parts[1::2], parts[2::2]):
        text = rest.partition("\n\n\n# %% ")[0].rstrip("\n") + "\n"
        name = f"{notebook} cell [{number}]"
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
