import pytest

from govault.client.trees.exclude import Exclusions


@pytest.mark.parametrize(
    ("pattern", "path", "is_folder", "left_out"),
    [
        ("*.tmp", "a.tmp", False, True),
        ("*.tmp", "d/e/a.tmp", False, True),
        ("*.tmp", "a.tmpx", False, False),
        ("build/", "build", True, True),
        ("build/", "build", False, False),
        ("build/", "x/build", True, True),
        ("/build", "x/build", True, False),
        ("/build", "build", True, True),
        ("docs/*.pdf", "docs/a.pdf", False, True),
        ("docs/*.pdf", "docs/x/a.pdf", False, False),
        ("docs/**/*.pdf", "docs/x/y/a.pdf", False, True),
        ("docs/**/*.pdf", "docs/a.pdf", False, True),
        ("docs/**", "docs/x/y", False, True),
        ("?.txt", "a.txt", False, True),
        ("?.txt", "ab.txt", False, False),
        ("[ab].txt", "b.txt", False, True),
        ("[!ab].txt", "b.txt", False, False),
        ("[!ab].txt", "c.txt", False, True),
        ("[", "[", False, True),
        ("a+b(c)", "a+b(c)", False, True),
        ("*", "line\nbreak", False, True),
    ],
)
def test_a_pattern_leaves_out_what_it_names(pattern: str, path: str, is_folder: bool, left_out: bool) -> None:
    assert Exclusions([pattern]).match(path, is_folder) is left_out


def test_no_pattern_leaves_out_nothing() -> None:
    assert not Exclusions(["", "/"]).match("a", False)
