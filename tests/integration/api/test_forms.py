"""Uploads by form: streamed, fields before or after the file."""

import random
from collections.abc import Iterator

import pytest

from schemas.events.files import VersionCommitted
from tests.fakes.asgi import call
from tests.fakes.vault import Vault

KIND = (b"content-type", b"multipart/form-data; boundary=xyz")


def _field(name: str, value: str) -> bytes:
    return f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def _file(content: bytes, name: str = "f.txt") -> bytes:
    head = f'--xyz\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/csv\r\n\r\n'
    return head.encode() + content + b"\r\n"


END = b"--xyz--\r\n"


def _in_pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


async def test_a_form_is_taken_whatever_the_order_of_its_fields(vault: Vault) -> None:
    for files, fields in ((b"first", b""), (b"", b"last")):
        answer = await vault.client.post(
            "/files",
            files={"file": ("ü.txt", b"content " + files + fields)},
            data={"path": "docs/" + ("a" if files else "b"), "tags": "red,blue", "description": "words"},
        )
        assert answer.status_code == 201, answer.text
        row = vault.views.entity(answer.json()["id"])
        assert row is not None
        assert (row.original_name, sorted(row.tags), row.description) == ("ü.txt", ["blue", "red"], "words")  # type: ignore[union-attr]
    body = _file(b"one") + _field("path", "after") + _field("space", "main") + END
    answer2 = await call(vault.app, "POST", b"/files", [KIND], [body])
    assert answer2.status == 201, answer2.body
    assert (await vault.get("after")).content == b"one"


async def test_without_a_path_the_file_keeps_its_name(vault: Vault) -> None:
    answer = await vault.client.post("/files", files={"file": ("report.csv", b"a,b\n")})
    assert answer.json()["path"] == "report.csv"
    assert answer.json()["media_type"] == "text/csv"
    into = await vault.client.post("/files", files={"file": ("C:\\dir\\x.csv", b"a,b\n")}, data={"path": "in/here/"})
    assert into.json()["path"] == "in/here/x.csv"


@pytest.mark.parametrize("size", [1, 7, 65_536])
async def test_a_form_is_read_in_whatever_pieces_it_comes(vault: Vault, size: int) -> None:
    content = random.Random(1).randbytes(20_000) + b"\r\n--xy almost\r\n--xy"
    body = _field("path", "p") + _file(content) + END
    answer = await call(vault.app, "POST", b"/files", [KIND], list(_in_pieces(body, size)))
    assert answer.status == 201, answer.body
    assert (await vault.get("p")).content == content


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (_file(b"x")[:-10], "form-truncated"),
        (_field("path", "p") + END, "form-file"),
        (_file(b"x") + _file(b"y") + END, "form-file"),
        (_file(b"x", "../..") + END, "dot-dot-segment"),
        (_file(b"x") + _field("path", "a/../b") + END, "dot-dot-segment"),
        (_file(b"x") + _field("space", "No") + END, "space-name"),
        (_file(b"x") + _field("colour", "red") + END, "form-fields"),
        (b"nonsense", "form"),
        (b"".join(_field(f"n{n}", "") for n in range(100)) + _file(b"x") + END, "form-fields"),
        (_field("description", "x" * 70_000) + _file(b"x") + END, "form-field"),
    ],
)
async def test_a_form_that_is_wrong_keeps_nothing(vault: Vault, body: bytes, rule: str) -> None:
    answer = await call(vault.app, "POST", b"/files", [KIND], [body])
    assert answer.status in (413, 422), answer.body
    assert f'"rule":"{rule}"'.encode() in answer.body
    assert VersionCommitted.TYPE not in [event.data.TYPE for event in vault.log.events]


async def test_a_body_that_is_no_form_is_refused(vault: Vault) -> None:
    for kind in (b"application/json", b"multipart/form-data", b""):
        answer = await call(vault.app, "POST", b"/files", [(b"content-type", kind)], [b"{}"])
        assert answer.status == 422
        assert b"form-media-type" in answer.body


async def test_a_client_that_goes_away_in_a_form_leaves_nothing(vault: Vault) -> None:
    answer = await call(vault.app, "POST", b"/files", [KIND], [_file(b"x" * 100_000)], disconnect=True)
    assert answer.status == 0
    assert VersionCommitted.TYPE not in [event.data.TYPE for event in vault.log.events]


async def test_conditions_and_keys_hold_for_forms_too(vault: Vault) -> None:
    files, headers = {"file": ("a", b"one")}, {"if-none-match": "*", "idempotency-key": "k"}
    first = await vault.client.post("/files", files=files, headers=headers)
    again = await vault.client.post("/files", files=files, headers=headers)
    other = await vault.client.post("/files", files=files, headers={"if-none-match": "*"})
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 412)
    assert first.json()["id"] == again.json()["id"]
