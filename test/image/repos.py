"""Small repositories that image tests need alongside the fixtures."""

import json
from pathlib import Path

# Words of the first step of our Dockerfile: what lies below it is the base image.
FIRST_STEP = "libgomp1"

ECHO = "def predictor(x):\n    return x"

# A predictor that does what the sample asks, so that one image serves many questions.
WORKBENCH = """\
import getpass, os, subprocess, sys, time
built_with = os.environ.get("GREETING")
print("the notebook was built with", built_with)
%%
def predictor(x):
    if "sleep" in x:
        print("it sleeps", flush=True)
        time.sleep(x["sleep"])
        return "slept"
    if "print" in x:
        print(x["print"])
        return "printed"
    if "environ" in x:
        return os.environ.get(x["environ"])
    if "raise" in x:
        raise RuntimeError(x["raise"])
    if "exit" in x:
        os._exit(x["exit"])
    if "start" in x:
        subprocess.Popen(["sh", "-c", x["start"]])
        return "started"
    if "write" in x:
        with open(x["write"], "w") as file:
            file.write("written")
        return "written"
    if "who" in x:
        return [getpass.getuser(), os.path.expanduser("~"), os.getuid()]
    return [built_with, x]
%%
examples = [{"say": 1}]
"""


def notebook(*cells: str) -> str:
    """Return the text of a notebook with these code cells."""
    rows = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": text,
        }
        for number, text in enumerate(cells, 1)
    ]
    about = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": rows, "metadata": about, "nbformat": 4, "nbformat_minor": 5}, ensure_ascii=False)


def write(folder: Path, cells: str, **files: str) -> Path:
    """Write a repository with a model.ipynb of `cells`, separated by lines of %%, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.ipynb").write_text(notebook(*cells.split("%%\n")), encoding="utf-8")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
