import json

import pytest
from nb_service import cores
from nb_service.gpus import Gpus
from nb_service.model_folder import ModelFolder
from nb_service.pool import plan
from nb_service.settings import Settings


@pytest.mark.parametrize(
    ("setting", "manifest", "expected"),
    [
        ("auto", {"scorer_start": "fork", "scorer_threads": 1}, ("fork", True)),
        ("auto", {"scorer_start": "fork", "scorer_threads": 4}, ("fork", False)),
        ("auto", {"scorer_start": "spawn", "scorer_threads": 1}, ("spawn", True)),
        ("auto", {"scorer_start": "spawn", "scorer_threads": 4}, ("spawn", True)),
        ("auto", {"scorer_start": None}, ("fork", False)),
        ("auto", {}, ("fork", False)),
        ("fork", {"scorer_start": "spawn"}, ("fork", True)),
        ("spawn", {"scorer_start": "fork"}, ("spawn", True)),
    ],
)
def test_scorers_start_as_it_was_proved_and_the_setting_overrides(setting, manifest, expected):
    mode, is_final, reason = plan.start_mode(setting, manifest, threads=1)
    assert (mode, is_final) == expected
    assert reason


def test_native_threads_are_a_scorer_s_share_unless_the_user_says(monkeypatch):
    monkeypatch.setattr(cores, "available", lambda: 8)
    assert [plan.native_threads({}, scorers) for scorers in (1, 2, 3, 16)] == [8, 4, 2, 1]
    assert plan.native_threads({"OMP_NUM_THREADS": "5"}, 2) == 5
    assert plan.native_threads({"OMP_NUM_THREADS": "6,2"}, 2) == 6


@pytest.mark.parametrize("said", ["", "0", "many", "-1", "\xb2", "\u0661", "1" * 5000])
def test_what_is_no_number_of_threads_says_nothing(monkeypatch, said):
    monkeypatch.setattr(cores, "available", lambda: 8)
    assert plan.native_threads({"OMP_NUM_THREADS": said}, 2) == 4


def test_the_user_s_own_environment_stays_and_the_rest_is_filled():
    variables = plan.environment({"MKL_NUM_THREADS": "7", "HOME": "/x", "PYTHONDONTWRITEBYTECODE": "1"}, 2)
    assert (variables["MKL_NUM_THREADS"], variables["OMP_NUM_THREADS"], variables["HOME"]) == ("7", "2", "/x")
    assert "PYTHONDONTWRITEBYTECODE" not in variables


def test_a_model_that_dies_of_a_limit_of_threads_gets_none(tmp_path):
    for manifest, has_limit in (({}, True), ({"thread_limit": False}, False)):
        made = plan.make_plan(ModelFolder(tmp_path, None, tmp_path, manifest), Settings({}), {"HOME": "/x"})
        assert ("OMP_THREAD_LIMIT" in made.environment) is has_limit and "OMP_NUM_THREADS" in made.environment


def test_a_ca_bundle_reaches_the_notebook_s_downloads_if_it_holds_anything(tmp_path):
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    assert "SSL_CERT_FILE" not in plan.environment({}, 1, str(bundle))
    bundle.write_text("-----BEGIN CERTIFICATE-----\n")
    variables = plan.environment({}, 1, str(bundle))
    assert {variables[name] for name in plan.CA_KNOBS} == {str(bundle)}


@pytest.mark.parametrize(
    ("temporary", "shared", "said", "expected"),
    [
        ("there", "shm", {}, None),
        ("gone", "shm", {}, "shm"),
        ("gone", "shm", {"TMPDIR": "gone"}, "shm"),
        ("gone", "shm", {"TMP": "there"}, None),
        ("gone", "gone", {}, None),
    ],
)
def test_where_nothing_else_can_be_written_temporary_files_go_to_shared_memory(
    tmp_path, monkeypatch, temporary, shared, said, expected
):
    for folder in ("there", "shm"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(plan, "TEMPORARY", (str(tmp_path / temporary),))
    monkeypatch.setattr(plan, "SHARED_MEMORY", str(tmp_path / shared))
    given = {name: str(tmp_path / folder) for name, folder in said.items()}
    variables = plan.environment(given, 1)
    assert variables.get("TMPDIR") == (str(tmp_path / expected) if expected else given.get("TMPDIR"))


def test_why_scorers_start_so_is_reported():
    reasons = [
        plan.start_mode(setting, manifest, threads=1)[2]
        for setting, manifest in (
            ("fork", {"scorer_start": "spawn"}),
            ("auto", {"scorer_start": "spawn"}),
            ("auto", {"scorer_start": "spawn", "scorer_start_reason": "it uses x"}),
            ("auto", {"scorer_start": "fork", "scorer_threads": 1}),
            ("auto", {"scorer_start": "fork", "scorer_threads": 4}),
            ("auto", {}),
        )
    ]
    assert reasons == [
        "set by S2I_SCORER_START",
        "the build found forking unsafe",
        "it uses x",
        "verified with the golden rows at build time",
        "verified with 4 native threads, but 1 are set",
        "not verified, because there are no golden rows",
    ]


def test_a_model_and_settings_make_the_whole_plan(tmp_path, monkeypatch):
    shown = Gpus(("GPU-a", "GPU-b"), ("NVIDIA H200", "NVIDIA H200"))
    monkeypatch.setattr(plan.gpus, "visible", lambda environ: shown)
    rows = [{"sample": number, "answer": number} for number in range(30)]
    (tmp_path / "golden.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    bundle = tmp_path / "ca.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----\n")
    reported = {
        "WEB_CONCURRENCY": "3",
        "S2I_PREDICT_TIMEOUT": "7",
        "S2I_MAX_QUEUE": "9",
        "S2I_MAX_BATCH": "5",
        "S2I_MAX_REQUESTS": "11",
        "S2I_TOLERANCE": "0.5",
        "S2I_LOG_FORMAT": "json",
        "S2I_CA_BUNDLE": str(bundle),
    }
    settings = Settings(reported)
    manifest = {"deterministic": False, "batch_predictor": True, "golden": 30, "tolerance": 0.25}
    environ = {"OMP_NUM_THREADS": "2", "HOME": "/x"}
    made = plan.make_plan(ModelFolder(tmp_path, None, tmp_path, manifest), settings, environ)
    assert made == plan.Plan(
        mode="fork",
        mode_is_final=False,
        reason="not verified, because there are no golden rows",
        scorers=3,
        threads=2,
        environment={**plan.environment(environ, 2, str(bundle)), "CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"},
        predict_timeout=7,
        max_queue=9,
        largest_answer=plan.MIN_BOUND,
        golden=tuple(rows[:20]),
        repeats=1,
        compare=False,
        tolerance=0.25,
        patience=10.0,
        batch=5,
        max_requests=11,
        log_format="json",
        form="batch_predictor",
        gpus=shown,
    )
    assert made.environment["SSL_CERT_FILE"] == str(bundle) and made.environment["RAYON_NUM_THREADS"] == "2"
    made = plan.make_plan(ModelFolder(tmp_path, None, tmp_path, {"batch_predictor": True}), settings, environ)
    assert (made.compare, made.tolerance, made.batch) == (True, 0.5, 1)
    assert plan.make_plan(ModelFolder(tmp_path, None, tmp_path, {}), Settings({}), environ).one_a_gpu


def test_a_proof_without_a_gpu_is_none_with_one():
    manifest = {"scorer_start": "fork", "scorer_threads": 1}
    assert plan.start_mode("auto", manifest, 1) == ("fork", True, "verified with the golden rows at build time")
    assert plan.start_mode("auto", manifest, 1, has_gpus=True) == ("fork", False, "verified without a GPU")
    assert plan.start_mode("fork", manifest, 1, has_gpus=True) == ("fork", True, "set by S2I_SCORER_START")


def test_temporary_files_go_where_python_looks_first():
    given = {"TMP": "/c", "TEMP": "/b", "TMPDIR": "/a", "HOME": "/x"}
    assert plan.temporary_folders(given) == ["/a", "/b", "/c", "/tmp", "/var/tmp", "/usr/tmp"]
    assert plan.temporary_folders({"TMPDIR": ""}) == ["/tmp", "/var/tmp", "/usr/tmp"]


def test_scorers_are_never_forked_on_macos_unless_the_setting_says_so():
    manifest = {"scorer_start": "fork", "scorer_threads": 1}
    assert plan.start_mode("auto", manifest, 1, system="darwin")[:2] == ("spawn", True)
    assert plan.start_mode("fork", manifest, 1, system="darwin")[:2] == ("fork", True)


@pytest.mark.parametrize(
    ("manifest", "setting", "concurrency", "reason"),
    [
        ({"concurrency": {"reason": None}}, 4, 4, ""),
        ({"concurrency": {"reason": "golden row 1 failed"}}, 4, 1, "golden row 1 failed"),
        ({"concurrency": {"reason": "golden row 1 failed"}}, 1, 1, ""),
        ({"concurrency": None}, 4, 1, "predictor is not an async def, or the model was built before this was verified"),
        ({}, 1, 1, ""),
    ],
)
def test_a_scorer_serves_several_requests_only_if_the_build_has_verified_it(manifest, setting, concurrency, reason):
    assert plan.concurrency_of(manifest, setting) == (concurrency, reason)
