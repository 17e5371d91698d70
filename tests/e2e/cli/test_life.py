"""The life of a vault at the command line: start, a terminal, a backup, another machine."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.e2e.cli.conftest import Shell
from tests.e2e.node_process import NodeProcess


def test_a_second_node_on_the_same_folder_is_refused_with_the_way_out(govault: Shell) -> None:
    refused = govault("start", "--listen", "127.0.0.1:0")
    assert refused.code == 1
    assert "in use by another node" in refused.err
    assert "server.storage_root" in refused.err


def test_a_port_in_use_is_refused_with_the_way_out(govault: Shell, node: NodeProcess, tmp_path: Path) -> None:
    address = node.url.removeprefix("http://")
    refused = govault("start", "--data", str(tmp_path / "other"), "--listen", address)
    assert refused.code == 1
    assert address in refused.err


def test_a_node_in_the_foreground_greets_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "data")
    sets = ("--set", "storage.retention.keep_last=5", "--set", "server.doors.metrics=false")
    with shell.process("start", "--listen", "127.0.0.1:0", *sets) as started:
        assert started.stdout is not None
        greeting = b""
        while b"Ctrl-C stops it" not in greeting:
            line = started.stdout.readline()
            assert line, started.stderr.read().decode() if started.stderr else ""
            greeting += line
        assert b"kcat" in greeting
        assert shell.ok("status", "--json").document["ready"] is True
        assert shell.ok("space", "show", "main", "--json").document["retention"]["keep_last"] == 5
        assert shell("stats", "--prometheus").code == 3
        started.send_signal(signal.SIGINT)
        started.communicate(timeout=60)
        assert started.returncode == 0
    assert shell("status").code == 1
    assert "folder is free" in shell.ok("doctor").out


def test_a_terminal_is_asked_before_something_is_removed(govault: Shell, space: str) -> None:
    govault.ok("upload", "-", f"{space}:/f", stdin=b"x")
    for answer, left in ((b"n\n", 1), (b"y\n", 0)):
        master, slave = pty.openpty()
        command = [sys.executable, "-m", "govault.cli", "rm", f"{space}:/f"]
        with subprocess.Popen(
            command, env=govault.environment, stdin=slave, stderr=slave, stdout=subprocess.PIPE
        ) as asked:
            os.close(slave)
            seen = b""
            deadline = time.monotonic() + 30
            while b"[y/N]" not in seen and time.monotonic() < deadline:
                seen += os.read(master, 1024)
            os.write(master, answer)
            asked.communicate(timeout=30)
        os.close(master)
        assert b"into the trash?" in seen
        assert asked.returncode == (0 if left == 0 else 2)
        assert len(govault.ok("ls", f"{space}:/").out.splitlines()) == left


def test_a_vault_comes_back_from_a_backup_on_another_machine(govault: Shell, space: str, tmp_path: Path) -> None:
    content = os.urandom(700_000)
    govault.ok("upload", "-", f"{space}:/kept/big", stdin=content)
    govault.ok("recovery-key", "export", str(tmp_path / "recovery.key"))
    govault.ok("backup", str(tmp_path / "backup"))
    other = Shell(tmp_path / "other")
    assert other("recover", str(tmp_path / "backup")).code == 1
    report = other.ok(
        "recover", str(tmp_path / "backup"), "--recovery-key-file", str(tmp_path / "recovery.key"), "--json"
    )
    assert report.document["records"] > 0
    assert other("recover", str(tmp_path / "backup")).code == 1
    node = NodeProcess(other.root)
    node.start()
    try:
        with other.process("cat", f"{space}:/kept/big") as cat:
            assert cat.communicate(timeout=60)[0] == content
        other.ok("check", "--read-data")
    finally:
        node.stop()
