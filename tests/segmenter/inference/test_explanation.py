"""Which words won a region, and what is said without some of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from langseg.cache.bank.rules import check_bank
from langseg.cache.errors import UsageError
from langseg.segmenter.heads.base import stride_4
from langseg.segmenter.heads.layers import resize
from langseg.segmenter.inference.explanation import (
    Region,
    bank_without,
    explained_regions,
    single_phrases,
    touching,
)
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.model.model import SegModel
from langseg.segmenter.text.collapse import BankTensors, plain_classes
from tests.support.tiny_segmenter import (
    built_head,
    tiny_bank,
    tiny_head,
    tiny_vit,
    trained_run,
)


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> Segmenter:
    run = trained_run(tmp_path_factory.mktemp("explained"))
    return Segmenter.load(run, backbone=tiny_vit())


def explained(segmenter: Segmenter, image: np.ndarray, scene: str | None = None) -> list[Region]:
    features = segmenter.features(image)
    seen = segmenter.look(image, scene, features)
    mask = seen.mask(image.shape[:2]).numpy()
    return explained_regions(segmenter, image, features, seen, mask, scene)


def picture() -> np.ndarray:
    image = np.full((48, 64, 3), (200, 40, 40), np.uint8)
    image[:, 32:] = (40, 180, 60)
    return image


def test_features__are_what_a_look_at_the_picture_computes(segmenter):
    image = picture()
    kept, fresh = segmenter.look(image, None, segmenter.features(image)), segmenter.look(image)
    assert torch.equal(kept.values, fresh.values)


def test_touching__gives_the_largest_first_and_leaves_crumbs_out():
    mask = np.zeros((40, 50), np.int64)
    mask[:, 30:] = 2
    mask[5, 5] = 1  # 1 of 2000 pixels
    mask[10:20, 0:10] = 2
    found = touching(mask)
    assert [(index, int(pixels.sum())) for index, pixels in found] == [
        (0, 1099),
        (2, 800),
        (2, 100),
    ]
    assert not (found[1][1] & found[2][1]).any()


def test_touching__of_nothing_but_crumbs_gives_one_region():
    mask = np.arange(400).reshape(20, 20)
    assert len(touching(mask)) == 1


def test_regions__that_one_phrase_describes_have_its_value_and_the_margin_of_the_logits(segmenter):
    bank = tiny_bank(k=1)
    one = segmenter.with_bank(bank)
    image = picture()
    values = one.look(image).values.flatten(1)
    for region in explained(one, image):
        (phrase,), (other,) = region.phrases, region.runner_up_phrases
        assert (phrase.class_index, other.class_index) == (region.class_index, region.runner_up)
        assert phrase.value - other.value == pytest.approx(region.margin, abs=1e-4)
        assert values[region.class_index].min() - 1e-4 <= phrase.value
        assert phrase.value <= values[region.class_index].max() + 1e-4


def test_regions__are_won_by_the_phrase_that_says_what_they_show(segmenter):
    image, bank = picture(), tiny_bank()
    won = explained(segmenter, image)[0].class_index
    k = 0 if won == 0 else 2
    emb = bank.emb.copy()
    vector = (bank.emb[won] * bank.mask[won, :, None]).astype(np.float32).sum(axis=0)
    emb[won] = -0.2 * emb[won]  # the others say little, and the contrary
    emb[won, k] = vector / np.linalg.norm(vector)
    regions = explained(segmenter.with_bank(replace(bank, emb=emb)), image)
    region = next(one for one in regions if one.class_index == won)
    assert region.phrases[0].row == k
    values = [phrase.value for phrase in region.phrases]
    assert values == sorted(values, reverse=True)


def test_a_part_of_a_class__is_trained_or_new_as_the_class_is(segmenter):
    bank, image = tiny_bank(), picture()
    head = built_head(config=tiny_head(kind="aligned"))
    assert head.aligned is not None
    head.aligned.words.copy_(plain_classes(BankTensors.of(bank), 1)[0])
    head.aligned.weight.normal_(generator=torch.Generator().manual_seed(4))
    loaded = replace(segmenter.loaded, model=SegModel(tiny_vit(), head), bank=bank)
    fitted = Segmenter(loaded, segmenter.reading)
    features = fitted.features(image)
    less = bank_without(bank, phrases=[bank.texts[2][1]])
    rows = [(c, k) for c in range(3) for k in range(len(bank.texts[c]))]
    for part, of in ((less, [0, 1, 2]), (single_phrases(bank, rows), [c for c, _ in rows])):
        plain = plain_classes(BankTensors.of(part), 1)
        assert head.aligned.new(plain[0]).any()  # by its own words
        trained = torch.zeros(len(part.names), dtype=torch.bool)
        wanted = resize(head.aligned(features, plain, trained), stride_4(features.padded))[0]
        got = fitted.with_bank(part, of).look(image, None, features).values
        torch.testing.assert_close(got, wanted)
        alone = fitted.with_bank(part).look(image, None, features).values
        assert not torch.allclose(alone, wanted)


def test_single_phrases__are_a_bank_that_every_rule_accepts():
    bank = tiny_bank()
    rows = [(c, k) for c in range(3) for k in range(len(bank.texts[c]))]
    alone = single_phrases(bank, rows)
    check_bank(alone)
    assert [texts[0] for texts in alone.texts] == [bank.texts[c][k] for c, k in rows]


def test_bank_without__is_one_that_every_rule_accepts_and_asks_the_rest():
    bank = replace(
        tiny_bank(),
        scene_names={"kitchen": ("galley",), "street": ("road",)},
        scene_texts={"street": {"kitchen": 0.4, "*": 0.6}},
    )
    other = bank_without(bank, phrases=[bank.texts[1][0]], classes=["class 2"], scenes=["kitchen"])
    check_bank(other)
    assert other.names == ("class 0", "class 1")
    assert other.scenes == ("*", "street")
    assert other.texts[1] == bank.texts[1][1:]
    assert other.weight[1].tolist() == pytest.approx([1 / 3] * 3)
    assert (other.prior == bank.prior[np.ix_([0, 2], [0, 1], [1, 2, 3])])[:, 1].all()


def test_bank_without__a_phrase_says_what_no_weight_of_it_says(segmenter):
    bank, image = tiny_bank(), picture()
    without = segmenter.with_bank(bank_without(bank, phrases=[bank.texts[2][1]]))
    weight = bank.weight.copy()
    weight[2] = [1 / 3, 0, 1 / 3, 1 / 3]
    weightless = segmenter.with_bank(replace(bank, weight=weight))
    got, wanted = (one.look(image).values for one in (without, weightless))
    torch.testing.assert_close(got, wanted)
    assert not torch.allclose(got, segmenter.look(image).values)


@pytest.mark.parametrize(
    ("left_out", "told"),
    [
        ({"phrases": ["nothing"]}, "without phrase 'nothing': wanted a phrase of the bank"),
        ({"classes": ["moon"]}, "without class 'moon'"),
        ({"scenes": ["*"]}, r"without scene '\*'"),
        ({"classes": ["class 0", "class 1", "class 2"]}, "a class that is left"),
        ({"phrases": ["0 0 0"]}, "--without-class"),
    ],
)
def test_bank_without__refuses_what_is_not_there_and_what_would_leave_nothing(left_out, told):
    with pytest.raises(UsageError, match=told):
        bank_without(tiny_bank(), **left_out)
