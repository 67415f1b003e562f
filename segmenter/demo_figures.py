"""People, fences, benches and boats of the demo renderer.

In:  a canvas, a place in metres, and the look to draw.
Out: the same canvas with the thing and its shadow on it.
"""

import numpy as np

from langseg.segmenter.demo_canvas import Canvas, Colour, Paint, level, upright
from langseg.segmenter.demo_shapes import (
    Points,
    bar,
    box,
    contact_shadow,
    disc,
    mirrored,
    moved,
    rect,
    soft_rect,
)
from langseg.segmenter.demo_textures import (
    pick,
    plain,
    planks,
    rounded,
    turned,
    upward,
)

_SKINS: tuple[Colour, ...] = ((236, 192, 158), (196, 144, 108), (128, 86, 62), (98, 66, 48))
_SHIRTS: tuple[Colour, ...] = (
    (204, 54, 56), (46, 96, 168), (236, 184, 58), (70, 140, 96), (232, 232, 228), (146, 70, 136),
)  # fmt: skip
_TROUSERS: tuple[Colour, ...] = ((46, 56, 84), (64, 58, 54), (150, 128, 98), (38, 40, 46))


def person(canvas: Canvas, x: float, z: float, look: str, seat: float = 0.45) -> None:
    """Somebody on the ground at (x, z), or seated on something ``seat`` metres high."""
    rng = canvas.rng
    thing = canvas.thing("person", look)
    plane = upright(x, 0, z)
    size = {"child": 0.68}.get(look, rng.uniform(0.95, 1.05))
    contact_shadow(canvas, (x - 0.3, x + 0.3), (z - 0.15, z + 0.2), 0.5)
    head = 0.15 if look != "child" else 0.19
    skin, shirt, legs = pick(rng, _SKINS), pick(rng, _SHIRTS), pick(rng, _TROUSERS)
    hair = pick(rng, ((42, 32, 28), (96, 62, 38), (206, 170, 104), (120, 118, 116)))

    def put(outlines: list[Points], colour: Colour) -> None:
        drop = seat - 0.82 * size if look == "seated person" else 0.0
        placed = [moved(outline, 0, drop, size) for outline in outlines]
        canvas.fill(thing, plane, placed, colour, rounded(0.82, 1.08))

    put(_legs(look), legs)
    put([[(-0.22, 0.82), (0.22, 0.82), (0.25, 1.44), (-0.25, 1.44)]], shirt)
    swing = 0.14 if look == "walking pedestrian" else 0.0
    put(
        [
            bar((-0.24, 1.4), (-0.31 - swing, 0.95), 0.13),
            bar((0.24, 1.4), (0.31 + swing, 0.95), 0.13),
        ],
        shirt,
    )
    put(
        [disc(-0.32 - swing, 0.9, 0.075, corners=12), disc(0.32 + swing, 0.9, 0.075, corners=12)],
        skin,
    )
    put([rect(-0.06, 1.42, 0.06, 1.52), disc(0, 1.48 + head, head * 0.88, head)], skin)
    put([[*disc(0, 1.5 + head, head * 0.95, head * 1.05, 16)[:9]]], hair)


def _legs(look: str) -> list[Points]:
    if look == "walking pedestrian":
        return [bar((-0.08, 0.86), (-0.27, 0.03), 0.2), bar((0.08, 0.86), (0.27, 0.03), 0.2)]
    if look == "seated person":
        return [soft_rect(-0.25, 0.64, 0.25, 0.9, 0.08), rect(-0.22, 0.28, -0.04, 0.72),
                rect(0.04, 0.28, 0.22, 0.72)]  # fmt: skip
    return [rect(-0.21, 0.0, -0.015, 0.86), rect(0.015, 0.0, 0.21, 0.86)]


def fence(canvas: Canvas, x: tuple[float, float], z: float, look: str) -> None:
    """A fence across the view."""
    rng = canvas.rng
    thing = canvas.thing("fence", look)
    plane = upright(0, 0, z)
    if look == "board fence":
        boards = turned(planks(rng, (138, 100, 66), 0.24))
        canvas.fill(thing, plane, [rect(x[0], 0, x[1], 1.5)], turned(boards), upward(0.78, 1.08))
        canvas.fill(thing, plane, [rect(x[0], 1.42, x[1], 1.52)], (104, 74, 48))
        return
    white: Colour = (246, 246, 242)
    canvas.fill(
        thing, plane, [rect(x[0], 0.3, x[1], 0.46), rect(x[0], 0.8, x[1], 0.96)], (216, 218, 216)
    )
    slats: list[Points] = []
    for u in np.arange(x[0], x[1], 0.3):
        left = float(u)
        slats.append(
            [(left, 0), (left + 0.21, 0), (left + 0.21, 1.1), (left + 0.105, 1.25), (left, 1.1)]
        )
    canvas.fill(thing, plane, slats, white, upward(0.84, 1.0))


def bench(canvas: Canvas, x: float, z: float, look: str) -> None:
    """A bench 1.8 m wide that faces the camera."""
    rng = canvas.rng
    thing = canvas.thing("bench", look)
    half = 0.95
    contact_shadow(canvas, (x - half, x + half), (z, z + 0.5), 0.5)
    if look == "stone bench":
        stone = plain(rng, (172, 168, 160), 12, 0.2)
        for left in (x - half + 0.1, x + half - 0.45):
            box(
                canvas,
                thing,
                (left, left + 0.35),
                (0, 0.34),
                (z, z + 0.5),
                stone,
                front_shade=upward(0.6, 0.8),
            )
        box(canvas, thing, (x - half, x + half), (0.32, 0.52), (z, z + 0.5), stone)
        return
    if look == "log bench":
        bark = planks(rng, (122, 84, 54), 0.1)
        feet = [disc(x + u, 0.16, 0.17, 0.17, 16) for u in (-0.6, 0.6)]
        canvas.fill(thing, upright(0, 0, z + 0.05), feet, (92, 66, 46))
        canvas.fill(
            thing,
            upright(0, 0, z),
            [soft_rect(x - half, 0.24, x + half, 0.6, 0.18)],
            turned(bark),
            upward(0.66, 1.16),
        )
        canvas.fill(
            thing, upright(0, 0, z), [disc(x + half - 0.12, 0.42, 0.12, 0.18)], (206, 168, 116)
        )
        return
    wood: Paint = plain(rng, pick(rng, ((158, 102, 58), (96, 126, 92), (126, 78, 46))), 8, 0.2)
    iron: Colour = (44, 46, 50)
    back = upright(x, 0, z + 0.45)
    canvas.fill(
        thing,
        back,
        [rect(-half + 0.1, 0, -half + 0.2, 0.98), rect(half - 0.2, 0, half - 0.1, 0.98)],
        iron,
    )
    canvas.fill(
        thing, back, [rect(-half, low, half, low + 0.13) for low in (0.52, 0.68, 0.84)], wood
    )
    front = upright(x, 0, z)
    canvas.fill(
        thing,
        front,
        [rect(-half + 0.1, 0, -half + 0.2, 0.46), rect(half - 0.2, 0, half - 0.1, 0.46)],
        iron,
    )
    box(canvas, thing, (x - half, x + half), (0.36, 0.48), (z, z + 0.45), wood)


def boat(canvas: Canvas, x: float, z: float, size: float, look: str, facing_right: bool) -> None:
    """A boat ``size`` times 5 m long afloat at (x, z), seen from its side."""
    rng = canvas.rng
    thing = canvas.thing("boat", look)
    plane = upright(x, 0, z)
    canvas.darken(
        level(), rect(x - 2.6 * size, z - 1.4 * size, x + 2.6 * size, z + 0.6 * size), 0.3, 0.7
    )

    def put(outlines: list[Points], paint: Paint | Colour) -> None:
        placed = [moved(o if facing_right else mirrored(o), 0, 0, size) for o in outlines]
        canvas.fill(thing, plane, placed, paint, upward(0.74, 1.08))

    hulls: dict[str, Colour] = {
        "sailing boat": (240, 240, 236),
        "rowing boat": (150, 98, 56),
        "motorboat": (244, 246, 248),
        "fishing boat": (40, 92, 176),
    }
    if look == "sailing boat":
        put([rect(-0.06, 0.6, 0.08, 6.0)], (112, 82, 56))
        put([[(-0.14, 1.0), (-0.14, 5.7), (-2.1, 1.0)]], (250, 248, 240))
        put(
            [[(0.2, 1.0), (0.2, 5.2), (2.2, 0.95)]],
            pick(rng, ((236, 236, 230), (224, 98, 62), (70, 128, 188))),
        )
    if look == "fishing boat":
        put([rect(-1.5, 0.8, -0.1, 2.2), rect(-0.1, 0.8, 0.5, 1.4)], (244, 240, 228))
        put([rect(-1.3, 1.5, -0.9, 2.0), rect(-0.7, 1.5, -0.3, 2.0)], (70, 92, 110))
        put([bar((0.9, 0.9), (1.1, 3.4), 0.14), bar((1.1, 3.2), (-0.6, 2.3), 0.08)], (136, 84, 50))
        put([rect(-1.62, 2.1, 0.02, 2.34)], (190, 70, 54))
    if look == "motorboat":
        put([[(-0.6, 0.9), (0.9, 0.9), (0.2, 1.6), (-0.4, 1.6)]], (84, 116, 138))
        put([rect(-2.7, 0.1, -2.3, 1.3)], (52, 54, 60))
    low = 0.7 if look == "rowing boat" else 1.0
    put([[(-2.3, -0.05), (1.8, -0.05), (2.7, low + 0.15), (-2.4, low - 0.05)]], hulls[look])
    stripe: Colour = {"rowing boat": (206, 164, 108), "fishing boat": (238, 238, 232)}.get(
        look, (200, 54, 50)
    )
    put([[(-2.38, low - 0.3), (2.5, low - 0.14), (2.66, low + 0.1), (-2.4, low - 0.07)]], stripe)
    if look == "rowing boat":
        put(
            [bar((-0.3, low + 0.3), (-1.7, -0.1), 0.12), bar((0.9, low + 0.3), (-0.4, -0.1), 0.12)],
            (214, 182, 130),
        )
