"""Recognises errors of libraries that mean that there is no GPU, or no driver for it.

The texts are those of PyTorch, and of CUDA's runtime and driver, which CuPy, JAX, Numba, XGBoost and others include.
"""

import re

_NO_GPU = re.compile(
    r"Found no NVIDIA driver"
    r"|No CUDA GPUs are available"
    r"|torch\.cuda\.is_available\(\) is False"
    r"|cudaErrorNoDevice|CUDA_ERROR_NO_DEVICE|no CUDA-capable device is detected"
    r"|cudaErrorInsufficientDriver|CUDA driver version is insufficient"
    r"|CUDA driver library cannot be found|Error at driver init"
    r"|libcuda\.so(?:\.1)?: cannot open shared object file"
    r"|Unable to initialize backend 'cuda'"
)


def means_no_gpu(message):
    """Return whether an error message means that there is no GPU, or no driver for it."""
    return _NO_GPU.search(message) is not None
