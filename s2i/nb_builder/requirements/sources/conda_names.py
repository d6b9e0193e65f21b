"""Converts conda's package names to those on PyPI, and recognises packages that are not Python packages."""

import re
from pathlib import Path

# {name in conda's channels: name on PyPI}, if the two differ
ON_PYPI = {
    "brotli-python": "brotli",
    "dask-core": "dask",
    "faiss": "faiss-cpu",
    "geopandas-base": "geopandas",
    "keras-gpu": "keras",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "opencv": "opencv-python-headless",
    "py-lightgbm": "lightgbm",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "py-xgboost-gpu": "xgboost",
    "pyarrow-core": "pyarrow",
    "pyg": "torch-geometric",
    "pyqt": "PyQt5",
    "pytables": "tables",
    "python-blosc": "blosc",
    "python-duckdb": "duckdb",
    "python-fastjsonschema": "fastjsonschema",
    "python-flatbuffers": "flatbuffers",
    "python-graphviz": "graphviz",
    "python-kaleido": "kaleido",
    "python-lmdb": "lmdb",
    "python-tzdata": "tzdata",
    "python-xxhash": "xxhash",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "ruamel_yaml": "ruamel.yaml",
    "seaborn-base": "seaborn",
    "shap-base": "shap",
    "statsforecast-base": "statsforecast",
    "tensorflow-base": "tensorflow",
    "tensorflow-gpu": "tensorflow",
    "tensorflow-mkl": "tensorflow",
    "xarray-base": "xarray",
}

# Libraries and tools of other languages, and what conda itself needs.
_NO_PYTHON = frozenset(Path(__file__).with_name("no_python.txt").read_text(encoding="utf-8").split())
_NO_PYTHON_PATTERN = re.compile(
    r"_|r-|xorg-|font-|fonts-|cuda-|gcc_|gxx_|gfortran|binutils_|m2w64-|msys2-|aws-c-|aws-crt-|aws-checksums|vs20\d\d_|"
    r"ucrt|ld_impl_|kernel-headers_|sysroot_|azure-.*-cpp|lib(?!rosa|sass|svm|cst|tmux|archive-c|pysal|rt$)"
)


def on_pypi(name: str) -> str:
    """Return the PyPI name of conda's package `name`; "" if it is not a Python package."""
    lowered = name.lower()
    if lowered in _NO_PYTHON or _NO_PYTHON_PATTERN.match(lowered):
        return ""
    return ON_PYPI.get(lowered, name)
