"""Whether a Host field names this machine: in DNS rebinding, a page of another site reaches it by a name of its own."""

import ipaddress


def is_local(host):
    """Return whether the Host field `host` is an address, localhost, a name below it, or empty."""
    name = name_in(host)
    return not name or name == "localhost" or name.endswith(".localhost") or _is_address(name)


def is_loopback(host):
    """Return whether only this machine reaches what listens on `host`, a name or an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def name_in(host):
    """Return the name in a Host field, in lower case, without a port and the dot that may end it."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    name = name.lower()
    return name[:-1] if name.endswith(".") else name


def _is_address(name):
    try:
        ipaddress.ip_address(name[1:-1] if name.startswith("[") and name.endswith("]") else name)
    except ValueError:
        return False
    return True
