"""A second run on kept features runs no backbone, whatever its seed, head or labels."""

import pytest

from langseg.segmenter.features.store import FeatureFolder
from langseg.segmenter.training.train import train
from tests.support.tiny_segmenter import (
    tiny_bank,
    tiny_config,
    tiny_head,
    tiny_samples,
    tiny_vit,
    write_dataset,
)


def test_run__after_another_reads_what_that_one_kept(tmp_path):
    write_dataset(tmp_path / "data", count=3)
    backbone, folder = tiny_vit(), FeatureFolder(path=tmp_path / "features")

    def run(name: str, **changes: object) -> None:
        config = tiny_config(steps=1, feature_side=48, views=3, **changes)
        train(
            config=config, backbone=backbone, bank=tiny_bank(), features=folder,
            samples=tiny_samples(tmp_path / "data"), out=tmp_path / name,
        )  # fmt: skip

    run("first")
    backbone.register_forward_pre_hook(lambda *args: pytest.fail("the backbone was run"))
    run("second", seed=1, crop=16, head=tiny_head(kind="linear"))
