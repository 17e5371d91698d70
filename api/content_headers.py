"""Headers of a served content: what it is, how it is named, and that a browser must not run it in our name."""

from urllib.parse import quote

from api.conditions import http_date
from api.digests import repr_digest
from api.types import Headers
from govault.services.contents.downloads import Opened

_INLINE = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp", "image/vnd.microsoft.icon"}
)
_INLINE_PREFIXES = ("audio/", "video/")
_ATTR_CHARS = "!#$&+-.^_`|~"
_SANDBOX = (b"content-security-policy", b"sandbox; default-src 'none'; frame-ancestors 'none'")
_ACCEPT_RANGES = (b"accept-ranges", b"bytes")
_IMMUTABLE = (b"cache-control", b"private, max-age=31536000, immutable")
_REVALIDATE = (b"cache-control", b"private, no-cache")


def validators(opened: Opened) -> Headers:
    """What identifies the content: sent with 200, 206 and 304 alike."""
    content = opened.content
    return [
        (b"etag", f'"{content.sha256}"'.encode()),
        (b"last-modified", http_date(content.committed_ms // 1000)),
        _IMMUTABLE if opened.by_hash else _REVALIDATE,
        (b"vary", b"authorization"),
    ]


def description(opened: Opened, download: bool) -> Headers:
    """What the content is; ``download`` asks for an attachment whatever its type."""
    content = opened.content
    headers = [
        _ACCEPT_RANGES,
        _SANDBOX,
        (b"repr-digest", repr_digest(content.sha256)),
        (b"content-disposition", disposition(opened.file.name, is_inline(opened.media_type) and not download)),
        (b"govault-file-id", opened.file.entity_id.encode()),
        (b"govault-version", str(content.number).encode()),
    ]
    if content.kind != "file":
        headers.append((b"govault-kind", content.kind.encode()))
    if content.executable:
        headers.append((b"govault-executable", b"true"))
    if content.mtime_ns is not None:
        headers.append((b"govault-mtime", str(content.mtime_ns).encode()))
    return headers


def media_type_header(media_type: str) -> bytes:
    """The Content-Type of a content. Text is told to be UTF-8, as the sniffing found it."""
    kind = media_type.encode("ascii", "replace")
    return kind + b"; charset=utf-8" if kind.startswith(b"text/") and b"charset" not in kind else kind


def is_inline(media_type: str) -> bool:
    """Whether a browser may show it in place: passive media and plain text only."""
    return media_type in _INLINE or media_type.startswith(_INLINE_PREFIXES) or media_type == "text/plain"


def disposition(name: str, inline: bool) -> bytes:
    """Content-Disposition with the name, ASCII and exact (RFC 6266, RFC 8187)."""
    kind = "inline" if inline else "attachment"
    plain = "".join(char if char.isascii() and char.isprintable() and char not in '"\\%' else "_" for char in name)
    if plain == name:
        return f'{kind}; filename="{name}"'.encode()
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}".encode()
