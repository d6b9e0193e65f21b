"""Errors about a system library or program: messages of real packages."""

import pytest
from nb_builder.install import system_libraries


@pytest.mark.parametrize(
    ("words", "package"),
    [
        ("libGL.so.1: cannot open shared object file: No such file or directory", "libgl1"),
        ("libgthread-2.0.so.0: cannot open shared object file: No such file or directory", "libglib2.0-0"),
        ("[Errno 2] No such file or directory: 'git'", "git"),
        ("[Errno 2] No such file or directory: PosixPath('dot')", "graphviz"),
        (
            "failed to execute PosixPath('dot'), make sure the Graphviz executables are on your systems' PATH",
            "graphviz",
        ),
        ('"dot" not found in path.', "graphviz"),
        ("tesseract is not installed or it's not in your PATH. See README file", "tesseract-ocr"),
        ("Bad git executable.\nThe git executable must be specified", "git"),
        ("Unable to get page count. Is poppler installed and in PATH?", "poppler-utils"),
        ("[JAVA_GATEWAY_EXITED] Java gateway process exited before sending its port number.", "default-jre-headless"),
        ("Error: pg_config executable not found.", "libpq-dev"),
        ("/bin/sh: 1: mysql_config: not found", "default-libmysqlclient-dev"),
    ],
)
def test_the_package_that_has_it_is_named(words, package):
    assert system_libraries.missing(words)[1] == package


@pytest.mark.parametrize(
    "words",
    [
        "[Errno 2] No such file or directory: 'data.csv'",
        "[Errno 2] No such file or directory: '/opt/git'",
        "libcuda.so.1: cannot open shared object file: No such file or directory",
        "division by zero",
        "",
    ],
)
def test_other_errors_are_left_as_they_are(words):
    assert system_libraries.missing(words) is None
