"""Checks whether a Host header names this machine; in a DNS rebinding attack, it names the attacker's site."""

import ipaddress


def is_local(host):
    """Return whether the Host field `host` is an address, localhost, a name below it, or empty."""
    name = name_in(host)
    return not name or name == "localhost" or name.endswith(".localhost") or _is_address(name)


def is_loopback(host):
    """Return whether an address or host name to listen on is reachable from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def name_in(host):
    """Return the name in a Host header in lower case, without port and trailing dot."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    name = name.lower()
    return name[:-1] if name.endswith(".") else name


def _is_address(name):
    try:
        ipaddress.ip_address(name[1:-1] if name.startswith("[") and name.endswith("]") else name)
    except ValueError:
        return False
    return True
