"""Speak to the person at the terminal, and end a command as its errors say.

In:  messages that may hold anything an LLM or a file name can hold; a command line.
Out: the same on stderr, without control characters; an exit code.

What a command answers goes to stdout: ``json_output``, ``table_output``.
"""

import os
import signal
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from langseg.cache.errors import InputError, LangSegError
from langseg.pipelines.shared.advice import advised


def plain(text: object) -> str:
    """Text without control, escape or bidirectional formatting characters."""
    characters = (" " if c in "\n\t" else c for c in str(text))
    return "".join(c for c in characters if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))


def say(message: object) -> None:
    """One line for the person, on stderr."""
    print(plain(message), file=sys.stderr, flush=True)


def run(app: Callable[[], object]) -> None:
    """Run a command line; every error ends in one sentence on stderr and its exit code.

    A reader of stdout that goes away (``| head``) is no error; Ctrl-C and SIGTERM end with 130.
    """
    with _sigterm_as_ctrl_c():
        try:
            try:
                app()
            finally:
                sys.stdout.flush()  # at exit it would be too late to see a closed pipe
        except LangSegError as exc:
            say(f"error: {advised(exc)}")
            sys.exit(exc.exit_code)
        except (SystemExit, BrokenPipeError, KeyboardInterrupt) as ended:
            _end_quietly(ended)
            raise
        except OSError as exc:
            say(f"error: {_os_error(exc)}")
            sys.exit(InputError.exit_code)


def _os_error(exc: OSError) -> str:
    """``path: what the system says``; the path that was to be, where a rename failed."""
    what = exc.strerror or str(exc) or type(exc).__name__
    path = exc.filename if exc.filename2 is None else exc.filename2
    return what if path is None else f"{path}: {what}"


def _end_quietly(ended: BaseException) -> None:
    """Exit as a closed pipe or an interrupt should; typer has made exits of its own of them."""
    exc: BaseException | None = ended
    while exc is not None:
        if isinstance(exc, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what Python flushes at exit
            sys.exit(0)
        if isinstance(exc, KeyboardInterrupt):
            say(f"interrupted: {exc}" if exc.args else "interrupted")
            sys.exit(130)
        exc = exc.__context__


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    def handle(number: int, frame: FrameType | None) -> None:
        if callable(signal.getsignal(signal.SIGINT)):  # asyncio's, while it runs
            signal.raise_signal(signal.SIGINT)
        else:  # a job in the background ignores Ctrl-C
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
