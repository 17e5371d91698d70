from api.middleware.doors import Doors
from api.types import Message, Receive, Scope, Send
from govault.errors import NotFound


async def open_paths(*, rest: bool, metrics: bool) -> set[str]:
    """Which of some paths get past the doors."""
    passed: set[str] = set()

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        passed.add(scope["path"])

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        pass

    doors = Doors(inside, rest=rest, metrics=metrics)
    for path in (
        "/",
        "/health",
        "/readyz",
        "/docs",
        "/static/page.css",
        "/metrics",
        "/files",
        "/spaces/main",
        "/admin/gc",
    ):
        try:
            await doors({"type": "http", "path": path}, receive, send)
        except NotFound:
            continue
    return passed


PUBLIC = {"/", "/health", "/readyz", "/docs", "/static/page.css"}


async def test_open_doors_let_everything_in() -> None:
    assert await open_paths(rest=True, metrics=True) == PUBLIC | {"/metrics", "/files", "/spaces/main", "/admin/gc"}


async def test_a_closed_rest_door_leaves_health_pages_and_metrics() -> None:
    assert await open_paths(rest=False, metrics=True) == PUBLIC | {"/metrics"}


async def test_a_closed_metrics_door_leaves_the_rest() -> None:
    assert await open_paths(rest=True, metrics=False) == PUBLIC | {"/files", "/spaces/main", "/admin/gc"}
