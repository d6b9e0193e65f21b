"""Plans how a model's scorers start: how many, with how many native threads, and whether they are forked."""

import os
import re
import sys
from typing import NamedTuple

from nb_scorer.common import paths
from nb_scorer.model.manifest import is_batched
from nb_scorer.protocol import launch, log_forms
from nb_scorer.protocol.orders import FORK, SPAWN

from nb_service import cores, gpus
from nb_service.gpus import Gpus
from nb_service.model_folder import ModelFolder
from nb_service.settings import Settings

THREAD_LIMIT = "OMP_THREAD_LIMIT"
# One environment variable per library that starts its own threads.
THREAD_KNOBS = (
    "OMP_NUM_THREADS",
    # A scikit-learn model stores the number of threads used for training, and uses as many again.
    THREAD_LIMIT,
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "POLARS_MAX_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
)
# Python's default folders for temporary files (tempfile.gettempdir).
TEMPORARY = ("/tmp", "/var/tmp", "/usr/tmp")  # noqa: S108 - looked at only; nothing is created in them
# Container engines mount this writable, even with a read-only root file system.
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the same
CA_KNOBS = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
# Before a scorer is ready, it answers at most this many golden rows.
GOLDEN_ROWS = 20
# macOS: a forked process may crash or hang in Accelerate, CoreFoundation or OpenMP.
UNFORKABLE_SYSTEMS = ("darwin",)
# It starts no further golden row after this many seconds, so that services with slow predictors become ready, too.
GOLDEN_SECONDS = 10.0


# The size limit of an answer: this multiple of the largest request, and at least this many bytes.
ANSWERS_TO_BODIES = 8
MIN_BOUND = 128 << 20
# How samples that wait together are scored.
BATCH_PREDICTOR, DERIVED, ONE_BY_ONE = "batch_predictor", "derived", "one by one"


class Plan(NamedTuple):
    """The configuration of a Pool.

    `mode_is_final` is False if the build has not verified that this model may be forked; the number of threads in the
    zygote after loading then decides. `patience` is the time in seconds after which no further golden row is started.
    """

    mode: str
    mode_is_final: bool
    reason: str
    scorers: int
    threads: int
    environment: dict
    predict_timeout: float
    max_queue: int
    golden: tuple = ()
    repeats: int = 1
    compare: bool = True
    tolerance: float = 1e-6
    patience: float | None = None
    batch: int = 1
    # How many requests a scorer may serve at a time; and why it is only one although more are set, or "".
    concurrency: int = 1
    why_not_concurrent: str = ""
    max_requests: int = 0
    log_format: str = log_forms.PLAIN
    # Whether scorers may score waiting samples, or those of one array, together; and how.
    batching: bool = True
    form: str = ONE_BY_ONE
    # The GPUs, one per scorer; and whether to start a scorer for each GPU if the model uses them.
    gpus: Gpus = gpus.NONE
    one_a_gpu: bool = False
    # Limits for decoding pictures.
    max_pixels: int = 89478485
    max_frames: int = 1000
    # The maximum size of a scorer's answer in bytes.
    largest_answer: int = 1 << 30
    # Whether scorers call the notebook's setup and teardown; the time limit of setup in seconds; and that of teardown
    # when a scorer is replaced, None without a teardown.
    runs_setup: bool = True
    setup_seconds: float = 300.0
    teardown_seconds: float | None = None
    # The environment of the process that provides the model's weights; None for a model without weights.
    weights_environment: dict | None = None


def make_plan(model: ModelFolder, settings: Settings, environ: dict) -> Plan:
    """Return the plan for serving `model` with these settings."""
    scorers = settings.web_concurrency
    threads = native_threads(environ, scorers)
    shown = gpus.visible(environ)
    mode, is_final, reason = start_mode(settings.scorer_start, model.manifest, threads, has_gpus=bool(shown.names))
    # If any of several predictors is scored in batches, samples are sent together.
    manifests = [model.manifest, *(each.manifest for each in model.predictors.values())]
    concurrency, why_not_concurrent = concurrency_of(model.manifest, settings.concurrency)
    # Requests that a scorer works on at a time are not collected for one call.
    batching = settings.batching == "auto" and concurrency == 1
    forms = [ONE_BY_ONE if concurrency > 1 else form_of(each, batching=batching) for each in manifests]
    form = next((form for form in forms if form != ONE_BY_ONE), ONE_BY_ONE)
    most = max(map(most_of, manifests, forms))
    return Plan(
        mode=mode,
        mode_is_final=is_final,
        reason=reason,
        scorers=scorers,
        threads=threads,
        environment=environment(
            environ, threads, settings.ca_bundle, shown, has_limit=model.manifest.get("thread_limit", True)
        ),
        predict_timeout=settings.predict_timeout,
        max_queue=settings.max_queue,
        golden=tuple(model.all_golden_rows(GOLDEN_ROWS)),
        compare=model.manifest.get("deterministic") is not False,
        tolerance=model.manifest.get("tolerance", settings.tolerance),
        patience=GOLDEN_SECONDS,
        batch=min(settings.max_batch, most),
        concurrency=concurrency,
        why_not_concurrent=why_not_concurrent,
        max_requests=settings.max_requests,
        max_pixels=settings.max_pixels,
        max_frames=settings.max_frames,
        log_format=settings.log_format,
        # An explicit batch_predictor is always used, whatever the setting for derived batch forms.
        batching=form == BATCH_PREDICTOR or batching,
        form=form if settings.max_batch > 1 else ONE_BY_ONE,
        gpus=shown,
        one_a_gpu=settings.scorers_by_default and bool(shown.names),
        largest_answer=max(MIN_BOUND, ANSWERS_TO_BODIES * settings.max_body),
        setup_seconds=settings.setup_timeout,
        teardown_seconds=settings.grace if model.manifest.get("teardown") else None,
        weights_environment=environ if (model.folder / paths.WEIGHTS_LOCK).is_file() else None,
    )


def concurrency_of(manifest: dict, setting: int) -> tuple[int, str]:
    """Return (how many requests a scorer may serve at a time, why that is fewer than the setting, or "")."""
    verified = manifest.get("concurrency")
    if setting == 1:
        return 1, ""
    if verified is None:
        return 1, "predictor is not an async def, or the model was built before this was verified"
    return (1, verified["reason"]) if verified["reason"] else (setting, "")


def form_of(manifest: dict, *, batching: bool) -> str:
    """Return how waiting samples are scored together; `batching` is whether a derived batch form may be used."""
    if is_batched(manifest):
        return BATCH_PREDICTOR
    proved = (manifest.get("batching") or {}).get("pays_from") is not None
    return DERIVED if batching and proved else ONE_BY_ONE


def most_of(manifest: dict, form: str) -> int:
    """Return how many samples may be scored in one call: for a derived batch form, as many as were verified."""
    if form == DERIVED:
        return manifest["batching"]["most"]
    return sys.maxsize if form == BATCH_PREDICTOR else 1


def start_mode(
    setting: str, manifest: dict, threads: int, *, has_gpus: bool = False, system: str = sys.platform
) -> tuple[str, bool, str]:
    """Return (mode, whether that is final, reason).

    Some libraries hang or crash in a forked process, which a pickle does not show. So forking is final only if the
    build has tried it with the same number of native threads, and there is no GPU, as in the build. Otherwise, the
    zygote's threads and libraries after loading decide.
    """
    if setting != "auto":
        return setting, True, "set by S2I_SCORER_START"
    proved, held_for = manifest.get("scorer_start"), manifest.get("scorer_threads")
    if system in UNFORKABLE_SYSTEMS:
        proved, manifest = SPAWN, {"scorer_start_reason": "forked processes can't use this system's libraries"}
    if proved == SPAWN:
        return SPAWN, True, manifest.get("scorer_start_reason") or "the build found forking unsafe"
    if proved == FORK and has_gpus:
        return FORK, False, "verified without a GPU"
    if proved == FORK and held_for == threads:
        return FORK, True, "verified with the golden rows at build time"
    if proved == FORK:
        return FORK, False, f"verified with {held_for} native threads, but {threads} are set"
    return FORK, False, "not verified, because there are no golden rows"


def native_threads(environ: dict, scorers: int) -> int:
    """Return how many threads a scorer's libraries may use: the user's setting, or its share of the CPUs."""
    setting = environ.get("OMP_NUM_THREADS", "").split(",")[0]
    # isdecimal() and int() would accept digits of other scripts, and thousands of digits.
    if re.fullmatch("[0-9]{1,6}", setting) and int(setting) > 0:
        return int(setting)
    return max(1, cores.available() // scorers)


def environment(
    environ: dict, threads: int, ca_bundle: str = "", shown: Gpus = gpus.NONE, *, has_limit: bool = True
) -> dict:
    """Return the scorers' environment: the user's own, completed for threads, CAs, GPUs and temporary files.

    Without `has_limit`, libraries may start more threads than that: some crash if they can't.
    """
    variables = launch.environment(environ)
    if len(shown.names) > 1:
        # A single GPU needs no variable, and CUDA itself knows the name of a part of one (MIG).
        variables[gpus.VISIBLE] = ",".join(shown.names)
    if not any(map(_may_write, temporary_folders(variables))) and _may_write(SHARED_MEMORY):
        # matplotlib, for example, can't be imported without a writable folder.
        variables["TMPDIR"] = SHARED_MEMORY
    for knob in THREAD_KNOBS:
        if has_limit or knob != THREAD_LIMIT:
            variables.setdefault(knob, str(threads))
    if ca_bundle and os.path.isfile(ca_bundle) and os.path.getsize(ca_bundle):
        variables.update(dict.fromkeys(CA_KNOBS, ca_bundle))
    return variables


def temporary_folders(environ: dict) -> list[str]:
    """Return the folders that Python tries for temporary files; it uses the first writable one."""
    folders = [environ[name] for name in ("TMPDIR", "TEMP", "TMP") if environ.get(name)]
    return [*folders, *TEMPORARY]


def _may_write(folder: str) -> bool:
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)
