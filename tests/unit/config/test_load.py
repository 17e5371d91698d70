import itertools
import json
from pathlib import Path

import pytest

from govault.config import Configuration, find_file, load
from govault.config.template import configuration_text, default_file_text, flat, origins_text
from govault.errors import Config


def write(folder: Path, text: str, name: str = "config.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_default_file_parses_back_to_the_defaults(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, default_file_text()), environment={})
    assert loaded.configuration == Configuration()
    assert set(loaded.origins) == set(flat(Configuration()))


def test_every_key_of_the_default_file_is_explained() -> None:
    lines = default_file_text().splitlines()
    for before, line in itertools.pairwise(lines):
        if line.strip() and not line.strip().startswith("#"):
            assert before.strip().startswith("#"), line


def test_the_shown_configuration_parses_back(tmp_path: Path) -> None:
    environment = {"GOVAULT_STORAGE__RETENTION__KEEP_WITHIN": "90d", "GOVAULT_LOG__BOOTSTRAP": "a:1, b:2"}
    shown = load(environment=environment).configuration
    assert load(write(tmp_path, configuration_text(shown)), environment={}).configuration == shown


def test_flags_win_over_the_environment_which_wins_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "network: {max_peers: 1}\nserver: {listen_addr: '127.0.0.1:1', max_upload_size: 1GiB}\n")
    loaded = load(
        file,
        environment={"GOVAULT_SERVER__LISTEN_ADDR": "127.0.0.1:2", "GOVAULT_SERVER__MAX_UPLOAD_SIZE": "2GiB"},
        flags={"server.listen_addr": ("127.0.0.1:3", "--listen")},
    )
    assert loaded.configuration.network.max_peers == 1
    assert loaded.configuration.server.max_upload_size == 2 * 2**30
    assert loaded.configuration.server.listen_addr == "127.0.0.1:3"
    assert loaded.origin("network.max_peers") == str(file)
    assert loaded.origin("server.max_upload_size") == "environment GOVAULT_SERVER__MAX_UPLOAD_SIZE"
    assert loaded.origin("server.listen_addr") == "flag --listen"
    assert loaded.origin("log.kind") == "default"
    assert "# flag --listen" in origins_text(loaded)


def test_a_json_file_is_read(tmp_path: Path) -> None:
    file = write(tmp_path, json.dumps({"storage": {"compression": {"codec": "lz4", "level": 1}}}), "config.json")
    assert load(file, environment={}).configuration.storage.compression.codec == "lz4"


def test_an_empty_section_means_its_defaults(tmp_path: Path) -> None:
    file = write(tmp_path, "server:\nlog:\n  security:\n")
    assert load(file, environment={}).configuration == Configuration()


def test_text_from_the_environment_takes_the_type_of_its_key() -> None:
    configuration = load(
        environment={
            "GOVAULT_SERVER__ALLOW_PLAINTEXT": "yes",
            "GOVAULT_NETWORK__BOOTSTRAP_NODES": '["a:1","b:2"]',
            "GOVAULT_STORAGE__RETENTION__KEEP_LAST": "none",
            "GOVAULT_SECURITY__ENCRYPTION_KEY": "123",
            "GOVAULT_LOG__REPLICATION": "1",
        }
    ).configuration
    assert configuration.server.allow_plaintext is True
    assert configuration.network.bootstrap_nodes == ("a:1", "b:2")
    assert configuration.storage.retention.keep_last is None
    assert configuration.security.encryption_key == "123"
    assert configuration.log.replication == 1


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("server: {max_upload_sise: 3}", "server.max_upload_sise", "did you mean max_upload_size"),
        ("serve: {}\nlog: {a: {b: 1}}", "log.a", "unknown key"),
        ("server: {max_upload_size: lots}", "server.max_upload_size", "not a size"),
        ("network: {max_peers: true}", "network.max_peers", "whole number"),
        ("network: {max_peers: '50'}", "network.max_peers", "whole number"),
        ("network: {max_peers: 0}", "network.max_peers", "greater than"),
        ("network: {bootstrap_nodes: [a:1, b]}", "network.bootstrap_nodes.1", "not an address"),
        ("network: {bootstrap_nodes: a:1}", "network.bootstrap_nodes", "must be a list"),
        ("storage: {retention: {keep_within: 30}}", "storage.retention.keep_within", "not a duration"),
        ("storage: {compression: {codec: gzip, level: 9}}", "storage.compression", "outside gzip's levels"),
        ("server: {allow_plaintext: maybe}", "server.allow_plaintext", "true or false"),
        ("server: {listen_addr: '0.0.0.0:80'}", "server", "beyond this machine"),
        ("server: {listen_addr: 'host.example:80'}", "server", "beyond this machine"),
        ("server: {tls: {cert_file: /a}}", "server.tls", "belong together"),
        ("server: {cors_origins: [example.org]}", "server.cors_origins", "not an origin"),
        ("server: 3", "server", "must be a section"),
        ("log: {kind: kafka}", "log", "needs bootstrap"),
        ("log: {kind: rabbit}", "log.kind", "'embedded' or 'kafka'"),
        ("log: {security: {protocol: sasl_tls}}", "log.security", "needs username"),
        ("limits: {bytes_per_second: {upload: 1KiB}}", "limits.bytes_per_second.upload", "too few"),
        ("workers: {gc_period: 0s}", "workers.gc_period", "greater than"),
        ("server: {listen_addr: 'a:1', listen_addr: 'b:1'}", "listen_addr", "twice"),
        ("- a", "", "must hold sections"),
        ("a: [", "", "config.yaml"),
    ],
)
def test_a_refusal_names_the_key_and_the_file(tmp_path: Path, text: str, key: str, said: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(Config) as refused:
        load(file, environment={})
    assert key in str(refused.value)
    assert str(file) in str(refused.value)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("GOVAULT_NETWORK__MAX_PEERS", "fifty"), ("GOVAULT_NETWORK__MAX_PEER", "5"), ("GOVAULT_SERVER", "x:1")],
)
def test_a_refusal_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(Config, match=name):
        load(environment={name: value})


def test_a_refusal_names_the_flag() -> None:
    with pytest.raises(Config, match="flag --listen"):
        load(environment={}, flags={"server.listen_addr": ("nowhere", "--listen")})


def test_accounts_are_not_made_with_a_quota_that_the_log_would_refuse() -> None:
    loaded = load(environment={}, flags={"accounts.quota_bytes_default": ("8PiB", "--set")})
    assert loaded.configuration.accounts.quota_bytes_default == 2**53
    with pytest.raises(Config, match=r"accounts\.quota_bytes_default.*less than or equal to 9007199254740992"):
        load(environment={}, flags={"accounts.quota_bytes_default": ("9PiB", "--set")})


def test_a_section_set_as_a_value_and_as_a_section_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Config, match="section"):
        load(write(tmp_path, "server: 3"), environment={"GOVAULT_SERVER__LISTEN_ADDR": "127.0.0.1:1"})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Config, match=r"nothing\.yaml: cannot be read"):
        load(tmp_path / "nothing.yaml", environment={})


def test_the_file_is_found_by_flag_then_variable_then_place(tmp_path: Path) -> None:
    usual = tmp_path / "govault" / "config.yaml"
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert find_file(None, environment) is None
    usual.parent.mkdir()
    usual.write_text("")
    assert find_file(None, environment) == usual
    assert find_file(None, environment | {"GOVAULT_CONFIG": "/b"}) == Path("/b")
    assert find_file(Path("/a"), environment | {"GOVAULT_CONFIG": "/b"}) == Path("/a")


def test_the_command_lines_own_variables_are_not_configuration() -> None:
    load(environment={"GOVAULT_TOKEN": "t", "GOVAULT_URL": "http://h"})


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.3.2.1:1", "[::1]:1", "localhost:1"])
def test_plain_http_is_fine_on_loopback(address: str) -> None:
    load(environment={"GOVAULT_SERVER__LISTEN_ADDR": address})


def test_the_configuration_is_frozen() -> None:
    configuration = Configuration()
    with pytest.raises(ValueError, match="frozen"):
        configuration.server.listen_addr = "x"  # type: ignore[misc]
