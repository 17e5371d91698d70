"""What a space asks for itself, beside its settings: rows that are there only where it asks something."""

from typing import NamedTuple


class SpaceReplicasRow(NamedTuple):
    """What a space asks of replication; absent where it asks nothing."""

    space_id: str
    replicas: int | None
    write_quorum: int | None


class SpaceQuotaRow(NamedTuple):
    """How much a space may hold, compared with its totals; absent where nothing bounds it. None: no bound."""

    space_id: str
    bytes_max: int | None
    files_max: int | None
