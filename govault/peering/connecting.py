"""From addresses to a connection whose other side has proved to be the node that was wanted."""

import asyncio
import ssl
from collections.abc import Sequence

from govault.limits import PEER_HANDSHAKE_S_MAX
from govault.peering.stream import PeerStream


class WrongNode(ConnectionError):
    """Somebody else answers at this address."""


async def connect_to(addresses: Sequence[str], node_id: str, context: ssl.SSLContext) -> PeerStream:
    """A connection to the first address that answers as the node.

    Args:
        addresses: host:port, tried in this order.

    Raises:
        OSError: None does (``ssl.SSLError`` and ``TimeoutError`` are OSErrors too); the last one's error.
    """
    failure: OSError = ConnectionError("no address of it is known")
    for address in addresses:
        try:
            async with asyncio.timeout(PEER_HANDSHAKE_S_MAX):
                return await _connect(address, node_id, context)
        except OSError as error:
            failure = error
        except ValueError as error:
            failure = OSError(f"{address!r} is no address: {error}")
    raise failure


async def _connect(address: str, node_id: str, context: ssl.SSLContext) -> PeerStream:
    host, _, port = address.rpartition(":")
    stream = PeerStream()
    try:
        await asyncio.get_running_loop().create_connection(
            lambda: stream,
            host.strip("[]"),
            int(port),
            ssl=context,
            server_hostname="",
            ssl_handshake_timeout=PEER_HANDSHAKE_S_MAX,
            ssl_shutdown_timeout=1.0,
        )
        stream.send_at_once()
        if stream.peer_node_id != node_id:
            raise WrongNode(f"at {address} answers node {stream.peer_node_id}, not {node_id}")
    except BaseException:
        stream.abort()
        raise
    return stream
