"""Path parameters of either kind of route, decoded exactly once from the raw path."""

from urllib.parse import unquote

from govault.domain.paths import NormalPath, decode_segment, folder_path_from_url, path_from_url
from govault.domain.references import check_space_name


def space_from_url(raw: str) -> str:
    """The space's name. An encoded slash makes it a bad name, never a separator."""
    return check_space_name(unquote(raw) if "%" in raw else raw)


def tree_path_from_url(raw: str) -> NormalPath:
    """The path of a file or folder below a space's top."""
    return path_from_url(raw.encode("latin-1", "backslashreplace"))


def folder_from_url(raw: str) -> NormalPath:
    """The path of a folder; nothing is the space's top, and a slash at the end may stand."""
    return folder_path_from_url(raw.encode("latin-1", "backslashreplace"))


def ref_from_url(raw: str) -> str:
    """An id or hash."""
    return decode_segment(raw.encode("latin-1", "backslashreplace"))
