"""What the log would do with an event now: for doors, which need not append what a caught-up view already refuses."""

from govault.domain.apply import apply_files
from govault.domain.folding import Applied, FilesReader
from govault.domain.position import Outcome, Position, Verdict
from schemas.envelope import Event
from schemas.topics import Topic


def foretell(reader: FilesReader, event: Event, partition: int) -> Applied:
    """What an event of ``.files`` would do in the state a reader has. It costs what ``apply_files`` costs.

    It promises nothing: between here and its position, others may write.
    """
    return apply_files(reader, event, Position(Topic.FILES, partition, 0), 0)


def would_refuse(reader: FilesReader, event: Event, partition: int) -> Outcome | None:
    """The refusal that an event of ``.files`` would meet in the state a reader has, or None."""
    outcome = foretell(reader, event, partition).outcome
    return outcome if outcome.verdict is Verdict.REFUSED else None
