"""stdin, stdout and stderr where the caller gave none."""

import os
import sys


def stand_in_for_closed_streams() -> None:
    """Where the caller closed stdin, stdout or stderr: what is written goes nowhere, and there is nothing to read.

    Their numbers would else go to the next socket or file, which would get what is meant for a person; and the event
    loop ends the process where that happens.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115 (they live as long as the process)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def stdin_was_closed() -> bool:
    """Whether there is no stdin, which is something else than one without a byte."""
    return sys.stdin.name == os.devnull
