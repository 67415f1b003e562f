"""Say how a trained model reads a picture: at once or in windows, at which sizes, what is averaged.

In:  what a person asks for.
Out: a Reading, checked; nothing of torch is loaded for it.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from langseg.cache.errors import UsageError

Mode = Literal["whole", "slide"]
Average = Literal["logits", "probabilities"]
LEAST_SIDE = 16  # pixels, of a picture's short side


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a picture is read.

    The picture is resized to ``short_side`` pixels (None: the side that the head was trained at;
    the long side is at most 4 x that). ``whole`` reads it at once, ``slide`` in square windows of
    ``window`` pixels (None: as the short side), ``stride`` apart (None: spread evenly, two thirds
    of a window apart or a little less). It is read once at each of ``scales`` times that size, and
    with ``flip`` each time in the mirror, too. Where a pixel is read more than once, its stride-4
    logits are averaged, or what softmax over the classes makes of them.
    """

    mode: Mode = "whole"
    short_side: int | None = None
    window: int | None = None
    stride: int | None = None
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    average: Average = "logits"

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise UsageError(f"mode {self.mode!r}: wanted one of {', '.join(get_args(Mode))}")
        if self.average not in get_args(Average):
            wanted = ", ".join(get_args(Average))
            raise UsageError(f"average {self.average!r}: wanted one of {wanted}")
        if self.short_side is not None and self.short_side < LEAST_SIDE:
            raise UsageError(
                f"short_side: wanted at least {LEAST_SIDE} pixels, got {self.short_side}"
            )
        if self.mode == "whole" and (self.window is not None or self.stride is not None):
            raise UsageError("window, stride: wanted them with mode slide, got mode whole")
        if self.window is not None and self.stride is not None and self.stride > self.window:
            raise UsageError(
                f"stride: wanted at most the window's {self.window} pixels, got {self.stride}, "
                "which would leave gaps"
            )
        if not self.scales or not all(0.1 <= scale <= 8 for scale in self.scales):
            raise UsageError(f"scales: wanted one or more of 0.1 to 8, got {list(self.scales)}")
        if len(set(self.scales)) < len(self.scales):
            raise UsageError(f"scales: wanted each once, got {list(self.scales)}")

    @property
    def reads_once(self) -> bool:
        """Whether there is nothing to average."""
        return self.mode == "whole" and len(self.scales) == 1 and not self.flip

    @property
    def averaged(self) -> str:
        """What a pixel's class is taken from, in words, for a protocol."""
        parts = []
        if self.mode == "slide":
            parts.append("windows")
        if len(self.scales) > 1:
            parts.append("scales")
        if self.flip:
            parts.append("mirror images")
        if not parts:
            return "nothing"
        what = "logits" if self.average == "logits" else "softmax of the logits"
        grid = ", on the grid of the largest scale" if len(self.scales) > 1 else ""
        return f"stride-4 {what}, over {', '.join(parts)}{grid}"
