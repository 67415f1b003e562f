"""The four open-air scenes of the demo renderer: street, park, beach, mountain.

In:  an empty canvas.
Out: the canvas with one scene on it; returns the look of its sky, which sets the light.
"""

from collections.abc import Callable

import numpy as np

from langseg.segmenter.demo_canvas import Camera, Canvas
from langseg.segmenter.demo_figures import bench, boat, fence, person
from langseg.segmenter.demo_fixtures import plant
from langseg.segmenter.demo_indoor import any_look, chance
from langseg.segmenter.demo_nature import (
    FAR,
    flowers,
    grass,
    mountains,
    path,
    rock,
    sand,
    sea,
    sky,
    tree,
)
from langseg.segmenter.demo_town import (
    building,
    car_end,
    car_side,
    ground_band,
    house,
    lane_marks,
    road_paint,
    sidewalk_paint,
)

Placed = tuple[float, Callable[[], None]]  # distance, and what to draw there


def outdoor_camera(rng: np.random.Generator) -> Camera:
    """A view across open ground from standing height."""
    return Camera(
        focal=rng.uniform(190, 215),
        centre_x=rng.uniform(112, 144),
        horizon_y=rng.uniform(84, 100),
        eye=rng.uniform(1.75, 2.2),
    )


def street(canvas: Canvas) -> str:
    """A street seen along its length or from across it."""
    rng = canvas.rng
    light = any_look(rng, "sky")
    sky(canvas, light)
    (_street_along if chance(rng, 0.5) else _street_across)(canvas)
    return light


def _street_along(canvas: Canvas) -> None:
    rng = canvas.rng
    made, paved = any_look(rng, "road"), any_look(rng, "sidewalk")
    half, kerb = rng.uniform(3.2, 3.8), rng.uniform(6.0, 6.8)
    walk, lane = canvas.thing("sidewalk", paved), canvas.thing("road", made)
    ground_band(canvas, walk, sidewalk_paint(rng, paved), (-60, 60), (0, FAR))
    ground_band(canvas, lane, road_paint(rng, made), (-half, half), (0, FAR))
    lane_marks(canvas, lane, False, 0.0, made)
    placed: list[Placed] = [
        (70.0, lambda: building(canvas, (-9, 9), 9, (70, 80), any_look(rng, "building")))
    ]
    for side in (-1, 1):
        z = rng.uniform(4.5, 6.0)
        while z < 60:
            deep, tall = rng.uniform(8, 13), rng.uniform(7, 12)
            near, far = (kerb, kerb + 14) if side > 0 else (-kerb - 14, -kerb)
            placed.append(
                (
                    z + deep,
                    _drawn(
                        building,
                        canvas,
                        (near, far),
                        tall,
                        (z, z + deep),
                        any_look(rng, "building"),
                    ),
                )
            )
            z += deep
        for _ in range(int(rng.integers(1, 3))):
            where = rng.uniform(8, 22)
            look = any_look(rng, "tree", "conifer")
            placed.append(
                (where, _drawn(tree, canvas, side * (kerb - 0.8), where, rng.uniform(4, 5.5), look))
            )
        for _ in range(int(rng.integers(1, 3))):
            where = rng.uniform(6.5, 11)
            look = any_look(rng, "person", "seated person")
            placed.append(
                (
                    where,
                    _drawn(person, canvas, side * rng.uniform(half + 0.5, kerb - 0.9), where, look),
                )
            )
        if chance(rng, 0.85):
            where = rng.uniform(7.5, 15)
            placed.append(
                (
                    where,
                    _drawn(
                        car_end, canvas, side * half * 0.5, where, any_look(rng, "car"), side < 0
                    ),
                )
            )
    _draw(placed)


def _street_across(canvas: Canvas) -> None:
    rng = canvas.rng
    made, paved = any_look(rng, "road"), any_look(rng, "sidewalk")
    kerb, far_kerb, front = rng.uniform(5.2, 6.0), rng.uniform(10.2, 11.2), rng.uniform(13.6, 14.6)
    suburb = chance(rng, 0.45)
    if suburb:
        grass(canvas, any_look(rng, "grass"))
    walk, lane = canvas.thing("sidewalk", paved), canvas.thing("road", made)
    surface = sidewalk_paint(rng, paved)
    ground_band(canvas, walk, surface, (-60, 60), (0, front if not suburb else far_kerb + 1.6))
    ground_band(canvas, lane, road_paint(rng, made), (-60, 60), (kerb, far_kerb))
    lane_marks(canvas, lane, True, (kerb + far_kerb) / 2, made)
    placed: list[Placed] = []
    x = rng.uniform(-17, -13)
    while x < 12:
        if suburb:
            wide = rng.uniform(7.5, 9)
            placed.append(
                (
                    front + 3,
                    _drawn(
                        house,
                        canvas,
                        x + wide / 2,
                        front + 3,
                        rng.uniform(1.0, 1.25),
                        any_look(rng, "house"),
                    ),
                )
            )
        else:
            wide = rng.uniform(6, 9.5)
            placed.append(
                (
                    front,
                    _drawn(
                        building,
                        canvas,
                        (x, x + wide),
                        rng.uniform(5, 9),
                        (front, front + 8),
                        any_look(rng, "building"),
                    ),
                )
            )
        x += wide
    if suburb and chance(rng, 0.75):
        placed.append(
            (
                front - 0.4,
                _drawn(
                    fence, canvas, (-14.0, rng.uniform(0, 14)), front - 0.4, any_look(rng, "fence")
                ),
            )
        )
    for _ in range(int(rng.integers(1, 4))):
        where = far_kerb + rng.uniform(0.6, 1.4)
        placed.append(
            (
                where,
                _drawn(
                    tree,
                    canvas,
                    rng.uniform(-7, 7),
                    where,
                    rng.uniform(4, 5.5),
                    any_look(rng, "tree"),
                ),
            )
        )
    for lane_share, share in ((0.72, 0.7), (0.3, 0.75)):
        if chance(rng, share):
            where = kerb + (far_kerb - kerb) * lane_share
            placed.append(
                (
                    where,
                    _drawn(
                        car_side,
                        canvas,
                        rng.uniform(-3.5, 3.5),
                        where,
                        any_look(rng, "car"),
                        lane_share < 0.5,
                    ),
                )
            )
    for _ in range(int(rng.integers(1, 4))):
        where = kerb - rng.uniform(0.2, 0.8) if chance(rng, 0.6) else far_kerb + 0.8
        placed.append(
            (
                where,
                _drawn(
                    person,
                    canvas,
                    rng.uniform(-3, 3),
                    where,
                    any_look(rng, "person", "seated person"),
                ),
            )
        )
    _draw(placed)


def park(canvas: Canvas) -> str:
    """A lawn with a path, trees, a bench and a flower bed."""
    rng = canvas.rng
    light = any_look(rng, "sky")
    sky(canvas, light)
    if chance(rng, 0.35):
        wide = rng.uniform(12, 20)
        start = rng.uniform(-30, 10)
        building(
            canvas, (start, start + wide), rng.uniform(9, 14), (60, 70), any_look(rng, "building")
        )
    grass(canvas, any_look(rng, "grass"))
    side = 1 if chance(rng, 0.5) else -1
    path(
        canvas,
        any_look(rng, "path"),
        side * rng.uniform(-1.2, 0.2),
        side * rng.uniform(1, 5),
        rng.uniform(1.3, 1.7),
        38,
    )
    placed: list[Placed] = []
    for k in range(-4, 5):
        where = rng.uniform(30, 38)
        placed.append(
            (
                where,
                _drawn(
                    tree,
                    canvas,
                    k * 6 + rng.uniform(-2, 2),
                    where,
                    rng.uniform(6.5, 10),
                    any_look(rng, "tree"),
                ),
            )
        )
    for _ in range(int(rng.integers(2, 4))):
        where = rng.uniform(10, 18)
        spot = rng.uniform(0.18, 0.6) * where * (1 if chance(rng, 0.5) else -1)
        placed.append(
            (where, _drawn(tree, canvas, spot, where, rng.uniform(4.5, 6.5), any_look(rng, "tree")))
        )
    if chance(rng, 0.5):
        where = rng.uniform(12, 16)
        placed.append((where, _drawn(fence, canvas, (-15.0, 15.0), where, any_look(rng, "fence"))))
    if chance(rng, 0.9):
        where, spot = rng.uniform(5.2, 6.6), -side * rng.uniform(1.2, 2.2)
        placed.append((where, _drawn(bench, canvas, spot, where, any_look(rng, "bench"))))
        if chance(rng, 0.5):
            placed.append(
                (where - 0.01, _drawn(person, canvas, spot, where - 0.05, "seated person"))
            )
    if chance(rng, 0.75):
        where = rng.uniform(4.2, 5.0)
        placed.append(
            (
                where,
                _drawn(
                    flowers,
                    canvas,
                    side * rng.uniform(1.2, 2.0),
                    where,
                    rng.uniform(1.4, 2.2),
                    any_look(rng, "flower"),
                ),
            )
        )
    if chance(rng, 0.6):
        where = rng.uniform(6.0, 8.5)
        placed.append(
            (
                where,
                _drawn(plant, canvas, rng.uniform(-3, 3), where, "shrub", rng.uniform(1.3, 1.8)),
            )
        )
    for _ in range(int(rng.integers(0, 3))):
        where = rng.uniform(6, 10)
        placed.append(
            (
                where,
                _drawn(
                    person,
                    canvas,
                    rng.uniform(-2.5, 2.5),
                    where,
                    any_look(rng, "person", "seated person"),
                ),
            )
        )
    _draw(placed)
    return light


def beach(canvas: Canvas) -> str:
    """Sand, sea and boats."""
    rng = canvas.rng
    light = any_look(rng, "sky")
    sky(canvas, light)
    if chance(rng, 0.3):
        mountains(canvas, "distant ridge", rng.uniform(3, 6), 88, 26)
    sand(canvas, any_look(rng, "sand"))
    shore = rng.uniform(6.5, 9.5)
    sea(canvas, any_look(rng, "sea"), shore, rng.uniform(-0.28, 0.28))
    placed: list[Placed] = []
    for _ in range(int(rng.integers(1, 3))):
        where = rng.uniform(16, 30)
        boat_look = any_look(rng, "boat")
        placed.append(
            (
                where,
                _drawn(
                    boat,
                    canvas,
                    rng.uniform(-0.4, 0.4) * where,
                    where,
                    rng.uniform(0.8, 1.1),
                    boat_look,
                    chance(rng, 0.5),
                ),
            )
        )
    for _ in range(int(rng.integers(1, 3))):
        where = rng.uniform(4.8, 7.0)
        placed.append(
            (
                where,
                _drawn(
                    rock,
                    canvas,
                    rng.uniform(-0.5, 0.5) * where,
                    where,
                    rng.uniform(0.8, 1.5),
                    any_look(rng, "rock"),
                ),
            )
        )
    for _ in range(int(rng.integers(0, 3))):
        where = rng.uniform(5.2, 8)
        placed.append(
            (
                where,
                _drawn(
                    person,
                    canvas,
                    rng.uniform(-0.4, 0.4) * where,
                    where,
                    any_look(rng, "person", "seated person"),
                ),
            )
        )
    if chance(rng, 0.35):
        side = 1 if chance(rng, 0.5) else -1
        where = rng.uniform(6.5, 8.0)
        placed.append(
            (
                where,
                _drawn(
                    tree,
                    canvas,
                    side * where * 0.52,
                    where,
                    rng.uniform(3.2, 4.2),
                    any_look(rng, "tree", "autumn tree"),
                ),
            )
        )
    _draw(placed)
    return light


def mountain(canvas: Canvas) -> str:
    """Peaks behind a meadow with trees, rocks and perhaps a cottage."""
    rng = canvas.rng
    light = any_look(rng, "sky")
    sky(canvas, light)
    if chance(rng, 0.5):
        mountains(canvas, "distant ridge", rng.uniform(18, 24), 88, 34)
    mountains(
        canvas,
        any_look(rng, "mountain", "distant ridge"),
        rng.uniform(22, 30),
        84,
        rng.uniform(26, 40),
    )
    if chance(rng, 0.6):
        mountains(
            canvas,
            any_look(rng, "mountain", "distant ridge", "snow-capped peak"),
            rng.uniform(8, 13),
            80,
            24,
        )
    grass(
        canvas,
        any_look(rng, "grass", "mown lawn", "clover lawn")
        if chance(rng, 0.7)
        else any_look(rng, "grass"),
    )
    if chance(rng, 0.65):
        path(
            canvas,
            any_look(rng, "path"),
            rng.uniform(-1.2, 1.2),
            rng.uniform(-8, 8),
            rng.uniform(1.3, 1.7),
            40,
        )
    placed: list[Placed] = []
    if chance(rng, 0.55):
        where = rng.uniform(15, 21)
        placed.append(
            (
                where,
                _drawn(
                    house,
                    canvas,
                    rng.uniform(-0.35, 0.35) * where,
                    where,
                    rng.uniform(0.9, 1.15),
                    any_look(rng, "house"),
                ),
            )
        )
    for _ in range(int(rng.integers(3, 7))):
        where = rng.uniform(11, 30)
        look = "conifer" if chance(rng, 0.7) else any_look(rng, "tree")
        placed.append(
            (
                where,
                _drawn(
                    tree, canvas, rng.uniform(-0.6, 0.6) * where, where, rng.uniform(4.5, 7), look
                ),
            )
        )
    for _ in range(int(rng.integers(1, 4))):
        where = rng.uniform(4.8, 9)
        placed.append(
            (
                where,
                _drawn(
                    rock,
                    canvas,
                    rng.uniform(-0.55, 0.55) * where,
                    where,
                    rng.uniform(0.9, 1.8),
                    any_look(rng, "rock"),
                ),
            )
        )
    if chance(rng, 0.3):
        where = rng.uniform(9, 12)
        placed.append(
            (
                where,
                _drawn(fence, canvas, (-9.0, rng.uniform(-1, 9)), where, any_look(rng, "fence")),
            )
        )
    if chance(rng, 0.4):
        where = rng.uniform(6, 9)
        placed.append(
            (
                where,
                _drawn(
                    person,
                    canvas,
                    rng.uniform(-2, 2),
                    where,
                    any_look(rng, "person", "seated person", "child"),
                ),
            )
        )
    if chance(rng, 0.3):
        where = rng.uniform(4.2, 5)
        placed.append(
            (
                where,
                _drawn(
                    flowers,
                    canvas,
                    rng.uniform(-2, 2),
                    where,
                    rng.uniform(1.4, 2.0),
                    any_look(rng, "flower", "sunflower"),
                ),
            )
        )
    _draw(placed)
    return light


def _drawn(draw: Callable[..., None], *arguments: object) -> Callable[[], None]:
    return lambda: draw(*arguments)


def _draw(placed: list[Placed]) -> None:
    """Far things first, so that near ones hide them."""
    for _, draw in sorted(placed, key=lambda item: -item[0]):
        draw()
