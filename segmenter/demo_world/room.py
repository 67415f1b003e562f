"""The empty room of the demo renderer: walls, floor, ceiling, and rugs on the floor.

In:  a canvas, the room's measures, and the looks to draw.
Out: the same canvas with the room on it.
"""

from dataclasses import dataclass

import numpy as np

from langseg.segmenter.demo_world.canvas import (
    Canvas,
    Colour,
    Paint,
    Plane,
    level,
    sideways,
    upright,
)
from langseg.segmenter.demo_world.noise import onward, pick, scaled, upward
from langseg.segmenter.demo_world.shapes import disc, rect, soft_rect
from langseg.segmenter.demo_world.textures import (
    bricks,
    checks,
    courses,
    motifs,
    plain,
    planks,
    speckle,
    stripes,
    tiles,
    turned,
)

NEAR = 0.9  # metres; surfaces start here, closer than anything in the picture
CREAM: Colour = (236, 224, 198)
_PLASTERS: tuple[Colour, ...] = (
    (226, 214, 190), (196, 208, 196), (188, 204, 218), (232, 200, 182), (214, 206, 220),
    (236, 226, 178), (168, 190, 188),
)  # fmt: skip
_TILES: tuple[Colour, ...] = ((190, 220, 226), (222, 232, 232), (176, 212, 196))
_BOARDS: tuple[Colour, ...] = ((176, 122, 74), (140, 92, 56), (196, 152, 104))
_DYES: tuple[Colour, ...] = ((176, 56, 50), (54, 86, 142))


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


def draw_room(canvas: Canvas, room: Room, wall: str, floor: str, ceiling: str) -> None:
    """Paint the empty room."""
    ground = canvas.thing("floor", floor)
    area = rect(room.left, NEAR, room.right, room.depth)
    canvas.fill(ground, level(), [area], floor_paint(canvas.rng, floor), upward(0.78, 1.06))
    _ceiling(canvas, room, ceiling)
    walls, paint = canvas.thing("wall", wall), wall_paint(canvas.rng, wall)
    face = rect(NEAR, 0, room.depth, room.height)
    canvas.fill(walls, room.side(False), [face], paint, onward(0.84, 0.7))
    canvas.fill(walls, room.side(True), [face], paint, onward(0.9, 0.76))
    face = rect(room.left, 0, room.right, room.height)
    canvas.fill(walls, room.back, [face], paint, upward(0.93, 1.03))
    if wall != "tiled wall":
        _skirting(canvas, room, walls, (240, 236, 228) if wall == "painted wall" else (92, 62, 42))
    seam = rect(room.left, room.depth - 0.8, room.right, room.depth + 0.6)
    canvas.darken(level(), seam, 0.3, 0.9)


def wall_paint(rng: np.random.Generator, look: str) -> Paint:
    """The surface of a wall."""
    if look == "brick wall":
        return bricks(rng, (166, 88, 66), 1.2)
    if look == "tiled wall":
        return tiles(rng, pick(rng, _TILES), (250, 250, 248), 0.26)
    if look == "wood-panelled wall":
        return planks(rng, (158, 108, 64), 0.24)
    return plain(rng, pick(rng, _PLASTERS), 3, 1.2)


def floor_paint(rng: np.random.Generator, look: str) -> Paint:
    """The surface of a floor; u is X, v is Z."""
    if look == "plank floor":
        return turned(planks(rng, pick(rng, _BOARDS)))
    if look == "tiled floor":
        return tiles(rng, (214, 204, 188), (160, 156, 150), 0.45)
    if look == "checkered floor":
        return checks(rng, (232, 228, 220), (52, 52, 58), 0.42)
    grey, joint = (148, 146, 142), (104, 102, 100)
    return courses(rng, grey, joint, (0.9, 0.55), 0.03, stagger=0.43, variety=20, grain=9)


def rug(canvas: Canvas, x: tuple[float, float], z: tuple[float, float], look: str) -> None:
    """A rug on the floor."""
    rng = canvas.rng
    thing, (x0, x1), (z0, z1) = canvas.thing("rug", look), x, z
    dye = pick(rng, _DYES)
    if look == "round rug":
        for size, colour in ((1.0, dye), (0.78, CREAM), (0.52, dye)):
            radii = (x1 - x0) / 2 * size, (z1 - z0) / 2 * size
            ring = disc((x0 + x1) / 2, (z0 + z1) / 2, *radii, 40)
            canvas.fill(thing, level(), [ring], plain(rng, colour, 5, 0.1))
        return
    paint = stripes(rng, dye, CREAM, 0.14)
    if look == "patterned rug":
        paint = motifs(rng, (158, 40, 44), (236, 212, 168), 0.34)
    if look == "shaggy rug":
        paint = speckle(rng, (222, 214, 198), 30, 0.05, 10)
    canvas.fill(thing, level(), [soft_rect(x0, z0, x1, z1, 0.1)], paint)
    if look == "patterned rug":
        border = [rect(x0, z0, x1, z0 + 0.1), rect(x0, z1 - 0.1, x1, z1)]
        canvas.fill(thing, level(), border, (36, 44, 88))


def _ceiling(canvas: Canvas, room: Room, look: str) -> None:
    rng, thing = canvas.rng, canvas.thing("ceiling", look)
    paint = plain(rng, (238, 234, 226), 2, 1.5)
    if look == "panel ceiling":
        paint = tiles(rng, (226, 226, 222), (168, 168, 166), 0.6)
    if look == "plank ceiling":
        paint = turned(planks(rng, (190, 150, 104), 0.22))
    area = rect(room.left, NEAR, room.right, room.depth)
    canvas.fill(thing, level(room.height), [area], paint, upward(0.98, 0.84))
    if look != "beamed ceiling":
        return
    low, wood = room.height - 0.16, plain(rng, (104, 68, 40), 8, 0.3)
    for far in np.arange(room.depth - 0.4, NEAR + 0.2, -0.95):
        near = float(far) - 0.2
        under = rect(room.left, near, room.right, float(far))
        front = rect(room.left, low, room.right, room.height)
        canvas.fill(thing, level(low), [under], wood, scaled(0.8))
        canvas.fill(thing, upright(0, 0, near), [front], wood)


def _skirting(canvas: Canvas, room: Room, thing: int, colour: Colour) -> None:
    canvas.fill(thing, room.back, [rect(room.left, 0, room.right, 0.1)], colour)
    for right in (False, True):
        canvas.fill(thing, room.side(right), [rect(NEAR, 0, room.depth, 0.1)], colour, scaled(0.8))
