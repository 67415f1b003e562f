"""Waiting for another process."""

import subprocess
import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 120.0  # on a busy machine; a test that passes never waits as long


def until(condition: Callable[[], bool], process: "subprocess.Popen[Any] | None" = None) -> None:
    """Wait until ``condition`` holds; ``process`` has to live on meanwhile."""
    limit = time.monotonic() + PATIENCE_S
    while not condition():
        assert process is None or process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.002)
