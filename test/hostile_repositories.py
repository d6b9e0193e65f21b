"""Repositories of somebody hostile: what they name would leave a canary, be read, or take for ever.

`make(name, folder, canary)` writes one into `folder`; `canary` is a program that leaves a file alongside itself.
"""

import json
import os
import subprocess
from pathlib import Path

CELLS = ("requirements = []", "def predictor(x):\n    return x", "predictor(1)")


def notebook(*cells: str, **metadata: object) -> str:
    """Return the text of a notebook with these cells."""
    shown = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {},
            "source": cell,
            "outputs": [],
            "execution_count": None,
        }
        for number, cell in enumerate(cells)
    ]
    return json.dumps({"cells": shown, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def _files(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o755)


def _git(folder: Path, config: str) -> None:
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    own = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgSign=false"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run(["git", *own, *words], cwd=folder, env=environ, check=True, capture_output=True)
    (folder / ".git" / "config").write_text(f"[core]\nrepositoryformatversion = 1\n{config}\n")


def _of_git(folder: Path, canary: Path) -> None:
    script = f"#!/bin/sh\nexec {canary}\n"
    _files(folder, {"m.ipynb": notebook(*CELLS), ".gitattributes": "* filter=x diff=x merge=x\n"})
    _git(
        folder,
        f'fsmonitor = "{canary}"\nhooksPath = hooks\npager = "{canary}"\nsshCommand = "{canary}"\n'
        f'[filter "x"]\nclean = "{canary}"\nprocess = "{canary}"\n[log]\nshowSignature = true\n'
        f'[gpg]\nprogram = "{canary}"\n'
        f'[extensions]\npartialClone = origin\n[remote "origin"]\nurl = "ext::{canary}"\npromisor = true\n'
        f'uploadpack = "{canary}"\n[protocol]\nallow = always\n[alias]\nlog = "!{canary}"\n'
        f'config = "!{canary}"\nrev-parse = "!{canary}"\nstatus = "!{canary}"\n[include]\npath = more\n',
    )
    # All others that git's documentation has, in a file of their own.
    programs = {
        "core": ("editor", "askPass", "gitProxy", "alternateRefsCommand"),
        "diff": ("external",),
        'diff "x"': ("command", "textconv"),
        'merge "x"': ("driver",),
        "sequence": ("editor",),
        'gpg "ssh"': ("program", "defaultKeyCommand"),
        'gpg "x509"': ("program",),
        'trailer "x"': ("command", "cmd"),
        "uploadpack": ("packObjectsHook",),
        "credential": ("helper",),
        "interactive": ("diffFilter",),
        'remote "origin"': ("receivepack", "vcs", "proxy"),
        'difftool "x"': ("cmd",),
        'tar "tar.gz"': ("command",),
        'submodule "x"': ("update",),
        "pager": ("log", "status", "config"),
        "ssh": ("variant",),
    }
    bang = {"update": "!"}
    lines = [
        line
        for section, names in programs.items()
        for line in (f"[{section}]", *(f'{name} = "{bang.get(name, "")}{canary}"' for name in names))
    ]
    (folder / ".git" / "more").write_text("\n".join(lines) + "\n")
    hooks = ("post-index-change", "reference-transaction", "pre-commit", "post-checkout", "fsmonitor-watchman")
    for place in ("hooks", ".git/hooks"):
        _files(folder, {f"{place}/{name}": script for name in hooks})
    (folder / "m.ipynb").write_text(notebook(*CELLS, "1"))


def _of_pip(folder: Path, canary: Path) -> None:
    runs = f"import os\nos.system('{canary}')\n"
    _files(
        folder,
        {
            "m.ipynb": notebook(*CELLS, "import helper, numpy"),
            "requirements.txt": "-e .\n./lib\nnumpy @ file:./lib\n",
            "setup.py": runs,
            "conftest.py": runs,
            "sitecustomize.py": runs,
            "usercustomize.py": runs,
            "json.py": runs,
            "helper.py": runs,
            "numpy/__init__.py": runs,
            **{f"{name}.py": runs for name in ("argparse", "csv", "email", "ensurepip", "re", "runpy", "venv")},
            "nb_builder/__init__.py": runs,
            "lib/setup.py": runs,
            "lib/pyproject.toml": '[build-system]\nrequires = []\nbackend-path = ["."]\nbuild-backend = "setup"\n',
            "uv.toml": f'find-links = ["{folder}"]\n[pip]\nbreak-system-packages = true\n',
            "setup.cfg": "[options]\nsetup_requires = evil\nversion = attr: helper.VERSION\n",
            "evil.pth": f"import os; os.system('{canary}')\n",
            "pyproject.toml": f'[tool.uv]\nfind-links = ["{folder}"]\n[project]\nname = "a"\n'
            'dynamic = ["version", "dependencies"]\n[build-system]\nrequires = ["evil @ file:./lib"]\n'
            'build-backend = "setup"\nbackend-path = ["."]\n',
            "pip.conf": "[global]\nindex-url = https://127.0.0.1:1/simple\n",
            ".s2i/environment": f"PYTHONSTARTUP={folder}/setup.py\nPYTHONPATH={folder}\n"
            f"PIP_CONFIG_FILE={folder}/pip.conf\n",
        },
    )


def _of_shells(folder: Path, canary: Path) -> None:
    programs = ("python", "python3", "python3.11", "git", "uv", "bash", "sh", "make", "jupyter", "basename", "env")
    script = f"#!/bin/sh\nexec {canary}\n"
    _files(
        folder,
        {
            "m.ipynb": notebook(
                *CELLS, "!./evil.sh", "%run evil.py", "%%bash\n./evil.sh", "get_ipython().system('./evil.sh')"
            ),
            "evil.py": f"import os\nos.system('{canary}')\n",
            "evil.sh": script,
            **dict.fromkeys(("Makefile", "GNUmakefile", "makefile"), f"all:\n\t{canary}\n$(shell {canary})\n"),
            ".envrc": str(canary),
            ".s2i/bin/assemble": script,
            ".s2i/environment": f"BASH_ENV={canary}\nENV={canary}\nPATH={folder}/bin\nLD_PRELOAD={canary}\n"
            f"S2I_PYTHON=3.11\nNB_BUILDER_HOME={folder}\nGIT_SSH_COMMAND={canary}\nGIT_EXTERNAL_DIFF={canary}\n",
            **{f"bin/{name}": script for name in programs},
            **{f"build/bin/{name}": script for name in programs},
        },
    )


def _of_jupyter(folder: Path, canary: Path) -> None:
    spec = json.dumps({"argv": [str(canary)], "display_name": "k", "language": "python"})
    kernel = {"name": str(folder / "kern"), "display_name": "k", "language": "python"}
    _files(
        folder,
        {
            "m.ipynb": notebook("def predictor(x):\n    return x", "import numpy", kernelspec=kernel),
            "kern/kernel.json": spec,
            "kernels/kern/kernel.json": spec,
            ".ipython/profile_default/startup/a.py": f"import os\nos.system('{canary}')\n",
            **{
                f"{place}{name}.py": f"import os\nos.system('{canary}')\n"
                for place in ("", ".jupyter/", ".ipython/profile_default/")
                for name in (
                    *("jupyter_config", "ipython_config", "jupyter_server_config", "jupyter_nbconvert_config"),
                    *("ipython_kernel_config", "jupytext_config", ".jupytext", "jupyter_notebook_config"),
                )
            },
            "postBuild": f"#!/bin/sh\nexec {canary}\n",
        },
    )


def _of_computed_requirements(folder: Path, canary: Path) -> None:
    _files(folder, {"m.ipynb": notebook(f"import os\nrequirements = [os.popen('{canary}').read()]", *CELLS[1:])})


def _of_definitions(folder: Path, canary: Path) -> None:
    runs = f"import os\n        os.system('{canary}')\n        return 1\n"
    methods = "".join(f"    def {name}(*_):\n        {runs}" for name in ("__getattr__", "__getattribute__", "__del__"))
    module = "".join(f"if True:\n    def {name}(*_):\n        {runs}" for name in ("__getattr__", "__build_class__"))
    cell = f"class A:\n{methods}a = A()\nb = a.x\nimport evil as __builtins__\nfrom evil import y\nclass B:\n    pass\n"
    _files(
        folder,
        {
            "m.ipynb": notebook(
                "requirements = []", cell, "def predictor(x):\n    return b.predict([x])", "predictor(1)"
            ),
            "evil.py": module,
        },
    )


STARTING = {
    "definitions": _of_definitions,
    "git": _of_git,
    "pip": _of_pip,
    "shells and make": _of_shells,
    "jupyter": _of_jupyter,
    "computed requirements": _of_computed_requirements,
}

# What would take for ever, or end in a traceback.
LONG = {
    "a large number": {"m.ipynb": notebook("requirements = [0x" + "f" * 20_000 + "]", *CELLS[1:])},
    "many spaces": {"m.ipynb": notebook(*CELLS), "requirements.txt": "a==1" + " " * 100_000 + "x"},
    "a long name and many spaces": {"m.ipynb": notebook(*CELLS), "requirements.txt": "a" * 50_000 + " " * 50_000 + "x"},
    "many lines": {"m.ipynb": notebook(*CELLS), "requirements.txt": "".join(f"a{n}==1\n" for n in range(60_000))},
    "many paths": {"m.ipynb": notebook(*CELLS), "requirements.txt": "./x\n" * 60_000},
    "many brackets": {"m.ipynb": notebook(*CELLS), "requirements.txt": "a" + "[" * 100_000},
    "many continuations": {"m.ipynb": notebook(*CELLS), "requirements.txt": "a \\\n" * 100_000},
    "a long cell": {"m.ipynb": notebook(*CELLS, "x = 1\n" * 300_000)},
    "a long cell without predictor": {"m.ipynb": notebook("import numpy", "x = 1\n" * 300_000)},
    "a deep cell": {"m.ipynb": notebook(*CELLS, "x = " + "(" * 5_000 + ")" * 5_000)},
    "a deep sum": {"m.ipynb": notebook(*CELLS, "x = " + "1+" * 50_000 + "1")},
    "a long name of the notebook": {
        "m.ipynb": notebook(*CELLS),
        ".s2i/environment": "S2I_SOURCE_NOTEBOOK=m" + "9" * 5_000,
    },
    "long paths of data": {
        "m.ipynb": notebook(*CELLS, f"open('{'9' * 300}')\npd.read_csv('{'a/' * 3_000}b.csv')\nload('a\\0\\ud800.csv')")
    },
    "long names in cells": {"m.ipynb": notebook(*CELLS, f"import a{'9' * 300}.b, a.{'b' * 5_000}\n%run {'9' * 300}")},
    "a long path": {"m.ipynb": notebook(*CELLS), "requirements.txt": "./" + "9" * 300},
    "a long name of an included file": {"m.ipynb": notebook(*CELLS), "requirements.txt": "-r " + "9" * 300},
    "deep JSON": {"m.ipynb": "[" * 100_000},
    "deep TOML": {"m.ipynb": notebook(*CELLS), "pyproject.toml": "a = " + "[" * 100_000},
    "deep YAML": {"m.ipynb": notebook(*CELLS), "environment.yml": "a: " + "[" * 100_000},
}
