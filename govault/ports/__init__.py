"""The ports: all that services see of the world. Contracts are here; adapters do not repeat them.

Unless a method says otherwise: it may be called twice and concurrently, it may be cancelled without harm, and it
raises ``GoVaultError`` families only.
"""

from govault.ports.accounts import AccountKeys, Passwords, PasswordVerdict
from govault.ports.cluster import ClusterMap, LinkQualities, LinkQuality
from govault.ports.gathering import GatheredStore, PackGatherer, TakenPack
from govault.ports.identity import ProviderAnswer, ProviderHttp
from govault.ports.keys import KeyCustody
from govault.ports.log import EventLog, KeyedLog, LogReader, LogRecord, LogRestorer
from govault.ports.outlet import Outlet, StraightReads
from govault.ports.outside import Clock, Randomness
from govault.ports.repairs import Postponed, RepairCounts, RepairEntry, RepairQueue
from govault.ports.replicas import (
    NodeStore,
    PeerProbes,
    PeerStores,
    ProbeRequests,
    ReplicaRequests,
    ReplicaStore,
    SealedChunk,
)
from govault.ports.search import SearchPage, SearchQuery
from govault.ports.store import ChunkStore, Ingest, Ingested, StoreStats, TellDurable
from govault.ports.store_upkeep import PackFile, QuarantinedChunk, StampedChunk, StoreMaintenance
from govault.ports.view_upkeep import PartitionStatus, ViewsMaintenance
from govault.ports.views import PartSpan, Views

__all__ = [
    "AccountKeys",
    "ChunkStore",
    "Clock",
    "ClusterMap",
    "EventLog",
    "GatheredStore",
    "Ingest",
    "Ingested",
    "KeyCustody",
    "KeyedLog",
    "LinkQualities",
    "LinkQuality",
    "LogReader",
    "LogRecord",
    "LogRestorer",
    "NodeStore",
    "Outlet",
    "PackFile",
    "PackGatherer",
    "PartSpan",
    "PartitionStatus",
    "PasswordVerdict",
    "Passwords",
    "PeerProbes",
    "PeerStores",
    "Postponed",
    "ProbeRequests",
    "ProviderAnswer",
    "ProviderHttp",
    "QuarantinedChunk",
    "Randomness",
    "RepairCounts",
    "RepairEntry",
    "RepairQueue",
    "ReplicaRequests",
    "ReplicaStore",
    "SealedChunk",
    "SearchPage",
    "SearchQuery",
    "StampedChunk",
    "StoreMaintenance",
    "StoreStats",
    "StraightReads",
    "TakenPack",
    "TellDurable",
    "Views",
    "ViewsMaintenance",
]
