import pytest

from langseg.cache.errors import UsageError
from langseg.segmenter.training.config import TrainConfig


def test_learning_rate__warms_up_and_then_falls_to_nearly_nothing():
    config = TrainConfig(steps=100, warmup_steps=10, lr=1.0)
    rates = [config.learning_rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[99] < 0.02


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0},
        {"lr": -1.0},
        {"class_share": 1.1},
        {"told_share": float("nan")},
        {"seed": -1},
        {"weight_decay": -0.1},
        {"warmup_steps": -1},
        {"scale": (2.0, 0.5)},
        {"scale": (0.0, 1.0)},
    ],  # fmt: skip
)
def test_train_config__refuses_what_cannot_be_meant(changes):
    with pytest.raises(UsageError, match=next(iter(changes))):
        TrainConfig(**changes)


def test_train_config__refuses_windows_larger_than_the_pictures():
    with pytest.raises(UsageError, match="feature_side"):
        TrainConfig(crop=64, feature_side=48)
