"""A bank of random vectors for a vocabulary that ships."""

import numpy as np

from langseg.cache.bank.text_bank import TextBank
from langseg.descriptors.vocabulary.load import load_vocabulary


def random_bank(dataset: str) -> TextBank:
    """Two random unit vectors for each class: no words, so nothing is learnt from it."""
    vocabulary = load_vocabulary(dataset)
    names = tuple(entry.name for entry in vocabulary.classes)
    rng = np.random.default_rng(0)
    emb = rng.normal(size=(len(names), 2, 384))
    emb /= np.linalg.norm(emb, axis=-1, keepdims=True)
    shape = (len(names), 2)
    return TextBank(
        names=names,
        ids=tuple(entry.id for entry in vocabulary.classes),
        ignore_ids=vocabulary.ignore_ids,
        scenes=("*", "kitchen"),
        texts=tuple((name, f"looks of {name}") for name in names),
        slots=tuple(("name", "shape") for _ in names),
        owners=tuple(("", "") for _ in names),
        emb=emb.astype(np.float16),
        mask=np.ones(shape, np.bool_),
        weight=np.full(shape, 0.5, np.float32),
        scene=np.eye(2, 384, dtype=np.float16),
        prior=np.ones((2, *shape), np.float32),
        vocabulary=dataset,
        vocabulary_hash=vocabulary.hash,
        encoder_id="random-vectors",
        image_aligned=False,
        model="random vectors",
        manifest="none",
    )
