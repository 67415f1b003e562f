import pytest

from langseg.cache.errors import InputError
from langseg.segmenter.data.layouts.registry import find_samples
from tests.support.tiny_segmenter import touch


def test_find_samples__says_which_folder_was_missing_and_what_was_expected(tmp_path):
    with pytest.raises(InputError) as caught:
        find_samples("camvid", tmp_path, "val")
    assert str(caught.value) == (
        f"{tmp_path / 'val'}: wanted a folder with files, got no folder; the camvid layout has the "
        "folders train, trainannot, val, valannot"
    )


def test_find_samples__refuses_an_empty_folder(tmp_path):
    touch(tmp_path, "val/a.jpg")
    (tmp_path / "valannot").mkdir()
    with pytest.raises(
        InputError, match="valannot: wanted a folder with .png or .* files, got an em"
    ):
        find_samples("camvid", tmp_path, "val")


@pytest.mark.parametrize(
    ("lonely", "message"),
    [
        (
            "val/b.jpg",
            r"b.jpg: wanted a partner .*valannot, got none \(without a partner: 1 of 2 f",
        ),
        (
            "valannot/b.png",
            r"b.png: wanted a partner .*val, got none \(without a partner: 1 of 2 f",
        ),
        ("val/a.png", "wanted one file with this stem"),
    ],
)
def test_find_samples__refuses_files_without_exactly_one_partner(tmp_path, lonely, message):
    touch(tmp_path, "val/a.jpg", "valannot/a.png", lonely)
    with pytest.raises(InputError, match=message):
        find_samples("camvid", tmp_path, "val")
