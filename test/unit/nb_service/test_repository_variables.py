"""Which variables of a service count as the repository's, and that none that protects it is ignored silently."""

import json

import pytest
from nb_service import __main__ as door
from nb_service import problems, repository_variables, settings


@pytest.fixture
def built(tmp_path):
    """Return a function that writes what a build has recorded; it returns an environment with these variables."""

    def write(**recorded):
        (tmp_path / "build").mkdir(parents=True)
        (tmp_path / "build/from_repository.json").write_text(json.dumps(recorded))
        return {"APP_ROOT": str(tmp_path), **recorded}

    return write


def test_what_has_the_repository_s_value_is_ignored_and_the_rest_counts(built):
    environ = built(S2I_DEBUG="1", S2I_MAX_BODY="5", HTTPS_PROXY="http://evil.example")
    environ |= {"S2I_MAX_BODY": "6", "S2I_UNLOAD": "1"}
    assert repository_variables.ignore(environ) == ["HTTPS_PROXY", "S2I_DEBUG"]
    assert environ.keys() == {"APP_ROOT", "S2I_MAX_BODY", "S2I_UNLOAD"} and environ["S2I_MAX_BODY"] == "6"
    assert repository_variables.note(["A", "B"]).startswith("Ignored A, B: set by the repository's .s2i/environment")


@pytest.mark.parametrize("name", [knob.env for knob in settings.KNOBS if knob.protects])
@pytest.mark.parametrize("value", ["/keys", ""])
def test_without_a_setting_that_protects_nothing_starts_unless_the_platform_sets_another(name, value, built):
    environ = built(**{name: value})
    with pytest.raises(problems.SettingFromRepository, match=rf"has set {name}, which only the platform may set"):
        repository_variables.ignore(environ)
    environ[name] = "/run/secrets/keys"
    assert repository_variables.ignore(environ) == []
    del environ[name]
    assert repository_variables.ignore(environ) == []


def test_programs_are_found_in_the_places_of_the_image(built):
    environ = built(PATH="/tmp/evil", HOME="/tmp/evil")
    root = environ["APP_ROOT"]
    assert repository_variables.ignore(environ) == ["HOME", "PATH"]
    assert (environ["PATH"].split(":")[0], environ["HOME"]) == (f"{root}/venv/bin", f"{root}/src")


def test_an_app_root_of_the_repository_s_is_no_way_around_the_record(built, tmp_path, monkeypatch):
    usual = built(S2I_DEBUG="1", APP_ROOT="/tmp/evil") | {"APP_ROOT": "/tmp/evil"}
    (row,) = (knob for knob in settings.KNOBS if knob.env == "APP_ROOT")
    monkeypatch.setattr(row, "default", str(tmp_path))
    assert repository_variables.ignore(usual) == ["APP_ROOT", "S2I_DEBUG"]
    assert usual == {}


@pytest.mark.parametrize("content", ["", "[]", '{"A": 1}', "[" * 100_000])
def test_a_damaged_record_starts_nothing(content, built):
    environ = built()
    with open(f"{environ['APP_ROOT']}/build/from_repository.json", "w") as file:
        file.write(content)
    with pytest.raises(problems.ModelDamaged, match=r"from_repository\.json has changed since the build"):
        repository_variables.ignore(environ)


@pytest.mark.parametrize("arguments", [[], ["serve"], ["bus"], ["verify"], ["selftest"], ["words", "batch", "--help"]])
@pytest.mark.parametrize("kept_in", ["environment", "slim image"])
def test_no_command_starts_without_what_protects(arguments, kept_in, built, capsys):
    environ = built(S2I_API_KEY_FILE="/run/key", S2I_FRONT="waitress")
    root = environ["APP_ROOT"]
    if kept_in == "slim image":
        del environ["S2I_API_KEY_FILE"]
        with open(f"{root}/environment.json", "w") as file:
            json.dump({"S2I_API_KEY_FILE": "/run/key"}, file)
    assert door.main(arguments, environ) == 1
    assert "(problem setting-from-repository)" in "".join(capsys.readouterr())
