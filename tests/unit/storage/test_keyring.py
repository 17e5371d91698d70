"""The keyring: derived keys, sealing epochs, files."""

import json
from pathlib import Path

import pytest

from govault.errors import Config, InvalidRequest
from govault.storage.keyring import Keyring, file_mode_is_private


def test_the_first_start_makes_a_private_secret_and_later_starts_find_it(tmp_path: Path) -> None:
    first = Keyring.open(tmp_path / "keys")
    second = Keyring.open(tmp_path / "keys")
    assert first.fingerprint_key == second.fingerprint_key
    assert file_mode_is_private(tmp_path / "keys" / "root.key")
    assert file_mode_is_private(tmp_path / "keys" / "keyring.json")
    assert (tmp_path / "keys").stat().st_mode & 0o077 == 0


def test_two_vaults_share_no_key(tmp_path: Path) -> None:
    one, other = Keyring.open(tmp_path / "a"), Keyring.open(tmp_path / "b")
    assert one.fingerprint_key != other.fingerprint_key
    assert one.sealing_root(1) != other.sealing_root(1)


def test_every_purpose_has_its_own_key() -> None:
    keyring = Keyring(bytes(32))
    keys = [keyring.fingerprint_key, keyring.event_mac_key, keyring.digest_key, keyring.derive("x"), bytes(32)]
    keys.append(keyring.sealing_root(1) or b"")
    assert len(set(keys)) == len(keys)


def test_a_new_sealing_epoch_survives_a_restart_and_leaves_the_old_one_open(tmp_path: Path) -> None:
    keyring = Keyring.open(tmp_path)
    first, fingerprint = keyring.sealing_root(1), keyring.fingerprint_key
    assert keyring.rotate() == 2
    again = Keyring.open(tmp_path)
    assert again.sealing_epochs == [1, 2]
    assert again.sealing_epoch == 2
    assert (again.sealing_root(1), again.sealing_root(2)) == (first, keyring.sealing_root(2))
    assert again.fingerprint_key == fingerprint


def test_a_later_sealing_root_cannot_be_derived_from_the_root_secret_alone() -> None:
    one, other = Keyring(bytes(32)), Keyring(bytes(32))
    one.rotate()
    other.rotate()
    assert one.sealing_root(2) != other.sealing_root(2)


def test_no_secret_stands_in_the_state_file(tmp_path: Path) -> None:
    keyring = Keyring.open(tmp_path)
    keyring.rotate()
    text = (tmp_path / "keyring.json").read_text()
    for secret in (keyring.sealing_root(1), keyring.sealing_root(2), keyring.fingerprint_key):
        assert secret is not None
        assert secret.hex() not in text


def test_a_sealing_root_that_a_pack_carries_is_learned_only_from_the_same_vault() -> None:
    keyring = Keyring(bytes(32))
    keyring.rotate()
    wrapped = keyring.wrapped_root(2)
    assert wrapped is not None
    fresh = Keyring(bytes(32))
    assert fresh.adopt_root(2, wrapped)
    assert fresh.sealing_root(2) == keyring.sealing_root(2)
    assert not Keyring(b"\x01" * 32).adopt_root(2, wrapped)
    assert not fresh.adopt_root(3, wrapped)
    assert not fresh.adopt_root(2, b"")


def test_the_recovery_key_brings_the_secret_back(tmp_path: Path) -> None:
    keyring = Keyring.open(tmp_path / "keys")
    restored = Keyring.restore(tmp_path / "elsewhere", keyring.recovery_key())
    assert restored.fingerprint_key == keyring.fingerprint_key
    assert Keyring.restore(tmp_path / "elsewhere", keyring.recovery_key()).fingerprint_key == keyring.fingerprint_key
    with pytest.raises(Config):
        Keyring.restore(tmp_path / "elsewhere", Keyring(b"\x01" * 32).recovery_key())
    with pytest.raises(InvalidRequest):
        Keyring.restore(tmp_path / "third", "nonsense")


def test_the_export_mark_survives_a_restart(tmp_path: Path) -> None:
    keyring = Keyring.open(tmp_path)
    assert not keyring.exported
    keyring.mark_exported()
    assert keyring.exported
    assert Keyring.open(tmp_path).exported


@pytest.mark.parametrize("form", [lambda k: bytes(k), lambda k: k.hex().encode() + b"\n"])
def test_another_file_may_hold_the_secret(tmp_path: Path, form: object) -> None:
    secret = bytes(range(32))
    key_file = tmp_path / "my.key"
    key_file.write_bytes(form(secret))  # type: ignore[operator]
    assert Keyring.open(tmp_path / "keys", key_file).fingerprint_key == Keyring(secret).fingerprint_key
    assert not (tmp_path / "keys" / "root.key").exists()


def test_a_named_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Config, match=r"missing\.key"):
        Keyring.open(tmp_path / "keys", tmp_path / "missing.key")


@pytest.mark.parametrize("content", [b"", b"short", b"g" * 64, b"\xff" * 40])
def test_a_file_without_a_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "root.key").write_bytes(content)
    with pytest.raises(Config, match="holds no root secret"):
        Keyring.open(tmp_path)


def test_another_vaults_secret_is_refused(tmp_path: Path) -> None:
    Keyring.open(tmp_path)
    (tmp_path / "root.key").write_bytes(bytes(32))
    with pytest.raises(Config, match="not the one"):
        Keyring.open(tmp_path)


def test_a_lost_secret_is_not_replaced_by_a_fresh_one(tmp_path: Path) -> None:
    Keyring.open(tmp_path)
    (tmp_path / "root.key").unlink()
    with pytest.raises(Config, match="recovery key"):
        Keyring.open(tmp_path)


@pytest.mark.parametrize("damage", ["{", "[]", '{"format": 1}', "null"])
def test_a_damaged_state_file_is_refused(tmp_path: Path, damage: str) -> None:
    Keyring.open(tmp_path)
    (tmp_path / "keyring.json").write_text(damage)
    with pytest.raises(Config, match="damaged"):
        Keyring.open(tmp_path)


def test_a_newer_state_file_is_refused(tmp_path: Path) -> None:
    Keyring.open(tmp_path)
    state = json.loads((tmp_path / "keyring.json").read_text())
    (tmp_path / "keyring.json").write_text(json.dumps({**state, "format": 99}))
    with pytest.raises(Config, match="99"):
        Keyring.open(tmp_path)
