import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from langseg.cache.errors import InputError
from langseg.segmenter.data.images import (
    decode_image,
    image_size,
    keep_ratio_size,
    pixels_of,
    resize_to_units,
)

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
NOISE = Image.effect_noise((64, 64), 90)


def encoded(image: Image.Image, file_format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises pixels and holds none."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + checksum + b"\0\0\0\0IDAT"


def two_halves(mode: str = "RGB") -> Image.Image:
    """8 wide, 4 high; left half red, right half blue."""
    image = Image.new("RGB", (8, 4), RED)
    image.paste(BLUE, (4, 0, 8, 4))
    return image.convert(mode)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_decode_image__reads_each_format_from_a_path_and_from_bytes(tmp_path, file_format):
    data = encoded(two_halves(), file_format)
    path = tmp_path / "picture"
    path.write_bytes(data)
    pixels = decode_image(path)
    assert pixels.shape == (4, 8, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert pixels[0, 0].astype(int) == pytest.approx(RED, abs=60)  # JPEG blurs colour
    np.testing.assert_array_equal(decode_image(data), pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_decode_image__shows_every_exif_orientation_as_a_viewer_does(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turns = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
             6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270"}  # fmt: skip
    upright = two_halves()
    stored = upright
    if orientation > 1:
        stored = upright.transpose(Image.Transpose[turns[orientation]])
    np.testing.assert_array_equal(decode_image(encoded(stored, exif=exif)), np.asarray(upright))


def test_decode_image__ignores_damaged_exif_in_a_sound_picture():
    sound = encoded(two_halves(), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    np.testing.assert_array_equal(decode_image(sound), np.asarray(two_halves()))


@pytest.mark.parametrize(("mode", "file_format"), [("CMYK", "JPEG"), ("P", "PNG"), ("1", "PNG")])
def test_decode_image__turns_cmyk_palette_and_bilevel_into_rgb(mode, file_format):
    image = two_halves(mode)
    pixels = decode_image(encoded(image, file_format))
    wanted = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(pixels - wanted).max() < 60


def test_decode_image__scales_16_bit_grey_instead_of_clipping_it():
    deep = np.array([[0, 300, 0x8000, 0xFFFF]], np.uint16)
    pixels = decode_image(encoded(Image.fromarray(deep)))
    np.testing.assert_array_equal(pixels[0, :, 1], [0, 1, 128, 255])


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_decode_image__lays_transparent_pixels_on_white(mode):
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 0))
    pixels = decode_image(encoded(image.convert(mode) if mode != "P" else image.quantize(2)))
    np.testing.assert_array_equal(pixels[0], [(0, 0, 0), WHITE])


def test_decode_image__takes_a_jpeg_with_trailing_bytes_and_a_one_pixel_picture():
    assert decode_image(encoded(two_halves(), "JPEG") + b"<html>").shape == (4, 8, 3)
    assert decode_image(encoded(Image.new("L", (1, 1)))).shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<svg/>", "something else"),
        (encoded(two_halves(), "GIF"), "something else"),
        (encoded(NOISE)[:900], "truncated or damaged"),
        (encoded(NOISE, "JPEG")[:900], "truncated or damaged"),
        (encoded(NOISE, "WEBP")[:900], "truncated or damaged"),
        (b"\x89PNG\r\n\x1a\n\0\0", "damaged header|something else"),
        (png_header(20_000, 20_000), "wanted at most 64000000 pixels"),  # Pillow refuses, too
        (png_header(9_000, 9_000), "wanted at most 64000000 pixels, got 9000x9000"),
    ],
)
def test_decode_image__refuses_a_bad_file_in_one_sentence_that_names_it(tmp_path, data, reason):
    path = tmp_path / "bad.jpg"
    path.write_bytes(data)
    with pytest.raises(InputError, match=reason) as caught:
        decode_image(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_decode_image__refuses_a_size_of_which_pillow_only_warns():
    with pytest.raises(InputError, match="got 10000x10000; shrink the picture"):
        decode_image(png_header(10_000, 10_000))


def test_decode_image__refuses_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match="none.png: cannot be read"):
        decode_image(tmp_path / "none.png")
    with pytest.raises(InputError, match="cannot be read"):
        decode_image(tmp_path)


def test_decode_image__waits_for_no_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputError, match="pipe.png: wanted a file, got a pipe or a device"):
        decode_image(tmp_path / "pipe.png")


def test_decode_image__shows_what_a_grey_picture_has_no_value_of_as_black(tmp_path):
    values = np.array([[np.nan, 0.0, 10.0], [np.inf, -np.inf, 5.0]], np.float32)
    Image.fromarray(values).save(tmp_path / "height.tif")
    pixels = decode_image(tmp_path / "height.tif", window=(-10, 10))
    assert pixels[..., 0].tolist() == [[0, 128, 255], [255, 0, 191]]


def test_decode_image__honours_a_smaller_pixel_limit():
    with pytest.raises(InputError, match="wanted at most 31 pixels, got 8x4"):
        decode_image(encoded(two_halves()), max_pixels=31)
    assert decode_image(encoded(two_halves()), max_pixels=32).shape == (4, 8, 3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of damaged metadata
@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["PNG", "JPEG", "WEBP"]),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=4),
    keep=st.floats(0, 1),
)
def test_decode_image__gives_pixels_or_an_input_error_for_any_damage(kind, flips, keep):
    data = bytearray(encoded(two_halves(), kind))
    for place, change in flips:
        data[int(place * len(data))] ^= change
    try:
        pixels = decode_image(bytes(data[: round(keep * len(data)) + 1]), max_pixels=10_000)
    except InputError:
        return
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3


RGB = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10
GREY = RGB[:, :, 0]
WIDE = GREY.astype(np.uint16) * 257  # 16 bits: 0..65535


@pytest.mark.parametrize(
    ("picture", "wanted"),
    [
        (RGB, RGB),
        (RGB[..., ::-1], RGB[..., ::-1]),  # a view with a negative stride, as from OpenCV
        (RGB.astype(np.uint16) * 257, RGB),
        (GREY, np.stack([GREY] * 3, axis=2)),
        (GREY[:, :, None], np.stack([GREY] * 3, axis=2)),
        (WIDE, np.stack([GREY] * 3, axis=2)),
        (np.dstack([RGB, np.zeros_like(GREY)]), np.full((2, 4, 3), 255)),  # clear, on white
        (Image.fromarray(RGB), RGB),
        (Image.fromarray(GREY), np.stack([GREY] * 3, axis=2)),
        (Image.fromarray(WIDE), np.stack([GREY] * 3, axis=2)),
        (Image.fromarray(GREY > 100), np.stack([(GREY > 100) * 255] * 3, axis=2)),
        (Image.fromarray(GREY).convert("P"), np.stack([GREY] * 3, axis=2)),
        (Image.new("RGBA", (4, 2), (1, 2, 3, 0)), np.full((2, 4, 3), 255)),
        (Image.fromarray(GREY).convert("LA"), np.stack([GREY] * 3, axis=2)),
        (Image.fromarray(GREY.astype(np.int32) * 257), np.stack([GREY] * 3, axis=2)),
        (Image.new("CMYK", (4, 2), (0, 0, 0, 255)), np.zeros((2, 4, 3))),
    ],
)
def test_pixels_of__what_a_program_holds_is_what_a_viewer_would_show(picture, wanted):
    pixels = pixels_of(picture)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, wanted)


def test_pixels_of__a_path_bytes_and_an_image_are_upright_alike(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "phone.png"
    path.write_bytes(encoded(two_halves(), exif=exif))
    wanted = decode_image(path)
    assert wanted.shape == (8, 4, 3)
    for picture in (path, str(path), path.read_bytes(), Image.open(path)):
        np.testing.assert_array_equal(pixels_of(picture), wanted)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (RGB / 255, r"uint8, got float64 \[2, 4, 3\]; bring it to 0..255"),
        (np.zeros((3, 20, 30), np.uint8), "channels come last"),
        (RGB[None], r"\[H, W, 3\], got uint8 \[1, 2, 4, 3\]"),
        (GREY > 3, "got bool"),
        (GREY.astype(np.uint16), "values up to 210 only, which are 8 bits"),
        (Image.fromarray(GREY.astype(np.int32)), "values up to 210 only, which are 8 bits"),
        (np.zeros((0, 4, 3), np.uint8), r"got uint8 \[0, 4, 3\]"),
        (Image.fromarray(RGB[:, :, 0] / np.float32(255)), "got floats"),
        ([[1, 2], [3, 4]], "got list"),
        (None, "got NoneType"),
        ("https://example.org/photo.jpg", "got an address; download it first"),
        ("gone.jpg", "gone.jpg: cannot be read"),
    ],
)
def test_pixels_of__refuses_what_it_would_have_to_guess(picture, message):
    with pytest.raises(InputError, match=message):
        pixels_of(picture)


def test_pixels_of__a_damaged_file_opened_lazily_is_named_as_one():
    whole = encoded(NOISE.convert("RGB"), "JPEG")
    with pytest.raises(InputError, match="damaged"):
        pixels_of(Image.open(io.BytesIO(whole[: len(whole) // 2])))


@pytest.mark.parametrize("orientation", [1, 6])
def test_image_size__equals_the_decoded_size(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(two_halves(), exif=exif))
    assert image_size(path) == decode_image(path).shape[:2]


def test_image_size__reads_only_the_header(tmp_path):
    path = tmp_path / "promise.png"
    path.write_bytes(png_header(300, 200))
    assert image_size(path) == (200, 300)


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((512, 683), (512, 683)),
        ((300, 400), (512, 683)),
        ((1024, 768), (683, 512)),
        ((100, 1000), (205, 2048)),  # the long side binds
        ((1, 20_000), (1, 2048)),
    ],
)
def test_keep_ratio_size__puts_the_short_side_at_512_unless_the_long_side_binds(size, wanted):
    assert keep_ratio_size(size[0], size[1], short=512) == wanted


def test_keep_ratio_size__refuses_a_size_that_would_fill_the_memory():
    with pytest.raises(InputError, match="limit the long side"):
        keep_ratio_size(1, 20_000, 512, longest=None)


def test_resize_to_units__gives_whole_units_near_the_short_side():
    image = np.zeros((90, 130, 3), np.uint8)
    assert resize_to_units(image, 64, 8).shape == (64, 96, 3)
    assert resize_to_units(image, 64, 28).shape == (56, 84, 3)
    assert resize_to_units(np.zeros((10, 1000, 3), np.uint8), 64, 8).shape == (8, 256, 3)


def test_resize_to_units__averages_when_it_shrinks():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::2] = 255
    shrunk = resize_to_units(stripes, 16, 8)
    assert np.abs(shrunk[4:-4, 4:-4].astype(int) - 128).max() <= 2


def test_decode_image__reads_the_sample_pictures(shared_data: Path):
    shapes = [decode_image(path).shape
              for path in sorted((shared_data / "ade20k_sample/images").glob("*.jpg"))]  # fmt: skip
    assert shapes == [(512, 683, 3), (364, 500, 3), (300, 400, 3)]
