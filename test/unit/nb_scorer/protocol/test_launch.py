import subprocess
import sys

from nb_scorer.protocol import launch


def test_our_modules_are_found_last_and_the_working_directory_not_at_all(tmp_path):
    (tmp_path / "json.py").write_text("raise RuntimeError('not the standard library')\n")
    process = subprocess.run(
        [*launch.command(sys.executable, "nonsense")], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    # It got as far as our own main, which wants more words.
    assert "IndexError" in process.stderr
    assert "not the standard library" not in process.stderr


def test_the_command_line_holds_only_text():
    assert all(isinstance(word, str) for word in launch.command(sys.executable, "scorer", 3))


def test_what_is_meant_for_another_python_does_not_reach_the_model_python():
    environ = {"PYTHONPATH": "/trap", "PYTHONHOME": "/other", "PYTHONSTARTUP": "x.py", "PYTHONHASHSEED": "1"}
    assert launch.environment(environ) == {"PYTHONHASHSEED": "1"}


def test_bytecode_may_be_written_by_the_model_python():
    assert launch.environment({"PYTHONDONTWRITEBYTECODE": "1", "A": "b"}) == {"A": "b"}
