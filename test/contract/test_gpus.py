"""Services on machines with GPUs: how many scorers, which GPU each sees, how they start, and what is said of them.

No GPU is available. `nvidia_driver.c` stands in for the driver's management library, and an empty library for CUDA's:
a service only checks whether a process has loaded it.
"""

import json
import os
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest
from nb_service import cores

from contract import services

# Each answers with the GPU that its scorer sees, and the scorer's pid.
ASKS_NOTHING = """
    import os
    def predictor(x):
        return [os.environ.get("CUDA_VISIBLE_DEVICES"), os.getpid()]
    examples = [0]
"""
# Libraries load CUDA's driver with the first call that needs a GPU; where the model is made there is none.
ASKS = """
    import ctypes, os
    def predictor(x):
        if "GPUS" in os.environ:
            ctypes.CDLL("libcuda.so.1")
        return [os.environ.get("CUDA_VISIBLE_DEVICES"), os.getpid()]
    examples = [0]
"""
ASKS_WHILE_IT_LOADS = """
    import ctypes, os
    class Weights:
        def __reduce__(self):
            return ctypes.CDLL, ("libcuda.so.1",)
    weights = Weights()
    def predictor(x):
        return [os.environ.get("CUDA_VISIBLE_DEVICES") if weights else None, os.getpid()]
    examples = [0]
"""
# As the build, which has no GPU, says of a model that may be forked. The answers hold pids, so nothing compares them.
PROVED = {"scorer_start": "fork", "scorer_threads": 1, "deterministic": False}


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """Return the environment of a machine with a driver for two GPUs, and the default number of scorers."""
    folder = tmp_path_factory.mktemp("driver")
    nvml = Path(__file__).with_name("nvidia_driver.c")
    for library, source in (("libnvidia-ml.so.1", nvml), ("libcuda.so.1", "/dev/null")):
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", source, "-o", folder / library], check=True)
    return {"LD_LIBRARY_PATH": str(folder), "GPUS": "2", "WEB_CONCURRENCY": ""}


def seen_by_scorers(service, scorers):
    """Return the GPUs that each of that number of scorers sees, sorted."""
    seen = {}
    until = time.monotonic() + services.SOON
    while len(seen) < scorers and time.monotonic() < until:
        answers = service.ask(json.dumps(list(range(200))), "/predict/batch")[1]
        seen.update((pid, gpu) for gpu, pid in answers)
    return sorted(seen.values(), key=str)


def metrics(service):
    """Return the lines of /metrics about GPUs."""
    return [line for line in service.ask(None, "/metrics", "GET", {})[1].splitlines() if line.startswith("nb_gpu")]


def test_each_gpu_has_a_scorer_of_its_own(start, driver):
    service = start(ASKS, PROVED, **driver).ready()
    service.wait_for(r"with 2 scorers by fork \(verified without a GPU\), .*, on GPUs \(2 of NVIDIA Stand-in\), ")
    assert seen_by_scorers(service, 2) == ["GPU-1", "GPU-2"]
    assert metrics(service) == [
        'nb_gpu_scorers{gpu="GPU-1"} 1.0',
        'nb_gpu_scorers{gpu="GPU-2"} 1.0',
        'nb_gpu_memory_bytes{gpu="GPU-1",product="NVIDIA Stand-in"} 1.7179869184e+10',
        'nb_gpu_memory_bytes{gpu="GPU-2",product="NVIDIA Stand-in"} 1.7179869184e+10',
        'nb_gpu_memory_used_bytes{gpu="GPU-1",product="NVIDIA Stand-in"} 1.073741824e+09',
        'nb_gpu_memory_used_bytes{gpu="GPU-2",product="NVIDIA Stand-in"} 2.147483648e+09',
    ]


def test_scorers_are_not_forked_from_a_process_that_has_asked_cuda_for_a_gpu(start, driver):
    service = start(ASKS_WHILE_IT_LOADS, PROVED, **driver).ready()
    service.wait_for(r"with 2 scorers by spawn \(verified without a GPU, and it uses the CUDA driver\)")
    assert seen_by_scorers(service, 2) == ["GPU-1", "GPU-2"]


def test_a_scorer_s_replacement_gets_its_gpu(start, driver):
    service = start(ASKS, PROVED, **driver).ready()
    pid = service.predict(1)[1][1]
    os.kill(pid, signal.SIGKILL)
    service.wait_for(rf"Scorer {pid} was killed")
    assert seen_by_scorers(service, 2) == ["GPU-1", "GPU-2"]
    assert pid not in {service.predict(1)[1][1] for _ in range(20)}


def test_a_model_that_asks_for_no_gpu_has_as_many_scorers_as_cpus(start, driver):
    service = start(ASKS_NOTHING, PROVED, **driver).ready()
    count = cores.available()
    service.wait_for(rf"with {count} scorers? by fork .*, on CPUs, because the model uses none of the GPUs \(2 of ")
    assert metrics(service)[:2] == ['nb_gpu_scorers{gpu="GPU-1"} 0.0', 'nb_gpu_scorers{gpu="GPU-2"} 0.0']


def test_as_many_scorers_as_are_asked_for_share_the_gpus(start, driver):
    service = start(ASKS, PROVED, **{**driver, "WEB_CONCURRENCY": "3"}).ready()
    assert seen_by_scorers(service, 3) == ["GPU-1", "GPU-1", "GPU-2"]


def test_the_gpus_that_a_user_names_are_used_and_no_other(start, driver):
    service = start(ASKS, PROVED, **driver, CUDA_VISIBLE_DEVICES="1").ready()
    service.wait_for("with 1 scorer by fork")
    assert seen_by_scorers(service, 1) == ["1"]


def test_a_single_gpu_is_left_for_cuda_to_name(start, driver):
    service = start(ASKS, PROVED, **{**driver, "GPUS": "1"}).ready()
    service.wait_for(r"with 1 scorer by fork .*, on GPUs \(1 of NVIDIA Stand-in\)")
    assert service.predict(1)[1][0] is None


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"LD_LIBRARY_PATH": ""}, r"libnvidia-ml\.so\.1: cannot open shared object file: No such file or directory"),
        ({"GPU_DRIVER_ERROR": "9"}, "Driver Not Loaded"),
        ({"GPUS": "0"}, "the driver shows none"),
        ({"CUDA_VISIBLE_DEVICES": ""}, "CUDA_VISIBLE_DEVICES hides them"),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, "CUDA_VISIBLE_DEVICES hides them"),
    ],
)
def test_without_a_gpu_a_model_that_has_libraries_for_one_runs_on_cpus_and_the_log_says_why(
    start, model_cache, driver, tmp_path, env, words
):
    root = services.copy_of(model_cache(ASKS_NOTHING, **PROVED), tmp_path)
    (root / "venv").unlink()
    venv.create(root / "venv", symlinks=True)
    site_packages = next((root / "venv").glob("lib/python*/site-packages"))
    (site_packages / "ours.pth").write_text(next(path for path in sys.path if path.endswith("site-packages")))
    (site_packages / "nvidia" / "cudnn").mkdir(parents=True)
    service = start(root, **{**driver, **env}).ready()
    service.wait_for(
        rf"No GPU is available, so the model runs on CPUs, although GPU libraries are installed \({words}\)\. To give "
        r"a container one: 'docker run --gpus all'"
    )
    assert (service.predict(1)[0], metrics(service)) == (200, [])


@pytest.mark.parametrize("start_by", ["fork", "spawn"])
def test_a_model_that_does_not_load_without_a_gpu_is_rejected_as_that(start, start_by):
    service = start(
        """
        class Weights:
            def __reduce__(self):
                return exec, ("raise RuntimeError('No CUDA GPUs are available')",)
        weights = Weights()
        def predictor(x):
            return weights
        """,
        S2I_SCORER_START=start_by,
    )
    assert service.process.wait(20) == 1
    service.wait_for(
        r"The model can't be loaded without a GPU: RuntimeError: No CUDA GPUs are available\.\n"
        r"(.*\n)+.*docker run --gpus all(.*\n)*.*\(problem model-needs-gpu\)\n$"
    )
