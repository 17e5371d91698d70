"""Which changes of a schema are growth, and which break someone."""

from typing import Any

import pytest

from schemas.compatibility import breaking_changes

OLD: dict[str, Any] = {
    "$id": "urn:x",
    "$defs": {"Inner": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}},
    "type": "object",
    "description": "Said",
    "properties": {
        "a": {"type": "string", "maxLength": 9, "description": "An a"},
        "b": {"enum": ["x", "y"], "default": "x"},
        "c": {"anyOf": [{"$ref": "#/$defs/Inner"}, {"type": "null"}], "default": None},
    },
    "required": ["a"],
}


def changed(**replaced: Any) -> dict[str, Any]:
    return {**OLD, **replaced}


def with_property(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return changed(properties={**OLD["properties"], name: schema})


def test_words_and_new_optional_properties_are_growth() -> None:
    assert breaking_changes(OLD, OLD) == []
    assert breaking_changes(OLD, changed(description="Said better", title="T")) == []
    assert breaking_changes(OLD, with_property("d", {"type": "string", "default": ""})) == []
    assert breaking_changes(OLD, with_property("a", {**OLD["properties"]["a"], "description": "Any a"})) == []


def test_a_definition_may_be_renamed_but_not_changed() -> None:
    renamed = changed(
        **{"$defs": {"Other": OLD["$defs"]["Inner"]}},
        properties={
            **OLD["properties"],
            "c": {"anyOf": [{"$ref": "#/$defs/Other"}, {"type": "null"}], "default": None},
        },
    )
    assert breaking_changes(OLD, renamed) == []
    inner = {"Inner": {**OLD["$defs"]["Inner"], "required": []}}
    assert breaking_changes(OLD, changed(**{"$defs": inner})) == [
        "$.c.anyOf[0].n: no longer required; old readers need it"
    ]


@pytest.mark.parametrize(
    ("new", "breach"),
    [
        (changed(required=["a", "b"]), "$.b: is required now; old records lack it"),
        (
            changed(properties={**OLD["properties"], "d": {}}, required=["a", "d"]),
            "$.d: is required now; old records lack it",
        ),
        (changed(required=[]), "$.a: no longer required; old readers need it"),
        (changed(properties={"a": OLD["properties"]["a"], "c": OLD["properties"]["c"]}), "$.b: removed"),
        (with_property("a", {"type": "integer", "maxLength": 9}), "$.a.type: 'string' became 'integer'"),
        (with_property("a", {"type": "string"}), "$.a: maxLength vanished"),
        (with_property("a", {"type": "string", "maxLength": 8}), "$.a.maxLength: 9 became 8"),
        (with_property("a", {"type": "string", "maxLength": 9, "pattern": "^x"}), "$.a: pattern appeared"),
        (with_property("b", {"enum": ["x"], "default": "x"}), "$.b.enum: 2 alternatives became 1"),
        (with_property("b", {"enum": ["x", "z"], "default": "x"}), "$.b.enum[1]: 'y' became 'z'"),
        (with_property("b", {"enum": ["x", "y"], "default": "y"}), "$.b.default: 'x' became 'y'"),
        (changed(additionalProperties=False), "$: additionalProperties appeared"),
    ],
)
def test_everything_else_is_a_breach_that_says_where(new: dict[str, Any], breach: str) -> None:
    assert breaking_changes(OLD, new) == [breach]
