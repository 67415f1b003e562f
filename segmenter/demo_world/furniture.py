"""Furniture of the demo renderer: beds, sofas, tables, chairs, lamps.

In:  a canvas, a place on the floor in metres, and the look to draw.
Out: the same canvas with the piece and its shadow on it.
"""

from langseg.segmenter.demo_world.canvas import Canvas, Colour, Paint, level, upright
from langseg.segmenter.demo_world.noise import pick, pleated, rounded, scaled, upward
from langseg.segmenter.demo_world.shapes import (
    Extent,
    bar,
    box,
    contact_shadow,
    disc,
    rect,
    soft_rect,
)
from langseg.segmenter.demo_world.textures import motifs, plain, stripes

_WOODS: tuple[Colour, ...] = ((150, 98, 56), (116, 72, 42), (184, 136, 86))
_BLANKETS: tuple[Colour, ...] = ((70, 108, 168), (176, 62, 66), (92, 140, 110))
_BANDS: tuple[Colour, ...] = ((84, 124, 172), (190, 104, 92))
_DRAPES: tuple[Colour, ...] = ((196, 60, 66), (228, 214, 190), (74, 92, 150))
_LEATHERS: tuple[Colour, ...] = ((98, 56, 34), (64, 44, 36))
_FABRICS: tuple[Colour, ...] = ((190, 184, 174), (206, 192, 166))
_SEATS: tuple[Colour, ...] = ((150, 56, 62), (64, 102, 126), (112, 122, 78))
_PLASTICS: tuple[Colour, ...] = ((238, 240, 240), (240, 140, 40), (206, 48, 44))
_SHADES: tuple[Colour, ...] = ((250, 226, 160), (244, 206, 136), (250, 236, 196))
_METALS: tuple[Colour, ...] = ((188, 150, 72), (70, 66, 66), (150, 92, 58))
_LINEN: Colour = (240, 236, 228)


def bed(canvas: Canvas, x: float, depth: float, look: str) -> None:
    """A bed centred at X = x with its head against Z = depth, seen from its foot."""
    thing = canvas.thing("bed", look)
    half = 0.52 if look in ("single bed", "bunk bed") else 0.85
    left, right, foot = x - half, x + half, depth - 2.0
    wood = plain(canvas.rng, pick(canvas.rng, _WOODS), 7, 0.3)
    contact_shadow(canvas, (left, right), (foot, depth))
    if look == "bunk bed":
        for base in (0.12, 1.2):
            _mattress(canvas, thing, (left, right), base, (foot, depth), wood)
        posts = [rect(post - 0.06, 0, post + 0.06, 1.75) for post in (left, right)]
        rungs = [rect(x + 0.1, low, right, low + 0.07) for low in (0.55, 0.85, 1.15)]
        canvas.fill(thing, upright(0, 0, foot), [*posts, *rungs], wood)
        return
    head = rect(left - 0.05, 0, right + 0.05, 1.15)
    canvas.fill(thing, upright(0, 0, depth - 0.02), [head], wood, upward(0.8, 1.1))
    if look == "four-poster bed":
        _drape(canvas, thing, (left, right), (foot, depth), wood)
    _mattress(canvas, thing, (left, right), 0.04, (foot, depth), wood)
    if look == "four-poster bed":
        posts = [rect(post - 0.07, 0, post + 0.07, 2.05) for post in (left, right)]
        canvas.fill(thing, upright(0, 0, foot), [*posts, rect(left, 1.9, right, 2.1)], wood)


def _mattress(canvas: Canvas, thing: int, x: Extent, base: float, z: Extent, wood: Paint) -> None:
    """Frame, blanket and pillows; the blanket leaves the pillow end white."""
    rng, (x0, x1), (foot, head) = canvas.rng, x, z
    low = base + (0.2 if base < 0.1 else 0.1)
    top = low + 0.28
    cloths = (
        plain(rng, pick(rng, _BLANKETS), 6, 0.25),
        stripes(rng, (224, 214, 196), pick(rng, _BANDS), 0.12),
        motifs(rng, (206, 120, 110), (242, 222, 196), 0.3),
    )
    cloth = cloths[int(rng.integers(3))]
    box(canvas, thing, x, (base, low), z, wood)
    box(canvas, thing, x, (low, top), z, plain(rng, (238, 234, 226), 3))
    box(canvas, thing, x, (low - 0.06, top + 0.03), (foot - 0.02, head - 0.62), cloth)
    pillows = 2 if x1 - x0 > 1.3 else 1
    wide = (x1 - x0) / pillows
    for k in range(pillows):
        left = x0 + 0.08 + k * wide
        pillow = soft_rect(left, top, left + wide - 0.16, top + 0.22, 0.09)
        canvas.fill(thing, upright(0, 0, head - 0.3), [pillow], (248, 246, 240), upward(0.82, 1.04))


def _drape(canvas: Canvas, thing: int, x: Extent, z: Extent, wood: Paint) -> None:
    """Cloth behind the head and over the top of a four-poster bed."""
    cloth = plain(canvas.rng, pick(canvas.rng, _DRAPES), 6, 0.1)
    posts = [rect(post - 0.05, 0, post + 0.05, 2.05) for post in x]
    canvas.fill(thing, upright(0, 0, z[1] - 0.05), posts, wood)
    behind = rect(x[0], 1.1, x[1], 2.05)
    canvas.fill(thing, upright(0, 0, z[1] - 0.03), [behind], cloth, upward(0.7, 0.9))
    canvas.fill(thing, level(2.08), [rect(x[0], z[0], x[1], z[1])], cloth, scaled(0.7))


def sofa(canvas: Canvas, x: Extent, depth: float, look: str) -> None:
    """A sofa with its back at Z = depth, facing the camera."""
    thing, (x0, x1), z0 = canvas.thing("sofa", look), x, depth - 0.85
    paint = _upholstery(canvas, look)
    contact_shadow(canvas, x, (z0, depth))
    box(canvas, thing, x, (0.1, 0.86), (depth - 0.25, depth), paint, shade=upward(0.75, 1.05))
    box(canvas, thing, x, (0.1, 0.42), (z0, depth - 0.25), paint, shade=upward(0.72, 0.96))
    seats = 3 if x1 - x0 > 1.9 else 2
    wide = (x1 - x0 - 0.4) / seats
    for k in range(seats):
        left, right = x0 + 0.2 + k * wide, x0 + 0.2 + (k + 1) * wide
        back = soft_rect(left + 0.02, 0.42, right - 0.02, 0.82, 0.1)
        seat = soft_rect(left + 0.01, 0.34, right - 0.01, 0.5, 0.06)
        canvas.fill(thing, upright(0, 0, depth - 0.3), [back], paint, rounded(0.84, 1.12))
        canvas.fill(thing, upright(0, 0, z0), [seat], paint, upward(0.86, 1.14))
    for left in (x0, x1 - 0.2):
        box(canvas, thing, (left, left + 0.2), (0.06, 0.64), (z0 - 0.02, depth), paint)
    if look == "corner sofa":
        wing = (x0, x0 + 0.8) if x0 < -x1 else (x1 - 0.8, x1)
        box(canvas, thing, wing, (0.08, 0.46), (z0 - 0.8, z0), paint, shade=upward(0.8, 1.02))


def _upholstery(canvas: Canvas, look: str) -> Paint:
    rng = canvas.rng
    if look == "leather sofa":
        return plain(rng, pick(rng, _LEATHERS), 9, 0.3)
    if look == "striped sofa":
        return stripes(rng, (222, 210, 184), pick(rng, _BANDS), 0.1)
    return plain(rng, pick(rng, _FABRICS), 7, 0.06)


def table(canvas: Canvas, x: float, z: float, size: tuple[float, float], look: str) -> None:
    """A table centred at (x, z), (width, height) metres in size."""
    rng, thing, (width, height) = canvas.rng, canvas.thing("table", look), size
    wood, half, deep = plain(rng, pick(rng, _WOODS), 8, 0.25), width / 2, width * 0.3
    span, reach = (x - half, x + half), (z - deep, z + deep)
    contact_shadow(canvas, span, reach, 0.4)
    if look == "round table":
        stem = [rect(-0.07, 0, 0.07, height), rect(-0.3, 0, 0.3, 0.07)]
        top = disc(x, z, half, deep * 1.5, 36)
        canvas.fill(thing, upright(x, 0, z), stem, wood, rounded())
        canvas.fill(thing, level(height - 0.07), [top], wood, scaled(0.66))
        canvas.fill(thing, level(height), [top], wood, scaled(1.1))
    elif look == "draped table":
        cloth, near = plain(rng, _LINEN, 3), upright(x, 0, z - deep)
        skirt = [(-half - 0.04, 0.06), (half + 0.04, 0.06), (half, height), (-half, height)]
        canvas.fill(thing, near, [skirt], cloth, pleated(9))
        top = rect(span[0], reach[0], span[1], reach[1])
        canvas.fill(thing, level(height), [top], cloth, scaled(1.08))
    else:
        glass = look == "glass-topped table"
        legs: Paint | Colour = (96, 100, 106) if glass else wood
        slab: Paint | Colour = (172, 214, 200) if glass else wood
        places = [rect(left, 0, left + 0.12, height) for left in (span[0] + 0.03, span[1] - 0.15)]
        for near_z, lit in ((reach[1] - 0.1, 0.7), (reach[0] + 0.02, 0.95)):
            canvas.fill(thing, upright(0, 0, near_z), places, legs, scaled(lit))
        box(canvas, thing, span, (height - (0.06 if glass else 0.16), height), reach, slab)


def chair(canvas: Canvas, x: float, z: float, look: str, away: bool) -> None:
    """A chair at (x, z); ``away`` shows its back, otherwise it faces the camera."""
    thing, rng = canvas.thing("chair", look), canvas.rng
    half, seat, far = 0.25, 0.46, z + 0.42
    colours = {"upholstered chair": _SEATS, "plastic chair": _PLASTICS}.get(look, _WOODS)
    body = plain(rng, pick(rng, colours), 6, 0.2)
    legs: Paint | Colour = (70, 50, 38) if look == "upholstered chair" else body
    contact_shadow(canvas, (x - half, x + half), (z, far), 0.35)
    if not away:
        _chair_back(canvas, thing, x, far, look, body)
    pair = [rect(left, 0, left + 0.08, seat) for left in (x - half, x + half - 0.08)]
    for leg_z in (far, z):
        canvas.fill(thing, upright(0, 0, leg_z), pair, legs, scaled(0.8))
    box(canvas, thing, (x - half, x + half), (seat - 0.1, seat), (z, far), body)
    if away:
        _chair_back(canvas, thing, x, z, look, body)


def _chair_back(canvas: Canvas, thing: int, x: float, z: float, look: str, body: Paint) -> None:
    half, seat, top = 0.25, 0.46, 1.02
    if look == "ladder-back chair":
        posts = [rect(-half, seat, -half + 0.08, top), rect(half - 0.08, seat, half, top)]
        slats = [rect(-half, low, half, low + 0.12) for low in (0.55, 0.72, 0.89)]
        canvas.fill(thing, upright(x, 0, z), posts + slats, body, upward(0.85, 1.08))
    else:
        panel = soft_rect(-half, seat - 0.02, half, top, 0.14)
        canvas.fill(thing, upright(x, 0, z), [panel], body, rounded(0.8, 1.1))


def lamp(canvas: Canvas, x: float, z: float, base: float, look: str, lit: bool) -> None:
    """A lamp at (x, z): standing at height ``base``, or hanging down from it."""
    thing, plane = canvas.thing("lamp", look), upright(x, base, z)
    shade, metal = pick(canvas.rng, _SHADES), pick(canvas.rng, _METALS)
    if look == "hanging lamp":
        low = -canvas.between(0.85, 1.05)
        dome = [(-0.34, low), (0.34, low), (0.15, low + 0.3), (-0.15, low + 0.3)]
        canvas.fill(thing, plane, [bar((0, 0), (0, low + 0.3), 0.07)], metal)
        canvas.fill(thing, plane, [dome], metal, rounded())
        canvas.fill(thing, plane, [disc(0, low - 0.01, 0.3, 0.09)], shade)
        centre = low
    else:
        tall = 1.2 if look == "floor lamp" else 0.24
        foot = [rect(-0.045, 0, 0.045, tall), soft_rect(-0.16, 0, 0.16, 0.06, 0.03)]
        if look == "table lamp":
            foot = [disc(0, 0.13, 0.12, 0.14)]
        hood = [(-0.29, tall), (0.29, tall), (0.19, tall + 0.4), (-0.19, tall + 0.4)]
        canvas.fill(thing, plane, foot, metal, rounded())
        canvas.fill(thing, plane, [hood], shade, rounded(0.86, 1.06))
        centre = tall + 0.2
    if lit:
        canvas.glow(plane, disc(0, centre, 1.2), (110, 84, 40), 0.9)
