"""What goes in comes out."""

import hashlib
import random

from tests.fakes.vault import Vault


async def test_a_put_file_comes_back_with_its_headers(vault: Vault) -> None:
    content = b"hello vault\n"
    answer = await vault.put("notes/hello.txt", content)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    sha256 = hashlib.sha256(content).hexdigest()
    assert (told["version"], told["etag"], told["size_bytes"], told["result"]) == (1, sha256, 12, "created")
    back = await vault.get("notes/hello.txt")
    assert back.status_code == 200
    assert back.content == content
    assert back.headers["etag"] == f'"{sha256}"'
    assert back.headers["content-type"] == "text/plain; charset=utf-8"
    assert back.headers["x-content-type-options"] == "nosniff"
    assert back.headers["accept-ranges"] == "bytes"
    assert back.headers["govault-position"]


async def test_a_file_of_many_chunks_comes_back_whole_and_by_any_name(vault: Vault) -> None:
    content = random.Random(7).randbytes(24 * 1024 * 1024 + 17)
    answer = await vault.put("big.bin", content)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["chunks"] > 64
    for url in (
        "/spaces/main/files/big.bin",
        f"/files/{told['id']}",
        f"/files/{told['etag']}",
        f"/files/{told['id']}/versions/1/content",
    ):
        back = await vault.client.get(url)
        assert back.status_code == 200, (url, back.text)
        assert back.content == content
