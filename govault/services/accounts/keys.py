"""The keys of accounts' personal data: wrapped on ``.keys``, open in this node's memory only."""

import logging

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from govault.limits import LOG_REACH_S
from govault.ports import KeyedLog, LogReader, LogRecord, Randomness
from govault.services.following import Follower
from schemas.codec import MalformedEvent, verify_mac
from schemas.envelope import MAC_HEADER
from schemas.topics import Topic

_NONCE_BYTES = 12
_KEY_BYTES = 32
_log = logging.getLogger(__name__)


class FollowedAccountKeys:
    """``AccountKeys``: follows the topic from its beginning. A key without a value is a destroyed one."""

    def __init__(
        self, log: KeyedLog, reader: LogReader, randomness: Randomness, mac_key: bytes, wrapping_key: bytes
    ) -> None:
        """Args:
        mac_key: The vault's event key.
        wrapping_key: 32 bytes, of the vault: what lies on the topic is of no use without it.
        """
        self._log = log
        self._randomness = randomness
        self._mac_key = mac_key
        self._wrapping = AESGCM(wrapping_key)
        self._keys: dict[str, bytes] = {}
        self.follower = Follower(reader, Topic.KEYS, self._take)

    async def run(self) -> None:
        """Follow; returns only by cancellation."""
        await self.follower.run()

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

    def _take(self, record: LogRecord) -> None:
        place = (record.position.topic, record.position.partition)
        account_id = record.key.decode("utf-8", "replace")
        try:
            verify_mac(self._mac_key, *place, record.key, record.value, dict(record.headers).get(MAC_HEADER))
        except MalformedEvent as error:
            _log.warning("a record of %s/%d counts for nothing: %s", *place, error)
            return
        if not record.value:
            self._keys.pop(account_id, None)
            return
        nonce, wrapped = record.value[:_NONCE_BYTES], record.value[_NONCE_BYTES:]
        try:
            self._keys[account_id] = self._wrapping.decrypt(nonce, wrapped, record.key)
        except (InvalidTag, ValueError):
            _log.warning("the key of the account %s does not open: its personal data cannot be read", account_id)
