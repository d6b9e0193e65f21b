"""The notes of a build about megabytes that only a GPU can use."""

import io
from types import SimpleNamespace

import pytest
from nb_builder.common.installed import installed
from nb_builder.common.log import Log
from nb_builder.install import gpu_advice

NCCL = "nvidia-nccl-cu12; platform_system == 'Linux'"


def put(venv, name, version, size, *requires):
    """Install a distribution with one file of `size` bytes into a venv's folder."""
    site = venv / "lib/python3.11/site-packages"
    module = name.replace("-", "_")
    metadata = site / f"{module}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (site / f"lib{module}.so").write_bytes(b"")
    with open(site / f"lib{module}.so", "r+b") as file:
        file.truncate(size)
    lines = "".join(f"Requires-Dist: {line}\n" for line in requires)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}")
    (metadata / "RECORD").write_text(f"lib{module}.so,,\n")


@pytest.fixture
def said(tmp_path):
    """Return a function that returns the notes about the venv in tmp_path, if the index has `offered`."""

    def say(*offered):
        stream = io.StringIO()
        installer = SimpleNamespace(venv=tmp_path, offers=lambda requirement: requirement in offered)
        gpu_advice.log_advice(installer, Log(stream))
        return stream.getvalue()

    return say


def test_xgboost_with_gpu_libraries_is_reported_with_its_megabytes_and_its_twin(tmp_path, said):
    put(tmp_path, "xgboost", "3.2.0", 1000, "numpy", NCCL)
    put(tmp_path, "nvidia-nccl-cu12", "2.30.1", 469_000_000)
    assert said("xgboost-cpu==3.2.0") == (
        "     note: xgboost 3.2.0 includes nvidia-nccl-cu12, 469 MB that a service without a GPU can't use. "
        '"xgboost-cpu==3.2.0" instead of "xgboost==3.2.0" serves the same model on CPUs.\n'
    )


def test_a_twin_that_the_index_has_not_is_not_offered(tmp_path, said):
    put(tmp_path, "xgboost", "2.0.3", 1000, NCCL)
    put(tmp_path, "nvidia-nccl-cu12", "2.30.1", 469_000_000)
    assert said().endswith("469 MB that a service without a GPU can't use.\n")


@pytest.mark.parametrize("name", ["xgboost-cpu", "xgboost"])
def test_xgboost_without_gpu_libraries_is_not_worth_a_word(tmp_path, said, name):
    put(tmp_path, name, "3.2.0", 1000, NCCL)
    assert said("xgboost-cpu==3.2.0") == ""


def test_what_another_package_needs_too_would_stay_and_is_not_counted(tmp_path, said):
    put(tmp_path, "xgboost", "3.2.0", 1000, NCCL)
    put(tmp_path, "torch", "2.9.0", 1000, "nvidia-nccl-cu12==2.30.1; platform_system == 'Linux'", "not a requirement!")
    put(tmp_path, "nvidia-nccl-cu12", "2.30.1", 469_000_000)
    assert said("xgboost-cpu==3.2.0") == ""


def test_a_slim_image_says_what_its_gpu_code_could_be_spared_by(tmp_path):
    put(tmp_path, "xgboost", "3.2.0", 238_400_000, "numpy", NCCL)
    put(tmp_path, "numpy", "2.4.6", 1000)
    (sentence,) = gpu_advice.sentences(installed(tmp_path))
    assert sentence == (
        'xgboost 3.2.0, 238 MB, contains code for GPUs. "xgboost-cpu==3.2.0" in requirements, if the index has '
        "it, serves the same model on CPUs."
    )


@pytest.mark.parametrize(("name", "requires"), [("xgboost-cpu", NCCL), ("xgboost", "numpy")])
def test_a_slim_image_without_gpu_code_says_nothing(tmp_path, name, requires):
    put(tmp_path, name, "3.2.0", 1000, requires)
    assert gpu_advice.sentences(installed(tmp_path)) == []
