"""The SBOM of exactly what is in the tree, as CycloneDX 1.6 (ECMA-424)."""

import hashlib
import json
import time
import uuid
from collections.abc import Iterable, Iterator
from email.message import Message
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

from nb_scorer.common import paths
from nb_scorer.model import manifest
from nb_service import identity
from packaging.utils import canonicalize_name

from nb_builder.common import dpkg
from nb_builder.slim.attest.proof import FOLDER
from nb_builder.slim.rootfs.interpreter import Interpreter
from nb_builder.slim.rootfs.layout import Layout
from nb_builder.slim.tree import Tree

FILE = f"{FOLDER}/sbom.cdx.json"
# Characters. Some distributions put the whole licence text into the field for its name.
_MAX_LICENCE_NAME = 80


def lay(tree: Tree, layout: Layout, interpreters: Iterable[Interpreter], date: int) -> None:
    """Write the SBOM of the tree's current content to the tree."""
    packages = _debian(tree)
    components = [
        *python(
            folder
            for environment in (layout.service, layout.app.venv)
            for folder in sorted(tree.at(str(environment)).glob("lib/python*/site-packages"))
        ),
        *packages,
        *_interpreters(interpreters, {path for component in packages for path in component.pop("_files")}),
    ]
    components.sort(key=lambda component: component["bom-ref"])
    tree.write(FILE, text(components, service(layout.app.model), date))


def text(components: list[dict], service: dict, date: int) -> str:
    """Return the SBOM as JSON, identical for identical content; `date` is in seconds since 1970."""
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(date)),
            "tools": {"components": [{"type": "application", "name": "nb-builder"}]},
            "component": service,
        },
        "components": components,
        "dependencies": [{"ref": service["bom-ref"], "dependsOn": [component["bom-ref"] for component in components]}],
    }
    digest = hashlib.sha256(json.dumps(bill, sort_keys=True).encode()).digest()
    bill["serialNumber"] = f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}"
    return json.dumps(bill, indent=1) + "\n"


def service(model: Path) -> dict:
    """Return the component for the service of the model in the folder `model`."""
    content = manifest.read(model)
    name = identity.cleaned(content.get("notebook", "").removesuffix(".ipynb").rpartition("/")[2])
    return {
        "type": "application",
        "bom-ref": "service",
        "name": name,
        "version": str(identity.version_of(content.get("built", ""))),
        "components": [
            {
                "type": "machine-learning-model",
                "bom-ref": "model",
                "name": paths.PICKLE,
                "hashes": [{"alg": "SHA-256", "content": content["pickle_sha256"]}],
            }
        ],
    }


def python(site_packages: Iterable[Path]) -> list[dict]:
    """Return the components of the Python distributions in these folders, without duplicates."""
    components = {}
    for folder in site_packages:
        for installed in metadata.distributions(path=[str(folder)]):
            component = distribution(installed.metadata, from_index=installed.read_text("direct_url.json") is None)
            components[component["bom-ref"]] = component
    return list(components.values())


def distribution(fields: Message | metadata.PackageMetadata, *, from_index: bool = True) -> dict:
    """Return the component for a distribution's metadata; only one `from_index` gets a purl of `pkg:pypi`."""
    name, version = canonicalize_name(fields["Name"]), fields["Version"]
    purl = f"pkg:{'pypi' if from_index else 'generic'}/{quote(name)}@{quote(version)}"
    component = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    licence = licence_of(fields)
    return {**component, "licenses": [licence]} if licence else component


def licence_of(fields: Message | metadata.PackageMetadata) -> dict | None:
    """Return the licence in CycloneDX's form: an SPDX expression or the author's name for it; None if there is none."""
    if expression := _field(fields, "License-Expression"):
        return {"expression": expression}
    licence = _field(fields, "License").strip()
    if licence and licence != "UNKNOWN" and len(licence) <= _MAX_LICENCE_NAME and "\n" not in licence:
        return {"license": {"name": licence}}
    classifiers = [
        classifier for classifier in fields.get_all("Classifier") or [] if classifier.startswith("License ::")
    ]
    return {"license": {"name": classifiers[0].rpartition(" :: ")[2]}} if classifiers else None


def _field(fields: Message | metadata.PackageMetadata, name: str) -> str:
    """Return a field, or "" if it is missing, which is a KeyError in Python 3.15 and None in older versions."""
    return (fields.get_all(name) or [""])[0]


def _debian(tree: Tree) -> list[dict]:
    """Return the components of the Debian packages that own files of the tree, each with these files as `_files`."""
    known = dpkg.packages()
    owned: dict[str, list[str]] = {}
    for path, name in dpkg.owners(tree.files()).items():
        owned.setdefault(name, []).append(path)
    release = dpkg.release()
    return [
        {**package(known[name], release), "_files": files} for name, files in sorted(owned.items()) if name in known
    ]


def package(debian: dpkg.Package, release: dict[str, str]) -> dict:
    """Return the component for a Debian package; `release` is the content of os-release."""
    system = release.get("ID", "debian")
    name_and_version = f"{quote(debian.name, safe='')}@{quote(debian.version, safe='')}"
    distro = f"{system}-{release.get('VERSION_ID', 'unknown')}"
    purl = f"pkg:deb/{system}/{name_and_version}?arch={debian.architecture}&distro={distro}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": debian.name,
        "version": debian.version,
        "purl": purl,
    }


def _interpreters(interpreters: Iterable, owned: set[str]) -> Iterator[dict]:
    """Yield the components of Pythons whose program belongs to no Debian package."""
    for python in {python.program: python for python in interpreters}.values():
        if python.program not in owned:
            purl = f"pkg:generic/python@{python.version}"
            yield {"type": "platform", "bom-ref": purl, "name": "python", "version": python.version, "purl": purl}
