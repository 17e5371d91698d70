"""Layouts of few slots: what a vault does with a slot is the same, and a simulated node does it 64 times less often."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

SLOT_BITS = 8


@contextmanager
def few_slots() -> Iterator[None]:
    """Meanwhile every module of the product takes 256 for SLOTS."""
    before = [
        (module, name, vars(module)[name])
        for title, module in list(sys.modules.items())
        if title.startswith("govault.")
        for name in ("SLOTS", "SLOT_BITS")
        if name in vars(module)
    ]
    for module, name, _ in before:
        setattr(module, name, SLOT_BITS if name == "SLOT_BITS" else 1 << SLOT_BITS)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
