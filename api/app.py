"""Puts the REST edge together: raw doors and FastAPI routes behind the gate, the response headers and the edge."""

import importlib
import pkgutil
import time
from collections.abc import Callable
from itertools import count
from secrets import token_hex

from fastapi import APIRouter

import api.routes
from api.dispatch import Dispatcher, RawRoute, ensure_raw_path
from api.framework import Rest, install_problems
from api.middleware.audit import Audited
from api.middleware.bandwidth import Bandwidth
from api.middleware.doors import Doors
from api.middleware.edge import Edge
from api.middleware.gate import Gate
from api.middleware.headers import ResponseHeaders
from api.middleware.metrics import HttpMetrics
from api.middleware.rates import Rates
from api.openapi import install_openapi
from api.raw_routes import raw_routes
from api.settings import ApiSettings
from api.types import App, Receive, Scope, Send
from govault.auth.token import Authenticator
from govault.services.catalog import Services


def create_app(
    services: Services,
    settings: ApiSettings,
    authenticator: Authenticator,
    monotonic_s: Callable[[], float] = time.monotonic,
) -> App:
    """The REST door as one ASGI application.

    Args:
        monotonic_s: By which requests are counted.
    """
    rest = Rest(
        title="GoVault",
        version=settings.version,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
        redirect_slashes=False,
    )
    rest.state.services = services
    rest.state.settings = settings
    routers = _routers()
    for router in routers:
        rest.include_router(router)
    rates = Rates(settings.rates, monotonic_s)
    raw: tuple[RawRoute, ...] = raw_routes(services, settings, rates)
    dispatcher = Dispatcher(raw, rest)
    install_problems(rest, routers, dispatcher.methods_at)
    install_openapi(rest)
    paced = Bandwidth(dispatcher, settings.bandwidth, monotonic_s)
    gate = Gate(paced, authenticator, lambda: services.views, rates, settings.metrics_public, services.file_tokens)
    audited = Audited(
        gate, lambda: services.upkeep.audit if services.upkeep is not None else None, reads=settings.audit_reads
    )
    doors = Doors(audited, rest=settings.rest, metrics=settings.metrics)
    edge = Edge(doors, HttpMetrics(settings.registry), settings.access_log, _request_ids())
    dressed = ResponseHeaders(edge, settings.cors_origins)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            ensure_raw_path(scope)
            await dressed(scope, receive, send)

    return app


def _request_ids() -> Callable[[], str]:
    """Ids that no other request of this process has, and hardly one of another: asking the kernel each time is slow."""
    process, numbers = token_hex(4), count(1)
    return lambda: f"{process}{next(numbers) & 0xFFFFFFFF:08x}"


async def _lifespan(receive: Receive, send: Send) -> None:
    """The node starts and stops everything itself: the server only needs to hear yes."""
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _routers() -> list[APIRouter]:
    """The ``router`` of every module in ``api/routes``, in the modules' order by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(api.routes.__path__))
    modules = [importlib.import_module(f"{api.routes.__name__}.{name}") for name in names]
    return [module.router for module in modules if isinstance(getattr(module, "router", None), APIRouter)]
