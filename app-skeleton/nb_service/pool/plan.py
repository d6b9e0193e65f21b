"""How the scorers of a model shall start: how many, with how many native threads, forked or not."""

import os
import re
from typing import NamedTuple

from nb_scorer.protocol import launch, log_forms
from nb_scorer.protocol.orders import FORK, SPAWN

from nb_service import cores
from nb_service.model_folder import ModelFolder
from nb_service.settings import Settings

# One knob for each library that starts threads of its own.
THREAD_KNOBS = (
    "OMP_NUM_THREADS",
    # A model of scikit-learn has kept how many there were where it was trained, and asks for them again.
    "OMP_THREAD_LIMIT",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "POLARS_MAX_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
)
# Where Python writes temporary files if nobody says otherwise (tempfile.gettempdir).
TEMPORARY = ("/tmp", "/var/tmp", "/usr/tmp")  # noqa: S108 - looked at, and nothing made in them
# Container engines mount it, writable, also beside a read-only root.
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the same
CA_KNOBS = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
# Readiness asks this many golden rows at most.
GOLDEN_ROWS = 20
# And begins no further row after so many seconds: slow predictors must get ready too.
GOLDEN_SECONDS = 10.0


class Plan(NamedTuple):
    """All that a Pool needs to know; `sure` is False where the zygote's threads decide after loading."""

    mode: str
    sure: bool
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
    max_requests: int = 0
    log_format: str = log_forms.PLAIN


def make_plan(model: ModelFolder, settings: Settings, environ: dict) -> Plan:
    """Return the plan for serving `model` with these settings."""
    scorers = settings.web_concurrency
    threads = native_threads(environ, scorers)
    mode, sure, reason = start_mode(settings.scorer_start, model.manifest, threads)
    return Plan(
        mode=mode,
        sure=sure,
        reason=reason,
        scorers=scorers,
        threads=threads,
        environment=environment(environ, threads, settings.ca_bundle),
        predict_timeout=settings.predict_timeout,
        max_queue=settings.max_queue,
        golden=tuple(model.golden_rows(GOLDEN_ROWS)),
        compare=model.manifest.get("deterministic") is not False,
        tolerance=model.manifest.get("tolerance", settings.tolerance),
        patience=GOLDEN_SECONDS,
        batch=settings.max_batch if is_batched(model.manifest) else 1,
        max_requests=settings.max_requests,
        log_format=settings.log_format,
    )


def is_batched(manifest: dict) -> bool:
    """Return whether the build compared a batch_predictor with predictor: it may be used then."""
    return bool(manifest.get("batch_predictor") and manifest.get("golden"))


def start_mode(setting: str, manifest: dict, threads: int) -> tuple[str, bool, str]:
    """Return (mode, whether that is final, why)."""
    if setting != "auto":
        return setting, True, "S2I_SCORER_START says so"
    proved, held_for = manifest.get("scorer_start"), manifest.get("scorer_threads")
    if proved == SPAWN:
        return SPAWN, True, manifest.get("scorer_start_reason") or "the build found forking unsafe"
    if proved == FORK and held_for == threads:
        return FORK, True, "proved by the golden rows at build time"
    if proved == FORK:
        return FORK, False, f"proved for {held_for} native threads, and {threads} are set"
    return FORK, False, "no golden row proved it at build time"


def native_threads(environ: dict, scorers: int) -> int:
    """Return how many threads a scorer's libraries may use: the user's word, else its share of the CPUs."""
    said = environ.get("OMP_NUM_THREADS", "").split(",")[0]
    # Digits of other scripts, and thousands of digits, are no number of threads.
    if re.fullmatch("[0-9]{1,6}", said) and int(said) > 0:
        return int(said)
    return max(1, cores.available() // scorers)


def environment(environ: dict, threads: int, ca_bundle: str = "") -> dict:
    """Return the scorers' environment: the user's own, and what it leaves unsaid on threads, CAs and where to write."""
    made = launch.environment(environ)
    if not any(map(_may_write, temporary_folders(made))) and _may_write(SHARED_MEMORY):
        # matplotlib, for one, can't be imported where nothing can be written.
        made["TMPDIR"] = SHARED_MEMORY
    for knob in THREAD_KNOBS:
        made.setdefault(knob, str(threads))
    if ca_bundle and os.path.isfile(ca_bundle) and os.path.getsize(ca_bundle):
        made.update(dict.fromkeys(CA_KNOBS, ca_bundle))
    return made


def temporary_folders(environ: dict) -> list[str]:
    """Return where Python puts temporary files, if it may write there: the first that is writable counts."""
    named = [environ[name] for name in ("TMPDIR", "TEMP", "TMP") if environ.get(name)]
    return [*named, *TEMPORARY]


def _may_write(folder: str) -> bool:
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)
