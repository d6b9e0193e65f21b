"""Commands that change the machine, seen before they run."""

import io

import pytest
from nb_builder.common.cell import Cell
from nb_builder.common.log import Log
from nb_builder.preflight import host_commands
from nb_builder.rewrite.magics import as_python


def announced(source):
    stream = io.StringIO()
    host_commands.announce([Cell(as_python(source), 1, 2)], "model.ipynb", Log(stream))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("source", "command"),
    [
        ("!apt-get install -y graphviz", "apt-get install -y graphviz"),
        ("x = 1\n!cd /tmp && sudo apt install git; ls", "sudo apt install git"),
        ("lines = !apt-get update", "apt-get update"),
        ("%%bash\nset -e\nDEBIAN_FRONTEND=x apt-get -y install git\nls", "DEBIAN_FRONTEND=x apt-get -y install git"),
        ("if True:\n    !conda install -y numpy", "conda install -y numpy"),
        ("%conda install numpy", "conda install numpy"),
        ("!/usr/bin/pip3 install six", "/usr/bin/pip3 install six"),
        ("!pip install --break-system-packages six", "pip install --break-system-packages six"),
        ("!sudo make install", "sudo make install"),
    ],
)  # fmt: skip
def test_a_command_that_changes_the_machine_is_noted_with_its_cell(source, command):
    log = announced(source)
    assert log.strip().startswith(
        f"note: Cell [1] of model.ipynb (cell 2 of the file) runs '{command}', and this build runs on your machine"
    )
    assert log.count("note:") == 1


@pytest.mark.parametrize(
    "source",
    ["!pip install six", "%pip install six", "!python -m pip install six", "!ls apt-get", "print('apt-get')", "def ("],
)
def test_what_stays_in_the_notebook_s_own_environment_is_not(source):
    assert announced(source) == ""
