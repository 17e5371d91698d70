"""Walks give a tree in byte order of paths, page by page, from anywhere on, whatever happens to it meanwhile."""

from bisect import bisect_right

from hypothesis import given
from hypothesis import strategies as st

from govault.domain.rows import EntryRow, FileRow, FolderRow, VersionContent
from govault.services.namespace.walk import key_of, postorder, walk

NAMES = st.sampled_from(["a", "a.", "a0", "b", "é", "\U0001f600"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
CONTENT = VersionContent(1, "0" * 64, 0, "", (), "file", False, None, "", 0, "", None)


class MemoryTree:
    """The part of ``Views`` that a walk reads, over a set of paths: folders end with a slash. Ids are paths."""

    def __init__(self, paths: list[str]) -> None:
        self.rows: dict[str, FileRow | FolderRow] = {}
        for path in paths:
            self._add(path)

    def _add(self, path: str) -> None:
        names = path.split("/")
        for depth in range(1, len(names)):
            folder = "/".join(names[:depth])
            if isinstance(self.rows.get(folder), FileRow):
                return
            parent = "/".join(names[: depth - 1]) or "s"
            self.rows.setdefault(folder, FolderRow(folder, "s", parent, names[depth - 1], 0, 0, 0))
        if path not in self.rows:
            parent = "/".join(names[:-1]) or "s"
            self.rows[path] = FileRow(path, "s", parent, names[-1], "", 0, 0, 0, (), "", "", CONTENT, (), 0)

    def entry(self, space_id: str, parent_id: str, name: str) -> EntryRow | None:
        path = name if parent_id == "s" else f"{parent_id}/{name}"
        row = self.rows.get(path)
        return None if row is None else EntryRow("s", parent_id, name, isinstance(row, FolderRow), path)

    def entity(self, entity_id: str) -> FileRow | FolderRow | None:
        return self.rows.get(entity_id)

    def list_folder(
        self, space_id: str, parent_id: str, after: str, limit: int
    ) -> list[tuple[EntryRow, FileRow | FolderRow]]:
        entries = [
            (EntryRow("s", parent_id, row.name, isinstance(row, FolderRow), path), row)
            for path, row in self.rows.items()
            if row.parent_id == parent_id
        ]
        entries.sort(key=lambda item: key_of(item[0]).encode())
        start = bisect_right(entries, after.encode(), key=lambda item: key_of(item[0]).encode()) if after else 0
        return entries[start : start + limit]

    def listed(self) -> list[str]:
        keys = [f"{path}/" if isinstance(row, FolderRow) else path for path, row in self.rows.items()]
        return sorted(keys, key=str.encode)


def walked(tree: MemoryTree, after: str = "", prefix: str = "", page: int = 2) -> list[str]:
    found = walk(tree, "s", "s", after, prefix, page)  # type: ignore[arg-type]
    return [f"{one.path}/" if isinstance(one.row, FolderRow) else one.path for one in found]


@given(paths=st.lists(PATHS, max_size=12), page=st.integers(1, 4))
def test_a_walk_is_everything_in_byte_order(paths: list[str], page: int) -> None:
    tree = MemoryTree(paths)
    assert walked(tree, page=page) == tree.listed()


@given(paths=st.lists(PATHS, max_size=12), after=PATHS, slash=st.booleans(), page=st.integers(1, 4))
def test_a_walk_begins_behind_any_path_there_or_not(paths: list[str], after: str, slash: bool, page: int) -> None:
    tree = MemoryTree(paths)
    place = f"{after}/" if slash else after
    assert walked(tree, place, page=page) == [key for key in tree.listed() if key.encode() > place.encode()]


@given(paths=st.lists(PATHS, max_size=12), prefix=st.text("aé./0b", max_size=6), data=st.data())
def test_a_walk_keeps_to_a_prefix(paths: list[str], prefix: str, data: st.DataObject) -> None:
    tree = MemoryTree(paths)
    # The folder that a prefix names whole is not below itself.
    keys = [key for key in tree.listed() if key.startswith(prefix) and not (key == prefix and key.endswith("/"))]
    assert walked(tree, prefix=prefix) == keys
    if keys:
        after = data.draw(st.sampled_from(keys))
        assert walked(tree, after, prefix) == [key for key in keys if key.encode() > after.encode()]


@given(paths=st.lists(PATHS, max_size=12))
def test_a_postorder_gives_every_folder_after_what_is_in_it(paths: list[str]) -> None:
    tree = MemoryTree(paths)
    ids = [row.entity_id for row in postorder(tree, "s", "s")]  # type: ignore[arg-type]
    assert sorted(ids) == sorted(tree.rows)
    for entity_id in ids:
        parent = tree.rows[entity_id].parent_id
        assert parent == "s" or ids.index(parent) > ids.index(entity_id)


def test_a_very_deep_tree_is_walked() -> None:
    tree = MemoryTree(["/".join("d" * 3000)])
    assert len(walked(tree)) == 3000
    assert sum(1 for _ in postorder(tree, "s", "s")) == 3000  # type: ignore[arg-type]
