"""Entity tags in conditions: which are read, which never match."""

import pytest

from api.etags import base_revision, content_match, file_conditions, strong_tags
from govault.errors import InvalidRequest, PreconditionFailed

A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        (None, None),
        ("*", None),
        (" * ", None),
        ('"x"', ("x",)),
        ('"x", "y"', ("x", "y")),
        ('"x","y" , "z"', ("x", "y", "z")),
        ('"with,comma"', ("with,comma",)),
        ('""', ("",)),
        ('W/"x"', ()),
        ('W/"x", "y"', ("y",)),
    ],
)
def test_strong_tags_are_read(header: str | None, tags: tuple[str, ...] | None) -> None:
    assert strong_tags(header) == tags


@pytest.mark.parametrize("header", ["", "x", '"x', 'x"', '"x" "y"', ',"x"', '"x";', 'w/"x"', '*, "x"', '"a\x7fb"'])
def test_what_is_no_list_of_tags_is_refused(header: str) -> None:
    with pytest.raises(InvalidRequest):
        strong_tags(header)


def test_a_content_condition_keeps_hashes_and_never_becomes_no_condition() -> None:
    assert content_match(None) == ()
    assert content_match("*") == ()
    assert content_match(f'"{A}", "r1-0123456789abcdef"') == (A,)
    for header in ('"r1-0123456789abcdef"', f'W/"{A}"', '"x"', '""'):
        assert content_match(header) == ("0" * 64,), header


def test_a_file_condition_guards_by_content_or_by_metadata() -> None:
    assert file_conditions(None) == (None, ())
    guard, match = file_conditions(f'"{A}", "{B}"')
    assert guard is not None
    assert match == (A, B)
    guard, match = file_conditions('"r1-0123456789abcdef"')
    assert guard is not None
    assert match == ()


@pytest.mark.parametrize("header", ['"x"', f'"{A}"', '"r1", "r2"', 'W/"r1"', '"r"', '"r-1"'])
def test_a_revision_that_can_never_hold_fails(header: str) -> None:
    with pytest.raises(PreconditionFailed):
        base_revision(header)


def test_a_revision_is_read_from_its_tag() -> None:
    assert base_revision(None) is None
    assert base_revision("*") is None
    assert base_revision('"r12"') == 12
    assert base_revision('"r3-0123456789abcdef"') == 3
