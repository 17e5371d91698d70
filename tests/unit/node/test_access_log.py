import json

import pytest

from api.middleware.access import AccessEntry
from govault.node.log_output import access_log

ENTRY = AccessEntry("r1", "PUT", '/spaces/main/files/a%20"b', "/spaces/{space}", 201, "admin", "::1", 0.25, 4, 300)


def test_a_request_is_one_json_object_a_line_with_the_names_of_the_other_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    access_log("info", "json")(ENTRY)
    (written,) = capsys.readouterr().err.splitlines()
    line = json.loads(written)
    assert (line["message"], line["log.level"]) == ("http.request", "info")
    assert line["@timestamp"].endswith("Z")
    assert {name: line[name] for name in AccessEntry._fields} == ENTRY._asdict()


def test_a_request_is_one_line_of_text(capsys: pytest.CaptureFixture[str]) -> None:
    access_log("debug", "text")(ENTRY)
    (line,) = capsys.readouterr().err.splitlines()
    assert "http.request" in line
    assert " status=201 " in line
    assert " actor=admin " in line


@pytest.mark.parametrize("level", ["warning", "error"])
def test_a_quieter_log_has_no_requests(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    access_log(level, "json")(ENTRY)
    assert capsys.readouterr().err == ""
