"""Text towers of CLIP and SigLIP with a few random weights, and tokenizers made on the spot.

In:  an empty folder.
Out: the files that ``save_pretrained`` leaves, as a hub's folder has them.
"""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    PreTrainedTokenizerFast,
    SiglipTextConfig,
    SiglipTextModel,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"
CLIP_TOKENS, SIGLIP_TOKENS = 77, 64  # as the published ones
CLIP_DIM, SIGLIP_DIM = 24, 20
_BODY: dict[str, Any] = {
    "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
}  # fmt: skip


def clip_tower(folder: Path, whole: bool = False) -> Path:
    """A text tower, or the ``whole`` model with its image tower. Reads words letter by letter."""
    marks = ["<|startoftext|>", "<|endoftext|>"]
    vocab = {word: n for n, word in enumerate((*LETTERS, *(c + "</w>" for c in LETTERS), *marks))}
    tokenizer = CLIPTokenizer(vocab=vocab, merges=[], model_max_length=CLIP_TOKENS)
    tokenizer.save_pretrained(folder)
    ids: dict[str, Any] = {"bos_token_id": vocab[marks[0]], "eos_token_id": vocab[marks[1]]}
    text: dict[str, Any] = {
        **_BODY,
        **ids,
        "vocab_size": len(vocab),
        "pad_token_id": vocab[marks[1]],
    }
    text |= {"max_position_embeddings": CLIP_TOKENS, "projection_dim": CLIP_DIM}
    torch.manual_seed(0)
    if whole:
        image = {**_BODY, "image_size": 8, "patch_size": 4, "projection_dim": CLIP_DIM}
        config = CLIPConfig(text_config=text, vision_config=image, projection_dim=CLIP_DIM)
        CLIPModel(config).save_pretrained(folder)
    else:
        CLIPTextModelWithProjection(CLIPTextConfig(**text)).save_pretrained(folder)
    return folder


def siglip_tower(folder: Path) -> Path:
    """Reads the letters of a text, and pads with its end mark, as SigLIP does."""
    vocab = {"<unk>": 0, "</s>": 1, **{letter: n for n, letter in enumerate(LETTERS, 2)}}
    reader = Tokenizer(WordLevel(vocab, unk_token="<unk>"))
    reader.normalizer = normalizers.Sequence(
        [normalizers.Lowercase(), normalizers.Replace(" ", "")]
    )
    reader.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    reader.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=reader, unk_token="<unk>", eos_token="</s>", pad_token="</s>"
    ).save_pretrained(folder)
    settings = folder / "tokenizer_config.json"
    published = {**json.loads(settings.read_text()), "tokenizer_class": "SiglipTokenizer"}
    settings.write_text(json.dumps(published))
    torch.manual_seed(0)
    config = SiglipTextConfig(
        **_BODY, vocab_size=len(vocab), projection_size=SIGLIP_DIM, eos_token_id=1, pad_token_id=1,
        bos_token_id=1, max_position_embeddings=SIGLIP_TOKENS,
    )  # fmt: skip
    SiglipTextModel(config).save_pretrained(folder)
    return folder
