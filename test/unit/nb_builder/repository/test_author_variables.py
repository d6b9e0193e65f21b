"""Which variables a repository may set, and that what it may not is named and does not count."""

import pytest
from nb_builder.commands import target
from nb_builder.repository import author_variables

AUTHORS = ("S2I_SOURCE_NOTEBOOK", "S2I_CELL_TIMEOUT", "KERAS_BACKEND", "PYTHONHASHSEED", "PORT", "MODEL_UNIT")
PLATFORMS = (
    *("S2I_ALLOW_INDEXES", "S2I_ALLOWED_HOSTS", "S2I_PROBLEM_FILE", "S2I_SIGN_KEY_FILE", "S2I_VERIFY_KEY_FILE"),
    *("S2I_SOURCE", "S2I_BUILDER_IMAGE", "S2I_HOST", "S2I_API_KEY_FILE", "S2I_SRC", "APP_ROOT", "NB_BUILDER_HOME"),
    *("PIP_INDEX_URL", "UV_INDEX", "https_proxy", "SSL_CERT_FILE", "BASH_ENV", "ENV", "LD_PRELOAD", "PYTHONPATH"),
    *("HF_ENDPOINT", "AWS_ENDPOINT_URL_S3", "FSSPEC_S3_ENDPOINT_URL", "STORAGE_EMULATOR_HOST", "S2I_FETCH_HOSTS"),
    *("PATH", "GIT_SSH_COMMAND", "BASH_FUNC_ls%%", "STI_SCRIPTS_PATH", "S2I_MAX_BODY", "DOCKER", "HOME", "A B"),
)


def written(folder, *names):
    (folder / ".s2i").mkdir()
    (folder / ".s2i" / "environment").write_text("".join(f"{name}=of the repository\n" for name in names))
    return folder


@pytest.mark.parametrize("name", AUTHORS)
def test_what_is_the_author_s_counts(name, tmp_path):
    found = author_variables.read(written(tmp_path, name))
    assert (found.taken, found.ignored, found.note) == ({name: "of the repository"}, {}, "")


@pytest.mark.parametrize("name", PLATFORMS)
def test_what_is_the_platform_s_does_not(name, tmp_path):
    found = author_variables.read(written(tmp_path, name))
    assert (found.taken, found.ignored) == ({}, {name: "of the repository"})
    assert f".s2i/environment sets {name}: ignored" in found.note
    assert name not in target.build_environment(tmp_path, None, tmp_path, tmp_path, {}) or name in (
        "APP_ROOT",
        "NB_BUILDER_HOME",
        "S2I_SRC",
    )
    assert target.settings_of(tmp_path, {name: "of the user"}) == {name: "of the user"}


def test_in_an_image_what_has_the_repository_s_value_is_taken_out(tmp_path, monkeypatch):
    monkeypatch.setattr(
        author_variables._SRC, "default", written(tmp_path, "S2I_ALLOW_INDEXES", "PATH", "S2I_SOURCE", "A")
    )
    value = "of the repository"
    environ = {"S2I_ALLOW_INDEXES": value, "PATH": value, "S2I_SOURCE": "of -e", "A": value, "S2I_SRC": "/elsewhere"}
    found = author_variables.enforce(environ)
    assert sorted(found.ignored) == ["PATH", "S2I_ALLOW_INDEXES"]
    assert found.note_of_image.startswith(found.note) and "s2i puts them into the image" in found.note_of_image
    assert environ.pop("PATH").startswith("/usr/local/sbin:")
    assert environ == {"S2I_SOURCE": "of -e", "A": value, "S2I_SRC": "/elsewhere"}
