"""A standalone cluster of Spark on loopback, of the distribution that PySpark's wheel is."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from ports import free_port

SOON = 120.0
WORKERS = 2


@contextlib.contextmanager
def cluster(python: Path, folder: Path) -> Iterator[str]:
    """Yield the address of a master with two workers of a core each; `python` is one that has PySpark."""
    program = "import pyspark; print(pyspark.__path__[0])"
    home = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    # Only this variable reaches the workers.
    environ = {**os.environ, "SPARK_HOME": home, "PYSPARK_PYTHON": str(python), "SPARK_LOCAL_IP": "127.0.0.1"}
    port = free_port()
    master = f"spark://127.0.0.1:{port}"
    started: list[subprocess.Popen] = []

    def start(name: str, *words: str) -> Path:
        log = folder / f"{name}.log"
        command = [f"{home}/bin/spark-class", *words, "--host", "127.0.0.1", "--webui-port", "0"]
        command += [] if name == "master" else ["--cores", "1", "--memory", "1g", "--work-dir", folder / name, master]
        with open(log, "w", encoding="utf-8") as output:
            started.append(
                subprocess.Popen(command, env=environ, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
            )
        return log

    try:
        log = start("master", "org.apache.spark.deploy.master.Master", "--port", str(port))
        _wait_for(log, "New state: ALIVE", 1)
        for number in range(WORKERS):
            start(f"worker-{number}", "org.apache.spark.deploy.worker.Worker")
        _wait_for(log, "Registering worker", WORKERS)
        yield master
    finally:
        for process in started:
            # Each started a session, in which its executors are.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in started:
            process.wait()


def _wait_for(log: Path, words: str, times: int) -> None:
    until = time.monotonic() + SOON
    while log.read_text(encoding="utf-8").count(words) < times:
        if time.monotonic() > until:
            raise AssertionError(f"no {words!r} in {log}:\n{log.read_text(encoding='utf-8')}")
        time.sleep(0.1)
