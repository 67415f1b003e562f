"""Land, water and sky of the demo renderer, and what grows or lies there.

In:  a canvas, a place in metres, and the look to draw.
Out: the same canvas with sky, ground, water, mountains, trees, rocks or flowers on it.
"""

from math import cos, pi, sin

import numpy as np

from langseg.segmenter.demo_canvas import F32, Canvas, Colour, Paint, Plane, level, upright
from langseg.segmenter.demo_shapes import Points, bar, blob, contact_shadow, disc, rect
from langseg.segmenter.demo_textures import (
    blades,
    cell_value,
    cobbles,
    courses,
    fractal,
    leaves,
    mix,
    noise,
    pick,
    plain,
    rounded,
    speckle,
    stripes,
    swell,
    upward,
    vary,
)

FAR = 90.0  # metres; the backdrop plane, and where level ground ends
NEAR = 1.2
_SKIES: dict[str, tuple[Colour, Colour]] = {  # at the horizon, overhead
    "clear sky": ((204, 228, 244), (84, 152, 222)),
    "cloudy sky": ((208, 228, 242), (92, 150, 214)),
    "sunset sky": ((252, 196, 104), (120, 84, 138)),
    "overcast sky": ((216, 218, 220), (176, 182, 188)),
}


def sky(canvas: Canvas, look: str) -> None:
    """The whole backdrop above the horizon."""
    rng = canvas.rng
    thing = canvas.thing("sky", look)
    low, high = _SKIES[look]
    seed, size = int(rng.integers(99)), rng.uniform(16, 24)
    glow: Colour = (240, 116, 92)

    def paint(u: F32, v: F32, px: F32) -> F32:
        t = np.clip(v / 36, 0, 1) + 0 * u
        if look == "sunset sky":
            bent = t + fractal(u / 4, v, 6, seed, soft=True) * 0.06
            return np.where(
                (bent < 0.45)[..., None],
                mix(low, glow, bent / 0.45),
                mix(glow, high, (bent - 0.45) * 2.2),
            )
        base = mix(low, high, t * 1.2)
        if look == "clear sky":
            return base
        shape = fractal(u / 1.8, v, size, seed, soft=True)
        if look == "overcast sky":
            return base + (shape * 9)[..., None]
        cloud = np.clip((shape - 0.02) * 4, 0, 1)
        under = np.clip(0.7 + (shape - fractal(u / 1.8, v + 3, size, seed, soft=True)) * -1.2, 0, 1)
        return base + (mix((188, 198, 212), (255, 255, 255), under) - base) * cloud[..., None]

    canvas.fill(thing, upright(0, 0, FAR), [rect(-80, -2, 80, 90)], paint)
    if look == "sunset sky" or (look == "clear sky" and rng.random() < 0.4):
        sun = disc(rng.uniform(-38, 38), rng.uniform(6, 24), 3.2)
        canvas.fill(thing, upright(0, 0, FAR), [sun], (255, 240, 190))


def mountains(canvas: Canvas, look: str, height: float, z: float, spread: float) -> None:
    """A chain of peaks at Z = z (metres of picture scale: height 20 at Z = 80 is a quarter view)."""
    rng = canvas.rng
    thing = canvas.thing("mountain", look)
    plane = upright(0, 0, z)
    half = z * 0.75
    ridge = _ridge(rng, half, height, spread, smooth=look == "distant ridge")
    outline: Points = [(half, -1), (-half, -1), *ridge]
    seed = int(rng.integers(99))
    tops = np.asarray(ridge, np.float32)

    def paint(u: F32, v: F32, px: F32) -> F32:
        crest = np.interp(u, tops[:, 0], tops[:, 1]).astype(np.float32)
        slope = np.clip(np.interp(u + 2.0, tops[:, 0], tops[:, 1]) - crest, -1, 1)
        lean = np.where(slope > 0, u - v * 0.7, u + v * 0.7)
        facets = noise(lean, v * 0.3, height / 6, seed, soft=True) * 0.55
        facets = facets + fractal(u, v, height / 6, seed, soft=True) * 0.45
        light = np.clip(0.5 + facets * 0.45 + slope * 0.22, 0, 1).astype(np.float32)
        if look == "distant ridge":
            return mix((150, 172, 204), (176, 194, 216), light * 0.5 + v / height * 0.3)
        if look == "forested mountain":
            dots = cell_value(np.floor(u * 1.1), np.floor(v * 1.3), seed) * 0.22
            return mix((26, 58, 42), (84, 122, 70), light + dots)
        rock = mix((78, 74, 78), (164, 152, 140), light)
        if look == "rocky mountain":
            return rock
        snow = (v + facets * height * 0.2 > crest * 0.5 + height * 0.12)[..., None]
        return np.where(snow, mix((176, 196, 222), (254, 254, 255), light + 0.2), rock)

    canvas.fill(thing, plane, [outline], paint)


def _ridge(
    rng: np.random.Generator, half: float, height: float, spread: float, smooth: bool
) -> Points:
    """The skyline from left to right: peaks ``spread`` metres apart, roughened between."""
    us = np.arange(-half - spread, half + 2 * spread, spread) + rng.uniform(-0.25, 0.25) * spread
    vs = np.where(np.arange(len(us)) % 2 == 0, 1.0, 0.5) * height * rng.uniform(0.72, 1.1, len(us))
    fine = np.arange(-half, half + 1, spread / 14)
    line = np.interp(fine, us, vs)
    if smooth:
        kernel = np.ones(9) / 9
        line = np.convolve(np.pad(line, 4, mode="edge"), kernel, mode="valid")
    else:
        line = line + rng.uniform(-0.035, 0.035, len(fine)) * height
    return [(float(u), float(v)) for u, v in zip(fine, line, strict=True)]


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

    def clover(u: F32, v: F32, px: F32) -> F32:
        heads = cell_value(np.floor(u / 0.08), np.floor(v / 0.13), seed) > 0.88
        return np.where(heads[..., None], np.float32(236), base(u, v, px) * np.float32(0.94))

    return clover


def grass(canvas: Canvas, look: str, near: float = NEAR, far: float = FAR) -> None:
    """A meadow or lawn across the view."""
    thing = canvas.thing("grass", look)
    paint = grass_paint(canvas.rng, look)
    canvas.fill(thing, level(), [rect(-far, near, far, far)], paint, upward(0.98, 1.04))
    if look == "tall grass":
        tufts(canvas, thing, near + 0.7, 34)


def tufts(canvas: Canvas, thing: int, z: float, count: int) -> None:
    """A fringe of long blades across the view at Z = z."""
    rng = canvas.rng
    half = z * 0.75
    for _ in range(count):
        u, lean, tall = rng.uniform(-half, half), rng.uniform(-0.14, 0.14), rng.uniform(0.12, 0.3)
        blade = [(u - 0.025, -0.2), (u + 0.025, -0.2), (u + lean, tall)]
        colour: Colour = (96 + 40 * rng.random(), 140 + 30 * rng.random(), 58.0)
        canvas.fill(thing, upright(0, 0, z), [blade], colour)


def path(canvas: Canvas, look: str, start: float, end: float, width: float, far: float) -> None:
    """A path that winds from X = start at the camera to X = end at Z = far."""
    rng = canvas.rng
    thing = canvas.thing("path", look)
    paint: Paint = speckle(rng, (158, 122, 84), 12, 0.09, 9)
    if look == "gravel path":
        paint = speckle(rng, (196, 190, 178), 34, 0.06, 6)
    if look == "paved path":
        paint = courses(
            rng, (188, 180, 170), (138, 132, 124), length=0.7, height=0.5, gap=0.04, stagger=0.5
        )
    bend = rng.uniform(-1.2, 1.2)
    depths = np.geomspace(NEAR, far, 16)
    shares = (depths - NEAR) / (far - NEAR)
    middles = start + (end - start) * shares + bend * np.sqrt(shares) * (1 - shares) * 4
    if look == "stepping-stone path":
        stone = plain(rng, (168, 164, 158), 14, 0.3)
        for k, z in enumerate(np.arange(NEAR + 0.3, min(far, 14.0), 0.62)):
            u = float(np.interp(z, depths, middles)) + (0.12 if k % 2 else -0.12)
            slab = blob(rng, u, float(z), width * 0.5, 0.29, 0.1)
            canvas.fill(thing, level(), [slab], stone)
        return
    pairs = list(zip(middles, depths, strict=True))
    left = [(float(u - width / 2), float(z)) for u, z in pairs]
    right = [(float(u + width / 2), float(z)) for u, z in pairs]
    canvas.fill(thing, level(), [left + right[::-1]], paint)


def sea(canvas: Canvas, look: str, shore: float, slant: float) -> None:
    """Water from the horizon to a shoreline at Z = shore that runs ``slant`` off straight."""
    rng = canvas.rng
    thing = canvas.thing("sea", look)
    surfaces: dict[str, tuple[Colour, Colour, float, float]] = {
        "calm sea": ((66, 128, 176), (112, 170, 208), 2.4, 0.5),
        "choppy sea": ((32, 82, 138), (112, 158, 198), 1.3, 1.1),
        "tropical sea": ((34, 170, 186), (132, 222, 214), 2.8, 0.7),
        "stormy sea": ((70, 88, 100), (150, 166, 174), 2.0, 1.4),
    }
    paint = swell(rng, *surfaces[look])
    line = shore + slant * np.arange(-30, 31) + 0.25 * rng.uniform(-1, 1, 61)
    edge = [(float(u), max(2.0, float(z))) for u, z in zip(range(-30, 31), line, strict=True)]
    canvas.fill(thing, level(), [[*edge, (FAR, FAR), (-FAR, FAR)]], paint, upward(1.06, 0.96))
    for back, wide in ((0.0, 0.35), (1.6, 0.2)) if look != "calm sea" else ((0.0, 0.25),):
        band = [(u, v + back) for u, v in edge]
        foam = [*band, *[(u, v + wide + 0.25 * rng.random()) for u, v in band[::-1]]]
        canvas.fill(thing, level(), [foam], (244, 250, 250), None, 0.85)
    if look in ("choppy sea", "stormy sea"):
        for _ in range(26):
            z = shore + 2 + rng.uniform(0, 1) ** 2 * 30
            cap = disc(rng.uniform(-0.7, 0.7) * z, z, z * 0.03, z * 0.022)
            canvas.fill(thing, level(), [cap], (232, 240, 244), None, 0.8)


def sand(canvas: Canvas, look: str) -> None:
    """A beach across the view."""
    rng = canvas.rng
    thing = canvas.thing("sand", look)
    if look == "rippled sand":
        paint = swell(rng, (198, 166, 112), (240, 216, 164), 0.42, 0.9)
    elif look == "wet sand":
        paint = speckle(rng, (146, 118, 86), 7, 0.08, 14)
    elif look == "coarse sand":
        paint = speckle(rng, (214, 184, 134), 40, 0.06, 6)
    else:
        paint = speckle(rng, (236, 214, 168), 5, 0.05, 5)
    canvas.fill(thing, level(), [rect(-FAR, NEAR, FAR, FAR)], paint, upward(0.98, 1.05))


def tree(canvas: Canvas, x: float, z: float, height: float, look: str) -> None:
    """A tree with its foot at (x, z)."""
    rng = canvas.rng
    thing = canvas.thing("tree", look)
    plane = upright(x, 0, z)
    contact_shadow(canvas, (x - height * 0.22, x + height * 0.22), (z - 0.4, z + 0.4), 0.4)
    bark = plain(rng, (98, 72, 50), 12, 0.15)
    girth = height * 0.045
    if look == "conifer":
        canvas.fill(thing, plane, [rect(-girth, 0, girth, height * 0.2)], bark, rounded())
        paint = leaves(rng, (18, 54, 44), (62, 112, 76), height * 0.03)
        for k in range(5):
            low, high = height * (0.1 + 0.17 * k), height * (0.44 + 0.14 * k)
            half = height * (0.26 - 0.045 * k)
            canvas.fill(thing, plane, [_tier(rng, low, high, half)], paint, upward(0.72, 1.1))
        return
    trunk = [
        (-girth * 1.3, 0),
        (girth * 1.3, 0),
        (girth * 0.8, height * 0.5),
        (-girth * 0.8, height * 0.5),
    ]
    boughs = [bar((0, height * 0.36), (s * height * 0.2, height * 0.58), girth) for s in (-1, 1)]
    canvas.fill(thing, plane, [trunk, *boughs], bark, rounded())
    if look == "autumn tree":
        dark, light = pick_pair(rng, (((150, 58, 22), (240, 164, 52)), ((168, 96, 20), (246, 206, 76)),
                                      ((122, 34, 22), (226, 104, 46))))  # fmt: skip
    else:
        dark, light = pick_pair(
            rng, (((30, 78, 34), (112, 164, 66)), ((44, 92, 36), (136, 180, 74)))
        )
    paint = leaves(rng, dark, light, height * 0.045)
    crown: list[Points] = []
    for k in range(7):
        turn = 2 * pi * k / 7
        u, v = cos(turn) * height * 0.17, height * 0.68 + sin(turn) * height * 0.13
        crown.append(blob(rng, u, v, height * 0.17, height * 0.16, 0.12))
    crown.append(disc(0, height * 0.68, height * 0.2, height * 0.17))
    canvas.fill(thing, plane, crown, paint, upward(0.62, 1.16))


def pick_pair(
    rng: np.random.Generator, pairs: tuple[tuple[Colour, Colour], ...]
) -> tuple[Colour, Colour]:
    """One of the pairs."""
    return pairs[int(rng.integers(len(pairs)))]


def _tier(rng: np.random.Generator, low: float, high: float, half: float) -> Points:
    """One skirt of a conifer, its lower edge ragged."""
    hem = [
        (float(u), low + (0.05 if k % 2 else -0.03) * half * 2 * rng.uniform(0.6, 1.4))
        for k, u in enumerate(np.linspace(-half, half, 9))
    ]
    return [*hem, (0.0, high)]


def rock(canvas: Canvas, x: float, z: float, size: float, look: str) -> None:
    """A rock about ``size`` metres wide with its foot at (x, z)."""
    rng = canvas.rng
    thing = canvas.thing("rock", look)
    plane = upright(x, 0, z)
    contact_shadow(canvas, (x - size / 2, x + size / 2), (z - 0.3, z + 0.2), 0.5)
    half = size / 2
    if look == "pebble pile":
        for row, count in enumerate((6, 5, 4, 2)):
            for k in range(count):
                u = (k - (count - 1) / 2) * size / 6 + rng.uniform(-0.02, 0.02) * size
                tone: Colour = vary(
                    rng, pick(rng, ((150, 146, 142), (206, 200, 192), (136, 112, 92))), 10
                )
                pebble = disc(u, size * (0.07 + row * 0.11), size * 0.1, size * 0.08, 14)
                canvas.fill(thing, plane, [pebble], tone, rounded(0.62, 1.12))
        return
    if look == "layered outcrop":
        for k in range(5):
            low = k * size * 0.11
            ledge = half * (1 - 0.13 * k) * rng.uniform(0.9, 1.1)
            slab = blob(
                rng, rng.uniform(-0.05, 0.05) * size, low + size * 0.06, ledge, size * 0.09, 0.1
            )
            tone = (166, 142, 112) if k % 2 else (122, 114, 108)
            canvas.fill(thing, plane, [slab], plain(rng, tone, 12, size * 0.2), upward(0.6, 1.16))
        return
    stone = plain(rng, (136, 134, 132), 20, size * 0.3)
    mass = [blob(rng, 0, size * 0.3, half, size * 0.34, 0.13)]
    if look == "mossy rock":
        mass.append(blob(rng, half * 0.6, size * 0.17, half * 0.55, size * 0.2, 0.13))
    canvas.fill(thing, plane, mass, stone, upward(0.52, 1.16))
    if look == "mossy rock":
        moss = [
            blob(rng, d * half, size * 0.46, half * 0.5, size * 0.15, 0.25) for d in (-0.36, 0.3)
        ]
        canvas.fill(thing, plane, moss, leaves(rng, (62, 96, 34), (130, 164, 62), size * 0.06))


def flowers(canvas: Canvas, x: float, z: float, width: float, look: str) -> None:
    """A bed of one kind of flower, ``width`` metres wide, its front row at Z = z."""
    rng = canvas.rng
    thing = canvas.thing("flower", look)
    tall, head = {"sunflower": (0.95, 0.17), "tulip": (0.5, 0.1)}.get(look, (0.42, 0.1))
    petals: tuple[Colour, ...] = {
        "tulip": ((214, 44, 52), (244, 196, 52), (226, 96, 150)),
        "daisy": ((250, 250, 248),),
        "rose": ((190, 24, 56), (236, 130, 154)),
        "sunflower": ((250, 196, 36),),
    }[look]
    bed = plain(rng, (58, 104, 44), 12, 0.1)
    for row in (0.55, 0.0):
        plane = upright(x, 0, z + row)
        mound = blob(rng, 0, tall * 0.4, width / 2, tall * 0.52, 0.08)
        canvas.fill(thing, plane, [mound], bed, upward(0.6, 1.05))
        for u in np.arange(-width / 2 + head, width / 2, head * 2.1):
            for level_share in (0.3, 0.62, 0.94):
                at = (
                    float(u) + rng.uniform(-0.4, 0.4) * head,
                    tall * (level_share + rng.uniform(-0.1, 0.1)),
                )
                _bloom(canvas, thing, plane, at, head, pick(rng, petals), look)


def _bloom(
    canvas: Canvas, thing: int, plane: Plane, at: tuple[float, float], head: float, colour: Colour,
    look: str,
) -> None:  # fmt: skip
    u, v = at
    if look == "tulip":
        cup = [(u - head * 0.6, v), (u, v - head * 0.7), (u + head * 0.6, v), (u + head * 0.7, v + head),
               (u + head * 0.3, v + head * 0.5), (u, v + head), (u - head * 0.3, v + head * 0.5),
               (u - head * 0.7, v + head)]  # fmt: skip
        canvas.fill(thing, plane, [cup], colour)
    elif look == "rose":
        canvas.fill(thing, plane, [disc(u, v, head, corners=10)], colour)
        inner: Colour = (colour[0] * 0.7, colour[1] * 0.7, colour[2] * 0.7)
        canvas.fill(thing, plane, [disc(u, v, head * 0.5, corners=8)], inner)
    else:
        rays = [
            bar((u, v), (u + cos(a) * head, v + sin(a) * head), head * 0.55)
            for a in (pi * k / 4 for k in range(8))
        ]
        canvas.fill(thing, plane, rays, colour)
        heart: Colour = (96, 60, 28) if look == "sunflower" else (244, 196, 48)
        canvas.fill(thing, plane, [disc(u, v, head * 0.45, corners=10)], heart)
