"""Logs of the process: structured, to stderr; JSON with ECS field names for machines, or text for people.

Foreign libraries log through the standard library. The Kafka clients repeat one line thousands of times while the
log cannot be reached, so each distinct warning of theirs passes once per ``REPEAT_AFTER_S``.
"""

import logging
import sys
import time
from collections.abc import MutableMapping
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import orjson
import structlog

from api.middleware.access import ACCESS_EVENT, AccessEntry, AccessLog

REPEAT_AFTER_S = 30.0
_REMEMBERED_MAX = 1000
_NOISY = ("aiokafka", "faust", "mode", "kafka", "uvicorn")


class _OncePerWhile(logging.Filter):
    """Lets one record per (logger, message template) through each REPEAT_AFTER_S.

    Never: the steps of Faust's services (``[^-…]``), and aiokafka's warning of a clear login: the embedded log is
    on loopback, and of a Kafka that is reached without TLS ``health`` speaks.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        text = str(record.msg)
        if text.endswith(" in the clear") or (text.startswith("[^") and record.levelno <= logging.INFO):
            return False
        if not record.name.startswith(_NOISY):
            return True
        key = (record.name, str(record.msg))
        now = time.monotonic()
        if now - self._last.get(key, float("-inf")) < REPEAT_AFTER_S:
            return False
        if len(self._last) >= _REMEMBERED_MAX:
            self._last.clear()
        self._last[key] = now
        return True


def _ecs(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Rename structlog's fields to the Elastic Common Schema."""
    for ours, theirs in (("event", "message"), ("level", "log.level"), ("timestamp", "@timestamp")):
        if ours in event:
            event[theirs] = event.pop(ours)
    return event


def access_log(level: str, form: str) -> AccessLog:
    """What writes one line a request, in the form of the other lines.

    There are thousands of these lines a second, so they do not pass through the processors that the others need.
    """
    if logging.getLevelName(level.upper()) > logging.INFO:
        return lambda _: None
    line = _json_line if form == "json" else _text_line
    stream, lock = sys.stderr, Lock()

    def write(entry: AccessEntry) -> None:
        with lock:
            stream.write(line(entry, _now()))
            stream.flush()

    return write


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _json_line(entry: AccessEntry, now: str) -> str:
    document = {**entry._asdict(), "message": ACCESS_EVENT, "log.level": "info", "@timestamp": now}
    return orjson.dumps(document).decode() + "\n"


def _text_line(entry: AccessEntry, now: str) -> str:
    said = " ".join([f"{name}={value}" for name, value in zip(entry._fields, entry, strict=True)])
    return f"{now} [info     ] {ACCESS_EVENT}                   {said}\n"


def configure(level: str, form: str) -> None:
    """Set up logging for the process.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        form: ``json`` or ``text``.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    ending: list[structlog.typing.Processor]
    if form == "json":
        ending = [_ecs, structlog.processors.JSONRenderer()]
    else:
        ending = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_OncePerWhile())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
