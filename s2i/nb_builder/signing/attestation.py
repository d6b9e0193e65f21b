"""The provenance of a model, as an in-toto statement with the SLSA predicate: its inputs, its build, its builder.

It contains what the build knows, from its report; unknown facts are left out. The same report yields the same bytes.
"""

import errno
import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nb_scorer.common import paths
from nb_scorer.model import manifest
from nb_scorer.signature import origin, statement

from nb_builder.common import digests
from nb_builder.common.build_facts import MadeOf
from nb_builder.common.settings import Settings
from nb_builder.common.workspace import Workspace
from nb_builder.signing import model
from nb_builder.signing.signer import Signer

# SLSA requires addresses here to distinguish kinds of builds; they need not resolve.
BUILD_TYPE = "urn:nb-builder:assemble:1"
BUILDER = "urn:nb-builder"
# Settings that are elsewhere in the statement, point to local files, or may contain secrets of the network.
UNSAID = frozenset(
    (
        *("src", "app_root", "home", "ca_bundle", "commit", "source", "in_image", "parameters", "builder_image"),
        *("openshift_build_commit", "openshift_build_source", "source_date_epoch", "sign_key_file"),
        *("sign_certificate_file", "problem_file", "slim", "keep", "slim_base", "reuse_model", "weights_cache"),
    )
)


def write(workspace: Workspace, made_of: MadeOf, settings: Settings, signer: Signer | None) -> None:
    """Write the statement on the model in `workspace` to build/, and a signed copy if there is a signer."""
    # Some settings have values that JSON lacks, such as a date; they are written as text.
    text = json.dumps(build_statement(workspace, made_of, settings), indent=1, sort_keys=True, default=str) + "\n"
    (workspace.build / paths.PROVENANCE).write_text(text, encoding="ascii")
    if signer is not None:
        sign(workspace.build, signer, model.digests_of(workspace.model))


def sign(build: Path, signer: Signer, files: Mapping[str, str]) -> None:
    """Sign the statement in the folder `build`, which must be about the model of these files, by their digests.

    Raises Malformed for any other: a key that signs any input would sign unknown contents.
    """
    payload = _content(build / paths.PROVENANCE)
    reported = origin.read(payload)
    subjects = _subjects(files)
    if origin.model_of(reported) != subjects[paths.MODEL]:
        raise statement.Malformed("it describes the provenance of another model")
    if not all(_is_one_of(subjects, each) for each in reported["subject"]):
        raise statement.Malformed("it describes the provenance of something other than the model")
    text = signer.signed(payload, statement.PROVENANCE_TYPE)
    signature = build / paths.PROVENANCE_SIGNATURE
    # A link could lead to another file.
    signature.unlink(missing_ok=True)
    signature.write_text(text, encoding="ascii")


def _subjects(files: Mapping[str, str]) -> dict[str, str]:
    """Return the digests of the model and of its files, by their names in a statement."""
    return {paths.MODEL: statement.root_of(files), **{f"{paths.MODEL}/{name}": files[name] for name in files}}


def _is_one_of(subjects: Mapping[str, str], reported: Mapping[str, Any]) -> bool:
    name = reported["name"]
    return isinstance(name, str) and name in subjects and reported == _resource(name, subjects[name])


def _content(path: Path) -> bytes:
    """Return the bytes of a file; raise Malformed for a link, or anything that isn't a file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
        raise statement.Malformed(reason) from error
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise statement.Malformed("it is not a file")
        return file.read(origin.MAX_SIZE)


def build_statement(workspace: Workspace, made_of: MadeOf, settings: Settings) -> dict[str, Any]:
    """Return the statement on the model in `workspace`."""
    files = model.digests_of(workspace.model)
    built = manifest.read(workspace.model).get("built")
    return {
        "_type": statement.TYPE,
        "subject": [_resource(name, digest) for name, digest in _subjects(files).items()],
        "predicateType": origin.PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": _without_nothing(
                    source=made_of.origin.source,
                    notebooks=list(made_of.origin.notebooks),
                    parameters=settings.parameters,
                    settings=_chosen(settings),
                ),
                "internalParameters": {
                    "python": made_of.circumstances.python,
                    "platform": made_of.circumstances.platform,
                },
                "resolvedDependencies": list(_ingredients(workspace, made_of)),
            },
            "runDetails": {
                "builder": _without_nothing(
                    id=BUILDER,
                    version={"nb-builder": made_of.circumstances.builder},
                    builderDependencies=_image(settings.builder_image),
                ),
                "metadata": _without_nothing(finishedOn=built),
                "byproducts": [
                    _resource(f"{paths.BUILD}/{name}", digest)
                    for name, digest in digests.digests(workspace.build, [paths.SBOM]).items()
                ],
            },
        },
    }


def _chosen(settings: Settings) -> dict[str, Any]:
    """Return the settings with non-default values, by variable."""
    values = ((knob, name) for name, knob in vars(Settings).items() if knob in Settings.knobs() and name not in UNSAID)
    chosen = {knob.env: getattr(settings, name) for knob, name in values if getattr(settings, name) != knob.default}
    return {name: value for name, value in chosen.items() if value not in ((), None)}


def _ingredients(workspace: Workspace, made_of: MadeOf) -> Iterator[dict[str, Any]]:
    """Yield the model's inputs: the commit, notebooks, the files that they have read, lock and packages."""
    origin_of, inputs = made_of.origin, made_of.inputs
    if origin_of.uncommitted:
        # The digest would be that of other files.
        changed = {"commit": origin_of.commit, "uncommitted": origin_of.uncommitted}
        yield _without_nothing(uri=origin_of.source, name="source", annotations=changed)
    elif origin_of.commit:
        yield _without_nothing(uri=origin_of.source, name="source", digest={"gitCommit": origin_of.commit})
    # If it is unknown which files the notebooks have read, that is the whole repository.
    every = inputs.read if inputs.read_complete else digests.digests(workspace.src, digests.all_files(workspace.src))
    weights = {f"{entry.folder}/{file.name}": (entry, file) for entry in made_of.weights for file in entry.files}
    for name, digest in {**origin_of.notebooks, **every}.items():
        if name not in weights:
            yield _resource(f"{paths.SRC}/{name}", digest)
    for name, (entry, file) in weights.items():
        revision = {"annotations": {"revision": entry.revision}} if entry.revision else {}
        yield {"uri": entry.source, **_resource(f"{paths.SRC}/{name}", file.sha256), **revision}
    yield _resource(f"{paths.BUILD}/{paths.LOCK}", made_of.installed.lock_sha256)
    for package in made_of.installed.packages:
        name, _, version = package.partition("==")
        if version:
            yield {"uri": f"pkg:pypi/{name}@{version}"}


def _image(reference: str | None) -> list[dict[str, Any]] | None:
    """Return the builder image, whose reference ends in @sha256:…, in SLSA's form."""
    if not reference:
        return None
    name, _, digest = reference.partition("@sha256:")
    return [_without_nothing(name=name, digest={"sha256": digest} if digest else None)]


def _resource(name: str, digest: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest}}


def _without_nothing(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
