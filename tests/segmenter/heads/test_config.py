import pytest

from langseg.cache.errors import UsageError
from langseg.segmenter.heads.config import HeadConfig


@pytest.mark.parametrize(
    "changes",
    [{"kind": "magic"}, {"hidden": 0}, {"blocks": -1}, {"beta": -1.0}, {"dropout": 1.0}],
)
def test_head_config__refuses_what_cannot_be_built(changes):
    with pytest.raises(UsageError):
        HeadConfig(**changes)
