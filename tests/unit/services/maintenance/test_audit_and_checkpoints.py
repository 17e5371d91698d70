"""The audit trail writes refusals at a bounded rate; checkpoints are what the node signed, and nothing else."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govault.domain.actor import Actor
from govault.errors import EventLog, InvalidRequest
from govault.limits import AUDIT_BURST, AUDIT_EVENTS_PER_S, AUDIT_UNKNOWN_BURST
from govault.node.identity import NodeIdentity
from govault.services.log.audit import AuditTrail
from govault.services.log.checkpoints import Checkpoints, verify
from schemas.events.records import CheckpointSigned, RequestAudited
from tests.unit.services.maintenance.fakes import FakeClock, FakeLog, FakeRandomness, FakeViewUpkeep, status_row

ALICE = Actor("alice", ("alice",), request_id="r1", address="10.0.0.1")


def trail(log: FakeLog, clock: FakeClock) -> AuditTrail:
    return AuditTrail(log, clock, FakeRandomness(), "/vaults/v/nodes/n")


async def test_a_refusal_becomes_an_event_with_its_actor_and_code() -> None:
    log = FakeLog()
    audit = trail(log, FakeClock())
    audit.refused(ALICE, "DELETE /files/{ref}", "access-denied", "f_1")
    assert await audit.work() is False
    ((event, partition),) = log.appended
    assert isinstance(event.data, RequestAudited)
    assert (event.actor, event.data.code, event.data.address, partition) == ("alice", "access-denied", "10.0.0.1", 0)


async def test_refusals_beyond_the_rate_are_counted_not_kept() -> None:
    log, clock = FakeLog(), FakeClock()
    audit = trail(log, clock)
    for _ in range(500):
        audit.refused(ALICE, "a", "b")
    await audit.work()
    assert audit.counts.written == len(log.appended) == AUDIT_BURST
    assert audit.counts.dropped == 500 - audit.counts.written
    clock.now_s += 1
    for _ in range(500):
        audit.refused(ALICE, "a", "b")
    await audit.work()
    assert audit.counts.written <= AUDIT_BURST + AUDIT_EVENTS_PER_S


async def test_a_flood_without_a_token_does_not_hide_what_others_were_refused() -> None:
    log = FakeLog()
    audit = trail(log, FakeClock())
    for _ in range(500):
        audit.refused(Actor("anonymous", address="10.9.9.9"), "GET /files", "authentication")
    audit.refused(ALICE, "DELETE /files/{ref}", "access-denied")
    await audit.work()
    assert len(log.appended) == AUDIT_UNKNOWN_BURST + 1
    assert log.appended[-1][0].actor == "alice"


async def test_refusals_wait_in_order_while_the_log_is_away() -> None:
    log = FakeLog(failing=True)
    audit = trail(log, FakeClock())
    audit.refused(ALICE, "first", "b")
    audit.refused(ALICE, "second", "b")
    with pytest.raises(EventLog):
        await audit.work()
    log.failing = False
    await audit.work()
    assert [event.data.action for event, _ in log.appended if isinstance(event.data, RequestAudited)] == [
        "first",
        "second",
    ]


def checkpoints(log: FakeLog, views: FakeViewUpkeep) -> tuple[Checkpoints, NodeIdentity]:
    key = NodeIdentity(Ed25519PrivateKey.generate())
    return Checkpoints(log, views, key, FakeClock(), FakeRandomness(), "/vaults/v/nodes/n", 60.0), key  # type: ignore[arg-type]


async def test_a_checkpoint_verifies_and_an_altered_one_does_not() -> None:
    log = FakeLog()
    signer, key = checkpoints(log, FakeViewUpkeep([status_row(0), status_row(1, applied=-1)]))
    signed = await signer.sign()
    assert [digest.partition for digest in signed.digests] == [0]
    assert hashlib.sha256(bytes.fromhex(key.public_key)).hexdigest() == signed.node_id
    verify(signed, key.public_key)
    altered = signed.digests[0].model_copy(update={"offset": 8})
    with pytest.raises(InvalidRequest, match="altered"):
        verify(signed.model_copy(update={"digests": (altered,)}), key.public_key)
    other = NodeIdentity(Ed25519PrivateKey.generate())
    with pytest.raises(InvalidRequest, match="not that of node"):
        verify(signed, other.public_key)
    with pytest.raises(InvalidRequest):
        verify(signed.model_copy(update={"signature": "zz"}), key.public_key)


async def test_views_contradict_a_checkpoint_when_history_differs_or_is_shorter() -> None:
    views = FakeViewUpkeep([status_row(0, applied=9)])
    signer, _ = checkpoints(FakeLog(), views)
    signed = await signer.sign()
    assert signer.contradictions(signed) == []
    views.rows = [status_row(0, applied=9, history="cc")]
    assert "another digest" in signer.contradictions(signed)[0]
    views.rows = [status_row(0, applied=5)]
    assert "ends before" in signer.contradictions(signed)[0]
    views.rows = [status_row(0, applied=12, history="dd")]
    assert signer.contradictions(signed) == []


async def test_the_worker_signs_only_when_something_changed() -> None:
    log, views = FakeLog(), FakeViewUpkeep([status_row(0)])
    signer, _ = checkpoints(log, views)
    await signer.work()
    await signer.work()
    assert len(log.appended) == 1
    views.rows = [status_row(0, applied=10)]
    await signer.work()
    assert len(log.appended) == 2
    assert isinstance(log.appended[0][0].data, CheckpointSigned)
