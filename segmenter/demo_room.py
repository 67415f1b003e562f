"""Rooms of the demo renderer: the shell, and what hangs on walls or lies on the floor.

In:  a canvas, a plane to hang things on, and the look to draw.
Out: the same canvas with walls, floor, ceiling, windows, doors, curtains, pictures, mirrors, rugs.
"""

from dataclasses import dataclass

import numpy as np

from langseg.segmenter.demo_canvas import (
    F32,
    Canvas,
    Colour,
    Paint,
    Plane,
    Shade,
    level,
    sideways,
    upright,
)
from langseg.segmenter.demo_shapes import arch, bar, disc, rect, soft_rect
from langseg.segmenter.demo_textures import (
    bricks,
    checks,
    courses,
    fractal,
    mix,
    motifs,
    pick,
    plain,
    planks,
    scaled,
    speckle,
    stripes,
    tiles,
    turned,
    upward,
    vary,
)

NEAR = 0.9  # metres; surfaces start here, closer than anything in the picture
_PAINTS: tuple[Colour, ...] = (
    (226, 214, 190), (196, 208, 196), (188, 204, 218), (232, 200, 182), (214, 206, 220),
    (236, 226, 178), (168, 190, 188),
)  # fmt: skip
_TILES: tuple[Colour, ...] = ((190, 220, 226), (222, 232, 232), (176, 212, 196))


@dataclass(frozen=True)
class Room:
    """Inner faces in metres: side walls at X = left < 0 < right, back wall at Z = depth."""

    left: float
    right: float
    depth: float
    height: float
    daylight: bool

    @property
    def back(self) -> Plane:
        """The back wall; u is X, v is Y."""
        return upright(0, 0, self.depth)

    def side(self, right: bool) -> Plane:
        """A side wall; u is Z, v is Y."""
        return sideways(self.right if right else self.left)


def wall_paint(rng: np.random.Generator, look: str) -> Paint:
    """The surface of a wall."""
    if look == "brick wall":
        return bricks(rng, (166, 88, 66), 1.2)
    if look == "tiled wall":
        return tiles(rng, pick(rng, _TILES), (250, 250, 248), 0.26)
    if look == "wood-panelled wall":
        return planks(rng, (158, 108, 64), 0.24)
    return plain(rng, pick(rng, _PAINTS), 3, 1.2)


def floor_paint(rng: np.random.Generator, look: str) -> Paint:
    """The surface of a floor; u is X, v is Z."""
    if look == "plank floor":
        return turned(planks(rng, pick(rng, ((176, 122, 74), (140, 92, 56), (196, 152, 104)))))
    if look == "tiled floor":
        return tiles(rng, (214, 204, 188), (160, 156, 150), 0.45)
    if look == "checkered floor":
        return checks(rng, (232, 228, 220), (52, 52, 58), 0.42)
    return courses(
        rng, (148, 146, 142), (104, 102, 100), length=0.9, height=0.55, gap=0.03, stagger=0.43,
        variety=20, grain=9,
    )  # fmt: skip


def draw_room(canvas: Canvas, room: Room, wall: str, floor: str, ceiling: str) -> None:
    """Paint the empty room."""
    rng = canvas.rng
    ground = canvas.thing("floor", floor)
    area = rect(room.left, NEAR, room.right, room.depth)
    canvas.fill(ground, level(0), [area], floor_paint(rng, floor), _toward(0.78, 1.06, across=False))
    _ceiling(canvas, room, ceiling)
    walls = canvas.thing("wall", wall)
    paint = wall_paint(rng, wall)
    for right, lit in ((False, (0.84, 0.7)), (True, (0.9, 0.76))):
        face = rect(NEAR, 0, room.depth, room.height)
        canvas.fill(walls, room.side(right), [face], paint, _toward(*lit, across=True))
    face = rect(room.left, 0, room.right, room.height)
    canvas.fill(walls, room.back, [face], paint, upward(0.93, 1.03))
    _skirting(canvas, room, walls, wall)
    canvas.darken(level(0), rect(room.left, room.depth - 0.8, room.right, room.depth + 0.6), 0.3, 0.9)


def _ceiling(canvas: Canvas, room: Room, look: str) -> None:
    rng = canvas.rng
    thing = canvas.thing("ceiling", look)
    plane = level(room.height)
    area = rect(room.left, NEAR, room.right, room.depth)
    paint: Paint
    if look == "panel ceiling":
        paint = tiles(rng, (226, 226, 222), (168, 168, 166), 0.6)
    elif look == "plank ceiling":
        paint = turned(planks(rng, (190, 150, 104), 0.22))
    else:
        paint = plain(rng, (238, 234, 226), 2, 1.5)
    canvas.fill(thing, plane, [area], paint, _toward(0.98, 0.84, across=False))
    if look == "beamed ceiling":
        low = room.height - 0.16
        wood = plain(rng, (104, 68, 40), 8, 0.3)
        for z in np.arange(room.depth - 0.4, NEAR, -0.95):
            far, near = float(z), float(z) - 0.2
            canvas.fill(thing, level(low), [rect(room.left, near, room.right, far)], wood, scaled(0.8))
            canvas.fill(thing, upright(0, 0, near), [rect(room.left, low, room.right, room.height)], wood)


def _skirting(canvas: Canvas, room: Room, thing: int, look: str) -> None:
    if look == "tiled wall":
        return
    colour: Colour = (240, 236, 228) if look == "painted wall" else (92, 62, 42)
    canvas.fill(thing, room.back, [rect(room.left, 0, room.right, 0.1)], colour)
    for right in (False, True):
        canvas.fill(thing, room.side(right), [rect(NEAR, 0, room.depth, 0.1)], colour, scaled(0.8))


def window(
    canvas: Canvas, plane: Plane, u: float, v: float, width: float, height: float, look: str,
    daylight: bool,
) -> None:  # fmt: skip
    """A window with its lower left corner at (u, v)."""
    rng = canvas.rng
    thing = canvas.thing("windowpane", look)
    frame: Colour = (244, 242, 236) if rng.random() < 0.7 else (122, 84, 52)
    shape = arch if look == "arched window" else rect
    outer = shape(u, v, u + width, v + height)
    inner = shape(u + 0.07, v + 0.07, u + width - 0.07, v + height - 0.07)
    canvas.fill(thing, plane, [outer], frame)
    canvas.fill(thing, plane, [inner], _view(rng, daylight, v, height))
    if look == "single-pane window":
        glint = [(u + width * 0.2, v + 0.1), (u + width * 0.34, v + 0.1),
                 (u + width * 0.72, v + height - 0.1), (u + width * 0.58, v + height - 0.1)]  # fmt: skip
        canvas.fill(thing, plane, [glint], (250, 252, 255), None, 0.35)
    else:
        columns = 3 if look == "grid window" else 2
        rows = 4 if look == "grid window" else 2
        for k in range(1, columns):
            x = u + width * k / columns
            canvas.fill(thing, plane, [rect(x - 0.025, v + 0.05, x + 0.025, v + height - 0.05)], frame)
        for k in range(1, rows):
            y = v + height * k / rows
            canvas.fill(thing, plane, [rect(u + 0.05, y - 0.025, u + width - 0.05, y + 0.025)], frame)
    if look == "shuttered window":
        _shutters(canvas, thing, plane, u, v, width, height)
    canvas.fill(thing, plane, [rect(u - 0.06, v - 0.06, u + width + 0.06, v + 0.02)], frame)


def _view(rng: np.random.Generator, daylight: bool, v: float, height: float) -> Paint:
    """What is seen through the pane: sky above a band of garden."""
    if daylight:
        low, high, ground = (226, 240, 250), (140, 194, 238), (128, 168, 104)
    else:
        low, high, ground = (238, 156, 104), (56, 62, 110), (44, 52, 62)
    seed, line = int(rng.integers(99)), rng.uniform(0.1, 0.3)

    def paint(u: F32, y: F32, px: F32) -> F32:
        t = (y - v) / height + 0 * u
        sky = mix(low, high, t * 1.1)
        garden = (t < line + fractal(u, y, 0.5, seed) * 0.06)[..., None]
        return np.where(garden, np.asarray(ground, np.float32), sky)

    return paint


def _shutters(
    canvas: Canvas, thing: int, plane: Plane, u: float, v: float, width: float, height: float
) -> None:
    rng = canvas.rng
    colour = pick(rng, ((72, 120, 92), (60, 96, 142)))
    dark: Colour = (colour[0] * 0.6, colour[1] * 0.6, colour[2] * 0.6)
    paint = stripes(rng, colour, dark, 0.045, across=True)
    for side in (u - width * 0.36, u + width):
        canvas.fill(thing, plane, [rect(side, v, side + width * 0.36, v + height)], paint)


def door(canvas: Canvas, plane: Plane, u: float, look: str) -> None:
    """A door on the floor line with its lower left corner at (u, 0)."""
    rng = canvas.rng
    thing = canvas.thing("door", look)
    width, height = (1.5 if look == "double door" else 0.92), 2.05
    frame = plain(rng, (236, 230, 220), 3)
    canvas.fill(thing, plane, [rect(u - 0.08, 0, u + width + 0.08, height + 0.08)], frame)
    wood = pick(rng, ((132, 82, 48), (106, 66, 42), (164, 110, 66)))
    if look == "flush door":
        wood = pick(rng, ((176, 126, 80), (228, 222, 210), (110, 140, 150)))
    canvas.fill(thing, plane, [rect(u, 0, u + width, height)], plain(rng, wood, 5, 0.4))
    leaves = 2 if look == "double door" else 1
    for k in range(leaves):
        left, right = u + k * width / leaves, u + (k + 1) * width / leaves
        _leaf(canvas, thing, plane, left, right, height, wood, look)
        knob = right - 0.09 if k == 0 else left + 0.09
        canvas.fill(thing, plane, [disc(knob, 1.0, 0.04)], (222, 186, 96))


def _leaf(
    canvas: Canvas, thing: int, plane: Plane, left: float, right: float, height: float,
    wood: Colour, look: str,
) -> None:  # fmt: skip
    """One leaf of a door: its panels or panes."""
    dark: Colour = (wood[0] * 0.62, wood[1] * 0.62, wood[2] * 0.62)
    edge = rect(left + 0.01, 0, left + 0.03, height)
    canvas.fill(thing, plane, [edge], dark)
    if look == "glass door":
        for row in range(3):
            low = 0.22 + row * 0.6
            pane = rect(left + 0.12, low, right - 0.12, low + 0.52)
            canvas.fill(thing, plane, [pane], (176, 212, 222), upward(0.85, 1.1))
    elif look != "flush door":
        for low, high in ((0.2, 0.92), (1.08, height - 0.18)):
            canvas.fill(thing, plane, [rect(left + 0.13, low, right - 0.13, high)], dark)
            panel = rect(left + 0.17, low + 0.04, right - 0.17, high - 0.04)
            canvas.fill(thing, plane, [panel], wood, upward(0.9, 1.08))


def curtains(
    canvas: Canvas, plane: Plane, u: float, width: float, top: float, bottom: float, look: str
) -> None:
    """A pair of curtains on a rail over a window that spans u .. u + width."""
    rng = canvas.rng
    thing = canvas.thing("curtain", look)
    paint, opacity = _cloth(rng, look), (0.86 if look == "sheer curtain" else 1.0)
    share = rng.uniform(0.32, 0.42) + (0.1 if look == "sheer curtain" else 0)
    for left, right, flare in (
        (u - 0.28, u + width * share, -0.05),
        (u + width * (1 - share), u + width + 0.28, 0.05),
    ):
        outline = [(left + flare, bottom), (right + flare, bottom), (right, top), (left, top)]
        canvas.fill(thing, plane, [outline], paint, _folds(rng), opacity)
    rail = bar((u - 0.36, top + 0.02), (u + width + 0.36, top + 0.02), 0.07)
    canvas.fill(thing, plane, [rail], (110, 78, 48))


def _cloth(rng: np.random.Generator, look: str) -> Paint:
    if look == "striped curtain":
        return stripes(rng, (236, 228, 208), pick(rng, ((70, 112, 158), (176, 84, 72))), 0.09)
    if look == "sheer curtain":
        return plain(rng, (244, 244, 240), 2)
    if look == "velvet drape":
        return plain(rng, (124, 26, 44), 5, 0.15)
    return motifs(rng, (224, 206, 168), pick(rng, ((92, 128, 80), (182, 96, 70))), 0.2)


def _folds(rng: np.random.Generator) -> Shade:
    count, phase = int(rng.integers(4, 7)), rng.uniform(0, 1)

    def shade(s: F32, t: F32) -> F32:
        wave = s * count + phase
        return (0.72 + 0.36 * np.abs(wave - np.floor(wave) - 0.5) * 2 + 0 * t).astype(np.float32)

    return shade


def mirror(
    canvas: Canvas, plane: Plane, u: float, v: float, width: float, height: float, look: str
) -> None:
    """A mirror with its lower left corner at (u, v)."""
    rng = canvas.rng
    thing = canvas.thing("mirror", look)
    frame = pick(rng, ((196, 158, 82), (92, 64, 44), (186, 190, 196)))
    inset = 0.06
    shapes = {"round mirror": _oval, "arched mirror": arch}
    shape = shapes.get(look, rect)
    canvas.fill(thing, plane, [shape(u, v, u + width, v + height)], frame, upward(0.85, 1.1))
    inner = shape(u + inset, v + inset, u + width - inset, v + height - inset)
    glass = vary(rng, (170, 190, 202), 6)
    canvas.fill(thing, plane, [inner], glass, upward(0.88, 1.2))
    for offset, share in ((0.16, 0.1), (0.36, 0.05)):
        x = u + width * offset
        glint = [(x, v + height * 0.2), (x + width * share, v + height * 0.2),
                 (x + width * (share + 0.36), v + height * 0.8), (x + width * 0.36, v + height * 0.8)]  # fmt: skip
        canvas.fill(thing, plane, [glint], (244, 250, 252), None, 0.6)


def _oval(u0: float, v0: float, u1: float, v1: float) -> list[tuple[float, float]]:
    return disc((u0 + u1) / 2, (v0 + v1) / 2, (u1 - u0) / 2, (v1 - v0) / 2, 36)


def rug(canvas: Canvas, x: tuple[float, float], z: tuple[float, float], look: str) -> None:
    """A rug on the floor."""
    rng = canvas.rng
    thing = canvas.thing("rug", look)
    (x0, x1), (z0, z1) = x, z
    warm = pick(rng, ((176, 56, 50), (54, 86, 142)))
    if look == "round rug":
        for size, colour in ((1.0, warm), (0.78, (232, 216, 184)), (0.52, warm)):
            ring = disc((x0 + x1) / 2, (z0 + z1) / 2, (x1 - x0) / 2 * size, (z1 - z0) / 2 * size, 40)
            canvas.fill(thing, level(0), [ring], plain(rng, colour, 5, 0.1))
        return
    paint: Paint = stripes(rng, warm, (236, 224, 198), 0.14)
    if look == "patterned rug":
        paint = motifs(rng, (158, 40, 44), (236, 212, 168), 0.34)
    if look == "shaggy rug":
        paint = speckle(rng, (222, 214, 198), 30, 0.05, 10)
    canvas.fill(thing, level(0), [soft_rect(x0, z0, x1, z1, 0.1)], paint)
    if look == "patterned rug":
        edge = [rect(x0, z0, x1, z0 + 0.1), rect(x0, z1 - 0.1, x1, z1)]
        canvas.fill(thing, level(0), edge, (36, 44, 88))


def _toward(near: float, far: float, across: bool) -> Shade:
    """Brightness along Z: ``near`` at the camera, ``far`` at the back wall."""

    def shade(s: F32, t: F32) -> F32:
        depth = s if across else t
        return (near + (far - near) * depth + 0 * (s + t)).astype(np.float32)

    return shade
