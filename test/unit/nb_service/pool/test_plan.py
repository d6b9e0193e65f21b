import pytest
from nb_service import cores
from nb_service.pool import plan


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
    mode, sure, reason = plan.start_mode(setting, manifest, threads=1)
    assert (mode, sure) == expected
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
    made = plan.environment({"MKL_NUM_THREADS": "7", "HOME": "/x", "PYTHONDONTWRITEBYTECODE": "1"}, 2)
    assert (made["MKL_NUM_THREADS"], made["OMP_NUM_THREADS"], made["HOME"]) == ("7", "2", "/x")
    assert "PYTHONDONTWRITEBYTECODE" not in made


def test_a_ca_bundle_reaches_the_notebook_s_downloads_if_it_holds_anything(tmp_path):
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    assert "SSL_CERT_FILE" not in plan.environment({}, 1, str(bundle))
    bundle.write_text("-----BEGIN CERTIFICATE-----\n")
    made = plan.environment({}, 1, str(bundle))
    assert {made[name] for name in plan.CA_KNOBS} == {str(bundle)}


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
    made = plan.environment(given, 1)
    assert made.get("TMPDIR") == (str(tmp_path / expected) if expected else given.get("TMPDIR"))
