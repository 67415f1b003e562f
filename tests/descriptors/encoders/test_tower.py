"""A text tower gives the vectors its images are compared with, and never cuts a text in silence."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModelWithProjection

from langseg.cache.errors import InputError
from langseg.cache.files import sha256_of
from langseg.descriptors.encoders.base import TextEncoder
from langseg.descriptors.encoders.load import WEIGHTS, load_encoder
from tests.support.tiny_towers import (
    CLIP_DIM,
    CLIP_TOKENS,
    SIGLIP_DIM,
    SIGLIP_TOKENS,
    clip_tower,
    siglip_tower,
)

TEXTS = ["rows of reddish blocks", "a", "wooden planks " * 3, "sky"]
KINDS = {"clip": (CLIP_DIM, CLIP_TOKENS), "siglip": (SIGLIP_DIM, SIGLIP_TOKENS)}


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny towers ``clip`` and ``siglip``."""
    folder = tmp_path_factory.mktemp("towers")
    clip_tower(folder / "clip")
    siglip_tower(folder / "siglip")
    return folder


@pytest.fixture(scope="module", params=KINDS)
def encoder(towers: Path, request: pytest.FixtureRequest) -> TextEncoder:
    return load_encoder(f"{request.param}:{towers / request.param}", device="cpu")


def kind_of(encoder: TextEncoder) -> str:
    return encoder.record.model.partition(":")[0]


def test_tower__is_on_record_with_its_weights_and_as_aligned_with_images(encoder):
    record = encoder.record
    kind, _, folder = record.model.partition(":")
    assert (record.dim, record.max_tokens) == KINDS[kind]
    assert record.weights_sha256 == sha256_of(Path(folder) / WEIGHTS)
    assert record.image_aligned
    assert record.normalised
    assert record.encoder_id.startswith(f"{kind}-")


def test_tower__gives_unit_rows_in_the_order_asked(encoder):
    vectors, n_tokens = encoder.encode(TEXTS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert n_tokens.tolist() == [
        sum(map(str.isalpha, text)) + (2 if kind_of(encoder) == "clip" else 1) for text in TEXTS
    ]
    for row, text in enumerate(TEXTS):
        alone, _ = encoder.encode([text])
        np.testing.assert_allclose(vectors[row], alone[0], atol=1e-5)
    assert np.abs(vectors[0] - vectors[1]).max() > 0.01


def test_tower__gives_the_same_vectors_in_several_batches(encoder):
    texts = [TEXTS[n % len(TEXTS)] for n in range(150)]
    vectors, _ = encoder.encode(texts)
    few, _ = encoder.encode(TEXTS)
    np.testing.assert_allclose(vectors, few[np.arange(150) % len(TEXTS)], atol=1e-5)


def test_tower__counts_the_tokens_of_a_text_it_cuts(encoder):
    limit = encoder.record.max_tokens
    vectors, n_tokens = encoder.encode(["ab " * 100, "ab " * 120, "sky"])
    assert (n_tokens > limit).tolist() == [True, True, False]
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-5)


def test_tower__of_no_text_has_the_right_width(encoder):
    vectors, n_tokens = encoder.encode([])
    assert (vectors.shape, n_tokens.shape) == ((0, encoder.record.dim), (0,))


def test_clip__is_the_projected_output_of_transformers_own(towers: Path):
    encoder = load_encoder(f"clip:{towers / 'clip'}", device="cpu")
    model = CLIPTextModelWithProjection.from_pretrained(towers / "clip").eval()
    ids = [52, *(ord(letter) - ord("a") for letter in "sk"), 26 + ord("y") - ord("a"), 53]
    with torch.inference_mode():
        own = model(input_ids=torch.tensor([ids])).text_embeds[0]
    vectors, _ = encoder.encode(["sky"])
    np.testing.assert_allclose(vectors[0], (own / own.norm()).numpy(), atol=1e-5)


def test_siglip__pads_to_its_full_length_without_a_mask(towers: Path):
    encoder = load_encoder(f"siglip:{towers / 'siglip'}", device="cpu")
    model = encoder._model  # type: ignore[attr-defined]
    ids = [2 + ord(letter) - ord("a") for letter in "sky"]
    with torch.inference_mode():
        padded = torch.tensor([ids + [1] * (SIGLIP_TOKENS - len(ids))])
        own = model(input_ids=padded).pooler_output[0]
    vectors, _ = encoder.encode(["sky"])
    np.testing.assert_allclose(vectors[0], (own / own.norm()).numpy(), atol=1e-5)


def test_clip__of_a_whole_model_is_its_text_tower(tmp_path: Path, capfd):
    encoder = load_encoder(f"clip:{clip_tower(tmp_path / 'model', whole=True)}", device="cpu")
    assert encoder.encode(["sky"])[0].shape == (1, CLIP_DIM)
    weights = load_file(tmp_path / "model" / WEIGHTS)
    own = encoder._model.text_projection.weight  # type: ignore[attr-defined]
    assert torch.equal(own, weights["text_projection.weight"])
    assert capfd.readouterr().err == ""  # that images are left out is no warning


@pytest.mark.parametrize(("kind", "other"), [("clip", "siglip"), ("siglip", "clip")])
def test_tower__of_the_other_kind_is_refused(towers: Path, kind: str, other: str):
    with pytest.raises(InputError, match=f"not a {kind} text tower .*'{other}") as caught:
        load_encoder(f"{kind}:{towers / other}")
    assert "\n" not in str(caught.value)


def damaged(folder: Path, how: str) -> None:
    weights = folder / WEIGHTS
    if how == "weights cut":
        weights.write_bytes(weights.read_bytes()[:200])
    elif how == "a weight missing":
        tensors = load_file(weights)
        del tensors["text_projection.weight"]
        save_file(tensors, weights, metadata={"format": "pt"})
    elif how == "another shape":
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "projection_dim": 25}))
    elif how == "no tokenizer":
        for file in ("tokenizer.json", "tokenizer_config.json"):
            (folder / file).unlink()
    else:
        (folder / "config.json").unlink()


@pytest.mark.parametrize(
    "how", ["weights cut", "a weight missing", "another shape", "no tokenizer", "no config"]
)
def test_tower__that_is_not_whole_is_refused_in_one_sentence(towers: Path, tmp_path: Path, how):
    folder = shutil.copytree(towers / "clip", tmp_path / "clip")
    damaged(folder, how)
    with pytest.raises(InputError, match="not a clip text tower") as caught:
        load_encoder(f"clip:{folder}")
    assert "\n" not in str(caught.value)


def test_tower__without_safetensors_is_refused(tmp_path: Path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(InputError, match=r"model\.safetensors"):
        load_encoder(f"clip:{tmp_path}")


def test_tower__in_no_folder_that_no_hub_can_have_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="wanted a folder or a hub id"):
        load_encoder(f"siglip:{tmp_path / 'none'}")
