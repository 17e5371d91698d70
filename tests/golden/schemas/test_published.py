"""What is published is what the code does, and understands everything ever shipped."""

import hashlib
import json
from pathlib import Path

import orjson
import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from schemas.compatibility import breaking_changes
from schemas.publish import FOLDER, breaches, current_schema, published_files
from tests.golden.schemas import record, ship

GOLDEN = sorted(record.FOLDER.glob("*.json"))
SHIPPED = sorted(ship.FOLDER.glob("*.json"))


def test_the_checked_in_files_are_those_that_the_code_makes() -> None:
    checked_in = {str(path.relative_to(FOLDER)): path.read_bytes() for path in FOLDER.rglob("*.json")}
    made = published_files()
    assert checked_in.keys() == made.keys(), "run: python -m schemas.publish"
    assert not [name for name in made if checked_in[name] != made[name]], "run: python -m schemas.publish"


@pytest.mark.parametrize("name", [name for name in published_files() if not name.startswith("asyncapi")])
def test_every_schema_is_valid_2020_12(name: str) -> None:
    Draft202012Validator.check_schema(json.loads(published_files()[name]))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_golden_record_fits_the_published_schemas(path: Path) -> None:
    document = orjson.loads(orjson.loads(path.read_bytes())["value"])
    Draft202012Validator(json.loads((FOLDER / "envelope.json").read_bytes())).validate(document)
    schema = json.loads((FOLDER / "events" / f"{document['type']}.json").read_bytes())
    Draft202012Validator(schema).validate(document["data"])
    assert document["dataschema"] == schema["$id"]
    for name in schema.get("required", ()):
        with pytest.raises(ValidationError):
            Draft202012Validator(schema).validate(
                {key: value for key, value in document["data"].items() if key != name}
            )


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_code_understands_every_schema_ever_shipped_and_is_understood(path: Path) -> None:
    now = current_schema(path.name)
    assert now is not None, "an event type that was shipped is gone"
    assert breaking_changes(json.loads(path.read_bytes()), now) == []


def test_no_shipped_schema_was_changed_or_lost() -> None:
    listed = dict(reversed(line.split("  ")) for line in ship.SUMS.read_text().splitlines())
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in SHIPPED} == listed


def test_every_schema_that_the_code_makes_is_kept_as_shipped() -> None:
    assert {stem: ship.shipped(stem)[-1].read_bytes() for stem in ship.stems()} == ship.stems(), (
        "run: python -m tests.golden.schemas.ship"
    )


def test_a_breach_of_what_is_published_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    folder.mkdir()
    name = "govault.files.folder_made.v1.json"
    schema = json.loads((FOLDER / "events" / name).read_bytes())
    del schema["properties"]["path"]
    schema["required"].remove("path")
    (folder / name).write_text(json.dumps(schema))
    (folder / "govault.files.folder_lost.v1.json").write_text("{}")
    assert breaches(tmp_path) == [
        "govault.files.folder_lost.v1: was shipped and is gone",
        "govault.files.folder_made.v1: $.path: is required now; old records lack it",
    ]
