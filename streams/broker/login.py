"""The login of a connection: SaslHandshake, then SaslAuthenticate (or, after version 0, bare tokens)."""

from __future__ import annotations

from streams.broker.apis.catalogue import api_versions
from streams.broker.auth import MECHANISM, Credentials, LoginRefused, Principal
from streams.broker.codes import Code
from streams.broker.limits import (
    CONTROL_FRAME_SIZE_BYTES_MAX,
    FRAME_SIZE_BYTES_MAX,
    UNAUTHENTICATED_FRAME_SIZE_BYTES_MAX,
)
from streams.broker.protocol import (
    API_VERSIONS,
    PRODUCE,
    SASL_AUTHENTICATE,
    SASL_HANDSHAKE,
    Head,
    Malformed,
    decode_body,
    encode_answer,
)


class Login:
    """Who the connection is, and what it may send until that is known."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._mechanism_agreed = False
        self.takes_raw_tokens = False
        self.principal: Principal | None = None
        self.failed = False

    def frame_size_max(self, api_key: int) -> int:
        """How large a frame may be now."""
        if self.principal is None:
            return UNAUTHENTICATED_FRAME_SIZE_BYTES_MAX
        large = api_key == PRODUCE and self.principal is Principal.FULL
        return FRAME_SIZE_BYTES_MAX if large else CONTROL_FRAME_SIZE_BYTES_MAX

    def answer(self, head: Head, frame: bytes) -> bytes | None:
        """The answer to a request that belongs to the login; None for all others."""
        if head.api_key == SASL_HANDSHAKE:
            return self._handshake(head, decode_body(head, frame).mechanism)
        if head.api_key == SASL_AUTHENTICATE:
            return self._authenticate(head, decode_body(head, frame).auth_bytes)
        if head.api_key == API_VERSIONS and self.principal is None:
            decode_body(head, frame)
            return encode_answer(head, api_versions())
        return None

    def _handshake(self, head: Head, mechanism: str) -> bytes:
        if mechanism != MECHANISM:
            self.failed = True
            code = Code.UNSUPPORTED_SASL_MECHANISM
            return encode_answer(head, {"error_code": code, "mechanisms": [MECHANISM]})
        self._mechanism_agreed = True
        self.takes_raw_tokens = head.version == 0
        return encode_answer(head, {"mechanisms": [MECHANISM]})

    def _authenticate(self, head: Head, message: bytes) -> bytes:
        if not self._mechanism_agreed:
            self.failed = True
            row = {"error_code": Code.ILLEGAL_SASL_STATE, "error_message": "SaslHandshake comes first"}
            return encode_answer(head, row)
        try:
            self.principal = self._credentials.login(message)
        except LoginRefused as refused:
            self.failed = True
            row = {"error_code": Code.SASL_AUTHENTICATION_FAILED, "error_message": str(refused)}
            return encode_answer(head, row)
        return encode_answer(head, {})

    def raw_token(self, frame: bytes) -> bytes:
        """A login without Kafka's framing inside; the answer is an empty token.

        Raises:
            Malformed: refused; such clients are told by the closed connection.
        """
        self.takes_raw_tokens = False
        try:
            self.principal = self._credentials.login(frame)
        except LoginRefused as refused:
            raise Malformed(str(refused)) from None
        return b""
