import json

import pytest
import timm
import torch
from safetensors.torch import load_file

from langseg.cache.errors import UsageError
from langseg.cache.files import sha256_of
from langseg.segmenter.demo_world.pretrain import (
    CROP,
    GRID,
    PATCH,
    WIDTH,
    Crops,
    MaskedPredictor,
    Recipe,
    main,
    masked_loss,
    start_weights,
)
from langseg.segmenter.demo_world.pretrain_targets import (
    NEIGHBOURHOODS,
    appearances,
    learn_codebook,
)
from tests.support.repository import ROOT

ASSETS = ROOT / "segmenter" / "backbones" / "assets"
TINY = Recipe(images=2, steps=2, batch_size=1, appearances=4)


@pytest.fixture(scope="module")
def crops() -> Crops:
    return Crops(TINY)


def test_appearances__of_a_flat_picture_are_its_colour_and_no_edges():
    flat = torch.full((1, 3, 32, 32), 0.25)
    alone = appearances(flat, PATCH)[0][0]
    assert alone.shape == (16, 15)
    assert torch.allclose(alone[:, :3], torch.tensor(0.5))  # twice the mean colour
    assert torch.allclose(alone[:, 3:14], torch.tensor(0.0), atol=1e-5)


def test_appearances__tell_upright_from_level_stripes():
    stripes = torch.zeros(1, 3, 32, 32)
    stripes[..., ::4] = stripes[..., 1::4] = 1.0
    upright, across = (appearances(x, PATCH)[0][0, 5] for x in (stripes, stripes.mT))
    left_to_right, up_and_down = 6, 10  # after six numbers for colour: orientation 0 and 4 of 8
    assert upright[left_to_right] > 0.9
    assert across[left_to_right] < 0.1
    assert across[up_and_down] > 0.9
    assert upright[up_and_down] < 0.1


def test_appearances__of_a_neighbourhood_do_not_count_what_lies_outside():
    picture = torch.rand(1, 3, 40, 40)
    alone, near, _ = appearances(picture, PATCH)
    corner = alone.view(5, 5, -1)[:2, :2].reshape(4, -1).mean(dim=0)
    assert torch.allclose(near[0, 0, : corner.numel()], corner, atol=1e-5)


def test_learn_codebook__finds_clusters_that_lie_apart():
    generator = torch.Generator().manual_seed(0)
    middles = torch.tensor([[0.0, 0.0], [9.0, 9.0]])
    rows = middles.repeat(50, 1) + torch.randn(100, 2, generator=generator) * 0.1
    codebook = learn_codebook(rows, 2, generator)
    numbers = codebook.nearest(rows[None])[0].view(50, 2)
    assert (numbers == numbers[0]).all()
    assert numbers[0, 0] != numbers[0, 1]


def test_crops__are_the_same_for_the_same_recipe(crops):
    one, other = Crops(TINY).draw(3), Crops(TINY).draw(3)
    assert one.shape == (3, 3, CROP, CROP)
    assert torch.equal(one, other)
    assert not torch.equal(one[0], one[1])
    assert 0 <= one.min() < one.max() <= 1


def test_crops_hide__hides_at_least_the_share_asked_for(crops):
    hidden = crops.hide(8, 0.4)
    assert hidden.shape == (8, GRID, GRID)
    shares = hidden.float().mean(dim=(1, 2))
    assert shares.min() >= 0.4
    assert shares.max() < 0.6


def test_masked_predictor__cannot_see_what_is_hidden(crops):
    model, hidden = MaskedPredictor(choices=4).eval(), torch.zeros(1, GRID, GRID, dtype=torch.bool)
    hidden[:, 4:9, 4:9] = True
    images = crops.draw(1)
    changed = images.clone()
    changed[..., 4 * PATCH : 9 * PATCH, 4 * PATCH : 9 * PATCH] = 0
    with torch.no_grad():
        for before, after in zip(model(images, hidden), model(changed, hidden), strict=True):
            assert torch.equal(before, after)


def test_start_weights__give_patches_of_unit_spread(crops):
    vit = MaskedPredictor(choices=4).vit
    images = crops.draw(16)
    start_weights(vit, images)
    with torch.no_grad():
        tokens = vit.patch_embed((images - 0.5) / 0.25).flatten(0, 2)
    assert tokens.mean().abs() < 0.05
    assert 0.3 < tokens.std() < 1.1


@pytest.mark.slow
def test_masked_loss__falls_when_the_model_is_trained_on_it(crops):
    torch.manual_seed(0)
    images, model = crops.draw(2), MaskedPredictor(choices=4)
    hidden = crops.hide(2, 0.4)
    generator = torch.Generator().manual_seed(0)
    books = [learn_codebook(f.flatten(0, 1), 4, generator) for f in appearances(images, PATCH)]
    assert len(books) == len(NEIGHBOURHOODS)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(8):
        loss = masked_loss(model, books, images, hidden)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] * 0.9


@pytest.mark.slow
def test_main__writes_weights_that_fit_the_model_it_describes(tmp_path):
    out = tmp_path / "vit.safetensors"
    main(["--out", str(out), "--steps", "2", "--images", "2"])
    card = json.loads(out.with_suffix(".json").read_text())
    assert card["sha256"] == sha256_of(out)
    vit = timm.create_model(card["timm_model"], num_classes=0, **card["timm_kwargs"])
    vit.load_state_dict(load_file(out))
    assert card["training"]["recipe"]["steps"] == 2
    assert [step for step, _ in card["training"]["loss_curve"]] == [1, 2]


def test_main__refuses_a_file_of_another_kind(tmp_path):
    with pytest.raises(UsageError, match="safetensors"):
        main(["--out", str(tmp_path / "vit.pt")])


def test_shipped_weights__are_those_of_the_shipped_description():
    weights, card = (
        ASSETS / "demo_vit.safetensors",
        json.loads((ASSETS / "demo_vit.json").read_text()),
    )
    assert card["sha256"] == sha256_of(weights)
    assert weights.stat().st_size < 4 * 2**20
    assert card["timm_kwargs"]["embed_dim"] == WIDTH
    assert card["training"]["recipe"]["seed"] >= 1000
