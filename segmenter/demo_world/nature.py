"""Land, water and sky of the demo renderer.

In:  a canvas, a place in metres, and the look to draw.
Out: the same canvas with sky, mountains, grass, paths, sea, sand or rocks on it.
"""

import numpy as np

from langseg.segmenter.demo_world.canvas import Canvas, Colour, Grid, Paint, level, upright
from langseg.segmenter.demo_world.noise import (
    cell_value,
    fractal,
    mix,
    noise,
    pick,
    rounded,
    upward,
    vary,
)
from langseg.segmenter.demo_world.shapes import Points, blob, contact_shadow, disc, rect
from langseg.segmenter.demo_world.textures import (
    blades,
    courses,
    leaves,
    plain,
    speckle,
    stripes,
    swell,
)

FAR = 90.0  # metres; the backdrop plane, and where level ground ends
NEAR = 1.2
_SKIES: dict[str, tuple[Colour, Colour]] = {  # at the horizon, overhead
    "clear sky": ((204, 228, 244), (84, 152, 222)),
    "cloudy sky": ((208, 228, 242), (92, 150, 214)),
    "sunset sky": ((252, 196, 104), (120, 84, 138)),
    "overcast sky": ((216, 218, 220), (176, 182, 188)),
}
_SEAS: dict[str, tuple[Colour, Colour, float, float]] = {  # trough, crest, metres apart, height
    "calm sea": ((66, 128, 176), (112, 170, 208), 2.4, 0.5),
    "choppy sea": ((32, 82, 138), (112, 158, 198), 1.3, 1.1),
    "tropical sea": ((34, 170, 186), (132, 222, 214), 2.8, 0.7),
    "stormy sea": ((70, 88, 100), (150, 166, 174), 2.0, 1.4),
}
_PEBBLES: tuple[Colour, ...] = ((150, 146, 142), (206, 200, 192), (136, 112, 92))
_AFTERGLOW: Colour = (240, 116, 92)


def sky(canvas: Canvas, look: str) -> None:
    """The whole backdrop above the horizon."""
    thing, backdrop = canvas.thing("sky", look), upright(0, 0, FAR)
    paint = _sky_paint(look, int(canvas.rng.integers(99)), canvas.between(16, 24))
    canvas.fill(thing, backdrop, [rect(-80, -2, 80, 90)], paint)
    if look == "sunset sky" or (look == "clear sky" and canvas.chance(0.4)):
        sun = disc(canvas.between(-38, 38), canvas.between(6, 24), 3.2)
        canvas.fill(thing, backdrop, [sun], (255, 240, 190))


def _sky_paint(look: str, seed: int, size: float) -> Paint:
    """``size`` is that of the clouds, in metres on the backdrop."""
    low, high = _SKIES[look]

    def paint(u: Grid, v: Grid, px: Grid) -> Grid:
        t = np.clip(v / 36, 0, 1)
        if look == "sunset sky":
            t = t + fractal(u / 4, v, 6, seed, soft=True) * 0.06
            lower, upper = mix(low, _AFTERGLOW, t / 0.45), mix(_AFTERGLOW, high, (t - 0.45) * 2.2)
            return np.where((t < 0.45)[..., None], lower, upper)
        base = mix(low, high, t * 1.2)
        shape = fractal(u / 1.8, v, size, seed, soft=True)
        if look == "overcast sky":
            base = base + (shape * 9)[..., None]
        if look == "cloudy sky":
            light = 0.7 + (fractal(u / 1.8, v + 3, size, seed, soft=True) - shape) * 1.2
            cloud = mix((188, 198, 212), (255, 255, 255), light)
            base = base + (cloud - base) * np.clip((shape - 0.02) * 4, 0, 1)[..., None]
        return base

    return paint


def mountains(canvas: Canvas, look: str, height: float, z: float, spread: float) -> None:
    """A chain of peaks ``spread`` metres apart, standing at Z = z.

    Heights are in picture scale: 20 at Z = 80 is a quarter of the view.
    """
    thing, half = canvas.thing("mountain", look), z * 0.75
    ridge = _ridge(canvas.rng, half, height, spread, smooth=look == "distant ridge")
    paint = _slopes(look, ridge, height, int(canvas.rng.integers(99)))
    canvas.fill(thing, upright(0, 0, z), [[(half, -1), (-half, -1), *ridge]], paint)


def _slopes(look: str, ridge: Points, height: float, seed: int) -> Paint:
    tops = np.asarray(ridge, np.float32)

    def paint(u: Grid, v: Grid, px: Grid) -> Grid:
        crest = np.interp(u, tops[:, 0], tops[:, 1])
        slope = np.clip(np.interp(u + 2.0, tops[:, 0], tops[:, 1]) - crest, -1, 1)
        lean = np.where(slope > 0, u - v * 0.7, u + v * 0.7)
        facets = noise(lean, v * 0.3, height / 6, seed, soft=True) * 0.55
        facets = facets + fractal(u, v, height / 6, seed, soft=True) * 0.45
        light = np.clip(0.5 + facets * 0.45 + slope * 0.22, 0, 1)
        if look == "distant ridge":
            return mix((150, 172, 204), (176, 194, 216), light * 0.5 + v / height * 0.3)
        if look == "forested mountain":
            dots = cell_value(np.floor(u * 1.1), np.floor(v * 1.3), seed) * 0.22
            return mix((26, 58, 42), (84, 122, 70), light + dots)
        rock = mix((78, 74, 78), (164, 152, 140), light)
        if look == "rocky mountain":
            return rock
        snow = v + facets * height * 0.2 > crest * 0.5 + height * 0.12
        white = mix((176, 196, 222), (254, 254, 255), light + 0.2)
        return np.where(snow[..., None], white, rock)

    return paint


def _ridge(
    rng: np.random.Generator, half: float, height: float, spread: float, smooth: bool
) -> Points:
    """The skyline from left to right: peaks and saddles in turn, roughened between."""
    us = np.arange(-half - spread, half + 2 * spread, spread) + rng.uniform(-0.25, 0.25) * spread
    vs = np.where(np.arange(len(us)) % 2, 0.5, 1.0) * height * rng.uniform(0.72, 1.1, len(us))
    fine = np.arange(-half, half + 1, spread / 14)
    line = np.interp(fine, us, vs)
    if smooth:
        line = np.convolve(np.pad(line, 4, mode="edge"), np.ones(9) / 9, mode="valid")
    else:
        line = line + rng.uniform(-0.035, 0.035, len(fine)) * height
    return [(float(u), float(v)) for u, v in zip(fine, line, strict=True)]


def grass(canvas: Canvas, look: str) -> None:
    """A meadow or lawn across the view."""
    thing, area = canvas.thing("grass", look), rect(-FAR, NEAR, FAR, FAR)
    canvas.fill(thing, level(), [area], grass_paint(canvas.rng, look), upward(0.98, 1.04))
    if look != "tall grass":
        return
    near = NEAR + 0.7
    for _ in range(34):
        u, lean = canvas.between(-0.75, 0.75) * near, canvas.between(-0.14, 0.14)
        stalk = [(u - 0.025, -0.2), (u + 0.025, -0.2), (u + lean, canvas.between(0.12, 0.3))]
        canvas.fill(thing, upright(0, 0, near), [stalk], vary(canvas.rng, (116, 155, 58), 20))


def grass_paint(rng: np.random.Generator, look: str) -> Paint:
    """Grass seen on level ground."""
    if look == "dry grass":
        return blades(rng, (158, 134, 78), (222, 202, 128), 0.5)
    if look == "tall grass":
        return blades(rng, (58, 98, 38), (150, 182, 74), 0.9)
    base = blades(rng, (74, 132, 50), (132, 186, 80), 0.25)
    if look == "mown lawn":
        bands = stripes(rng, (-9, -9, -9), (11, 11, 11), 1.1)
        return lambda u, v, px: base(u, v, px) + bands(u, v, px)
    seed = int(rng.integers(99))

    def clover(u: Grid, v: Grid, px: Grid) -> Grid:
        heads = cell_value(np.floor(u / 0.08), np.floor(v / 0.13), seed) > 0.88
        return np.where(heads[..., None], np.float32(236), base(u, v, px) * np.float32(0.94))

    return clover


def path(canvas: Canvas, look: str, ends: tuple[float, float], width: float, far: float) -> None:
    """A path that winds from X = ends[0] at the camera to X = ends[1] at Z = far."""
    thing, rng = canvas.thing("path", look), canvas.rng
    depths = np.geomspace(NEAR, far, 16)
    shares = (depths - NEAR) / (far - NEAR)
    middles = ends[0] + (ends[1] - ends[0]) * shares
    middles += canvas.between(-1.2, 1.2) * np.sqrt(shares) * (1 - shares) * 4
    if look == "stepping-stone path":
        stone = plain(rng, (168, 164, 158), 14, 0.3)
        for k, z in enumerate(np.arange(NEAR + 0.3, min(far, 14.0), 0.62)):
            u = float(np.interp(z, depths, middles)) + (0.12 if k % 2 else -0.12)
            slab = blob(rng, u, float(z), width * 0.5, 0.29, 0.1)
            canvas.fill(thing, level(), [slab], stone)
        return
    paint = speckle(rng, (158, 122, 84), 12, 0.09, 9)
    if look == "gravel path":
        paint = speckle(rng, (196, 190, 178), 34, 0.06, 6)
    if look == "paved path":
        paint = courses(rng, (188, 180, 170), (138, 132, 124), (0.7, 0.5), 0.04, stagger=0.5)
    line = [(float(u), float(z)) for u, z in zip(middles, depths, strict=True)]
    left, right = [(u - width / 2, z) for u, z in line], [(u + width / 2, z) for u, z in line]
    canvas.fill(thing, level(), [left + right[::-1]], paint)


def sea(canvas: Canvas, look: str, shore: float, slant: float) -> None:
    """Water from the horizon to a shoreline at Z = shore that runs ``slant`` off straight."""
    rng, thing = canvas.rng, canvas.thing("sea", look)
    line = shore + slant * np.arange(-30, 31) + 0.25 * rng.uniform(-1, 1, 61)
    edge = [(float(u), max(2.0, float(z))) for u, z in zip(range(-30, 31), line, strict=True)]
    water, paint = [*edge, (FAR, FAR), (-FAR, FAR)], swell(rng, *_SEAS[look])
    canvas.fill(thing, level(), [water], paint, upward(1.06, 0.96))
    for back, wide in ((0.0, 0.35), (1.6, 0.2)):
        band = [(u, v + back) for u, v in edge]
        foam = [*band, *[(u, v + wide + 0.25 * rng.random()) for u, v in band[::-1]]]
        canvas.fill(thing, level(), [foam], (244, 250, 250), None, 0.85)
        if look == "calm sea":
            return
    if look in ("choppy sea", "stormy sea"):
        for _ in range(26):
            z = shore + 2 + canvas.between(0, 1) ** 2 * 30
            cap = disc(canvas.between(-0.7, 0.7) * z, z, z * 0.03, z * 0.022)
            canvas.fill(thing, level(), [cap], (232, 240, 244), None, 0.8)


def sand(canvas: Canvas, look: str) -> None:
    """A beach across the view."""
    rng = canvas.rng
    paint = speckle(rng, (236, 214, 168), 5, 0.05, 5)
    if look == "rippled sand":
        paint = swell(rng, (198, 166, 112), (240, 216, 164), 0.42, 0.9)
    if look == "wet sand":
        paint = speckle(rng, (146, 118, 86), 7, 0.08, 14)
    if look == "coarse sand":
        paint = speckle(rng, (214, 184, 134), 40, 0.06, 6)
    area = rect(-FAR, NEAR, FAR, FAR)
    canvas.fill(canvas.thing("sand", look), level(), [area], paint, upward(0.98, 1.05))


def rock(canvas: Canvas, x: float, z: float, look: str, size: float) -> None:
    """A rock about ``size`` metres wide."""
    rng, thing, plane = canvas.rng, canvas.thing("rock", look), upright(x, 0, z)
    contact_shadow(canvas, (x - size / 2, x + size / 2), (z - 0.3, z + 0.2), 0.5)
    if look == "pebble pile":
        for row, count in enumerate((6, 5, 4, 2)):
            for k in range(count):
                u = ((k - (count - 1) / 2) / 6 + canvas.between(-0.02, 0.02)) * size
                pebble = disc(u, size * (0.07 + row * 0.11), size * 0.1, size * 0.08, 14)
                colour = vary(rng, pick(rng, _PEBBLES), 10)
                canvas.fill(thing, plane, [pebble], colour, rounded(0.62, 1.12))
    elif look == "layered outcrop":
        for k in range(5):
            ledge, tone = size / 2 * (1 - 0.13 * k), (166, 142, 112) if k % 2 else (122, 114, 108)
            ledge, u = ledge * canvas.between(0.9, 1.1), canvas.between(-0.05, 0.05) * size
            slab = blob(rng, u, size * (k * 0.11 + 0.06), ledge, size * 0.09, 0.1)
            stone = plain(rng, tone, 12, size * 0.2)
            canvas.fill(thing, plane, [slab], stone, upward(0.6, 1.16))
    else:
        mass = [blob(rng, 0, size * 0.3, size / 2, size * 0.34, 0.13)]
        stone = plain(rng, (136, 134, 132), 20, size * 0.3)
        canvas.fill(thing, plane, mass, stone, upward(0.52, 1.16))
    if look == "mossy rock":
        tops = (-0.18 * size, 0.15 * size)
        moss = [blob(rng, u, size * 0.46, size / 4, size * 0.15, 0.25) for u in tops]
        canvas.fill(thing, plane, moss, leaves(rng, (62, 96, 34), (130, 164, 62), size * 0.06))
