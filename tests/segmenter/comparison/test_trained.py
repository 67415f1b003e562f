import numpy as np

from langseg.segmenter.comparison.splits import Split
from langseg.segmenter.comparison.trained import Training, compare_trained
from langseg.segmenter.data.sample import unheard
from langseg.segmenter.features.store import FeatureFolder
from tests.support.kept_features import GIB, kept_features
from tests.support.tiny_segmenter import (
    tiny_bank,
    tiny_config,
    tiny_samples,
    tiny_vit,
    write_dataset,
)


def test_compare_trained__counts_every_pixel_and_trains_nothing_a_second_time(tmp_path):
    write_dataset(tmp_path / "data")
    train, val = (tiny_samples(tmp_path / "data", split) for split in ("train", "val"))
    config = tiny_config(steps=2, feature_side=48)
    training = Training(
        config=config, backbone=tiny_vit(), samples=train,
        features=FeatureFolder(path=tmp_path / "features", max_bytes=GIB), device="cpu",
        val=kept_features(val, views=1), pictures=val,
    )  # fmt: skip
    steps = []

    def compare():
        return compare_trained(
            tiny_bank(), (Split((1, 2)),), 3, training, tmp_path / "runs",
            lambda step, *_: steps.append(step), unheard,
        )  # fmt: skip

    first, second = compare(), compare()
    assert steps == [1, 2]
    assert first.cells.keys() == second.cells.keys()
    for key, cells in first.cells.items():
        assert all((a == b).all() for a, b in zip(cells, second.cells[key], strict=True))
    assert {protocol for _, _, protocol in first.cells} == {"among", "all"}
    among = [cells for (_, _, protocol), cells in first.cells.items() if protocol == "among"]
    assert set(np.concatenate([cells.predicted for cells in among]).tolist()) <= {1, 2}
