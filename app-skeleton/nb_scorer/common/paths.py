"""Names of the folders and files under `$APP_ROOT`: their only home."""

SRC = "src"
BUILD = "build"
VENV = "venv"
MODEL = "model"
PYTHONS = "python"  # interpreters that a build in an image has downloaded
ENVIRONMENT = "environment.json"  # of a slim image: the variables that its service image had

# Under build/: what a user reads to understand a build.
REQUIREMENTS_SCRIPT = "requirements_script.py"
REQUIREMENTS = "requirements.txt"
CONSTRAINTS = "constraints.txt"
LOCK = "requirements.lock"
MODEL_SCRIPT = "model_script.py"
CELLS = "cells.json"  # the notebook's code cells as they run: number and source
EXECUTED = "executed.ipynb"
READS = "reads.json"  # which files of the repository the notebook has read
KERNEL_LOG = "kernel.log"
NOTEBOOK_PAGE = "notebook.html"  # the notebook as it was run, for people
REPORT = "report.json"
PROVENANCE = "provenance.json"  # what the model was made of, and by what, signed as the model is
PROVENANCE_SIGNATURE = "provenance.sig"
SBOM = "sbom.cdx.json"  # the packages of the notebook's environment, as CycloneDX
COMPLAINT = "complaint.json"  # what our own cells could not do; gone when all went well

# Under model/: what a service loads.
MANIFEST = "manifest.json"
PICKLE = "model.pickle"
GOLDEN = "golden.ndjson"
GOLDEN_FILES = "golden"  # the folder of the files in golden rows, such as pictures
BASELINE = "baseline.json"  # histograms and counts of the notebook's own data, which drift is measured against
WEIGHTS_LOCK = "weights.lock"  # of files that the image may leave out: source, size and digest of each
SIGNATURE = "model.sig"  # over all others, where the build had a key; the place that verifiers look at first
BATCH_FORM = "batch_form.py"  # for readers: predictor's batch form, as its code in the pickle is

# Under APP_ROOT: the weights of an image that contains them, by their digests.
WEIGHTS = "weights"
