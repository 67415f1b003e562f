"""The four rooms of the demo renderer: bedroom, living room, kitchen, bathroom.

In:  an empty canvas.
Out: the canvas with one furnished room on it; layout, looks and light come from its generator.
"""

import numpy as np

from langseg.segmenter.demo_canvas import Camera, Canvas, Plane
from langseg.segmenter.demo_fixtures import (
    basin,
    bathtub,
    cabinet,
    kitchen_sink,
    plant,
    refrigerator,
    stove,
    toilet,
)
from langseg.segmenter.demo_furniture import bed, chair, lamp, painting, sofa, table
from langseg.segmenter.demo_looks import LOOKS
from langseg.segmenter.demo_room import Room, curtains, door, draw_room, mirror, rug, window


def indoor_camera(rng: np.random.Generator) -> Camera:
    """A view into a room from standing height."""
    return Camera(
        focal=rng.uniform(186, 206),
        centre_x=rng.uniform(116, 140),
        horizon_y=rng.uniform(60, 72),
        eye=rng.uniform(1.52, 1.68),
    )


def any_look(rng: np.random.Generator, class_name: str, *without: str) -> str:
    """One look of the class, none of ``without``."""
    looks = [look for look in LOOKS[class_name] if look not in without]
    return looks[int(rng.integers(len(looks)))]


def chance(rng: np.random.Generator, share: float) -> bool:
    """True with probability ``share``."""
    return bool(rng.random() < share)


def bedroom(canvas: Canvas) -> Room:
    """A bed against the back wall, and what stands around it."""
    rng = canvas.rng
    room = _room(rng, 4.5)
    wall = any_look(rng, "wall", "tiled wall", *(("brick wall",) if chance(rng, 0.6) else ()))
    floor = "plank floor" if chance(rng, 0.5) else any_look(rng, "floor")
    draw_room(canvas, room, wall, floor, any_look(rng, "ceiling"))
    look = any_look(rng, "bed")
    half = 0.6 if look in ("single bed", "bunk bed") else 0.95
    on_right = chance(rng, 0.5)
    x = room.right - half - 0.75 if on_right else room.left + half + 0.75
    free = (room.left, x - half) if on_right else (x + half, room.right)
    _window_with_curtains(canvas, room, room.back, sum(free) / 2)
    if look not in ("four-poster bed", "bunk bed"):
        _picture(canvas, room.back, x, 1.5, chance(rng, 0.25))
    _side_fitting(canvas, room, right=not on_right, fitting="door")
    if chance(rng, 0.5):
        _side_fitting(
            canvas, room, right=on_right, fitting="mirror" if chance(rng, 0.5) else "window"
        )
    stand = x - half - 0.3 if on_right else x + half + 0.3
    span = (stand - 0.27, stand + 0.27)
    cabinet(
        canvas,
        span,
        (0.0, 0.58),
        (room.depth - 0.5, room.depth),
        any_look(rng, "cabinet", "glass-front cabinet"),
    )
    lamp(
        canvas, stand, room.depth - 0.25, 0.58, "table lamp", not room.daylight or chance(rng, 0.3)
    )
    if chance(rng, 0.75):
        middle = (free[0] + free[1]) / 2 + rng.uniform(-0.2, 0.4) * (1 if on_right else -1)
        rug(
            canvas,
            (middle - 0.85, middle + 0.85),
            (room.depth - 2.6, room.depth - 1.1),
            any_look(rng, "rug"),
        )
    bed(canvas, x, room.depth, look)
    far_x = room.left + 0.45 if on_right else room.right - 0.45
    if chance(rng, 0.5):
        chair(
            canvas,
            far_x + (0.35 if on_right else -0.35),
            room.depth - 1.3,
            any_look(rng, "chair"),
            away=False,
        )
    if chance(rng, 0.5):
        plant(
            canvas, far_x, room.depth - 0.4, any_look(rng, "plant", "shrub"), rng.uniform(0.9, 1.2)
        )
    return room


def living_room(canvas: Canvas) -> Room:
    """A sofa against the back wall, a table on a rug before it."""
    rng = canvas.rng
    room = _room(rng, 5.0)
    floor = "plank floor" if chance(rng, 0.4) else any_look(rng, "floor", "checkered floor")
    draw_room(canvas, room, any_look(rng, "wall", "tiled wall"), floor, any_look(rng, "ceiling"))
    x = rng.uniform(-0.6, 0.6) + (room.left + room.right) / 2
    half = rng.uniform(0.95, 1.15)
    if chance(rng, 0.5):
        _window_with_curtains(canvas, room, room.back, x)
        _picture(
            canvas,
            room.back,
            room.left + 0.7 if x > 0 else room.right - 0.7,
            1.45,
            chance(rng, 0.3),
        )
    else:
        _picture(canvas, room.back, x + rng.uniform(-0.3, 0.3), 1.3, False, 1.3)
        _window_with_curtains(
            canvas, room, room.back, room.left + 0.75 if x > 0 else room.right - 0.75
        )
    right = chance(rng, 0.5)
    _side_fitting(canvas, room, right=right, fitting="door")
    if chance(rng, 0.6):
        _side_fitting(
            canvas, room, right=not right, fitting="window" if chance(rng, 0.5) else "mirror"
        )
    if chance(rng, 0.85):
        wide = rng.uniform(1.0, 1.35)
        rug(
            canvas,
            (x - wide, x + wide),
            (room.depth - 2.5, room.depth - 0.75),
            any_look(rng, "rug"),
        )
    sofa(canvas, (x - half, x + half), room.depth - 0.05, any_look(rng, "sofa"))
    left_free, right_free = x - half - 0.4, x + half + 0.4
    spots = [left_free, right_free] if chance(rng, 0.5) else [right_free, left_free]
    if room.left + 0.3 < spots[0] < room.right - 0.3:
        lamp(canvas, spots[0], room.depth - 0.3, 0.0, "floor lamp", not room.daylight)
    if room.left + 0.2 < spots[1] < room.right - 0.2:
        plant(
            canvas,
            spots[1],
            room.depth - 0.5,
            any_look(rng, "plant", "shrub"),
            rng.uniform(1.0, 1.4),
        )
    table(
        canvas,
        x + rng.uniform(-0.3, 0.3),
        room.depth - 1.65,
        rng.uniform(1.0, 1.3),
        0.45,
        any_look(rng, "table"),
    )
    if chance(rng, 0.4):
        side = room.right - 0.75 if x < 0 else room.left + 0.75
        chair(canvas, side, room.depth - 1.9, any_look(rng, "chair"), away=False)
    return room


def kitchen(canvas: Canvas) -> Room:
    """A row of cabinets with stove and sink along the back wall, a table in front."""
    rng = canvas.rng
    room = _room(rng, 4.9)
    wall = "tiled wall" if chance(rng, 0.35) else any_look(rng, "wall", "wood-panelled wall")
    floor = "checkered floor" if chance(rng, 0.35) else any_look(rng, "floor")
    draw_room(canvas, room, wall, floor, any_look(rng, "ceiling"))
    look, back = any_look(rng, "cabinet"), room.depth
    base = look if look != "glass-front cabinet" else "wooden cabinet"
    flipped = chance(rng, 0.5)

    def place(offset: float) -> float:
        return room.right - offset if flipped else room.left + offset

    def span(start: float, end: float) -> tuple[float, float]:
        ends = sorted((place(start), place(end)))
        return ends[0], ends[1]

    total = room.right - room.left
    sink_at, stove_at = rng.uniform(2.5, 2.8), 1.55
    window(canvas, room.back, place(sink_at) - 0.55, 1.22, 1.1, 0.95, any_look(rng, "windowpane"),
           room.daylight)  # fmt: skip
    _side_fitting(canvas, room, right=not flipped, fitting="door" if chance(rng, 0.6) else "window")
    refrigerator(canvas, place(0.55), (back - 0.7, back), any_look(rng, "refrigerator"))
    cabinet(canvas, span(1.0, stove_at + 0.1), (1.5, 2.2), (back - 0.36, back), look)
    cabinet(canvas, span(sink_at + 0.7, total - 0.05), (1.5, 2.2), (back - 0.36, back), look)
    cabinet(canvas, span(1.95, sink_at - 0.45), (0.0, 0.92), (back - 0.6, back), base, worktop=True)
    cabinet(
        canvas,
        span(sink_at - 0.46, sink_at + 0.46),
        (0.0, 0.9),
        (back - 0.6, back),
        base,
        worktop=True,
    )
    cabinet(
        canvas,
        span(sink_at + 0.45, total - 0.02),
        (0.0, 0.92),
        (back - 0.6, back),
        base,
        worktop=True,
    )
    kitchen_sink(canvas, place(sink_at), back - 0.6)
    stove(canvas, place(stove_at), (back - 0.64, back), any_look(rng, "stove"))
    x = rng.uniform(-0.5, 0.6)
    table_z = room.depth - rng.uniform(2.1, 2.3)
    chair_look = any_look(rng, "chair")
    if chance(rng, 0.8):
        for side in (-0.95, 0.95):
            chair(canvas, x + side, table_z - 0.2, chair_look, away=chance(rng, 0.3))
        table(canvas, x, table_z, rng.uniform(1.2, 1.45), 0.74, any_look(rng, "table"))
    if chance(rng, 0.65):
        lamp(canvas, x, table_z + 0.4, room.height, "hanging lamp", not room.daylight)
    if chance(rng, 0.35):
        plant(canvas, place(total - 0.35), room.depth - 1.2, any_look(rng, "plant", "shrub"), 1.0)
    return room


def bathroom(canvas: Canvas) -> Room:
    """A bathtub, a washbasin under a mirror, and a toilet along the back wall."""
    rng = canvas.rng
    room = _room(rng, 4.1)
    wall = "tiled wall" if chance(rng, 0.65) else any_look(rng, "wall", "tiled wall")
    floor = "plank floor" if chance(rng, 0.15) else any_look(rng, "floor", "plank floor")
    draw_room(canvas, room, wall, floor, any_look(rng, "ceiling", "beamed ceiling"))
    flipped = chance(rng, 0.5)

    def place(offset: float) -> float:
        return room.right - offset if flipped else room.left + offset

    tub = sorted((place(0.12), place(1.82)))
    window(canvas, room.back, place(0.95) - 0.5, 1.25, 1.0, 0.85, any_look(rng, "windowpane", "shuttered window"),
           room.daylight)  # fmt: skip
    _side_fitting(
        canvas, room, right=not flipped, fitting="door" if chance(rng, 0.75) else "mirror"
    )
    sink_at, toilet_at = (3.35, 2.35) if chance(rng, 0.6) else (2.45, 3.4)
    look = any_look(rng, "sink", "steel kitchen sink")
    glass = any_look(rng, "mirror", "full-length mirror")
    wide = 0.85 if glass != "framed wall mirror" else 1.0
    mirror(canvas, room.back, place(sink_at) - wide / 2, 1.24, wide, 0.9, glass)
    if look == "countertop basin":
        body = (place(sink_at) - 0.5, place(sink_at) + 0.5)
        cabinet(canvas, body, (0.0, 0.86), (room.depth - 0.55, room.depth), any_look(rng, "cabinet", "glass-front cabinet"),
                worktop=True)  # fmt: skip
    basin(canvas, place(sink_at), room.depth, look)
    toilet(canvas, place(toilet_at), room.depth, any_look(rng, "toilet"))
    bathtub(canvas, (tub[0], tub[1]), room.depth - 0.05, any_look(rng, "bathtub"))
    if chance(rng, 0.75):
        middle = place(rng.uniform(1.2, 2.4))
        rug(
            canvas,
            (middle - 0.75, middle + 0.75),
            (room.depth - 2.1, room.depth - 1.0),
            any_look(rng, "rug"),
        )
    if chance(rng, 0.45):
        plant(
            canvas,
            place(rng.uniform(0.25, 0.5)),
            room.depth - 1.25,
            any_look(rng, "plant", "shrub"),
            0.85,
        )
    return room


def _room(rng: np.random.Generator, width: float) -> Room:
    shift = rng.uniform(-0.25, 0.25)
    return Room(
        left=-width / 2 + shift,
        right=width / 2 + shift,
        depth=rng.uniform(4.9, 5.5) if width > 4.3 else rng.uniform(4.3, 4.7),
        height=rng.uniform(2.5, 2.75),
        daylight=chance(rng, 0.7),
    )


def _window_with_curtains(canvas: Canvas, room: Room, plane: Plane, u: float) -> None:
    """A window centred at u, most times with curtains."""
    rng = canvas.rng
    hung = chance(rng, 0.7)
    look = any_look(rng, "windowpane", "shuttered window") if hung else any_look(rng, "windowpane")
    wide = rng.uniform(1.1, 1.3) if look != "shuttered window" else 0.8
    low = rng.uniform(0.8, 0.95)
    window(canvas, plane, u - wide / 2, low, wide, 2.15 - low, look, room.daylight)
    if room.daylight:
        canvas.glow(
            plane, [(u - 1.8, 0), (u + 1.8, 0), (u + 1.8, 2.8), (u - 1.8, 2.8)], (46, 48, 50), 0.6
        )
    if hung:
        bottom = 0.06 if chance(rng, 0.6) else low - 0.25
        curtains(canvas, plane, u - wide / 2, wide, 2.28, bottom, any_look(rng, "curtain"))


def _picture(
    canvas: Canvas, plane: Plane, u: float, v: float, mirrored: bool, width: float = 0.95
) -> None:
    """A painting, or a mirror in its place, centred at u."""
    rng = canvas.rng
    height = width * rng.uniform(0.62, 0.78)
    if mirrored:
        mirror(
            canvas, plane, u - 0.42, v, 0.84, 0.84, any_look(rng, "mirror", "full-length mirror")
        )
        return
    look = any_look(rng, "painting")
    if look == "portrait painting":
        width, height = 0.72, 0.86
    painting(canvas, plane, u - width / 2, v, width, height, look)


def _side_fitting(canvas: Canvas, room: Room, right: bool, fitting: str) -> None:
    """A door, window or tall mirror in a side wall, where the camera sees it."""
    rng = canvas.rng
    plane, near = room.side(right), room.depth - rng.uniform(1.35, 1.55)
    if fitting == "door":
        look = any_look(rng, "door")
        door(canvas, plane, near if look != "double door" else room.depth - 1.75, look)
    elif fitting == "mirror":
        mirror(canvas, plane, near, 0.15, 0.9, 1.85, "full-length mirror")
    else:
        window(
            canvas,
            plane,
            near,
            0.95,
            1.1,
            1.2,
            any_look(rng, "windowpane", "shuttered window"),
            room.daylight,
        )
