"""One file from the vault to the disk: verified by its SHA-256, resumed where an earlier run stopped, placed whole."""

import asyncio
import os
from hashlib import sha256
from typing import Any

from govault.client.files import Files
from govault.client.problems import ProtocolError, Unreachable
from govault.client.references import Reference
from govault.client.trees.report import TransferReport
from govault.client.trees.target import LocalTarget, Wanted, translated, write_all
from govault.errors import DigestMismatch, RangeNotSatisfiable
from govault.threads import to_its_end

WHOLE_BYTES_MAX = 512 * 1024
"""Contents up to this size are fetched in one piece."""
BLOCK_BYTES = 1024 * 1024
STREAM_ATTEMPTS_MAX = 6
LINK_BYTES_MAX = 4096
RETRY_FIRST_S = 0.4


async def fetch(files: Files, what: Reference, wanted: Wanted, target: LocalTarget, report: TransferReport) -> None:
    """Bring one content to its place.

    Raises:
        DigestMismatch: What came is not what was listed, twice; nothing was put in place.
        PreconditionFailed: Another version is current by now.
    """
    if wanted.kind == "symlink" and wanted.size_bytes > LINK_BYTES_MAX:
        raise ProtocolError(f"{wanted.relative}: a link's target of {wanted.size_bytes} bytes is no link's target")
    if wanted.kind == "symlink" or wanted.size_bytes <= WHOLE_BYTES_MAX:
        content = await files.content(what, if_match="" if what.version else wanted.sha256)
        report.sent_bytes += len(content)
        _check(wanted, len(content), sha256(content).hexdigest())
        await to_its_end(target.write_whole, wanted, content)
        return
    try:
        await _fetch_in_blocks(files, what, wanted, target, report)
    except DigestMismatch:
        # The part may have been somebody else's, or half of another content: once more from the first byte.
        target.drop_part(wanted)
        try:
            await _fetch_in_blocks(files, what, wanted, target, report)
        except DigestMismatch:
            target.drop_part(wanted)
            raise


async def _fetch_in_blocks(
    files: Files, what: Reference, wanted: Wanted, target: LocalTarget, report: TransferReport
) -> None:
    descriptor = await to_its_end(target.open_part, wanted, undo=os.close)
    try:
        have, digest = await to_its_end(_take_stock, descriptor)
        report.resumed_bytes += have
        failures = 0
        while have < wanted.size_bytes:
            before = have
            try:
                have, digest = await _go_on(files, what, wanted, descriptor, have, digest, report)
            except Unreachable:
                # By what lies there: the part may have been begun anew before the connection broke.
                have, digest = await to_its_end(_take_stock, descriptor)
                failures = 1 if have > before else failures + 1
                if failures == STREAM_ATTEMPTS_MAX:
                    raise
                await asyncio.sleep(RETRY_FIRST_S * 2 ** (failures - 1))
        _check(wanted, have, digest.hexdigest())
        await to_its_end(target.finish_part, wanted, descriptor)
    finally:
        os.close(descriptor)


async def _go_on(
    files: Files, what: Reference, wanted: Wanted, descriptor: int, have: int, digest: Any, report: TransferReport
) -> tuple[int, Any]:
    """Read from where the part ends; from the first byte where the node does not grant the range."""
    pinned = "" if what.version else wanted.sha256
    try:
        stream = files.stream(what, start=have, if_match=pinned, if_range=wanted.sha256 if have else "")
        async with stream as response:
            if have and response.status != 206:
                report.resumed_bytes -= min(have, report.resumed_bytes)
                have, digest = 0, sha256()
                os.ftruncate(descriptor, 0)
                os.lseek(descriptor, 0, os.SEEK_SET)
            elif have and not response.headers.get("content-range", "").startswith(f"bytes {have}-"):
                raise ProtocolError(f"{wanted.relative}: the node answered with another range than was asked for")
            buffer = bytearray()
            async for piece in response.content.iter_any():
                buffer += piece
                if have + len(buffer) > wanted.size_bytes:
                    raise DigestMismatch(f"{wanted.relative}: the node sent more bytes than the file has")
                if len(buffer) >= BLOCK_BYTES:
                    block, buffer = bytes(buffer), bytearray()
                    await to_its_end(_store, wanted, descriptor, block, digest)
                    have += len(block)
                    report.sent_bytes += len(block)
            await to_its_end(_store, wanted, descriptor, bytes(buffer), digest)
            have += len(buffer)
            report.sent_bytes += len(buffer)
    except RangeNotSatisfiable:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return 0, sha256()
    if have < wanted.size_bytes:
        raise Unreachable(f"{wanted.relative}: the connection ended after {have} of {wanted.size_bytes} bytes")
    return have, digest


def _store(wanted: Wanted, descriptor: int, block: bytes, digest: Any) -> None:
    digest.update(block)
    with translated(wanted.relative):
        write_all(descriptor, block)


def _take_stock(descriptor: int) -> tuple[int, Any]:
    """How much of a part is there, and its hash so far; the descriptor stands at its end."""
    digest = sha256()
    os.lseek(descriptor, 0, os.SEEK_SET)
    have = 0
    while block := os.read(descriptor, BLOCK_BYTES):
        digest.update(block)
        have += len(block)
    return have, digest


def _check(wanted: Wanted, size_bytes: int, digest: str) -> None:
    if size_bytes != wanted.size_bytes or digest != wanted.sha256:
        raise DigestMismatch(
            f"{wanted.relative}: what came has {size_bytes} bytes and SHA-256 {digest[:16]}…, "
            f"listed are {wanted.size_bytes} and {wanted.sha256[:16]}…; nothing was put in place",
            path=wanted.relative,
        )
