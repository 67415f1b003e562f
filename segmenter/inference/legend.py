"""Say which colour is which class, and how much of a picture it covers.

In:  masks of one picture, with the names and colours of the classes.
Out: rows, the largest class first; the rows drawn as a panel.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.inference.palette import Rgb

FOLDED_BELOW = 0.005  # share of the pixels; below it, in every mask, a class is one of the others
_MOST_ROWS = 30  # and the classes beyond it
_INK, _PAPER, _PALE = (28, 28, 30), (255, 255, 255), (108, 108, 112)


@dataclass(frozen=True)
class LegendRow:
    """A class (or ``other``, or what is not labelled: those have no colour), and its share of the
    pixels of each mask, 0..1."""

    name: str
    colour: Rgb | None
    shares: tuple[float, ...]


def legend_rows(
    masks: Sequence[NDArray[np.int64]], names: Sequence[str], colours: Sequence[Rgb]
) -> list[LegendRow]:
    """Of the classes in the masks; args as for ``overlay``."""
    counts = np.stack([np.bincount(mask.ravel() + 1, minlength=len(names) + 1) for mask in masks])
    shares = (counts / counts.sum(axis=1, keepdims=True)).T
    order = np.argsort(-shares.sum(axis=1), kind="stable") - 1
    present = [int(index) for index in order if index != IGNORE and shares[index + 1].any()]
    named = [index for index in present if shares[index + 1].max() >= FOLDED_BELOW][:_MOST_ROWS]
    rows = [LegendRow(names[i], colours[i], tuple(shares[i + 1].tolist())) for i in named]
    if folded := [index for index in present if index not in named]:
        rest = shares[np.array(folded) + 1].sum(axis=0)
        classes = "class" if len(folded) == 1 else "classes"
        rows.append(LegendRow(f"other ({len(folded)} {classes})", None, tuple(rest.tolist())))
    if shares[0].any():
        rows.append(LegendRow("not labelled", None, tuple(shares[0].tolist())))
    return rows


def draw_legend(rows: Sequence[LegendRow], width: int, titles: Sequence[str] = ()) -> Image.Image:
    """A panel ``width`` wide: swatch, name and shares of each row, in columns read downwards.

    Args: titles: what the shares are of, where there is more than one; one line above the rows.
    """
    size = min(40, max(15, width // 50))
    font = ImageFont.load_default(size=size)
    pad, line = size * 3 // 4, size * 7 // 4
    labels = [[percent(share) for share in row.shares] for row in rows]
    name_width = max(font.getlength(row.name) for row in rows)
    share_width = size + max(font.getlength(label) for own in labels for label in own)
    cell = 2 * size + name_width + share_width * len(rows[0].shares) + 2 * size
    columns = max(1, min(len(rows), int((width - 2 * pad + 2 * size) // cell)))
    depth = -(-len(rows) // columns)
    stride = (width - 2 * pad) / columns
    top = pad + (line if titles else 0)
    panel = Image.new("RGB", (width, top + depth * line + pad), _PAPER)
    draw = ImageDraw.Draw(panel)
    if titles:
        heading = f"share of the pixels: {', '.join(titles)}"
        draw.text((pad, pad + line / 2), heading, _PALE, font, anchor="lm")
    for place, (row, own) in enumerate(zip(rows, labels, strict=True)):
        x, y = pad + place // depth * stride, top + place % depth * line + line / 2
        swatch = (x, y - size / 2, x + 1.3 * size, y + size / 2)
        draw.rounded_rectangle(swatch, size / 4, fill=row.colour, outline=row.colour or _PALE)
        draw.text((x + 2 * size, y), row.name, _INK, font, anchor="lm")
        for column, label in enumerate(own, start=1):
            right = x + 2 * size + name_width + column * share_width
            draw.text((right, y), label, _PALE, font, anchor="rm")
    return panel


def percent(share: float) -> str:
    """``31.2 %``, ``< 0.1 %``, or ``-`` for none."""
    if share == 0:
        return "-"
    return f"{100 * share:.1f} %" if share >= 0.001 else "< 0.1 %"
