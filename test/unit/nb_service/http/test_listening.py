import pytest
from nb_service.http import listening
from nb_service.problems import PortTaken


def test_a_taken_port_is_rejected_with_the_reason():
    with listening.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"port {port}: Address already in use"):
            listening.listen("127.0.0.1", port)


def test_an_address_that_is_not_ours_is_rejected():
    with pytest.raises(PortTaken, match=r"Can't listen on 192\.0\.2\.1 port 0"):
        listening.listen("192.0.2.1", 0)


@pytest.mark.parametrize(
    ("descriptors", "connections"), [(1024, 768), (5120, 4096), (-1, 4096), (100_000, 4096), (4, 3)]
)
def test_connections_leave_descriptors_for_everything_else(descriptors, connections):
    assert listening.connections_for(descriptors) == connections


@pytest.mark.parametrize("host", ["\udcff\udcfe", "x" * 300, "a..b"])
def test_what_is_no_name_of_a_host_is_rejected(host):
    with pytest.raises(PortTaken, match="Can't listen on"):
        listening.listen(host, 0)
