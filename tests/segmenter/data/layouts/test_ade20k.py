import pytest

from langseg.cache.errors import InputError
from langseg.segmenter.data.layouts.registry import find_samples
from tests.support.tiny_segmenter import touch


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


def test_find_samples__names_the_line_of_a_bad_scene_file(tmp_path):
    touch(tmp_path, "images/a.jpg", "annotations/a.png")
    (tmp_path / "sceneCategories.txt").write_text("a street\nb\n")
    with pytest.raises(InputError, match=r"sceneCategories.txt line 2: wanted '<stem> <scene>'"):
        find_samples("ade20k", tmp_path, "val")


@pytest.mark.parametrize(
    "listed",
    [
        "\ufeffa b living_room\r\nc street\r\n".encode(),  # Windows: a mark first, CRLF
        "a b living_room\nc street\n".encode("utf-16"),  # what Notepad calls Unicode
        b"a b\tliving room\nc\tstreet\n",
        b"a b,living room\nc,street\n",
        b"a b.jpg living_room\nc.JPG street\n",
        b"validation/a b living room\nvalidation/c  street \n\n",
    ],
)
def test_find_samples__reads_a_scene_list_however_it_was_saved(tmp_path, listed):
    touch(tmp_path, "images/a b.jpg", "images/c.jpg", "annotations/a b.png", "annotations/c.png")
    (tmp_path / "sceneCategories.txt").write_bytes(listed)
    scenes = [sample.scene for sample in find_samples("ade20k", tmp_path, "val")]
    assert scenes == ["living room", "street"]


def test_find_samples__reads_scenes_in_free_text_with_commas(tmp_path):
    touch(tmp_path, "images/a.jpg", "annotations/a.png")
    (tmp_path / "sceneCategories.txt").write_text("a,a_quiet_street,_after_rain\n")
    assert find_samples("ade20k", tmp_path, "val")[0].scene == "a quiet street, after rain"


def test_find_samples__names_a_scene_file_that_is_not_utf_8(tmp_path):
    touch(tmp_path, "images/training/a.jpg", "annotations/training/a.png")
    (tmp_path / "sceneCategories.txt").write_bytes("a caf\u00e9\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"sceneCategories\.txt: wanted UTF-8"):
        find_samples("ade20k", tmp_path, "train")
