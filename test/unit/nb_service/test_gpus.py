"""Which GPUs a service may use."""

import pytest
from nb_service import gpus
from nb_service.gpus import Gpu, Gpus

TWO = [Gpu("GPU-a", "NVIDIA H200", 2, 1), Gpu("GPU-b", "NVIDIA H200", 2, 1)]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (None, ("GPU-a", "GPU-b")),
        ("1", ("1",)),
        ("1,0", ("1", "0")),
        (" GPU-b , 0", ("GPU-b", "0")),
        # CUDA takes no name behind one that can't be a GPU.
        ("0,-1,1", ("0",)),
        ("0,,1", ("0",)),
    ],
)
def test_gpus_are_named_as_cuda_takes_them(monkeypatch, asked, names):
    monkeypatch.setattr(gpus, "read", lambda: TWO)
    environ = {} if asked is None else {"CUDA_VISIBLE_DEVICES": asked}
    assert gpus.visible(environ) == Gpus(names, ("NVIDIA H200", "NVIDIA H200"))


def test_where_all_are_hidden_no_one_asks_the_driver(monkeypatch):
    monkeypatch.setattr(gpus, "read", None)
    assert gpus.visible({"CUDA_VISIBLE_DEVICES": "-1,0"}) == Gpus(missing="CUDA_VISIBLE_DEVICES hides them")


def test_a_process_that_is_gone_has_asked_for_no_gpu():
    assert not gpus.asked_for_by(2**30)
