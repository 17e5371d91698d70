"""The OpenAPI document tells of every route, and only of those."""

import jsonschema
import pytest

from api.middleware.rates import Rates
from api.raw_routes import raw_routes
from schemas.rest.content import UploadAnswer
from schemas.rest.shapes import Problem
from tests.fakes.vault import Vault

METHODS = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}


@pytest.fixture
async def document(vault: Vault) -> dict:  # type: ignore[type-arg]
    """The document, as anybody gets it."""
    answer = await vault.client.get("/openapi.json", headers={"authorization": ""})
    assert answer.status_code == 200
    return answer.json()  # type: ignore[no-any-return]


async def test_every_raw_door_is_in_it(vault: Vault, document: dict) -> None:  # type: ignore[type-arg]
    shared = document["components"]["parameters"]
    for route in raw_routes(vault.services, vault.settings, Rates(vault.settings.rates, vault.clock.monotonic_s)):
        if route.only_if:
            continue
        operations = document["paths"][route.template]
        for method in route.methods:
            assert method.lower() in operations, route
            operation = operations[method.lower()]
            apart = [shared[found["$ref"].rpartition("/")[2]] for found in operation.get("x-parameters", ())]
            named = {found["name"] for found in (*operation["parameters"], *apart) if found.get("in") == "query"}
            assert named == set(route.query)


async def test_every_row_of_the_contract_is_in_it(document: dict) -> None:  # type: ignore[type-arg]
    told = {path: set(operations) & METHODS for path, operations in document["paths"].items()}
    for path, methods in {
        "/files": {"post", "get"},
        "/files/{ref}": {"get", "head", "patch", "delete"},
        "/files/{ref}/metadata": {"get"},
        "/files/{ref}/versions": {"get"},
        "/files/{ref}/copy": {"post"},
        "/files/{ref}/history": {"get"},
        "/spaces": {"get", "post"},
        "/spaces/{space}": {"get", "patch", "delete"},
        "/spaces/{space}/files/{path}": {"put", "get", "head", "delete", "patch"},
        "/spaces/{space}/folders/{path}": {"put", "get", "delete", "patch"},
        "/trash": {"get", "delete"},
        "/trash/{id}/restore": {"post"},
        "/peers": {"get"},
        "/layout": {"get"},
        "/topology": {"get"},
        "/stats": {"get"},
        "/outcomes/{event_id}": {"get"},
        "/health": {"get"},
        "/livez": {"get"},
        "/readyz": {"get"},
        "/metrics": {"get"},
    }.items():
        assert methods <= told.get(path, set()), path


async def test_every_operation_is_told_whole(document: dict) -> None:  # type: ignore[type-arg]
    ids = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            ids.append(operation["operationId"])
            assert operation["summary"], where
            assert operation["description"], where
            responses = operation["responses"]
            assert "default" in responses, where
            if operation.get("security") != []:
                assert "401" in responses, where
            for name in {part[1:-1] for part in path.split("/") if part.startswith("{")}:
                assert any(p.get("name") == name and p["in"] == "path" for p in operation["parameters"]), where
    assert len(ids) == len(set(ids))


async def test_every_reference_leads_somewhere(document: dict) -> None:  # type: ignore[type-arg]
    def walk(node: object) -> None:
        if isinstance(node, dict):
            if isinstance(target := node.get("$ref"), str):
                found = document
                for part in target.removeprefix("#/").split("/"):
                    found = found[part]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document)


async def test_a_problem_is_as_the_document_says(vault: Vault, document: dict) -> None:  # type: ignore[type-arg]
    schema = document["components"]["schemas"]["Problem"]
    for answer in (await vault.get("nowhere"), await vault.client.post("/spaces"), await vault.client.get("/nowhere")):
        jsonschema.validate(answer.json(), schema)
        Problem.model_validate(answer.json())


async def test_an_uploads_answer_is_as_the_document_says(vault: Vault, document: dict) -> None:  # type: ignore[type-arg]
    answers = [
        await vault.put("a", b"x"),
        await vault.put("a", b"y"),
        await vault.put("a", b"y"),
        await vault.client.post("/files", files={"file": ("b", b"x")}),
    ]
    fields = set(UploadAnswer.model_fields)
    for answer in answers:
        assert set(answer.json()) == fields
        jsonschema.validate(answer.json(), document["components"]["schemas"]["UploadAnswer"])


async def test_it_says_of_every_operation_that_there_may_be_too_many(document: dict) -> None:  # type: ignore[type-arg]
    told = document["components"]["responses"]["TooManyRequests"]["headers"]
    assert {"Retry-After", "RateLimit", "RateLimit-Policy"} <= set(told)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["responses"]["429"]["$ref"].endswith("/TooManyRequests"), (method, path)
