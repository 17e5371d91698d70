"""What a content is: by its first bytes first, by what the client declared next, by its name last.

Signatures are those of the file formats' own specifications; the list favours what browsers and people open.
"""

import codecs
import mimetypes
import re

OCTETS = "application/octet-stream"
TEXT = "text/plain"
_GENERIC = frozenset({"", OCTETS, "application/x-www-form-urlencoded", "binary/octet-stream"})
_ZIP_FAMILY = ("+zip", ".openxmlformats-", ".oasis.opendocument", "java-archive", "android.package", "vnd.ms-")
_TEXT_CONTROLS = frozenset(b"\t\n\r\x0b\x0c\x1b")
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_CHARSET = re.compile(r';\s*charset="?([A-Za-z0-9_.:-]{1,40})', re.IGNORECASE)
_NOT_TEXT = bytes(byte for byte in range(32) if byte not in _TEXT_CONTROLS)

_AT_START: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x00\x00\x01\x00", "image/vnd.microsoft.icon"),
    (b"8BPS\x00\x01", "image/vnd.adobe.photoshop"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"%PDF-", "application/pdf"),
    (b"%!PS-Adobe", "application/postscript"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"\x04\x22\x4d\x18", "application/x-lz4"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x7fELF", "application/x-elf"),
    (b"\x00asm\x01\x00\x00\x00", "application/wasm"),
    (b"\xca\xfe\xba\xbe\x00\x00\x00", "application/java-vm"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"!<arch>\ndebian", "application/vnd.debian.binary-package"),
    (b"!<arch>\n", "application/x-archive"),
    (b"\xed\xab\xee\xdb", "application/x-rpm"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "application/ogg"),
    (b"MThd\x00\x00\x00\x06", "audio/midi"),
    (b"\x1aE\xdf\xa3", "video/x-matroska"),
    (b"FLV\x01", "video/x-flv"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (b"\x00\x00\x01\xb3", "video/mpeg"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"OTTO\x00", "font/otf"),
    (b"\x00\x01\x00\x00\x00", "font/ttf"),
    (b"{\\rtf1", "application/rtf"),
    (b"\xde\x12\x04\x95", "application/x-gettext-translation"),
    (b"\x95\x04\x12\xde", "application/x-gettext-translation"),
    (b"PAR1", "application/vnd.apache.parquet"),
    (b"\x93NUMPY", "application/x-npy"),
    (b"\x89HDF\r\n\x1a\n", "application/x-hdf5"),
    (b"glTF\x02\x00\x00\x00", "model/gltf-binary"),
    (b"<?xml", "application/xml"),
    (b"<!DOCTYPE html", "text/html"),
    (b"<!doctype html", "text/html"),
    (b"<html", "text/html"),
    (b"<HTML", "text/html"),
    (b"<svg", "image/svg+xml"),
    (b"-----BEGIN ", "application/x-pem-file"),
)
_AT_OFFSET: tuple[tuple[int, bytes, str], ...] = (
    (257, b"ustar", "application/x-tar"),
    (32769, b"CD001", "application/x-iso9660-image"),
    (128, b"DICM", "application/dicom"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"3gp4": "video/3gpp",
    b"3gp5": "video/3gpp",
}
_NAMES = mimetypes.MimeTypes()
"""Python's own table and what it lacks: the machine's /etc/mime.types would make nodes differ."""
for _suffix, _kind in {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".epub": "application/epub+zip",
    ".jar": "application/java-archive",
    ".apk": "application/vnd.android.package-archive",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".toml": "application/toml",
    ".md": "text/markdown",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".rst": "text/x-rst",
    ".log": "text/plain",
    ".go": "text/x-go",
    ".rs": "text/x-rust",
    ".ts": "text/x-typescript",
    ".java": "text/x-java",
    ".mkv": "video/x-matroska",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".flac": "audio/flac",
    ".parquet": "application/vnd.apache.parquet",
    ".heic": "image/heic",
    ".jxl": "image/jxl",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}.items():
    _NAMES.add_type(_kind, _suffix)
_BY_FIRST_BYTE: dict[int, list[tuple[bytes, str]]] = {}
for _magic, _kind in _AT_START:
    _BY_FIRST_BYTE.setdefault(_magic[0], []).append((_magic, _kind))


def sniff(head: bytes, name: str, declared: str = "") -> str:
    """The media type of a content.

    Args:
        head: Its first bytes (4 KiB are plenty).
        name: The last segment of its path.
        declared: What the client said; empty where it said nothing.
    """
    by_bytes = by_signature(head)
    declared_charset = _charset(declared)
    declared = _bare(declared)
    by_name = _NAMES.guess_type(name, strict=False)[0] or ""
    if by_bytes == "application/zip":
        return next((kind for kind in (declared, by_name) if any(mark in kind for mark in _ZIP_FAMILY)), by_bytes)
    if by_bytes == "application/xml":
        return next((kind for kind in (declared, by_name) if kind.endswith(("xml", "html"))), by_bytes)
    if by_bytes in ("application/ogg", "application/x-ole-storage", "video/x-matroska", "application/x-pem-file"):
        return next((kind for kind in (declared, by_name) if kind not in _GENERIC), by_bytes)
    if by_bytes:
        return by_bytes
    named = [kind for kind in (declared, by_name) if kind not in _GENERIC]
    if looks_like_text(head):
        return named[0] if named else TEXT
    if head.startswith(_UTF16_MARKS):
        return next((kind for kind in named if kind.startswith("text/")), TEXT) + "; charset=utf-16"
    # Eight-bit text of older days cannot be told from other bytes but by its name, and that it has no controls.
    is_eight_bit = head.translate(None, _NOT_TEXT) == head
    for kind in named:
        if not kind.startswith("text/"):
            return kind
        if is_eight_bit:
            return f"{kind}; charset={declared_charset or 'windows-1252'}"
    return OCTETS


def named_type(name: str, declared: str = "") -> str:
    """The type of bytes that nobody looks at: as declared, else as the name says."""
    guessed = _NAMES.guess_type(name, strict=False)[0] or ""
    return next((kind for kind in (_bare(declared), guessed) if kind not in _GENERIC), OCTETS)


def by_signature(head: bytes) -> str:
    """The type that the first bytes prove; empty where they prove none."""
    if not head:
        return ""
    for magic, kind in _BY_FIRST_BYTE.get(head[0], ()):
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[0] == 0xFF and len(head) > 2 and head[1] & 0xE6 == 0xE2:
        return "audio/mpeg"
    return next((kind for offset, magic, kind in _AT_OFFSET if head[offset : offset + len(magic)] == magic), "")


def looks_like_text(head: bytes) -> bool:
    """UTF-8 without the controls that no text has; the head may end inside a character."""
    if head.translate(None, _NOT_TEXT) != head:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _charset(declared: str) -> str:
    """The charset of a declared type, where it is a plain word."""
    found = _CHARSET.search(declared)
    return found[1].lower() if found is not None else ""


def _bare(declared: str) -> str:
    """The type without parameters, lower-case; empty where it could not stand in a header."""
    kind = declared.partition(";")[0].strip().lower()
    return kind if kind.count("/") == 1 and kind.isascii() and kind.isprintable() and " " not in kind else ""
