"""What `python -m nb_service prove` finds out about a model before it is served."""

import json
import os
import subprocess
import sys
import time

import pytest

from contract.services import copy_of
from contract.test_surroundings import THREADS


@pytest.fixture
def prove(model_cache):
    """Return a function that verifies the model of a notebook's code, or of an APP_ROOT."""

    def run(code_or_root, **env):
        root = model_cache(code_or_root) if isinstance(code_or_root, str) else code_or_root
        kept = {"PATH": os.environ["PATH"], "APP_ROOT": str(root), **env}
        said = subprocess.run(
            [sys.executable, "-I", "-m", "nb_service", "prove"], env=kept, capture_output=True, text=True, timeout=50
        )
        assert said.returncode == 0, said.stderr
        assert said.stdout.count("\n") == 1
        return json.loads(said.stdout)

    return run


def test_a_model_that_answers_its_rows_in_forked_processes_may_be_forked(prove):
    found = prove("def predictor(x):\n    print('printed')\n    return x * 2\nexamples = [1, 2.5, 'a']\n")
    assert found == {
        "loaded": True,
        "load_error": None,
        "rows": [],
        "row_count": 3,
        "answers": [2, 5.0, "aa"],
        "deterministic": True,
        "batch": None,
        "batching": None,
        "concurrency": None,
        "scorer_threads": 1,
        "scorer_start": "fork",
        "scorer_start_reason": "forked scorers gave the notebook's prediction for every golden row",
    }


SHARED = """
import asyncio
last = None
async def predictor(x):
    global last
    last = x
    await asyncio.sleep(0)
    return 2 * {returned}
examples = [{examples}]
"""


@pytest.mark.parametrize(
    ("returned", "examples", "reason"),
    [
        ("x", "1, 2", None),
        ("last", "1, 2", "golden row 1 got the prediction 4 instead of 2 while the other golden rows were predicted"),
        ("x", "1", "there are not two golden rows with different samples, so nothing can be verified"),
    ],
)
def test_an_async_predictor_may_serve_several_requests_at_a_time_if_golden_rows_show_it(
    prove, returned, examples, reason
):
    found = prove(SHARED.replace("{returned}", returned).replace("{examples}", examples))
    assert (found["rows"], found["concurrency"]) == ([], {"reason": reason})


def test_an_async_generator_may_if_its_rows_are_the_same_at_once(prove):
    code = "import asyncio\nasync def predictor(x: int):\n    for n in range(x):\n        yield n\n"
    code += "        await asyncio.sleep(0)\nexamples = [3, 2]\n"
    assert prove(code)["concurrency"] == {"reason": None}


def test_one_that_fails_only_when_others_are_predicted_may_not(prove):
    code = "import asyncio\nbusy = []\nasync def predictor(x):\n    if busy:\n        raise RuntimeError('busy')\n"
    code += "    busy.append(x)\n    await asyncio.sleep(0)\n    busy.clear()\n    return x\nexamples = [3, 2]\n"
    reason = prove(code)["concurrency"]["reason"]
    assert reason.startswith("golden row 2 failed (RuntimeError: busy)")


FORGETFUL = """
def predictor(x): return 2 * x
class Batch:
    factor = 2
    def __getstate__(self): return {saved}
    def __call__(self, xs): return [self.factor * x for x in xs]
batch_predictor = Batch()
examples = [0, 1, 2]
"""


@pytest.mark.parametrize(
    ("saved", "batch"),
    [
        ("{'factor': 2}", None),
        ("{'factor': 3}", {"row": 1, "got": 3, "failed": False}),
        ("{'factor': None}", {"row": 0, "got": None, "failed": True}),
    ],
)
def test_a_batch_predictor_is_asked_all_rows_in_one_call(prove, saved, batch):
    found = prove(FORGETFUL.replace("{saved}", saved))
    assert (found["rows"], found["batch"], found["scorer_start"]) == ([], batch, "fork")


PICTURES = """
import os, pathlib, tempfile
import PIL.Image, PIL.PngImagePlugin

def predictor(value: int):
    about = PIL.PngImagePlugin.PngInfo()
    about.add_text("made", os.urandom(9).hex())
    path = pathlib.Path(tempfile.mkdtemp()) / "a.png"
    PIL.Image.new("RGB", (9, 9), (value, 0, {blue})).save(path, pnginfo=about)
    return path

examples = [7, 8]
"""


@pytest.mark.parametrize(("blue", "differing"), [("5", 0), ("os.getpid() % 251", 2)])
def test_predictions_that_are_pictures_are_compared_by_their_pixels(prove, blue, differing):
    found = prove(PICTURES.replace("{blue}", blue))
    assert (len(found["rows"]), found["row_count"]) == (differing, 2)


def test_without_golden_rows_nothing_is_proved_but_loading(prove):
    found = prove("def predictor(x): return x")
    assert (found["loaded"], found["row_count"], found["deterministic"]) == (True, 0, None)
    assert (found["scorer_start"], found["scorer_start_reason"]) == (None, "no golden rows to verify it with")


def test_threads_that_do_not_survive_a_fork_make_it_spawn(prove):
    found = prove(THREADS)
    assert (found["rows"], found["scorer_start"]) == ([], "spawn")
    assert "did not predict the golden rows within" in found["scorer_start_reason"]


def test_a_child_that_dies_makes_it_spawn(prove):
    found = prove(
        """
        import os
        class Marked:
            def __reduce__(self):
                return os.getpid, ()
        loaded_by = Marked()
        def predictor(x):
            if loaded_by != os.getpid() and isinstance(loaded_by, int):
                os.abort()
            return x
        examples = [1]
        """
    )
    assert (found["loaded"], found["rows"], found["scorer_start"]) == (True, [], "spawn")
    assert found["scorer_start_reason"] == "a forked scorer failed: the process died"


def test_another_answer_in_the_forked_process_makes_it_spawn(prove):
    found = prove(
        """
        import os
        class Marked:
            def __reduce__(self):
                return os.getpid, ()
        loaded_by = Marked()
        def predictor(x):
            return x if loaded_by == os.getpid() or not isinstance(loaded_by, int) else -x
        examples = [1]
        """
    )
    assert (found["scorer_start"], found["scorer_start_reason"]) == (
        "spawn",
        "a forked scorer predicted a golden row differently",
    )


def test_rows_that_come_out_otherwise_are_listed_with_what_came(prove, model_cache, tmp_path):
    root = copy_of(model_cache("def predictor(x): return 1 / x\nexamples = [1]\n"), tmp_path)
    rows = [{"sample": 2, "answer": 0.5}, {"sample": 4, "answer": 0.3}, {"sample": 0, "answer": 1}]
    (root / "model" / "golden.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = prove(root)
    differs, fails = found["rows"]
    assert differs == {"sample": 4, "expected": 0.3, "got": 0.25, "same": False, "error": None}
    assert (fails["sample"], fails["error"]["status"]) == (0, 500)
    assert "ZeroDivisionError" in fails["error"]["traceback"]
    assert (found["deterministic"], found["scorer_start"]) == (True, None)


def test_answers_by_chance_are_no_difference_between_fork_and_spawn(prove):
    found = prove("import random\ndef predictor(x): return random.random()\nexamples = [1]\n")
    assert (found["deterministic"], found["scorer_start"], len(found["rows"])) == (False, "fork", 1)


@pytest.mark.parametrize(
    ("reduced_to", "seconds", "words"),
    [
        ("int, ('no number',)", "60", "The model can't be loaded: ValueError: invalid literal"),
        ("os._exit, (7,)", "60", "The model did not load: its process exited with status 7 while loading."),
        ("signal.raise_signal, (11,)", "60", "its process was killed by signal 11 (SIGSEGV) while loading."),
        ("time.sleep, (1000,)", "1", "The model did not load within 1 seconds."),
    ],
)
def test_a_model_that_does_not_load_is_reported_with_its_cause(prove, reduced_to, seconds, words):
    found = prove(
        f"""
        import os, signal, time
        class Bad:
            def __reduce__(self):
                return {reduced_to}
        bad = Bad()
        def predictor(x):
            return bad
        """,
        S2I_VERIFY_TIMEOUT=seconds,
    )
    assert (found["loaded"], found["rows"], found["scorer_start"]) == (False, [], None)
    assert words in found["load_error"]["what"]


def test_a_row_that_hangs_is_reported_as_504(prove, model_cache, tmp_path):
    root = copy_of(model_cache("import time\ndef predictor(x): return time.sleep(x)\nexamples = [0]\n"), tmp_path)
    (root / "model" / "golden.ndjson").write_text('{"sample": 1000, "answer": null}\n')
    (row,) = prove(root, S2I_VERIFY_TIMEOUT="5")["rows"][:1]
    assert row["error"] == {"status": 504, "what": "no prediction within the time limit", "traceback": None}


def test_a_row_that_kills_the_process_is_reported(prove, model_cache, tmp_path):
    root = copy_of(model_cache("import os\ndef predictor(x): return x and os.abort()\nexamples = [0]\n"), tmp_path)
    (root / "model" / "golden.ndjson").write_text('{"sample": 1, "answer": null}\n')
    (row,) = prove(root)["rows"]
    assert (row["error"]["status"], row["error"]["what"]) == (500, "the process died")


UNFORKABLE = """
class Imports:
    def __reduce__(self):
        return exec, ("import sys; sys.modules['tensorflow'] = sys",)
imported = Imports()
def predictor(x):
    return (imported, x)[1]
examples = [1]
"""


def test_a_library_that_is_known_to_hang_in_a_fork_is_not_tried(prove):
    found = prove(UNFORKABLE)
    assert (found["rows"], found["scorer_start"]) == ([], "spawn")
    assert found["scorer_start_reason"] == "tensorflow does not work in forked processes"


def test_who_asks_for_spawned_scorers_does_not_wait_for_a_fork(prove):
    found = prove(THREADS, S2I_SCORER_START="spawn")
    assert (found["rows"], found["scorer_start"]) == ([], "spawn")
    assert found["scorer_start_reason"] == "set by S2I_SCORER_START"


SLOW_TO_LOAD = """
    import time
    class Slow:
        def __reduce__(self):
            return time.sleep, (1,)
    slow = Slow()
    def predictor(x):
        return (slow, workers.pool.submit(lambda: x + 1).result())[1]
    del examples
    examples = [1]
"""


def test_loading_slowly_does_not_make_a_fork_that_hangs_take_many_times_as_long(prove):
    began = time.monotonic()
    found = prove(THREADS + SLOW_TO_LOAD)
    assert found["scorer_start_reason"] == "forked scorers did not predict the golden rows within 5 s"
    assert time.monotonic() - began < 15
