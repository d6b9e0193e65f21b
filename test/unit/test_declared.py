"""What our packages import is declared, and what is declared is used."""

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
SERVICE, BUILDER, SCORER = "app-skeleton/nb_service", "s2i/nb_builder", "app-skeleton/nb_scorer"
SPARK = "app-skeleton/nb_spark"
OURS = {"nb_native", "nb_builder", "nb_service", "nb_scorer", "nb_spark"}
# What is imported where it is, and what that is for; all of it only when it is needed.
LENT = {
    SERVICE: {},
    BUILDER: {
        "numpy": "the notebook's own: fix/proposal_check_program.py runs in the notebook's environment",
        "oras": "make push and make pull have an environment of their own",
        "requests": "oras's own",
    },
    # Drivers and workers have them, or Spark itself refuses.
    SPARK: {"pandas": "Spark's", "pyarrow": "Spark's", "pyspark": "the cluster's own"},
    # A notebook's own environment has them, or no state of theirs is restored there.
    SCORER: {
        "ipykernel": "the overlay brings it to the kernel of a build",
        "ipython": "the overlay brings it to the kernel of a build",
        "loguru": "state of the notebook's own",
        "matplotlib": "state of the notebook's own",
        "numpy": "state of the notebook's own",
        "pandas": "state of the notebook's own, and its tables",
        "pillow": "the notebook's own, for its pictures",
        "scikit-learn": "state of the notebook's own",
        "torch": "state of the notebook's own",
        "tqdm": "state of the notebook's own",
    },
}
# Declared, but not imported here.
NOT_IMPORTED = {
    "ipython": "nbconvert transforms magics by it, and does not require it",
    "uv": "a program",
    "opentelemetry-exporter-otlp-proto-http": "opentelemetry's namespace, as the sdk",
    "opentelemetry-sdk": "opentelemetry's namespace, as the exporter",
    "adlfs": "fsspec imports it for azure://",
    "gcsfs": "fsspec imports it for gs://",
    "s3fs": "fsspec imports it for s3://",
}
# Where no environment of the tests has a distribution, its name is this.
NAMES = {
    "google": "protobuf",
    "grpc": "grpcio",
    "grpc_health": "grpcio-health-checking",
    "grpc_reflection": "grpcio-reflection",
    "IPython": "ipython",
    "poetry": "poetry-core",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}


def imported(package):
    """Return {distribution: whether it is imported at the top of a module} of all that is not Python's or ours."""
    known = packages_distributions()
    found = {}
    for path in (ROOT / package).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for name in {name.partition(".")[0] for name in names} - OURS - sys.stdlib_module_names:
                distribution = canonicalize_name(NAMES.get(name) or known.get(name, [name])[0])
                found[distribution] = found.get(distribution, False) or node in tree.body
    return found


def declared(project):
    """Return the distributions that a pyproject.toml of ours declares, and all of its extras."""
    reported = tomllib.loads((ROOT / project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = reported.get("optional-dependencies", {}).values()
    lines = [*reported["dependencies"], *(line for extra in extras for line in extra)]
    names = [canonicalize_name(Requirement(line).name) for line in lines]
    assert len(names) == len(set(names))
    return set(names)


@pytest.mark.parametrize(("package", "project"), [(BUILDER, "s2i"), (SERVICE, "app-skeleton")])
def test_what_is_imported_is_declared_and_what_is_declared_is_imported(package, project):
    used, known = imported(package), declared(project)
    used = {name: first for name, first in used.items() if not name.startswith("opentelemetry")}
    assert set(used) - known == set(LENT[package])
    assert known - set(used) <= set(NOT_IMPORTED)


def test_scorers_import_the_standard_library_and_cloudpickle():
    assert set(imported(SCORER)) == {"cloudpickle"} | set(LENT[SCORER])


def test_executors_need_what_spark_needs_and_nothing_else():
    assert set(imported(SPARK)) == set(LENT[SPARK])
    # All that a worker and the process next to it import is there without any installed package.
    program = f"import sys; sys.path.insert(0, {str(ROOT / 'app-skeleton')!r}); import nb_spark.worker, nb_spark.child"
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True)


@pytest.mark.parametrize("package", [SERVICE, SCORER, SPARK])
def test_what_is_only_lent_is_imported_where_it_is_needed(package):
    used = imported(package)
    assert [name for name in LENT[package] if used[name]] == []


def test_the_build_needs_nothing_of_the_services_environment():
    # The build has the service's code without its dependencies; so it may use only modules that need just Python.
    taken = set()
    for path in (ROOT / BUILDER).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and re.match(r"nb_service\b", node.module or ""):
                # A module, or what a module has.
                is_package = (ROOT / "app-skeleton" / node.module.replace(".", "/")).is_dir()
                taken |= {f"{node.module}.{alias.name}" if is_package else node.module for alias in node.names}
            elif isinstance(node, ast.Import):
                taken |= {alias.name for alias in node.names if re.match(r"nb_service\b", alias.name)}
    assert taken == {
        *("nb_service.backends.batch.command_line", "nb_service.export.contents", "nb_service.export.zip_entries"),
        *("nb_service.identity", "nb_service.log", "nb_service.model_folder", "nb_service.problems"),
        *("nb_service.settings", "nb_service.signature.keys", "nb_service.signature.trust"),
        *("nb_service.weights.fetch", "nb_service.weights.lock", "nb_service.weights.provide"),
        *("nb_service.weights.sources", "nb_service.weights.store"),
        *("nb_service.backends.verify", "nb_service.export.wheels", "nb_service.export.zipapp", "nb_service.manifest"),
    }
    # The build signs by the same library, and declares it itself.
    taken.remove("nb_service.signature.keys")
    program = f"import sys; sys.path.insert(0, {str(ROOT / 'app-skeleton')!r}); import {', '.join(sorted(taken))}"
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True)
