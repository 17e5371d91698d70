"""A multipart form as it streams by: small fields are kept, the one file's bytes pass through, nothing else is held."""

from collections.abc import AsyncGenerator, AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from govault.errors import InvalidRequest
from govault.limits import MULTIPART_FIELD_BYTES_MAX, MULTIPART_FIELDS_MAX, MULTIPART_HEADER_BYTES_MAX

FILE_FIELD = "file"


class Form:
    """One ``multipart/form-data`` body (RFC 7578), read incrementally.

    Attributes:
        fields: Text fields by name, in the order they came. Complete when ``file_bytes`` has ended.
        file_name: The client's name of the file; empty where it sent none.
        file_type: The client's media type of the file.
    """

    def __init__(self, content_type: str) -> None:
        """Begin.

        Raises:
            InvalidRequest: It is no multipart form.
        """
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise InvalidRequest("POST /files takes multipart/form-data with a boundary", rule="form-media-type")
        self.fields: dict[str, list[str]] = {}
        self.file_name = ""
        self.file_type = ""
        self._has_file = False
        self._complete = False
        self._name = ""
        self._value = bytearray()
        self._pieces: list[bytes] = []
        self._headers: dict[str, str] = {}
        self._header_name = bytearray()
        self._header_value = bytearray()
        try:
            self._parser = self._make_parser(boundary)
        except FormParserError as error:
            raise _malformed(error) from error

    async def file_bytes(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        """The bytes of the file; the fields are filled on the way.

        Raises:
            InvalidRequest: The form is malformed, truncated, or has not exactly one file, or a field is too long.
        """
        async for data in body:
            try:
                self._parser.write(data)
            except FormParserError as error:
                raise _malformed(error) from error
            pieces, self._pieces = self._pieces, []
            for piece in pieces:
                yield piece
        if not self._complete:
            raise InvalidRequest("the form ends before its closing boundary; nothing was kept", rule="form-truncated")
        if not self._has_file:
            raise InvalidRequest(f"the form has no file in the field {FILE_FIELD!r}", rule="form-file")

    def text(self, name: str) -> str | None:
        """The last value of a field, or None."""
        values = self.fields.get(name)
        return values[-1] if values else None

    def _make_parser(self, boundary: bytes) -> MultipartParser:
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_began,
                "on_part_data": self._part_data,
                "on_part_end": self._part_ended,
                "on_header_field": self._header_field,
                "on_header_value": self._header_text,
                "on_header_end": self._header_ended,
                "on_headers_finished": self._headers_ended,
                "on_end": self._ended,
            },
            max_header_size=MULTIPART_HEADER_BYTES_MAX,
        )

    def _part_began(self) -> None:
        self._headers = {}
        self._value = bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_text(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_ended(self) -> None:
        self._headers[self._header_name.decode("latin-1").lower()] = self._header_value.decode("utf-8", "replace")
        self._header_name, self._header_value = bytearray(), bytearray()

    def _headers_ended(self) -> None:
        said = self._headers.get("content-disposition", "").encode("utf-8").decode("latin-1")
        _, options = parse_options_header(said)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name != FILE_FIELD:
            if sum(map(len, self.fields.values())) >= MULTIPART_FIELDS_MAX:
                raise InvalidRequest(f"the form has more than {MULTIPART_FIELDS_MAX} fields", rule="form-fields")
            return
        if self._has_file:
            raise InvalidRequest(f"the form has two fields {FILE_FIELD!r}; send one at a time", rule="form-file")
        self._has_file = True
        self.file_name = options.get(b"filename", b"").decode("utf-8", "replace")
        self.file_type = self._headers.get("content-type", "")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE_FIELD:
            self._pieces.append(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > MULTIPART_FIELD_BYTES_MAX:
            raise InvalidRequest(
                f"the field {self._name[:40]!r} has more than {MULTIPART_FIELD_BYTES_MAX} bytes", rule="form-field"
            )

    def _part_ended(self) -> None:
        if self._name == FILE_FIELD:
            return
        try:
            value = self._value.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"the field {self._name[:40]!r} is not UTF-8", rule="form-field") from error
        self.fields.setdefault(self._name, []).append(value)

    def _ended(self) -> None:
        self._complete = True


def _malformed(error: Exception) -> InvalidRequest:
    return InvalidRequest(f"the form is malformed: {error}", rule="form")
