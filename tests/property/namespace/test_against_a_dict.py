"""A space behaves like a dict of paths: whatever is asked over HTTP, in whatever order."""

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.fakes.vault import open_vault

# Names around the slash in byte order ("." < "/" < "0"), one inside another, and one beyond ASCII.
NAMES = st.sampled_from(["a", "a.", "a0", "é"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
CONTENTS = st.sampled_from([b"", b"1", b"2"])
FOLDER = object()

Tree = dict[str, object]
"""Path → FOLDER, or the file's content."""


def ancestors(path: str) -> Iterator[str]:
    segments = path.split("/")
    return ("/".join(segments[:depth]) for depth in range(1, len(segments)))


def below(tree: Tree, path: str) -> Tree:
    """The entry at a path with all in it; keys relative to it, itself as the empty path."""
    inner = {key[len(path) + 1 :]: value for key, value in tree.items() if key.startswith(f"{path}/")}
    return {"": tree[path], **inner}


class Model:
    """What a space should be."""

    def __init__(self) -> None:
        self.tree: Tree = {}

    def reachable(self, path: str) -> bool:
        """Whether no file stands on the way."""
        return all(self.tree.get(above, FOLDER) is FOLDER for above in ancestors(path))

    def place(self, path: str, subtree: Tree) -> None:
        for above in ancestors(path):
            self.tree[above] = FOLDER
        for inner, value in subtree.items():
            self.tree[f"{path}/{inner}" if inner else path] = value

    def take(self, path: str) -> Tree:
        subtree = below(self.tree, path)
        for inner in subtree:
            del self.tree[f"{path}/{inner}" if inner else path]
        return subtree


class Namespace(RuleBasedStateMachine):
    """Acts on a vault and on the model, and compares what each says."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="govault-test-"))
        self.runner = asyncio.Runner()
        self.opened = open_vault(self.folder)
        self.vault = self.runner.run(self.opened.__aenter__())
        self.model = Model()
        self.trash: dict[str, tuple[str, Tree]] = {}

    def teardown(self) -> None:
        self.runner.run(self.opened.__aexit__(None, None, None))
        self.runner.close()
        shutil.rmtree(self.folder)

    def ask(self, method: str, target: str, body: object = None) -> httpx.Response:
        return self.runner.run(self.vault.client.request(method, target, json=body))

    def at(self, path: str) -> str:
        kind = "folders" if self.model.tree.get(path) is FOLDER else "files"
        return f"/spaces/main/{kind}/{quote(path)}"

    def note_trash(self) -> None:
        """Learn the ids of what a replacement has made trash."""
        known = {item["id"]: item["trashed_path"] for item in self.ask("GET", "/trash?limit=1000").json()["items"]}
        assert set(self.trash) <= set(known)
        assert len(known) - len(self.trash) <= 1
        for entity_id, path in known.items():
            if entity_id not in self.trash:
                self.trash[entity_id] = (path, self.replaced)

    @rule(path=PATHS, content=CONTENTS)
    def put(self, path: str, content: bytes) -> None:
        possible = self.model.reachable(path) and self.model.tree.get(path) is not FOLDER
        there = self.model.tree.get(path)
        answered = self.runner.run(self.vault.put(quote(path), content))
        if possible:
            assert answered.status_code == (201 if there is None else 200)
            self.model.place(path, {"": content})
        else:
            assert answered.status_code == 409

    @rule(path=PATHS)
    def make_folder(self, path: str) -> None:
        there = self.model.tree.get(path)
        answered = self.ask("PUT", f"/spaces/main/folders/{quote(path)}")
        if not self.model.reachable(path) or there not in (None, FOLDER):
            assert answered.status_code == 409
            return
        assert answered.status_code == (201 if there is None else 200)
        self.model.place(path, {"": FOLDER})

    @rule(path=PATHS, to=PATHS, replace=st.booleans())
    def move(self, path: str, to: str, replace: bool) -> None:
        answered = self.ask("PATCH", self.at(path), {"path": to, "replace": replace})
        if path not in self.model.tree:
            assert answered.status_code == 404
        elif path == to:
            assert answered.status_code == 200
        elif f"{to}/".startswith(f"{path}/") or not self.model.reachable(to) or (to in self.model.tree and not replace):
            assert answered.status_code == 409
        else:
            assert answered.status_code == 200
            assert answered.json()["path"] == to
            moved = self.model.take(path)
            self.replaced = self.model.take(to) if to in self.model.tree else {}
            self.model.place(to, moved)
            self.note_trash()

    @rule(path=PATHS, to=PATHS)
    def copy(self, path: str, to: str) -> None:
        source = self.vault.views.resolve(self.vault.views.space_named("main").space_id, path)
        if source is None:
            return
        answered = self.ask("POST", f"/files/{source.entity_id}/copy", {"path": to})
        copied = below(self.model.tree, path)
        inside = copied[""] is FOLDER and f"{to}/".startswith(f"{path}/")
        if inside or to in self.model.tree or not self.model.reachable(to):
            assert answered.status_code == 409
            return
        assert answered.status_code == 201
        assert answered.json()["files"] == sum(value is not FOLDER for value in copied.values())
        self.model.place(to, copied)

    @rule(path=PATHS)
    def trash_it(self, path: str) -> None:
        answered = self.ask("DELETE", self.at(path))
        if path not in self.model.tree:
            assert answered.status_code == 404
            return
        assert answered.status_code == 200
        self.trash[answered.json()["id"]] = (path, self.model.take(path))

    @precondition(lambda self: self.trash)
    @rule(data=st.data(), replace=st.booleans(), to=st.none() | PATHS)
    def restore(self, data: st.DataObject, replace: bool, to: str | None) -> None:
        entity_id = data.draw(st.sampled_from(sorted(self.trash)))
        path, subtree = self.trash[entity_id]
        path = to or path
        body = {"replace": replace} if to is None else {"replace": replace, "path": to}
        answered = self.ask("POST", f"/trash/{entity_id}/restore", body)
        if not self.model.reachable(path) or (path in self.model.tree and not replace):
            assert answered.status_code == 409
            return
        assert answered.status_code == 200
        del self.trash[entity_id]
        self.replaced = self.model.take(path) if path in self.model.tree else {}
        self.model.place(path, subtree)
        self.note_trash()

    @precondition(lambda self: self.trash)
    @rule(data=st.data())
    def purge_one(self, data: st.DataObject) -> None:
        entity_id = data.draw(st.sampled_from(sorted(self.trash)))
        _, subtree = self.trash.pop(entity_id)
        answered = self.ask("DELETE", f"/trash/{entity_id}")
        assert answered.status_code == 200
        assert answered.json()["files"] == sum(value is not FOLDER for value in subtree.values())
        assert answered.json()["folders"] == sum(value is FOLDER for value in subtree.values())

    @precondition(lambda self: self.trash)
    @rule()
    def empty_trash(self) -> None:
        answered = self.ask("DELETE", "/trash?space=main")
        assert answered.status_code == 200
        assert not answered.json()["more"]
        self.trash = {}

    @rule(prefix=st.text("aé./0", max_size=4), limit=st.integers(1, 3))
    def list_with_delimiter(self, prefix: str, limit: int) -> None:
        files, prefixes = set(), set()
        for path, value in self.model.tree.items():
            shown = f"{path}/" if value is FOLDER else path
            if shown.startswith(prefix) and not (value is FOLDER and shown == prefix):
                head, slash, _ = shown[len(prefix) :].partition("/")
                (prefixes if slash else files).add(prefix + head + slash)
        target = f"/files?space=main&delimiter=/&prefix={quote(prefix)}&limit={limit}"
        pages = list(self.pages(target))
        assert [item["path"] for page in pages for item in page["items"]] == sorted(files, key=str.encode)
        assert [one for page in pages for one in page["prefixes"]] == sorted(prefixes, key=str.encode)

    @rule(prefix=st.text("aé./0", max_size=4), limit=st.integers(1, 5))
    def list_files(self, prefix: str, limit: int) -> None:
        files = [path for path, value in self.model.tree.items() if value is not FOLDER and path.startswith(prefix)]
        pages = self.pages(f"/files?space=main&prefix={quote(prefix)}&limit={limit}")
        assert [item["path"] for page in pages for item in page["items"]] == sorted(files, key=str.encode)

    @rule(limit=st.integers(1, 4))
    def list_everything_page_by_page(self, limit: int) -> None:
        self.compare(limit)

    @invariant()
    def the_tree_is_the_dict(self) -> None:
        self.compare(1000)

    def compare(self, limit: int) -> None:
        items = [
            item for page in self.pages(f"/spaces/main/folders/?recursive=true&limit={limit}") for item in page["items"]
        ]
        told = {item["path"]: item.get("sha256", FOLDER) for item in items}
        expected = {
            path: FOLDER if value is FOLDER else hashlib.sha256(value).hexdigest()  # type: ignore[arg-type]
            for path, value in self.model.tree.items()
        }
        assert told == expected
        keys = [f"{item['path']}/".encode() if item["type"] == "folder" else item["path"].encode() for item in items]
        assert keys == sorted(keys)

    def pages(self, target: str) -> Iterator[dict]:
        cursor = ""
        while True:
            answered = self.ask("GET", f"{target}&cursor={cursor}" if cursor else target)
            assert answered.status_code == 200, answered.text
            page = answered.json()
            yield page
            cursor = page["next_cursor"]
            assert page["more"] is bool(cursor)
            if not cursor:
                return


Namespace.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestNamespace = Namespace.TestCase
