import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from govault.cli.main import app
from govault.config import Configuration, load


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("GOVAULT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["config", *words])


def test_init_writes_the_default_file_where_it_is_found_and_never_over_another(tmp_path: Path) -> None:
    assert run("init").exit_code == 0
    path = tmp_path / "config/govault/config.yaml"
    loaded = load()
    assert loaded.file == path
    assert loaded.configuration == Configuration()
    assert run("init").exit_code == 5
    path.write_text("")
    assert run("init", "--force").exit_code == 0
    assert path.read_text() == run("init", "-").stdout


def test_show_tells_values_and_where_they_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("network: {max_peers: 7}")
    monkeypatch.setenv("GOVAULT_LOGGING__LEVEL", "debug")
    shown = run("show", "--config", str(path), "--origin", "--set", "log.partitions=3", "--json")
    document = json.loads(shown.stdout)
    assert document["network.max_peers"] == {"value": 7, "origin": str(path)}
    assert document["logging.level"] == {"value": "debug", "origin": "environment GOVAULT_LOGGING__LEVEL"}
    assert document["log.partitions"] == {"value": 3, "origin": "flag --set log.partitions"}
    assert document["log.kind"]["origin"] == "default"
    assert "max_peers: 7" in run("show", "--config", str(path)).stdout


def test_validate_says_valid_or_names_the_key(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("network: {max_peers: 7}")
    assert run("validate", str(path)).exit_code == 0
    path.write_text("network: {max_pers: 7}")
    refused = run("validate", str(path))
    assert refused.exit_code == 1
    assert "network.max_pers" in refused.stderr
    assert str(path) in refused.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--set", "server.listen_addr=0.0.0.0:80"],
        ["--listen", "nowhere"],
        ["--set", "log.kind=kafka"],
        ["--set", "nonsense"],
    ],
)
def test_a_node_with_a_wrong_configuration_does_not_start(words: list[str], tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["start", "--data", str(tmp_path / "data"), *words])
    assert refused.exit_code in (1, 2)
    assert words[1].split("=")[0].removeprefix("server.") in refused.stderr
    assert not (tmp_path / "data").exists()


def test_shells_are_offered_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_GOVAULT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "govault vers")
    monkeypatch.setenv("COMP_CWORD", "1")
    offered = CliRunner().invoke(app, [], prog_name="govault")
    assert "versions" in offered.stdout.split()
