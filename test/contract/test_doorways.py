"""The scripts that s2i calls: nothing that a notebook or a repository can write chooses which code they run."""

import os
import subprocess

import pytest

from commands import ROOT

SCRIPTS = ("assemble", "run", "usage", "save-artifacts")
# A stand-in for the environments, which reports its arguments.
TELLS = '#!/bin/bash -p\nprintf "%s\\n" "called $*"\nprintf "%s\\n" "${!LD_@}" "${!PYTHON@}" "${!BASH_ENV@}"\n'


@pytest.fixture
def place(tmp_path):
    """Return a folder with a home, and programs of the notebook's own, each of which leaves a file."""
    liar = f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 0\n"
    own = ("bash", "sh", "env", "basename", "dirname", "readlink", "python", "python3", "cat", "echo", "printf")
    files = {f"app/venv/bin/{name}": liar for name in own}
    files |= {f"home/{name}/bin/python": TELLS for name in ("build", "service")}
    files["hook.sh"] = f"touch {tmp_path}/ran\n"
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_program_or_variable_of_the_notebook_s_takes_part(script, place):
    environ = {
        "PATH": f"{place}/app/venv/bin:/usr/bin:/bin",
        "APP_ROOT": str(place / "app"),
        "NB_BUILDER_HOME": str(place / "home"),
        "BASH_ENV": str(place / "hook.sh"),
        "ENV": str(place / "hook.sh"),
        "SHELLOPTS": "xtrace",
        "PS4": f"$(touch {place}/ran)",
        "BASH_FUNC_exec%%": f"() {{ touch {place}/ran; }}",
        "BASH_FUNC_echo%%": f"() {{ touch {place}/ran; }}",
    }
    done = subprocess.run([ROOT / "s2i" / "bin" / script], env=environ, capture_output=True, text=True)
    assert done.stdout.startswith("called -I "), done.stdout + done.stderr
    assert not (place / "ran").exists()


@pytest.mark.parametrize(
    ("variables", "kept"),
    [
        ({"LD_LIBRARY_PATH": "/usr/local/nvidia/lib:/usr/local/nvidia/lib64"}, ["LD_LIBRARY_PATH"]),
        ({"LD_LIBRARY_PATH": "/usr/local/nvidia/lib:{app}/src"}, []),
        ({"LD_LIBRARY_PATH": "src/lib"}, []),
        ({"LD_LIBRARY_PATH": "/usr/lib/../../{app}/src"}, []),
        ({"LD_AUDIT": "/tmp/x.so", "LD_DEBUG_OUTPUT": "{app}/x"}, []),
        ({"PYTHONPATH": "{app}/src", "PYTHONSTARTUP": "{app}/src/a.py", "PYTHONHASHSEED": "0"}, ["PYTHONHASHSEED"]),
        ({"BASH_ENV": "{app}/src/a.sh"}, []),
    ],
)
def test_run_drops_what_chooses_code_for_the_front(variables, kept, place):
    given = {name: value.format(app=place / "app") for name, value in variables.items()}
    environ = {"PATH": "/usr/bin:/bin", "APP_ROOT": str(place / "app"), "NB_BUILDER_HOME": str(place / "home"), **given}
    done = subprocess.run([ROOT / "s2i" / "bin" / "run"], env=environ, capture_output=True, text=True)
    called, *there = done.stdout.split("\n")[:-1]
    assert called == "called -I -u -m nb_service" and [name for name in there if name] == kept


@pytest.mark.parametrize("name", ["batch", "verify"])
def test_a_back_end_is_a_command_by_its_name(name, place):
    (place / name).symlink_to(ROOT / "s2i" / "bin" / "run")
    environ = {"PATH": os.environ["PATH"], "NB_BUILDER_HOME": str(place / "home")}
    done = subprocess.run([place / name, "words"], env=environ, capture_output=True, text=True)
    assert done.stdout.startswith(f"called -I -u -m nb_service {name} words\n")
