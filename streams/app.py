"""The Faust app of a node: one consumer group of its own, so that every node folds every partition.

The views' own position is where reading resumes: on assignment the consumer seeks there, whatever the group has
committed. Faust's tables, its web server and its supervisor's restarts are not used.
"""

import asyncio
import logging
import types
from collections.abc import Callable, Coroutine, Generator, Mapping
from typing import Any

import faust
from faust.contrib.asgi import bind_to_running_loop
from faust.tables import TableManager
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as FaustConsumer
from faust.types import TP
from mode.services import WaitResults

from govault.errors import EventLog
from schemas.topics import Topic
from streams.agents.folding import Folds, add_agents
from streams.connection import Connection

_log = logging.getLogger(__name__)

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 6.0
"""Leaving takes a second where the log answers. Nothing is lost where it does not: the views keep the position."""
_SESSION_TIMEOUT_S = 6.0
_HEARTBEAT_S = 2.0
_COMMIT_INTERVAL_S = 5.0
_FETCH_BYTES_MAX = 4 * 1024 * 1024

_FETCH_WAIT_MS = 100

NextOffset = Callable[[Topic, int], int]


class _NoTables(TableManager):  # type: ignore[misc]
    """Faust waits a second at start for tables to be declared late; this app has none."""

    async def sleep(self, n: float) -> None:
        await super().sleep(0)


class _ShortWaits(AIOKafkaConsumerThread):  # type: ignore[misc]
    """Reads with short long polls.

    Where records lie unread for 0.1 s, as on a busy machine, aiokafka asks for the other partitions alone, and for the
    busy one again only when that long poll has ended: with Faust's 1.5 s that long nobody would see their writes.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        assert hasattr(consumer, "_fetch_max_wait_ms")
        consumer._fetch_max_wait_ms = _FETCH_WAIT_MS
        return consumer


@types.coroutine
def _going_on(begun: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """What ``finished`` awaits."""
    try:
        while True:
            try:
                yield waits_for
            except asyncio.CancelledError as cancelled:
                waits_for = begun.throw(cancelled)
            else:
                waits_for = begun.send(None)
    except StopIteration:
        return


async def finished(begun: Coroutine[Any, Any, None], waits_for: Any) -> None:
    """The rest of a coroutine that was begun outside of a task and waits for ``waits_for``: to be made a task."""
    await _going_on(begun, waits_for)


class FoldingApp:
    """Runs the agents that keep the views current.

    Attributes:
        crashed: Set with the reason when the app has crashed; the node must end then.
        left_behind: Whether ``stop`` gave it up: tasks that nobody can cancel may still run in this loop.
    """

    def __init__(self, connection: Connection, node_id: str, views: Folds, next_offset: NextOffset) -> None:
        """Inside the loop that runs it: Faust binds to it.

        Args:
            next_offset: Where to read on in a partition, asked at every assignment.
        """
        self._connection = connection
        self._app = _make_app(connection, node_id)
        self._app.transport.Consumer = _consumer_seeking(connection, next_offset)
        add_agents(self._app, connection, views)
        self.crashed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.left_behind = False
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Join the group and begin to read.

        Raises:
            EventLog: It did not start in time.
        """
        bind_to_running_loop(self._app)
        self._app.finalize()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._app.maybe_start()
        except TimeoutError as error:
            await self.stop()
            raise EventLog(f"folding {self._connection.bootstrap} did not start in {START_TIMEOUT_S:g} s") from error
        except BaseException:
            await self.stop()
            raise
        self._watch = asyncio.create_task(self._watch_for_crash(), name="streams-watch")

    async def stop(self, grace_s: float = STOP_TIMEOUT_S) -> None:
        """Finish the record at hand, commit and leave; returns after ``grace_s`` at the latest. May be called twice.

        Args:
            grace_s: How long it may take; a log that is gone is not worth waiting for.
        """
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        # A service of mode swallows its cancellation and goes on waiting, in the end for a fetch that aiokafka does not
        # give up either: so its stop has a task of its own, which this one can leave.
        stopping = asyncio.create_task(self._app.stop(), name="streams-stop")
        await asyncio.wait({stopping}, timeout=grace_s)
        if not stopping.done():
            _log.warning("the Faust app did not stop within %g s", grace_s)
            self.left_behind = True
            stopping.cancel()
        elif not stopping.cancelled() and (error := stopping.exception()) is not None:
            _log.warning("the Faust app broke while it stopped: %r", error)
        if not self.crashed.done():
            self.crashed.cancel()

    async def _watch_for_crash(self) -> None:
        await self._app._crashed.wait()
        reason = self._app.crash_reason or EventLog("the Faust app crashed without a reason")
        _log.error("the folding of the log crashed: %r", reason)
        if not self.crashed.done():
            self.crashed.set_result(reason)


def _make_app(connection: Connection, node_id: str) -> faust.App:
    group = f"{connection.prefix}.views.{node_id}"
    return faust.App(
        group,
        broker=[f"aiokafka://{server}" for server in connection.servers()],
        broker_credentials=_credentials(connection),
        broker_client_id="govault-views",
        consumer_group_instance_id=group,
        broker_session_timeout=_SESSION_TIMEOUT_S,
        broker_heartbeat_interval=_HEARTBEAT_S,
        broker_request_timeout=30.0,
        broker_commit_interval=_COMMIT_INTERVAL_S,
        consumer_auto_offset_reset="none",
        consumer_max_fetch_size=_FETCH_BYTES_MAX,
        store="memory://",
        datadir="/nonexistent",
        web_enabled=False,
        autodiscover=False,
        TableManager=_NoTables,
        topic_disable_leader=True,
        topic_allow_declare=False,
        # A rebalance empties the queues under the agents, which may hold records until more come: waiting for those to
        # be folded would be for ever. Reading goes on at the applied position, and folding twice changes nothing.
        stream_wait_empty=False,
        producer_acks=-1,
    )


def _credentials(connection: Connection) -> Any:
    if connection.username:
        return faust.SASLCredentials(
            username=connection.username,
            password=connection.password,
            mechanism=connection.mechanism,
            ssl_context=connection.tls,
        )
    return faust.SSLCredentials(connection.tls) if connection.tls is not None else None


def _consumer_seeking(connection: Connection, next_offset: NextOffset) -> type[Any]:
    class ViewsConsumer(FaustConsumer):  # type: ignore[misc]
        """Reads on where the views are, not where the group has committed."""

        def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
            return _ShortWaits(self, loop=self.loop, beacon=self.beacon)

        async def wait_first(self, *coros: Any, timeout: Any = None) -> Any:
            """Hand a record to its agent at once, where nothing has to be waited for.

            Faust makes four tasks to hand over each, and while they take their turns the agent sees a single record:
            so it cannot fold those together that came together.
            """
            handing_over, *others = coros
            if not asyncio.iscoroutine(handing_over):
                return await super().wait_first(*coros, timeout=timeout)
            try:
                waits_for = handing_over.send(None)
            except StopIteration:
                for other in others:
                    other.close()
                return WaitResults([handing_over], [None], False)
            return await super().wait_first(finished(handing_over, waits_for), *others, timeout=timeout)

        async def seek_to_committed(self) -> Mapping[TP, int]:
            wanted: dict[TP, int] = {}
            for place in self.assignment():
                topic = connection.topic_of(place.topic)
                if topic is not None:
                    wanted[place] = next_offset(topic, place.partition)
            await self._thread.seek_wait(wanted)
            return wanted

    return ViewsConsumer
