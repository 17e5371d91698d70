"""What SWIM's members tell one another along with every probe: the words, their encoding, and which to tell next.

A message is bounded (GOSSIP_BYTES_MAX) and decoding is total: whatever is no message says nothing.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

from govault.limits import GOSSIP_WORDS_MAX

_VERSION = 1
_HEADER = struct.Struct(">BBIIB")
_WORD = struct.Struct(">32sBII")
_REACHES_LOG = 1
COUNTER_MAX = 2**32 - 1
GOSSIP_BYTES_MAX = _HEADER.size + GOSSIP_WORDS_MAX * _WORD.size


class Life(NamedTuple):
    """Which life of a node a word is about: its incarnation by the log, and how often it refuted since, by gossip."""

    incarnation: int
    counter: int = 0


class Word(NamedTuple):
    """What is said of a node: that it is suspected in this life, or that it lives."""

    node_id: str
    life: Life
    suspect: bool


class Message(NamedTuple):
    """What a node says of itself, and what it has heard of others."""

    life: Life
    reaches_log: bool
    words: tuple[Word, ...] = ()


def encode(message: Message) -> bytes:
    """At most GOSSIP_WORDS_MAX words are taken along."""
    words = message.words[:GOSSIP_WORDS_MAX]
    flags = _REACHES_LOG if message.reaches_log else 0
    head = _HEADER.pack(_VERSION, flags, *message.life, len(words))
    return head + b"".join(_WORD.pack(bytes.fromhex(word.node_id), word.suspect, *word.life) for word in words)


def decode(raw: bytes) -> Message | None:
    """The message; None where it is none of this version."""
    if len(raw) < _HEADER.size:
        return None
    version, flags, incarnation, counter, count = _HEADER.unpack_from(raw)
    if version != _VERSION or count > GOSSIP_WORDS_MAX or len(raw) != _HEADER.size + count * _WORD.size:
        return None
    words = tuple(
        Word(node_id.hex(), Life(said_incarnation, said_counter), bool(suspect))
        for node_id, suspect, said_incarnation, said_counter in _WORD.iter_unpack(raw[_HEADER.size :])
    )
    return Message(Life(incarnation, counter), bool(flags & _REACHES_LOG), words)


class Rumours:
    """The newest word about each node, and how often it was told: those least told go first, until told enough."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[Word, int]] = {}

    def add(self, word: Word) -> None:
        """Tell this from now on, instead of what was told of the node before."""
        self._told[word.node_id] = (word, 0)

    def drop(self, node_id: str) -> None:
        """Tell nothing of a node."""
        self._told.pop(node_id, None)

    def keep_for_itself(self, node_id: str) -> None:
        """Tell what is said of a node to nobody but it: it may want to refute."""
        if node_id in self._told:
            self._told[node_id] = (self._told[node_id][0], COUNTER_MAX)

    def pick(self, listener: str, times_max: int) -> tuple[Word, ...]:
        """The words for one message: what concerns the listener first, then what was told least."""
        found = [self._told[listener][0]] if listener in self._told else []
        waiting = [(times, node_id) for node_id, (_, times) in self._told.items() if times < times_max]
        for times, node_id in sorted(waiting)[: GOSSIP_WORDS_MAX - len(found)]:
            word = self._told[node_id][0]
            self._told[node_id] = (word, times + 1)
            if node_id != listener:
                found.append(word)
        return tuple(found)

    def keep_only(self, node_ids: Iterable[str]) -> None:
        """Forget what was said of others."""
        kept = set(node_ids)
        self._told = {node_id: told for node_id, told in self._told.items() if node_id in kept}
