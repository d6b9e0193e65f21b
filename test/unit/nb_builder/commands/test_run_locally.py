"""How `make run` finds its port."""

import io
import socket

import pytest
from nb_builder.commands import run_locally
from nb_builder.common.log import Log
from nb_scorer.common.problem import SettingInvalid


def test_a_taken_port_is_left_to_its_owner(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stream = io.StringIO()
        free = run_locally._free_port(port, Log(stream))
    assert free > port
    assert f"port {port} is taken; {free} is used instead." in stream.getvalue()


def test_port_0_is_any_that_is_free():
    assert run_locally._free_port(0, Log(io.StringIO())) > 1023


def test_a_port_that_is_none_is_told_before_anything_is_built(monkeypatch):
    monkeypatch.setenv("PORT", "abc")
    with pytest.raises(SettingInvalid, match="PORT='abc'"):
        run_locally.main(["/nowhere"])
