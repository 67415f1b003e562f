"""Cover a picture with square windows that overlap.

In:  the picture's size, the side of a window, and the unit that every side is a multiple of.
Out: boxes.
"""

from math import ceil


def window_side(asked: int, unit: int) -> int:
    """The side that a window of ``asked`` pixels has: whole units, at least one."""
    return max(unit, asked // unit * unit)


def windows(
    height: int, width: int, side: int, unit: int, stride: int | None = None, snap: int = 1
) -> list[tuple[int, int, int, int]]:
    """(top, left, height, width) of square windows that cover a picture.

    Without a stride they start at multiples of unit and overlap by a third or a little more, spread
    evenly; with one they start at its multiples, rounded to those of ``snap``, and the last is
    moved back inside. A picture smaller than a window is one window of its own size.

    Args: snap: divides every side.
    """
    side = window_side(side, unit)

    def starts(length: int) -> list[int]:
        if length <= side:
            return [0]
        if stride is not None:
            steps = ceil((length - side) / stride)
            rounded = (round(i * stride / snap) * snap for i in range(steps + 1))
            return sorted({min(start, length - side) for start in rounded} | {length - side})
        steps = ceil((length - side) / (side * 2 / 3))
        exact = ((length - side) * i / steps for i in range(steps + 1))
        return sorted({round(start / unit) * unit for start in exact})

    h, w = min(side, height), min(side, width)
    return [(top, left, h, w) for top in starts(height) for left in starts(width)]
