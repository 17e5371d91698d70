"""The keys of accounts' personal data: wrapped on ``.keys``, open in this node's memory only."""

import asyncio
import logging

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from govault.errors import GoVaultError
from govault.limits import COMPACTION_LAG_MS, LOG_REACH_S
from govault.ports import KeyedLog, LogReader, LogRecord, Randomness
from govault.services.log.following import Follower
from govault.services.log.records import check_authentic
from schemas.codec import MalformedEvent
from schemas.topics import Topic

_NONCE_BYTES = 12
_KEY_BYTES = 32
_AFTER_DESTRUCTION = b"after-destruction"
"""Key of a record that says nothing: it comes after one that destroyed a key."""
_log = logging.getLogger(__name__)


class FollowedAccountKeys:
    """``AccountKeys``: follows the topic from its beginning. A key without a value is a destroyed one."""

    def __init__(
        self,
        log: KeyedLog,
        reader: LogReader,
        randomness: Randomness,
        mac_key: bytes,
        wrapping_key: bytes,
        lag_s: float = COMPACTION_LAG_MS / 1000,
    ) -> None:
        """Args:
        mac_key: The vault's event key.
        wrapping_key: 32 bytes, of the vault: what lies on the topic is of no use without it.
        lag_s: After which the log's segments are due to be compacted.
        """
        self._log = log
        self._randomness = randomness
        self._mac_key = mac_key
        self._wrapping = AESGCM(wrapping_key)
        self._lag_s = lag_s
        self._keys: dict[str, bytes] = {}
        self._destroyed_at: int | None = None
        self.follower = Follower(reader, Topic.KEYS, self._take)

    async def run(self) -> None:
        """Follow; returns only by cancellation."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.follower.run())
            tasks.create_task(self._have_segments_closed())

    def get(self, account_id: str) -> bytes | None:
        """See the port."""
        return self._keys.get(account_id)

    async def make(self, account_id: str) -> bytes:
        """See the port."""
        key, nonce = self._randomness.token(_KEY_BYTES), self._randomness.token(_NONCE_BYTES)
        wrapped = nonce + self._wrapping.encrypt(nonce, key, account_id.encode())
        await self._put(account_id, wrapped)
        return key

    async def destroy(self, account_id: str) -> None:
        """See the port."""
        await self._put(account_id, None)

    async def _put(self, account_id: str, wrapped: bytes | None) -> None:
        position = await self._log.put(Topic.KEYS, account_id.encode(), wrapped)
        await self.follower.wait_read(position.offset, LOG_REACH_S)

    async def _have_segments_closed(self) -> None:
        """Write a record after one that destroyed a key and stayed the last.

        Apache Kafka compacts closed segments only, and closes one when a record comes. Every node looks, so that it is
        done whoever ends meanwhile; a record too many does no harm.
        """
        seen: int | None = None
        while True:
            await asyncio.sleep(self._lag_s)
            before, seen = seen, self._destroyed_at
            if seen is None or seen != before or seen != self.follower.next_offset - 1:
                continue
            try:
                await self._log.put(Topic.KEYS, _AFTER_DESTRUCTION, None)
            except GoVaultError as error:
                _log.info("a destroyed key stays in the log's files a while longer: %s", error)

    def _take(self, record: LogRecord) -> None:
        account_id = record.key.decode("utf-8", "replace")
        try:
            check_authentic(record, self._mac_key)
        except MalformedEvent as error:
            _log.warning("a record of %s/%d counts for nothing: %s", *record.position[:2], error)
            return
        if not record.value:
            self._keys.pop(account_id, None)
            if record.key != _AFTER_DESTRUCTION:
                self._destroyed_at = record.position.offset
            return
        nonce, wrapped = record.value[:_NONCE_BYTES], record.value[_NONCE_BYTES:]
        try:
            self._keys[account_id] = self._wrapping.decrypt(nonce, wrapped, record.key)
        except (InvalidTag, ValueError):
            _log.warning("the key of the account %s does not open: its personal data cannot be read", account_id)
