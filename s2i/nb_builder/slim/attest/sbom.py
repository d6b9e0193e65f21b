"""The bill of materials of exactly what is in the tree, in the format of CycloneDX 1.6 (ECMA-424)."""

import hashlib
import json
import time
import uuid
from collections.abc import Iterable, Iterator
from email.message import Message
from importlib import metadata
from typing import TYPE_CHECKING
from urllib.parse import quote

from nb_scorer.common import paths
from nb_scorer.model import manifest
from nb_service import identity
from packaging.utils import canonicalize_name

from nb_builder.common import dpkg
from nb_builder.slim.attest.proof import FOLDER
from nb_builder.slim.rootfs.interpreter import Interpreter
from nb_builder.slim.tree import Tree

if TYPE_CHECKING:
    from nb_builder.slim.build_rootfs import Place

FILE = f"{FOLDER}/sbom.cdx.json"
# Of a licence's text, where a distribution has put that into the field for its name.
_LONGEST = 80


def lay(tree: Tree, place: "Place", interpreters: Iterable[Interpreter], date: int) -> None:
    """Write the bill of the tree as it is now into it."""
    packages = _debian(tree)
    components = [
        *_python(tree, [str(folder) for folder in (place.service, place.app.venv)]),
        *packages,
        *_interpreters(interpreters, {path for component in packages for path in component.pop("_files")}),
    ]
    components.sort(key=lambda component: component["bom-ref"])
    tree.write(FILE, text(components, _service(place), date))


def text(components: list[dict], service: dict, date: int) -> str:
    """Return the bill as JSON, the same text for the same content."""
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


def _service(place: "Place") -> dict:
    told = manifest.read(place.app.model)
    name = identity.cleaned(told.get("notebook", "").removesuffix(".ipynb").rpartition("/")[2])
    return {
        "type": "application",
        "bom-ref": "service",
        "name": name,
        "version": str(identity.version_of(told.get("built", ""))),
        "components": [
            {
                "type": "machine-learning-model",
                "bom-ref": "model",
                "name": paths.PICKLE,
                "hashes": [{"alg": "SHA-256", "content": told["pickle_sha256"]}],
            }
        ],
    }


def _python(tree: Tree, environments: Iterable[str]) -> list[dict]:
    """Return the Python distributions in the tree; one that is in both environments counts once."""
    found = {}
    for environment in environments:
        for folder in sorted(tree.at(environment).glob("lib/python*/site-packages")):
            for each in metadata.distributions(path=[str(folder)]):
                component = distribution(each.metadata, from_index=each.read_text("direct_url.json") is None)
                found[component["bom-ref"]] = component
    return list(found.values())


def distribution(told: Message | metadata.PackageMetadata, *, from_index: bool = True) -> dict:
    """Return the component that a distribution's own metadata describe; `pkg:pypi` is for those of the index."""
    name, version = canonicalize_name(told["Name"]), told["Version"]
    purl = f"pkg:{'pypi' if from_index else 'generic'}/{quote(name)}@{quote(version)}"
    component = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    licence = licence_of(told)
    return {**component, "licenses": [licence]} if licence else component


def licence_of(told: Message | metadata.PackageMetadata) -> dict | None:
    """Return the licence as CycloneDX has it: an SPDX expression, or the words that the author chose."""
    if told["License-Expression"]:
        return {"expression": told["License-Expression"]}
    words = (told["License"] or "").strip()
    if words and words != "UNKNOWN" and len(words) <= _LONGEST and "\n" not in words:
        return {"license": {"name": words}}
    classifiers = [one for one in told.get_all("Classifier") or [] if one.startswith("License ::")]
    return {"license": {"name": classifiers[0].rpartition(" :: ")[2]}} if classifiers else None


def _debian(tree: Tree) -> list[dict]:
    """Return the Debian packages that own a file of the tree, each with `_files`, what it owns of it."""
    known = dpkg.packages()
    owned: dict[str, list[str]] = {}
    for path, name in dpkg.owners(tree.files()).items():
        owned.setdefault(name, []).append(path)
    release = dpkg.release()
    return [
        {**package(known[name], release), "_files": files} for name, files in sorted(owned.items()) if name in known
    ]


def package(told: dpkg.Package, release: dict[str, str]) -> dict:
    """Return the component that dpkg and os-release describe."""
    system = release.get("ID", "debian")
    named = f"{quote(told.name, safe='')}@{quote(told.version, safe='')}"
    purl = f"pkg:deb/{system}/{named}?arch={told.architecture}&distro={system}-{release.get('VERSION_ID', 'unknown')}"
    return {"type": "library", "bom-ref": purl, "name": told.name, "version": told.version, "purl": purl}


def _interpreters(interpreters: Iterable, owned: set[str]) -> Iterator[dict]:
    """Yield the Pythons that no package brought."""
    for each in {each.program: each for each in interpreters}.values():
        if each.program not in owned:
            purl = f"pkg:generic/python@{each.version}"
            yield {"type": "platform", "bom-ref": purl, "name": "python", "version": each.version, "purl": purl}
