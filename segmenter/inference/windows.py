"""Cover a picture with square windows that overlap.

In:  the picture's size, the side of a window, and the unit that every edge is a multiple of.
Out: boxes.
"""

from math import ceil


def windows(height: int, width: int, side: int, unit: int) -> list[tuple[int, int, int, int]]:
    """(top, left, height, width) of square windows that cover a picture, on multiples of unit.

    They overlap by a third or a little more, spread evenly; one that would stick out is moved
    back inside. A picture smaller than a window is one window of its own size.
    """
    side = max(unit, side // unit * unit)

    def starts(length: int) -> list[int]:
        if length <= side:
            return [0]
        steps = ceil((length - side) / (side * 2 / 3))
        exact = ((length - side) * i / steps for i in range(steps + 1))
        return sorted({round(start / unit) * unit for start in exact})

    h, w = min(side, height), min(side, width)
    return [(top, left, h, w) for top in starts(height) for left in starts(width)]
