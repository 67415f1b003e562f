"""Draw the regions of a picture with numbers, and below it what is said of each.

In:  a picture, the pixels of each region, names, colours, and a line of words for each.
Out: a picture.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.inference.overlay import panel
from langseg.segmenter.inference.palette import Rgb

_MIN_WIDTH = 960
_INK, _PALE, _PAPER = (28, 28, 30), (108, 108, 112), (255, 255, 255)


def numbered_regions(
    image: NDArray[np.uint8], regions: Sequence[NDArray[np.bool_]], names: Sequence[str],
    colours: Sequence[Rgb], words: Sequence[Sequence[str]], heading: str = "",
) -> Image.Image:  # fmt: skip
    """Args: regions: bool [H, W], none over another; names, colours, words: of each, the words as
    lines of which the first is dark; a line that is too long is cut; heading: a line before them.

    Returns: RGB, at least 960 wide; pixels of no region are uncoloured.
    """
    numbers = np.full(image.shape[:2], IGNORE, np.int64)
    for number, pixels in enumerate(regions):
        numbers[pixels] = number
    titles = [f"{number} {name}" for number, name in enumerate(names, start=1)]
    drawn = panel(image, numbers, titles, colours, _MIN_WIDTH)
    width = max(drawn.width, _MIN_WIDTH)
    size = min(32, width // 56)
    font = ImageFont.load_default(size=size)
    line, pad = size * 3 // 2, size
    height = (sum(len(lines) + 0.5 for lines in words) + 1.5 * bool(heading)) * line + 2 * pad
    page = Image.new("RGB", (width, drawn.height + round(height)), _PAPER)
    page.paste(drawn, (0, 0))
    draw = ImageDraw.Draw(page)
    y = float(drawn.height + pad)
    if heading:
        shown = _cut(heading, font, width - 2 * pad)
        draw.text((pad, y + size / 2), shown, _PALE, font, anchor="lm")
        y += 1.5 * line
    for colour, lines in zip(colours, words, strict=True):
        swatch = (pad, y, pad + 1.3 * size, y + size)
        draw.rounded_rectangle(swatch, size / 4, fill=colour)
        for place, text in enumerate(lines):
            middle = (pad + 2 * size, y + size / 2)
            shown = _cut(text, font, width - 3 * pad - 2 * size)
            draw.text(middle, shown, _PALE if place else _INK, font, anchor="lm")
            y += line
        y += line / 2
    return page


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    """The text, or as much of it as has room, with an ellipsis."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}...") > width:
        text = text[:-1]
    return f"{text.rstrip()}..."
