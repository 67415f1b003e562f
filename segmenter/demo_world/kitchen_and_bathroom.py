"""Kitchen and bathroom pieces of the demo renderer.

In:  a canvas, a place in metres, and the look to draw.
Out: the same canvas with the piece and its shadow on it.
"""

from langseg.segmenter.demo_world.canvas import Canvas, Colour, Paint, level, upright
from langseg.segmenter.demo_world.noise import darker, pick, rounded, upward
from langseg.segmenter.demo_world.shapes import (
    Extent,
    bar,
    blob,
    box,
    contact_shadow,
    disc,
    rect,
    soft_rect,
)
from langseg.segmenter.demo_world.textures import plain, planks

_WHITE: Colour = (244, 245, 244)
_GLOSS: Colour = (251, 252, 252)
_STEEL: Colour = (176, 182, 188)
_WATER: Colour = (180, 202, 212)
_DARK: Colour = (58, 58, 62)
_CABINETS: dict[str, tuple[Colour, Colour]] = {  # body, joints
    "wooden cabinet": ((150, 100, 58), (96, 60, 34)),
    "glass-front cabinet": ((150, 100, 58), (96, 60, 34)),
    "white cabinet": ((238, 238, 234), (186, 188, 188)),
    "metal cabinet": ((142, 150, 156), (96, 102, 108)),
}
_RETRO: tuple[Colour, ...] = ((146, 208, 190), (206, 58, 54))
_ENAMEL: tuple[Colour, ...] = ((178, 44, 46), (244, 232, 200))


def cabinet(canvas: Canvas, x: Extent, y: Extent, z: Extent, look: str) -> None:
    """A cabinet with a door about every 0.55 m; one at working height has a stone top."""
    rng, thing = canvas.rng, canvas.thing("cabinet", look)
    colour, joint = _CABINETS[look]
    wooden = look in ("wooden cabinet", "glass-front cabinet")
    body = planks(rng, colour, 0.4) if wooden else plain(rng, colour, 3)
    worktop = 0.8 < y[1] < 1.0
    if y[0] < 0.3:
        contact_shadow(canvas, x, z)
    box(canvas, thing, x, y, z, body, top=plain(rng, (92, 88, 86), 8, 0.1) if worktop else None)
    doors, front = max(1, round((x[1] - x[0]) / 0.55)), upright(0, 0, z[0])
    wide, low, high = (x[1] - x[0]) / doors, y[0] + 0.07, y[1] - (0.1 if worktop else 0.04)
    for k in range(doors):
        left, right = x[0] + k * wide + 0.03, x[0] + (k + 1) * wide - 0.03
        panel = rect(left + 0.03, low + 0.03, right - 0.03, high - 0.03)
        canvas.fill(thing, front, [rect(left, low, right, high)], joint)
        canvas.fill(thing, front, [panel], body, upward(0.94, 1.06))
        if look == "glass-front cabinet":
            _dishes(canvas, thing, z[0], (left + 0.06, right - 0.06), (low + 0.06, high - 0.06))
        middle = (low + high) / 2
        knob = rect(right - 0.1, middle - 0.07, right - 0.07, middle + 0.07)
        canvas.fill(thing, front, [knob], (88, 84, 80))
    if worktop:
        canvas.fill(thing, front, [rect(x[0], y[1] - 0.07, x[1], y[1])], (70, 66, 66))


def _dishes(canvas: Canvas, thing: int, z: float, x: Extent, y: Extent) -> None:
    """Two shelves of white dishes behind a pane."""
    plane = upright(0, 0, z)
    canvas.fill(thing, plane, [rect(x[0], y[0], x[1], y[1])], (156, 180, 186), upward(0.8, 1.1))
    for share in (0.06, 0.54):
        shelf = y[0] + (y[1] - y[0]) * share
        places = [x[0] + (x[1] - x[0]) * k for k in (0.2, 0.5, 0.8)]
        dishes = [disc(u, shelf + 0.12, 0.06, 0.09) for u in places]
        canvas.fill(thing, plane, [rect(x[0], shelf, x[1], shelf + 0.03)], (104, 70, 44))
        canvas.fill(thing, plane, dishes, (242, 240, 232))


def refrigerator(canvas: Canvas, x: float, z: Extent, look: str) -> None:
    """A refrigerator centred at X = x, about 1.75 m tall."""
    thing, front = canvas.thing("refrigerator", look), upright(x, 0, z[0])
    half = 0.42 if look == "two-door refrigerator" else 0.36
    tall = 1.55 if look == "retro refrigerator" else 1.78
    plainly: dict[str, Colour] = {"white refrigerator": (242, 244, 246)}
    retro = look == "retro refrigerator"
    colour = pick(canvas.rng, _RETRO) if retro else plainly.get(look, _STEEL)
    contact_shadow(canvas, (x - half, x + half), z)
    span, metal = (x - half, x + half), plain(canvas.rng, colour, 2)
    box(canvas, thing, span, (0.03, tall), z, metal, shade=upward(0.86, 1.04))
    grips = [rect(half - 0.1, 0.78, half - 0.06, 1.2)]
    if look == "two-door refrigerator":
        grips = [rect(half - 0.1, low, half - 0.06, low + 0.24) for low in (0.86, 1.24)]
        canvas.fill(thing, front, [rect(-half, 1.16, half, 1.19)], darker(colour, 0.55))
    canvas.fill(thing, front, grips, _GLOSS if retro else (86, 90, 96))
    glint = rect(-half + 0.06, 0.2, -half + 0.14, tall - 0.1)
    canvas.fill(thing, front, [glint], (255, 255, 255), None, 0.3)


def stove(canvas: Canvas, x: float, z: Extent, look: str) -> None:
    """A stove centred at X = x, as tall as a worktop."""
    if look == "wood stove":
        _wood_stove(canvas, x, z)
        return
    rng, thing, front = canvas.rng, canvas.thing("stove", look), upright(x, 0, z[0])
    half, tall = 0.38, 0.94
    plainly: dict[str, Colour] = {"gas stove": (206, 208, 210), "electric stove": (240, 240, 238)}
    colour = pick(rng, _ENAMEL) if look == "enamel range" else plainly[look]
    contact_shadow(canvas, (x - half, x + half), z)
    box(canvas, thing, (x - half, x + half), (0.04, tall), z, plain(rng, colour, 2), top=_DARK)
    canvas.fill(thing, front, [rect(-half, tall - 0.14, half, tall)], _DARK)
    knobs = [disc(-0.27 + 0.135 * k, tall - 0.08, 0.035) for k in range(5)]
    canvas.fill(thing, front, knobs, (226, 226, 222))
    ovens = ((-0.34, -0.02), (0.02, 0.34)) if look == "enamel range" else ((-0.32, 0.32),)
    for left, right in ovens:
        pane = soft_rect(left + 0.02, 0.24, right - 0.02, 0.62, 0.05)
        canvas.fill(thing, front, [rect(left, tall - 0.24, right, tall - 0.2)], (236, 236, 232))
        canvas.fill(thing, front, [pane], (38, 36, 40), upward(0.8, 1.5))
    rings = [disc(x + u, (z[0] + z[1]) / 2, 0.13, 0.2) for u in (-0.18, 0.18)]
    hot: Colour = (170, 62, 48) if look == "electric stove" else (20, 20, 22)
    canvas.fill(thing, level(tall), rings, hot)
    if look == "gas stove":
        pot = soft_rect(0.06, tall, 0.3, tall + 0.18, 0.03)
        canvas.fill(thing, upright(x, 0, z[0] + 0.2), [pot], (170, 84, 60), rounded())
        canvas.fill(thing, front, [rect(-0.36, tall, 0.36, tall + 0.035)], (24, 24, 26))
        canvas.fill(thing, front, [rect(-0.26, tall, -0.06, tall + 0.06)], (86, 142, 236))


def _wood_stove(canvas: Canvas, x: float, z: Extent) -> None:
    """A black iron box on feet with a fire behind its door and a pipe to the ceiling."""
    thing, front = canvas.thing("stove", "wood stove"), upright(x, 0, z[0])
    iron = plain(canvas.rng, (48, 46, 48), 6, 0.1)
    contact_shadow(canvas, (x - 0.38, x + 0.38), z)
    pipe = rect(-0.09, 0.85, 0.09, 2.3)
    canvas.fill(thing, upright(x, 0, (z[0] + z[1]) / 2), [pipe], iron, rounded(0.8, 1.4))
    box(canvas, thing, (x - 0.38, x + 0.38), (0.14, 0.9), z, iron)
    canvas.fill(thing, front, [rect(-0.36, 0, -0.26, 0.16), rect(0.26, 0, 0.36, 0.16)], iron)
    canvas.fill(thing, front, [soft_rect(-0.26, 0.28, 0.26, 0.72, 0.08)], (28, 26, 28))
    canvas.fill(thing, front, [soft_rect(-0.2, 0.33, 0.2, 0.67, 0.06)], (236, 122, 40))
    canvas.fill(thing, front, [blob(canvas.rng, 0, 0.44, 0.13, 0.12, 0.3)], (254, 214, 92))
    canvas.glow(front, disc(0, 0.5, 0.9), (120, 56, 16), 0.8)


def kitchen_sink(canvas: Canvas, x: float, z: float) -> None:
    """A steel sink with an apron front in a worktop whose front edge is at Z = z."""
    thing, steel = canvas.thing("sink", "steel kitchen sink"), plain(canvas.rng, (188, 194, 200), 3)
    span, deep = (x - 0.46, x + 0.46), (z - 0.02, z + 0.5)
    basin_top: Colour = (132, 138, 146)
    box(canvas, thing, span, (0.5, 0.93), deep, steel, top=basin_top, shade=upward(0.76, 1.12))
    canvas.fill(thing, upright(x, 0, z - 0.02), [rect(-0.46, 0.89, 0.46, 0.93)], (228, 232, 236))
    neck = [bar((0, 0), (0, 0.34), 0.07), bar((0, 0.34), (0.2, 0.34), 0.07)]
    spout = rect(0.16, 0.22, 0.23, 0.36)
    canvas.fill(
        thing, upright(x, 0.92, z + 0.42), [*neck, spout], (206, 212, 218), rounded(0.8, 1.1)
    )


def basin(canvas: Canvas, x: float, depth: float, look: str) -> None:
    """A washbasin against the wall at Z = depth: on a foot, on the wall, or on a cabinet."""
    thing, near = canvas.thing("sink", look), depth - 0.5
    plane, white = upright(x, 0, near), plain(canvas.rng, _WHITE, 2)
    if look == "pedestal sink":
        contact_shadow(canvas, (x - 0.2, x + 0.2), (near + 0.1, depth))
        foot = [(-0.15, 0), (0.15, 0), (0.1, 0.7), (-0.1, 0.7)]
        canvas.fill(thing, plane, [foot], white, rounded(0.76, 1.04))
    if look == "wall-hung sink":
        trap = [rect(-0.03, 0.45, 0.03, 0.7), rect(-0.03, 0.45, 0.14, 0.5)]
        canvas.fill(thing, plane, trap, _STEEL)
    half_bowl = [(0.36, 0.88), (0.32, 0.72), (0.2, 0.6)]
    if look == "countertop basin":
        half_bowl = [(0.36, 1.06), (0.27, 0.9), (0.2, 0.86)]
    bowl, top = [*half_bowl, *[(-u, v) for u, v in half_bowl[::-1]]], half_bowl[0][1]
    canvas.fill(thing, plane, [bowl], white, rounded(0.74, 1.04))
    canvas.fill(thing, level(top), [disc(x, near + 0.22, 0.36, 0.24)], (206, 216, 222))
    tap = [bar((0, top), (0, top + 0.22), 0.07), bar((0, top + 0.22), (0.13, top + 0.22), 0.07)]
    canvas.fill(thing, upright(x, 0, depth - 0.1), tap, _STEEL)


def bathtub(canvas: Canvas, x: Extent, depth: float, look: str) -> None:
    """A bathtub with its long side to the camera, its far rim at Z = depth."""
    thing, near, (x0, x1) = canvas.thing("bathtub", look), depth - 0.75, x
    enamel, plane = plain(canvas.rng, _WHITE, 2), upright(0, 0, near)
    contact_shadow(canvas, x, (near, depth), 0.5)
    if look == "built-in bathtub":
        box(canvas, thing, x, (0, 0.6), (near, depth), enamel, shade=upward(0.84, 0.96))
        joints = [x0 + (x1 - x0) * k / 6 for k in range(1, 6)]
        lines = [rect(u - 0.008, 0.02, u + 0.008, 0.53) for u in joints]
        canvas.fill(thing, plane, [*lines, rect(x0, 0.27, x1, 0.286)], (190, 202, 206))
        canvas.fill(thing, plane, [rect(x0, 0.54, x1, 0.6)], _GLOSS)
    else:
        _tub_shell(canvas, thing, x, near, enamel, clawfoot=look == "clawfoot bathtub")
    middle = (x0 + x1) / 2, (near + depth) / 2
    canvas.fill(thing, level(0.62), [disc(*middle, (x1 - x0) / 2, 0.37)], _GLOSS)
    canvas.fill(thing, level(0.62), [disc(*middle, (x1 - x0) / 2 - 0.1, 0.28)], _WATER)
    spout = bar((x1 - 0.2, 0.9), (x1 - 0.36, 0.86), 0.06)
    tap = [bar((x1 - 0.2, 0.62), (x1 - 0.2, 0.9), 0.06), spout]
    canvas.fill(thing, upright(0, 0, depth - 0.06), tap, _STEEL)


def _tub_shell(
    canvas: Canvas, thing: int, x: Extent, near: float, enamel: Paint, clawfoot: bool
) -> None:
    """The rounded side of a tub that stands free; a clawfoot one has a high end."""
    plane, (x0, x1) = upright(0, 0, near), x
    low, rise = (0.16, 0.12) if clawfoot else (0.02, 0.0)
    if clawfoot:
        feet = [rect(u, 0, u + 0.12, 0.2) for u in (x0 + 0.26, x1 - 0.38)]
        canvas.fill(thing, plane, feet, (176, 140, 74))
    foot, side = [(x0 + 0.24, low), (x1 - 0.24, low)], [(x1 - 0.08, 0.26), (x1, 0.62)]
    shell = [*foot, *side, (x0, 0.62 + rise), (x0 + 0.1, 0.26)]
    canvas.fill(thing, plane, [shell], enamel, upward(0.7, 1.03))
    rim = bar((x0 - 0.03, 0.62 + rise), (x1 + 0.03, 0.62), 0.07)
    canvas.fill(thing, plane, [rim], _GLOSS)


def toilet(canvas: Canvas, x: float, depth: float, look: str) -> None:
    """A toilet against the wall at Z = depth, facing the camera."""
    thing, near = canvas.thing("toilet", look), depth - 0.62
    plane, white = upright(x, 0, near), plain(canvas.rng, _WHITE, 2)
    if look != "wall-hung toilet":
        contact_shadow(canvas, (x - 0.24, x + 0.24), (near, depth))
    if look == "close-coupled toilet":
        box(canvas, thing, (x - 0.25, x + 0.25), (0.4, 0.86), (depth - 0.2, depth), white)
        canvas.fill(thing, upright(x, 0, depth - 0.2), [rect(-0.27, 0.82, 0.27, 0.88)], _GLOSS)
    if look == "low-level toilet":
        tank, pipe = soft_rect(-0.26, 0.95, 0.26, 1.3, 0.04), rect(-0.05, 0.4, 0.05, 1.0)
        canvas.fill(thing, upright(x, 0, depth - 0.12), [pipe], (222, 224, 224), rounded())
        canvas.fill(thing, upright(x, 0, depth - 0.12), [tank], white, upward(0.84, 1.02))
    if look == "wall-hung toilet":
        canvas.fill(thing, upright(x, 0, depth), [rect(-0.14, 0.96, 0.14, 1.12)], (206, 210, 212))
    lid = soft_rect(-0.22, 0.4, 0.22, 0.74, 0.16)
    canvas.fill(thing, upright(x, 0, depth - 0.3), [lid], _GLOSS, upward(0.9, 0.98))
    low = 0.16 if look == "wall-hung toilet" else 0.0
    bowl = [(-0.14, low), (0.14, low), (0.16, 0.18), (0.25, 0.4), (-0.25, 0.4), (-0.16, 0.18)]
    canvas.fill(thing, plane, [bowl], white, rounded(0.7, 1.02))
    canvas.fill(thing, level(0.42), [disc(x, near + 0.26, 0.26, 0.3)], _GLOSS)
    canvas.fill(thing, level(0.42), [disc(x, near + 0.25, 0.17, 0.2)], _WATER)
