"""``govault log migrate``: from the embedded log to Apache Kafka."""

from typing import TYPE_CHECKING, Annotated

import typer

from govault.cli.flags import Set, flags_of
from govault.cli.options import options
from govault.cli.output import emit
from govault.cli.progress import shows_progress

if TYPE_CHECKING:
    from govault.config import Loaded
    from streams.migration.migrate import Migrated


def log_migrate(
    to: Annotated[str, typer.Option("--to", metavar="BOOTSTRAP", help="host:port of Kafka brokers, by commas.")],
    sets: Set = None,
) -> None:
    """Move the vault from its embedded log to Apache Kafka, while no node runs. Interrupted, run it again.

    Copies every record with its key, headers, time and offset, verifies the copy record by record and by folding it,
    and only then makes the vault one of the new log. How Kafka is reached (log.security, log.replication) comes from
    the configuration, or from --set.
    """
    from govault.config import load

    flags = {**flags_of(sets, options().data), "log.kind": ("kafka", "--to"), "log.bootstrap": (to, "--to")}
    target = load(options().config, flags=flags)
    done = _migrate(target)
    log = target.configuration.log
    lines = ["log:", "  kind: kafka", f"  bootstrap: [{', '.join(log.bootstrap)}]", f"  replication: {log.replication}"]
    if log.topic_prefix != "govault":
        lines.append(f"  topic_prefix: {log.topic_prefix}")
    security = log.security.model_dump(mode="json", exclude_defaults=True)
    if security:
        lines += ["  security:", *(f"    {name}: {value}" for name, value in security.items())]
    root = target.configuration.server.storage_root
    emit(
        {"records": done.records, "copied": done.copied, "digests": done.digests, "configuration": "\n".join(lines)},
        lambda: (
            f"{done.records:,} records are on {', '.join(log.bootstrap)}, {done.copied:,} of them copied now; every "
            "record and every digest is equal.\nSet this in the configuration, then start the node:\n\n"
            + "\n".join(lines)
            + f"\n\nThe embedded log in {root / 'log'} is not used any more: remove it when all is well."
        ),
    )


def _migrate(target: "Loaded") -> "Migrated":
    from govault.node.migration import migrate_folder

    if not shows_progress():
        return migrate_folder(target, lambda done, total, at: None)
    from rich.console import Console

    with Console(stderr=True).status("migrating") as line:
        return migrate_folder(target, lambda done, total, at: line.update(f"{at}  {done:,} of {total:,}"))
