from streams.broker.offsets import Committed, Offsets, commit_change, gone_change, unset_change

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


def test_offsets_and_groups_are_forgotten() -> None:
    offsets = Offsets()
    offsets.apply(commit_change("g", owned=False, offsets={("t", 0): ONE, ("u", 0): ONE}))
    assert offsets.places_of("t") == [("g", [("t", 0)])]
    offsets.apply(unset_change("g", [("t", 0)]))
    assert offsets.places_of("t") == []
    offsets.apply(gone_change("g"))
    assert offsets.get("g") is None


def test_a_snapshot_comes_back() -> None:
    offsets, again = Offsets(), Offsets()
    offsets.apply(commit_change("g", owned=True, offsets={("t", 0): ONE}))
    again.restore(offsets.snapshot())
    assert again.groups == offsets.groups
