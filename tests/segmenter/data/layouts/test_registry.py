import pytest

from langseg.cache.errors import InputError
from langseg.segmenter.data.layouts.registry import find_samples


@pytest.mark.parametrize(("layout", "split"), [("coco", "val"), ("camvid", "test")])
def test_find_samples__refuses_an_unknown_layout_or_split(tmp_path, layout, split):
    with pytest.raises(InputError, match="wanted a layout of ade20k, .* and a split of train"):
        find_samples(layout, tmp_path, split)


def test_find_samples__reads_the_real_folders(shared_data):
    ade = find_samples("ade20k", shared_data / "ade20k_sample", "val")
    assert [sample.scene for sample in ade] == ["abbey", "abbey", "access road"]
    assert len(find_samples("camvid", shared_data / "camvid", "train")) == 367
    assert len(find_samples("camvid", shared_data / "camvid", "val")) == 101
