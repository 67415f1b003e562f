"""The canvas of the demo renderer: flat shapes on planes in space, painted back to front.

In:  a camera, a random generator, and polygons in metres on planes in space.
Out: the picture [H, W, 3] uint8, its label map [H, W] uint8, and the looks that stay visible.

Everything is laid out for a 256 x 192 picture (x right, y down) and scaled to the size asked
for. Space is in metres: X right of the camera, Y up from the ground, Z ahead. Every shape that
is painted belongs to a thing (an instance of a class in one look); the last one painted at a
pixel owns it, so labels and looks always agree with what is seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from langseg.segmenter.demo_world.looks import ADE_IDS, LOOKS

DESIGN_WIDTH, DESIGN_HEIGHT = 256, 192
OVERSAMPLE = 4  # edge samples per pixel and axis
SMALLEST_SHARE = 0.0008  # of the picture; a thing with less in sight is left unlabelled

Grid = NDArray[np.floating[Any]]  # float32, or float64 on the way to it
Vector = tuple[float, float, float]
Colour = tuple[float, float, float]
Outline = Sequence[tuple[float, float]]
Paint = Callable[[Grid, Grid, Grid], Grid]  # u, v, metres per pixel, each [h, w] -> [h, w, 3]
Shade = Callable[[Grid, Grid], Grid]  # s, t in 0..1 across the shape -> factor [h, w]


@dataclass(frozen=True)
class Camera:
    """A level pinhole camera: ``focal`` and the horizon are in design pixels, ``eye`` in metres."""

    focal: float
    centre_x: float
    horizon_y: float
    eye: float

    def project(self, point: Vector) -> tuple[float, float]:
        """The design pixel of a point; Z must be above 0."""
        x, y, z = point
        scale = self.focal / z
        return self.centre_x + scale * x, self.horizon_y + scale * (self.eye - y)


@dataclass(frozen=True)
class Plane:
    """A plane through ``origin`` with unit axes ``a`` (u runs along it) and ``b`` (v)."""

    origin: Vector
    a: Vector
    b: Vector

    def at(self, u: float, v: float) -> Vector:
        """The point in space of plane coordinates (u, v)."""
        o, a, b = self.origin, self.a, self.b
        return (o[0] + u * a[0] + v * b[0], o[1] + u * a[1] + v * b[1], o[2] + u * a[2] + v * b[2])


def upright(x: float, y: float, z: float) -> Plane:
    """A plane that faces the camera; (0, 0) lies at (x, y, z), v runs up."""
    return Plane((x, y, z), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


def level(y: float = 0.0) -> Plane:
    """A horizontal plane at height y: u is X, v is Z."""
    return Plane((0.0, y, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))


def sideways(x: float) -> Plane:
    """A vertical plane along the line of sight at X = x: u is Z, v is Y."""
    return Plane((x, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0))


class Canvas:
    """A picture in the making; ``rng`` is the one source of chance for what is drawn on it."""

    def __init__(self, size: tuple[int, int], camera: Camera, rng: np.random.Generator) -> None:
        self.width, self.height = size
        self.camera = camera
        self.rng = rng
        self.scale_x = self.width / DESIGN_WIDTH
        self.scale_y = self.height / DESIGN_HEIGHT
        self.rgb: Grid = np.zeros((self.height, self.width, 3), dtype=np.float32)
        self._owner = np.zeros((self.height, self.width), dtype=np.uint16)
        self._things: list[tuple[str, str]] = [("", "")]  # owner 0 is nobody

    def thing(self, class_name: str, look: str) -> int:
        """Register an instance; what is painted with the number returned belongs to it."""
        if look not in LOOKS[class_name]:
            raise KeyError(f"{look!r} is not a look of {class_name!r}")
        self._things.append((class_name, look))
        return len(self._things) - 1

    def look(self, class_name: str, *without: str) -> str:
        """One look of the class by chance, none of ``without``."""
        looks = [look for look in LOOKS[class_name] if look not in without]
        return looks[int(self.rng.integers(len(looks)))]

    def chance(self, share: float) -> bool:
        """True with probability ``share``."""
        return bool(self.rng.random() < share)

    def between(self, low: float, high: float) -> float:
        """A number in low .. high by chance."""
        return float(self.rng.uniform(low, high))

    def fill(
        self,
        thing: int,
        plane: Plane,
        outlines: Sequence[Outline],
        paint: Paint | Colour,
        shade: Shade | None = None,
        opacity: float = 1.0,
    ) -> None:
        """Paint the union of ``outlines`` (metres on ``plane``); they go to ``thing``."""
        pixels = [[self._pixel(plane.at(u, v)) for u, v in outline] for outline in outlines]
        box = self._box(pixels)
        if box is None:
            return
        rows, columns = slice(box[1], box[3]), slice(box[0], box[2])
        cover = self._cover(pixels, box)
        u, v, per_pixel = self._coordinates(plane, box)
        colour = paint(u, v, per_pixel) if callable(paint) else np.asarray(paint, np.float32)
        if shade is not None:
            us, vs = zip(*(point for outline in outlines for point in outline), strict=True)
            s = np.clip((u - min(us)) / max(max(us) - min(us), 1e-6), 0, 1)
            t = np.clip((v - min(vs)) / max(max(vs) - min(vs), 1e-6), 0, 1)
            colour = colour * shade(s, t)[..., None]
        under = self.rgb[rows, columns]
        under += (colour - under) * (cover * np.float32(opacity))[..., None]
        self._owner[rows, columns][cover >= 0.5] = thing

    def darken(self, plane: Plane, outline: Outline, strength: float, softness: float) -> None:
        """A soft shadow, ``strength`` 0..1; ``softness`` is its falloff as a share of its size."""

        def falloff(s: Grid, t: Grid) -> Grid:
            share: Grid = np.clip((1 - _reach(s, t)) / softness, 0, 1)
            return share

        self._blend(plane, outline, lambda under, k: under * (1 - strength * k), falloff)

    def glow(self, plane: Plane, outline: Outline, light: Colour, power: float) -> None:
        """A pool of added light that fades outwards; ``power`` 0..1."""
        added = np.asarray(light, np.float32)

        def falloff(s: Grid, t: Grid) -> Grid:
            share: Grid = np.clip(1 - _reach(s, t), 0, 1) ** 2
            return share

        self._blend(plane, outline, lambda under, k: under + added * power * k, falloff)

    def looks(self) -> dict[str, list[str]]:
        """The classes in sight and, for each, the looks in sight, all sorted."""
        seen: dict[str, set[str]] = {}
        for number in self._visible():
            class_name, look = self._things[number]
            seen.setdefault(class_name, set()).add(look)
        return {name: sorted(seen[name]) for name in sorted(seen)}

    def labels(self) -> NDArray[np.uint8]:
        """ADE20K ids [H, W]; 0 where nothing labelled is in sight."""
        ids = np.zeros(len(self._things), dtype=np.uint8)
        for number in self._visible():
            ids[number] = ADE_IDS[self._things[number][0]]
        return ids[self._owner]

    def picture(self) -> NDArray[np.uint8]:
        """The colours so far, rounded and clipped to 0..255."""
        return np.clip(np.rint(self.rgb), 0, 255).astype(np.uint8)

    def _visible(self) -> list[int]:
        counts = np.bincount(self._owner.ravel(), minlength=len(self._things))
        least = SMALLEST_SHARE * self.width * self.height
        return [n for n in range(1, len(self._things)) if counts[n] >= least]

    def _pixel(self, point: Vector) -> tuple[float, float]:
        x, y = self.camera.project(point)
        return x * self.scale_x, y * self.scale_y

    def _box(self, pixels: Sequence[Outline]) -> tuple[int, int, int, int] | None:
        xs, ys = zip(*(point for outline in pixels for point in outline), strict=True)
        left, top = max(0, int(np.floor(min(xs)))), max(0, int(np.floor(min(ys))))
        right = min(self.width, int(np.ceil(max(xs))) + 1)
        bottom = min(self.height, int(np.ceil(max(ys))) + 1)
        return (left, top, right, bottom) if left < right and top < bottom else None

    def _cover(self, pixels: Sequence[Outline], box: tuple[int, int, int, int]) -> Grid:
        left, top, right, bottom = box
        k = OVERSAMPLE
        mask = Image.new("L", ((right - left) * k, (bottom - top) * k), 0)
        pen = ImageDraw.Draw(mask)
        for outline in pixels:
            pen.polygon([((x - left) * k, (y - top) * k) for x, y in outline], fill=255)
        return np.asarray(mask.reduce(k), dtype=np.float32) / np.float32(255)

    def _coordinates(self, plane: Plane, box: tuple[int, int, int, int]) -> tuple[Grid, Grid, Grid]:
        """Plane coordinates and metres per pixel of the box, by casting a ray per pixel."""
        left, top, right, bottom = box
        camera = self.camera
        xs = (np.arange(left, right, dtype=np.float32) + 0.5) / self.scale_x
        ys = (np.arange(top, bottom, dtype=np.float32) + 0.5) / self.scale_y
        dx = ((xs - camera.centre_x) / camera.focal)[None, :]
        dy = ((camera.horizon_y - ys) / camera.focal)[:, None]
        a, b = plane.a, plane.b
        normal = np.cross(a, b)
        offset = np.subtract(plane.origin, (0.0, camera.eye, 0.0))
        slope = normal[0] * dx + normal[1] * dy + normal[2]
        slope = np.where(np.abs(slope) < 1e-4, 1e-4, slope).astype(np.float32)
        reach = np.abs(np.float32(normal @ offset) / slope)
        u = reach * (a[0] * dx + a[1] * dy + a[2]) - np.float32(np.dot(offset, a))
        v = reach * (b[0] * dx + b[1] * dy + b[2]) - np.float32(np.dot(offset, b))
        facing = np.clip(np.abs(slope) / np.sqrt(1 + dx**2 + dy**2), 0.02, 1)
        metres = reach / camera.focal / np.sqrt(facing) / min(self.scale_x, self.scale_y)
        return u.astype(np.float32), v.astype(np.float32), metres.astype(np.float32)

    def _blend(
        self, plane: Plane, outline: Outline, mix: Callable[[Grid, Grid], Grid], falloff: Shade
    ) -> None:
        pixels = [[self._pixel(plane.at(u, v)) for u, v in outline]]
        box = self._box(pixels)
        if box is None:
            return
        rows, columns = slice(box[1], box[3]), slice(box[0], box[2])
        u, v, _ = self._coordinates(plane, box)
        us, vs = zip(*outline, strict=True)
        s = (u - min(us)) / max(max(us) - min(us), 1e-6)
        t = (v - min(vs)) / max(max(vs) - min(vs), 1e-6)
        self.rgb[rows, columns] = mix(self.rgb[rows, columns], falloff(s, t)[..., None])


def _reach(s: Grid, t: Grid) -> Grid:
    """Distance from the middle of a shape, 1 at the middle of its edges."""
    reach: Grid = np.sqrt((2 * s - 1) ** 2 + (2 * t - 1) ** 2)
    return reach
