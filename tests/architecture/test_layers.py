"""The layers of DESIGN hold: imports go down only, and the pure packages stay pure."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).resolve().parents[2]
IMPURE = {"asyncio", "time", "random", "secrets", "os", "socket", "threading", "subprocess", "pathlib", "io", "shutil"}
FRAMEWORKS = {"fastapi", "starlette", "aiokafka", "faust", "rocksdict", "uvicorn", "aiohttp", "typer", "structlog"}


def imported_roots(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def test_imports_go_down_only(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its logging would silence every logger that other tests listen to.
    monkeypatch.setattr("importlinter.cli._configure_logging", lambda verbose: None)
    monkeypatch.chdir(ROOT)
    assert lint_imports(cache_dir=None) == EXIT_STATUS_SUCCESS


def test_the_domain_imports_no_clock_no_files_and_no_framework() -> None:
    wrong = {
        f"{path.relative_to(ROOT)}: {root}"
        for path in (ROOT / "govault/domain").rglob("*.py")
        for root in imported_roots(path)
        if root in IMPURE | FRAMEWORKS | {"pydantic", "logging"}
    }
    assert not wrong


def test_event_schemas_import_pydantic_and_nothing_impure() -> None:
    wrong = {
        f"{path.relative_to(ROOT)}: {root}"
        for path in (ROOT / "schemas/events").rglob("*.py")
        for root in imported_roots(path)
        if root in IMPURE | FRAMEWORKS
    }
    assert not wrong


def test_services_see_the_world_through_ports_alone() -> None:
    wrong = {
        f"{path.relative_to(ROOT)}: {root}"
        for path in (ROOT / "govault/services").rglob("*.py")
        for root in imported_roots(path)
        if root in FRAMEWORKS - {"structlog"} | {"time", "random", "secrets", "socket", "subprocess"}
    }
    assert not wrong
