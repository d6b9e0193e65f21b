"""A kernel of this Python: what it sees of us, and how its end is told."""

import os
import sys
import time
from pathlib import Path

import pytest
from nb_builder.execute import kernel


@pytest.fixture
def start(tmp_path, kernel_code):
    """Return what starts a kernel in a folder of its own."""

    def start(**environ):
        folder = tmp_path / "notebooks"
        folder.mkdir(exist_ok=True)
        environ = {**os.environ, **environ}
        log_file = tmp_path / "kernel.log"
        return kernel.running(kernel.Launch(Path(sys.executable), folder, kernel_code, environ, log_file))

    return start


def printed(started, source, seconds=30):
    """Run `source` and return what it printed."""
    told = []
    started.ask(source, seconds=seconds, seen=lambda message: told.append(message["content"].get("text", "")))
    return "".join(told)


def test_modules_of_the_repository_with_names_that_jupyter_needs_do_not_break_the_kernel(start, tmp_path):
    (tmp_path / "notebooks").mkdir()
    for name in ("json", "socket", "values", "zmq"):
        (tmp_path / "notebooks" / f"{name}.py").write_text("raise SystemExit('the repository was imported')")
    (tmp_path / "notebooks" / "helper.py").write_text("answer = 42")
    with start() as started:
        assert printed(started, "import helper; print(helper.answer)") == "42\n"


def test_the_notebook_sees_its_folder_between_python_and_packages_and_the_overlay_last(start, kernel_code):
    with start() as started:
        path = printed(started, "import sys; print('|'.join(sys.path))").strip().split("|")
    assert path[path.index("") + 1].endswith("site-packages")
    assert path[path.index("") - 1].endswith("lib-dynload")
    assert path[-2] == str(kernel_code)


def test_a_module_of_the_repository_does_not_shadow_the_standard_library(start, tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "statistics.py").write_text("raise SystemExit('the repository was imported')")
    with start() as started:
        assert printed(started, "import statistics; print(statistics.mean([1, 3]))") == "2\n"


def test_our_own_python_settings_do_not_reach_the_notebook(start, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    code = "import os; print(sorted(k for k in os.environ if k.startswith('PYTHON')), os.environ['VIRTUAL_ENV'])"
    with start(PYTHONDONTWRITEBYTECODE="1", PYTHONSAFEPATH="1", PYTHONHASHSEED="0") as started:
        assert printed(started, code) == f"['PYTHONHASHSEED'] {Path(sys.executable).parents[1]}\n"


def test_the_venvs_programs_come_first(start):
    with start() as started:
        found = printed(started, "import os; print(os.environ['PATH'].split(os.pathsep)[0])")
    assert found.strip() == str(Path(sys.executable).parent)


def test_a_kernel_that_ends_is_told_with_its_signal_and_its_last_words(start):
    with start() as started, pytest.raises(kernel.KernelGone) as gone:
        printed(started, "import os; os.write(2, b'the last words'); os.abort()")
    assert "SIGABRT" in gone.value.reason
    assert "the last words" in gone.value.log_tail


@pytest.mark.parametrize("own_session", [False, True])
def test_what_a_cell_started_does_not_outlive_the_kernel(start, own_session):
    code = f"import subprocess; print(subprocess.Popen(['sleep', '600'], start_new_session={own_session}).pid)"
    with start() as started:
        pid = int(printed(started, code))
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_a_command_of_a_cell_left_behind_does_not_outlive_the_kernel(start):
    code = "get_ipython().system('setsid sh -c \"echo \\\\$\\\\$; sleep 600 & sleep 600\" >pids & sleep .3; cat pids')"
    with start() as started:
        pid = int(printed(started, code))
    assert not Path(f"/proc/{pid}").exists()


def test_of_the_kernels_log_only_a_bounded_tail_is_left(start, tmp_path):
    with start() as started:
        printed(started, "import os\nfor n in range(300): os.write(2, b'%04d' % n + b'x' * 1000 + b'\\n')")
    log = (tmp_path / "kernel.log").read_bytes()
    assert len(log) == kernel.LOG_BYTES
    assert b"0299x" in log
    assert b"0000x" not in log


def test_a_cell_that_takes_too_long_is_told_and_can_be_interrupted(start):
    with start() as started:
        with pytest.raises(kernel.TooSlow):
            printed(started, "import time\ntime.sleep(600)", seconds=0.3)
        started.interrupt()
        started.settle(10)
        assert printed(started, "print('still here')") == "still here\n"


def test_no_file_of_the_kernel_is_left_behind(start, monkeypatch, tmp_path):
    temporary = tmp_path / "t"
    temporary.mkdir()
    monkeypatch.setattr(kernel.tempfile, "tempdir", str(temporary))
    with start():
        pass
    assert list(temporary.iterdir()) == []


def test_sockets_lie_in_a_short_path_where_the_temporary_folder_is_deep(monkeypatch):
    monkeypatch.setattr(kernel.tempfile, "tempdir", "/tmp/" + "deep/" * 30)
    folder = Path(kernel.socket_folder())
    folder.rmdir()
    assert len(str(folder)) < kernel.LONGEST_FOLDER


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (-9, "it was killed by signal 9 (SIGKILL), as the system does when memory runs out"),
        (-11, "it was killed by signal 11 (SIGSEGV), a crash in compiled code"),
        (3, "it ended with exit code 3"),
    ],
)
def test_the_end_of_a_process_has_words(status, words):
    assert kernel.how_it_ended(status) == words
