"""A kernel of this Python: what it sees of our environment, and how its end is reported."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nb_builder.execute import kernel


@pytest.fixture
def start(tmp_path, kernel_code):
    """Return a function that starts a kernel in its own folder."""

    def start(**environ):
        folder = tmp_path / "notebooks"
        folder.mkdir(exist_ok=True)
        environ = {**os.environ, **environ}
        log_file = tmp_path / "kernel.log"
        return kernel.running(kernel.Launch(Path(sys.executable), folder, kernel_code, environ, log_file))

    return start


def printed(started, source, seconds=30):
    """Run `source` and return what it printed."""
    pieces = []
    started.execute(
        source, seconds=seconds, on_message=lambda message: pieces.append(message["content"].get("text", ""))
    )
    return "".join(pieces)


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
        first = printed(started, "import os; print(os.environ['PATH'].split(os.pathsep)[0])")
    assert first.strip() == str(Path(sys.executable).parent)


def test_a_kernel_that_ends_is_reported_with_its_signal_and_its_last_words(start):
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


def test_a_cell_that_takes_too_long_is_reported_and_can_be_interrupted(start):
    with start() as started:
        with pytest.raises(kernel.TooSlow):
            printed(started, "import time\ntime.sleep(600)", seconds=0.3)
        started.interrupt()
        started.settle(10)
        assert printed(started, "print('still here')") == "still here\n"


# As a reply does in ipykernel 7.0 to 7.3 that is sent while a request comes: it takes the notice of that request.
MISSES = """
import time
from ipykernel.kernelapp import IPKernelApp
app = IPKernelApp.instance()
loop = app.shell_channel_thread.io_loop
def take_the_notice():
    time.sleep(1)
    app.shell_socket.EVENTS
loop.add_callback(lambda: loop.call_later(0.5, take_the_notice))
"""


def test_a_request_that_the_kernel_has_missed_is_seen_after_all(start):
    with start() as started:
        printed(started, MISSES)
        time.sleep(1)
        assert printed(started, "print('seen')", seconds=20) == "seen\n"


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
    assert len(str(folder)) < kernel.MAX_FOLDER


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (-9, "it was killed by signal 9 (SIGKILL), as the system does if memory runs out"),
        (-11, "it was killed by signal 11 (SIGSEGV), a crash in compiled code"),
        (3, "it exited with status 3"),
    ],
)
def test_the_end_of_a_process_has_words(status, words):
    assert kernel.how_it_ended(status) == words


def told(tmp_path, **more):
    return kernel.Launch(
        Path("/v/bin/python"), tmp_path, Path("/over lay"), {"PATH": "/bin", "HOME": "/h"}, tmp_path / "log", **more
    )


def test_a_kernel_s_processes_see_the_venv_and_pip_and_files_of_jupyter_of_their_own(tmp_path):
    environ = kernel.child_environ(told(tmp_path), "/s")
    own = {
        "VIRTUAL_ENV": "/v",
        "IPYTHONDIR": "/s/ipythondir",
        "JUPYTER_RUNTIME_DIR": "/s/jupyter_runtime_dir",
        "JUPYTER_CONFIG_DIR": "/s/jupyter_config_dir",
        "JPY_PARENT_PID": str(os.getpid()),
    }
    assert environ == {"HOME": "/h", "PATH": "/v/bin:/bin", **own}
    with_pip = kernel.child_environ(told(tmp_path, pip=Path("/pip")), "/s")
    assert with_pip == {"HOME": "/h", "PATH": "/v/bin:/pip/bin:/bin", "PYTHONPATH": "/pip", **own}


def test_a_kernel_is_started_by_the_model_s_python_with_the_overlay_behind_its_own_packages(tmp_path):
    python, option, boot, *rest = kernel.command(told(tmp_path, pip=Path("/pip"), strict=True), "/s/kernel.json")
    assert (python, option) == ("/v/bin/python", "-c")
    assert rest == ["-f", "/s/kernel.json", "--HistoryManager.enabled=False", "--InteractiveShellApp.ignore_cwd=True"]
    assert "entry != '/pip'" in boot and "sys.path += ['/over lay', " in boot and "begin(app.shell, True)" in boot


def test_the_last_twenty_lines_of_a_kernel_s_own_are_reported(start):
    with start() as started:
        started.log_file.write_bytes(b"\xff\n" * 3 + b"".join(b"%d\n" % number for number in range(25)))
        assert started.log_tail().split() == [str(number) for number in range(5, 25)]
        assert started.log_tail(2) == "23\n24"


def test_code_that_does_not_count_takes_no_number_and_the_reply_reports_what_came_of_it(start):
    with start() as started:
        beats = []
        nothing = {"seconds": 30, "on_message": lambda message: None}
        first = started.execute("1", on_tick=lambda: beats.append(1), **nothing)
        ours = started.execute("2", store_history=False, **nothing)
        second = started.execute("1/0", **nothing)
    assert (first["status"], ours["status"], second["status"]) == ("ok", "ok", "error")
    assert second["execution_count"] == first["execution_count"] + 1 and beats


def test_a_short_log_is_kept_as_it_is(tmp_path):
    (tmp_path / "log").write_bytes(b"x" * kernel.LOG_BYTES)
    kernel.trim(tmp_path / "log")
    assert (tmp_path / "log").stat().st_size == kernel.LOG_BYTES


COMMANDS = """
import sys, types
sys.path.append({overlay!r})
import ipykernel.zmqshell, IPython.core.interactiveshell
if {old}:
    del ipykernel.zmqshell.system
from nb_scorer.kernel import ipython_hooks
sent = []
shell = types.SimpleNamespace(
    user_ns={{}}, payload_manager=types.SimpleNamespace(write_payload=lambda payload, single: sent.append(payload))
)
ipython_hooks._watch_commands(shell, False)
(IPython.core.interactiveshell if {old} else ipykernel.zmqshell).system("exit 3")
print(sent[0]["status"])
"""


@pytest.mark.parametrize("old", [True, False])
def test_commands_are_watched_in_an_ipykernel_that_leaves_them_to_ipython(old, kernel_code):
    program = COMMANDS.format(overlay=str(kernel_code), old=old)
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "3"
