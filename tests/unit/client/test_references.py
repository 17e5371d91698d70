import pytest

from govault.client.references import Reference, path_route
from govault.errors import InvalidRequest

FILE_ID = "f_01M84FEVSFQTWZ0KQRG8ZE60AT"
SHA256 = "ab" * 32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main:/a/b.txt", Reference(space="main", path="a/b.txt")),
        ("main:/", Reference(space="main", trailing_slash=True)),
        ("main:/d/", Reference(space="main", path="d", trailing_slash=True)),
        ("main:/a:/b", Reference(space="main", path="a:/b")),
        ("main:/a@3", Reference(space="main", path="a", version=3)),
        ("main:/a@x", Reference(space="main", path="a@x")),
        ("main:/a@0", Reference(space="main", path="a@0")),
        (FILE_ID, Reference(target=FILE_ID)),
        (f"{FILE_ID}@2", Reference(target=FILE_ID, version=2)),
        (SHA256, Reference(target=SHA256)),
        ("main:/e\u0301", Reference(space="main", path="\u00e9")),
    ],
)
def test_a_reference_is_read(text: str, expected: Reference) -> None:
    assert Reference.parse(text) == expected


@pytest.mark.parametrize("text", ["notes.txt", "./main:/x", "/abs:/x", "~:/x", "f_short", SHA256.upper(), "main:x", ""])
def test_what_has_no_form_of_a_reference_is_a_local_path(text: str) -> None:
    assert Reference.find(text) is None
    with pytest.raises(InvalidRequest):
        Reference.parse(text)


@pytest.mark.parametrize("text", ["Main:/x", "a:/x", "-ab:/x", "a b:/x", ":/x"])
def test_a_bad_space_name_is_refused_by_its_rule(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Reference.parse(text)
    assert refused.value.details["rule"] == "space-name"


def test_a_reference_writes_as_it_was_read() -> None:
    for text in ("main:/a/b@3", "main:/", "main:/d/", FILE_ID, f"{FILE_ID}@2", SHA256):
        assert str(Reference.parse(text)) == text


def test_every_segment_of_a_route_is_encoded_on_its_own() -> None:
    assert path_route("main", "files", "a b/%2F/ü?#") == "/spaces/main/files/a%20b/%252F/%C3%BC%3F%23"


def test_a_child_lies_below() -> None:
    top = Reference.parse("main:/")
    assert str(top.child("a")) == "main:/a"
    assert str(top.child("a").child("b/c")) == "main:/a/b/c"
    assert top.child("").path == ""
