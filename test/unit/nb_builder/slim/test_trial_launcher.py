"""The launcher of a slim image's selftest reports even a Python that does not start."""

import subprocess

import pytest
from nb_builder.slim import trial_launcher
from nb_builder.slim.attest import proof
from nb_builder.slim.tree import Tree

LIBRARY = "python: error while loading shared libraries: libexpat.so.1: cannot open shared object file"


@pytest.fixture
def ask(tmp_path):
    """Return a function that launches a script in Python's place, without environment: (verdict, output)."""

    def run_launcher(script):
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        tree = Tree(tmp_path / "launcher")
        trial_launcher.lay(tree, python)
        command = [tree.at("loader"), "--library-path", tree.root, tree.at("sh"), tree.at("ask")]
        process = subprocess.run(command, env={}, cwd="/", capture_output=True, text=True)
        assert process.returncode == 0, process.stderr
        return trial_launcher.read_verdict(tree.at(trial_launcher.OUTPUT_FOLDER)), process.stdout

    return run_launcher


def test_a_verdict_is_handed_on_as_it_is(ask):
    verdict, printed = ask("""echo '{"same": true}' > "$7"; echo 3 golden rows""")
    assert verdict == {"same": True}
    assert printed == "3 golden rows\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (f"echo '{LIBRARY}' >&2; exit 127", f"status 127 ({LIBRARY})"),
        ("echo Fatal >&2; echo 'LookupError: no codec'; exit 1", "status 1 (LookupError: no codec)"),
        ("kill -SEGV $$", "status 139 (it printed nothing)"),
    ],
)
def test_a_python_that_does_not_start_is_a_verdict_with_its_last_words(ask, script, reason):
    verdict, _ = ask(script)
    assert not verdict["same"]
    assert proof.failures(verdict)[0] == f"the service does not respond: its Python exited with {reason}"


def test_a_python_that_is_not_there_is_a_verdict_too(tmp_path, ask):
    verdict, printed = ask('rm "$0"; exec "$0"')
    assert "status 127" in verdict["differences"][0]
    assert "not found" in printed
