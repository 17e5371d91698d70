"""Schemas only grow: what a change to a JSON Schema breaks for readers and writers of any other version.

FULL_TRANSITIVE, as schema registries name it: every version reads what every other wrote. So a property may be added
where nobody needs it, and nothing else may change but words.
"""

from typing import Any

Schema = dict[str, Any]
_WORDS = frozenset({"title", "description", "examples", "$comment", "$id", "$schema", "$defs"})


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """What of a change is not allowed, in sentences; empty where the schemas understand each other."""
    return list(_differences(old, new, old, new, "$"))


def _differences(old: Any, new: Any, old_root: Schema, new_root: Schema, at: str) -> list[str]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [f"{at}: {old!r} became {new!r}"]
    found = _of_properties(old, new, old_root, new_root, at)
    for keyword in sorted((old.keys() | new.keys()) - _WORDS - {"properties", "required"}):
        if keyword not in old or keyword not in new:
            found.append(f"{at}: {keyword} {'appeared' if keyword in new else 'vanished'}")
        elif isinstance(old[keyword], list) and isinstance(new[keyword], list):
            found += _of_lists(old[keyword], new[keyword], old_root, new_root, f"{at}.{keyword}")
        else:
            found += _differences(old[keyword], new[keyword], old_root, new_root, f"{at}.{keyword}")
    return found


def _of_properties(old: Schema, new: Schema, old_root: Schema, new_root: Schema, at: str) -> list[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
    found = [f"{at}.{name}: removed" for name in sorted(before.keys() - after.keys())]
    found += [f"{at}.{name}: is required now; old records lack it" for name in sorted(needed_after - needed_before)]
    found += [f"{at}.{name}: no longer required; old readers need it" for name in sorted(needed_before - needed_after)]
    for name in sorted(before.keys() & after.keys()):
        found += _differences(before[name], after[name], old_root, new_root, f"{at}.{name}")
    return found


def _of_lists(old: list[Any], new: list[Any], old_root: Schema, new_root: Schema, at: str) -> list[str]:
    if len(old) != len(new):
        return [f"{at}: {len(old)} alternatives became {len(new)}"]
    return [
        difference
        for index, (before, after) in enumerate(zip(old, new, strict=True))
        for difference in _differences(before, after, old_root, new_root, f"{at}[{index}]")
    ]


def _resolved(schema: Any, root: Schema) -> Any:
    """What a reference into ``$defs`` names, with what stands beside it."""
    if not isinstance(schema, dict) or "$ref" not in schema:
        return schema
    target = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
