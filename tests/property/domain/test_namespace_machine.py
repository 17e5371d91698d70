"""The namespace, folded event by event, against a plain dict of paths."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from govault.domain.position import Outcome
from govault.domain.rows import EntryRow, FileRow
from tests.unit.domain.recount import check_partition
from tests.unit.domain.writing import SPACE, Writer, sha256

PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join)
CONTENTS = st.sampled_from([b"", b"one", b"two"])
Tree = dict[str, str | None]
"""Path → hash of a file's content, None for a folder."""


def parents_of(path: str) -> list[str]:
    names = path.split("/")
    return ["/".join(names[:depth]) for depth in range(1, len(names))]


class Namespace(RuleBasedStateMachine):
    """Every rule asks the model what must happen, does it in both worlds, and the invariant compares all paths."""

    def __init__(self) -> None:
        super().__init__()
        self.writer = Writer()
        self.tree: Tree = {}
        self.trash: dict[str, tuple[str, Tree]] = {}

    # --- the model -----------------------------------------------------------------------------------------

    def blocked(self, path: str) -> bool:
        """Whether a file stands where a folder must be."""
        return any(self.tree.get(parent) is not None for parent in parents_of(path))

    def make_parents(self, path: str) -> None:
        for parent in parents_of(path):
            self.tree.setdefault(parent, None)

    def take(self, path: str) -> Tree:
        """Cut a subtree out; its paths become relative to it, its own is empty."""
        taken = {name: hash_ for name, hash_ in self.tree.items() if name == path or name.startswith(path + "/")}
        for name in taken:
            del self.tree[name]
        return {name[len(path) :]: hash_ for name, hash_ in taken.items()}

    def graft(self, path: str, taken: Tree) -> None:
        self.make_parents(path)
        self.tree.update({path + name: hash_ for name, hash_ in taken.items()})

    def bury(self, path: str) -> None:
        self.trash[self.writer.id_at(path)] = (path, self.take(path))

    def existing(self, data: st.DataObject) -> str | None:
        return data.draw(st.sampled_from(sorted(self.tree))) if self.tree else None

    # --- the rules -----------------------------------------------------------------------------------------

    @rule(path=PATHS, content=CONTENTS)
    def put(self, path: str, content: bytes) -> None:
        outcome = self.writer.put(path, *([content] if content else []))
        if self.blocked(path):
            assert outcome.reason == "not-a-folder"
        elif self.tree.get(path, "") is None:
            assert outcome.reason == "occupied"
        else:
            assert outcome.reason == ""
            assert outcome.fact("created") is (path not in self.tree)
            self.make_parents(path)
            self.tree[path] = sha256(content)

    @rule(path=PATHS)
    def make_folder(self, path: str) -> None:
        outcome = self.writer.mkdir(path)
        if self.blocked(path):
            assert outcome.reason == "not-a-folder"
        elif self.tree.get(path) is not None:
            assert outcome.reason == "occupied"
        else:
            assert outcome.fact("created") is (path not in self.tree)
            self.make_parents(path)
            self.tree.setdefault(path, None)

    @rule(data=st.data(), to=PATHS, replace=st.booleans())
    def move(self, data: st.DataObject, to: str, replace: bool) -> None:
        path = self.existing(data)
        if path is None:
            return
        expected = self.expected_move(path, to, replace)
        other = self.writer.at(to)
        outcome = self.writer.move(self.writer.id_at(path), to, replace=replace)
        assert (outcome.reason or outcome.verdict) == expected
        if expected == "accepted":
            moved = self.take(path)
            if to in self.tree:
                assert other is not None
                self.trash[other.entity_id] = (to, self.take(to))
            self.graft(to, moved)

    def expected_move(self, path: str, to: str, replace: bool) -> str:
        for parent in parents_of(to):
            # A file in the way of itself is a file in the way; a folder is into itself. The first one met decides.
            if self.tree.get(parent) is not None:
                return "not-a-folder"
            if parent == path:
                return "into-itself"
        if to == path:
            return "unchanged"
        return "occupied" if to in self.tree and not replace else "accepted"

    @rule(data=st.data())
    def make_trash(self, data: st.DataObject) -> None:
        path = self.existing(data)
        if path is not None:
            entity_id = self.writer.id_at(path)
            self.bury(path)
            assert self.writer.trash(entity_id).fact("path") == path

    @rule(data=st.data(), to=st.none() | PATHS, replace=st.booleans())
    def restore(self, data: st.DataObject, to: str | None, replace: bool) -> None:
        if not self.trash:
            return
        entity_id = data.draw(st.sampled_from(sorted(self.trash)))
        path = to or self.trash[entity_id][0]
        other = self.writer.at(path)
        outcome: Outcome = self.writer.restore(entity_id, to_path=to, replace=replace)
        if self.blocked(path):
            assert outcome.reason == "not-a-folder"
        elif path in self.tree and not replace:
            assert outcome.reason == "occupied"
        else:
            assert outcome.reason == ""
            if path in self.tree:
                assert other is not None
                self.trash[other.entity_id] = (path, self.take(path))
            self.graft(path, self.trash.pop(entity_id)[1])

    @rule(data=st.data())
    def purge(self, data: st.DataObject) -> None:
        if not self.trash:
            return
        root_id = data.draw(st.sampled_from(sorted(self.trash)))
        inside = [root_id]
        for parent_id in inside:
            inside += [row.entity_id for row in self.writer.state.rows(EntryRow) if row.parent_id == parent_id]
        assert self.writer.purge(*reversed(inside)).fact("purged") == len(self.trash.pop(root_id)[1])

    # --- comparing -----------------------------------------------------------------------------------------

    @invariant()
    def both_worlds_have_the_same_paths(self) -> None:
        assert self.listed(SPACE, "") == self.tree

    @invariant()
    def the_rows_agree_among_themselves(self) -> None:
        check_partition(self.writer.state)

    @invariant()
    def trash_roots_are_known(self) -> None:
        roots = {row.entity_id for row in self.writer.state.rows(FileRow) if row.trashed_ms is not None}
        assert roots <= set(self.trash)

    def listed(self, parent_id: str, prefix: str) -> Tree:
        found: Tree = {}
        for entry in self.writer.state.rows(EntryRow):
            if entry.parent_id != parent_id:
                continue
            row = self.writer.state.entity(entry.entity_id)
            found[prefix + entry.name] = row.current.sha256 if isinstance(row, FileRow) else None
            if entry.is_folder:
                found |= self.listed(entry.entity_id, f"{prefix}{entry.name}/")
        return found


TestNamespace = Namespace.TestCase
TestNamespace.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
