"""The batch form against real models: the derived forms, their verification, and the gain.

About 70 predictors around scikit-learn, XGBoost, LightGBM, CatBoost, statsmodels, ONNX Runtime, spaCy and Keras on JAX,
31 built to deceive, and the kinds of 79 public ones. In one process, one native thread; the first time makes an
environment. torch is left out: its wheels are too large, stand-ins show what is derived for it. BENCH_CASES are names
of cases, to ask only these; BENCH_QUICK=1 leaves out what they gain.
"""

import os
import subprocess
from pathlib import Path

from environments import ENVIRON, HOME, PLACE, ROOT
from nb_builder.requirements import pip_config

HERE = Path(__file__).parent
PACKAGES = (
    *("numpy", "pandas", "polars", "scikit-learn", "statsmodels", "xgboost-cpu", "lightgbm", "catboost"),
    *("onnxruntime", "skl2onnx", "spacy", "keras", "jax", "cloudpickle"),
)


def report() -> None:
    """Make the environment and have it print the tables."""
    command = [
        environment() / "bin/python",
        "-W",
        "ignore",
        HERE / "tell.py",
        *os.environ.get("BENCH_CASES", "").split(),
    ]
    environ = {
        **ENVIRON,
        "KERAS_BACKEND": "jax",
        "PYTHONPATH": str(ROOT / "app-skeleton"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    subprocess.run(command, env=environ, check=False)


def environment() -> Path:
    """Return the folder of an environment with all that the models need, made once."""
    folder = PLACE / "batching"
    if (folder / "made").exists() and (folder / "made").read_text() == " ".join(PACKAGES):
        return folder
    PLACE.mkdir(parents=True, exist_ok=True)
    settings = {**ENVIRON, **pip_config.for_uv(pip_config.read(os.environ), os.environ)[0]}
    uv = HOME / "build/bin/uv"
    python = HOME / "test/bin/python"
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", python, folder], env=settings, check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", folder, *PACKAGES], env=settings, check=True)
    (folder / "made").write_text(" ".join(PACKAGES))
    return folder
