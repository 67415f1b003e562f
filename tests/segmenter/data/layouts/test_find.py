from pathlib import Path

import pytest

from langseg.cache.errors import InputError
from langseg.segmenter.data.layouts.find import dataset_hash, find_samples


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_find_samples__pairs_ade20k_by_stem_sorted_with_their_scenes(tmp_path):
    touch(tmp_path, "images/training/b.jpg", "images/training/a.JPEG", "images/training/c.png")
    touch(tmp_path, *(f"annotations/training/{stem}.png" for stem in "cab"))
    touch(tmp_path, "images/training/.DS_Store", "images/training/looks.jsonl")
    (tmp_path / "sceneCategories.txt").write_text("a living_room\n\nb street\nzzz beach\n")
    samples = find_samples("ade20k", tmp_path, "train")
    assert [(sample.stem, sample.scene) for sample in samples] == [
        ("a", "living room"), ("b", "street"), ("c", "*")
    ]  # fmt: skip
    assert samples[0].image == tmp_path / "images/training/a.JPEG"
    assert samples[0].labels == tmp_path / "annotations/training/a.png"


def test_find_samples__keeps_the_splits_apart(tmp_path):
    touch(tmp_path, "images/training/a.jpg", "annotations/training/a.png")
    touch(tmp_path, "images/validation/b.jpg", "annotations/validation/b.png")
    assert [sample.stem for sample in find_samples("ade20k", tmp_path, "val")] == ["b"]


def test_find_samples__takes_the_flat_development_kit_as_val_only(tmp_path):
    touch(tmp_path, "images/a.jpg", "annotations/a.png")
    assert [sample.stem for sample in find_samples("ade20k", tmp_path, "val")] == ["a"]
    with pytest.raises(InputError, match="got no folder"):
        find_samples("ade20k", tmp_path, "train")


def test_find_samples__finds_camvid_without_scenes(tmp_path):
    touch(tmp_path, "train/a.png", "trainannot/a.png", "val/b.png", "valannot/b.png")
    assert [(s.stem, s.scene) for s in find_samples("camvid", tmp_path, "train")] == [("a", "*")]


def test_find_samples__says_which_folder_was_missing_and_what_was_expected(tmp_path):
    with pytest.raises(InputError) as caught:
        find_samples("camvid", tmp_path, "val")
    assert str(caught.value) == (
        f"{tmp_path / 'val'}: wanted a folder with .jpg or .jpeg or .png or .webp files, got no "
        "folder; the camvid layout has the folders train, trainannot, val, valannot"
    )


def test_find_samples__refuses_an_empty_folder(tmp_path):
    touch(tmp_path, "val/a.jpg")
    (tmp_path / "valannot").mkdir()
    with pytest.raises(InputError, match="valannot: wanted a folder with .png files, got an empty"):
        find_samples("camvid", tmp_path, "val")


@pytest.mark.parametrize(
    ("lonely", "message"),
    [
        ("val/b.jpg", r"b.jpg: wanted a partner named b in .*valannot, got none \(1 of 2 files"),
        ("valannot/b.png", r"b.png: wanted a partner named b in .*val, got none \(1 of 2 files"),
        ("val/a.png", "wanted one file with this stem"),
    ],
)
def test_find_samples__refuses_files_without_exactly_one_partner(tmp_path, lonely, message):
    touch(tmp_path, "val/a.jpg", "valannot/a.png", lonely)
    with pytest.raises(InputError, match=message):
        find_samples("camvid", tmp_path, "val")


@pytest.mark.parametrize(("layout", "split"), [("coco", "val"), ("camvid", "test")])
def test_find_samples__refuses_an_unknown_layout_or_split(tmp_path, layout, split):
    with pytest.raises(InputError, match="wanted a layout of ade20k, camvid and a split of train"):
        find_samples(layout, tmp_path, split)


def test_find_samples__names_the_line_of_a_bad_scene_file(tmp_path):
    touch(tmp_path, "images/a.jpg", "annotations/a.png")
    (tmp_path / "sceneCategories.txt").write_text("a street\nb living room\n")
    with pytest.raises(InputError, match=r"sceneCategories.txt line 2: wanted '<stem> <scene>'"):
        find_samples("ade20k", tmp_path, "val")


def test_find_samples__names_a_scene_file_that_is_not_utf_8(tmp_path):
    touch(tmp_path, "images/training/a.jpg", "annotations/training/a.png")
    (tmp_path / "sceneCategories.txt").write_bytes("a caf\u00e9\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"sceneCategories\.txt: wanted UTF-8"):
        find_samples("ade20k", tmp_path, "train")


def test_dataset_hash__tells_apart_files_of_other_sizes_under_the_same_names(tmp_path):
    touch(tmp_path, "images/training/a.jpg", "annotations/training/a.png")
    samples = find_samples("ade20k", tmp_path, "train")
    seen = {dataset_hash(samples)}
    for path in (samples[0].image, samples[0].labels):
        assert path is not None
        path.write_bytes(b"longer")
        seen.add(dataset_hash(samples))
    assert len(seen) == 3


def test_find_samples__reads_the_real_folders(shared_data):
    ade = find_samples("ade20k", shared_data / "ade20k_sample", "val")
    assert [sample.scene for sample in ade] == ["abbey", "abbey", "access road"]
    assert len(find_samples("camvid", shared_data / "camvid", "train")) == 367
    assert len(find_samples("camvid", shared_data / "camvid", "val")) == 101
