import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from nb_builder.slim.trace import audit_hook


@pytest.fixture
def traced(tmp_path):
    """Return a function that runs a program with the hook and returns the files that all its processes recorded."""
    (tmp_path / "trace").mkdir()
    (tmp_path / "hook.py").write_text(Path(audit_hook.__file__).read_text())
    environ = {**os.environ, audit_hook.FOLDER: str(tmp_path / "trace"), "PYTHONPATH": str(tmp_path)}

    def run(program, *args, begin="import sys, hook"):
        command = [sys.executable, "-c", f"{begin}\n{textwrap.dedent(program)}", *args]
        process = subprocess.run(command, env=environ, capture_output=True, text=True)
        assert process.stderr == ""
        return {line for file in (tmp_path / "trace").iterdir() for line in file.read_text().splitlines()}

    return run


@pytest.fixture
def late(traced, data):
    """Return the same for a program that imports the hook itself, after `file` was opened."""
    return lambda program: traced(program, data, begin="import sys, mmap, os\nfile = os.open(sys.argv[1], os.O_RDONLY)")


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data.txt").write_text("data")
    return str(tmp_path / "data.txt")


def test_what_is_opened_is_noted_by_its_full_path(traced, data):
    assert data in traced("import os\nos.chdir(sys.argv[1])\nopen('data.txt').close()", os.path.dirname(data))


def test_what_was_loaded_before_the_hook_is_noted(traced):
    assert os.__file__ in traced("")


def test_an_import_is_noted_by_the_file_that_is_read(traced):
    files = traced("import wave, _ctypes")
    assert any("wave" in file for file in files) and any("_ctypes." in file for file in files)


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_a_forked_process_that_just_ends_has_noted_what_it_opened(traced, data, end):
    files = traced(f"import os\nif not os.fork():\n    open(sys.argv[1]).close()\n    {end}\nos.wait()", data)
    assert data in files


def test_what_is_mapped_at_the_end_is_noted(late, data):
    # Opened before the hook came: as what only C has opened.
    assert data in late("import hook\nmapped = mmap.mmap(file, 0, prot=mmap.PROT_READ)")


def test_what_a_process_had_mapped_before_it_was_killed_is_noted(late, data):
    program = """
        import hook, time
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            mapped = mmap.mmap(file, 0, prot=mmap.PROT_READ)
            open("/dev/null").close()
            os.write(writer, b"x")
            time.sleep(60)
        os.read(reader, 1)
        os.kill(pid, 9)
        os.wait()
        os._exit(0)
    """
    assert data in late(program)


def test_a_line_of_source_for_a_traceback_is_no_use_of_the_file(traced, data):
    program = """
        import traceback
        try:
            exec(compile("raise ValueError", sys.argv[1], "exec"))
        except ValueError:
            assert "    data" in traceback.format_exc()
    """
    assert data not in traced(program, data)
    assert data in traced("import linecache\nlinecache.getlines(sys.argv[1])", data)


def test_a_program_that_is_started_is_noted(traced):
    files = traced("import subprocess\nsubprocess.run(['true'])")
    assert any(file.endswith("/true") for file in files)


def test_closing_every_descriptor_does_not_hurt(traced, data):
    files = traced("import os\nos.closerange(3, 100)\nopen(sys.argv[1]).close()\nos._exit(0)", data)
    assert data in files


def test_without_the_variable_nothing_is_hooked(traced):
    program = "import os\nsys.addaudithook = None\nos.environ.pop('NB_SLIM_TRACE')\nimport hook"
    assert traced(program, begin="import sys") == set()


def test_a_python_without_audit_hooks_says_so(traced, tmp_path):
    traced("del sys.addaudithook\nimport hook", begin="import sys")
    assert os.listdir(tmp_path / "trace") == [audit_hook.TOO_OLD]
