"""Say how long something will take, once that can be told.

In:  the progress of it.
Out: one line on stderr, after the second thing is done: the first also pays for the start.
"""

import time

from langseg.pipelines.shared.console import say
from langseg.segmenter.data.sample import OnProgress


def minutes_told(on_progress: OnProgress) -> OnProgress:
    """The same, which also says the minutes that the rest will take."""
    since = 0.0

    def told(phase: str, done: int, total: int) -> None:
        nonlocal since
        on_progress(phase, done, total)
        if done == 1:
            since = time.monotonic()
        elif done == 2 and total > 2:
            minutes = (time.monotonic() - since) * (total - 2) / 60
            say(f"{phase}: about {minutes:.0f} minutes" if minutes >= 1.5 else f"{phase}: a minute")

    return told
