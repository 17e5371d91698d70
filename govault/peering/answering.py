"""From a request's frame to its answer: decode, ask this node, encode."""

from collections.abc import Sequence

from govault.errors import AccessDenied
from govault.limits import PEER_CALL_S_MAX
from govault.peering import messages
from govault.peering.frames import FrameError, Kind
from govault.ports import ProbeRequests, ReplicaRequests

PROBES = frozenset({Kind.PING, Kind.PING_FOR})
CALLS = PROBES | {Kind.CONFIRM, Kind.MISSING, Kind.STORE, Kind.FETCH, Kind.SLOT_DIGESTS, Kind.SLOT_CHUNKS}


async def answer(
    caller: str, kind: Kind, payload: bytearray, replicas: ReplicaRequests, probes: ProbeRequests
) -> Sequence[bytes]:
    """The pieces of the answer's payload.

    Raises:
        FrameError: The payload is not what its kind says.
        GoVaultError: This node refuses.
    """
    match kind:
        case Kind.CONFIRM:
            ids, epoch = messages.decode_confirm(payload)
            return [messages.encode_ids(await replicas.confirm(caller, ids, epoch))]
        case Kind.MISSING:
            return [messages.encode_ids(await replicas.missing(caller, messages.decode_ids(payload)))]
        case Kind.STORE:
            chunks, epoch = messages.decode_chunks(payload)
            await replicas.store(caller, chunks, epoch)
            return []
        case Kind.FETCH:
            found = await replicas.fetch(caller, messages.decode_ids(payload))
            return messages.encode_chunks(found, 0)
        case Kind.SLOT_DIGESTS:
            slots = messages.decode_slots(payload)
            return [messages.encode_digests(await replicas.slot_digests(caller, slots))]
        case Kind.SLOT_CHUNKS:
            slot, after, limit = messages.decode_range(payload)
            return [messages.encode_ids(await replicas.slot_chunks(caller, slot, after, limit))]
        case Kind.PING:
            return [await probes.pinged(caller, messages.decode_gossip(payload))]
        case Kind.PING_FOR:
            peer, gossip, timeout_s = messages.decode_ping_for(payload)
            if peer == caller:
                raise AccessDenied("a node does not ask another to ping itself")
            return [await probes.ping_for(caller, peer, gossip, min(timeout_s, PEER_CALL_S_MAX))]
        case _:
            raise FrameError(f"{kind.name} is no call of a member")
