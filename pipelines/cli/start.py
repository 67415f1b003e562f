"""Start a program: what the console scripts call.

Ctrl-C while it is imported, which takes a good part of a second, ends it with a word and no
traceback; so does one while Python cleans up behind it. Nothing was begun, or all is done.
"""

import os
import signal
from importlib import import_module
from types import FrameType

INTERRUPTED = 130


def desc() -> None:
    """`langseg-desc`."""
    _start("langseg.pipelines.cli.desc")


def seg() -> None:
    """`langseg-seg`."""
    _start("langseg.pipelines.cli.seg")


def _start(module: str) -> None:
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heeded:  # a job in the background ignores it
        signal.signal(signal.SIGINT, _end)
    try:
        import_module(module).main()
    finally:
        if heeded:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end(number: int, frame: FrameType | None) -> None:
    """At once: an exception may be caught, or be printed, by whatever is being imported."""
    os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)
