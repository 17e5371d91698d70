"""What works without a running node: a look at a data folder, and recovery. Both hold the folder's lock."""

import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from govault.errors import Config, InvalidRequest

Finding = dict[str, str]
_DISK_LOW = 0.05
_RECOVERY_KEY_BYTES_MAX = 4096


def examine(root: Path) -> list[Finding]:
    """What ails a data folder whose node is down, in sentences. Nothing is changed, not even made."""
    if not root.is_dir():
        return [
            _finding(
                "error",
                "folder.missing",
                f"There is no data folder at {root}.",
                "No vault has been started here.",
                "Start one with 'govault start', or name the right folder with --data.",
            )
        ]
    if not (root / "FORMAT").exists():
        return [
            _finding(
                "error",
                "folder.no-vault",
                f"{root} holds no vault.",
                "It is another folder, or the first start did not get far.",
                "Name the right folder with --data, or start a vault there with 'govault start'.",
            )
        ]
    from govault.node.folder import DataFolder

    try:
        folder = DataFolder.open(root)
    except Config as error:
        return [
            _finding(
                "error",
                "folder.unusable",
                f"{str(error)[0].upper()}{str(error)[1:]}.",
                "The node cannot use the data folder, or another process does.",
                "If a process holds it and does not answer, stop that process and start the node again.",
            )
        ]
    try:
        return [*_look(root)]
    finally:
        folder.close()


def _look(root: Path) -> Iterator[Finding]:
    yield _finding(
        "info",
        "node.down",
        f"No node runs on {root}, and the folder is free.",
        "The vault is whole as far as can be seen from outside.",
        "Start it with 'govault start'; then 'govault check --read-data' reads every chunk.",
    )
    if (root / "node.json").exists():
        yield _finding(
            "warning",
            "node.unclean",
            "The last node did not end cleanly.",
            "Nothing acknowledged is lost: the next start recovers by itself, and takes a little longer.",
            "Look for the reason in the node's output or the system's log (memory, power).",
        )
    yield from _secrets(root)
    for name, what in (("log", "the log: every change"), ("store", "the chunk store: every byte")):
        if name == "log" and _is_on_kafka(root):
            continue
        if not (root / name).is_dir():
            yield _finding(
                "error",
                f"folder.no-{name}",
                f"{root / name} is missing.",
                f"It holds {what}.",
                "Put it back from where it went, or recover the vault from a backup with 'govault recover'.",
            )
    usage = shutil.disk_usage(root)
    if usage.free < usage.total * _DISK_LOW:
        yield _finding(
            "warning",
            "disk.low",
            f"The disk of {root} has {usage.free // 2**20:,} MiB free ({usage.free * 100 // usage.total} %).",
            "Uploads are refused before the reserve is touched.",
            "Free space, or remove what is not needed: 'trash empty', then 'gc'.",
        )


def _secrets(root: Path) -> Iterator[Finding]:
    for name in ("admin.token", "keys/root.key", "keys/node.key"):
        path = root / name
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            if name != "keys/root.key":
                yield _finding(
                    "warning",
                    "secret.missing",
                    f"{path} is missing.",
                    "The next start makes a new one, and what relied on the old one must be told.",
                    "Put it back if you have it.",
                )
            continue
        except OSError as error:
            yield _finding(
                "error",
                "secret.unreadable",
                f"{path} cannot be looked at: {error.strerror}.",
                "The node could not use it either.",
                "Give the folder to the user that runs the node.",
            )
            continue
        if mode & 0o077:
            yield _finding(
                "error",
                "secret.open",
                f"{path} is open to others (mode {mode:04o}).",
                "Every user of this machine could read it.",
                f"Run: chmod 600 {path}",
            )


def _is_on_kafka(root: Path) -> bool:
    import json

    try:
        return bool(json.loads((root / "vault.json").read_text(encoding="utf-8")).get("log_kind") == "kafka")
    except (OSError, ValueError, AttributeError):
        return False


def recover_into(
    backups: Sequence[Path], root: Path, recovery_key_file: Path | None, *, salvage: bool
) -> dict[str, Any]:
    """Make the data folder ``root`` from backups of one vault's nodes; what came back, and what did not.

    Raises:
        Config: The folder is in use or not empty, backups are damaged or do not belong together, or keys are missing.
    """
    from govault.cli.progress import shows_progress
    from govault.node.recovery import recover_folder

    key: str | None = None
    if recovery_key_file is not None:
        if recovery_key_file.stat().st_size > _RECOVERY_KEY_BYTES_MAX:
            raise InvalidRequest(f"{recovery_key_file} is too long for a recovery key", rule="recovery-key")
        key = recovery_key_file.read_text(encoding="ascii", errors="replace").strip()
    folders = [backup.absolute() for backup in backups]
    if not shows_progress():
        report = recover_folder(folders, root, key, lambda done, total, at: None, salvage=salvage)
    else:
        from rich.console import Console

        with Console(stderr=True).status("recovering") as line:
            report = recover_folder(
                folders,
                root,
                key,
                lambda done, total, at: line.update(f"{done:,} of {total:,}  {at}"),
                salvage=salvage,
            )
    return asdict(report)


def _finding(severity: str, code: str, what: str, means: str, todo: str) -> Finding:
    return {"severity": severity, "code": code, "what": what, "means": means, "todo": todo}
