"""Sealed notes: they come back as they were, for a while, and no others do."""

from govault.auth.sealed_notes import SealedNotes

NOTE = {"state": "s", "port": 7}


def test_a_note_comes_back_until_it_is_too_old() -> None:
    notes = SealedNotes(b"k" * 32, "logins")
    text = notes.seal(NOTE, expires_ms=2_000)
    assert notes.open(text, 1_999) == NOTE
    assert notes.open(text, 2_000) is None
    assert "state" not in text
    assert notes.seal(NOTE, 2_000) != text


def test_a_note_of_another_key_or_purpose_does_not_open() -> None:
    text = SealedNotes(b"k" * 32, "logins").seal(NOTE, 2_000)
    assert SealedNotes(b"l" * 32, "logins").open(text, 1) is None
    assert SealedNotes(b"k" * 32, "codes").open(text, 1) is None


def test_what_was_changed_cut_or_made_up_does_not_open() -> None:
    notes = SealedNotes(b"k" * 32, "logins")
    text = notes.seal(NOTE, 2_000)
    for index in range(len(text)):
        other = "A" if text[index] != "A" else "B"
        assert notes.open(text[:index] + other + text[index + 1 :], 1) != NOTE or index == len(text) - 1
        assert notes.open(text[:index], 1) is None
    for made_up in ("", "A", "é", "!" * 40, "A" * 40, "A" * 5_000):
        assert notes.open(made_up, 1) is None
