"""What a content is: bytes before words before names."""

import pytest

from govault.services.contents.media_types import sniff


@pytest.mark.parametrize(
    ("head", "name", "declared", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n", "x.txt", "text/plain", "image/png"),
        (b"\xff\xd8\xff\xe0", "x", "", "image/jpeg"),
        (b"%PDF-1.7", "x.html", "", "application/pdf"),
        (b"PK\x03\x04", "x.docx", "", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (b"PK\x03\x04", "x.exe", "", "application/zip"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "x", "", "image/webp"),
        (b"\x00\x00\x00\x20ftypisom", "x", "", "video/mp4"),
        (b"\x00\x00\x00\x20ftypavif", "x", "", "image/avif"),
        (b"a" * 257 + b"ustar", "x", "", "application/x-tar"),
        (b"<?xml version='1.0'?><svg/>", "x.svg", "", "image/svg+xml"),
        (b"plain words\n", "x", "", "text/plain"),
        (b"plain words\n", "x.md", "", "text/markdown"),
        (b"{}", "x", "application/json; charset=utf-8", "application/json"),
        (b"plain", "x", "application/x-www-form-urlencoded", "text/plain"),
        ("grün".encode()[:3], "x", "", "text/plain"),
        (b"\x00\x01\x02\x03", "x.txt", "text/html", "application/octet-stream"),
        (b"\x00\x01\x02\x03", "x.png", "", "image/png"),
        (b"\xff\xfd\x01", "x", "not a type", "application/octet-stream"),
        ("über".encode("latin-1"), "x.txt", "", "text/plain; charset=windows-1252"),
        ("über".encode("latin-1"), "x", "text/csv; charset=ISO-8859-1", "text/csv; charset=iso-8859-1"),
        ("über".encode("latin-1"), "x", "", "application/octet-stream"),
        ("über".encode("utf-16"), "x", "", "text/plain; charset=utf-16"),
        (b"", "x.css", "", "text/css"),
        (b"", "x", "", "text/plain"),
    ],
)
def test_the_type_of_a_content(head: bytes, name: str, declared: str, expected: str) -> None:
    assert sniff(head, name, declared) == expected
