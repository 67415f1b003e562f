"""Lay a vocabulary's descriptors and their embeddings out as a TextBank.

In:  a vocabulary, the accepted descriptors of its requests, and embeddings by text_id.
Out: a TextBank: for each class its own name first, then its phrases, generic before scene-bound.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langseg.cache.bank.text_bank import PRIOR_FLOOR, TextBank
from langseg.cache.errors import InputError
from langseg.cache.keys import normalise_text, scene_key, text_id
from langseg.cache.records import ANY_SCENE, NAME_SLOT, Descriptor
from langseg.descriptors.bank.asking import Asking
from langseg.descriptors.encoders.base import EncoderRecord
from langseg.descriptors.phrases.spoken import spoken
from langseg.descriptors.vocabulary.vocabulary import Vocabulary


@dataclass(frozen=True)
class Phrase:
    """One row of a class in the bank: which text, in which slot, of which subclass, where."""

    text: str
    slot: str
    owner: str
    scene: str


def scene_text(scene: str) -> str:
    """What is embedded for a scene; ``*`` is a photo of no place in particular."""
    return "a photo" if scene == ANY_SCENE else f"a photo of a {spoken(scene).text}"


def class_phrases(
    vocabulary: Vocabulary, descriptors: Iterable[Descriptor], texts: Mapping[str, str]
) -> dict[str, tuple[Phrase, ...]]:
    """The phrases of each class: its name, as said, then accepted descriptors, each text once a
    scene.

    What is said of the class in any scene is not said again of one.

    The class's name is the only phrase that may hold the name, besides its subclasses' names: a
    gain from descriptors can then not be an ensemble of names (Does VLM Classification Benefit
    from LLM Description Semantics?).
    """
    order = {scene: i for i, scene in enumerate((ANY_SCENE, *vocabulary.scenes))}
    rows = [row for row in descriptors if not row.rejected and row.scene in order]
    rows.sort(key=lambda row: (order[row.scene], row.rank, row.descriptor_id))
    phrases: dict[str, dict[tuple[str, str], Phrase]] = {
        name: {(text_id(said), ANY_SCENE): Phrase(said, NAME_SLOT, "", ANY_SCENE)}
        for name, said in vocabulary.said_names.items()
    }
    for row in rows:
        own = phrases.get(row.class_name)
        if own is not None and (row.text_id, ANY_SCENE) not in own:
            phrase = Phrase(texts[row.text_id], row.slot, row.subclass, row.scene)
            own.setdefault((row.text_id, row.scene), phrase)
    return {name: tuple(own.values()) for name, own in phrases.items()}


def bank_texts(vocabulary: Vocabulary, phrases: Mapping[str, Sequence[Phrase]]) -> tuple[str, ...]:
    """Every text the bank needs embedded: phrases and scenes, each once, normalised."""
    scenes = [scene_text(scene) for scene in (ANY_SCENE, *vocabulary.scenes)]
    said = [phrase.text for rows in phrases.values() for phrase in rows]
    return tuple(dict.fromkeys(normalise_text(text) for text in (*scenes, *said)))


def build_bank(
    vocabulary: Vocabulary,
    phrases: Mapping[str, Sequence[Phrase]],
    embeddings: Mapping[str, NDArray[np.float16]],
    record: EncoderRecord,
    *,
    model: str,
    manifest: str,
    askings: Iterable[Asking] = (),
    recipe: Mapping[str, Any] | None = None,
    width: int = 0,
    flags: str = "",
) -> TextBank:
    """Build the bank; every phrase of a class weighs the same before the image has its say.

    Args:
        embeddings: text_id -> unit row [D].
        model, manifest: which model wrote the phrases, and the store snapshot they come from;
            recorded so that a mask can be traced to the prompt behind it.
        askings: how these phrases were asked for, so that another bank can be told apart.
        recipe: how a control arm was derived; see ``TextBank``.
        width: K at least; a control with fewer phrases than its bank is padded to the same K.
        flags: what `langseg-desc encode` needs to embed what is missing, each after a space.
    Raises: InputError, naming how many texts have no embedding yet.
    """
    missing = [t for t in bank_texts(vocabulary, phrases) if text_id(t) not in embeddings]
    if missing:
        raise InputError(
            f"bank {vocabulary.name}: {len(missing)} texts have no embedding of "
            f"{record.encoder_id} (first: {missing[0]!r}); run `langseg-desc encode{flags}`"
        )
    scenes = (ANY_SCENE, *vocabulary.scenes)
    names = [entry.name for entry in vocabulary.classes]
    c, d = len(names), record.dim
    k = max(width, *(len(phrases[name]) for name in names))
    emb = np.zeros((c, k, d), np.float16)
    mask = np.zeros((c, k), np.bool_)
    weight = np.zeros((c, k), np.float32)
    prior = np.ones((len(scenes), c, k), np.float32)
    for row, name in enumerate(names):
        count = len(phrases[name])
        mask[row, :count] = True
        weight[row, :count] = 1.0 / count
        for column, phrase in enumerate(phrases[name]):
            emb[row, column] = embeddings[text_id(phrase.text)]
            if phrase.scene != ANY_SCENE:
                prior[:, row, column] = PRIOR_FLOOR
                prior[scenes.index(phrase.scene), row, column] = 1.0
    return TextBank(
        names=tuple(names),
        ids=tuple(entry.id for entry in vocabulary.classes),
        ignore_ids=vocabulary.ignore_ids,
        scenes=scenes,
        scene_names=_scene_names(vocabulary),
        texts=tuple(tuple(phrase.text for phrase in phrases[name]) for name in names),
        slots=tuple(tuple(phrase.slot for phrase in phrases[name]) for name in names),
        owners=tuple(tuple(phrase.owner for phrase in phrases[name]) for name in names),
        emb=emb,
        mask=mask,
        weight=weight,
        scene=np.stack([embeddings[text_id(scene_text(scene))] for scene in scenes]),
        prior=prior,
        vocabulary=vocabulary.name,
        vocabulary_hash=vocabulary.hash,
        encoder_id=record.encoder_id,
        image_aligned=record.image_aligned,
        model=model,
        manifest=manifest,
        askings=tuple(map(asdict, askings)),
        recipe=recipe,
    )


def _scene_names(vocabulary: Vocabulary) -> dict[str, tuple[str, ...]]:
    """The other names of the scenes that are described, but for those described by themselves."""
    own = {scene_key(scene) for scene in vocabulary.scenes}
    other = {
        scene: tuple(
            name for name in vocabulary.scene_names.get(scene, ()) if scene_key(name) not in own
        )
        for scene in vocabulary.scenes
    }
    return {scene: names for scene, names in other.items() if names}
