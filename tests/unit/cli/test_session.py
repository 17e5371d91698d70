import json
from pathlib import Path

import pytest

from govault.cli.options import Options
from govault.cli.session import data_folder, find_node, find_token
from govault.errors import Config


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GOVAULT_URL", "GOVAULT_TOKEN", "GOVAULT_CONFIG", "GOVAULT_SERVER__STORAGE_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def vault_in(folder: Path, url: str = "http://127.0.0.1:1234", token: str = "gv_admin_x") -> Path:
    folder.mkdir(parents=True)
    (folder / "FORMAT").write_text("1\n")
    (folder / "node.json").write_text(json.dumps({"url": url}))
    (folder / "admin.token").write_text(token + "\n")
    return folder


def test_the_address_comes_from_the_option_the_environment_or_the_running_node(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = vault_in(tmp_path / "vault")
    assert find_node(Options(data=folder)) == ("http://127.0.0.1:1234", folder)
    monkeypatch.setenv("GOVAULT_URL", "http://other:1/")
    assert find_node(Options(data=folder)) == ("http://other:1", None)
    assert find_node(Options(url="https://third", data=folder)) == ("https://third", None)


@pytest.mark.parametrize("url", ["host:80", "ftp://host", "http://", "http://me:secret@host", "http://host/?a=b"])
def test_what_is_no_address_of_a_node_is_refused(url: str) -> None:
    with pytest.raises(Config, match="not the address"):
        find_node(Options(url=url))


def test_without_a_node_the_way_out_is_told(tmp_path: Path) -> None:
    with pytest.raises(Config, match="govault start"):
        find_node(Options(data=tmp_path))


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_a_broken_node_file_is_told(tmp_path: Path, text: str) -> None:
    folder = vault_in(tmp_path / "vault")
    (folder / "node.json").write_text(text)
    with pytest.raises(Config, match=r"node\.json"):
        find_node(Options(data=folder))


def test_the_token_comes_from_the_file_the_environment_or_the_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = vault_in(tmp_path / "vault")
    given = tmp_path / "token"
    given.write_text("from-file\n")
    assert find_token(Options(), "http://127.0.0.1:1", folder) == "gv_admin_x"
    monkeypatch.setenv("GOVAULT_TOKEN", "from-environment")
    assert find_token(Options(), "http://127.0.0.1:1", folder) == "from-environment"
    assert find_token(Options(token_file=given), "http://127.0.0.1:1", folder) == "from-file"


def test_the_data_folders_token_never_goes_to_another_machine(tmp_path: Path) -> None:
    folder = vault_in(tmp_path / "vault")
    for url in ("http://example.org", "http://10.0.0.7:8080", "https://127.0.0.1.example.org"):
        assert find_token(Options(url=url, data=folder), url, None) is None
    for url in ("http://127.0.0.1:8080", "http://localhost", "http://[::1]:1"):
        assert find_token(Options(url=url, data=folder), url, None) == "gv_admin_x"


@pytest.mark.parametrize("text", ["", "\n", "two tokens", "a\nb"])
def test_a_token_file_without_one_token_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(Config, match="token"):
        find_token(Options(token_file=path), "http://127.0.0.1", None)


def test_the_data_folder_is_the_one_named_the_configured_one_or_the_usual_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert data_folder(Options()) == tmp_path / "share/govault"
    vault_in(tmp_path / "data")
    assert data_folder(Options()) == Path("data")
    vault_in(tmp_path / "share/govault")
    assert data_folder(Options()) == tmp_path / "share/govault"
    (tmp_path / "config/govault").mkdir(parents=True)
    (tmp_path / "config/govault/config.yaml").write_text(f"server: {{storage_root: {tmp_path}/configured}}")
    assert data_folder(Options()) == tmp_path / "configured"
    monkeypatch.setenv("GOVAULT_SERVER__STORAGE_ROOT", str(tmp_path / "environment"))
    assert data_folder(Options()) == tmp_path / "environment"
    assert data_folder(Options(data=tmp_path / "flag")) == tmp_path / "flag"
