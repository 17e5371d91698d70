"""Every bound of the embedded log, with its unit last in the name."""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# Connections.
CONNECTIONS_MAX: Final = 1024
FRAME_SIZE_BYTES_MAX: Final = 64 * MIB
"""A produce request; it holds at least one batch of the largest `max.message.bytes`."""
CONTROL_FRAME_SIZE_BYTES_MAX: Final = 1 * MIB
"""Every other request: decoding one costs memory many times its size."""
UNAUTHENTICATED_FRAME_SIZE_BYTES_MAX: Final = 16 * KIB
ARRAY_ITEMS_MAX: Final = 16_384
"""Of any list in a request; each costs memory and an answer."""
REQUESTS_IN_FLIGHT_MAX: Final = 64
"""Requests of one connection that wait for their turn or their answer."""
AUTHENTICATION_TIMEOUT_S: Final = 10.0
FRAME_TIMEOUT_S: Final = 30.0
"""A frame that was begun must be complete within this time."""
IDLE_TIMEOUT_S: Final = 600.0
SWEEP_INTERVAL_S: Final = 1.0

# Fetch.
FETCH_BYTES_MAX: Final = 8 * MIB
"""Of one answer, whatever the client asks for; a larger single batch is still given whole."""
FETCH_WAIT_S_MAX: Final = 60.0
FETCH_PARTITIONS_MAX: Final = 4096

# Topics.
TOPICS_MAX: Final = 1000
PARTITIONS_PER_TOPIC_MAX: Final = 1024
PARTITIONS_MAX: Final = 8192
TOPIC_NAME_LENGTH_MAX: Final = 249
MESSAGE_BYTES_DEFAULT: Final = 1048588
MESSAGE_BYTES_MAX: Final = 32 * MIB
SEGMENT_BYTES_DEFAULT: Final = 64 * MIB
SEGMENT_BYTES_MIN: Final = 1 * KIB
SEGMENT_BYTES_MAX: Final = 1024 * MIB
INDEX_INTERVAL_BYTES: Final = 4 * KIB
OPEN_SEGMENTS_MAX: Final = 512

# The commit path.
WAL_FILE_BYTES: Final = 16 * MIB
WAL_CYCLE_BYTES_MAX: Final = 512 * KIB
"""A cycle above this size is synced in the segment files themselves: copying it twice costs more."""
DIRECT_BYTES_BETWEEN_CHECKPOINTS: Final = 64 * MIB
FREE_BYTES_MIN: Final = 40 * MIB
"""Below it produce requests are refused: what was accepted must still find room, and a start too."""
FREE_CHECK_BYTES: Final = 16 * MIB
"""Free space is looked at once in so many bytes (and with every sweep)."""
PENDING_BYTES_MAX: Final = 32 * MIB
"""Bytes appended and not yet synced; beyond it requests wait before they are read."""
INLINE_CYCLE_BYTES_MAX: Final = 64 * KIB
INLINE_COMMIT_S_MAX: Final = 0.001
"""Cycles run on the event loop while they usually take less."""
INLINE_MEMORY_CYCLES: Final = 8
"""Over how many cycles 'usually' is meant."""
SYNC_THREADS: Final = 4

# Producers.
UNCOMPRESSED_BYTES_MAX: Final = 128 * MIB
"""Of one batch of a compacted topic."""

PRODUCER_ID_BLOCK: Final = 1000
PRODUCERS_PER_PARTITION_MAX: Final = 4096
PRODUCER_BATCHES_REMEMBERED: Final = 16
PRODUCER_BATCHES_STORED: Final = 5
PRODUCER_EXPIRY_MS: Final = 7 * 24 * 3600 * 1000

# Groups. The first two bind read-only principals, so that they cannot use up what the node needs.
GROUPS_MAX: Final = 1000
GROUP_OFFSETS_MAX: Final = 100_000
GROUP_MEMBERS_MAX: Final = 1000
GROUP_METADATA_BYTES_MAX: Final = 4096
SESSION_TIMEOUT_MS_MIN: Final = 500
SESSION_TIMEOUT_MS_MAX: Final = 1_800_000

# Housekeeping.
RETENTION_INTERVAL_S: Final = 30.0
ORPHAN_INTERVAL_S: Final = 1.0
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0
