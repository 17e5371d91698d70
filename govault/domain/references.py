"""References: the ways to name a file or folder at the doors. Parsing only; what they mean now is the views' word."""

import re
from dataclasses import dataclass
from typing import NoReturn

from govault.domain.paths import normalise_folder_path
from govault.errors import InvalidRequest
from schemas.ids import is_entity_id, is_sha256, is_space_name

VERSION_NUMBER_MAX = 2**31 - 1
_VERSION_SUFFIX = re.compile(r"(.+)@([0-9]{1,10})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class EntityReference:
    """``f_…``: a file or folder, wherever it stands."""

    entity_id: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class HashReference:
    """64 hex digits: any retained version with that content."""

    sha256: str


@dataclass(frozen=True, slots=True)
class PathReference:
    """The entry at a path of a space. An empty path is the space's root.

    Attributes:
        folder: Whether a slash at the end says that a folder is meant.
        changed: Whether NFC changed what came.
    """

    space: str
    path: str
    version: int | None = None
    folder: bool = False
    changed: bool = False


@dataclass(frozen=True, slots=True)
class LocalPath:
    """A path of the machine the CLI runs on."""

    text: str


Reference = EntityReference | HashReference | PathReference


def check_space_name(name: str) -> str:
    """The name, if a space may have it.

    Raises:
        InvalidRequest: It may not (rule ``space-name``).
    """
    if not is_space_name(name):
        _refuse(
            "space-name",
            f"{name[:100]!r} is no space name: 3 to 63 of a-z, 0-9 and '-', with a letter or digit at both ends",
        )
    return name


def parse_id_or_hash(text: str) -> EntityReference | HashReference:
    """The ``{ref}`` of REST paths: an id (``@N`` names a version) or a hash.

    Raises:
        InvalidRequest: It is neither (rule ``reference``), or the version's number is none (rule ``version``).
    """
    found = _id_or_hash(text)
    if found is None:
        _refuse("reference", f"{text[:100]!r} is neither an id (f_…) nor a SHA-256 of 64 lower-case hex digits")
    return found


def parse_cli_reference(text: str, *, versions: bool = True) -> Reference | LocalPath:
    """What a word on the command line names: ``SPACE:/path``, an id, a hash, else a local path.

    Args:
        versions: Whether ``@N`` at the end names a version. False where ``--version`` says it, which also reaches
            a file whose own name ends so.

    Raises:
        InvalidRequest: It has ``:/`` but the space name or path breaks a rule.
    """
    space, separator, path = text.partition(":/")
    if separator:
        version = None
        if versions:
            path, version = _split_version(path)
        normal = normalise_folder_path(path)
        return PathReference(check_space_name(space), normal.path, version, path.endswith("/"), normal.changed)
    return _id_or_hash(text) or LocalPath(text)


def check_version_number(number: int) -> int:
    """The number, if a version may have it.

    Raises:
        InvalidRequest: It may not (rule ``version``).
    """
    if not 1 <= number <= VERSION_NUMBER_MAX:
        _refuse("version", f"{number} is no version number: versions count from 1")
    return number


def _id_or_hash(text: str) -> EntityReference | HashReference | None:
    bare, version = _split_version(text)
    if is_entity_id(bare):
        return EntityReference(bare, version)
    if is_sha256(text):
        return HashReference(text)
    return None


def _split_version(text: str) -> tuple[str, int | None]:
    found = _VERSION_SUFFIX.fullmatch(text)
    if found is None:
        return text, None
    return found[1], check_version_number(int(found[2]))


def _refuse(rule: str, message: str) -> NoReturn:
    raise InvalidRequest(message, code="invalid-reference", rule=rule)
