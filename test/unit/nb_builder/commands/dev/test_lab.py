"""Where a JupyterLab is reached, from the file in which it describes itself."""

import json
from types import SimpleNamespace

import pytest
from nb_builder.commands.dev.lab import Lab


@pytest.mark.parametrize(
    ("content", "link"),
    [
        (None, None),
        ("", None),
        ('{"port": 88', None),
        (json.dumps({"port": 8890, "pid": 7}), "http://127.0.0.1:8890/lab/tree/a%20b.ipynb?token=t"),
    ],
)
def test_a_link_has_the_port_on_which_jupyterlab_listens(content, link, tmp_path):
    # Left by one that was killed.
    (tmp_path / "jpserver-6.json").write_text(json.dumps({"port": 8888}))
    if content is not None:
        (tmp_path / "jpserver-7.json").write_text(content)
    lab = Lab(SimpleNamespace(pid=7), tmp_path, "http://127.0.0.1:{port}/lab/tree/a%20b.ipynb?token=t")
    assert lab.link() == link
