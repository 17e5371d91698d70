"""Golden logs: old decisions stay as they were, whatever the code becomes."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import get_args

import orjson
import pytest

from govault.domain.apply_access import ACCESS_RULES
from govault.domain.authority import DROPPED_RULES
from govault.domain.memory_state import MemoryPartition
from govault.domain.quotas import QUOTA_RULES
from govault.domain.rows import FileRow
from govault.domain.rules import RULES_LATEST
from schemas.codec import decode
from schemas.events.access import AccessGranted, AccessRevoked, OwnerChanged
from schemas.events.files import FilesEvent
from schemas.events.shares import ShareCreated, ShareRevoked, ShareUsed
from tests.golden.domain.record import FOLDER, SUMS, state_digest, told
from tests.unit.domain.recount import check_partition

OF_ACCESS = {AccessGranted, AccessRevoked, OwnerChanged, ShareCreated, ShareRevoked, ShareUsed}
LOGS = sorted(FOLDER.glob("*.jsonl"))


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_a_golden_log_folds_to_the_same_outcomes_and_state(path: Path) -> None:
    *lines, end = map(orjson.loads, path.read_bytes().splitlines())
    state = MemoryPartition()
    for line in lines:
        applied = state.apply(decode(line["event"].encode()), line["offset"], line["time_ms"])
        assert applied is not None
        assert told(applied.outcome) == line["outcome"], f"at offset {line['offset']}"
    check_partition(state)
    assert state.partition().rules == end["rules"]
    assert state_digest(state) == end["state"]


def test_no_golden_log_was_changed_or_lost() -> None:
    listed = dict(reversed(line.split("  ")) for line in SUMS.read_text().splitlines())
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in LOGS} == listed


def test_the_rules_of_every_number_have_golden_logs_with_every_event_type() -> None:
    for rules in range(1, RULES_LATEST + 1):
        kinds = set()
        for path in FOLDER.glob(f"rules-{rules}-*.jsonl"):
            kinds |= {type(decode(orjson.loads(line)["event"].encode()).data) for line in lines_of(path)}
        assert kinds == set(get_args(FilesEvent)) - (OF_ACCESS if rules < ACCESS_RULES else set())


def test_a_golden_log_of_quotas_tells_what_did_not_fit() -> None:
    lines = [orjson.loads(line) for path in FOLDER.glob(f"rules-{QUOTA_RULES}-*.jsonl") for line in lines_of(path)]
    reasons = Counter(line["outcome"]["reason"] for line in lines)
    assert reasons["quota-exceeded"] > 20


def test_a_golden_log_of_links_has_files_of_theirs_that_belong_to_somebody() -> None:
    owned = 0
    for path in FOLDER.glob(f"rules-{DROPPED_RULES}-*.jsonl"):
        state = MemoryPartition()
        for line in map(orjson.loads, lines_of(path)):
            state.apply(decode(line["event"].encode()), line["offset"], line["time_ms"])
        owned += sum(file.current.actor.startswith("share:") and bool(file.owner) for file in state.rows(FileRow))
    assert owned > 2


def test_a_digest_tells_states_apart() -> None:
    (*_, last), state = lines_of(LOGS[0]), MemoryPartition()
    empty = state_digest(state)
    line = orjson.loads(last)
    state.apply(decode(line["event"].encode()), line["offset"], line["time_ms"])
    assert state_digest(state) != empty


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()[:-1]
