"""Where a peer is looked for, and in which order."""

from govault.peering.places import Places


async def test_the_addresses_that_the_log_tells_come_first_then_the_named_ones() -> None:
    places = Places(lambda peer: {"two": ("a:1", "b:1")}.get(peer, ()), ("c:1", "a:1"))
    assert places.of("two") == ["a:1", "b:1", "c:1"]
    assert places.of("a stranger") == []


async def test_a_search_begins_behind_the_address_that_led_nowhere() -> None:
    told = {"two": ("a:1", "b:1")}
    places = Places(lambda peer: told[peer], ())
    places.in_vain("two", "a:1")
    assert places.of("two") == ["b:1", "a:1"]
    places.in_vain("two", "b:1")
    assert places.of("two") == ["a:1", "b:1"]
    places.in_vain("two", "a:1")
    told["two"] = ("c:1", "d:1")
    assert places.of("two") == ["c:1", "d:1"]


async def test_nobody_is_looked_for_at_a_named_address_where_another_was_found() -> None:
    places = Places(lambda peer: (f"{peer}:1",), ("c:1",))
    places.leads_to("c:1", "three")
    assert places.of("two") == ["two:1"]
    assert places.of("three") == ["three:1", "c:1"]
    # What the log tells is believed until it tells otherwise: there is nowhere else to look.
    places.leads_to("two:1", "three")
    assert places.of("two") == ["two:1"]
