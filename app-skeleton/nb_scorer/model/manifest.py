"""The manifest of a model folder: its contents, the versions that built it, and how to start it."""

import io
import json
import os
import sys

from nb_scorer.common import paths, phrases
from nb_scorer.model import verified_file
from nb_scorer.model.problems import ModelFormatUnknown, ModelMissing, ModelPythonDiffers

# Increase it when a pickle names other modules or classes, or a field changes its meaning, and let `load` read the
# previous one: decision 0043.
FORMAT = 2
READABLE = (1, 2)


def python_minor():
    """Return this interpreter's minor version, such as "3.9"."""
    return "{}.{}".format(*sys.version_info[:2])


def versions():
    """Return the fields that must be equal where the pickle is loaded, and Python's full version for people."""
    # Imported here: build and front, which read manifests, lack cloudpickle and don't need platform.
    import platform

    import cloudpickle

    return {
        "format": FORMAT,
        "python": python_minor(),
        "python_full": platform.python_version(),
        "cloudpickle": cloudpickle.__version__,
    }


def read(folder, digests=None):
    """Return the manifest in `folder`; raise ModelMissing, or ModelFormatUnknown for another format.

    With `digests`, as in `load`, its digest must match: otherwise ModelNotAsSigned is raised.
    """
    path = os.path.join(str(folder), paths.MANIFEST)
    if digests is not None:
        return parsed(verified_file.content(path, digests.get(paths.MANIFEST)))
    try:
        with io.open(path, "rb") as file:
            return parsed(file.read())
    except (IOError, OSError):
        raise ModelMissing(path)


def parsed(content):
    """Return the manifest in these bytes; raise ModelFormatUnknown for another format."""
    try:
        manifest = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ModelFormatUnknown("unknown (manifest.json is not JSON)", READABLE)
    format_number = manifest.get("format") if isinstance(manifest, dict) else None
    # Not `in READABLE`, because to Python, True equals 1.
    if type(format_number) is not int or format_number not in READABLE:
        raise ModelFormatUnknown(None if format_number is None else phrases.as_json(format_number), READABLE)
    return manifest


def of_predictor(manifest, name):
    """Return the manifest of one named predictor, in the form of a model with a single predictor."""
    return dict(manifest, **dict(manifest["predictors"][name], predictors=None))


def is_batched(manifest):
    """Return whether batch_predictor may be used: only if the build compared it with predictor.

    A predictor that streams is never called for several samples at once.
    """
    compared = (manifest.get("golden") or 0) - (manifest.get("golden_with_parameters") or 0)
    return bool(manifest.get("batch_predictor") and compared > 0 and not manifest.get("streams"))


def check_versions(manifest):
    """Raise ModelPythonDiffers unless this process may load the pickle of `manifest`."""
    current = versions()
    for field, name in (("python", "Python"), ("cloudpickle", "cloudpickle")):
        if manifest.get(field) != current[field]:
            raise ModelPythonDiffers(name, manifest.get(field), current[field])


def write(folder, manifest):
    """Write `manifest` into `folder`, completely or not at all."""
    path = os.path.join(str(folder), paths.MANIFEST)
    with io.open(path + ".new", "w", encoding="utf-8") as file:
        file.write(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    os.replace(path + ".new", path)


def update(folder, **fields):
    """Set `fields` in the manifest of `folder` and return all of it; raises as `read` does."""
    manifest = read(folder)
    manifest.update(fields)
    write(folder, manifest)
    return manifest
