from pathlib import Path

import pytest

from langseg.cache.errors import InputError, UsageError
from langseg.pipelines.seg.pictures import wanted_pictures

OUT = Path("out")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two cameras with frames of the same names, and things that are no pictures."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "cam1/frame0.jpg", "cam1/frame1.JPG", "cam1/x.jpg", "cam1/x.png", "cam1/deep/frame0.jpg",
        "cam2/frame0.jpg", "cam2/.hidden.jpg", "cam2/._frame0.jpg", "cam2/notes.txt", "photo.jpg",
        "cam1/.cache/y.jpg", "folder.jpg/inside.webp", "none/readme.txt",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def masks(*words: str, out: Path = OUT) -> dict[str, str]:
    found = wanted_pictures([Path(word) for word in words], out)
    assert all(one.overlay == one.mask.with_name(f"overlay_{one.mask.name}") for one in found)
    return {str(one.image): str(one.mask.relative_to(out)) for one in found}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["photo.jpg"], {"photo.jpg": "photo.png"}),
        (["cam2"], {"cam2/frame0.jpg": "frame0.png"}),  # neither hidden files nor others
        (["cam1/deep", "cam2", "photo.jpg"],
         {"cam1/deep/frame0.jpg": "deep/frame0.png", "cam2/frame0.jpg": "cam2/frame0.png",
          "photo.jpg": "photo.png"}),
        (["cam1/frame*"], {"cam1/frame0.jpg": "frame0.png", "cam1/frame1.JPG": "frame1.png"}),
        (["cam?/frame0.jpg"],
         {"cam1/frame0.jpg": "cam1/frame0.png", "cam2/frame0.jpg": "cam2/frame0.png"}),
        (["cam1/**/frame0.jpg"],
         {"cam1/deep/frame0.jpg": "deep/frame0.png", "cam1/frame0.jpg": "frame0.png"}),
        (["cam2/frame0.jpg", "cam1/frame0.jpg"],
         {"cam2/frame0.jpg": "cam2/frame0.png", "cam1/frame0.jpg": "cam1/frame0.png"}),
        (["cam1/x.jpg", "cam1/x.png"], {"cam1/x.jpg": "x.jpg.png", "cam1/x.png": "x.png.png"}),
        (["photo.jpg", "./photo.jpg"], {"photo.jpg": "photo.png"}),
        (["folder.jpg"], {"folder.jpg/inside.webp": "inside.png"}),
        (["gone.jpg", "photo.jpg"], {"gone.jpg": "gone.png", "photo.jpg": "photo.png"}),
        (["cam9/*.jpg", "photo.jpg"], {"cam9/*.jpg": "*.png", "photo.jpg": "photo.png"}),
        (["none", "photo.jpg"], {"none": "none.png", "photo.jpg": "photo.png"}),
    ],
)  # fmt: skip
def test_wanted_pictures__are_named_after_their_place(
    here: Path, words: list[str], wanted: dict[str, str]
):
    assert masks(*words) == wanted


def test_wanted_pictures__of_a_folder_keep_its_layout_and_come_in_the_order_of_their_names(here):
    assert list(masks("cam1").items()) == [
        ("cam1/frame0.jpg", "frame0.png"), ("cam1/frame1.JPG", "frame1.png"),
        ("cam1/x.jpg", "x.jpg.png"), ("cam1/x.png", "x.png.png"),
        ("cam1/deep/frame0.jpg", "deep/frame0.png"),
    ]  # fmt: skip


def test_wanted_pictures__leave_out_the_results_of_an_earlier_run_inside_their_folder(here: Path):
    (here / "cam2/masks").mkdir()
    (here / "cam2/masks/frame0.png").touch()
    assert masks("cam2", out=Path("cam2/masks")) == {"cam2/frame0.jpg": "frame0.png"}
    assert masks("cam2/**", out=Path("cam2/masks")) == {"cam2/frame0.jpg": "frame0.png"}


@pytest.mark.parametrize(
    ("words", "out", "kind", "reason"),
    [
        (["none"], "out", InputError, "none: wanted pictures .*found none"),
        (["cam9/*.jpg", "none"], "out", InputError, r"cam9/\*.jpg, none: wanted pictures"),
        (["cam1"], "cam1", UsageError, "give --out another folder"),
        (["cam1/x.jpg"], "cam1", UsageError, "x.png: is there already, beside the pictures"),
        (["cam1/frame0.jpg", "frame0.png"], ".", UsageError, "frame0.png: is a picture"),
        (["a.jpg", "overlay_a.jpg"], "out", UsageError, "two pictures would be written there"),
    ],
)
def test_wanted_pictures__refuses(here, words, out, kind, reason):
    with pytest.raises(kind, match=reason):
        wanted_pictures([Path(word) for word in words], Path(out))


def test_wanted_pictures__of_a_glob_in_quotes_may_be_in_the_home_folder(here, monkeypatch):
    """No shell expands a ``~`` in quotes (mittagessen/kraken#627)."""
    monkeypatch.setenv("HOME", str(here))
    assert list(masks("~/cam2/*.jpg").values()) == ["frame0.png"]


def test_wanted_pictures__may_have_their_masks_beside_them(here: Path):
    assert masks("photo.jpg", out=Path()) == {"photo.jpg": "photo.png"}
