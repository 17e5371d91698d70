from streams.broker.offsets import (
    Committed,
    Offsets,
    commit_change,
    gone_change,
    taken_over_change,
    topic_gone_change,
    unset_change,
)

ONE = Committed(5, 0, "why", 100)


def test_changes_are_applied_and_applying_them_again_changes_nothing() -> None:
    offsets = Offsets()
    change = commit_change("g", owned=True, offsets={("t", 0): ONE, ("t", 1): ONE})
    offsets.apply(change)
    before = offsets.snapshot()
    offsets.apply(change)
    assert offsets.snapshot() == before
    group = offsets.get("g")
    assert group is not None
    assert group.offsets == {("t", 0): ONE, ("t", 1): ONE}
    assert offsets.count == 2


def test_a_group_once_owned_stays_owned() -> None:
    offsets = Offsets()
    offsets.apply(commit_change("g", owned=True, offsets={("t", 0): ONE}))
    offsets.apply(commit_change("g", owned=False, offsets={("t", 0): ONE}))
    group = offsets.get("g")
    assert group is not None
    assert group.owned


def test_what_an_owner_commits_stands_alone_whenever_readers_commit_under_its_name() -> None:
    offsets, other = Offsets(), Committed(9, 0, "reader's", 100)
    offsets.apply(commit_change("g", owned=False, offsets={("t", 0): other, ("t", 1): other}))
    offsets.apply(commit_change("g", owned=True, offsets={("t", 0): ONE}))
    offsets.apply(commit_change("g", owned=False, offsets={("t", 0): other, ("u", 0): other}))
    group = offsets.get("g")
    assert group is not None
    assert group.offsets == {("t", 0): ONE}


def test_offsets_and_groups_are_forgotten() -> None:
    offsets = Offsets()
    offsets.apply(commit_change("g", owned=False, offsets={("t", 0): ONE, ("u", 0): ONE}))
    offsets.apply(unset_change("g", [("t", 0)]))
    group = offsets.get("g")
    assert group is not None
    assert group.offsets == {("u", 0): ONE}
    offsets.apply(gone_change("g"))
    assert offsets.get("g") is None


def test_a_snapshot_comes_back() -> None:
    offsets, again = Offsets(), Offsets()
    offsets.apply(commit_change("g", owned=True, offsets={("t", 0): ONE}))
    again.restore(offsets.snapshot())
    assert again.groups == offsets.groups


def test_a_topic_that_is_gone_takes_what_every_group_committed_before_it_along() -> None:
    offsets = Offsets()
    for group in ("g", "h"):
        offsets.apply(commit_change(group, owned=True, offsets={("t", 0): ONE, ("u", 0): ONE}))
    offsets.apply(topic_gone_change("t"))
    assert [list(group.offsets) for group in offsets.groups.values()] == [[("u", 0)], [("u", 0)]]
    offsets.apply(commit_change("g", owned=True, offsets={("t", 0): ONE}))
    group = offsets.get("g")
    assert group is not None
    assert group.offsets["t", 0] == ONE, "a later topic of that name has offsets of its own"


def test_who_takes_a_group_over_undoes_what_readers_committed_and_nothing_else() -> None:
    offsets = Offsets()
    offsets.apply(commit_change("read", owned=False, offsets={("t", 0): ONE}))
    offsets.apply(commit_change("own", owned=True, offsets={("t", 0): ONE}))
    for group in ("read", "own", "new"):
        offsets.apply(taken_over_change(group))
    assert list(offsets.groups) == ["own"]
