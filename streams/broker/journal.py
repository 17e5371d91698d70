"""JSON lines for people and programs. The child does not import a logging framework: it starts in 0.1 s."""

from __future__ import annotations

import json
import sys
import time
from typing import TextIO


class Journal:
    """Writes one JSON object a line, with ECS field names.

    Args:
        stream: Where to; stderr by default.
        info: Whether the ordinary is told too. A node's screen is for what people need to know.
    """

    def __init__(self, stream: TextIO | None = None, *, info: bool = True) -> None:
        self._stream = stream
        self._info = info

    def info(self, message: str, **fields: object) -> None:
        if self._info:
            self._write("info", message, fields)

    def warning(self, message: str, **fields: object) -> None:
        self._write("warning", message, fields)

    def error(self, message: str, **fields: object) -> None:
        self._write("error", message, fields)

    def _write(self, level: str, message: str, fields: dict[str, object]) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + "Z"
        row = {"@timestamp": stamp, "log.level": level, "service.name": "embedded-log", "message": message, **fields}
        try:
            print(json.dumps(row, default=str), file=self._stream or sys.stderr, flush=True)
        except (OSError, ValueError):
            pass  # Nobody reads any more; the log goes on.
