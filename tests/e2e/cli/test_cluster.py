"""``govault cluster`` and ``govault start --join`` where there is no cluster: each says what to do instead."""

import os
from pathlib import Path

import pytest

from govault.domain.join_token import Introducer, JoinToken
from tests.e2e.cli.conftest import Shell
from tests.kafka.suite import SUITE_BOOTSTRAP

KAFKA = ("--set", "log.kind=kafka", "--set", "log.bootstrap=127.0.0.1:1")


EMBEDDED = pytest.mark.skipif(SUITE_BOOTSTRAP in os.environ, reason="of a node on the embedded log")


@EMBEDDED
def test_a_node_on_the_embedded_log_issues_no_token_and_says_why(govault: Shell) -> None:
    ran = govault("cluster", "token", "--expires", "1h")
    assert ran.code != 0
    assert "takes no peers" in ran.err
    assert ran.out == ""


@EMBEDDED
def test_tokens_are_listed_and_unknown_ones_not_revoked(govault: Shell) -> None:
    assert govault.ok("cluster", "tokens", "--json").document == []
    ran = govault("cluster", "revoke", "0123456789ab")
    assert ran.code != 0
    assert "cluster tokens" in ran.err


def test_a_time_without_a_unit_is_refused(govault: Shell) -> None:
    ran = govault("cluster", "token", "--expires", "soon")
    assert ran.code != 0
    assert "soon" in ran.err


def test_init_needs_kafka_and_says_so(tmp_path: Path) -> None:
    ran = Shell(tmp_path / "data")("cluster", "init")
    assert ran.code != 0
    assert "log.kind: kafka" in ran.err


def start_in(root: Path, token: str) -> tuple[int, str]:
    """Exit code and stderr of a start that must end by itself; in a process of its own, which a start changes much."""
    with Shell(root).process("start", "--join", token, "--listen", "127.0.0.1:0", *KAFKA) as started:
        try:
            _, said = started.communicate(timeout=60)
        finally:
            started.kill()
    return started.returncode, said.decode()


def test_start_refuses_a_word_that_is_no_token(tmp_path: Path) -> None:
    code, said = start_in(tmp_path / "data", "hello")
    assert code != 0
    assert "not a join token" in said


def test_start_says_when_nobody_answers_who_could_let_it_in(tmp_path: Path) -> None:
    token = JoinToken(b"t" * 16, b"s" * 32, (Introducer("ab" * 32, ("127.0.0.1:1",)),), "v").text()
    code, said = start_in(tmp_path / "data", token)
    assert code != 0
    assert "127.0.0.1:1" in said
    assert "network.advertise" in said
    assert not (tmp_path / "data/vault.json").exists()
    assert not (tmp_path / "data/keys/root.key").exists()
