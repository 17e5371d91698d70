"""File tokens: signed words that stand in an address, for one file, some methods and a short while.

Signed with the keys of sessions, under another type and audience: neither passes for the other. Like those, they say
who gave them and not what he may: that is looked up at every use.
"""

from typing import Literal, NamedTuple

from govault.auth.token_signing import TokenSigner
from govault.domain.actor import OPERATOR
from govault.limits import FILE_TOKEN_BYTES_MAX
from schemas.ids import is_account_id, is_entity_id, is_file_token_id

KIND = "govault-file+jwt"
AUDIENCE = "govault-file"
METHODS = ("GET", "HEAD", "PUT")
"""All that a token can name, in the order in which it names them."""
_REQUIRED = ["sub", "jti", "by", "file", "methods", "iat", "issued_ms", "exp"]
_CREDENTIALS = ("operator", "session", "api-token")
_CREDENTIAL_CHARS_MAX = 64


class Issuer(NamedTuple):
    """Who gave a token, and by which credential: the token counts no longer than that.

    Attributes:
        name: An account, or ``admin``: the operator.
        credential_id: Of the session or the API token; empty for the operator's.
    """

    name: str
    credential: Literal["operator", "session", "api-token"]
    credential_id: str = ""


class FileClaims(NamedTuple):
    """What a valid token says.

    Attributes:
        version: The only version that it opens; None: whatever is current when it is used.
        methods: Of ``METHODS``.
    """

    token_id: str
    issuer: Issuer
    file_id: str
    version: int | None
    methods: tuple[str, ...]
    issued_ms: int
    expires_s: int


class FileTokens:
    """Signs and checks."""

    def __init__(self, signer: TokenSigner) -> None:
        self._signer = signer

    def issue(self, claims: FileClaims) -> str:
        """The token that says so, signed with the newest key.

        Raises:
            Authentication: No key was opened yet.
        """
        said = {
            "sub": claims.issuer.name,
            "jti": claims.token_id,
            "by": [claims.issuer.credential, claims.issuer.credential_id],
            "file": claims.file_id,
            "version": claims.version,
            "methods": claims.methods,
            "iat": claims.issued_ms // 1000,
            "issued_ms": claims.issued_ms,
            "exp": claims.expires_s,
        }
        return self._signer.sign(KIND, AUDIENCE, {name: value for name, value in said.items() if value is not None})

    def check(self, text: str, now_s: int) -> FileClaims | None:
        """What the token says; None where it is malformed, of another vault or kind, expired, or signed by no key of
        now.
        """
        if len(text) > FILE_TOKEN_BYTES_MAX or not text.isascii():
            return None
        read = self._signer.read(KIND, AUDIENCE, text, _REQUIRED)
        if read is None:
            return None
        said = read[1]
        issuer = _issuer(said["sub"], said["by"])
        methods, version = said["methods"], said.get("version")
        if issuer is None or not _are_methods(methods) or not (version is None or _is_number(version, 1)):
            return None
        if not _is_number(said["issued_ms"], 0) or not _is_number(said["exp"], now_s + 1):
            return None
        token_id, file_id = said["jti"], said["file"]
        if not isinstance(token_id, str) or not is_file_token_id(token_id):
            return None
        if not isinstance(file_id, str) or not is_entity_id(file_id):
            return None
        return FileClaims(token_id, issuer, file_id, version, tuple(methods), said["issued_ms"], said["exp"])


def _issuer(name: object, by: object) -> Issuer | None:
    if not isinstance(name, str) or not isinstance(by, list) or len(by) != 2:
        return None
    credential, credential_id = by
    if credential not in _CREDENTIALS or not isinstance(credential_id, str):
        return None
    if len(credential_id) > _CREDENTIAL_CHARS_MAX:
        return None
    known = name == OPERATOR if credential == "operator" else is_account_id(name) and credential_id != ""
    return Issuer(name, credential, credential_id) if known else None


def _are_methods(said: object) -> bool:
    return isinstance(said, list) and bool(said) and all(method in METHODS for method in said)


def _is_number(said: object, least: int) -> bool:
    return type(said) is int and said >= least
