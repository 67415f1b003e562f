"""Add scenes to a bank that are told in free text: "a quiet street with parked cars after rain".

In:  a bank, and the vector of each text.
Out: the bank with a row for each, told like any other scene, and as which scenes each reads.

What a class looks like in such a scene nobody was asked: its prior is that of the bank's own
scenes, ``*`` among them, mixed by how near their vectors are. A text that is near none of them is
mostly ``*``, no scene.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from langseg.cache.bank.text_bank import PRIOR_FLOOR, TextBank
from langseg.cache.errors import UsageError
from langseg.cache.keys import normalise_text
from langseg.descriptors.vocabulary.validation import name_problem

SCENE_TEXT_CHARS = 200
LEAST_SHARE = 0.01  # that is told
# Of 65 texts of 16 of ade20k's 57 scenes it gives their scene the highest likelihood (minilm; mean
# -log p 0.39; 0.43 at 0.02, 0.44 at 0.04, 1.33 at 0.1).
TEMPERATURE = 0.03


def scene_text_problem(text: str) -> str:
    """Why a text cannot tell a scene, or ``""``."""
    return name_problem(text, SCENE_TEXT_CHARS)


def embedded_text(text: str) -> str:
    """What is embedded for a text: with "a street" the same as for the scene street."""
    return f"a photo of {normalise_text(text)}"


def with_scene_texts(bank: TextBank, vectors: Mapping[str, NDArray[np.float16]]) -> TextBank:
    """The bank with further scenes; those that a text reads as stand in it, the nearest first.

    Args: vectors: text -> unit row [D] of what ``embedded_text`` says.
    Raises: UsageError, for a text that names a scene of the bank.
    """
    for text in vectors:
        if (row := bank.scene_row(text)) is not None:
            raise UsageError(
                f"--scene-text {text!r}: wanted a scene that the bank does not have, got its "
                f"{bank.scenes[row]!r}; tell that one as it is"
            )
    texts = np.stack([*vectors.values()])
    shares = _softmax(texts.astype(np.float32) @ bank.scene.astype(np.float32).T / TEMPERATURE)
    prior = np.einsum("ts,sck->tck", shares, bank.prior)
    return replace(
        bank,
        scenes=(*bank.scenes, *vectors),
        scene=np.concatenate([bank.scene, texts]),
        prior=np.concatenate([bank.prior, np.clip(prior, PRIOR_FLOOR, 1)]),
        scene_texts={
            text: {
                bank.scenes[row]: round(float(own[row]), 4)
                for row in np.argsort(-own)
                if own[row] > LEAST_SHARE
            }
            for text, own in zip(vectors, shares, strict=True)
        },
    )


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    shares: NDArray[np.float32] = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares
