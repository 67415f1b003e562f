"""What moves in the demo renderer: cars, people, boats; and fences and benches beside them.

In:  a canvas, a place in metres, and the look to draw.
Out: the same canvas with the thing and its shadow on it.
"""

import numpy as np

from langseg.segmenter.demo_world.canvas import Canvas, Colour, Paint, level, upright
from langseg.segmenter.demo_world.noise import pick, rounded, upward, vary
from langseg.segmenter.demo_world.shapes import (
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
from langseg.segmenter.demo_world.textures import plain, planks

_CARS: tuple[Colour, ...] = (
    (176, 38, 42), (42, 84, 150), (226, 228, 230), (48, 52, 58), (140, 148, 154), (58, 116, 92),
)  # fmt: skip
_TAXI: Colour = (246, 196, 30)
_GLASS: Colour = (58, 72, 86)
_RUBBER: Colour = (32, 32, 36)
_BODIES: dict[str, Points] = {  # seen from the side, nose to the right, about 4.4 m long
    "sedan": [
        (-2.2, 0.35), (2.2, 0.35), (2.2, 0.75), (1.15, 0.9), (0.6, 1.42), (-0.85, 1.42),
        (-1.45, 0.96), (-2.2, 0.9),
    ],
    "hatchback": [
        (-1.75, 0.35), (1.95, 0.35), (1.95, 0.78), (1.1, 0.92), (0.6, 1.5), (-1.45, 1.5),
        (-1.75, 0.95),
    ],
    "pickup": [
        (-2.5, 0.45), (2.4, 0.45), (2.4, 0.95), (1.3, 1.05), (0.85, 1.7), (-0.5, 1.7),
        (-0.55, 1.08), (-2.5, 1.08),
    ],
}  # fmt: skip
_WINDOWS: dict[str, Points] = {
    "sedan": [(0.98, 0.92), (0.52, 1.33), (-0.8, 1.33), (-1.24, 0.94)],
    "hatchback": [(0.94, 0.95), (0.52, 1.4), (-1.36, 1.4), (-1.55, 0.96)],
    "pickup": [(1.12, 1.08), (0.76, 1.6), (-0.38, 1.6), (-0.4, 1.1)],
}
_SKINS: tuple[Colour, ...] = ((236, 192, 158), (196, 144, 108), (128, 86, 62), (98, 66, 48))
_HAIR: tuple[Colour, ...] = ((42, 32, 28), (96, 62, 38), (206, 170, 104), (120, 118, 116))
_SHIRTS: tuple[Colour, ...] = (
    (204, 54, 56), (46, 96, 168), (236, 184, 58), (70, 140, 96), (232, 232, 228), (146, 70, 136),
)  # fmt: skip
_TROUSERS: tuple[Colour, ...] = ((46, 56, 84), (64, 58, 54), (150, 128, 98), (38, 40, 46))
_HULLS: dict[str, tuple[Colour, Colour]] = {  # hull, band along its upper edge
    "sailing boat": ((240, 240, 236), (200, 54, 50)),
    "rowing boat": ((150, 98, 56), (206, 164, 108)),
    "motorboat": ((244, 246, 248), (200, 54, 50)),
    "fishing boat": ((40, 92, 176), (238, 238, 232)),
}
_SAILS: tuple[Colour, ...] = ((236, 236, 230), (224, 98, 62), (70, 128, 188))
_BENCHES: tuple[Colour, ...] = ((158, 102, 58), (96, 126, 92), (126, 78, 46))
_IRON: Colour = (44, 46, 50)


def car_side(canvas: Canvas, x: float, z: float, look: str, facing_right: bool) -> None:
    """A car seen from its side."""
    thing, plane = canvas.thing("car", look), upright(x, 0, z)
    colour = vary(canvas.rng, _TAXI if look == "taxi" else pick(canvas.rng, _CARS), 6)
    shape = "sedan" if look == "taxi" else look
    contact_shadow(canvas, (x - 2.2, x + 2.2), (z - 0.4, z + 0.5), 0.6)

    def put(outlines: list[Points], paint: Colour, low: float = 1.0, high: float = 1.0) -> None:
        turned = outlines if facing_right else [mirrored(outline) for outline in outlines]
        canvas.fill(thing, plane, turned, paint, upward(low, high))

    put([_BODIES[shape]], colour, 0.72, 1.14)
    put([_WINDOWS[shape]], _GLASS, 0.85, 1.7)
    put(
        [rect(0.25, 1.05, 0.33, 1.62) if look == "pickup" else rect(-0.2, 0.92, -0.1, 1.42)], colour
    )
    put([disc(u, 0.36, 0.36) for u in (-1.35, 1.3)], _RUBBER)
    put([disc(u, 0.36, 0.18) for u in (-1.35, 1.3)], (174, 178, 182))
    if look != "hatchback":
        put([rect(2.05, 0.62, 2.2, 0.78)], (252, 240, 190))
        put([rect(-2.2, 0.66, -2.1, 0.84)], (208, 40, 36))
    if look == "taxi":
        put([rect(-0.32, 1.4, 0.28, 1.62)], (252, 250, 236))
        lefts = [-1.8 + 0.3 * k for k in range(12)]
        put([rect(left, 0.62, left + 0.15, 0.76) for left in lefts], (30, 30, 32))


def car_end(canvas: Canvas, x: float, z: float, look: str, coming: bool) -> None:
    """A car seen from its front (``coming``) or its rear."""
    thing, plane = canvas.thing("car", look), upright(x, 0, z)
    colour = vary(canvas.rng, _TAXI if look == "taxi" else pick(canvas.rng, _CARS), 6)
    tall = {"pickup": 1.75, "hatchback": 1.55}.get(look, 1.45)
    cabin = [(-0.8, 0.9), (0.8, 0.9), (0.62, tall), (-0.62, tall)]
    glass = [(-0.68, 0.95), (0.68, 0.95), (0.54, tall - 0.1), (-0.54, tall - 0.1)]
    lamps: Colour = (252, 242, 200) if coming else (206, 38, 34)
    contact_shadow(canvas, (x - 0.95, x + 0.95), (z - 0.3, z + 1.5), 0.6)
    canvas.fill(thing, plane, [rect(-0.82, 0, -0.56, 0.5), rect(0.56, 0, 0.82, 0.5)], _RUBBER)
    canvas.fill(thing, plane, [cabin], colour, upward(0.9, 1.1))
    canvas.fill(thing, plane, [glass], _GLASS, upward(0.85, 1.7))
    canvas.fill(thing, plane, [soft_rect(-0.88, 0.28, 0.88, 0.98, 0.14)], colour, upward(0.72, 1.1))
    canvas.fill(thing, plane, [rect(-0.8, 0.66, -0.5, 0.84), rect(0.5, 0.66, 0.8, 0.84)], lamps)
    canvas.fill(thing, plane, [rect(-0.26, 0.42, 0.26, 0.56)], (244, 240, 220))
    if look == "pickup" and not coming:
        canvas.fill(thing, plane, [rect(-0.84, 0.6, 0.84, 1.02)], colour, upward(0.66, 0.92))
    if look == "taxi":
        canvas.fill(thing, plane, [rect(-0.26, tall - 0.02, 0.26, tall + 0.18)], (252, 250, 236))


def person(canvas: Canvas, x: float, z: float, look: str) -> None:
    """Somebody at (x, z); one who is seated sits 0.45 m above the ground."""
    rng, thing, plane = canvas.rng, canvas.thing("person", look), upright(x, 0, z)
    child, seated, walking = (look == n for n in ("child", "seated person", "walking pedestrian"))
    size, head = (0.68, 0.19) if child else (canvas.between(0.95, 1.05), 0.15)
    drop, swing = 0.45 - 0.82 * size if seated else 0.0, 0.14 if walking else 0.0
    skin, shirt, trousers = pick(rng, _SKINS), pick(rng, _SHIRTS), pick(rng, _TROUSERS)
    hands = [(-0.32 - swing, 0.93), (0.32 + swing, 0.93)]
    contact_shadow(canvas, (x - 0.3, x + 0.3), (z - 0.15, z + 0.2), 0.5)

    def put(outlines: list[Points], colour: Colour) -> None:
        placed = [moved(outline, 0, drop, size) for outline in outlines]
        canvas.fill(thing, plane, placed, colour, rounded(0.82, 1.08))

    put(_legs(look), trousers)
    put([[(-0.22, 0.82), (0.22, 0.82), (0.25, 1.44), (-0.25, 1.44)]], shirt)
    put([bar((0.75 * u, 1.4), (u, v), 0.13) for u, v in hands], shirt)
    put([disc(u, v - 0.03, 0.075, corners=12) for u, v in hands], skin)
    put([rect(-0.06, 1.42, 0.06, 1.52), disc(0, 1.48 + head, head * 0.88, head)], skin)
    put([disc(0, 1.5 + head, head * 0.95, head * 1.05, 16)[:9]], pick(rng, _HAIR))


def _legs(look: str) -> list[Points]:
    if look == "walking pedestrian":
        return [bar((-0.08, 0.86), (-0.27, 0.03), 0.2), bar((0.08, 0.86), (0.27, 0.03), 0.2)]
    if look == "seated person":
        shins = [rect(-0.22, 0.28, -0.04, 0.72), rect(0.04, 0.28, 0.22, 0.72)]
        return [soft_rect(-0.25, 0.64, 0.25, 0.9, 0.08), *shins]
    return [rect(-0.21, 0.0, -0.015, 0.86), rect(0.015, 0.0, 0.21, 0.86)]


def boat(canvas: Canvas, x: float, z: float, look: str, size: float, facing_right: bool) -> None:
    """A boat ``size`` times 5 m long afloat at (x, z), seen from its side."""
    thing, plane = canvas.thing("boat", look), upright(x, 0, z)
    reflection = rect(x - 2.6 * size, z - 1.4 * size, x + 2.6 * size, z + 0.6 * size)
    canvas.darken(level(), reflection, 0.3, 0.7)

    def put(outlines: list[Points], paint: Colour) -> None:
        turned = outlines if facing_right else [mirrored(outline) for outline in outlines]
        placed = [moved(outline, 0, 0, size) for outline in turned]
        canvas.fill(thing, plane, placed, paint, upward(0.74, 1.08))

    if look == "sailing boat":
        put([rect(-0.06, 0.6, 0.08, 6.0)], (112, 82, 56))
        put([[(-0.14, 1.0), (-0.14, 5.7), (-2.1, 1.0)]], (250, 248, 240))
        put([[(0.2, 1.0), (0.2, 5.2), (2.2, 0.95)]], pick(canvas.rng, _SAILS))
    if look == "fishing boat":
        put([rect(-1.5, 0.8, -0.1, 2.2), rect(-0.1, 0.8, 0.5, 1.4)], (244, 240, 228))
        put([rect(-1.3, 1.5, -0.9, 2.0), rect(-0.7, 1.5, -0.3, 2.0)], (70, 92, 110))
        put([bar((0.9, 0.9), (1.1, 3.4), 0.14), bar((1.1, 3.2), (-0.6, 2.3), 0.08)], (136, 84, 50))
        put([rect(-1.62, 2.1, 0.02, 2.34)], (190, 70, 54))
    if look == "motorboat":
        put([[(-0.6, 0.9), (0.9, 0.9), (0.2, 1.6), (-0.4, 1.6)]], (84, 116, 138))
        put([rect(-2.7, 0.1, -2.3, 1.3)], (52, 54, 60))
    top, (hull, band) = 0.7 if look == "rowing boat" else 1.0, _HULLS[look]
    put([[(-2.3, -0.05), (1.8, -0.05), (2.7, top + 0.15), (-2.4, top - 0.05)]], hull)
    put([[(-2.38, top - 0.3), (2.5, top - 0.14), (2.66, top + 0.1), (-2.4, top - 0.07)]], band)
    if look == "rowing boat":
        oars = [bar((u, top + 0.3), (u - 1.4, -0.1), 0.12) for u in (-0.3, 0.9)]
        put(oars, (214, 182, 130))


def fence(canvas: Canvas, x: float, z: float, look: str, length: float) -> None:
    """A fence across the view from X = x on."""
    thing, plane = canvas.thing("fence", look), upright(x, 0, z)
    if look == "board fence":
        boards = planks(canvas.rng, (138, 100, 66), 0.24)
        canvas.fill(thing, plane, [rect(0, 0, length, 1.5)], boards, upward(0.78, 1.08))
        canvas.fill(thing, plane, [rect(0, 1.42, length, 1.52)], (104, 74, 48))
        return
    rails = [rect(0, low, length, low + 0.16) for low in (0.3, 0.8)]
    slat = [(0, 0), (0.21, 0), (0.21, 1.1), (0.105, 1.25), (0, 1.1)]
    slats = [moved(slat, float(u), 0) for u in np.arange(0, length, 0.3)]
    canvas.fill(thing, plane, rails, (216, 218, 216))
    canvas.fill(thing, plane, slats, (246, 246, 242), upward(0.84, 1.0))


def bench(canvas: Canvas, x: float, z: float, look: str) -> None:
    """A bench 1.9 m wide that faces the camera."""
    thing, rng, half = canvas.thing("bench", look), canvas.rng, 0.95
    span, front, deep = (x - half, x + half), upright(x, 0, z), (z, z + 0.5)
    contact_shadow(canvas, span, deep, 0.5)
    if look == "stone bench":
        stone = plain(rng, (172, 168, 160), 12, 0.2)
        for left in (span[0] + 0.1, span[1] - 0.45):
            box(canvas, thing, (left, left + 0.35), (0, 0.34), deep, stone, shade=upward(0.6, 0.8))
        box(canvas, thing, span, (0.32, 0.52), deep, stone)
    elif look == "log bench":
        feet = [disc(u, 0.16, 0.17, 0.17, 16) for u in (-0.6, 0.6)]
        canvas.fill(thing, upright(x, 0, z + 0.05), feet, (92, 66, 46))
        log = soft_rect(-half, 0.24, half, 0.6, 0.18)
        canvas.fill(thing, front, [log], plain(rng, (122, 84, 54), 12, 0.08), upward(0.66, 1.16))
        canvas.fill(thing, front, [disc(half - 0.12, 0.42, 0.12, 0.18)], (206, 168, 116))
    else:
        wood: Paint = plain(rng, pick(rng, _BENCHES), 8, 0.2)
        posts = [(-half + 0.1, -half + 0.2), (half - 0.2, half - 0.1)]
        slats = [rect(-half, low, half, low + 0.13) for low in (0.52, 0.68, 0.84)]
        back = upright(x, 0, z + 0.45)
        canvas.fill(thing, back, [rect(a, 0, b, 0.98) for a, b in posts], _IRON)
        canvas.fill(thing, back, slats, wood)
        canvas.fill(thing, front, [rect(a, 0, b, 0.46) for a, b in posts], _IRON)
        box(canvas, thing, span, (0.36, 0.48), (z, z + 0.45), wood)
