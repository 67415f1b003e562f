"""What a child process of a test does before it runs."""

import signal


def heed_ctrl_c() -> None:
    """A job in the background, as CI may be, would hand on that Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
