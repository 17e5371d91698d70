"""Every version of every request that is advertised is answered, in the schema that kio reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from kio.index import load_response_schema
from kio.serial import entity_reader

from streams.broker.protocol import VERSIONS
from tests.integration.broker.in_process import Served, connected, header, serving
from tests.unit.broker.examples import ALL_VERSIONS, example

NAMES = {0: "Produce", 1: "Fetch", 3: "Metadata", 11: "JoinGroup", 18: "ApiVersions", 19: "CreateTopics"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path / "log") as served:
        async with connected(served) as raw:
            await raw.login()
            await raw.ask(example(19, 4))
        yield served
        assert "request failed" not in served.lines.getvalue(), served.lines.getvalue()


def decoded(api_key: int, version: int, answer: bytes) -> Any:
    """The answer as kio reads it; every byte must belong to it."""
    assert answer[:4] == b"\0\0\0\x07"
    at = 4
    if api_key == 0 and version < 3:
        # kio knows no such version: throttle time and times were added one by one.
        return None
    schema: Any = load_response_schema(api_key, version)
    if int(schema.__header_schema__.__version__) >= 1:
        assert answer[at] == 0
        at += 1
    entity, size = entity_reader(schema)(answer, at)
    assert at + size == len(answer)
    return entity


async def test_every_version_is_answered(served: Served) -> None:
    for api_key, version in ALL_VERSIONS:
        async with connected(served) as raw:
            if api_key not in (17, 36):
                await raw.login()
            elif api_key == 36:
                assert await raw.ask(header(17, 1) + b"\0\x05PLAIN")
            answer = await raw.ask(example(api_key, version))
            assert answer is not None, f"API {api_key} version {version} was not answered"
            decoded(api_key, version, answer)


async def test_a_newer_api_versions_request_is_answered_with_what_is_served(served: Served) -> None:
    async with connected(served) as raw:
        answer = await raw.ask(header(18, 99, 7))
        assert answer is not None
        schema: Any = load_response_schema(18, 0)
        entity, _ = entity_reader(schema)(answer, 4)
        assert entity.error_code == 35
        assert {(k.api_key, k.min_version, k.max_version) for k in entity.api_keys} == {
            (key, low, high) for key, (low, high) in VERSIONS.items()
        }


@pytest.mark.parametrize(("api_key", "version"), [(60, 2), (22, 5), (10, 5), (16, 5), (14, 99), (68, 0), (999, 0)])
async def test_what_is_not_served_is_refused_and_never_left_hanging(served: Served, api_key: int, version: int) -> None:
    async with connected(served) as raw:
        await raw.login()
        answer = await raw.ask(header(api_key, version, 7) + b"\0")
        if answer is not None:
            assert decoded(api_key, version, answer).error_code == 35


@pytest.mark.parametrize(
    ("api_key", "field", "code"),
    [(0, "topic", 29), (19, "topic", 29), (20, "topic", 29), (22, "cluster", 31), (42, "group", 30)],
)
async def test_the_reader_is_refused_whatever_writes(served: Served, api_key: int, field: str, code: int) -> None:
    async with connected(served) as raw:
        await raw.login("reader", "reader-secret")
        answer = await raw.ask(example(api_key, VERSIONS[api_key][1]))
        assert answer is not None
        assert code.to_bytes(2, "big") in answer, (field, answer)


async def test_nothing_is_answered_before_a_login(served: Served) -> None:
    for api_key, version in ALL_VERSIONS:
        if api_key in (17, 18, 36):
            continue
        async with connected(served) as raw:
            assert await raw.ask(example(api_key, version)) is None, f"API {api_key} version {version}"


async def test_bare_tokens_log_in_after_an_old_handshake(served: Served) -> None:
    async with connected(served) as raw:
        assert await raw.ask(header(17, 0) + b"\0\x05PLAIN") is not None
        assert await raw.ask(b"\0full\0full-secret") == b""
        assert await raw.ask(example(3, 1)) is not None
    async with connected(served) as raw:
        assert await raw.ask(header(17, 0) + b"\0\x05PLAIN") is not None
        assert await raw.ask(b"\0full\0wrong") is None
