"""Rows survive being stored, and their keys keep their order and do not run together."""

from govault.domain.rows import (
    AccessRow,
    ChunkRow,
    DirectoryRow,
    EntryRow,
    FileRow,
    FolderRow,
    JoinTokenRow,
    LayoutRow,
    NodeRow,
    OutcomeRow,
    OwnedRow,
    PackedPartRow,
    PartitionRow,
    PartRow,
    Row,
    SealingRootRow,
    Share,
    SharesRow,
    SpaceNameRow,
    SpaceRow,
    TotalsRow,
    VersionContent,
    VersionRow,
)
from govault.domain.space_rows import SpaceQuotaRow, SpaceReplicasRow
from govault.domain.version_numbers import VersionNumbers
from streams.views import keys
from streams.views.rows_codec import decode_row, encode_row, since_of

CONTENT = VersionContent(
    3, "ab" * 32, 9, "bWFu", ("p1", "p2"), "file", True, None, "text/plain", 7, "ann", ("copy", "f", 2)
)
PLAIN = VersionContent(1, "cd" * 32, 0, "", (), "symlink", False, -5, "", 7, "ann", None, 4)
OLDER = VersionNumbers.of((1, 2, 5))
ROWS: tuple[Row, ...] = (
    PartitionRow(3, 1, 99),
    SpaceRow("s", "main", "déjà", None, 5, None, 2, 1_700, False),
    SpaceReplicasRow("s", 5, None),
    SpaceQuotaRow("s", None, 2**50),
    TotalsRow("s", 1, 2, 3, 2**50),
    OwnedRow("a_1", 2**50, 3),
    EntryRow("s", "f_parent", "näme", True, "f_1"),
    FileRow(
        "f_1",
        "s",
        "s",
        "a",
        "A",
        1,
        2,
        0,
        ("x", "ü"),
        "d",
        "",
        CONTENT,
        VersionNumbers.of((1, 2, 5)),
        5 << 10,
        8,
        "p/a",
        "bob",
    ),
    FileRow("f_2", "s", "s", "a", "A", 1, 2, 0, (), "", "", PLAIN, VersionNumbers(), 6 << 10),
    FolderRow("f_3", "s", "f_1", "b", 1, 2, 7 << 10, 3, "x/b", "ann"),
    FolderRow("f_4", "s", "s", "c", 1, 2, 8 << 10, owner="a_1"),
    AccessRow("f_3", "s", (("a_1", "write"), ("users", "read")), 3),
    SharesRow("f_3", "s", (Share("l_1", "read", "ab" * 32, "", None, 3, 1, "n", "a_1", 9),)),
    VersionRow("f_1", 2, PLAIN),
    PartRow("s", "ef" * 32, 0, 4, 77),
    PackedPartRow("s", "ef" * 32, "bWFu"),
    ChunkRow(b"\x00\xff" * 16, 3),
    OutcomeRow("e_1", 4, "h", 9, "accepted", "", (("version", 1), ("created", True), ("etag", None))),
    DirectoryRow("s", "main", 1, 5),
    SpaceNameRow("main", "s"),
    NodeRow("n", "ab", "node", "", 1, 2, 3, "0.1", ("http://[::1]:1",)),
    NodeRow("o", "ab", "node", "z", 1, 2, 3, "0.1", (), ("h:1", "i:2"), 4, "dead", 9, True, (("n", 8),), 2),
    JoinTokenRow("ab" * 32, 5, "n", "z", 2, 3, "o"),
    LayoutRow(3, 3, 2, ("n", "o"), "eJw=", 7, ("o",), (1, 4), ("", "z")),
    SealingRootRow(2, "d3JhcHBlZA=="),
)


def test_a_stored_row_is_read_back_as_it_was() -> None:
    for row in ROWS:
        key = keys.KEY_OF[type(row)](row)
        value = encode_row(row, 12_345)
        assert decode_row(key, value) == row
        assert type(decode_row(key, value)) is type(row)
        assert since_of(value) == 12_345


def test_every_row_type_has_a_key_of_its_own() -> None:
    assert len({keys.KEY_OF[type(row)](row) for row in ROWS}) == len(ROWS)


def test_entries_sort_as_the_bytes_of_whole_paths_do() -> None:
    names = [("a", False), ("a", True), ("a-b", False), ("a.txt", False), ("a0", True), ("ab", False), ("é", False)]
    by_key = sorted(names, key=lambda one: keys.entry_key("p", *one))
    assert by_key == sorted(names, key=lambda one: (one[0] + "/" * one[1]).encode())


def test_a_prefix_ends_where_the_next_one_begins() -> None:
    for prefix in (b"a", b"a\xff", b"\x02\x00\xff\xffE"):
        end = keys.prefix_end(prefix)
        assert prefix < prefix + b"\xff" * 9 < end
