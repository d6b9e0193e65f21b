"""Errors that mean that there is no GPU, as libraries word them."""

import pytest
from nb_scorer.common.gpu_errors import means_no_gpu


@pytest.mark.parametrize(
    "message",
    [
        "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver",
        "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running",
        "No CUDA GPUs are available",
        "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version",
        "Unable to initialize backend 'cuda': Unable to use CUDA because of the following issues",
        "libcuda.so.1: cannot open shared object file: No such file or directory",
        "CUDA driver library cannot be found.",
        "Error at driver init: Call to cuInit results in CUDA_ERROR_NO_DEVICE",
    ],
)
def test_a_missing_gpu_is_known_by_the_words_of_each_library(message):
    assert means_no_gpu(message)


@pytest.mark.parametrize(
    "message",
    [
        "CUDA out of memory. Tried to allocate 20.00 MiB",
        "CUDA error: an illegal memory access was encountered",
        "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!",
        "Torch not compiled with CUDA enabled",
        "libcudart.so.12: cannot open shared object file: No such file or directory",
    ],
)
def test_other_errors_of_gpus_and_their_libraries_are_not(message):
    assert not means_no_gpu(message)
