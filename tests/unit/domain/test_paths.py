"""CONTRACT's paths: each refusal by its rule's name, decoding exactly once, NFC reported."""

import pytest

from govault.domain.paths import (
    ADVICE,
    decode_segment,
    folder_path_from_url,
    normalise_folder_path,
    normalise_path,
    path_from_url,
)
from govault.errors import InvalidRequest

TEXT_REFUSALS = [
    ("", "empty-segment"),
    ("/", "empty-segment"),
    ("a//b", "empty-segment"),
    ("a/", "empty-segment"),
    (".", "dot-segment"),
    ("a/./b", "dot-segment"),
    ("..", "dot-dot-segment"),
    ("a/..", "dot-dot-segment"),
    ("a\0b", "nul"),
    ("a\nb", "control-character"),
    ("a\x7f", "control-character"),
    ("a\x9f", "control-character"),
    ("a\udcff", "invalid-utf8"),
    ("n" * 256, "segment-too-long"),
    ("é" * 128, "segment-too-long"),
    ("/".join(["n" * 250] * 5), "path-too-long"),
    ("/".join("n" * 513), "too-deep"),
]
URL_REFUSALS = [
    (b"a%2Fb", "encoded-slash"),
    (b"a%2fb", "encoded-slash"),
    (b"%00", "nul"),
    (b"a%0Ab", "control-character"),
    (b"%C2%85", "control-character"),
    (b"%FF", "invalid-utf8"),
    (b"%C0%AF", "invalid-utf8"),
    (b"%ED%A0%80", "invalid-utf8"),
    (b"%2e", "dot-segment"),
    (b"a/%2E%2e/b", "dot-dot-segment"),
    (b"a//b", "empty-segment"),
    (b"a%", "bad-escape"),
    (b"%zz", "bad-escape"),
]


@pytest.mark.parametrize(("text", "rule"), TEXT_REFUSALS)
def test_text_that_breaks_a_rule_is_refused_by_its_name(text: str, rule: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        normalise_path(text)
    assert refused.value.details["rule"] == rule
    assert str(refused.value).encode()


@pytest.mark.parametrize(("raw", "rule"), URL_REFUSALS)
def test_a_url_that_breaks_a_rule_is_refused_by_its_name(raw: bytes, rule: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        path_from_url(raw)
    assert refused.value.details["rule"] == rule


def test_every_rule_is_tried_by_a_vector() -> None:
    assert {rule for _, rule in (*TEXT_REFUSALS, *URL_REFUSALS)} == set(ADVICE)


def test_a_url_is_decoded_exactly_once() -> None:
    assert path_from_url(b"a%20b/%2525/c%2Bd+e").path == "a b/%25/c+d+e"
    assert path_from_url(b"%252e%252e").path == "%2e%2e"
    assert path_from_url(b"%252F").path == "%2F"


def test_the_space_segment_decodes_to_one_word_that_is_no_space_name() -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode_segment(b"s%2Ffiles%2Fx")
    assert refused.value.details["rule"] == "encoded-slash"


def test_a_name_becomes_nfc_and_the_change_is_told() -> None:
    assert normalise_path("e\u0301/x") == ("\u00e9/x", True)
    assert path_from_url(b"e%CC%81") == ("\u00e9", True)
    assert normalise_path("\u00e9") == ("\u00e9", False)


def test_lengths_count_after_normalising() -> None:
    shrinks = "e\u0301" * 120  # 360 bytes as it comes, 240 as it stays.
    assert normalise_path(shrinks).path == "\u00e9" * 120
    grows = "\u0958" * 60  # A composition exclusion: 180 bytes become 360.
    with pytest.raises(InvalidRequest) as refused:
        normalise_path(grows)
    assert refused.value.details["rule"] == "segment-too-long"


def test_the_greatest_lengths_are_fine() -> None:
    assert normalise_path("n" * 255).path
    assert normalise_path("/".join("n" * 512)).path
    assert len(normalise_path("/".join(["n" * 255] * 4)).path) == 1023


def test_a_folder_may_end_in_a_slash_and_be_the_root() -> None:
    assert normalise_folder_path("a/b/").path == "a/b"
    assert normalise_folder_path("").path == ""
    assert normalise_folder_path("/").path == ""
    assert folder_path_from_url(b"a/b/").path == "a/b"
    assert folder_path_from_url(b"").path == ""
    with pytest.raises(InvalidRequest):
        normalise_folder_path("a//")


def test_names_that_look_odd_but_are_fine_stay_as_they_are() -> None:
    for name in ("...", ".hidden", " leading", "a:b", "C:\\x", "*?", "🧑‍🚀", "%2F"):
        assert normalise_path(name) == (name, False)
