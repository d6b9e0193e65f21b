"""The line that a user is advised to add must name packages that can be installed."""

import importlib.metadata

import pytest
from nb_builder.platforms.catalog import MODULES
from nb_builder.requirements import import_names
from nb_builder.requirements.import_names import PROVIDED_BY, SAME, providing
from packaging.utils import canonicalize_name


@pytest.mark.parametrize(
    ("module", "distribution"),
    [("sklearn", "scikit-learn"), ("cv2", "opencv-python-headless"), ("yaml", "pyyaml"), ("numpy", "numpy")],
)
def test_a_module_is_provided_by(module, distribution):
    assert providing(module) == distribution


@pytest.mark.parametrize(
    ("module", "distribution"),
    [
        ("google.cloud.storage.blob", "google-cloud-storage"),
        ("google.protobuf", "protobuf"),
        ("sentence_transformers", "sentence-transformers"),
        ("Crypto.Hash", "pycryptodome"),
        ("mpl_toolkits.mplot3d", "matplotlib"),
    ],
)
def test_the_longest_name_that_is_known_counts(module, distribution):
    assert providing(module) == distribution


@pytest.mark.parametrize("module", ["acme", "google", "google.cloud", "google.colab", "azure", "kaggle_secrets"])
def test_no_name_is_made_up(module):
    assert providing(module) is None


def test_what_is_installed_here_is_as_the_tables_say():
    here = importlib.metadata.packages_distributions()
    known = {module: here[module] for module in here if module in {*PROVIDED_BY, *SAME}}
    assert len(known) > 10
    for module, names in known.items():
        assert canonicalize_name(providing(module)) in map(canonicalize_name, names)


def test_a_module_is_in_one_table():
    assert not {*PROVIDED_BY} & SAME
    assert not {*MODULES} & ({*PROVIDED_BY} | SAME)


def test_an_entry_can_be_pasted_where_the_name_is_known():
    assert import_names.entry("sklearn.svm") == '["scikit-learn", ""]'
    assert import_names.entry("feature_engine") == '["feature-engine", ""]'
    assert import_names.entry("acme.tool") == '["<the package that provides acme.tool>", ""]'
    assert (import_names.known_name("sklearn.svm"), import_names.known_name("acme")) == ("sklearn", None)
