"""Personal data under the account's key."""

import base64

import pytest

from govault.auth.account_sealing import AccountSealing, Personal
from govault.errors import ChunkDamaged

KEY, OTHER = b"k" * 32, b"o" * 32
PERSONAL = Personal("ada", "Ada Lovelace", "ada@example.org")


def test_what_is_sealed_opens_with_its_key_for_its_account_only() -> None:
    sealing = AccountSealing(b"l" * 32)
    sealed = sealing.seal_personal(KEY, "a_1", PERSONAL)
    assert sealing.open_personal(KEY, "a_1", sealed) == PERSONAL
    assert b"Lovelace" not in base64.b64decode(sealed)
    for key, account in ((OTHER, "a_1"), (KEY, "a_2")):
        with pytest.raises(ChunkDamaged):
            sealing.open_personal(key, account, sealed)
    with pytest.raises(ChunkDamaged):
        sealing.open_verifier(KEY, "a_1", sealed)


@pytest.mark.parametrize("sealed", ["", "!", "AA==", base64.b64encode(b"\x02" + bytes(60)).decode()])
def test_what_was_not_sealed_is_refused(sealed: str) -> None:
    with pytest.raises(ChunkDamaged):
        AccountSealing(b"l" * 32).open_personal(KEY, "a_1", sealed)


def test_lengths_tell_little() -> None:
    sealing = AccountSealing(b"l" * 32)
    sizes = {len(sealing.seal_personal(KEY, "a", Personal("x" * size))) for size in range(1, 8)}
    assert len(sizes) == 1


def test_a_login_hash_is_keyed_and_the_same_however_it_is_typed() -> None:
    one, other = AccountSealing(b"l" * 32), AccountSealing(b"m" * 32)
    assert one.login_hash("Stra\u00dfe") == one.login_hash("STRASSE")
    assert one.login_hash("\ufb01n") == one.login_hash("FIN")
    assert one.login_hash("ada") != one.login_hash("adb")
    assert one.login_hash("ada") != other.login_hash("ada")
