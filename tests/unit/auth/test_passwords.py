"""Verifiers of passwords: right, wrong, of another scheme, and of nobody."""

import asyncio

import pytest

from govault.auth.passwords import PasswordHashing, Scheme
from govault.errors import InvalidRequest, TooManyRequests
from govault.limits import PASSWORD_CHARS_MAX, PASSWORD_HASHES_WAITING_MAX

PASSWORD = "correct horse battery"


@pytest.mark.parametrize("scheme", ["argon2id", "bcrypt"])
async def test_a_verifier_knows_its_password_and_no_other(scheme: Scheme) -> None:
    hashing = PasswordHashing(scheme)
    verifier = await hashing.hash(PASSWORD)
    assert PASSWORD not in verifier
    assert verifier != await hashing.hash(PASSWORD)
    assert await hashing.verify(PASSWORD, verifier) == (True, False)
    for wrong in ("", PASSWORD + " ", PASSWORD.upper(), "x" * (PASSWORD_CHARS_MAX + 1)):
        assert not (await hashing.verify(wrong, verifier)).ok
    hashing.close()


async def test_another_scheme_is_verified_too_and_said_to_be_outdated() -> None:
    argon, bcrypt = PasswordHashing("argon2id"), PasswordHashing("bcrypt")
    by_bcrypt = await bcrypt.hash(PASSWORD)
    assert await argon.verify(PASSWORD, by_bcrypt) == (True, True)
    assert await bcrypt.verify(PASSWORD, await argon.hash(PASSWORD)) == (True, True)
    assert await argon.verify(PASSWORD, by_bcrypt.replace("sha256$12$", "sha256$10$")) == (True, True)


async def test_costs_of_another_day_are_outdated() -> None:
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    cheap = Argon2id(salt=b"s" * 16, length=32, iterations=1, lanes=1, memory_cost=64)
    assert await PasswordHashing().verify(PASSWORD, cheap.derive_phc_encoded(PASSWORD.encode())) == (True, True)


async def test_a_long_password_counts_to_its_end_with_bcrypt_too() -> None:
    hashing = PasswordHashing("bcrypt")
    long = "a" * 80
    verifier = await hashing.hash(long + "\0b")
    assert not (await hashing.verify(long + "\0c", verifier)).ok
    assert (await hashing.verify(long + "\0b", verifier)).ok


async def test_a_password_is_the_same_however_its_letters_were_composed() -> None:
    hashing = PasswordHashing()
    assert (await hashing.verify("Zu\u0308rich 2026", await hashing.hash("Z\u00fcrich 2026"))).ok


@pytest.mark.parametrize("verifier", ["", "junk", "$argon2id$v=19$m=1,t=1,p=1$x$y", "$bcrypt-sha256$12$junk"])
async def test_what_is_no_verifier_lets_nobody_in(verifier: str) -> None:
    assert not (await PasswordHashing().verify(PASSWORD, verifier)).ok
    assert not (await PasswordHashing().verify("nobody's password", verifier)).ok


@pytest.mark.parametrize(
    "password", ["password1", "PASSWORD1", "12345678", "govault2026", "!!Admin!!2026", "lovelace99", "ada@example.org"]
)
async def test_what_is_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(InvalidRequest, match="guessed first"):
        await PasswordHashing().hash(password, ("ada@example.org", "Lovelace"))


@pytest.mark.parametrize("password", ["", "short", "x" * (PASSWORD_CHARS_MAX + 1)])
async def test_a_password_has_bounds(password: str) -> None:
    with pytest.raises(InvalidRequest, match="characters"):
        await PasswordHashing().hash(password)


async def test_more_passwords_than_may_wait_are_refused_and_the_others_checked() -> None:
    hashing = PasswordHashing()
    verifier = await hashing.hash(PASSWORD)
    waiting = [asyncio.create_task(hashing.verify(PASSWORD, verifier)) for _ in range(PASSWORD_HASHES_WAITING_MAX + 5)]
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(isinstance(one, TooManyRequests) for one in told) == 5
    assert told[0] == (True, False)
    assert (await hashing.verify(PASSWORD, verifier)).ok
    hashing.close()
