"""What all uploads of a store share: threads, the committer, and the bytes that may be in work."""

import asyncio
from concurrent.futures import Executor

from govault.budget import Budget
from govault.limits import MIB
from govault.storage.committer import Committer
from govault.storage.mailbox import Mailbox
from govault.storage.pipeline import Pipeline
from govault.storage.segment import SmallContent

SEGMENT_BYTES_IN_WORK_MAX = 48 * MIB


class IngestContext:
    """What all uploads of a store share."""

    def __init__(self, pipeline: Pipeline, committer: Committer, threads: Executor, mailbox: Mailbox) -> None:
        self.pipeline = pipeline
        self.committer = committer
        self.threads = threads
        self.mailbox = mailbox
        self.budget = Budget(SEGMENT_BYTES_IN_WORK_MAX)
        self.closed = False
        """Set when the store closes: the threads take no more work."""
        self._small: list[SmallContent] = []

    def store_small(self, small: SmallContent) -> None:
        """Give the committer a small content, together with the others of this turn of the loop.

        Each hand-over wakes the committer's thread, and that costs more than the rest of the way there.
        """
        if not self._small:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._small.append(small)

    def _hand_over(self) -> None:
        small, self._small = self._small, []
        self.committer.submit(small)
