"""Which function answers which request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from streams.broker.apis import catalogue, membership, positions, settings, topics_admin
from streams.broker.broker import Broker
from streams.broker.protocol import Request
from streams.broker.wire import Tree

Handler = Callable[[Broker, Request], Tree | Awaitable[Tree]]

HANDLERS: Final[dict[int, Handler]] = {
    2: catalogue.list_offsets,
    3: catalogue.metadata,
    8: positions.offset_commit,
    9: positions.offset_fetch,
    10: membership.find_coordinator,
    11: membership.join_group,
    12: membership.heartbeat,
    13: membership.leave_group,
    14: membership.sync_group,
    15: membership.describe_groups,
    16: membership.list_groups,
    19: topics_admin.create_topics,
    20: topics_admin.delete_topics,
    21: topics_admin.delete_records,
    22: topics_admin.init_producer_id,
    23: catalogue.offset_for_leader_epoch,
    32: settings.describe_configs,
    33: settings.alter_configs,
    37: topics_admin.create_partitions,
    42: membership.delete_groups,
    44: settings.incremental_alter_configs,
    47: positions.offset_delete,
    60: catalogue.describe_cluster,
}
"""Produce, Fetch, ApiVersions and the logins are answered by the connection itself."""

RUN_TO_THE_END: Final = frozenset({19, 20, 21, 22, 33, 37, 42, 44, 47})
"""What changes the log in several steps goes on when its client is gone: half of it must not stay."""
