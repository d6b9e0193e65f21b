"""Every problem that a service can report to the people who run it: what, why and fix, with a stable code."""

import os
from collections.abc import Iterable
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.common.problem import Problem, SettingInvalid, WrittenProblem
from nb_scorer.model.problems import (
    ModelDamaged,
    ModelFormatUnknown,
    ModelLoadFailed,
    ModelMissing,
    ModelNeedsGpu,
    ModelNotAsSigned,
    ModelPythonDiffers,
    SetupFailed,
)

__all__ = [
    "ApiKeyUnreadable",
    "ArchiveOutput",
    "BackendUnknown",
    "BackendWithoutWords",
    "BatchEndedEarly",
    "BatchInput",
    "BatchJournal",
    "BatchNeedsMore",
    "BatchOutput",
    "BatchUnscored",
    "BatchWords",
    "BusFile",
    "BusNeedsMore",
    "BusUnset",
    "BusUrl",
    "DefaultMissing",
    "GrpcFile",
    "GrpcMissing",
    "HelpUnwritten",
    "ModelDamaged",
    "ModelFormatUnknown",
    "ModelLoadFailed",
    "ModelMissing",
    "ModelNameTaken",
    "ModelNeedsGpu",
    "ModelNotAsSigned",
    "ModelPythonDiffers",
    "ModelUnsigned",
    "ModelWords",
    "PortTaken",
    "Problem",
    "SettingFromRepository",
    "SettingInvalid",
    "SignatureInvalid",
    "SparkArchive",
    "SparkColumns",
    "SparkModelWords",
    "SparkPython",
    "SparkUnscored",
    "VerifyUnusable",
    "WeightsDiffer",
    "WeightsDisk",
    "WeightsLeftOut",
    "WeightsLibrary",
    "WeightsNotThere",
    "WeightsTooLarge",
    "WeightsUnavailable",
    "WheelImpossible",
    "golden_damaged",
    "load_did_not_end",
    "load_ended",
    "load_not_started",
    "model_problem",
    "model_unreadable",
    "not_as_signed",
    "not_as_written",
    "unreadable",
]


class BackendUnknown(WrittenProblem):
    """S2I_BACKEND does not name an installed back end."""

    code = "backend-unknown"
    what_text = "S2I_BACKEND={name!r} is not an installed back end."
    why_text = "A back end is found by its name. Installed: {known}."
    fix_text = "Set S2I_BACKEND to one of them, or unset it to serve HTTP."

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(name=name, known=", ".join(known) or "none")


class BackendWithoutWords(WrittenProblem):
    """Arguments follow the name of a back end that accepts none."""

    code = "backend-without-words"
    exit_status = 2
    what_text = "Back end {name} takes no arguments; got: {arguments}."
    why_text = "It is configured only by environment variables."
    fix_text = "Remove the arguments, and set environment variables instead."

    def __init__(self, name: str, arguments: Iterable[str]) -> None:
        super().__init__(name=name, arguments=" ".join(arguments))


class DefaultMissing(WrittenProblem):
    """The back end calls `predictor`, but the notebook defines only `predictors`."""

    code = "default-missing"
    what_text = "{back_end} needs predictor, and the notebook defines only predictors: {names}."
    why_text = "Its samples don't name a predictor, so each goes to the default one."
    fix_text = "Define predictor in the notebook, or serve HTTP or gRPC, where each predictor has its name."

    def __init__(self, back_end: str, names: Iterable[str]) -> None:
        super().__init__(back_end=back_end, names=", ".join(names))


class ModelNameTaken(WrittenProblem):
    """The model's name is also the name of one of the notebook's `predictors`."""

    code = "model-name-taken"
    what_text = "The model's name {name!r} is also the name of one of the notebook's predictors."
    why_text = "Paths such as /v2/models/{name}/infer would be ambiguous."
    fix_text = "Set S2I_MODEL_NAME to another name, or rename the key in predictors."

    def __init__(self, name: str) -> None:
        super().__init__(name=name)


class SettingFromRepository(WrittenProblem):
    """A setting that protects the service gets its value from the repository, which is not allowed to set it."""

    code = "setting-from-repository"
    what_text = "The repository's .s2i/environment has set {names}, which only the platform may set."
    why_text = (
        "Such values don't count, and without these settings the service could be open to more people than intended. "
        "The same value, set when the service starts, can't be distinguished from the repository's."
    )
    fix_text = (
        "Remove the lines from .s2i/environment, build the image again, and set {names} when the service starts. Or "
        "start it with other values, such as another path of the same file."
    )

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(names=", ".join(names))


class HelpUnwritten(WrittenProblem):
    """A back end's help or report can't be written."""

    code = "help-unwritten"
    what_text = "stdout can't be written: {reason}."
    why_text = "The output goes only to stdout."
    fix_text = "Free disk space, or check why the reading process exited."

    def __init__(self, error: OSError) -> None:
        super().__init__(reason=error.strerror or error)


class BatchWords(WrittenProblem):
    """The arguments of `batch` are not valid."""

    code = "batch-words"
    exit_status = 2
    what_text = "{what}"
    why_text = "{why}"
    fix_text = "Run 'batch --help' for all arguments and options."

    def __init__(self, what: str, why: str = "The job would read, score or write the wrong files.") -> None:
        super().__init__(what=what, why=why)


class BatchInput(WrittenProblem):
    """An input can't be read, or does not match its format."""

    code = "batch-input"
    what_text = "{name} can't be scored: {reason}."
    why_text = "Rows that can't be read would be missing from the result."
    fix_text = "{fix}"

    def __init__(self, name: str, reason: str, fix: str = "") -> None:
        default = "Fix the file, or set its format with --from. Run the same command again to resume."
        super().__init__(name=name, reason=reason, fix=fix or default)


class BatchOutput(WrittenProblem):
    """The scored rows can't be written."""

    code = "batch-output"
    what_text = "{name} can't be written: {reason}."
    why_text = "The predictions would be lost."
    fix_text = "{fix}"

    def __init__(self, name: str, reason: str, fix: str = "") -> None:
        default = "Free disk space, or give this user write permission there. Run the same command again to resume."
        super().__init__(name=name, reason=reason, fix=fix or default)


class BatchNeedsMore(WrittenProblem):
    """A format needs a library that this service does not include."""

    code = "batch-needs-more"
    what_text = "{what} needs pyarrow, which is not installed."
    why_text = "pyarrow is 150 MB, so it is optional. CSV, NDJSON, JSON, npy and gzip work without it."
    fix_text = (
        "Build the service with a builder image that includes it ('nb-builder builder --batch'); without containers, "
        "set BATCH=1 for 'nb-builder batch'."
    )

    def __init__(self, what: str) -> None:
        super().__init__(what=what)


class BatchJournal(WrittenProblem):
    """The folder contains an unfinished job that differs from the one requested now."""

    code = "batch-journal"
    what_text = "{folder} contains an unfinished job that differs from this one: {difference}."
    why_text = "Resuming it would mix the predictions of two jobs in one file."
    fix_text = "Rerun with the original options, inputs and model, or discard that job with --restart."

    def __init__(self, folder: str | Path, difference: str) -> None:
        super().__init__(folder=folder, difference=difference)


class BatchEndedEarly(WrittenProblem):
    """More rows failed than --max-errors allows."""

    code = "batch-max-errors"
    exit_status = 4
    what_text = "{failed} of {rows} rows failed, more than --max-errors {limit} allows. The last: {reason}{where}"
    why_text = "So many failures usually mean that the input or the model is wrong."
    fix_text = "Fix the input, or allow more errors. Finished rows are kept; --restart discards them and starts again."

    def __init__(self, rejected: int, rows: int, limit: str, reason: str, errors: str = "") -> None:
        where = f" All of them are in {errors}." if errors else ""
        super().__init__(failed=rejected, rows=rows, limit=limit, reason=reason, where=where)


class BatchUnscored(WrittenProblem):
    """The scorers stopped, so the remaining rows can't be scored."""

    code = "batch-unscored"
    what_text = "The rows can't be scored: {reason}."
    why_text = "Only a running scorer, a process that holds the model, can score them."
    fix_text = "Fix the cause in the log above. Finished rows are kept; run the same command again to resume."

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


class SparkModelWords(WrittenProblem):
    """`spark-model` was called with wrong arguments."""

    code = "spark-model-words"
    exit_status = 2
    what_text = "{what}"
    why_text = "The command writes one archive to stdout."
    fix_text = "Redirect its output to a file: spark-model > model.zip."

    def __init__(self, what: str) -> None:
        super().__init__(what=what)


class ModelWords(WrittenProblem):
    """`model` was called with wrong arguments."""

    code = "model-words"
    exit_status = 2
    what_text = "{what}"
    why_text = "The command writes one archive to stdout."
    fix_text = "Redirect its output to a file: model > model.tar."

    def __init__(self, what: str) -> None:
        super().__init__(what=what)


class ZipappWords(WrittenProblem):
    """`zipapp` was called with wrong arguments."""

    code = "zipapp-words"
    exit_status = 2
    what_text = "{what}"
    why_text = "The command writes one file to stdout."
    fix_text = "Redirect its output to a file: zipapp > model.pyz."

    def __init__(self, what: str) -> None:
        super().__init__(what=what)


class ZipappTooLarge(WrittenProblem):
    """The model and its packages exceed the size of a single file that Python can run."""

    code = "zipapp-too-large"
    what_text = "With {name} the file would be larger than {limit} GB."
    why_text = "Up to version 3.12, Python can't run larger files."
    fix_text = (
        "Leave the packages out (omit --wheels, or --with-wheels in a container), or use the image, or the 'model' "
        "archive."
    )

    def __init__(self, name: str, most: int) -> None:
        super().__init__(name=name, limit=f"{most / 1e9:.0f}")


class WheelImpossible(WrittenProblem):
    """A package of the model's environment can't be included as a wheel."""

    code = "wheel-impossible"
    what_text = "{name} can't be packed as a wheel: {reason}."
    why_text = "--with-wheels is for machines without a package index, so every package must be included."
    fix_text = "Pin a released version of it in the requirements and build again, or export without wheels."

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name=name, reason=reason)


class ArchiveOutput(WrittenProblem):
    """An archive of the model, for Spark or other uses, can't be written."""

    code = "archive-output"
    what_text = "The archive can't be written: {reason}."
    why_text = "A partial archive can't be unpacked."
    fix_text = "Free disk space, or check why the reading process exited; then write the archive again."

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


class SparkArchive(WrittenProblem):
    """The archive passed to nb_spark can't be used."""

    code = "spark-archive"
    what_text = "{name} is not a usable model archive: {reason}."
    why_text = "An executor needs the complete and unchanged archive that spark-model wrote."
    fix_text = (
        "Write it again with 'nb-builder spark-model', under a name that no other archive of this Spark application "
        "has."
    )

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name=name, reason=reason)


class SparkPython(WrittenProblem):
    """An executor has no Python that can run the model."""

    code = "spark-python"
    what_text = "The model needs Python {minor}, which is not installed on this executor."
    why_text = (
        "Only the minor version of Python that saved a model can load it, and the archive contains no Python. Tried: "
        "{tried}."
    )
    fix_text = "Install python{minor} on PATH of the executors, or build the model with the cluster's Python."

    def __init__(self, minor: str, tried: Iterable[str]) -> None:
        super().__init__(minor=minor, tried=", ".join(tried) or "none")


class SparkColumns(WrittenProblem):
    """The columns passed to nb_spark don't match the table."""

    code = "spark-columns"
    what_text = "{what}"
    why_text = "Scoring the wrong columns would give wrong predictions."
    fix_text = "{fix}"

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what=what, fix=fix)


class SparkUnscored(WrittenProblem):
    """The scorers on an executor stopped."""

    code = "spark-unscored"
    what_text = "The rows can't be scored on this executor: {reason}."
    why_text = "Only a running scorer, a process that holds the model, can score them."
    fix_text = "Read this executor's stderr, which contains the scorers' log. Spark retries the task elsewhere."

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


class BusUnset(WrittenProblem):
    """A setting that the back end `bus` needs is not set."""

    code = "bus-unset"
    what_text = "{name} is not set."
    why_text = "The back end bus needs the broker's address, the place of the samples, and the place for predictions."
    fix_text = (
        "Set S2I_BUS_URL, S2I_BUS_IN and S2I_BUS_OUT, for example to nats://broker:4222, samples and predictions."
    )

    def __init__(self, name: str) -> None:
        super().__init__(name=name)


class BusUrl(WrittenProblem):
    """S2I_BUS_URL is not the address of a broker."""

    code = "bus-url"
    what_text = "S2I_BUS_URL is not valid: {reason}."
    why_text = "Its scheme selects the kind of broker, and the rest is the broker's address."
    fix_text = (
        "Write it as scheme://host:port; separate several addresses with commas; write / and @ in a password as %2F "
        "and %40."
    )

    def __init__(self, reason: str) -> None:
        # The value is not shown: it may contain a password.
        super().__init__(reason=reason)


class BusNeedsMore(WrittenProblem):
    """A broker needs a client library that this service does not include."""

    code = "bus-needs-more"
    what_text = "{title} needs the library {library}, which is not installed."
    why_text = "Each broker needs its own client library. This service has those for: {installed}."
    fix_text = "Build the service with a builder image that includes it ('nb-builder builder --bus {extra}')."

    def __init__(self, title: str, library: str, extra: str, here: Iterable[str]) -> None:
        super().__init__(title=title, library=library, extra=extra, installed=", ".join(here) or "none")


class BusFile(WrittenProblem):
    """A file that S2I_BUS_… names can't be used."""

    code = "bus-file"
    what_text = "The file named by {name} can't be used: {reason}."
    why_text = "Without it, the broker would reject this service, or the service could not verify the broker."
    fix_text = "Mount the file at that path, readable by this user; certificates and keys must be PEM."

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name=name, reason=reason)


class GrpcMissing(WrittenProblem):
    """S2I_GRPC_PORT is set, but this service does not include gRPC."""

    code = "grpc-missing"
    what_text = "S2I_GRPC_PORT is set, but gRPC is not installed."
    why_text = "gRPC adds 25 MB, so it is optional."
    fix_text = (
        "Build the service with a builder image that includes it ('nb-builder builder --grpc'), or unset S2I_GRPC_PORT."
    )

    def __init__(self) -> None:
        super().__init__()


class GrpcFile(WrittenProblem):
    """A file that S2I_GRPC_… names can't be used."""

    code = "grpc-file"
    what_text = "The file named by {name} can't be used: {reason}."
    why_text = "Without it, gRPC would be unencrypted, or would accept clients without a certificate."
    fix_text = "Mount the file at that path, readable by this user; certificates and keys must be PEM."

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name=name, reason=reason)


class PortTaken(WrittenProblem):
    """The service can't listen on its address."""

    code = "port-taken"
    what_text = "Can't listen on {host} port {port}: {reason}."
    why_text = "A service needs a free port that this user may listen on."
    fix_text = "Set {setting} to a free port above 1023, or stop the process that listens there."

    def __init__(self, host: str, port: int, reason: str | None, setting: str = "PORT") -> None:
        super().__init__(host=host, port=port, reason=reason, setting=setting)


class ApiKeyUnreadable(WrittenProblem):
    """S2I_API_KEY_FILE is set, but no key can be read from it."""

    code = "api-key-unreadable"
    what_text = "S2I_API_KEY_FILE={path!r} can't be used: {reason}."
    why_text = "Without a key, the service would accept every client, or none."
    fix_text = "Mount a file there that this user can read, with one key per line, or unset the setting."

    def __init__(self, path: str | Path, reason: object) -> None:
        super().__init__(path=path, reason=reason)


class VerifyUnusable(WrittenProblem):
    """The service must verify models, but the file in S2I_VERIFY_KEY_FILE or S2I_VERIFY_CA_FILE can't be used."""

    code = "verify-unusable"
    what_text = "{setting}={value!r} can't be used: {reason}."
    why_text = "Without it no signature can be verified, and an unverified model is not loaded."
    fix_text = "Mount a PEM file there that this user can read, with the signer's public key or certificate authority."

    def __init__(self, setting: str, value: str, reason: str) -> None:
        super().__init__(setting=setting, value=value, reason=reason)


class ModelUnsigned(WrittenProblem):
    """The service must verify models, but this model has no signature."""

    code = "model-unsigned"
    what_text = "The model in {folder} is not signed: it has no {file}."
    why_text = "A model runs code when it is loaded, so this service only loads models of trusted signers."
    fix_text = "Sign it with 'nb-builder sign IMAGE --key KEY', or build it with S2I_SIGN_KEY_FILE."

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder=folder, file=paths.SIGNATURE)


class SignatureInvalid(WrittenProblem):
    """The signature of a model is not valid, or its signer is not trusted."""

    code = "signature-invalid"
    what_text = "The signature of the model in {folder} is not valid: {reason}."
    why_text = "A model runs code when it is loaded, so this service only loads models of trusted signers."
    fix_text = "Sign the model with a key that the service trusts, or add the signer's key to S2I_VERIFY_KEY_FILE."

    def __init__(self, folder: object, reason: str) -> None:
        super().__init__(folder=folder, reason=reason)


_MODEL_PROBLEMS = {
    kind.code: kind
    for kind in (
        *(ModelMissing, ModelFormatUnknown, ModelPythonDiffers, ModelDamaged),
        *(ModelNotAsSigned, ModelNeedsGpu, ModelLoadFailed, SetupFailed),
    )
}


class WeightsUnavailable(WrittenProblem):
    """A source of weights can't be listed or read."""

    code = "weights-unavailable"
    what_text = "The weights of {source} can't be fetched: {reason}."
    why_text = "The notebook loads these files, so its model can't predict without them."
    fix_text = (
        "Check the address, the network and the credentials. They are read again at each attempt, from environment "
        "variables or files."
    )

    def __init__(self, source: object, reason: str) -> None:
        super().__init__(source=source, reason=reason.rstrip("."))


class WeightsDiffer(WrittenProblem):
    """A file of weights differs from the one in weights.lock."""

    code = "weights-differ"
    what_text = "{names} from {where} has {kind} in weights.lock."
    why_text = "The model was verified with other files, so its predictions could differ."
    fix_text = "Provide the files that weights.lock lists, or build again to verify the model with the new ones."

    def __init__(self, names: str, where: str, kind: str) -> None:
        super().__init__(names=names, where=where, kind=kind)


class WeightsNotThere(WrittenProblem):
    """The folder that a setting names contains none of the weights."""

    code = "weights-not-there"
    what_text = "{setting}={folder} contains no weights for {entry}: {file} is missing."
    why_text = "According to the setting, a platform has mounted them, so they are not fetched."
    fix_text = "Mount the files at {folder}/{entry}, or unset {setting} to have them fetched."

    def __init__(self, setting: str, folder: object, entry: str, file: str) -> None:
        super().__init__(setting=setting, folder=folder, entry=entry, file=file)


class WeightsDisk(WrittenProblem):
    """Weights can't be stored."""

    code = "weights-disk"
    what_text = "Weights can't be written to {folder}: {reason}."
    why_text = "Fetched files are kept there, and links to them in a folder of /tmp."
    fix_text = "Mount a writable volume with enough space, and set S2I_WEIGHTS_CACHE to it."

    def __init__(self, folder: object, reason: str) -> None:
        super().__init__(folder=folder, reason=reason)


class WeightsLibrary(WrittenProblem):
    """The library that reads a source of weights is not installed."""

    code = "weights-library"
    what_text = "The weights of {source} can't be fetched: {reason}."
    why_text = "Only file:// and https:// work without further libraries."
    fix_text = (
        "Make the builder image with 'nb-builder builder --weights'. On your own machine, set WEIGHTS=1 and run "
        "the command again."
    )

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(source=source, reason=reason)


class WeightsTooLarge(WrittenProblem):
    """The sources contain more weights than a build may fetch."""

    code = "weights-too-large"
    what_text = (
        "The sources of the weights contain {found}. The limits are {most} bytes (S2I_WEIGHTS_MAX) and 10000 files."
    )
    why_text = "A source that grows would fill the disk."
    fix_text = "Select files with patterns, the third element of an entry, or increase S2I_WEIGHTS_MAX."

    def __init__(self, found: str, most: int) -> None:
        super().__init__(found=found, most=most)


class WeightsLeftOut(WrittenProblem):
    """A model with weights is exported to a format that can't contain them."""

    code = "weights-left-out"
    what_text = "This model loads weights ({folder}), and {form} does not contain them."
    why_text = "Without them it could not predict; this form does not support weights yet."
    fix_text = "Serve the image itself."

    def __init__(self, folder: str, form: str) -> None:
        super().__init__(folder=folder, form=form)


def model_problem(facts: dict) -> Problem:
    """Return the problem that a process of the model Python reported as `facts` (code, what, why, fix)."""
    kind = _MODEL_PROBLEMS.get(facts["code"], ModelLoadFailed)
    return kind.from_json({**facts, "code": kind.code})


def load_ended(ending: str) -> Problem:
    """Return the problem of a process that exited without a report while it loaded the model."""
    return _load_failed(
        what=f"The model did not load: its process {ending} while loading.",
        why="A model whose loading crashes, exits or runs out of memory can't be served.",
        fix="Fix the cause in the log above. If the process was killed (signal 9), give the container more memory.",
    )


def load_did_not_end(seconds: float) -> Problem:
    """Return the problem of a process that did not finish loading the model within `seconds`."""
    return _load_failed(
        what=f"The model did not load within {seconds:g} seconds.",
        why="The service is not ready until its model has loaded.",
        fix="Raise S2I_VERIFY_TIMEOUT, or reduce the data that predictor refers to: all of it is saved and loaded.",
    )


def load_not_started(python: object, reason: str) -> Problem:
    """Return the problem of a model whose Python can't be run."""
    return _load_failed(
        what=f"The Python of the model, {python}, does not start: {reason}.",
        why="The interpreter of the notebook's environment loads the model.",
        fix="Build the notebook again on this machine.",
    )


def golden_damaged(path: object, reason: str) -> Problem:
    """Return the problem of golden rows that are not valid."""
    return not_as_written(path, reason, "The golden rows decide whether a service is ready.")


def not_as_written(
    path: object, reason: str, why: str = "A truncated or changed file could give other predictions."
) -> Problem:
    """Return the problem of a model file whose content is not what assemble wrote."""
    return model_problem(
        {
            "code": ModelDamaged.code,
            "what": f"{path} has changed since the build: {reason}.",
            "why": why,
            "fix": "Build the notebook again, or copy the model folder again.",
        }
    )


def not_as_signed(folder: object, reason: str) -> Problem:
    """Return the problem of a model folder that differs from its signature."""
    return model_problem(
        {
            "code": ModelNotAsSigned.code,
            "what": f"{folder} is not the model that was signed: {reason}.",
            "why": "The signature is for other files, and loading an untrusted model would run its code.",
            "fix": "Find out who changed it, and copy the signed model again. If you changed it, sign it again.",
        }
    )


def unreadable(path: object, error: OSError) -> Problem:
    """Return the problem of a file or folder of the model that can't be read."""
    if isinstance(error, PermissionError):
        return model_unreadable(path)
    return not_as_written(path, f"it can't be read ({error.strerror})")


def model_unreadable(path: object) -> Problem:
    """Return the problem of a model without read permission for this user."""
    return model_problem(
        {
            "code": ModelMissing.code,
            "what": f"The model can't be read: user {os.getuid()} has no permission for {path}.",
            "why": "A service can run as any user that can read the files of the build.",
            "fix": "Give group 0 access ('chmod -R g=u', and run with group 0), or run as the user who built it.",
        }
    )


def _load_failed(**sentences: str) -> Problem:
    return model_problem({"code": ModelLoadFailed.code, **sentences})
