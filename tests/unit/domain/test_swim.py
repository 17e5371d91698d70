"""SWIM's core: order of probes, suspicion, refutation, and what is told to whom."""

from collections import Counter

from govault.domain.swim import Swim, shuffled
from govault.domain.swim_gossip import GOSSIP_BYTES_MAX, Life, Message, Rumours, Word, decode, encode
from govault.limits import GOSSIP_WORDS_MAX, PROBE_PROXIES, PROBE_TRIES, SUSPICION_S
from tests.unit.domain.test_members import id_of

ME = id_of(0)


def group(nodes: int, incarnation: int = 1) -> dict[str, int]:
    return {id_of(number): incarnation for number in range(nodes)}


def swim(nodes: int, me: int = 0) -> Swim:
    one = Swim(id_of(me))
    one.set_members(group(nodes), 0.0)
    return one


def tell(speaker: Swim, name: int, listener: Swim, to: int, now_s: float) -> None:
    listener.called(id_of(name), speaker.gossip_for(id_of(to), reaches_log=True), now_s)


def test_everyone_is_probed_once_a_round_in_an_order_of_chance() -> None:
    one = swim(10)
    rounds = [[plan.target for seed in range(9) if (plan := one.plan(seed + 9 * number))] for number in range(3)]
    assert all(sorted(found) == sorted(one.members) for found in rounds)
    assert rounds[0] != rounds[1]


def test_orders_of_chance_are_even() -> None:
    firsts = Counter("".join(shuffled("abc", seed * 2654435761)) for seed in range(3000))
    assert len(firsts) == 6
    assert min(firsts.values()) > 350


def test_a_plan_takes_other_proxies_at_every_try_and_never_the_target() -> None:
    plan = swim(12).plan(7)
    assert plan is not None
    assert len(plan.proxies) == PROBE_TRIES
    assert plan.proxies[0] == ()
    named = [proxy for proxies in plan.proxies for proxy in proxies]
    assert len(named) == len(set(named)) == PROBE_PROXIES * (PROBE_TRIES - 1)
    assert plan.target not in named
    assert ME not in named


def test_with_one_peer_there_is_nobody_to_go_through_and_with_none_nobody_to_probe() -> None:
    plan = swim(2).plan(1)
    assert plan is not None
    assert plan.proxies == ((), (), ())
    assert swim(1).plan(1) is None
    assert swim(2).plan(1, {id_of(1)}) is None, "it is being probed already"


def test_silence_becomes_a_word_only_after_the_peer_had_its_time() -> None:
    one, peer = swim(3), id_of(1)
    one.unanswered(peer, 7.0, 10.0)
    assert one.members[peer].suspected_s == 10.0
    assert not one.ran_out(peer, 10.0 + SUSPICION_S - 0.1)
    assert one.ran_out(peer, 10.0 + SUSPICION_S)


def test_a_peer_that_called_while_it_was_probed_is_reached_by_a_detour_and_not_suspected() -> None:
    one, peer = swim(3), id_of(1)
    one.called(peer, b"", 8.0)
    one.unanswered(peer, 7.0, 10.0)
    assert (one.members[peer].direct, one.members[peer].suspected_s) == (False, None)
    one.answered_through(peer, b"", 11.0)
    assert not one.members[peer].direct
    one.answered(peer, b"", 12.0)
    assert one.members[peer].direct


def test_hearsay_is_probed_soon_and_convicts_nobody() -> None:
    teller, listener, accused = swim(8), swim(8, me=2), id_of(1)
    teller.unanswered(accused, 0.0, 1.0)
    tell(teller, 0, listener, 2, 2.0)
    assert listener.members[accused].suspected_s == 2.0
    assert not listener.ran_out(accused, 1000.0)
    targets = [plan.target for seed in range(2) if (plan := listener.plan(seed))]
    assert accused in targets
    listener.unanswered(accused, 2.5, 4.0)
    assert listener.ran_out(accused, 2.0 + SUSPICION_S), "its time runs since the suspicion was heard of"


def test_the_accused_hears_what_is_said_of_it_and_refutes_it_everywhere() -> None:
    teller, accused, third = swim(4), swim(4, me=1), swim(4, me=2)
    teller.unanswered(id_of(1), 0.0, 1.0)
    tell(teller, 0, third, 2, 1.5)
    tell(teller, 0, accused, 1, 2.0)
    tell(accused, 1, teller, 0, 2.5)
    assert teller.members[id_of(1)].suspected_s is None
    tell(teller, 0, third, 2, 3.0)
    tell(accused, 1, third, 2, 3.0)
    assert third.members[id_of(1)].suspected_s is None
    assert third.members[id_of(1)].life == Life(1, 1)


def test_a_refutation_travels_by_third_parties_too() -> None:
    teller, accused, between = swim(4), swim(4, me=1), swim(4, me=2)
    teller.unanswered(id_of(1), 0.0, 1.0)
    tell(teller, 0, between, 2, 1.0)
    tell(between, 2, accused, 1, 1.5)
    tell(accused, 1, between, 2, 2.0)
    # The one between knows that it lives by the call itself; the first hears it by the word of the accused only.
    accused_word = decode(accused.gossip_for(id_of(3), reaches_log=True))
    assert accused_word is not None
    assert Word(id_of(1), Life(1, 1), suspect=False) in accused_word.words
    teller.called(id_of(2), encode(accused_word._replace(life=Life(1))), 3.0)
    assert teller.members[id_of(1)].suspected_s is None
    assert not teller.members[id_of(1)].own_word


def test_a_word_against_an_earlier_life_says_nothing_and_a_restart_ends_a_suspicion() -> None:
    teller, listener = swim(3), swim(3, me=2)
    teller.unanswered(id_of(1), 0.0, 1.0)
    listener.set_members(group(3, incarnation=2), 1.0)
    tell(teller, 0, listener, 2, 2.0)
    assert listener.members[id_of(1)].suspected_s is None
    teller.set_members(group(3, incarnation=2), 3.0)
    assert teller.members[id_of(1)].suspected_s is None
    said = decode(teller.gossip_for(id_of(2), reaches_log=True))
    assert said is not None
    assert said.words == ()


def test_whoever_stood_still_takes_nothing_of_before_for_true() -> None:
    one, peer = swim(3), id_of(1)
    one.unanswered(peer, 0.0, 1.0)
    one.woke(100.0)
    assert not one.ran_out(peer, 100.0)
    one.unanswered(peer, 100.5, 103.0)
    assert one.ran_out(peer, 100.0 + SUSPICION_S)


def test_those_who_left_are_neither_probed_nor_talked_of() -> None:
    one = swim(4)
    one.unanswered(id_of(1), 0.0, 1.0)
    one.set_members({ME: 1, id_of(2): 1}, 2.0)
    assert {plan.target for seed in range(6) if (plan := one.plan(seed))} == {id_of(2)}
    said = decode(one.gossip_for(id_of(2), reaches_log=True))
    assert said == Message(Life(1), True, ())
    one.unanswered(id_of(1), 3.0, 4.0)
    one.answered(id_of(9), b"", 4.0)


def test_many_suspects_leave_every_other_turn_to_the_rest() -> None:
    one = swim(20)
    for number in range(1, 11):
        one.unanswered(id_of(number), 0.0, 1.0)
    targets: Counter[str] = Counter()
    for seed in range(40):
        plan = one.plan(seed)
        assert plan is not None
        targets[plan.target] += 1
        if plan.target in {id_of(number) for number in range(1, 11)}:
            one.unanswered(plan.target, seed + 1.0, seed + 2.0)
    assert sum(targets[id_of(number)] for number in range(11, 20)) == 20
    assert min(targets.values()) == 2, "each of both sorts has its turn"


def test_words_are_told_a_bounded_number_of_times_and_fit_a_bounded_message() -> None:
    one = swim(200)
    for number in range(1, 200):
        one.unanswered(id_of(number), 0.0, 1.0)
    told = 0
    for _ in range(2000):
        raw = one.gossip_for(id_of(201), reaches_log=False)
        assert len(raw) <= GOSSIP_BYTES_MAX
        message = decode(raw)
        assert message is not None
        told += len(message.words)
    assert 0 < told < 199 * 3 * 9
    about_itself = decode(one.gossip_for(id_of(5), reaches_log=False))
    assert about_itself is not None
    assert [word.node_id for word in about_itself.words] == [id_of(5)], "the accused hears it all the same"


def test_least_told_words_go_first() -> None:
    rumours = Rumours()
    for number in range(GOSSIP_WORDS_MAX + 4):
        rumours.add(Word(id_of(number), Life(1), suspect=True))
    first = {word.node_id for word in rumours.pick("nobody", 9)}
    second = {word.node_id for word in rumours.pick("nobody", 9)}
    assert len(first) == GOSSIP_WORDS_MAX
    assert len(first | second) == GOSSIP_WORDS_MAX + 4
