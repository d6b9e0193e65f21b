"""Finds library calls and commands that download data; a build needs network access for them, or a copy of the data."""

import ast
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from nb_builder.analysis import notebook_contract
from nb_builder.analysis.removed_apis import dotted, imported
from nb_builder.common.cell import Cell

# {a function's full name, or a prefix that ends in a dot or underscore: the source of the download}
HOSTS = {
    "seaborn.load_dataset": "raw.githubusercontent.com",
    "sklearn.datasets.fetch_": "openml.org, figshare.com or scikit-learn.org",
    "keras.datasets.": "storage.googleapis.com",
    "tensorflow.keras.datasets.": "storage.googleapis.com",
    "tensorflow_datasets.load": "storage.googleapis.com",
    "torchvision.datasets.": "the data set's own site",
    "datasets.load_dataset": "huggingface.co",
    "transformers.": "huggingface.co",
    "spacy.cli.download": "github.com",
    "nltk.download": "raw.githubusercontent.com",
    "gensim.downloader.load": "github.com",
    "statsmodels.api.datasets.get_rdataset": "raw.githubusercontent.com",
    "vega_datasets.data": "raw.githubusercontent.com",
    "yfinance.": "query1.finance.yahoo.com",
    "pandas_datareader.": "the data's own site",
    "kagglehub.": "kaggle.com",
    "opendatasets.download": "kaggle.com",
    "ucimlrepo.fetch_ucirepo": "archive.ics.uci.edu",
}
# Functions with a matching name that only read or generate data.
_LOCAL = ("datasets.ImageFolder", "datasets.DatasetFolder", "datasets.FakeData", "sklearn.datasets.fetch_mldata")


# {program: its options whose argument is the name of the downloaded file}
_PROGRAMS = {"wget": ("-O", "--output-document"), "curl": ("-o", "--output")}
_SHELL = ("get_ipython().system", "get_ipython().getoutput")
_OF_URL = re.compile(r"(?:https?|ftp)://")


@dataclass(frozen=True)
class Command:
    """A command that downloads a file: the program, the host, and the name of the file."""

    program: str
    host: str
    file: str


def of_command(command: str) -> Command | None:
    """Return the download of a `wget` or `curl` command, as in `wget URL -O FILE`; None for any other command."""
    try:
        arguments = shlex.split(command)
    except ValueError:
        return None
    program = next((argument for argument in arguments if argument in _PROGRAMS), "")
    url = next((urlsplit(argument) for argument in arguments if _OF_URL.match(argument)), None)
    if not program or url is None or not url.hostname:
        return None
    file = next(_outputs(arguments, *_PROGRAMS[program]), url.path)
    return Command(program, url.hostname, PurePosixPath(file).name)


def _outputs(arguments: Sequence[str], short: str, long: str) -> Iterator[str]:
    """Yield the files that the output options of a command or a redirection name, as in `-qO a.csv` and `> a.csv`."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if re.fullmatch(rf"-\w*{short[1]}|{long}|>", argument):
            yield following
        elif argument.startswith(f"{long}="):
            yield argument.partition("=")[2]


@dataclass(frozen=True)
class Download:
    """A call that downloads data: the function's full name or the program, the source, and the cell."""

    function: str
    host: str
    cell: Cell


def find(cells: Sequence[Cell]) -> list[Download]:
    """Return the functions and commands that download data, each once, in cell order."""
    imports: dict[str, str] = {}
    found: dict[str, Download] = {}
    for binding in notebook_contract.unfolded(cells)[0]:
        for node in ast.walk(binding.statement):
            imports.update(imported(node))
            name = dotted(node.func, imports) if isinstance(node, ast.Call) else ""
            host = _host(name)
            if host and name not in found:
                found[name] = Download(name, host, binding.cell)
            if command := of_command(_command(node)):
                name = f"{command.program} {command.host}"
                found.setdefault(name, Download(command.program, command.host, binding.cell))
    return list(found.values())


def _command(node: ast.AST) -> str:
    """Return the command that IPython runs for a line such as `!wget URL`; "" for any other node."""
    if not isinstance(node, ast.Call) or ast.unparse(node.func) not in _SHELL or not node.args:
        return ""
    command = node.args[0]
    return command.value if isinstance(command, ast.Constant) and isinstance(command.value, str) else ""


def _host(name: str) -> str | None:
    if not name or name.endswith(_LOCAL):
        return None
    return next((host for start, host in HOSTS.items() if name == start or _begins(name, start)), None)


def _begins(name: str, start: str) -> bool:
    return start[-1] in "._" and name.startswith(start)
