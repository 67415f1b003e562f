import pytest

from langseg.cache.errors import UsageError
from langseg.segmenter.inference.reading import Reading


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mode": "tiles"}, "wanted one of whole, slide"),
        ({"average": "votes"}, "wanted one of logits, probabilities"),
        ({"short_side": 15}, "wanted at least 16 pixels, got 15"),
        ({"window": 64}, "wanted them with mode slide, got mode whole"),
        ({"mode": "slide", "window": 64, "stride": 65}, "which would leave gaps"),
        ({"scales": ()}, "wanted one or more"),
        ({"scales": (1.0, 0.0)}, "wanted one or more of 0.1 to 8"),
        ({"scales": (1.0, float("nan"))}, "wanted one or more of 0.1 to 8"),
        ({"scales": (1.0, 1.0)}, "wanted each once"),
    ],
)
def test_reading__refuses_what_cannot_be_meant(wrong, message):
    with pytest.raises(UsageError, match=message):
        Reading(**wrong)


def test_reading__names_what_is_averaged():
    assert Reading().averaged == "nothing"
    assert Reading(mode="slide").averaged == "stride-4 logits, over windows"
    everything = Reading(mode="slide", scales=(0.5, 1.0), flip=True, average="probabilities")
    assert everything.averaged == (
        "stride-4 softmax of the logits, over windows, scales, mirror images, on the grid of the "
        "largest scale"
    )
