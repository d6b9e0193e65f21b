import pytest
from nb_scorer.common import host_names


@pytest.mark.parametrize(
    "host",
    ["", "localhost", "LOCALHOST.:80", "model.localhost", "127.0.0.1:8080", "10.1.2.3", "[::1]:80", "[fe80::1]"],
)
def test_a_machine_s_own_names_are_addresses_and_localhost(host):
    assert host_names.is_local(host)


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.example:80", "notlocalhost", "0x7f000001", "127.1", "x"]
)
def test_others_may_be_anybody_s(host):
    assert not host_names.is_local(host)


@pytest.mark.parametrize(
    ("host", "is_so"),
    [
        *((host, True) for host in ("127.0.0.1", "127.3.2.1", "localhost", "::1")),
        *((host, False) for host in ("0.0.0.0", "10.0.0.1", "", "model.example")),
    ],
)
def test_what_listens_on_loopback_is_for_this_machine(host, is_so):
    assert host_names.is_loopback(host) == is_so
