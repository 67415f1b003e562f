"""The four open-air scenes of the demo renderer: street, park, beach, mountain.

In:  an empty canvas.
Out: the canvas with one scene on it; says which sky it has, for that sets the light.
"""

from collections.abc import Callable

import numpy as np

from langseg.segmenter.demo_world.canvas import Camera, Canvas
from langseg.segmenter.demo_world.nature import FAR, grass, mountains, path, rock, sand, sea, sky
from langseg.segmenter.demo_world.plants import flowers, plant, tree
from langseg.segmenter.demo_world.town import building, house, road, sidewalk
from langseg.segmenter.demo_world.traffic import bench, boat, car_end, car_side, fence, person


def outdoor_camera(rng: np.random.Generator) -> Camera:
    """A view across open ground from standing height."""
    return Camera(
        focal=rng.uniform(190, 215),
        centre_x=rng.uniform(112, 144),
        horizon_y=rng.uniform(84, 100),
        eye=rng.uniform(1.75, 2.2),
    )


class _Stage:
    """Things that wait to be drawn far ones first, so that near ones hide them."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._waiting: list[tuple[float, Callable[[], None]]] = []

    def put(self, draw: Callable[..., None], x: float, z: float, look: str, *rest: object) -> None:
        """``draw(canvas, x, z, look, *rest)``, when its turn comes."""
        self._waiting.append((z, lambda: draw(self._canvas, x, z, look, *rest)))

    def block(self, x: tuple[float, float], z: tuple[float, float], height: float) -> None:
        """A building that takes up two spans; it is as far as its far end."""
        look = self._canvas.look("building")
        self._waiting.append((z[1], lambda: building(self._canvas, x, z, look, height)))

    def draw(self) -> None:
        """Everything put so far."""
        for _, draw in sorted(self._waiting, key=lambda item: -item[0]):
            draw()


def street(canvas: Canvas) -> str:
    """A street seen along its length or from across it."""
    light, stage = canvas.look("sky"), _Stage(canvas)
    sky(canvas, light)
    if canvas.chance(0.5):
        _street_along(canvas, stage)
    else:
        _street_across(canvas, stage)
    stage.draw()
    return light


def _street_along(canvas: Canvas, stage: _Stage) -> None:
    half, kerb = canvas.between(3.2, 3.8), canvas.between(6.0, 6.8)
    sidewalk(canvas, canvas.look("sidewalk"), FAR)
    road(canvas, canvas.look("road"), False, (-half, half))
    stage.block((-9, 9), (70, 80), 9)
    for side in (-1, 1):
        near, far = (kerb, kerb + 14) if side > 0 else (-kerb - 14, -kerb)
        z = canvas.between(4.5, 6.0)
        while z < 60:
            deep = canvas.between(8, 13)
            stage.block((near, far), (z, z + deep), canvas.between(7, 12))
            z += deep
        for _ in range(int(canvas.rng.integers(1, 3))):
            where, look = canvas.between(8, 22), canvas.look("tree", "conifer")
            stage.put(tree, side * (kerb - 0.8), where, look, canvas.between(4, 5.5))
        for _ in range(int(canvas.rng.integers(1, 3))):
            x, look = side * canvas.between(half + 0.5, kerb - 0.9), _walker(canvas)
            stage.put(person, x, canvas.between(6.5, 11), look)
        if canvas.chance(0.85):
            where, look = canvas.between(7.5, 15), canvas.look("car")
            stage.put(car_end, side * half * 0.5, where, look, side < 0)


def _street_across(canvas: Canvas, stage: _Stage) -> None:
    kerb, far_kerb = canvas.between(5.2, 6.0), canvas.between(10.2, 11.2)
    front, suburb = canvas.between(13.6, 14.6), canvas.chance(0.45)
    if suburb:
        grass(canvas, canvas.look("grass"))
    sidewalk(canvas, canvas.look("sidewalk"), far_kerb + 1.6 if suburb else front)
    road(canvas, canvas.look("road"), True, (kerb, far_kerb))
    x = canvas.between(-17, -13)
    while x < 12:
        wide = canvas.between(7.5, 9) if suburb else canvas.between(6, 9.5)
        if suburb:
            size = canvas.between(1.0, 1.25)
            stage.put(house, x + wide / 2, front + 3, canvas.look("house"), size)
        else:
            stage.block((x, x + wide), (front, front + 8), canvas.between(5, 9))
        x += wide
    if suburb and canvas.chance(0.75):
        stage.put(fence, -14, front - 0.4, canvas.look("fence"), canvas.between(14, 28))
    for _ in range(int(canvas.rng.integers(1, 4))):
        x, where = canvas.between(-7, 7), far_kerb + canvas.between(0.6, 1.4)
        stage.put(tree, x, where, canvas.look("tree"), canvas.between(4, 5.5))
    for share in (0.72, 0.3):
        if canvas.chance(0.72):
            x, where = canvas.between(-3.5, 3.5), kerb + (far_kerb - kerb) * share
            stage.put(car_side, x, where, canvas.look("car"), share < 0.5)
    for _ in range(int(canvas.rng.integers(1, 4))):
        where = kerb - canvas.between(0.2, 0.8) if canvas.chance(0.6) else far_kerb + 0.8
        stage.put(person, canvas.between(-3, 3), where, _walker(canvas))


def park(canvas: Canvas) -> str:
    """A lawn with a path, trees, a bench and a flower bed."""
    light, stage = canvas.look("sky"), _Stage(canvas)
    sky(canvas, light)
    grass(canvas, canvas.look("grass"))
    side = 1 if canvas.chance(0.5) else -1
    ends = (side * canvas.between(-1.2, 0.2), side * canvas.between(1, 5))
    path(canvas, canvas.look("path"), ends, canvas.between(1.3, 1.7), 38)
    if canvas.chance(0.35):
        left = canvas.between(-30, 10)
        stage.block((left, left + canvas.between(12, 20)), (60, 70), canvas.between(9, 14))
    for k in range(-4, 5):
        x, where = k * 6 + canvas.between(-2, 2), canvas.between(30, 38)
        stage.put(tree, x, where, canvas.look("tree"), canvas.between(6.5, 10))
    for _ in range(int(canvas.rng.integers(2, 4))):
        where, turn = canvas.between(10, 18), 1 if canvas.chance(0.5) else -1
        x = canvas.between(0.18, 0.6) * where * turn
        stage.put(tree, x, where, canvas.look("tree"), canvas.between(4.5, 6.5))
    if canvas.chance(0.5):
        stage.put(fence, -15, canvas.between(12, 16), canvas.look("fence"), 30.0)
    if canvas.chance(0.9):
        x, where = -side * canvas.between(1.2, 2.2), canvas.between(5.2, 6.6)
        stage.put(bench, x, where, canvas.look("bench"))
        if canvas.chance(0.5):
            stage.put(person, x, where - 0.05, "seated person")
    if canvas.chance(0.75):
        x, where = side * canvas.between(1.2, 2.0), canvas.between(4.2, 5.0)
        stage.put(flowers, x, where, canvas.look("flower"), canvas.between(1.4, 2.2))
    if canvas.chance(0.6):
        x, where = canvas.between(-3, 3), canvas.between(6.0, 8.5)
        stage.put(plant, x, where, "shrub", canvas.between(1.3, 1.8))
    for _ in range(int(canvas.rng.integers(0, 3))):
        stage.put(person, canvas.between(-2.5, 2.5), canvas.between(6, 10), _walker(canvas))
    stage.draw()
    return light


def beach(canvas: Canvas) -> str:
    """Sand, sea and boats."""
    light, stage = canvas.look("sky"), _Stage(canvas)
    sky(canvas, light)
    if canvas.chance(0.3):
        mountains(canvas, "distant ridge", canvas.between(4, 7), 88, 26)
    sand(canvas, canvas.look("sand"))
    slant = canvas.between(-0.28, 0.28)
    sea(canvas, canvas.look("sea"), canvas.between(6.5, 9.5), slant)
    for _ in range(int(canvas.rng.integers(1, 3))):
        where, size, turned = canvas.between(16, 30), canvas.between(0.8, 1.1), canvas.chance(0.5)
        x = canvas.between(-0.4, 0.4) * where
        stage.put(boat, x, where, canvas.look("boat"), size, turned)
    for _ in range(int(canvas.rng.integers(1, 3))):
        _scatter(canvas, stage, rock, (4.8, 7.0), 0.5, "rock", canvas.between(0.8, 1.5))
    for _ in range(int(canvas.rng.integers(0, 3))):
        where = canvas.between(5.2, 8)
        stage.put(person, canvas.between(-0.4, 0.4) * where, where, _walker(canvas))
    if canvas.chance(0.35):
        where, turn = canvas.between(6.5, 8.0), 1 if canvas.chance(0.5) else -1
        look = canvas.look("tree", "autumn tree")
        stage.put(tree, turn * where * 0.52, where, look, canvas.between(3.2, 4.2))
    stage.draw()
    return light


def mountain(canvas: Canvas) -> str:
    """Peaks behind a meadow with trees, rocks and perhaps a cottage."""
    light, stage = canvas.look("sky"), _Stage(canvas)
    sky(canvas, light)
    if canvas.chance(0.5):
        mountains(canvas, "distant ridge", canvas.between(18, 24), 88, 34)
    peaks, height = canvas.look("mountain", "distant ridge"), canvas.between(22, 30)
    mountains(canvas, peaks, height, 84, canvas.between(26, 40))
    if canvas.chance(0.6):
        hills = canvas.look("mountain", "distant ridge", "snow-capped peak")
        mountains(canvas, hills, canvas.between(8, 13), 80, 24)
    meadow = ("mown lawn", "clover lawn") if canvas.chance(0.7) else ()
    grass(canvas, canvas.look("grass", *meadow))
    if canvas.chance(0.65):
        ends = (canvas.between(-1.2, 1.2), canvas.between(-8, 8))
        path(canvas, canvas.look("path"), ends, canvas.between(1.3, 1.7), 40)
    if canvas.chance(0.6):
        _scatter(canvas, stage, house, (15, 21), 0.35, "house", canvas.between(0.9, 1.15))
    for _ in range(int(canvas.rng.integers(3, 7))):
        where, look = canvas.between(11, 30), canvas.look("tree")
        look = "conifer" if canvas.chance(0.6) else look
        x = canvas.between(-0.6, 0.6) * where
        stage.put(tree, x, where, look, canvas.between(4.5, 7))
    for _ in range(int(canvas.rng.integers(1, 4))):
        _scatter(canvas, stage, rock, (4.8, 9), 0.55, "rock", canvas.between(0.9, 1.8))
    if canvas.chance(0.3):
        stage.put(fence, -9, canvas.between(9, 12), canvas.look("fence"), canvas.between(8, 18))
    if canvas.chance(0.4):
        stage.put(person, canvas.between(-2, 2), canvas.between(6, 9), _walker(canvas))
    if canvas.chance(0.3):
        _scatter(canvas, stage, flowers, (4.2, 5), 0.4, "flower", canvas.between(1.4, 2.0))
    stage.draw()
    return light


def _scatter(
    canvas: Canvas,
    stage: _Stage,
    draw: Callable[..., None],
    z: tuple[float, float],
    spread: float,
    class_name: str,
    size: float,
) -> None:
    """One thing of the class anywhere in the depths ``z``, up to ``spread`` x Z off the middle."""
    where = canvas.between(*z)
    x = canvas.between(-spread, spread) * where
    stage.put(draw, x, where, canvas.look(class_name), size)


def _walker(canvas: Canvas) -> str:
    return canvas.look("person", "seated person")
