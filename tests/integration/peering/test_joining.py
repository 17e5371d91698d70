"""Joining over real TLS: with the right token once, and not otherwise."""

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from govault.domain.join_token import JoinToken, parse
from govault.errors import AccessDenied, Authentication, InvalidRequest
from govault.node.world import SystemRandomness
from govault.peering.certificates import joining_context
from govault.peering.connections import connect
from govault.peering.frames import Kind
from govault.peering.joining import Candidate, ask_to_join
from tests.integration.peering.ends import End, ends


def candidate(key: Ed25519PrivateKey) -> Candidate:
    return Candidate(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw), "loft", "roof", 2)


async def join(end: End, token: JoinToken, key: Ed25519PrivateKey, wish: Candidate | None = None) -> dict[str, Any]:
    wire = await connect(end.address, joining_context(), token.introducers[0].node_id)
    try:
        return await ask_to_join(
            wire, token.introducers[0].node_id, token, key, wish or candidate(key), SystemRandomness()
        )
    finally:
        wire.close()


async def test_the_right_token_opens_once_and_hands_over_the_secret() -> None:
    async with ends(1) as (one,):
        token, key = one.token(), Ed25519PrivateKey.generate()
        assert parse(token.text()) == token
        handed = await join(one, token, key)
        assert handed == {"root": "ab" * 32, "vault_id": "v"}
        assert one.gate.admitted == [candidate(key)]
        with pytest.raises(AccessDenied, match="ask for a new one"):
            await join(one, token, Ed25519PrivateKey.generate())


async def test_a_wrong_secret_a_borrowed_key_or_another_node_opens_nothing() -> None:
    async with ends(2) as (one, two):
        token, key = one.token(), Ed25519PrivateKey.generate()
        with pytest.raises(AccessDenied, match="not the right one"):
            await join(one, token._replace(secret=bytes(32)), key)
        with pytest.raises(AccessDenied, match="does not own the key"):
            await join(one, token, key, candidate(Ed25519PrivateKey.generate()))
        # Somebody else listens at the address that the token names.
        with pytest.raises(Authentication, match=f"is the node {two.node_id}"):
            await join(two, token, key)
        assert one.gate.admitted == []
        assert two.gate.admitted == []


async def test_a_proof_is_worth_nothing_a_second_time() -> None:
    async with ends(1) as (one,):
        token, key = one.token(), Ed25519PrivateKey.generate()
        seen: list[dict[str, Any]] = []
        wire = await connect(one.address, joining_context(), one.node_id)
        send = wire.send

        async def overheard(kind: Kind, header: dict[str, Any], body: Any = ()) -> None:
            seen.append(header)
            await send(kind, header, body)

        wire.send = overheard  # type: ignore[method-assign]
        await ask_to_join(wire, one.node_id, token, key, candidate(key), SystemRandomness())
        wire.close()
        one.gate.open_tokens.add(token.token_id)
        again = await connect(one.address, joining_context(), one.node_id)
        for header in seen:
            await again.send(Kind.REQUEST, header)
            answer = await again.answer()
        assert answer.kind is Kind.REFUSAL
        again.close()


async def test_a_stranger_may_only_join_and_not_for_long() -> None:
    async with ends(1) as (one,):
        wire = await connect(one.address, joining_context(), one.node_id)
        for method in ("fetch", "ping"):
            await wire.send(Kind.REQUEST, {"method": method})
            assert (await wire.answer()).kind is Kind.REFUSAL
        assert await wire.head() is None
        assert one.shelf.callers == []


@pytest.mark.parametrize(
    "text",
    ["", "gvj1.", "gvj1.####", "gvj2.e30", "gvj1.e30", "gvj1." + "A" * 9000, "gvj1.eyJpIjoiIiwicyI6IiIsIm4iOltdfQ"],
)
def test_what_is_no_token_is_said_to_be_none(text: str) -> None:
    with pytest.raises(InvalidRequest, match="govault cluster token"):
        parse(text)


async def test_nonsense_in_a_request_to_join_is_refused() -> None:
    async with ends(1) as (one,):
        token, key = one.token(), Ed25519PrivateKey.generate()
        for wish in (
            candidate(key)._replace(name="x" * 300),
            candidate(key)._replace(name="a\nb"),
            candidate(key)._replace(weight=-1),
            candidate(key)._replace(public_key=b"short"),
        ):
            with pytest.raises(AccessDenied):
                await join(one, token, key, wish)
        assert one.gate.admitted == []
        assert replace(one.gate, admitted=[]).open_tokens == {token.token_id}
