"""See that no process of an engine outlives its use, or this process.

In:  the processes that vLLM started.
Out: none of them, once they are to end or this process is gone.
"""

import subprocess
import sys
import time
from multiprocessing.process import BaseProcess

_WARDEN = """
import os, signal, sys
for pid in [int(line) for line in sys.stdin]:
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
"""
_STOP_S = 10.0  # a process that is told to end has let go of its memory by then, or is killed


class Warden:
    """Kills processes once this one is gone, however it went: vLLM's would wait for ever, with
    all the memory of the GPU, for one that was killed. The warden is told by the end of a pipe."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._watched: set[int] = set()

    def watch(self, processes: set[BaseProcess]) -> None:
        """Have these killed, too, should this process be gone."""
        fresh = {process.pid for process in processes if process.pid} - self._watched
        if not fresh:
            return
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 (no shell, nothing from outside)
                [sys.executable, "-I", "-S", "-c", _WARDEN],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # it must outlive Ctrl-C
            )
        assert self._process.stdin is not None
        self._process.stdin.write("".join(f"{pid}\n" for pid in fresh))
        self._process.stdin.flush()
        self._watched |= fresh

    def dismiss(self) -> None:
        """The processes have ended."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


def end_processes(processes: set[BaseProcess]) -> None:
    """Ask processes to end, and kill those that do not."""
    for process in processes:
        process.terminate()
    until = time.monotonic() + _STOP_S
    for process in processes:
        process.join(max(0.0, until - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()
