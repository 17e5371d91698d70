"""Applied positions as one opaque header value: ``GoVault-Position`` and ``GoVault-At-Least``."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from govault.errors import InvalidRequest
from schemas.topics import Topic

TOKEN_CHARACTERS_MAX = 8_192
_TAG_BYTES = 4
_VERSION = "1."

Place = tuple[Topic, int]


def make_token(vault_id: str, places: Sequence[Place], applied: Mapping[Place, int]) -> str:
    """The token of the applied offsets, in the order of ``places``."""
    body = b"".join(_varint(applied[place] + 1) for place in places)
    return _VERSION + base64.urlsafe_b64encode(_tag(vault_id) + body).decode().rstrip("=")


def read_token(vault_id: str, places: Sequence[Place], token: str) -> dict[Place, int]:
    """The offsets that a token asks for.

    Raises:
        InvalidRequest: It is not a token of this vault.
    """
    try:
        if not token.startswith(_VERSION) or len(token) > TOKEN_CHARACTERS_MAX:
            raise ValueError("its form is unknown")
        body = token[len(_VERSION) :]
        raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        if raw[:_TAG_BYTES] != _tag(vault_id):
            raise ValueError("another vault made it")
        numbers = _varints(raw[_TAG_BYTES:])
        if len(numbers) != len(places):
            raise ValueError("it has another number of partitions")
    except (ValueError, binascii.Error) as error:
        raise InvalidRequest(
            f"the position is not one of this vault: {error}; send a `GoVault-Position` back as it came",
            rule="position",
        ) from error
    return {place: number - 1 for place, number in zip(places, numbers, strict=True)}


def _tag(vault_id: str) -> bytes:
    return blake2b(vault_id.encode(), digest_size=_TAG_BYTES, person=b"govault-pos").digest()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _varints(raw: bytes) -> list[int]:
    numbers: list[int] = []
    number = shift = 0
    for byte in raw:
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            numbers.append(number)
            number = shift = 0
        elif shift > 63:
            raise ValueError("a number is too large")
    if shift:
        raise ValueError("it is cut off")
    return numbers
