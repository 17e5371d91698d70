"""The short cut for plain paths decides as the rules do."""

import base64

from hypothesis import example, given
from hypothesis import strategies as st

from govault.domain.contents import Run, run_of
from govault.domain.manifest import ChunkRef, pack
from govault.domain.paths import broken_rule, rule_broken_by
from schemas.ids import ChunkId

CHARACTERS = st.sampled_from(["..", "/", "a" * 255, "b" * 200, "a/" * 70, *"ab./. \n\0\x7f\x1f\x80é%\U0001f600"])


@given(st.lists(CHARACTERS, max_size=12).map("".join))
@example(".\n")
@example("..")
@example("a/../b")
@example("a/..b/.c/d.")
@example("a" * 255 + "/" + "b" * 256)
@example("/".join("a" * 513))
@example("/".join(["a" * 255] * 4) + "/b")
def test_a_path_breaks_the_same_rule_with_and_without_the_short_cut(path: str) -> None:
    assert broken_rule(path) == rule_broken_by(path)


def test_a_run_of_one_chunk_is_read_as_longer_ones_are() -> None:
    one, other = ChunkRef(ChunkId(b"\1" * 32), 7), ChunkRef(ChunkId(b"\2" * 32), 9)
    assert run_of(base64.b64encode(pack([one])).decode()) == Run((one.chunk_id,), 7, 1)
    assert run_of(base64.b64encode(pack([one, other])).decode()) == Run((one.chunk_id, other.chunk_id), 16, 2)
