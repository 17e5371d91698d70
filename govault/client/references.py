"""References as people write them: ``space:/path``, ``f_…``, a content's SHA-256; and the routes they name."""

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import quote

from govault.errors import InvalidRequest
from schemas.ids import is_entity_id, is_sha256, is_space_name

DEFAULT_SPACE = "main"
_VERSION = re.compile(r"^(.+)@([1-9][0-9]{0,15})$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference: either an id or hash, or a path in a space.

    Attributes:
        target: The id or hash; empty for a path.
        path: Normalised to NFC, without slashes at the ends; empty names the top of the space.
        trailing_slash: Whether it was written with one: the contents, not the folder itself.
        version: Of ``REF@N``.
    """

    target: str = ""
    space: str = ""
    path: str = ""
    trailing_slash: bool = False
    version: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The reference in a text.

        Raises:
            InvalidRequest: It has none of the forms.
        """
        found = cls.find(text)
        if found is None:
            raise InvalidRequest(
                f"{text!r} is no reference: write SPACE:/path (like main:/reports; main:/ is the whole space), "
                "a file id (f_…) or a SHA-256",
                rule="reference",
            )
        return found

    @classmethod
    def find(cls, text: str) -> Self | None:
        """The reference in a text; None where it can only be a local path.

        Raises:
            InvalidRequest: It has the form, but the space's name is none.
        """
        space, separator, path = text.partition(":/")
        version: int | None = None
        match = _VERSION.match(text)
        if separator:
            if space.startswith((".", "/", "~")):
                return None
            if not is_space_name(space):
                raise InvalidRequest(
                    f"{space!r} is no space name: 3 to 63 of a-z, 0-9 and '-', no '-' at the ends "
                    "(write ./ before a local path that holds ':/')",
                    rule="space-name",
                )
            if match and not path.endswith("/"):
                path, version = match.group(1).partition(":/")[2], int(match.group(2))
            normal = unicodedata.normalize("NFC", path)
            return cls("", space, normal.strip("/"), normal.endswith("/") or not normal, version)
        name = text
        if match:
            name, version = match.group(1), int(match.group(2))
        return cls(target=name, version=version) if is_entity_id(name) or is_sha256(name) else None

    @property
    def is_path(self) -> bool:
        """Whether it names a place rather than an entity or content."""
        return not self.target

    @property
    def is_space_top(self) -> bool:
        """Whether it names the top folder of a space."""
        return self.is_path and not self.path

    @property
    def name(self) -> str:
        """The last segment of the path; the space's name at the top; the id or hash itself."""
        return self.target or self.path.rpartition("/")[2] or self.space

    def at_version(self, version: int | None) -> Self:
        """The same with a version, where one is given."""
        return self if version is None else replace(self, version=version)

    def child(self, relative: str) -> Self:
        """A path below this one."""
        path = f"{self.path}/{relative}" if self.path and relative else self.path or relative
        return replace(self, path=path, trailing_slash=False, version=None)

    def __str__(self) -> str:
        version = "" if self.version is None else f"@{self.version}"
        if not self.is_path:
            return self.target + version
        slash = "/" if self.trailing_slash and self.path else ""
        return f"{self.space}:/{self.path}{slash}{version}"


def path_route(space: str, kind: str, path: str) -> str:
    """``/spaces/{space}/{files|folders}/{path}``, each segment percent-encoded on its own."""
    return f"/spaces/{segment(space)}/{kind}/" + "/".join(segment(part) for part in path.split("/"))


def segment(text: str) -> str:
    """One segment of a route."""
    return quote(text, safe="")
