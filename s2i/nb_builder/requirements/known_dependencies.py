"""Dependencies of well-known distributions, so that notes don't warn about packages that are installed anyway.

No index is queried, and nothing is resolved. A superfluous entry suppresses a note; a missing one shows a needless
note.
"""

from collections.abc import Iterable

from packaging.utils import canonicalize_name

_OF_TABLES = "numpy python-dateutil six"
_OF_LEARNING = f"{_OF_TABLES} scipy joblib threadpoolctl"
_OF_PLOTS = f"{_OF_TABLES} matplotlib pillow cycler kiwisolver packaging pyparsing"
_OF_HUBS = "numpy requests tqdm pyyaml huggingface-hub packaging"
_OF_JUPYTER = "ipython ipykernel traitlets"

_NEEDS = {
    "catboost": f"{_OF_PLOTS} pandas scipy plotly graphviz",
    "category-encoders": f"{_OF_LEARNING} scikit-learn pandas statsmodels patsy",
    "datasets": f"{_OF_HUBS} pandas pyarrow",
    "fastai": f"{_OF_PLOTS} {_OF_LEARNING} pandas torch torchvision scikit-learn requests pyyaml",
    "gensim": "numpy scipy smart-open",
    "imbalanced-learn": f"{_OF_LEARNING} scikit-learn",
    "ipywidgets": "ipython traitlets",
    "jupyter": f"{_OF_JUPYTER} ipywidgets",
    "keras": "numpy h5py",
    "ipykernel": _OF_JUPYTER,
    "jupyterlab": _OF_JUPYTER,
    "lightgbm": "numpy scipy",
    "matplotlib": _OF_PLOTS,
    "mlflow": f"{_OF_PLOTS} {_OF_LEARNING} scikit-learn pandas pyarrow flask",
    "mlxtend": f"{_OF_PLOTS} {_OF_LEARNING} scikit-learn pandas",
    "nltk": "click joblib regex tqdm",
    "notebook": _OF_JUPYTER,
    "opencv-python": "numpy",
    "opencv-python-headless": "numpy",
    "pandas": f"{_OF_TABLES} pytz",
    "prophet": f"{_OF_PLOTS} pandas tqdm holidays cmdstanpy",
    "scikit-image": "numpy scipy pillow imageio networkx packaging",
    "scikit-learn": _OF_LEARNING,
    "scipy": "numpy",
    "seaborn": f"{_OF_PLOTS} pandas",
    "sentence-transformers": f"{_OF_HUBS} {_OF_LEARNING} torch transformers scikit-learn pillow",
    "shap": f"{_OF_LEARNING} scikit-learn pandas tqdm numba cloudpickle packaging",
    "spacy": "numpy requests tqdm jinja2 pydantic packaging",
    "statsmodels": f"{_OF_TABLES} scipy pandas patsy packaging",
    "tensorflow": "numpy keras h5py protobuf requests tensorboard six packaging",
    "torchvision": "torch numpy pillow",
    "transformers": f"{_OF_HUBS} regex tokenizers safetensors",
    "xgboost": "numpy scipy",
    "yellowbrick": f"{_OF_PLOTS} {_OF_LEARNING} scikit-learn",
}


def with_dependencies(names: Iterable[str]) -> set[str]:
    """Return the normalised `names` of distributions, with their known dependencies."""
    asked = {canonicalize_name(name) for name in names}
    return asked.union(*(_NEEDS.get(name, "").split() for name in asked))
