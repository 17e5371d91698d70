"""The decision of healing: total, idempotent, and never a risk."""

from hypothesis import given
from hypothesis import strategies as st

from govault.domain.healing import (
    AskLater,
    ChunkFacts,
    Drop,
    Fetch,
    Later,
    Nothing,
    Push,
    Urgency,
    decide,
    stand_ins,
    urgency_of,
)

OTHERS = ("b", "c", "d")
some = st.sets(st.sampled_from(OTHERS)).map(frozenset)
facts = st.builds(
    ChunkFacts,
    referenced=st.booleans(),
    wanted=st.booleans(),
    held=st.booleans(),
    serving=st.booleans(),
    fenced=st.booleans(),
    holders=st.lists(st.sampled_from(OTHERS), unique=True).map(tuple),
    sources=st.lists(st.sampled_from(OTHERS), unique=True).map(tuple),
    up=some,
    having=some,
    lacking=some,
    confirmed=some,
    stamp=st.integers(0, 5),
    epoch_max=st.integers(-1, 5),
)


def here(**changes: object) -> ChunkFacts:
    """A chunk that is well: wanted and held here, with two more holders that answer."""
    usual = ChunkFacts(
        referenced=True, wanted=True, held=True, holders=("b", "c"), sources=("b", "c"), up=frozenset({"b", "c"})
    )
    return usual._replace(**changes)


@given(facts)
def test_a_replica_goes_only_when_every_holder_stamped_it_and_its_own_stamp_is_old(known: ChunkFacts) -> None:
    if isinstance(decide(known), Drop):
        assert known.holders
        assert set(known.holders) <= known.confirmed
        assert known.stamp <= known.epoch_max
        assert not known.wanted
        assert not known.serving
        assert not known.fenced


@given(facts)
def test_only_nodes_that_answer_are_asked_or_given_anything(known: ChunkFacts) -> None:
    match decide(known):
        case Fetch(sources):
            assert sources
            assert set(sources) <= known.up - known.lacking
        case Push(targets):
            assert targets
            assert set(targets) <= known.up & known.lacking & set(known.holders)


@given(facts)
def test_what_was_done_is_not_done_again(known: ChunkFacts) -> None:
    match decide(known):
        case Fetch(sources):
            after = known._replace(held=True, having=known.having | {sources[0]})
            assert not isinstance(decide(after), Fetch)
        case Push(targets):
            after = known._replace(lacking=known.lacking - set(targets), having=known.having | set(targets))
            assert not isinstance(decide(after), Push)
        case Drop():
            assert decide(known._replace(held=False)) == Nothing()


@given(facts)
def test_a_fenced_node_does_nothing_at_all(known: ChunkFacts) -> None:
    assert decide(known._replace(fenced=True)) == AskLater(Later.FENCED)


@given(facts)
def test_what_nothing_references_is_left_to_collection(known: ChunkFacts) -> None:
    assert decide(known._replace(referenced=False, fenced=False)) == Nothing()


def test_a_chunk_that_is_where_it_belongs_needs_nothing() -> None:
    assert decide(here()) == Nothing()


def test_a_missing_chunk_is_fetched_first_from_whoever_said_to_have_it() -> None:
    assert decide(here(held=False, having=frozenset({"c"}))) == Fetch(("c", "b"))
    assert decide(here(held=False, lacking=frozenset({"b"}))) == Fetch(("c",))


def test_a_chunk_that_nobody_gives_is_lost_only_when_everybody_lacks_it() -> None:
    assert decide(here(held=False, lacking=frozenset({"b"}), up=frozenset({"b"}))) == AskLater(Later.UNREACHABLE)
    assert decide(here(held=False, lacking=frozenset({"b", "c"}))) == AskLater(Later.LOST)
    assert decide(here(held=False, sources=())) == AskLater(Later.UNREACHABLE)


def test_a_spilled_chunk_is_given_to_the_holders_that_lack_it_and_kept_until_they_all_stamped_it() -> None:
    spilled = here(wanted=False, epoch_max=9)
    assert decide(spilled) == AskLater(Later.UNCONFIRMED)
    assert decide(spilled._replace(lacking=frozenset({"c"}))) == Push(("c",))
    assert decide(spilled._replace(lacking=frozenset({"c"}), up=frozenset())) == AskLater(Later.UNCONFIRMED)
    everybody = frozenset({"b", "c"})
    assert decide(spilled._replace(having=everybody)) == AskLater(Later.UNSTAMPED)
    assert decide(spilled._replace(having=everybody, confirmed=everybody)) == Drop(9)
    assert decide(spilled._replace(having=everybody, confirmed=everybody, stamp=10)) == AskLater(Later.GRACE)
    assert decide(spilled._replace(having=everybody, confirmed=everybody, serving=True)) == Nothing()


def test_the_fewer_replicas_answer_the_more_urgent() -> None:
    assert [urgency_of(left, 3) for left in (0, 1, 2, 3)] == [Urgency.SOLE, Urgency.SOLE, Urgency.FEW, Urgency.REST]


def test_the_next_in_rank_stand_in_for_those_who_are_gone() -> None:
    rank = ("a", "b", "c", "d", "e")
    assert stand_ins(("a", "b", "c"), set(), rank) == ()
    assert stand_ins(("a", "b", "c"), {"b"}, rank) == ("d",)
    assert stand_ins(("a", "b", "c"), {"b", "c", "d"}, rank) == ("e",)
