"""The recovery key: a root secret as text that a person can copy by hand, with a checksum that catches slips.

Form: 60 Crockford base-32 characters in groups of five, 32 bytes of secret and 5 bytes of BLAKE3 over them.
"""

from blake3 import blake3

from govault.errors import InvalidRequest

SECRET_BYTES = 32
_CHECK_BYTES = 5
_CHARACTERS = 60
_GROUP = 5
_PADDING_BITS = _CHARACTERS * 5 - (SECRET_BYTES + _CHECK_BYTES) * 8
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})


def encode(secret: bytes) -> str:
    """The text form of a 32-byte secret."""
    number = int.from_bytes(secret + _checksum(secret), "big") << _PADDING_BITS
    characters = "".join(_ALPHABET[(number >> shift) & 31] for shift in range(5 * (_CHARACTERS - 1), -1, -5))
    return "-".join(characters[start : start + _GROUP] for start in range(0, _CHARACTERS, _GROUP))


def decode(text: str) -> bytes:
    """The secret of a text; case, spaces, dashes and the usual misreadings (O for 0, I and L for 1) do not matter.

    Raises:
        InvalidRequest: It is not a recovery key, or a character was copied wrongly.
    """
    characters = "".join(text.split()).replace("-", "").upper().translate(_MISREAD)
    if len(characters) != _CHARACTERS or any(character not in _ALPHABET for character in characters):
        raise InvalidRequest(
            f"a recovery key has {_CHARACTERS} letters and digits, this has {len(characters)} (or a foreign character)",
            rule="recovery-key",
        )
    number = 0
    for character in characters:
        number = number << 5 | _ALPHABET.index(character)
    raw = (number >> _PADDING_BITS).to_bytes(SECRET_BYTES + _CHECK_BYTES, "big")
    secret = raw[:SECRET_BYTES]
    if encode(secret).replace("-", "") != characters:
        raise InvalidRequest("the recovery key's checksum is wrong: compare it with the copy", rule="recovery-key")
    return secret


def _checksum(secret: bytes) -> bytes:
    return blake3(secret, derive_key_context="govault recovery key checksum v1").digest()[:_CHECK_BYTES]
