"""Sealing: chunk or bundle → record and back, AES-256-GCM under a key derived for each record's name.

The name is the chunk's id, or the hash of a bundle's table. The nonce is random for every sealing, because one chunk
may be sealed again in another form under the same key.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from govault.domain.manifest import ChunkRef
from govault.storage.compression import Codec, Compressor, decompress
from govault.storage.disk import Buffer
from govault.storage.keyring import Keyring
from govault.storage.record import (
    KEY_CHECK_BYTES,
    RECORD_HEADER_BYTES,
    TAG_BYTES,
    RecordHeader,
    chunks_of,
    encode_table,
    table_bytes,
)
from govault.storage.rooms import Rooms
from schemas.ids import ChunkId

_scratch = Rooms()
"""For compressed content, which nobody sees."""


class SealBroken(Exception):
    """A record is not what was sealed: damage, forgery, or a key that this keyring does not have."""


class SealingRootMissing(SealBroken):
    """The keyring cannot open this epoch: the record may well be whole."""

    def __init__(self, epoch: int) -> None:
        super().__init__(f"the keyring has no sealing root {epoch}")
        self.epoch = epoch


class SealedRecord(NamedTuple):
    """A record ready to be appended."""

    sealing_epoch: int
    raw: Buffer


class Sealer:
    """Names, seals and opens chunks with the keys of one vault. Threads share it."""

    def __init__(self, keyring: Keyring, compressor: Compressor) -> None:
        self._keyring = keyring
        self._compressor = compressor
        self._fingerprint_key = keyring.fingerprint_key
        self.key_check = keyring.derive("pack key check")[:KEY_CHECK_BYTES]
        """Written into every pack."""

    def chunk_id(self, plain: Buffer) -> ChunkId:
        """The id of a plaintext."""
        return ChunkId(blake3(plain, key=self._fingerprint_key).digest())

    def seal(self, chunk_id: ChunkId, plain: memoryview | bytes) -> SealedRecord:
        """Compress and seal a chunk into a whole record, which needs nothing but the vault's keys to be opened."""
        codec, stored = self._compressor.compress(plain)
        return self._seal(codec, len(plain), chunk_id, b"", stored)

    def seal_bundle(self, chunks: Sequence[ChunkRef], plains: Sequence[memoryview | bytes]) -> SealedRecord:
        """Compress several chunks together and seal them into one record; a single one as ``seal`` does.

        Small chunks compress badly alone, and a compression, a seal and a header of its own cost more than they do.
        """
        if len(chunks) == 1:
            return self.seal(chunks[0].chunk_id, plains[0])
        plain = b"".join(plains)
        codec, stored = self._compressor.compress_together(plain)
        table = encode_table(chunks)
        return self._seal(codec, len(plain), self.chunk_id(table), table, stored)

    def _seal(self, codec: Codec, plain_bytes: int, name: ChunkId, table: bytes, stored: Buffer) -> SealedRecord:
        epoch = self._keyring.sealing_epoch
        stored_bytes = len(table) + len(stored) + TAG_BYTES
        header = RecordHeader(codec, epoch, plain_bytes, stored_bytes, name, os.urandom(12), bool(table))
        context = header.encode() + table
        raw = bytearray(header.record_bytes)
        raw[: len(context)] = context
        self._cipher(header).encrypt_into(header.nonce, stored, context, memoryview(raw)[len(context) :])
        return SealedRecord(epoch, raw)

    def authenticate(self, header: RecordHeader, record: Buffer, room: memoryview | None = None) -> Buffer:
        """The stored (still compressed) content of a whole record.

        Args:
            room: Where to put it, if it fits; else it gets memory of its own.

        Raises:
            SealBroken: It is not what was sealed.
        """
        view = memoryview(record)
        if len(view) != header.record_bytes:
            raise SealBroken(f"{len(view)} bytes where the record has {header.record_bytes}")
        context_bytes = RECORD_HEADER_BYTES + (table_bytes(view) if header.is_bundle else 0)
        if context_bytes + TAG_BYTES > len(view):
            raise SealBroken("the table of its chunks is damaged")
        cipher, sealed, context = self._cipher(header), view[context_bytes:], view[:context_bytes]
        stored_bytes = len(sealed) - TAG_BYTES
        try:
            if room is None or len(room) < stored_bytes:
                return cipher.decrypt(header.nonce, sealed, context)
            cipher.decrypt_into(header.nonce, sealed, context, room[:stored_bytes])
        except InvalidTag as error:
            raise SealBroken("the seal does not hold") from error
        return room[:stored_bytes]

    def unseal(self, header: RecordHeader, record: Buffer, room: memoryview | None = None) -> Buffer:
        """The plaintext of a whole record: its chunks one after the other, not yet held against their ids.

        Args:
            room: Where to put it, if it is not compressed and fits; else it gets memory of its own.

        Raises:
            SealBroken: It is not what was sealed.
        """
        if header.codec != Codec.NONE:
            room = _scratch.room(header.stored_bytes)
        try:
            return decompress(header.codec, self.authenticate(header, record, room), header.plain_bytes)
        except ValueError as error:
            raise SealBroken(str(error)) from error

    def check(self, chunk_id: ChunkId, plain: Buffer) -> None:
        """Hold a plaintext against the id of its chunk.

        Raises:
            SealBroken: It is another's.
        """
        if self.chunk_id(plain) != chunk_id:
            raise SealBroken("the content is not the one that its id names")

    def open(self, header: RecordHeader, record: Buffer) -> bytes:
        """The plaintext of a whole record of one chunk, checked against its id.

        Raises:
            SealBroken: It is not what was sealed, or a bundle.
        """
        if header.is_bundle:
            raise SealBroken("it is a bundle, where the record of one chunk was expected")
        plain = self.unseal(header, record)
        self.check(header.chunk_id, plain)
        return bytes(plain)

    def open_all(self, header: RecordHeader, record: Buffer) -> list[tuple[ChunkRef, memoryview]]:
        """All chunks of a whole record with their plaintexts, each checked against its id.

        Raises:
            SealBroken: It is not what was sealed.
        """
        plain = memoryview(self.unseal(header, record))
        opened: list[tuple[ChunkRef, memoryview]] = []
        start = 0
        for chunk in chunks_of(header, record):
            piece = plain[start : start + chunk.size_bytes]
            self.check(chunk.chunk_id, piece)
            opened.append((chunk, piece))
            start += chunk.size_bytes
        return opened

    def root_record(self, epoch: int) -> bytes | None:
        """The record that carries an epoch's wrapped sealing root; None for the first epoch, which needs none."""
        wrapped = self._keyring.wrapped_root(epoch)
        if wrapped is None:
            return None
        header = RecordHeader(Codec.SEALING_ROOT, epoch, 0, len(wrapped), ChunkId(bytes(32)), bytes(12))
        return header.encode() + wrapped

    def adopt_root(self, header: RecordHeader, record: Buffer) -> bool:
        """Learn the sealing root that a record carries."""
        return self._keyring.adopt_root(header.sealing_epoch, bytes(memoryview(record)[RECORD_HEADER_BYTES:]))

    def _cipher(self, header: RecordHeader) -> AESGCM:
        root = self._keyring.sealing_root(header.sealing_epoch)
        if root is None:
            raise SealingRootMissing(header.sealing_epoch)
        return AESGCM(blake3(header.chunk_id, key=root).digest())
