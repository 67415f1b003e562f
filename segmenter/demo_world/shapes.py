"""Outlines and simple solids for the demo renderer.

In:  sizes and positions in metres.
Out: polygons (counter-clockwise lists of points), and boxes painted face by face.
"""

from math import cos, hypot, pi, sin

import numpy as np

from langseg.segmenter.demo_world.canvas import (
    Canvas,
    Colour,
    Outline,
    Paint,
    Shade,
    level,
    sideways,
    upright,
)
from langseg.segmenter.demo_world.noise import scaled

Points = list[tuple[float, float]]
Extent = tuple[float, float]  # low, high, along one axis


def rect(u0: float, v0: float, u1: float, v1: float) -> Points:
    """An axis-aligned rectangle."""
    return [(u0, v0), (u1, v0), (u1, v1), (u0, v1)]


def disc(u: float, v: float, ru: float, rv: float | None = None, corners: int = 28) -> Points:
    """An ellipse."""
    rv = ru if rv is None else rv
    turns = [2 * pi * k / corners for k in range(corners)]
    return [(u + ru * cos(turn), v + rv * sin(turn)) for turn in turns]


def soft_rect(u0: float, v0: float, u1: float, v1: float, radius: float) -> Points:
    """A rectangle with round corners."""
    radius = min(radius, (u1 - u0) / 2, (v1 - v0) / 2)
    centres = [
        (u1 - radius, v1 - radius),
        (u0 + radius, v1 - radius),
        (u0 + radius, v0 + radius),
        (u1 - radius, v0 + radius),
    ]
    return [
        (cu + radius * cos(pi / 2 * (k + step / 4)), cv + radius * sin(pi / 2 * (k + step / 4)))
        for k, (cu, cv) in enumerate(centres)
        for step in range(5)
    ]


def arch(u0: float, v0: float, u1: float, v1: float) -> Points:
    """A rectangle whose top is half an ellipse."""
    radius = (u1 - u0) / 2
    rise = min(radius, (v1 - v0) * 0.45)
    top = [
        ((u0 + u1) / 2 + radius * cos(pi * k / 12), v1 - rise + rise * sin(pi * k / 12))
        for k in range(13)
    ]
    return [(u0, v0), (u1, v0), *top]


def bar(p: tuple[float, float], q: tuple[float, float], width: float) -> Points:
    """A straight stroke from p to q."""
    length = hypot(q[0] - p[0], q[1] - p[1]) or 1.0
    du = -(q[1] - p[1]) / length * width / 2
    dv = (q[0] - p[0]) / length * width / 2
    return [(p[0] + du, p[1] + dv), (q[0] + du, q[1] + dv), (q[0] - du, q[1] - dv),
            (p[0] - du, p[1] - dv)]  # fmt: skip


def blob(
    rng: np.random.Generator, u: float, v: float, ru: float, rv: float, rough: float
) -> Points:
    """A wobbly ellipse: foliage, boulders, clouds; ``rough`` 0..0.5."""
    corners = 22
    radii = 1 + rough * rng.uniform(-1, 1, corners)
    turns = [2 * pi * k / corners for k in range(corners)]
    return [
        (u + ru * float(r) * cos(turn), v + rv * float(r) * sin(turn))
        for r, turn in zip(radii, turns, strict=True)
    ]


def moved(outline: Outline, du: float, dv: float, size: float = 1.0) -> Points:
    """The outline scaled by ``size`` about (0, 0), then shifted."""
    return [(u * size + du, v * size + dv) for u, v in outline]


def mirrored(outline: Outline) -> Points:
    """The outline flipped left to right about u = 0."""
    return [(-u, v) for u, v in reversed(outline)]


def box(
    canvas: Canvas,
    thing: int,
    x: Extent,
    y: Extent,
    z: Extent,
    paint: Paint | Colour,
    *,
    top: Paint | Colour | None = None,
    shade: Shade | None = None,
) -> None:
    """An upright box, (low, high) along each axis: the faces that the camera sees.

    Sides come darker and the top lighter than the front; ``top`` paints it differently.
    """
    (x0, x1), (y0, y1), (z0, z1) = x, y, z
    eye = canvas.camera.eye
    if y1 < eye:
        canvas.fill(thing, level(y1), [rect(x0, z0, x1, z1)], top or paint, scaled(1.1))
    if y0 > eye:
        canvas.fill(thing, level(y0), [rect(x0, z0, x1, z1)], paint, scaled(0.55))
    if x0 > 0:
        canvas.fill(thing, sideways(x0), [rect(z0, y0, z1, y1)], paint, scaled(0.74))
    if x1 < 0:
        canvas.fill(thing, sideways(x1), [rect(z0, y0, z1, y1)], paint, scaled(0.8))
    canvas.fill(thing, upright(0, 0, z0), [rect(x0, y0, x1, y1)], paint, shade)


def contact_shadow(canvas: Canvas, x: Extent, z: Extent, strength: float = 0.45) -> None:
    """A soft dark patch on the ground around the footprint of an object."""
    du, dv = (x[1] - x[0]) * 0.14 + 0.05, (z[1] - z[0]) * 0.2 + 0.08
    patch = rect(x[0] - du, max(0.6, z[0] - dv), x[1] + du, z[1] + dv)
    canvas.darken(level(), patch, strength, 0.45)
