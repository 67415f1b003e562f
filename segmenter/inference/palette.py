"""The palette: the colour of each class, in masks, overlays and legends alike.

In:  the dataset's id of a class, not its index.
Out: red, green, blue, 0..255 each.
"""

import colorsys

Rgb = tuple[int, int, int]
# Steps of hue, saturation and value from one id to the next: the three-dimensional golden ratio
# (Roberts' R3 sequence). The golden angle alone makes ids 0 and 144 nearly equal; this keeps the
# closest two of ids 0..255 ten times further apart (OKLab 0.013 against 0.001).
_STEPS = (0.8191725134, 0.5497004779, 0.6710436067)


def class_colour(class_id: int) -> Rgb:
    """The colour of a dataset id, the same in every picture and run."""
    hue, saturation, value = (class_id * step % 1.0 for step in _STEPS)
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.5 + 0.5 * saturation, 0.6 + 0.4 * value)
    return round(255 * red), round(255 * green), round(255 * blue)
