"""The four rooms of the demo renderer: bedroom, living room, kitchen, bathroom.

In:  an empty canvas.
Out: the canvas with one furnished room on it; says whether it is lit by day.
"""

import numpy as np

from langseg.segmenter.demo_world.canvas import Camera, Canvas, Plane
from langseg.segmenter.demo_world.furniture import bed, chair, lamp, sofa, table
from langseg.segmenter.demo_world.kitchen_and_bathroom import (
    basin,
    bathtub,
    cabinet,
    kitchen_sink,
    refrigerator,
    stove,
    toilet,
)
from langseg.segmenter.demo_world.plants import plant
from langseg.segmenter.demo_world.room import Room, draw_room, rug
from langseg.segmenter.demo_world.shapes import Extent
from langseg.segmenter.demo_world.walls import curtains, door, mirror, painting, window


def indoor_camera(rng: np.random.Generator) -> Camera:
    """A view into a room from standing height."""
    return Camera(
        focal=rng.uniform(186, 206),
        centre_x=rng.uniform(116, 140),
        horizon_y=rng.uniform(60, 72),
        eye=rng.uniform(1.52, 1.68),
    )


class _Row:
    """Places along the back wall, counted from the left or, by chance, from the right."""

    def __init__(self, canvas: Canvas, room: Room) -> None:
        self._room, self.flipped = room, canvas.chance(0.5)
        self.length = room.right - room.left

    def at(self, offset: float) -> float:
        return self._room.right - offset if self.flipped else self._room.left + offset

    def span(self, start: float, end: float) -> Extent:
        a, b = self.at(start), self.at(end)
        return min(a, b), max(a, b)


def bedroom(canvas: Canvas) -> bool:
    """A bed against the back wall, and what stands around it."""
    unlikely = ("tiled wall", "brick wall") if canvas.chance(0.6) else ("tiled wall",)
    floor = "plank floor" if canvas.chance(0.5) else canvas.look("floor")
    room = _room(canvas, 4.5, canvas.look("wall", *unlikely), floor)
    row, look, back = _Row(canvas, room), canvas.look("bed"), room.depth
    half = 0.52 if look in ("single bed", "bunk bed") else 0.85
    bed_at, stand_at = 0.75 + half, 1.15 + 2 * half
    free_at = (0.75 + 2 * half + row.length) / 2
    _window_with_curtains(canvas, room, row.at(free_at))
    if look not in ("four-poster bed", "bunk bed"):
        _picture(canvas, room, row.at(bed_at), 1.5, 0.95, mirrored=0.25)
    _side_fitting(canvas, room, not row.flipped, "door")
    if canvas.chance(0.5):
        _side_fitting(canvas, room, row.flipped, "mirror" if canvas.chance(0.5) else "window")
    body = canvas.look("cabinet", "glass-front cabinet")
    cabinet(canvas, row.span(stand_at - 0.27, stand_at + 0.27), (0, 0.58), (back - 0.5, back), body)
    lit = not room.daylight or canvas.chance(0.3)
    lamp(canvas, row.at(stand_at), back - 0.25, 0.58, "table lamp", lit)
    if canvas.chance(0.75):
        near = free_at + canvas.between(-0.4, 0.2)
        rug(
            canvas, row.span(near - 0.85, near + 0.85), (back - 2.6, back - 1.1), canvas.look("rug")
        )
    bed(canvas, row.at(bed_at), back, look)
    if canvas.chance(0.5):
        look = canvas.look("plant", "shrub")
        plant(canvas, row.at(row.length - 0.45), back - 0.4, look, canvas.between(0.9, 1.2))
    if canvas.chance(0.5):
        chair(canvas, row.at(row.length - 0.8), back - 1.3, canvas.look("chair"), away=False)
    return room.daylight


def living_room(canvas: Canvas) -> bool:
    """A sofa against the back wall, a table on a rug before it."""
    floor = "plank floor" if canvas.chance(0.4) else canvas.look("floor", "checkered floor")
    room = _room(canvas, 5.0, canvas.look("wall", "tiled wall"), floor)
    row, back, half = _Row(canvas, room), room.depth, canvas.between(0.95, 1.15)
    middle = row.length / 2 - canvas.between(0, 0.6)
    beside = row.length - 0.75
    if canvas.chance(0.5):
        _window_with_curtains(canvas, room, row.at(middle))
        _picture(canvas, room, row.at(beside), 1.45, 0.95, mirrored=0.3)
    else:
        _picture(canvas, room, row.at(middle), 1.3, 1.3, mirrored=0)
        _window_with_curtains(canvas, room, row.at(beside))
    right = canvas.chance(0.5)
    _side_fitting(canvas, room, right, "door")
    if canvas.chance(0.6):
        _side_fitting(canvas, room, not right, "window" if canvas.chance(0.5) else "mirror")
    if canvas.chance(0.85):
        wide = canvas.between(1.0, 1.35)
        mat = row.span(middle - wide, middle + wide)
        rug(canvas, mat, (back - 2.5, back - 0.75), canvas.look("rug"))
    sofa(canvas, row.span(middle - half, middle + half), back - 0.05, canvas.look("sofa"))
    lamp_at, plant_at = middle + half + 0.4, middle - half - 0.4
    if canvas.chance(0.5) and plant_at > 0.3:
        lamp_at, plant_at = plant_at, lamp_at
    lamp(canvas, row.at(lamp_at), back - 0.3, 0.0, "floor lamp", not room.daylight)
    if plant_at > 0.2:
        look = canvas.look("plant", "shrub")
        plant(canvas, row.at(plant_at), back - 0.5, look, canvas.between(1.0, 1.4))
    low = (canvas.between(1.0, 1.3), 0.45)
    table_at = row.at(middle + canvas.between(-0.3, 0.3))
    table(canvas, table_at, back - 1.65, low, canvas.look("table"))
    if canvas.chance(0.4):
        chair(canvas, row.at(beside), back - 1.9, canvas.look("chair"), away=False)
    return room.daylight


def kitchen(canvas: Canvas) -> bool:
    """Cabinets with stove and sink along the back wall, a table in front."""
    tiled, checkered = canvas.chance(0.35), canvas.chance(0.35)
    wall = "tiled wall" if tiled else canvas.look("wall", "wood-panelled wall")
    room = _room(canvas, 4.9, wall, "checkered floor" if checkered else canvas.look("floor"))
    row, back, sink_at = _Row(canvas, room), room.depth, canvas.between(2.5, 2.8)
    pane = canvas.look("windowpane")
    wide = 0.8 if pane == "shuttered window" else 1.1
    place = (row.at(sink_at) - wide / 2, 1.22, wide, 0.95)
    window(canvas, room.back, place, pane, room.daylight)
    fitting = "door" if canvas.chance(0.6) else "window"
    _side_fitting(canvas, room, not row.flipped, fitting)
    refrigerator(canvas, row.at(0.55), (back - 0.7, back), canvas.look("refrigerator"))
    look, deep = canvas.look("cabinet"), (back - 0.6, back)
    base = "wooden cabinet" if look == "glass-front cabinet" else look
    for start, end in ((1.0, 1.65), (sink_at + 0.8, row.length - 0.05)):
        cabinet(canvas, row.span(start, end), (1.5, 2.2), (back - 0.36, back), look)
    ends = (1.95, sink_at - 0.46, sink_at + 0.46, row.length - 0.02)
    for start, end in zip(ends, ends[1:], strict=False):
        cabinet(canvas, row.span(start, end), (0.0, 0.92), deep, base)
    kitchen_sink(canvas, row.at(sink_at), back - 0.6)
    stove(canvas, row.at(1.55), (back - 0.64, back), canvas.look("stove"))
    _dining_group(canvas, room)
    if canvas.chance(0.35):
        look = canvas.look("plant", "shrub")
        plant(canvas, row.at(row.length - 0.35), back - 1.2, look, 1.0)
    return room.daylight


def _dining_group(canvas: Canvas, room: Room) -> None:
    """A table between two chairs, a lamp over it; either may be missing."""
    x, z = canvas.between(-0.5, 0.6), room.depth - canvas.between(2.1, 2.3)
    if canvas.chance(0.8):
        look = canvas.look("chair")
        for side in (-0.95, 0.95):
            chair(canvas, x + side, z - 0.2, look, away=canvas.chance(0.3))
        table(canvas, x, z, (canvas.between(1.2, 1.45), 0.74), canvas.look("table"))
    if canvas.chance(0.65):
        lamp(canvas, x, z + 0.4, room.height, "hanging lamp", not room.daylight)


def bathroom(canvas: Canvas) -> bool:
    """A bathtub, a washbasin under a mirror, and a toilet along the back wall."""
    tiled, wooden = canvas.chance(0.65), canvas.chance(0.15)
    wall = "tiled wall" if tiled else canvas.look("wall", "tiled wall")
    floor = "plank floor" if wooden else canvas.look("floor", "plank floor")
    room = _room(canvas, 4.1, wall, floor)
    row, back = _Row(canvas, room), room.depth
    place = (row.at(0.95) - 0.5, 1.25, 1.0, 0.85)
    window(canvas, room.back, place, canvas.look("windowpane", "shuttered window"), room.daylight)
    fitting = "door" if canvas.chance(0.75) else "mirror"
    _side_fitting(canvas, room, not row.flipped, fitting)
    sink_at, toilet_at = (3.35, 2.35) if canvas.chance(0.6) else (2.45, 3.4)
    look, glass = (
        canvas.look("sink", "steel kitchen sink"),
        canvas.look("mirror", "full-length mirror"),
    )
    wide = 1.0 if glass == "framed wall mirror" else 0.85
    mirror(canvas, room.back, (row.at(sink_at) - wide / 2, 1.24, wide, 0.9), glass)
    if look == "countertop basin":
        under = canvas.look("cabinet", "glass-front cabinet")
        span = row.span(sink_at - 0.5, sink_at + 0.5)
        cabinet(canvas, span, (0.0, 0.86), (back - 0.55, back), under)
    basin(canvas, row.at(sink_at), back, look)
    toilet(canvas, row.at(toilet_at), back, canvas.look("toilet"))
    bathtub(canvas, row.span(0.12, 1.82), back - 0.05, canvas.look("bathtub"))
    if canvas.chance(0.75):
        mat = canvas.between(1.2, 2.4)
        rug(canvas, row.span(mat - 0.75, mat + 0.75), (back - 2.1, back - 1.0), canvas.look("rug"))
    if canvas.chance(0.45):
        look = canvas.look("plant", "shrub")
        plant(canvas, row.at(canvas.between(0.25, 0.5)), back - 1.25, look, 0.85)
    return room.daylight


def _room(canvas: Canvas, width: float, wall: str, floor: str) -> Room:
    """An empty room ``width`` metres wide."""
    shift, depth = canvas.between(-0.25, 0.25), canvas.between(0, 0.5)
    room = Room(
        left=-width / 2 + shift,
        right=width / 2 + shift,
        depth=depth + (4.95 if width > 4.3 else 4.25),
        height=canvas.between(2.5, 2.75),
        daylight=canvas.chance(0.7),
    )
    draw_room(canvas, room, wall, floor, canvas.look("ceiling"))
    return room


def _window_with_curtains(canvas: Canvas, room: Room, x: float) -> None:
    """A window in the back wall centred at X = x, most times with curtains."""
    hung, low = canvas.chance(0.7), canvas.between(0.8, 0.95)
    look = canvas.look("windowpane", *(["shuttered window"] if hung else []))
    half = 0.4 if look == "shuttered window" else canvas.between(0.55, 0.65)
    window(canvas, room.back, (x - half, low, 2 * half, 2.15 - low), look, room.daylight)
    if room.daylight:
        pool = [(x - 1.8, 0), (x + 1.8, 0), (x + 1.8, 2.8), (x - 1.8, 2.8)]
        canvas.glow(room.back, pool, (46, 48, 50), 0.6)
    if hung:
        bottom = 0.06 if canvas.chance(0.6) else low - 0.25
        span = (x - half, x + half)
        curtains(canvas, room.back, span, (bottom, 2.28), canvas.look("curtain"))


def _picture(canvas: Canvas, room: Room, x: float, v: float, width: float, mirrored: float) -> None:
    """A painting on the back wall centred at X = x; a mirror with probability ``mirrored``."""
    plane: Plane = room.back
    if canvas.chance(mirrored):
        place = (x - 0.42, v, 0.84, 0.84)
        mirror(canvas, plane, place, canvas.look("mirror", "full-length mirror"))
        return
    look, height = canvas.look("painting"), width * canvas.between(0.62, 0.78)
    if look == "portrait painting":
        width, height = 0.72, 0.86
    painting(canvas, plane, (x - width / 2, v, width, height), look)


def _side_fitting(canvas: Canvas, room: Room, right: bool, fitting: str) -> None:
    """A door, window or tall mirror in a side wall, where the camera sees it."""
    plane, near = room.side(right), room.depth - canvas.between(1.35, 1.55)
    if fitting == "door":
        look = canvas.look("door")
        door(canvas, plane, room.depth - 1.75 if look == "double door" else near, look)
    elif fitting == "mirror":
        mirror(canvas, plane, (near, 0.15, 0.9, 1.85), "full-length mirror")
    else:
        look = canvas.look("windowpane", "shuttered window")
        window(canvas, plane, (near, 0.95, 1.1, 1.2), look, room.daylight)
