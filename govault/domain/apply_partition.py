"""Events of a partition itself: epochs and rules."""

from govault.domain.draft import Draft
from govault.domain.outcomes import Decision, Refusal, accepted
from govault.domain.reasons import Reason
from govault.domain.rules import RULES_LATEST


def open_epoch(draft: Draft, epoch: int) -> Decision:
    """Open the next collection epoch."""
    old = draft.partition
    if epoch != old.epoch + 1:
        raise Refusal(Reason.EPOCH_NOT_NEXT, epoch=old.epoch)
    draft.partition = old._replace(epoch=epoch)
    return accepted(epoch=epoch)


def activate_rules(draft: Draft, rules: int) -> Decision:
    """Decide by the next rules from here on."""
    old = draft.partition
    if rules != old.rules + 1 or rules > RULES_LATEST:
        raise Refusal(Reason.RULES_NOT_NEXT, rules=old.rules)
    draft.partition = old._replace(rules=rules)
    return accepted(rules=rules)
