from collections.abc import Iterator

import pytest

from govault import errors
from govault.cli import codes
from govault.cli.exits import EXIT_CODES, exit_code
from govault.errors import GoVaultError


def families(base: type[GoVaultError] = GoVaultError) -> Iterator[type[GoVaultError]]:
    yield base
    for family in base.__subclasses__():
        yield from families(family)


def test_every_family_has_its_exit_code() -> None:
    named = {cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, GoVaultError)}
    assert named <= set(EXIT_CODES)


def test_every_error_there_is_has_an_exit_code_of_the_contract() -> None:
    for family in families():
        assert exit_code(family("x")) in (1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.GoVaultError("x"), codes.ERROR),
        (errors.InvalidRequest("x"), codes.USAGE),
        (errors.NotFound("x"), codes.NOT_FOUND),
        (errors.Authentication("x"), codes.NOT_ALLOWED),
        (errors.AccessDenied("x"), codes.NOT_ALLOWED),
        (errors.Conflict("x"), codes.CONFLICT),
        (errors.PreconditionFailed("x"), codes.CONFLICT),
        (errors.StorageFull("x"), codes.ERROR),
    ],
)
def test_the_codes_are_those_of_the_contract(error: GoVaultError, code: int) -> None:
    assert exit_code(error) == code


def test_the_numbers_are_those_of_the_contract() -> None:
    contract = (codes.OK, codes.ERROR, codes.USAGE, codes.NOT_FOUND, codes.NOT_ALLOWED, codes.CONFLICT, codes.PARTIAL)
    assert contract == (0, 1, 2, 3, 4, 5, 6)
    assert codes.INTERRUPTED == 130
