"""Speak to the person at the terminal, and end a command as its errors say.

In:  messages that may hold anything an LLM or a file name can hold; a command line.
Out: the same on stderr, without control characters; an exit code.

What a command answers goes to stdout: ``json_output``, ``table_output``.
"""

import codecs
import io
import os
import signal
import sys
import time
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import NoReturn

from langseg.cache.ctrl_c import one_ctrl_c
from langseg.cache.errors import InputError, LangSegError
from langseg.pipelines.shared.advice import advised

_LAST_WORDS_S = 2.0  # time for the process that speaks to say what all end with
_is_quiet = ContextVar("_is_quiet", default=False)


def plain(text: object) -> str:
    """Text without control, escape or bidirectional formatting characters."""
    characters = (" " if c in "\n\t" else c for c in str(text))
    return "".join(c for c in characters if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))


def speaks() -> bool:
    """Whether this process speaks: of those that torchrun started, only the first does."""
    return os.environ.get("WORLD_SIZE", "1") == "1" or os.environ.get("RANK", "0") == "0"


def say(message: object) -> None:
    """One line for the person, on stderr."""
    if speaks() and not _is_quiet.get():
        print(plain(message), file=sys.stderr, flush=True)


@contextmanager
def quiet() -> Iterator[None]:
    """Say nothing: a program that calls LangSeg has a stderr of its own."""
    before = _is_quiet.set(True)
    try:
        yield
    finally:
        _is_quiet.reset(before)


def run(app: Callable[[], object]) -> None:
    """Run a command line; every error ends in one sentence on stderr and its exit code.

    A reader of stdout that goes away (``| head``) is no error; Ctrl-C, however often it is pressed,
    and SIGTERM end with 130. A character that stdout cannot encode is escaped. What Pillow warns of
    a picture that it can read is no person's business.
    """
    warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=_ESCAPED)
    with one_ctrl_c() as ctrl_c, _sigterm_as_ctrl_c():
        try:
            try:
                app()
            finally:
                sys.stdout.flush()  # at exit it would be too late to see a closed pipe
        except LangSegError as exc:
            _fail(advised(exc), exc.exit_code, told=exc.told_by_another)
        except (SystemExit, BrokenPipeError, KeyboardInterrupt) as ended:
            _end_quietly(ended)
            raise
        except OSError as exc:
            _fail(_os_error(exc), InputError.exit_code)
        except Exception:
            if ctrl_c.pressed:  # what an import that was interrupted makes of it
                say("interrupted")
                sys.exit(130)
            raise


def _escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    r"""``\u8857``, which is JSON's own escape, too; a byte of a path that is no text as it is."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if 0xDC80 <= ord(character) <= 0xDCFF:
        return bytes([ord(character) - 0xDC00]), error.start + 1
    units = character.encode("utf-16-be", "surrogatepass")
    pairs = (units[at : at + 2].hex() for at in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs), error.start + 1


_ESCAPED = "langseg.escaped"  # a codecs error handler
codecs.register_error(_ESCAPED, _escaped)


def _fail(message: str, code: int, told: bool = False) -> NoReturn:
    """End with an error. torchrun ends all processes as soon as one has: the others leave the
    first time to speak, and speak themselves only where it lives on and they alone have failed."""
    if not speaks():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        time.sleep(_LAST_WORDS_S)
        if not told:
            print(f"rank {os.environ['RANK']}: {plain(message)}", file=sys.stderr, flush=True)
    say(f"error: {message}")
    sys.exit(code)


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
