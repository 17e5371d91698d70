"""What is asked of the replication of some content, beside what the layout says for the whole vault."""

from typing import NamedTuple

from govault.domain.space_rows import SpaceReplicasRow


class Asked(NamedTuple):
    """Replicas (R), and how many of them make a write durable (W); None: as the layout says."""

    replicas: int | None = None
    write_quorum: int | None = None


AS_LAYOUT = Asked()


def asked_by(row: SpaceReplicasRow | None) -> Asked:
    """What a space asks."""
    return AS_LAYOUT if row is None else Asked(row.replicas, row.write_quorum)
