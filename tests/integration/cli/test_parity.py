"""Every REST capability has a command, and every command a route."""

import re
from pathlib import Path

import typer

from api.middleware.rates import Rates
from api.raw_routes import raw_routes
from govault.cli.main import app
from govault.cli.operations import OPERATIONS, WITHOUT_A_NODE
from tests.fakes.vault import open_vault

_METHODS = {"get", "put", "post", "patch", "delete", "head"}


def shape(operation: str) -> str:
    """Parameter names are the document's business: ``{id}`` and ``{ref}`` in one place are one operation."""
    return re.sub(r"\{[^}]*\}", "{}", operation).replace("HEAD ", "GET ")


def commands() -> set[str]:
    def below(group: typer.Typer, prefix: str) -> set[str]:
        own = {prefix + str(command.name) for command in group.registered_commands}
        for inner in group.registered_groups:
            assert inner.typer_instance is not None
            own |= below(inner.typer_instance, f"{prefix}{inner.name} ")
        return own

    return below(app, "")


async def test_every_operation_has_a_command_and_every_listed_operation_exists(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        document = (await vault.client.get("/openapi.json")).json()
        raw = raw_routes(vault.services, vault.settings, Rates(vault.settings.rates, vault.clock.monotonic_s))
    offered = {
        shape(f"{method.upper()} {path}")
        for path, operations in document["paths"].items()
        for method in operations
        if method in _METHODS
    }
    offered |= {shape(f"{method} {route.template}") for route in raw for method in route.methods}
    listed = {shape(operation) for operation in OPERATIONS}
    assert offered - listed == set(), "operations without a command: add them to govault/cli/operations.py"
    assert listed - offered == set(), "operations.py lists what the interface no longer offers"


def test_every_command_has_a_route_or_says_why_not() -> None:
    used = {command for names in OPERATIONS.values() for command in names}
    assert used - commands() == set(), "operations.py names commands that do not exist"
    assert commands() - used - set(WITHOUT_A_NODE) == set(), "commands without a route: see govault/cli/operations.py"
    assert set(WITHOUT_A_NODE) <= commands()


def test_the_verbs_of_the_contract_are_there() -> None:
    contract = """start; status; doctor; config init; config show; config validate; upload; download; ls; find; cat;
        info; mkdir; mv; cp; rm; tag; describe; versions ls; versions restore; versions rm; trash ls; trash restore;
        trash empty; space create; space ls; space set; space rm; log tail; log dump; log status; views digest;
        views rebuild; check; gc; stats; backup; recover; peers list"""
    assert {" ".join(verb.split()) for verb in contract.split(";")} <= commands()
