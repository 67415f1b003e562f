"""Kitchen and bathroom pieces of the demo renderer, and house plants.

In:  a canvas, a place in metres, and the look to draw.
Out: the same canvas with the piece and its shadow on it.
"""

from math import cos, hypot, pi, sin

import numpy as np

from langseg.segmenter.demo_canvas import Canvas, Colour, Paint, level, upright
from langseg.segmenter.demo_furniture import Span
from langseg.segmenter.demo_shapes import (
    Points,
    bar,
    blob,
    box,
    contact_shadow,
    disc,
    moved,
    rect,
    soft_rect,
)
from langseg.segmenter.demo_textures import (
    leaves,
    pick,
    plain,
    planks,
    rounded,
    scaled,
    turned,
    upward,
)

_WHITE: Colour = (240, 242, 242)
_STEEL: Colour = (176, 182, 188)


def cabinet(canvas: Canvas, x: Span, y: Span, z: Span, look: str, worktop: bool = False) -> None:
    """A cabinet with a door about every 0.55 m; ``worktop`` lays a stone slab on it."""
    rng = canvas.rng
    thing = canvas.thing("cabinet", look)
    body, trim = _cabinet_paint(rng, look)
    if y[0] < 0.3:
        contact_shadow(canvas, x, z)
    slab = plain(rng, (92, 88, 86), 8, 0.1) if worktop else None
    box(canvas, thing, x, y, z, body, top=slab)
    doors = max(1, round((x[1] - x[0]) / 0.55))
    front, wide = upright(0, 0, z[0]), (x[1] - x[0]) / doors
    for k in range(doors):
        left, right = x[0] + k * wide + 0.03, x[0] + (k + 1) * wide - 0.03
        low, high = y[0] + 0.07, y[1] - (0.1 if worktop else 0.04)
        canvas.fill(thing, front, [rect(left, low, right, high)], trim)
        panel = rect(left + 0.03, low + 0.03, right - 0.03, high - 0.03)
        canvas.fill(thing, front, [panel], body, upward(0.94, 1.06))
        if look == "glass-front cabinet":
            _dishes(canvas, thing, z[0], (left + 0.06, right - 0.06), (low + 0.06, high - 0.06))
        knob = rect(right - 0.1, (low + high) / 2 - 0.07, right - 0.07, (low + high) / 2 + 0.07)
        canvas.fill(thing, front, [knob], (88, 84, 80))
    if worktop:
        canvas.fill(thing, front, [rect(x[0], y[1] - 0.07, x[1], y[1])], (70, 66, 66))


def _cabinet_paint(rng: np.random.Generator, look: str) -> tuple[Paint, Colour]:
    if look == "white cabinet":
        return plain(rng, (238, 238, 234), 2), (186, 188, 188)
    if look == "metal cabinet":
        return plain(rng, (142, 150, 156), 3), (96, 102, 108)
    return turned(planks(rng, (150, 100, 58), 0.4)), (96, 60, 34)


def _dishes(canvas: Canvas, thing: int, z: float, x: Span, y: Span) -> None:
    plane = upright(0, 0, z)
    canvas.fill(thing, plane, [rect(x[0], y[0], x[1], y[1])], (156, 180, 186), upward(0.8, 1.1))
    for share in (0.06, 0.54):
        shelf = y[0] + (y[1] - y[0]) * share
        canvas.fill(thing, plane, [rect(x[0], shelf, x[1], shelf + 0.03)], (104, 70, 44))
        for k in range(3):
            u = x[0] + (x[1] - x[0]) * (0.2 + 0.3 * k)
            canvas.fill(thing, plane, [disc(u, shelf + 0.12, 0.06, 0.09)], (242, 240, 232))


def refrigerator(canvas: Canvas, x: float, z: Span, look: str) -> None:
    """A refrigerator centred at X = x, 1.75 m tall."""
    rng = canvas.rng
    thing = canvas.thing("refrigerator", look)
    half = 0.46 if look == "two-door refrigerator" else 0.36
    colour: Colour = _STEEL
    if look == "white refrigerator":
        colour = (242, 244, 246)
    if look == "retro refrigerator":
        colour = pick(rng, ((146, 208, 190), (226, 104, 90), (244, 222, 160)))
    contact_shadow(canvas, (x - half, x + half), z)
    tall = 1.55 if look == "retro refrigerator" else 1.78
    box(
        canvas,
        thing,
        (x - half, x + half),
        (0.03, tall),
        z,
        plain(rng, colour, 2),
        front_shade=upward(0.86, 1.04),
    )
    front = upright(x, 0, z[0])
    dark: Colour = (colour[0] * 0.62, colour[1] * 0.62, colour[2] * 0.62)
    if look == "two-door refrigerator":
        canvas.fill(thing, front, [rect(-0.012, 0.05, 0.012, tall)], dark)
        grips = [rect(-0.1, 0.6, -0.06, 1.3), rect(0.06, 0.6, 0.1, 1.3)]
    else:
        canvas.fill(thing, front, [rect(-half, 1.14, half, 1.165)], dark)
        grips = [
            rect(half - 0.1, 0.75, half - 0.06, 1.08),
            rect(half - 0.1, 1.22, half - 0.06, 1.45),
        ]
    canvas.fill(
        thing, front, grips, (236, 238, 240) if look == "retro refrigerator" else (86, 90, 96)
    )
    glint = rect(-half + 0.06, 0.2, -half + 0.14, tall - 0.1)
    canvas.fill(thing, front, [glint], (255, 255, 255), None, 0.3)


def stove(canvas: Canvas, x: float, z: Span, look: str) -> None:
    """A stove centred at X = x, as tall as a worktop."""
    rng = canvas.rng
    thing = canvas.thing("stove", look)
    half, tall = 0.38, 0.94
    contact_shadow(canvas, (x - half, x + half), z)
    front = upright(x, 0, z[0])
    if look == "wood stove":
        _wood_stove(canvas, thing, x, z)
        return
    colour: Colour = {"gas stove": (206, 208, 210), "electric stove": (240, 240, 238)}.get(
        look, pick(rng, ((178, 44, 46), (44, 84, 120), (244, 232, 200)))
    )
    box(
        canvas,
        thing,
        (x - half, x + half),
        (0.04, tall),
        z,
        plain(rng, colour, 2),
        top=(44, 44, 48),
    )
    canvas.fill(thing, front, [rect(-half, tall - 0.14, half, tall)], (58, 58, 62))
    knobs = [disc(-0.27 + 0.135 * k, tall - 0.08, 0.035) for k in range(5)]
    canvas.fill(thing, front, knobs, (226, 226, 222))
    ovens = ((-0.32, 0.32),) if look != "enamel range" else ((-0.34, -0.02), (0.02, 0.34))
    for left, right in ovens:
        canvas.fill(thing, front, [rect(left, tall - 0.24, right, tall - 0.2)], (236, 236, 232))
        pane = soft_rect(left + 0.02, 0.24, right - 0.02, 0.62, 0.05)
        canvas.fill(thing, front, [pane], (38, 36, 40), upward(0.8, 1.5))
    plane = level(tall)
    for u in (-0.18, 0.18):
        ring = disc(x + u, (z[0] + z[1]) / 2, 0.13, 0.2)
        canvas.fill(
            thing, plane, [ring], (150, 60, 50) if look == "electric stove" else (20, 20, 22)
        )
    if look == "gas stove":
        pot = soft_rect(0.06, tall, 0.3, tall + 0.18, 0.03)
        canvas.fill(thing, upright(x, 0, z[0] + 0.2), [pot], (170, 84, 60), rounded())
        grate = rect(-half + 0.02, tall, half - 0.02, tall + 0.035)
        canvas.fill(thing, front, [grate], (24, 24, 26))


def _wood_stove(canvas: Canvas, thing: int, x: float, z: Span) -> None:
    rng = canvas.rng
    iron = plain(rng, (48, 46, 48), 6, 0.1)
    pipe = rect(-0.09, 0.85, 0.09, 2.3)
    canvas.fill(thing, upright(x, 0, (z[0] + z[1]) / 2), [pipe], iron, rounded(0.8, 1.4))
    box(canvas, thing, (x - 0.38, x + 0.38), (0.14, 0.9), z, iron)
    front = upright(x, 0, z[0])
    canvas.fill(thing, front, [rect(-0.36, 0, -0.26, 0.16), rect(0.26, 0, 0.36, 0.16)], iron)
    canvas.fill(thing, front, [soft_rect(-0.26, 0.28, 0.26, 0.72, 0.08)], (28, 26, 28))
    canvas.fill(thing, front, [soft_rect(-0.2, 0.33, 0.2, 0.67, 0.06)], (236, 122, 40))
    canvas.fill(thing, front, [blob(rng, 0, 0.44, 0.13, 0.12, 0.3)], (254, 214, 92))
    canvas.glow(front, disc(0, 0.5, 0.9), (120, 56, 16), 0.8)


def kitchen_sink(canvas: Canvas, x: float, z: float) -> None:
    """A steel sink with an apron front in a worktop whose front edge is at Z = z."""
    thing = canvas.thing("sink", "steel kitchen sink")
    plane = upright(x, 0, z - 0.02)
    steel = plain(canvas.rng, (188, 194, 200), 3)
    box(canvas, thing, (x - 0.46, x + 0.46), (0.5, 0.93), (z - 0.02, z + 0.5), steel, top=(132, 138, 146),
        front_shade=upward(0.76, 1.12))  # fmt: skip
    canvas.fill(thing, plane, [rect(-0.46, 0.89, 0.46, 0.93)], (228, 232, 236))
    far = upright(x, 0.92, z + 0.42)
    neck = [
        bar((0, 0), (0, 0.34), 0.07),
        bar((0, 0.34), (0.2, 0.34), 0.07),
        rect(0.16, 0.22, 0.23, 0.36),
    ]
    canvas.fill(thing, far, neck, (206, 212, 218), rounded(0.8, 1.1))


def basin(canvas: Canvas, x: float, depth: float, look: str) -> None:
    """A washbasin against the wall at Z = depth: on a foot, on the wall, or on a cabinet."""
    rng = canvas.rng
    thing = canvas.thing("sink", look)
    near = depth - 0.5
    plane = upright(x, 0, near)
    white = plain(rng, _WHITE, 2)
    if look == "pedestal sink":
        contact_shadow(canvas, (x - 0.2, x + 0.2), (near + 0.1, depth))
        foot = [(-0.15, 0), (0.15, 0), (0.1, 0.7), (-0.1, 0.7)]
        canvas.fill(thing, plane, [foot], white, rounded(0.76, 1.04))
    if look == "wall-hung sink":
        trap = [rect(-0.03, 0.45, 0.03, 0.7), rect(-0.03, 0.45, 0.14, 0.5)]
        canvas.fill(thing, plane, trap, _STEEL)
    bowl = [(-0.36, 0.88), (0.36, 0.88), (0.32, 0.72), (0.2, 0.6), (-0.2, 0.6), (-0.32, 0.72)]
    if look == "countertop basin":
        bowl = [(-0.36, 1.06), (0.36, 1.06), (0.27, 0.9), (0.2, 0.86), (-0.2, 0.86), (-0.27, 0.9)]
    top = bowl[0][1]
    canvas.fill(thing, plane, [bowl], white, rounded(0.74, 1.04))
    canvas.fill(thing, level(top), [disc(x, near + 0.22, 0.36, 0.24)], (206, 216, 222))
    tap = [bar((0, top), (0, top + 0.22), 0.07), bar((0, top + 0.22), (0.13, top + 0.22), 0.07)]
    canvas.fill(thing, upright(x, 0, depth - 0.1), tap, _STEEL)


def bathtub(canvas: Canvas, x: Span, depth: float, look: str) -> None:
    """A bathtub with its long side to the camera, its far rim at Z = depth."""
    rng = canvas.rng
    thing = canvas.thing("bathtub", look)
    near, (x0, x1) = depth - 0.75, x
    enamel = plain(rng, (244, 246, 246), 2)
    contact_shadow(canvas, x, (near, depth), 0.5)
    plane = upright(0, 0, near)
    if look == "built-in bathtub":
        box(canvas, thing, x, (0, 0.6), (near, depth), enamel, front_shade=upward(0.84, 0.96))
        canvas.fill(thing, plane, [rect(x0, 0.54, x1, 0.6)], (252, 252, 252))
        for k in range(1, 6):
            u = x0 + (x1 - x0) * k / 6
            canvas.fill(thing, plane, [rect(u - 0.008, 0.02, u + 0.008, 0.53)], (190, 202, 206))
        canvas.fill(thing, plane, [rect(x0, 0.27, x1, 0.286)], (190, 202, 206))
    else:
        low = 0.16 if look == "clawfoot bathtub" else 0.02
        rise = 0.12 if look == "clawfoot bathtub" else 0.0
        shell = [(x0 + 0.24, low), (x1 - 0.24, low), (x1 - 0.08, 0.26), (x1, 0.62), (x0, 0.62 + rise),
                 (x0 + 0.1, 0.26)]  # fmt: skip
        if look == "clawfoot bathtub":
            feet = [rect(u, 0, u + 0.12, 0.2) for u in (x0 + 0.26, x1 - 0.38)]
            canvas.fill(thing, plane, feet, (176, 140, 74))
        canvas.fill(thing, plane, [shell], enamel, upward(0.7, 1.03))
        rim = [bar((x0 - 0.03, 0.62 + rise), (x1 + 0.03, 0.62), 0.07)]
        canvas.fill(thing, plane, rim, (252, 253, 253))
    inside = disc((x0 + x1) / 2, (near + depth) / 2, (x1 - x0) / 2 - 0.1, 0.28)
    canvas.fill(
        thing,
        level(0.62),
        [disc((x0 + x1) / 2, (near + depth) / 2, (x1 - x0) / 2, 0.37)],
        (250, 251, 251),
    )
    canvas.fill(thing, level(0.62), [inside], (178, 204, 214))
    tap = [
        bar((x1 - 0.2, 0.62), (x1 - 0.2, 0.9), 0.06),
        bar((x1 - 0.2, 0.9), (x1 - 0.36, 0.86), 0.06),
    ]
    canvas.fill(thing, upright(0, 0, depth - 0.06), tap, _STEEL)


def toilet(canvas: Canvas, x: float, depth: float, look: str) -> None:
    """A toilet against the wall at Z = depth, facing the camera."""
    rng = canvas.rng
    thing = canvas.thing("toilet", look)
    white, near = plain(rng, (244, 245, 244), 2), depth - 0.62
    plane = upright(x, 0, near)
    if look != "wall-hung toilet":
        contact_shadow(canvas, (x - 0.24, x + 0.24), (near, depth))
    if look == "close-coupled toilet":
        box(canvas, thing, (x - 0.25, x + 0.25), (0.4, 0.86), (depth - 0.2, depth), white)
        canvas.fill(
            thing, upright(x, 0, depth - 0.2), [rect(-0.27, 0.82, 0.27, 0.88)], (252, 252, 252)
        )
    if look == "low-level toilet":
        back = upright(x, 0, depth - 0.12)
        canvas.fill(thing, back, [rect(-0.05, 0.4, 0.05, 1.0)], (222, 224, 224), rounded())
        canvas.fill(
            thing, back, [soft_rect(-0.26, 0.95, 0.26, 1.3, 0.04)], white, upward(0.84, 1.02)
        )
    lid = soft_rect(-0.22, 0.4, 0.22, 0.74, 0.16)
    canvas.fill(thing, upright(x, 0, depth - 0.3), [lid], (250, 250, 250), upward(0.9, 0.98))
    low = 0.16 if look == "wall-hung toilet" else 0.0
    bowl = [(-0.14, low), (0.14, low), (0.16, 0.18), (0.25, 0.4), (-0.25, 0.4), (-0.16, 0.18)]
    canvas.fill(thing, plane, [bowl], white, rounded(0.7, 1.02))
    canvas.fill(thing, level(0.42), [disc(x, near + 0.26, 0.26, 0.3)], (251, 251, 250))
    canvas.fill(thing, level(0.42), [disc(x, near + 0.25, 0.17, 0.2)], (182, 200, 208))


def plant(canvas: Canvas, x: float, z: float, look: str, size: float = 1.0) -> None:
    """A plant about ``size`` metres tall, standing at (x, z)."""
    rng = canvas.rng
    thing = canvas.thing("plant", look)
    plane = upright(x, 0, z)
    contact_shadow(canvas, (x - 0.2 * size, x + 0.2 * size), (z - 0.15, z + 0.2), 0.4)
    if look == "shrub":
        paint = leaves(rng, (36, 74, 34), (112, 158, 66), 0.2)
        mounds = [
            blob(rng, d * size, 0.34 * size, 0.34 * size, 0.36 * size, 0.13) for d in (-0.3, 0.3, 0)
        ]
        canvas.fill(thing, plane, mounds, paint, upward(0.66, 1.16))
        return
    if look == "cactus":
        stems = [soft_rect(-0.15, 0.2, 0.15, 1.05, 0.15), soft_rect(0.12, 0.5, 0.4, 0.64, 0.07),
                 soft_rect(0.26, 0.5, 0.4, 0.86, 0.07), soft_rect(-0.4, 0.38, -0.12, 0.52, 0.07),
                 soft_rect(-0.4, 0.38, -0.26, 0.72, 0.07)]  # fmt: skip
        green: Paint | Colour = plain(rng, (82, 136, 78), 4)
        canvas.fill(thing, plane, [moved(s, 0, 0, size) for s in stems], green, rounded(0.74, 1.12))
        ribs = [
            rect(u * size, 0.3 * size, (u + 0.018) * size, 0.98 * size) for u in (-0.08, 0.0, 0.08)
        ]
        canvas.fill(thing, plane, ribs, (206, 218, 160), None, 0.7)
    else:
        _fronds(canvas, thing, x, z, look == "potted fern", size)
    pot = [(-0.15, 0), (0.15, 0), (0.21, 0.32), (-0.21, 0.32)]
    clay = pick(rng, ((178, 96, 62), (206, 198, 186), (74, 98, 124)))
    canvas.fill(thing, plane, [moved(pot, 0, 0, size)], plain(rng, clay, 4), rounded())


def _fronds(canvas: Canvas, thing: int, x: float, z: float, fern: bool, size: float) -> None:
    """Leaves that fan out from the pot, back to front."""
    rng = canvas.rng
    plane = upright(x, 0, z)
    count = 17 if fern else 9
    dark, light = ((44, 96, 46), (120, 172, 72)) if fern else ((24, 78, 48), (66, 132, 74))
    canvas.fill(thing, plane, [blob(rng, 0, 0.52 * size, 0.2 * size, 0.24 * size, 0.15)], dark)
    for k in rng.permutation(count):
        turn = pi * (0.06 + 0.88 * k / (count - 1)) + rng.uniform(-0.08, 0.08)
        reach = size * rng.uniform(0.5, 0.66)
        tip = (cos(turn) * reach, 0.34 * size + sin(turn) * reach)
        wide = (0.06 if fern else 0.13) * size
        if fern:
            tip = (tip[0] * 1.15, tip[1] - 0.16 * size * abs(cos(turn)))
        leaf = _frond(tip, wide, turn, size) if fern else _oval_leaf(tip, wide, size)
        share = float(rng.uniform(0.1, 1))
        colour: Colour = tuple(a + (b - a) * share for a, b in zip(dark, light, strict=True))  # type: ignore[assignment]
        canvas.fill(thing, plane, [leaf], colour, scaled(1.0))
        if not fern:
            canvas.fill(thing, plane, [bar((0, 0.3 * size), tip, 0.018)], (140, 184, 120))


def _frond(tip: tuple[float, float], wide: float, turn: float, size: float) -> Points:
    """A leaf that arches outwards and narrows to its tip."""
    mid = (tip[0] * 0.55, 0.3 * size + (tip[1] - 0.3 * size) * 0.66 + 0.06 * size)
    du, dv = -sin(turn) * wide, cos(turn) * wide
    return [(0, 0.3 * size), (mid[0] - du, mid[1] - dv), tip, (mid[0] + du, mid[1] + dv)]


def _oval_leaf(tip: tuple[float, float], wide: float, size: float) -> Points:
    """A broad blade on a short stalk."""
    u, v = tip[0], tip[1] - 0.3 * size
    length = hypot(u, v)
    du, dv = u / length, v / length
    along = [(length * (0.64 + 0.36 * cos(pi * k / 8)), wide * sin(pi * k / 8)) for k in range(17)]
    blade = [(du * a - dv * b, 0.3 * size + dv * a + du * b) for a, b in along]
    return [(0, 0.3 * size), *blade[8:], *blade[:8]]
