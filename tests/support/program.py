"""Run `langseg-desc` as a program of its own, as a person's shell would."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

MAIN = "from langseg.pipelines.cli.desc import main; main()"
AT_ONCE = "from langseg.descriptors.openai_api import reception as r; r._jitter = lambda: 0.0"
TIMEOUT_S = 120  # of a program that hangs


def arguments_of(*arguments: object, before: str = "") -> list[str]:
    """``before`` is Python that runs first: with ``AT_ONCE`` no failed attempt is rested after."""
    return [sys.executable, "-c", f"{before}\n{MAIN}", *map(str, arguments)]


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's own, with a key, no proxy, and ``variables``."""
    known = {"NO_PROXY": "127.0.0.1", "OPENAI_API_KEY": "sk-none-0123"}
    return {**os.environ, **known, **(variables or {})}


def run_program(
    *arguments: object,
    before: str = "",
    variables: Mapping[str, str] | None = None,
    at_start: Callable[[], Any] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Returns: exit status, stdout and stderr."""
    return subprocess.run(
        arguments_of(*arguments, before=before),
        env=environment(variables),
        preexec_fn=at_start,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
