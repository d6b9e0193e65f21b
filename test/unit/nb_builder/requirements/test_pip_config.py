"""pip's settings as uv needs them."""

import pytest
from nb_builder.requirements import pip_config


def translated(tmp_path, conf="", **environ):
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "none"), **environ}
    if conf:
        (tmp_path / ".pip").mkdir()
        (tmp_path / ".pip" / "pip.conf").write_text(conf)
    return pip_config.for_uv(pip_config.read(environ), environ)


@pytest.mark.parametrize(
    ("variable", "value", "uv"),
    [
        ("PIP_INDEX_URL", "http://x/simple", {"UV_DEFAULT_INDEX": "http://x/simple"}),
        ("PIP_TRUSTED_HOST", "a b", {"UV_INSECURE_HOST": "a b"}),
        ("PIP_CERT", "/ca.pem", {"SSL_CERT_FILE": "/ca.pem"}),
        ("PIP_CONSTRAINT", "/c.txt", {"UV_CONSTRAINT": "/c.txt"}),
        ("PIP_CACHE_DIR", "/cache", {"UV_CACHE_DIR": "/cache"}),
    ],
)
def test_a_variable_changes_its_name(tmp_path, monkeypatch, variable, value, uv):
    monkeypatch.setattr(pip_config, "_files", lambda environ: [])
    assert translated(tmp_path, **{variable: value}) == (uv, [])


def test_extra_indexes_are_searched_as_pip_searches_them(tmp_path, monkeypatch):
    monkeypatch.setattr(pip_config, "_files", lambda environ: [])
    variables, _ = translated(tmp_path, PIP_EXTRA_INDEX_URL="http://a http://b")
    assert variables == {"UV_INDEX": "http://a http://b", "UV_INDEX_STRATEGY": "unsafe-best-match"}


def test_places_that_are_not_there_are_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(pip_config, "_files", lambda environ: [])
    variables, flags = translated(tmp_path, PIP_NO_INDEX="1", PIP_FIND_LINKS=f"/nowhere {tmp_path} http://x")
    assert (variables, flags) == ({"UV_FIND_LINKS": f"{tmp_path},http://x"}, ["--no-index"])


def test_a_pip_conf_counts_and_a_variable_beats_it(tmp_path, monkeypatch):
    conf = "[global]\nindex-url = http://conf/simple\ntimeout = 7\n[install]\nonly-binary = numpy,scipy\n"
    variables, flags = translated(tmp_path, conf, PIP_INDEX_URL="http://env/simple")
    assert variables["UV_DEFAULT_INDEX"] == "http://env/simple"
    assert variables["UV_HTTP_TIMEOUT"] == "7"
    assert flags == ["--only-binary", "numpy", "--only-binary", "scipy"]


def test_what_uv_was_reported_itself_wins(tmp_path, monkeypatch):
    monkeypatch.setattr(pip_config, "_files", lambda environ: [])
    assert translated(tmp_path, PIP_INDEX_URL="http://pip", UV_DEFAULT_INDEX="http://uv") == ({}, [])


def test_credentials_are_blotted_out():
    text = "error: http://me:secret@host/simple and https://token@host"
    assert pip_config.without_credentials(text) == "error: http://***@host/simple and https://***@host"


@pytest.mark.parametrize(
    ("settings", "flags"),
    [
        ({"pre": "yes"}, ["--prerelease", "allow"]),
        ({"pre": "no", "no-index": "0"}, []),
        ({"no-index": "On"}, ["--no-index"]),
        ({"no-index": "TRUE", "pre": "TRUE"}, ["--no-index", "--prerelease", "allow"]),
        (
            {"no-binary": "six, idna", "only-binary": ":all:"},
            ["--only-binary", ":all:", "--no-binary", "six", "--no-binary", "idna"],
        ),
    ],
)
def test_switches_are_flags_of_uv(settings, flags):
    assert pip_config.for_uv(settings, {}) == ({}, flags)


def test_a_proxy_is_for_both_kinds_of_address():
    variables, _ = pip_config.for_uv(
        {"proxy": "http://p:1", "default-timeout": "9", "retries": "2"}, {"HTTP_PROXY": "x"}
    )
    assert variables == {"HTTPS_PROXY": "http://p:1", "UV_HTTP_TIMEOUT": "9", "UV_HTTP_RETRIES": "2"}


def test_files_are_read_from_the_least_important_on(tmp_path):
    home = tmp_path / "home"
    places = ["xdg/pip/pip.conf", "home/.pip/pip.conf", "home/.config/pip/pip.conf", "home/pip.ini", "own.conf"]
    for number, place in enumerate(places):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"key_{later} = {place}\n" for later in range(number, len(places)))
        (tmp_path / place).write_text(f"[{'install' if number % 2 else 'global'}]\n{lines}")
    environ = {
        "HOME": str(home),
        "XDG_CONFIG_DIRS": f"{tmp_path}/xdg:/nowhere",
        "PIP_CONFIG_FILE": str(tmp_path / "own.conf"),
    }
    reported = pip_config.read(environ)
    assert {name: reported[name] for name in reported if name.startswith("key")} == {
        f"key-{number}": place for number, place in enumerate(places)
    }
    assert pip_config.read({**environ, "PIP_CONFIG_FILE": "/dev/null", "PIP_A_B": "c", "PIP_EMPTY": ""}) == {
        "config-file": "/dev/null",
        "a-b": "c",
    }


def test_user_and_password_give_way_to_what_is_wanted():
    assert pip_config.without_credentials("git+ssh://git@host/a", instead="") == "git+ssh://host/a"
