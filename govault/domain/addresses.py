"""What tells a client's address from another's."""

import ipaddress

_IPV6_NETWORK_BYTES = 8


def network_of(address: str) -> str:
    """All of an address, or of IPv6 the network (/64): whoever has one address of that has them all."""
    if ":" not in address:
        return address
    try:
        whole = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if whole.ipv4_mapped is not None:
        return str(whole.ipv4_mapped)
    return whole.packed[:_IPV6_NETWORK_BYTES].hex()
