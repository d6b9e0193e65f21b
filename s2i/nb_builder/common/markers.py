"""Environment markers of requirements, evaluated for the notebook's Python instead of the build's own."""

from packaging.markers import default_environment


def environment(python: str) -> dict[str, str]:
    """Return the values of all markers for a Python on this machine; `python` is its version, 3.11.2 or just 3.11."""
    full = python if python.count(".") > 1 else f"{python}.0"
    versions = {"python_version": ".".join(python.split(".")[:2]), "python_full_version": full}
    own = {name: str(value) for name, value in default_environment().items()}
    return {**own, **versions, "implementation_version": full, "extra": ""}
