"""The rules number: which decision semantics a partition is at, and where this program must stop folding."""

from govault.domain.rows import PartitionRow
from schemas.events.base import EventData
from schemas.events.files import RulesActivated

RULES_LATEST = 4
"""The latest that this program knows; it knows all from 1 on. Limits that ``apply`` reads belong to them.

From 2 on what somebody may do is decided in the log (``govault.domain.authority``), and files have owners. From 3
on spaces have quotas (``govault.domain.quotas``). From 4 on what comes by an upload link belongs to the folder's owner.
"""


def must_stop(data: EventData, partition: PartitionRow) -> bool:
    """Whether the event would raise the partition to rules that this program does not know.

    Whoever folds asks before ``apply``, and stops folding the partition there; reads go on.
    """
    return isinstance(data, RulesActivated) and data.rules == partition.rules + 1 and is_beyond(data.rules)


def is_beyond(rules: int) -> bool:
    """Whether this program does not know these rules.

    Whoever opens rows asks of their partition: a newer program may have folded them.
    """
    return rules > RULES_LATEST
