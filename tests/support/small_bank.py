"""A bank of two classes, and what can happen to the files of a saved bank."""

import json
from pathlib import Path

import numpy as np

from langseg.cache.bank.array_files import HEADER, array_files
from langseg.cache.bank.text_bank import PRIOR_FLOOR, TextBank
from langseg.cache.sealed import seal_of

RECIPE = {"arm": "swapped", "rule": "lists of others", "seed": 0, "of": "ef" * 32}


def small_bank(**changes: object) -> TextBank:
    rng = np.random.default_rng(0)
    emb = rng.normal(size=(2, 3, 8))
    emb /= np.linalg.norm(emb, axis=-1, keepdims=True)
    mask = np.array([[True, True, True], [True, True, False]])
    prior = np.ones((2, 2, 3), np.float32)
    prior[0, 0, 2] = PRIOR_FLOOR
    values = {
        "names": ("wall", "sky"),
        "ids": (1, 3),
        "ignore_ids": (0,),
        "scenes": ("*", "kitchen"),
        "texts": (("wall", "flat upright surface", "tiles"), ("sky", "blue above")),
        "slots": (("name", "shape", "material"), ("name", "position")),
        "owners": (("", "", ""), ("", "")),
        "emb": (emb * mask[..., None]).astype(np.float16),
        "mask": mask,
        "weight": np.array([[1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0]], np.float32),
        "scene": np.eye(2, 8, dtype=np.float16),
        "prior": prior,
        "vocabulary": "two",
        "vocabulary_hash": "ab" * 32,
        "encoder_id": "tiny-0123",
        "image_aligned": False,
        "model": "hand-written",
        "manifest": "000001",
    }
    return TextBank(**{**values, **changes})


def in_other_bytes() -> TextBank:
    """The small bank, as if its texts had been embedded anew."""
    bank = small_bank()
    return small_bank(emb=np.nextafter(bank.emb, np.float16(1)) * bank.mask[..., None])


def arrays_of(folder: Path) -> Path:
    """The one array file of a bank."""
    (path,) = array_files(folder)
    return path


def flip_last_byte_of(folder: Path, array: str) -> None:
    arrays = arrays_of(folder)
    data = bytearray(arrays.read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    data[start + json.loads(data[8:start])[array]["data_offsets"][1] - 1] ^= 1
    arrays.write_bytes(data)


def in_another_format(folder: Path, written: int) -> None:
    """Let a bank be as another LangSeg wrote it, as far as its header goes."""
    header = json.loads((folder / HEADER).read_text())
    header["format"] = written
    header["header_sha256"] = seal_of(header, "header_sha256")
    (folder / HEADER).write_text(json.dumps(header))
