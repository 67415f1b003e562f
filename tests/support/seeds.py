"""Seeds of tests that go on where chance leads: one for every run, more for `make test-long`."""

from typing import Any

import pytest


def seeds(*usual: int, more: int = 10) -> list[Any]:
    """``more`` others are marked ``long``."""
    others = range(1000, 1000 + more)
    return [*usual, *(pytest.param(seed, marks=pytest.mark.long) for seed in others)]
