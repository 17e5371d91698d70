"""CONTRACT's references: ids, hashes, ``SPACE:/path``, ``@N``, local paths."""

import pytest

from govault.domain.references import (
    EntityReference,
    HashReference,
    LocalPath,
    PathReference,
    check_space_name,
    check_version_number,
    parse_cli_reference,
    parse_id_or_hash,
)
from govault.errors import InvalidRequest

ID = "f_01ARZ3NDEKTSV4RRFFQ69G5FAV"
HASH = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (ID, EntityReference(ID)),
        (ID + "@3", EntityReference(ID, 3)),
        (HASH, HashReference(HASH)),
        ("main:/a/b", PathReference("main", "a/b")),
        ("main:/a/b@12", PathReference("main", "a/b", 12)),
        ("main:/a/", PathReference("main", "a", folder=True)),
        ("main:/", PathReference("main", "")),
        ("main:/a:/b", PathReference("main", "a:/b")),
        ("main:/icon@2x.png", PathReference("main", "icon@2x.png")),
        ("main:/e\u0301", PathReference("main", "\u00e9", changed=True)),
        ("a/b", LocalPath("a/b")),
        ("main:a", LocalPath("main:a")),
        ("-", LocalPath("-")),
        (HASH.upper(), LocalPath(HASH.upper())),
        (ID.lower(), LocalPath(ID.lower())),
        (ID + "\n", LocalPath(ID + "\n")),
    ],
)
def test_a_word_on_the_command_line_names_one_thing(text: str, meaning: object) -> None:
    assert parse_cli_reference(text) == meaning


def test_a_file_whose_name_ends_like_a_version_is_reached_with_the_version_apart() -> None:
    assert parse_cli_reference("main:/photo@2", versions=False) == PathReference("main", "photo@2")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Main:/a", "space-name"),
        ("http://example", "empty-segment"),
        ("ab:/a", "space-name"),
        (":/a", "space-name"),
        ("main:/a//b", "empty-segment"),
        ("main:/../b", "dot-dot-segment"),
        ("main:/a@0", "version"),
        (ID + "@9999999999", "version"),
    ],
)
def test_a_broken_reference_is_refused_by_its_rule(text: str, rule: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_cli_reference(text)
    assert refused.value.details["rule"] == rule


def test_rest_takes_ids_and_hashes_only() -> None:
    assert parse_id_or_hash(ID + "@2") == EntityReference(ID, 2)
    assert parse_id_or_hash(HASH) == HashReference(HASH)
    for text in ("", "main:/a", HASH + "@1", HASH[:-1], "f_", ID + "@", ID + "@-1"):
        with pytest.raises(InvalidRequest):
            parse_id_or_hash(text)


@pytest.mark.parametrize("name", ["abc", "a-b", "0" * 63, "main", "a--b"])
def test_names_that_spaces_may_have(name: str) -> None:
    assert check_space_name(name) == name


@pytest.mark.parametrize("name", ["", "ab", "-ab", "ab-", "Abc", "a_b", "a.b", "0" * 64, "abc\n", "s/files/x", "äbc"])
def test_names_that_spaces_may_not_have(name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_space_name(name)
    assert refused.value.details["rule"] == "space-name"


def test_versions_count_from_one() -> None:
    assert check_version_number(1) == 1
    for number in (0, -1, 2**31):
        with pytest.raises(InvalidRequest):
            check_version_number(number)
