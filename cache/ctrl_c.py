"""Let Ctrl-C end a program once: what it has to finish is finished, however often it is pressed.

In:  a program, and what asyncio runs in it.
Out: one KeyboardInterrupt; what asyncio runs is cancelled, so that it loses nothing it has in hand.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")
PATIENCE_S = 5.0  # so long a program may take to end before pressing again ends that, too


class CtrlC:
    """Handles SIGINT. ``pressed`` says whether it was; ``one_ctrl_c`` makes it."""

    def __init__(self) -> None:
        self.pressed = False
        self._at = 0.0
        self._cancel: Callable[[], object] | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Cancel what asyncio runs, or interrupt; again only when patience is over."""
        again, self.pressed = self.pressed, True
        if again and time.monotonic() - self._at < PATIENCE_S:
            return
        self._at = time.monotonic()
        if again or self._cancel is None:
            raise KeyboardInterrupt
        self._cancel()

    @contextmanager
    def cancelling(self, task: "asyncio.Task[Any]") -> Iterator[None]:
        """Let it cancel a task of the running loop."""
        loop = task.get_loop()
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        try:
            yield
        finally:
            self._cancel = None

    def told_in_vain(self, told: "sys.UnraisableHookArgs") -> None:
        """Python only prints what a destructor raises: an interrupt there comes once more."""
        if told.exc_type is KeyboardInterrupt:
            self.pressed = False
            # not in here; and to the main thread, as what it waits in would sleep on otherwise
            main = threading.main_thread().ident
            threading.Timer(0.2, signal.pthread_kill, [main, signal.SIGINT]).start()
        else:
            sys.__unraisablehook__(told)


@contextmanager
def one_ctrl_c() -> Iterator[CtrlC]:
    """Let Ctrl-C interrupt what is inside once; where it is ignored (a job in the background) it
    stays so."""
    handler, before = CtrlC(), signal.getsignal(signal.SIGINT)
    if not callable(before):
        yield handler
        return
    hook = sys.unraisablehook
    signal.signal(signal.SIGINT, handler)
    sys.unraisablehook = handler.told_in_vain
    try:
        yield handler
    finally:
        sys.unraisablehook = hook
        signal.signal(signal.SIGINT, before)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """As ``asyncio.run``, which lets Ctrl-C cancel the work, also within ``one_ctrl_c``, and where
    this thread has a loop already, as in a notebook."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        return _run_beside(work)
    handler = signal.getsignal(signal.SIGINT)
    if not isinstance(handler, CtrlC):
        return asyncio.run(work)

    async def cancellable() -> T:
        task = asyncio.current_task()
        assert task is not None
        with handler.cancelling(task):
            return await work

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        if handler.pressed:
            raise KeyboardInterrupt from None
        raise


def _run_beside(work: Coroutine[Any, Any, T]) -> T:
    """In a thread of its own, which an interrupt ends, too."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    cancels: list[Callable[[], object]] = []

    async def cancellable() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        cancels.append(lambda: loop.call_soon_threadsafe(task.cancel))
        return await work

    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(asyncio.run, cancellable())
        try:
            return done.result()
        except KeyboardInterrupt:
            for cancel in cancels:
                cancel()
            raise
