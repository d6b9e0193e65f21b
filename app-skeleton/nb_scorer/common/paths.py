"""The names of all folders and files under `$APP_ROOT`."""

SRC = "src"
BUILD = "build"
VENV = "venv"
MODEL = "model"
PYTHONS = "python"  # interpreters downloaded by a build in an image
ENVIRONMENT = "environment.json"  # of a slim image: the environment variables of its service image

# In build/: files that explain a build to users.
REQUIREMENTS_SCRIPT = "requirements_script.py"
REQUIREMENTS = "requirements.txt"
CONSTRAINTS = "constraints.txt"
LOCK = "requirements.lock"
MODEL_SCRIPT = "model_script.py"
CELLS = "cells.json"  # the notebook's code cells as executed: number and source
EXECUTED = "executed.ipynb"
READS = "reads.json"  # the repository's files that the notebook read
KERNEL_LOG = "kernel.log"
NOTEBOOK_PAGE = "notebook.html"  # the executed notebook as a page
REPORT = "report.json"
PROVENANCE = "provenance.json"  # the model's inputs and builder, signed like the model
PROVENANCE_SIGNATURE = "provenance.sig"
SBOM = "sbom.cdx.json"  # the packages of the notebook's environment, as CycloneDX
FROM_REPOSITORY = (
    "from_repository.json"  # platform variables that s2i has put into the image, with the repository's values
)
COMPLAINT = "complaint.json"  # the error of nb-builder's own cells; removed on success

# In model/: files that a service loads.
MANIFEST = "manifest.json"
PICKLE = "model.pickle"
GOLDEN = "golden.ndjson"
GOLDEN_FILES = "golden"  # folder of files in golden rows, such as pictures
BASELINE = "baseline.json"  # histograms and counts of the notebook's own data, with which drift is measured
WEIGHTS_LOCK = "weights.lock"  # source, size and digest of each file that the image may lack
SIGNATURE = "model.sig"  # signature of all other files, if the build had a key; verifiers read it first
BATCH_FORM = "batch_form.py"  # predictor's batch form for readers; the pickle contains the same code

# In APP_ROOT: the weights in an image that includes them, by digest.
WEIGHTS = "weights"
