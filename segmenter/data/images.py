"""Turn a picture file into pixels: the one decoder of training, evaluation and prediction.

In:  a file, on disk or in a zip, the bytes of an upload, or what a program holds: a Pillow image,
     an array.
Out: uint8 [H, W, 3] RGB as a viewer would show it, or an InputError that names the file.

The header is checked before any pixel is decoded, because a 379 KB PNG can hold 400 megapixels
(vllm#47010). Pillow does all decoding and resizing: decoders and resizers differ from each
other by enough to move a score (pytorch/vision#2950).
"""

import io
import os
from os import PathLike
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from langseg.cache.errors import InputError
from langseg.segmenter.data.sources import Source, ZipMember

Picture = str | PathLike[str] | bytes | Image.Image | NDArray[Any]
Window = tuple[float, float]
UPLOAD_FORMATS = ("JPEG", "PNG", "WEBP")  # of anybody's bytes
FORMATS = (*UPLOAD_FORMATS, "TIFF", "BMP")  # of files on one's own disk
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
_GREY_MODES = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L")
_SUBFILE = 254  # TIFF's tag: 1 a smaller copy of another page, 4 a mask of it


def pixels_of(picture: Picture) -> NDArray[np.uint8]:
    """Pixels of whatever a person has, as ``decode_image`` gives those of a file.

    Args: picture: a file, its bytes, a Pillow image in any mode of 8 or 16 bits, or an array of
        RGB [H, W, 3], RGBA [H, W, 4] or grey [H, W], uint8 or uint16. OpenCV's arrays are BGR:
        give ``array[..., ::-1]``.

    Raises: InputError, for any other; a float array may mean 0..1 or 0..255.
    """
    if isinstance(picture, (str, PathLike)):
        if "://" in str(picture):
            raise InputError(f"{picture}: wanted a file, got an address; download it first")
        return decode_image(Path(picture))
    if isinstance(picture, bytes):
        return decode_image(picture)
    if isinstance(picture, Image.Image):
        return _pixels_of_image(picture)
    if isinstance(picture, np.ndarray):
        return _pixels_of_array(picture)
    raise InputError(
        "picture: wanted a path, a Pillow image or an array [H, W, 3] of uint8, got "
        f"{type(picture).__name__}"
    )


def decode_image(
    source: Source | bytes,
    max_pixels: int = MAX_PIXELS,
    *,
    window: Window | None = None,
    page: int | None = None,
) -> NDArray[np.uint8]:
    """Pixels of a picture as displayed: EXIF rotation applied, transparency on white.

    Args:
        window: (low, high) of a grey picture's values: low and below are black, high and above
            white. Without one, 16 bits are 0..65535.
        page: of a TIFF that has several, counted from 0.

    Returns: uint8 [H, W, 3], writable. An animation gives its first frame.
    Raises: InputError, for a file that is missing, empty, of another format, truncated,
    damaged, or larger than ``max_pixels``; for values that need a window, pages that need a page.
    """
    with open_image(source, max_pixels=max_pixels) as file:
        at_page(file, page, _name(source))
        image = _upright(loaded(file, _name(source)))
    if window is not None:
        return _windowed(image, window, _name(source))
    _check_values(image, _name(source))
    return np.array(_to_rgb(image))


def image_size(
    source: Source, max_pixels: int = MAX_PIXELS, *, page: int | None = None
) -> tuple[int, int]:
    """(H, W) that ``decode_image`` would give, from the header alone. Raises: InputError."""
    image = open_image(source, max_pixels=max_pixels)
    with image:
        at_page(image, page, _name(source))
        width, height = image.size
        is_upright = image.format == "TIFF" or _orientation(image) < 5  # Pillow turns a TIFF itself
        return (height, width) if is_upright else (width, height)


def exif_orientation(source: Source) -> int:
    """1..8, from the header alone; 1, "upright", where there is none. Raises: InputError."""
    with open_image(source) as image:
        return _orientation(image)


def turned(labels: NDArray[np.integer], orientation: int) -> NDArray[np.integer]:
    """Labels [H, W] that were drawn on the picture as stored, as it is displayed."""
    method = _UPRIGHT.get(orientation)
    if method is None:
        return labels
    return np.asarray(Image.fromarray(labels.astype(np.int32)).transpose(method))


def page_numbers(source: Source) -> tuple[int, ...]:
    """The pages of a picture: of a TIFF those that are no smaller copies of others. Raises:
    InputError."""
    with open_image(source) as image:
        return _pages(image)


def at_page(image: Image.Image, page: int | None, name: str) -> None:
    """Go to a page of an opened TIFF; without ``page`` it must have one. Raises: InputError."""
    pages = _pages(image)
    if page is None:
        if len(pages) > 1:
            raise InputError(
                f"{name}: wanted one picture, got {len(pages)} pages; say which with --page, or "
                "--page all"
            )
        return
    if page >= len(pages):
        raise InputError(f"{name}: wanted page {page}, got a picture of {len(pages)}, from 0 on")
    if page:
        image.seek(pages[page])


def loaded(image: Image.Image, name: str) -> Image.Image:
    """The decoded Pillow image in its own mode, not rotated. Raises: InputError."""
    try:
        image.load()
    except Exception as exc:  # hostile bytes make the plugins raise nearly anything
        raise InputError(
            f"{name}: wanted a whole picture, got a truncated or damaged file ({exc})"
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


def size_in_units(
    height: int, width: int, short: int, unit: int, longest: int = 4
) -> tuple[int, int]:
    """(H, W) with the short side at ``short``, then each side the nearest multiple of ``unit``.

    Args: longest: bound on the long side, in short sides, as mmsegmentation's (2048, 512).
    """
    high, wide = keep_ratio_size(height, width, short, longest * short)
    return max(1, round(high / unit)) * unit, max(1, round(wide / unit)) * unit


def resize_to_units(
    image: NDArray[np.uint8], short: int, unit: int, longest: int = 4
) -> NDArray[np.uint8]:
    """Resized to ``size_in_units``: stretched by less than half a unit, no pixel is padded.

    What the model reads.
    """
    height, width = size_in_units(image.shape[0], image.shape[1], short, unit, longest)
    picture = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    return np.array(picture)


def open_image(
    source: Source | bytes, formats: tuple[str, ...] | None = None, max_pixels: int = MAX_PIXELS
) -> ImageFile.ImageFile:
    """Header read and checked, nothing decoded; to be closed. Raises: InputError.

    ``formats``: of Pillow's names; else UPLOAD_FORMATS of bytes and FORMATS of a file.
    """
    name = _name(source)
    allowed = formats or (UPLOAD_FORMATS if isinstance(source, bytes) else FORMATS)
    if isinstance(source, ZipMember):
        source = source.read_bytes()
    if isinstance(source, Path) and source.exists() and not (source.is_file() or source.is_dir()):
        raise InputError(f"{name}: wanted a file, got a pipe or a device")  # reading it may not end
    try:
        file = source if isinstance(source, Path) else io.BytesIO(source)
        image = Image.open(file, "r", allowed)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise InputError(f"{name}: wanted at most {max_pixels} pixels ({exc})") from exc
    except UnidentifiedImageError as exc:
        if not (source.stat().st_size if isinstance(source, Path) else source):
            raise InputError(f"{name}: wanted a picture, got an empty file") from exc
        wanted = " or ".join(allowed)
        raise InputError(f"{name}: wanted a {wanted} picture, got {_other(name)}") from exc
    except Exception as exc:  # hostile bytes make the plugins raise nearly anything
        if isinstance(exc, OSError) and exc.errno:
            raise InputError(f"{name}: cannot be read ({exc.strerror})") from exc
        raise InputError(
            f"{name}: wanted a picture, got a truncated or damaged header ({exc})"
        ) from exc
    try:
        _check_pixels(name, *image.size, max_pixels)
    except InputError:
        image.close()
        raise
    return image


def _other(name: str) -> str:
    """What a file of no known format is, by its name, and what to do with it."""
    suffix = os.path.splitext(name)[1].lower()
    if suffix in (".dcm", ".dicom"):
        return "DICOM; save it as a 16-bit PNG or TIFF and give its --grey-window"
    if suffix in (".tif", ".tiff"):
        return "no TIFF of 1, 3 or 4 bands of one kind; save it as one"
    return "something else; save it as one"


def _pages(image: Image.Image) -> tuple[int, ...]:
    """Of a TIFF that also holds smaller copies or masks of its picture, the pictures alone."""
    count = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
    pages = [0]
    for number in range(1, count):
        image.seek(number)
        if not image.tag_v2.get(_SUBFILE, 0) & 0b101:  # type: ignore[attr-defined]
            pages.append(number)
    if count > 1:
        image.seek(0)
    return tuple(pages)


def _windowed(image: Image.Image, window: Window, name: str) -> NDArray[np.uint8]:
    if image.mode not in _GREY_MODES:
        raise InputError(f"{name}: wanted a grey picture for the window, got {image.mode}")
    low, high = window
    values = np.asarray(image).astype(np.float32)
    values = np.where(np.isnan(values), low, values).clip(low, high)  # no value is black
    grey = ((values - low) * (255 / (high - low))).round().astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _check_values(image: Image.Image, name: str) -> None:
    """Floats, and whole numbers beyond 16 bits, mean no grey by themselves. Raises: InputError."""
    if image.mode in ("F", "I"):
        low, high = cast(tuple[float, float], image.getextrema())  # these modes have one band
        if image.mode == "F" or low < 0 or high >= 1 << 16:
            raise InputError(
                f"{name}: wanted 8 or 16 bits a channel, got values from {low:g} to {high:g}; say "
                "which are black and white with --grey-window LOW,HIGH"
            )


def _pixels_of_image(image: Image.Image) -> NDArray[np.uint8]:
    _check_pixels("picture", *image.size, MAX_PIXELS)
    if image.mode == "F":
        raise InputError(f"picture: wanted 8 or 16 bits a channel, got floats (mode {image.mode})")
    try:
        if image.mode.startswith("I"):
            _check_16_bits(int(np.asarray(image).max()))
        return np.array(_to_rgb(_upright(image)))
    except InputError:
        raise
    except Exception as exc:  # a file opened lazily is decoded here, and may be damaged
        raise InputError(f"picture: wanted a whole picture, got a damaged one ({exc})") from exc


def _pixels_of_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    shape = array.shape if array.ndim != 3 or array.shape[2] != 1 else array.shape[:2]
    got = f"{array.dtype} {list(array.shape)}"
    if array.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"picture: wanted an array of uint8, got {got}; bring it to 0..255 and to uint8"
        )
    if 0 in shape or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (3, 4)):
        hint = (
            "; its channels come last: array.transpose(1, 2, 0)" if _channels_first(shape) else ""
        )
        raise InputError(f"picture: wanted an array [H, W, 3], got {got}{hint}")
    _check_pixels("picture", shape[1], shape[0], MAX_PIXELS)
    if array.dtype == np.uint16:
        _check_16_bits(int(array.max()))
    bytes_ = (array if array.dtype == np.uint8 else array >> 8).astype(np.uint8).reshape(shape)
    return np.array(_to_rgb(Image.fromarray(np.ascontiguousarray(bytes_))))


def _check_16_bits(largest: int) -> None:
    """8 bits in 16 would be a black picture. Raises: InputError."""
    if 0 < largest <= 255:
        raise InputError(
            f"picture: wanted 16 bits, 0..65535, got values up to {largest} only, which are 8 "
            "bits; bring it to uint8"
        )


def _channels_first(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[0] in (1, 3, 4)


def _check_pixels(name: str, width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise InputError(
            f"{name}: wanted at most {max_pixels} pixels, got {width}x{height}; shrink the picture"
        )


def _name(source: Source | bytes) -> str:
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
