"""Sealing: chunk → record and back, AES-256-GCM under a key derived for each chunk.

The nonce is random for every sealing, because one chunk may be sealed again in another form under the same key.
"""

import os
from typing import NamedTuple

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from govault.storage.compression import Codec, Compressor, decompress
from govault.storage.disk import Buffer
from govault.storage.keyring import Keyring
from govault.storage.record import KEY_CHECK_BYTES, RECORD_HEADER_BYTES, TAG_BYTES, RecordHeader
from schemas.ids import ChunkId


class SealBroken(Exception):
    """A record is not what was sealed: damage, forgery, or a key that this keyring does not have."""


class SealingRootMissing(SealBroken):
    """The keyring cannot open this epoch: the record may well be whole."""


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

    def seal(self, chunk_id: ChunkId, plain: memoryview) -> SealedRecord:
        """Compress and seal a chunk into a whole record."""
        codec, stored = self._compressor.compress(plain)
        epoch = self._keyring.sealing_epoch
        header = RecordHeader(codec, epoch, len(plain), len(stored) + TAG_BYTES, chunk_id, os.urandom(12))
        raw_header = header.encode()
        raw = bytearray(header.record_bytes)
        raw[:RECORD_HEADER_BYTES] = raw_header
        self._cipher(header).encrypt_into(header.nonce, stored, raw_header, memoryview(raw)[RECORD_HEADER_BYTES:])
        return SealedRecord(epoch, raw)

    def authenticate(self, header: RecordHeader, record: Buffer) -> Buffer:
        """The stored (still compressed) content of a whole record.

        Raises:
            SealBroken: It is not what was sealed.
        """
        view = memoryview(record)
        if len(view) != header.record_bytes:
            raise SealBroken(f"{len(view)} bytes where the record has {header.record_bytes}")
        cipher, sealed, context = self._cipher(header), view[RECORD_HEADER_BYTES:], view[:RECORD_HEADER_BYTES]
        try:
            if header.codec == Codec.NONE:
                return cipher.decrypt(header.nonce, sealed, context)
            stored = bytearray(header.stored_bytes - TAG_BYTES)
            cipher.decrypt_into(header.nonce, sealed, context, stored)
        except InvalidTag as error:
            raise SealBroken("the seal does not hold") from error
        return stored

    def open(self, header: RecordHeader, record: Buffer) -> bytes:
        """The plaintext of a whole record, checked against its id.

        Raises:
            SealBroken: It is not what was sealed.
        """
        try:
            plain = decompress(header.codec, self.authenticate(header, record), header.plain_bytes)
        except ValueError as error:
            raise SealBroken(str(error)) from error
        if self.chunk_id(plain) != header.chunk_id:
            raise SealBroken("the content is not the one that its id names")
        return bytes(plain)

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
            raise SealingRootMissing(f"the keyring has no sealing root {header.sealing_epoch}")
        return AESGCM(blake3(header.chunk_id, key=root).digest())
