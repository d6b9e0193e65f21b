"""Calls of libraries that download data sets."""

import pytest
from nb_builder.analysis import downloads
from nb_builder.common.cell import Cell


def found(*sources):
    cells = [Cell(source, number, number) for number, source in enumerate(sources, start=1)]
    return [(each.function, each.host, each.cell.number) for each in downloads.find(cells)]


@pytest.mark.parametrize(
    ("source", "function", "host"),
    [
        ("import seaborn as sns\nsns.load_dataset('iris')", "seaborn.load_dataset", "raw.githubusercontent.com"),
        (
            "from sklearn.datasets import fetch_openml\nx = fetch_openml('mnist_784')",
            "sklearn.datasets.fetch_openml",
            "openml.org, figshare.com or scikit-learn.org",
        ),
        (
            "from tensorflow import keras\n(a, b), c = keras.datasets.mnist.load_data()",
            "tensorflow.keras.datasets.mnist.load_data",
            "storage.googleapis.com",
        ),
        ("import nltk\nnltk.download('punkt')", "nltk.download", "raw.githubusercontent.com"),
        ("get_ipython().system('wget -q https://data.example.org/a.csv')", "wget", "data.example.org"),
        ("x = get_ipython().getoutput('curl http://u:p@data.example.org:80/a')", "curl", "data.example.org"),
    ],
)
def test_a_function_that_downloads_is_named_with_its_host(source, function, host):
    assert found("x = 1", source, source) == [(function, host, 2)]


@pytest.mark.parametrize(
    "source",
    [
        "from sklearn import datasets\ndatasets.load_iris()",
        "from torchvision import datasets\ndatasets.ImageFolder('photos')",
        "load_dataset('iris')",
        "get_ipython().system('wget --version')",
        "get_ipython().system('unzip a.zip')",
        "import seaborn_load as sns\nsns.load_dataset('iris')",
    ],
)
def test_data_that_a_package_ships_need_no_network(source):
    assert found(source) == []
