"""Any event survives encoding, and what was encoded fits the published schema."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.codec import decode, encode
from schemas.envelope import Event
from schemas.events import EVENT_TYPES, EventData
from schemas.ids import EventId
from schemas.json_schemas import event_schema

WORDS = st.text(min_size=1, max_size=8)
VALIDATORS = {kind: Draft202012Validator(event_schema(cls)) for kind, cls in EVENT_TYPES.items()}


def value_for(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema of ours allows; it knows the keywords that ours use."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    if "anyOf" in schema:
        return st.one_of(*(value_for(one, root) for one in schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object":
            return object_for(schema, root)
        case "array" if "prefixItems" in schema:
            return st.tuples(*(value_for(one, root) for one in schema["prefixItems"])).map(list)
        case "array":
            return st.lists(value_for(schema["items"], root), max_size=3)
        case "integer":
            return st.integers(schema.get("minimum", -(2**63)), schema.get("maximum", 2**63 - 1))
        case "number":
            return st.floats(-1e12, 1e12)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "string" if "pattern" in schema:
            return st.from_regex(schema["pattern"].removesuffix("$") + r"\Z")
        case "string":
            return st.text(min_size=schema.get("minLength", 0), max_size=20)
    raise AssertionError(f"no strategy for {schema}")


def object_for(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    fields = {name: value_for(inner, root) for name, inner in schema["properties"].items()}
    required = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: fields[name] for name in fields if name in required},
        optional={name: fields[name] for name in fields if name not in required},
    )


@pytest.mark.parametrize("kind", sorted(EVENT_TYPES))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_fits_the_schema_decodes_and_comes_back_the_same(kind: str, data: st.DataObject) -> None:
    cls: type[EventData] = EVENT_TYPES[kind]
    schema = event_schema(cls)
    given_data = data.draw(object_for(schema, schema))
    VALIDATORS[kind].validate(given_data)
    event = Event(
        id=EventId(data.draw(WORDS)),
        data=cls.model_validate(given_data),
        actor=data.draw(WORDS),
        source=data.draw(WORDS),
        time_ms=data.draw(st.integers(0, 4_000_000_000_000)),
        subject=data.draw(WORDS),
        principals=tuple(data.draw(st.lists(st.sampled_from(["admin", "group:é", "role:x"]), max_size=2))),
        not_after_ms=data.draw(st.none() | st.integers()),
        request_hash=data.draw(st.sampled_from(["", "ab"])),
    )
    value = encode(event)
    assert decode(value) == event
    VALIDATORS[kind].validate(orjson.loads(value)["data"])
    assert encode(decode(value)) == value
    assert encode(event._replace(actor=event.actor + "x")) != value
