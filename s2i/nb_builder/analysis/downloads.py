"""Finds library calls that download data sets; a build needs network access for them, or a copy of the data."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Download:
    """A call that downloads data: the function's full name, the source, and the cell."""

    function: str
    host: str
    cell: Cell


def find(cells: Sequence[Cell]) -> list[Download]:
    """Return the functions that download data, each once, in cell order."""
    imports: dict[str, str] = {}
    found: dict[str, Download] = {}
    for binding in notebook_contract.unfolded(cells)[0]:
        for node in ast.walk(binding.statement):
            imports.update(imported(node))
            name = dotted(node.func, imports) if isinstance(node, ast.Call) else ""
            host = _host(name)
            if host and name not in found:
                found[name] = Download(name, host, binding.cell)
    return list(found.values())


def _host(name: str) -> str | None:
    if not name or name.endswith(_LOCAL):
        return None
    return next((host for start, host in HOSTS.items() if name == start or _begins(name, start)), None)


def _begins(name: str, start: str) -> bool:
    return start[-1] in "._" and name.startswith(start)
