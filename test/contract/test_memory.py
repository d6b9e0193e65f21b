"""What many scorers of a large model cost where forking is safe: the model once."""

from pathlib import Path

from contract.services import children

MODEL_MB = 200
NOTEBOOK = f"""
    import numpy
    weights = numpy.random.default_rng(0).integers(0, 256, {MODEL_MB} << 20, dtype="uint8")
    def predictor(x):
        return int(weights[x])
    examples = [1]
"""


def megabytes(pid: int, file: str, name: str) -> float:
    """Return the field `name` of /proc/PID/FILE, which counts kB."""
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def test_forked_scorers_share_the_model_and_loading_it_takes_little_more_than_its_size(start):
    service = start(NOTEBOOK, WEB_CONCURRENCY="4", S2I_SCORER_START="fork").ready()
    assert {service.predict(n)[0] for n in range(100)} == {200}
    # The app is another child, once the front has had time to start it.
    (zygote,) = (child for child in children(service.process.pid) if children(child))
    held = sum(megabytes(pid, "smaps_rollup", "Pss") for pid in [zygote, *service.scorers])
    assert held <= MODEL_MB + 4 * 40
    assert megabytes(zygote, "status", "VmHWM") <= 2.2 * MODEL_MB
