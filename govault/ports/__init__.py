"""The ports: all that services see of the world. Contracts are here; adapters do not repeat them.

Unless a method says otherwise: it may be called twice and concurrently, it may be cancelled without harm, and it
raises ``GoVaultError`` families only.
"""

from govault.ports.keys import KeyCustody
from govault.ports.log import EventLog, LogReader, LogRecord, LogRestorer
from govault.ports.outside import Clock, Randomness
from govault.ports.search import SearchPage, SearchQuery
from govault.ports.store import ChunkStore, Ingest, Ingested, StoreStats
from govault.ports.store_upkeep import PackFile, QuarantinedChunk, StampedChunk, StoreMaintenance
from govault.ports.view_upkeep import PartitionStatus, ViewsMaintenance
from govault.ports.views import PartSpan, Views

__all__ = [
    "ChunkStore",
    "Clock",
    "EventLog",
    "Ingest",
    "Ingested",
    "KeyCustody",
    "LogReader",
    "LogRecord",
    "LogRestorer",
    "PackFile",
    "PartSpan",
    "PartitionStatus",
    "QuarantinedChunk",
    "Randomness",
    "SearchPage",
    "SearchQuery",
    "StampedChunk",
    "StoreMaintenance",
    "StoreStats",
    "Views",
    "ViewsMaintenance",
]
