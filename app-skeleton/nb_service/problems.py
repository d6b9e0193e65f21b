"""Every problem that a service can report to those who run it: what, why and fix, under a stable code."""

import os
from collections.abc import Iterable
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.common.problem import Problem, SettingInvalid
from nb_scorer.model.problems import (
    ModelDamaged,
    ModelFormatUnknown,
    ModelLoadFailed,
    ModelMissing,
    ModelNeedsGpu,
    ModelNotAsSigned,
    ModelPythonDiffers,
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
    "GrpcFile",
    "GrpcMissing",
    "HelpUnwritten",
    "ModelDamaged",
    "ModelFormatUnknown",
    "ModelLoadFailed",
    "ModelMissing",
    "ModelNeedsGpu",
    "ModelNotAsSigned",
    "ModelPythonDiffers",
    "ModelUnsigned",
    "ModelWords",
    "PortTaken",
    "Problem",
    "SettingInvalid",
    "SignatureInvalid",
    "SparkArchive",
    "SparkColumns",
    "SparkModelWords",
    "SparkPython",
    "SparkUnscored",
    "VerifyUnusable",
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


class BackendUnknown(Problem):
    """S2I_BACKEND does not name an installed back end."""

    code = "backend-unknown"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            what=f"S2I_BACKEND={name!r} is not a back end that is installed here.",
            why="A back end is found by its name; these are there: " + (", ".join(known) or "none") + ".",
            fix="Set S2I_BACKEND to one of them, or leave it out for http.",
        )


class BackendWithoutWords(Problem):
    """Arguments follow the name of a back end that takes none."""

    code = "backend-without-words"
    exit_status = 2

    def __init__(self, name: str, words: Iterable[str]) -> None:
        super().__init__(
            what=f"The back end {name} takes no words, and was given: {' '.join(words)}.",
            why="What follows a back end's name is its own; this one is told everything by settings.",
            fix="Leave the words out; docs/reference/settings.md lists the settings.",
        )


class HelpUnwritten(Problem):
    """A back end's help or report can't be written."""

    code = "help-unwritten"

    def __init__(self, error: OSError) -> None:
        super().__init__(
            what=f"stdout can't be written: {error.strerror or error}.",
            why="What was asked for is shown there, and nowhere else.",
            fix="Make room where it goes, or see why its reader has ended.",
        )


class BatchWords(Problem):
    """The arguments after `batch` are not valid."""

    code = "batch-words"
    exit_status = 2

    def __init__(self, what: str, why: str = "Nothing is guessed about what to read, score and write.") -> None:
        super().__init__(what=what, why=why, fix="`batch --help` shows all words; docs/how-to/score-files.md explains.")


class BatchInput(Problem):
    """An input can't be read, or is not in its format."""

    code = "batch-input"

    def __init__(self, name: str, reason: str, fix: str = "") -> None:
        super().__init__(
            what=f"{name} can't be scored: {reason}.",
            why="What can't be read as rows can't be counted, and rows must not vanish.",
            fix=fix or "Correct it, or say its format by --from; the same words then go on where this ended.",
        )


class BatchOutput(Problem):
    """The scored rows can't be written."""

    code = "batch-output"

    def __init__(self, name: str, reason: str, fix: str = "") -> None:
        super().__init__(
            what=f"{name} can't be written: {reason}.",
            why="Answers that can't be kept need not be computed.",
            fix=fix or "Make room or give this user the right to write there; the same words then go on from here.",
        )


class BatchNeedsMore(Problem):
    """A format needs a library that this service was built without."""

    code = "batch-needs-more"

    def __init__(self, what: str) -> None:
        super().__init__(
            what=f"{what} needs pyarrow, which is not here.",
            why="CSV, NDJSON, JSON, npy and gzip need nothing; pyarrow is 150 MB, which few services need.",
            fix="Build with a builder image made by `make build BATCH=1` (without containers: `BATCH=1 make batch …`).",
        )


class BatchJournal(Problem):
    """The job that was started here is not the one requested now."""

    code = "batch-journal"

    def __init__(self, folder: str | Path, difference: str) -> None:
        super().__init__(
            what=f"{folder} has a job that was begun and not ended, and it is another one: {difference}.",
            why="Going on would mix the answers of two jobs in one file.",
            fix="Give the words, inputs and model of then; or begin anew by --restart, which throws away what it has.",
        )


class BatchEndedEarly(Problem):
    """More rows were refused than --max-errors allows."""

    code = "batch-max-errors"
    exit_status = 4

    def __init__(self, refused: int, rows: int, limit: str, reason: str, errors: str = "") -> None:
        super().__init__(
            what=f"{refused} of {rows} rows were refused, which is more than --max-errors {limit} allows. The last: "
            f"{reason}" + (f" All of them are in {errors}." if errors else ""),
            why="A job of which so much fails is better looked at before it is scored to its end.",
            fix="Correct the input, or allow more; what is done is kept, and --restart begins anew.",
        )


class BatchUnscored(Problem):
    """The scorers are gone, so no more answers will come."""

    code = "batch-unscored"

    def __init__(self, reason: str) -> None:
        super().__init__(
            what=f"The rows can't be scored: {reason}.",
            why="Without a process that has the model nothing can be answered.",
            fix="Look at the log above; what is done is kept, and the same words go on from there.",
        )


class SparkModelWords(Problem):
    """`spark-model` was called with wrong arguments."""

    code = "spark-model-words"
    exit_status = 2

    def __init__(self, what: str) -> None:
        super().__init__(
            what=what,
            why="It writes one archive to stdout, and takes nothing else.",
            fix="Say where it shall go: spark-model > model.zip. docs/how-to/score-with-spark.md explains.",
        )


class ModelWords(Problem):
    """`model` was called with wrong arguments."""

    code = "model-words"
    exit_status = 2

    def __init__(self, what: str) -> None:
        super().__init__(
            what=what,
            why="It writes one archive to stdout, and nothing is guessed about what else is meant.",
            fix="Say where it shall go: model > model.tar. docs/how-to/sign-and-verify.md explains.",
        )


class ZipappWords(Problem):
    """`zipapp` was called with wrong arguments."""

    code = "zipapp-words"
    exit_status = 2

    def __init__(self, what: str) -> None:
        super().__init__(
            what=what,
            why="It writes one file to stdout, and nothing is guessed about what else is meant.",
            fix="Say where it shall go: zipapp > my-model. docs/how-to/run-a-model-directly.md explains.",
        )


class ZipappTooLarge(Problem):
    """The model and its packages are too large for Python to run from one file."""

    code = "zipapp-too-large"

    def __init__(self, name: str, most: int) -> None:
        super().__init__(
            what=f"With {name} the file would have more than {most / 1e9:.0f} GB.",
            why="Up to Python 3.12, no larger file can be run by Python itself.",
            fix="Leave packages out of it (without --with-wheels, or WHEELS=1), or take the image, or 'model'.",
        )


class WheelImpossible(Problem):
    """A package of the model's environment can't be included as a wheel."""

    code = "wheel-impossible"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            what=f"No wheel can be made of {name}: {reason}.",
            why="--with-wheels is for places that get packages from nowhere else: one that is missing would be missed.",
            fix="Have the requirements name a release of it, and build again; or export without wheels.",
        )


class ArchiveOutput(Problem):
    """An archive of the model, for Spark or anything else, can't be written."""

    code = "archive-output"

    def __init__(self, reason: str) -> None:
        super().__init__(
            what=f"The archive can't be written: {reason}.",
            why="A part of an archive can't be unpacked.",
            fix="Make room where it goes, or see why its reader has ended; then write it anew.",
        )


class SparkArchive(Problem):
    """The archive passed to nb_spark can't be used."""

    code = "spark-archive"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            what=f"{name} can't be used as the archive of a model: {reason}.",
            why="An executor can score only with the archive that spark-model wrote, whole and unchanged.",
            fix="Write it anew by spark-model, under a name that no other archive of this Spark application has.",
        )


class SparkPython(Problem):
    """An executor has no Python that can run the model."""

    code = "spark-python"

    def __init__(self, minor: str, tried: Iterable[str]) -> None:
        super().__init__(
            what=f"No Python {minor} is on this executor, and the model needs one.",
            why="A model is loaded by the minor version of Python that saved it, and the archive brings none. Tried: "
            + (", ".join(tried) or "nothing")
            + ".",
            fix=f"Have python{minor} on PATH of the executors, or build the model with the cluster's Python.",
        )


class SparkColumns(Problem):
    """The columns passed to nb_spark don't fit the table."""

    code = "spark-columns"

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what=what, why="Which column is meant is never guessed.", fix=fix)


class SparkUnscored(Problem):
    """The scorers on an executor can't answer."""

    code = "spark-unscored"

    def __init__(self, reason: str) -> None:
        super().__init__(
            what=f"The rows can't be scored on this executor: {reason}.",
            why="Without a process that has the model nothing can be answered.",
            fix="Look at this executor's stderr, where the scorers' log is. Spark tries the task again elsewhere.",
        )


class BusUnset(Problem):
    """A setting that the back end `bus` needs is not set."""

    code = "bus-unset"

    def __init__(self, name: str) -> None:
        super().__init__(
            what=f"{name} is not set.",
            why="The back end bus must know its broker, where samples come from, and where answers go.",
            fix="Set S2I_BUS_URL, S2I_BUS_IN and S2I_BUS_OUT, as in docs/how-to/score-from-a-bus.md.",
        )


class BusUrl(Problem):
    """S2I_BUS_URL is not the address of a broker."""

    code = "bus-url"

    def __init__(self, reason: str) -> None:
        # The value is not shown: it may have a password in it.
        super().__init__(
            what=f"S2I_BUS_URL can't be used: {reason}.",
            why="Its scheme says which broker this is, and the rest where it is.",
            fix="Write it as scheme://host:port, with commas between several; / and @ in a password as %2F and %40.",
        )


class BusNeedsMore(Problem):
    """A broker needs a library that this service was built without."""

    code = "bus-needs-more"

    def __init__(self, title: str, library: str, extra: str, here: Iterable[str]) -> None:
        super().__init__(
            what=f"{title} needs the library {library}, which is not here.",
            why=f"Each broker has a client of its own; this service has those for: {', '.join(here) or 'none'}.",
            fix=f"Build with a builder image made by `make build BUS={extra}`.",
        )


class BusFile(Problem):
    """A file that S2I_BUS_… names can't be used."""

    code = "bus-file"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            what=f"What {name} names can't be used: {reason}.",
            why="Without it the broker would refuse this service, or be trusted without a proof.",
            fix="Mount the file where the setting says, readable by this user; certificates and keys are PEM.",
        )


class GrpcMissing(Problem):
    """S2I_GRPC_PORT is set, and this service was built without gRPC."""

    code = "grpc-missing"

    def __init__(self) -> None:
        super().__init__(
            what="S2I_GRPC_PORT is set, and gRPC is not here.",
            why="Its libraries are 25 MB, which only those get who ask for them.",
            fix="Build with a builder image made by `make build GRPC=1`, or leave S2I_GRPC_PORT unset.",
        )


class GrpcFile(Problem):
    """A file that S2I_GRPC_… names can't be used."""

    code = "grpc-file"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            what=f"What {name} names can't be used: {reason}.",
            why="Without it gRPC would not be encrypted, or let in clients without a certificate.",
            fix="Mount the file where the setting says, readable by this user; certificates and keys are PEM.",
        )


class PortTaken(Problem):
    """The service can't listen on its address."""

    code = "port-taken"

    def __init__(self, host: str, port: int, reason: str | None, setting: str = "PORT") -> None:
        super().__init__(
            what=f"Can't listen on {host} port {port}: {reason}.",
            why="A service needs an address of its own that this user may listen on.",
            fix=f"Set {setting} to a free port above 1023, or stop what listens there.",
        )


class ApiKeyUnreadable(Problem):
    """S2I_API_KEY_FILE is set, but no key can be read from it."""

    code = "api-key-unreadable"

    def __init__(self, path: str | Path, reason: object) -> None:
        super().__init__(
            what=f"S2I_API_KEY_FILE={path!r} can't be used: {reason}.",
            why="Without a key to compare with, the service would be open, or closed to all.",
            fix="Mount a file there that this user may read, with one key a line; or leave the setting out.",
        )


class VerifyUnusable(Problem):
    """A model is to be verified, but the file named by S2I_VERIFY_KEY_FILE or S2I_VERIFY_CA_FILE can't be used."""

    code = "verify-unusable"

    def __init__(self, setting: str, value: str, reason: str) -> None:
        super().__init__(
            what=f"{setting}={value!r} can't be used: {reason}.",
            why="Without it no signature can be verified, and a model that is not verified is not loaded.",
            fix="Mount a PEM file there that this user may read; docs/how-to/sign-and-verify.md says what it holds.",
        )


class ModelUnsigned(Problem):
    """A model is to be verified, but has no signature."""

    code = "model-unsigned"

    def __init__(self, folder: str | Path) -> None:
        super().__init__(
            what=f"The model in {folder} is not signed: it has no {paths.SIGNATURE}.",
            why="A model runs code when it is loaded, so only one of a trusted signer is loaded here.",
            fix="Sign it (make sign SERVICE=… KEY=…), or build it with S2I_SIGN_KEY_FILE.",
        )


class SignatureInvalid(Problem):
    """The signature of a model is not one of a trusted signer."""

    code = "signature-invalid"

    def __init__(self, folder: object, reason: str) -> None:
        super().__init__(
            what=f"The signature of the model in {folder} does not count: {reason}.",
            why="A model runs code when it is loaded, so only one of a trusted signer is loaded here.",
            fix="Have it signed by whom this service trusts, or have the service trust its signer; "
            "docs/how-to/sign-and-verify.md says how.",
        )


_MODEL_PROBLEMS = {
    kind.code: kind
    for kind in (
        *(ModelMissing, ModelFormatUnknown, ModelPythonDiffers, ModelDamaged),
        *(ModelNotAsSigned, ModelNeedsGpu, ModelLoadFailed),
    )
}


def model_problem(facts: dict) -> Problem:
    """Return the problem that a process of the model Python reported as `facts` (code, what, why, fix)."""
    return _MODEL_PROBLEMS.get(facts["code"], ModelLoadFailed).from_json(facts)


def load_ended(ending: str) -> Problem:
    """Return the problem of a process that ended without a report while it loaded the model."""
    return _load_failed(
        what=f"The model did not load: its process {ending} while loading.",
        why="What crashes, exits or runs out of memory while loading can't be served.",
        fix="Look at the log above; give the container more memory if it was killed (signal 9).",
    )


def load_did_not_end(seconds: float) -> Problem:
    """Return the problem of a process that did not finish loading in time."""
    return _load_failed(
        what=f"The model did not load within {seconds:g} seconds.",
        why="A model that takes too long to load keeps a service from getting ready.",
        fix="Raise S2I_VERIFY_TIMEOUT, or let less be in the predictor's reach.",
    )


def load_not_started(python: object, reason: str) -> Problem:
    """Return the problem of a model Python that can't be run."""
    return _load_failed(
        what=f"The model Python {python} does not start: {reason}.",
        why="The model is loaded by the interpreter of the notebook's own environment.",
        fix="Run assemble again on this machine.",
    )


def golden_damaged(path: object, reason: str) -> Problem:
    """Return the problem of golden rows that are not valid."""
    return not_as_written(path, reason, "The golden rows decide whether a service is ready.")


def not_as_written(
    path: object, reason: str, why: str = "What was cut off or changed could be served as something else."
) -> Problem:
    """Return the problem of one of the model's files that does not have the content that assemble wrote."""
    return model_problem(
        {
            "code": ModelDamaged.code,
            "what": f"{path} is not what assemble wrote: {reason}.",
            "why": why,
            "fix": "Build the notebook again, or copy what assemble wrote again.",
        }
    )


def not_as_signed(folder: object, reason: str) -> Problem:
    """Return the problem of a model folder that has not the files that its signature stands for."""
    return model_problem(
        {
            "code": ModelNotAsSigned.code,
            "what": f"{folder} is not the model that was signed: {reason}.",
            "why": "The signature is right, and stands for other files; a model runs code when it is loaded.",
            "fix": "Find out who changed it, and copy the signed model again. Your own change has to be signed anew.",
        }
    )


def unreadable(path: object, error: OSError) -> Problem:
    """Return the problem of one of the model's files or folders that can't be read."""
    if isinstance(error, PermissionError):
        return model_unreadable(path)
    return not_as_written(path, f"it can't be read ({error.strerror})")


def model_unreadable(path: object) -> Problem:
    """Return the problem of a model that this user may not read."""
    return model_problem(
        {
            "code": ModelMissing.code,
            "what": f"There is no model that this user may read: {path} is closed to user {os.getuid()}.",
            "why": "A service may run as any user, who needs to read all that assemble wrote.",
            "fix": "Open it (chmod -R g=u, and run with group 0), or run as the user who built it.",
        }
    )


def _load_failed(**sentences: str) -> Problem:
    return model_problem({"code": ModelLoadFailed.code, **sentences})
