"""Determines which IP addresses are public; all code that fetches files checks this before it connects."""

import ipaddress

# IPv6 addresses that represent an IPv4 address, which may be private.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Addresses that ipaddress considers global, in some or all versions of Python, and that lead into a private network:
# metadata of Azure and of Oracle's cloud, NAT64 of a site, and site-local addresses.
_PRIVATE = tuple(map(ipaddress.ip_network, ("168.63.129.16/32", "192.0.0.0/24", "64:ff9b:1::/48", "fec0::/10")))


def is_public(text: str) -> bool:
    """Return whether an IP address is public: neither this machine's nor a private network's."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    if any(address in network for network in _PRIVATE):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
