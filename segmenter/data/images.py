"""Turn a picture file into pixels: the one decoder of training, evaluation and prediction.

In:  a path, or the bytes of an upload.
Out: uint8 [H, W, 3] RGB as a viewer would show it, or an InputError that names the file.

The header is checked before any pixel is decoded, because a 379 KB PNG can hold 400 megapixels
(vllm#47010). Pillow does all decoding and resizing: decoders and resizers differ from each
other by enough to move a score (pytorch/vision#2950).
"""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from langseg.cache.errors import InputError

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 64_000_000
# EXIF orientation -> how to undo it. Not ImageOps.exif_transpose: that also rewrites the EXIF
# block, and fails on one with a damaged tag beside a readable orientation.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_image(source: Path | bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Pixels of a JPEG, PNG or WebP, as displayed: EXIF rotation applied, transparency on white.

    Returns: uint8 [H, W, 3], writable. An animation gives its first frame.
    Raises: InputError, for a file that is missing, empty, of another format, truncated,
    damaged, or larger than ``max_pixels``.
    """
    image = load_image(source, max_pixels=max_pixels)
    return np.array(_to_rgb(_upright(image)))


def image_size(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """(H, W) that ``decode_image`` would give, from the header alone. Raises: InputError."""
    image = _open(path, FORMATS, max_pixels)
    with image:
        width, height = image.size
        return (width, height) if _orientation(image) >= 5 else (height, width)


def load_image(
    source: Path | bytes, *, formats: tuple[str, ...] = FORMATS, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """The decoded Pillow image in its own mode, not rotated. Raises: InputError."""
    image = _open(source, formats, max_pixels)
    with image:
        try:
            image.load()
        except Exception as exc:  # hostile bytes make the plugins raise nearly anything
            raise InputError(
                f"{_name(source)}: wanted a whole picture, got a truncated or damaged file ({exc})"
            ) from exc
    return image


def keep_ratio_size(
    height: int, width: int, short: int, longest: int | None = 2048
) -> tuple[int, int]:
    """(H, W) with the short side at ``short``, smaller where the long side would pass ``longest``.

    Rounds as mmsegmentation's ``Resize(scale=(2048, 512))`` does.
    Raises: InputError, if the result would hold more than MAX_PIXELS.
    """
    factor = short / min(height, width)
    if longest is not None:
        factor = min(factor, longest / max(height, width))
    size = max(1, int(height * factor + 0.5)), max(1, int(width * factor + 0.5))
    if size[0] * size[1] > MAX_PIXELS:
        raise InputError(
            f"a {width}x{height} picture with its short side at {short} would be "
            f"{size[1]}x{size[0]}, above {MAX_PIXELS} pixels; limit the long side"
        )
    return size


def resize_to_units(
    image: NDArray[np.uint8], short: int, unit: int, longest: int = 4
) -> NDArray[np.uint8]:
    """Resized to ``short``, then stretched by less than half a unit to whole units a side.

    What the model reads: no pixel is padded. Args: longest: bound on the long side, in short
    sides, as mmsegmentation's (2048, 512).
    """
    size = keep_ratio_size(image.shape[0], image.shape[1], short, longest * short)
    height, width = (max(1, round(side / unit)) * unit for side in size)
    picture = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    return np.array(picture)


def _open(source: Path | bytes, formats: tuple[str, ...], max_pixels: int) -> Image.Image:
    """Header read and checked, nothing decoded."""
    name = _name(source)
    try:
        empty = len(source) == 0 if isinstance(source, bytes) else source.stat().st_size == 0
        if empty:
            raise InputError(f"{name}: wanted a picture, got an empty file")
        image = Image.open(
            io.BytesIO(source) if isinstance(source, bytes) else source, "r", formats
        )
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise InputError(f"{name}: wanted at most {max_pixels} pixels ({exc})") from exc
    except UnidentifiedImageError as exc:
        wanted = " or ".join(formats)
        raise InputError(f"{name}: wanted a {wanted} picture, got something else") from exc
    except InputError:
        raise
    except Exception as exc:  # hostile bytes make the plugins raise nearly anything
        if isinstance(exc, OSError) and exc.errno:
            raise InputError(f"{name}: cannot be read ({exc.strerror})") from exc
        raise InputError(
            f"{name}: wanted a picture, got a truncated or damaged header ({exc})"
        ) from exc
    width, height = image.size
    if width * height > max_pixels:
        image.close()
        raise InputError(
            f"{name}: wanted at most {max_pixels} pixels, got {width}x{height}; shrink the picture"
        )
    return image


def _name(source: Path | bytes) -> str:
    return "the uploaded picture" if isinstance(source, bytes) else str(source)


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1..8; 1, "upright", where there is none or it cannot be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF in a sound picture; it raises nearly anything
        return 1
    return value if value in _UPRIGHT else 1


def _upright(image: Image.Image) -> Image.Image:
    method = _UPRIGHT.get(_orientation(image))
    return image if method is None else image.transpose(method)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion clips at 255
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        page = Image.new("RGBA", image.size, "white")
        page.alpha_composite(image.convert("RGBA"))
        return page.convert("RGB")
    return image.convert("RGB")
