"""What grows in the demo renderer: house plants, shrubs, trees, flower beds.

In:  a canvas, a place on the ground in metres, and the look to draw.
Out: the same canvas with the plant and its shadow on it.
"""

from math import cos, hypot, pi, sin

import numpy as np

from langseg.segmenter.demo_world.canvas import Canvas, Colour, Plane, upright
from langseg.segmenter.demo_world.noise import darker, pick, rounded, upward
from langseg.segmenter.demo_world.shapes import (
    Points,
    bar,
    blob,
    contact_shadow,
    disc,
    moved,
    rect,
    soft_rect,
)
from langseg.segmenter.demo_world.textures import leaves, plain

_POTS: tuple[Colour, ...] = ((178, 96, 62), (206, 198, 186), (74, 98, 124))
_CROWNS: dict[str, tuple[tuple[Colour, Colour], ...]] = {  # shadow, light
    "broadleaf tree": (((30, 78, 34), (112, 164, 66)), ((44, 92, 36), (136, 180, 74))),
    "autumn tree": (
        ((150, 58, 22), (240, 164, 52)),
        ((168, 96, 20), (246, 206, 76)),
        ((122, 34, 22), (226, 104, 46)),
    ),
}
_PETALS: dict[str, tuple[Colour, ...]] = {
    "tulip": ((214, 44, 52), (244, 196, 52), (226, 96, 150)),
    "daisy": ((250, 250, 248),),
    "rose": ((190, 24, 56), (236, 130, 154)),
    "sunflower": ((250, 196, 36),),
}
_HALF_TULIP: Points = [(0, -0.7), (0.6, 0), (0.7, 1), (0.3, 0.5), (0, 1)]
_CACTUS: list[Points] = [
    soft_rect(-0.15, 0.2, 0.15, 1.05, 0.15),
    soft_rect(0.12, 0.5, 0.4, 0.64, 0.07),
    soft_rect(0.26, 0.5, 0.4, 0.86, 0.07),
    soft_rect(-0.4, 0.38, -0.12, 0.52, 0.07),
    soft_rect(-0.4, 0.38, -0.26, 0.72, 0.07),
]


def plant(canvas: Canvas, x: float, z: float, look: str, size: float) -> None:
    """A plant about ``size`` metres tall; all but the shrub stand in a pot."""
    rng, thing, plane = canvas.rng, canvas.thing("plant", look), upright(x, 0, z)
    contact_shadow(canvas, (x - 0.2 * size, x + 0.2 * size), (z - 0.15, z + 0.2), 0.4)
    if look == "shrub":
        paint = leaves(rng, (36, 74, 34), (112, 158, 66), 0.2)
        centres = (-0.3 * size, 0.3 * size, 0.0)
        mounds = [blob(rng, u, 0.34 * size, 0.34 * size, 0.36 * size, 0.13) for u in centres]
        canvas.fill(thing, plane, mounds, paint, upward(0.66, 1.16))
        return
    if look == "cactus":
        green = plain(rng, (82, 136, 78), 4)
        stems = [moved(stem, 0, 0, size) for stem in _CACTUS]
        ribs = [moved(rect(u, 0.3, u + 0.018, 0.98), 0, 0, size) for u in (-0.08, 0.0, 0.08)]
        canvas.fill(thing, plane, stems, green, rounded(0.74, 1.12))
        canvas.fill(thing, plane, ribs, (206, 218, 160), None, 0.7)
    else:
        _foliage(canvas, thing, plane, look == "potted fern", size)
    pot = moved([(-0.15, 0), (0.15, 0), (0.21, 0.32), (-0.21, 0.32)], 0, 0, size)
    canvas.fill(thing, plane, [pot], plain(rng, pick(rng, _POTS), 4), rounded())


def _foliage(canvas: Canvas, thing: int, plane: Plane, fern: bool, size: float) -> None:
    """Leaves that fan out from the pot, back to front."""
    rng, count = canvas.rng, 17 if fern else 9
    dark, light = ((44, 96, 46), (120, 172, 72)) if fern else ((24, 78, 48), (66, 132, 74))
    canvas.fill(thing, plane, [blob(rng, 0, 0.52 * size, 0.2 * size, 0.24 * size, 0.15)], dark)
    for k in rng.permutation(count):
        turn = pi * (0.06 + 0.88 * int(k) / (count - 1)) + canvas.between(-0.08, 0.08)
        reach = size * canvas.between(0.5, 0.66)
        tip = (cos(turn) * reach, 0.34 * size + sin(turn) * reach)
        share = canvas.between(0.1, 1)
        red, green, blue = (a + (b - a) * share for a, b in zip(dark, light, strict=True))
        leaf = _frond(tip, turn, size) if fern else _oval_leaf(tip, size)
        canvas.fill(thing, plane, [leaf], (red, green, blue))
        if not fern:
            canvas.fill(thing, plane, [bar((0, 0.3 * size), tip, 0.018)], (140, 184, 120))


def _frond(tip: tuple[float, float], turn: float, size: float) -> Points:
    """A leaf that arches outwards and narrows to a hanging tip."""
    end = (tip[0] * 1.15, tip[1] - 0.16 * size * abs(cos(turn)))
    mid = (end[0] * 0.55, end[1] * 0.66 + 0.162 * size)
    du, dv = -sin(turn) * 0.06 * size, cos(turn) * 0.06 * size
    return [(0, 0.3 * size), (mid[0] - du, mid[1] - dv), end, (mid[0] + du, mid[1] + dv)]


def _oval_leaf(tip: tuple[float, float], size: float) -> Points:
    """A broad blade on a short stalk."""
    u, v, wide = tip[0], tip[1] - 0.3 * size, 0.13 * size
    length = hypot(u, v)
    du, dv = u / length, v / length
    along = [(length * (0.64 + 0.36 * cos(pi * k / 8)), wide * sin(pi * k / 8)) for k in range(17)]
    blade = [(du * a - dv * b, 0.3 * size + dv * a + du * b) for a, b in along]
    return [(0, 0.3 * size), *blade[8:], *blade[:8]]


def tree(canvas: Canvas, x: float, z: float, look: str, height: float) -> None:
    """A tree ``height`` metres tall."""
    rng, thing, plane = canvas.rng, canvas.thing("tree", look), upright(x, 0, z)
    bark, girth = plain(rng, (98, 72, 50), 12, 0.15), height * 0.045
    contact_shadow(canvas, (x - height * 0.22, x + height * 0.22), (z - 0.4, z + 0.4), 0.4)
    if look == "conifer":
        canvas.fill(thing, plane, [rect(-girth, 0, girth, height * 0.2)], bark, rounded())
        needles = leaves(rng, (18, 54, 44), (62, 112, 76), height * 0.03)
        for k in range(5):
            low, high = height * (0.1 + 0.17 * k), height * (0.44 + 0.14 * k)
            tier = _tier(rng, low, high, height * (0.26 - 0.045 * k))
            canvas.fill(thing, plane, [tier], needles, upward(0.72, 1.1))
        return
    half, fork = girth * 0.8, height * 0.5
    trunk = [(-girth * 1.3, 0), (girth * 1.3, 0), (half, fork), (-half, fork)]
    boughs = [bar((0, height * 0.36), (s * height * 0.2, height * 0.58), girth) for s in (-1, 1)]
    canvas.fill(thing, plane, [trunk, *boughs], bark, rounded())
    dark, light = _CROWNS[look][int(rng.integers(len(_CROWNS[look])))]
    crown = [disc(0, height * 0.68, height * 0.2, height * 0.17)]
    for k in range(7):
        u, v = cos(2 * pi * k / 7) * 0.17, 0.68 + sin(2 * pi * k / 7) * 0.13
        crown.append(blob(rng, u * height, v * height, height * 0.17, height * 0.16, 0.12))
    canvas.fill(thing, plane, crown, leaves(rng, dark, light, height * 0.045), upward(0.62, 1.16))


def _tier(rng: np.random.Generator, low: float, high: float, half: float) -> Points:
    """One skirt of a conifer, its lower edge ragged."""
    drops = rng.uniform(0.6, 1.4, 9) * half * np.where(np.arange(9) % 2, 0.1, -0.06)
    hem = zip(np.linspace(-half, half, 9), drops, strict=True)
    return [*[(float(u), low + float(drop)) for u, drop in hem], (0.0, high)]


def flowers(canvas: Canvas, x: float, z: float, look: str, width: float) -> None:
    """A bed of one kind of flower, ``width`` metres wide, its front row at Z = z."""
    rng, thing = canvas.rng, canvas.thing("flower", look)
    tall, head = {"sunflower": (0.95, 0.17), "tulip": (0.5, 0.1)}.get(look, (0.42, 0.1))
    green = plain(rng, (58, 104, 44), 12, 0.1)
    for row in (0.55, 0.0):
        plane = upright(x, 0, z + row)
        mound = blob(rng, 0, tall * 0.4, width / 2, tall * 0.52, 0.08)
        canvas.fill(thing, plane, [mound], green, upward(0.6, 1.05))
        for u in np.arange(-width / 2 + head, width / 2, head * 2.1):
            for share in (0.3, 0.62, 0.94):
                across = float(u) + canvas.between(-0.4, 0.4) * head
                at = (across, tall * (share + canvas.between(-0.1, 0.1)))
                _bloom(canvas, thing, plane, at, head, look)


def _bloom(
    canvas: Canvas, thing: int, plane: Plane, at: tuple[float, float], head: float, look: str
) -> None:
    (u, v), colour = at, pick(canvas.rng, _PETALS[look])
    if look == "tulip":
        cup = [*_HALF_TULIP, *[(-s, t) for s, t in _HALF_TULIP[-2:0:-1]]]
        canvas.fill(thing, plane, [moved(cup, u, v, head)], colour)
    elif look == "rose":
        canvas.fill(thing, plane, [disc(u, v, head, corners=10)], colour)
        canvas.fill(thing, plane, [disc(u, v, head * 0.5, corners=8)], darker(colour, 0.7))
    else:
        tips = [(u + cos(pi * k / 4) * head, v + sin(pi * k / 4) * head) for k in range(8)]
        canvas.fill(thing, plane, [bar((u, v), tip, head * 0.55) for tip in tips], colour)
        heart: Colour = (96, 60, 28) if look == "sunflower" else (244, 196, 48)
        canvas.fill(thing, plane, [disc(u, v, head * 0.45, corners=10)], heart)
