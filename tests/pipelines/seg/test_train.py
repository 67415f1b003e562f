from pathlib import Path

import pytest

from langseg.cache.errors import UsageError
from langseg.pipelines.seg.train import shipped_configs, train_settings


@pytest.mark.parametrize("file", shipped_configs(), ids=lambda file: file.stem)
def test_shipped_config__is_valid(file: Path):
    assert train_settings(file.stem, {}).training.steps > 0


def test_train_settings__of_a_dataset_are_its_shipped_ones_and_a_wrong_name_lists_them():
    assert train_settings(None, {"dataset": "camvid"}) == train_settings(
        "camvid", {"dataset": "camvid"}
    )
    with pytest.raises(UsageError, match="ade20k, camvid, demo"):
        train_settings("nobodys", {})
