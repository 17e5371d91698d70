"""Gossip survives its encoding, and no garbage disturbs a node."""

from hypothesis import given
from hypothesis import strategies as st

from govault.domain.swim import Swim
from govault.domain.swim_gossip import COUNTER_MAX, GOSSIP_WORDS_MAX, Life, Message, Word, decode, encode
from tests.unit.domain.test_members import id_of

counters = st.integers(0, COUNTER_MAX)
lives = st.builds(Life, counters, counters)
words = st.builds(Word, st.integers(0, 9).map(id_of), lives, st.booleans())
messages = st.builds(Message, lives, st.booleans(), st.lists(words, max_size=GOSSIP_WORDS_MAX).map(tuple))


@given(messages)
def test_a_message_survives_its_encoding(message: Message) -> None:
    assert decode(encode(message)) == message


@given(messages, st.data())
def test_a_message_that_is_cut_short_or_lengthened_is_none(message: Message, data: st.DataObject) -> None:
    raw = encode(message)
    assert decode(raw[: data.draw(st.integers(0, len(raw) - 1))]) is None
    assert decode(raw + b"x") is None


@given(st.lists(st.tuples(st.integers(1, 4), st.one_of(st.binary(max_size=200), messages.map(encode))), max_size=20))
def test_whatever_peers_say_a_node_goes_on_and_convicts_nobody_by_hearsay(
    said: list[tuple[int, bytes]],
) -> None:
    node = Swim(id_of(0))
    node.set_members({id_of(number): 1 for number in range(4)}, 0.0)
    for at, (who, raw) in enumerate(said):
        node.called(id_of(who), raw, float(at))
        assert decode(node.gossip_for(id_of(who), reaches_log=True)) is not None
    assert set(node.members) == {id_of(1), id_of(2), id_of(3)}
    assert not any(node.ran_out(peer, 1e9) for peer in node.members)
