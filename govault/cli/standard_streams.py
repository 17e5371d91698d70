"""stdin, stdout and stderr where the caller gave none."""

import os
import sys

_STREAMS = ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w"))
_stood_in_for: set[str] = set()


def stand_in_for_closed_streams() -> None:
    """Where the caller closed stdin, stdout or stderr: what is written goes nowhere, and there is nothing to read.

    Their numbers would else go to the next socket or file, which would get what is meant for a person; and the event
    loop ends the process where that happens.
    """
    for number, name, mode in _STREAMS:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
            _stood_in_for.add(name)


def stdin_was_closed() -> bool:
    """Whether there was no stdin, which is something else than one without a byte."""
    return "stdin" in _stood_in_for
