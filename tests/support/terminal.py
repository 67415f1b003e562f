"""Run a program on a terminal of its own and press Ctrl-C there."""

import fcntl
import os
import pty
import select
import struct
import termios
import time
from collections.abc import Callable, Sequence

TIMEOUT_S = 120.0  # of a program that hangs
PRESS = b"\x03"


def run_on_terminal(
    command: Sequence[str], press_at: Callable[[bytes], Sequence[float]]
) -> tuple[int, str]:
    """Press Ctrl-C as ``press_at`` says of what the program has written so far: nothing, or how
    many seconds to wait before each press; it is asked until it says so.

    Returns: the exit status and all that was on the terminal.
    """
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], list(command))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
    said, waits, limit = b"", list[float](), time.monotonic() + TIMEOUT_S
    asked = False
    while time.monotonic() < limit:
        if not asked and (waits := list(press_at(said))):
            asked = True
        while waits:
            time.sleep(waits.pop(0))
            os.write(terminal, PRESS)
        if select.select([terminal], [], [], 0.02)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # how Linux says that the program has gone
                break
            if not piece:
                break
            said += piece
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.decode(errors="replace")
