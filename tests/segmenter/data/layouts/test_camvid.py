from langseg.segmenter.data.layouts.registry import find_samples
from tests.support.tiny_segmenter import touch


def test_find_samples__finds_camvid_without_scenes(tmp_path):
    touch(tmp_path, "train/a.png", "trainannot/a.png", "val/b.png", "valannot/b.png")
    assert [(s.stem, s.scene) for s in find_samples("camvid", tmp_path, "train")] == [("a", "*")]
