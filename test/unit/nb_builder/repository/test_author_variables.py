"""Which variables a repository may set, and that what it may not is named and does not count."""

import json
import os

import pytest
from nb_builder.commands import target
from nb_builder.common.settings import KNOBS
from nb_builder.problems.notebooks import FileRefused
from nb_builder.repository import author_variables
from nb_service.settings import KNOBS as SERVICE_KNOBS

AUTHORS = ("S2I_SOURCE_NOTEBOOK", "S2I_CELL_TIMEOUT", "KERAS_BACKEND", "PYTHONHASHSEED", "PORT", "MODEL_UNIT")
PLATFORMS = (
    *("S2I_ALLOW_INDEXES", "S2I_ALLOWED_HOSTS", "S2I_PROBLEM_FILE", "S2I_SIGN_KEY_FILE", "S2I_VERIFY_KEY_FILE"),
    *("S2I_SOURCE", "S2I_BUILDER_IMAGE", "S2I_HOST", "S2I_API_KEY_FILE", "S2I_SRC", "APP_ROOT", "NB_BUILDER_HOME"),
    *("PIP_INDEX_URL", "UV_INDEX", "https_proxy", "SSL_CERT_FILE", "BASH_ENV", "ENV", "LD_PRELOAD", "PYTHONPATH"),
    *("HF_ENDPOINT", "AWS_ENDPOINT_URL_S3", "FSSPEC_S3_ENDPOINT_URL", "STORAGE_EMULATOR_HOST", "S2I_FETCH_HOSTS"),
    *("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_SAMPLER", "GRPC_VERBOSITY", "grpc_proxy", "no_grpc_proxy"),
    *("AWS_ROLE_ARN", "AWS_ACCESS_KEY_ID", "AWS_REGION", "BOTO_CONFIG", "GOOGLE_API_USE_MTLS_ENDPOINT"),
    *("GOOGLE_APPLICATION_CREDENTIALS", "GCE_METADATA_HOST", "CLOUDSDK_CONFIG", "AZURE_CLIENT_ID", "MSI_ENDPOINT"),
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
    assert found.note_of_image.startswith(found.note) and "a service ignores these values, too" in found.note_of_image
    assert environ.pop("PATH").startswith("/usr/local/sbin:")
    assert environ == {"S2I_SOURCE": "of -e", "A": value, "S2I_SRC": "/elsewhere"}


@pytest.fixture
def source(tmp_path, monkeypatch):
    """Return a function that writes .s2i/environment where s2i puts a repository; it returns the repository."""
    monkeypatch.setattr(author_variables._SRC, "default", tmp_path)
    (tmp_path / ".s2i").mkdir()

    def write(content):
        (tmp_path / ".s2i" / "environment").write_bytes(content)
        return tmp_path

    return write


# Each as s2i, a Go program, passes it on: only \n ends a line, bytes that are not UTF-8 become U+FFFD.
PASSED_ON = {
    b"S2I_VERIFY_KEY_FILE=/a\xe2\x80\xa8b": "/a\u2028b",
    b"S2I_VERIFY_KEY_FILE=/a\rb\r": "/a\rb",
    b"S2I_VERIFY_KEY_FILE=/a\x1c": "/a\x1c",
    b"S2I_VERIFY_KEY_FILE=\xc2\xa0/a\xe3\x80\x80": "/a",
    b"S2I_VERIFY_KEY_FILE=/a\xff\xfe": "/a\ufffd\ufffd",
    b"S2I_VERIFY_KEY_FILE=/a\nS2I_VERIFY_KEY_FILE=/b": "/a",
    b" S2I_VERIFY_KEY_FILE = /a = b ": "/a = b",
    # Would open a service of a builder image that sets it.
    b"S2I_VERIFY_KEY_FILE=": "",
}


@pytest.mark.parametrize("content", PASSED_ON)
def test_what_s2i_makes_of_a_line_is_the_repository_s(content, source):
    source(content)
    environ = {"S2I_VERIFY_KEY_FILE": os.fsencode(PASSED_ON[content]).decode("utf-8", "surrogateescape")}
    found = author_variables.enforce(environ)
    assert (list(found.ignored), environ) == (["S2I_VERIFY_KEY_FILE"], {})
    assert "starts only with other values of S2I_VERIFY_KEY_FILE" in found.note_of_image


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        # A Dockerfile, which s2i can write, replaces variables in names.
        (b"S2I_${NONE:-DEBUG}=1", "line 1 sets 'S2I_${NONE:-DEBUG}', which is not a variable"),
        (b"A=1\nS2I_HOST 1=x", "line 2 sets 'S2I_HOST 1', which is not a variable"),
        (b"A=1\0", "line 1 sets 'A'"),
        (b"A=" + b"1" * (1 << 20), "it has more than 1048576 bytes"),
    ],
)
def test_what_engines_may_read_in_another_way_is_rejected(content, reason, source):
    source(content)
    with pytest.raises(FileRefused) as caught:
        author_variables.enforce({})
    assert reason in caught.value.what


def test_before_a_file_is_rejected_its_settings_are_gone(source):
    source(b"S2I_PROBLEM_FILE=/victim\n$A=1")
    environ = {"S2I_PROBLEM_FILE": "/victim"}
    with pytest.raises(FileRefused):
        author_variables.enforce(environ)
    assert environ == {}


def test_a_build_records_what_the_services_of_its_image_ignore(tmp_path):
    (tmp_path / "build").mkdir()
    author_variables.record(author_variables.Variables({}, {}), tmp_path)
    assert list((tmp_path / "build").iterdir()) == []
    author_variables.record(author_variables.Variables({}, {"S2I_HOST": "\udcff"}), tmp_path)
    assert json.loads((tmp_path / "build/from_repository.json").read_text()) == {"S2I_HOST": "\udcff"}


@pytest.mark.parametrize("ignored", [{}, {"S2I_HOST": "::"}])
def test_a_record_that_a_cell_has_written_or_linked_is_replaced(ignored, tmp_path):
    (tmp_path / "build").mkdir()
    record, elsewhere = tmp_path / "build/from_repository.json", tmp_path / "elsewhere"
    elsewhere.write_text("{}")
    record.symlink_to(elsewhere)
    author_variables.record(author_variables.Variables({}, ignored), tmp_path)
    assert not record.is_symlink()
    assert elsewhere.read_text() == "{}"
    assert (json.loads(record.read_text()) if record.exists() else {}) == ignored


def test_settings_that_protect_a_service_are_the_platform_s():
    assert [knob.env for knob in (*KNOBS, *SERVICE_KNOBS) if knob.protects and not knob.platform] == []
