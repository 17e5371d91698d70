"""Flags in the bodies of requests: true or false, and nothing that only looks like it."""

import importlib
import pkgutil
from typing import Any

import pytest
from pydantic import ValidationError

import schemas.rest
from schemas.rest.shapes import RequestModel

for _module in pkgutil.iter_modules(schemas.rest.__path__):
    importlib.import_module(f"{schemas.rest.__name__}.{_module.name}")


def every(model: type[RequestModel]) -> list[type[RequestModel]]:
    return [one for found in model.__subclasses__() for one in (found, *every(found))]


FLAGS = [
    (model, name)
    for model in every(RequestModel)
    for name, field in model.model_fields.items()
    if field.annotation in (bool, bool | None)
]


@pytest.mark.parametrize(("model", "name"), FLAGS, ids=[f"{model.__name__}.{name}" for model, name in FLAGS])
@pytest.mark.parametrize("said", [0, 1, "true", "no"])
def test_a_flag_is_nothing_else(model: type[RequestModel], name: str, said: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({name: said})
    assert [error for error in caught.value.errors() if error["loc"] == (name,) and error["type"] == "bool_type"]


def test_there_are_flags_to_look_at() -> None:
    assert {"AccountPatch.disabled", "LoginAsk.cookie", "MemberAsk.manager"} <= {
        f"{model.__name__}.{name}" for model, name in FLAGS
    }
