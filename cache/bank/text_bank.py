"""The TextBank: what the segmenter reads instead of a text encoder.

In:  arrays and texts from the descriptor stage, or from a bank's file (``load_save``).
Out: the embedded descriptors of one vocabulary, and a fingerprint of what they say.

C classes, K descriptors per class (padded), S scenes (row 0 is always ``*``, "no known scene"),
D text width.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langseg.cache.keys import canonical_json, scene_key, sha256_hex, text_id

PRIOR_FLOOR = 1e-4  # share of a scene's descriptor in every other scene; never 0, its log is taken
_FINGERPRINT_FORMAT = 1  # the same words are the same bank, in whatever form it is stored


@dataclass(frozen=True, kw_only=True, eq=False)
class TextBank:
    """Embedded descriptors of one vocabulary, ready to be collapsed per image.

    ``emb`` [C, K, D] float16, unit rows where ``mask`` holds, zero elsewhere;
    ``mask`` [C, K] bool, at least one True in every row;
    ``weight`` [C, K] float32, sums to 1 over the valid k of a class;
    ``scene`` [S, D] float16 unit rows;
    ``prior`` [S, C, K] float32 in [PRIOR_FLOOR, 1]: 1 where a descriptor belongs to the scene
    or to ``*``, PRIOR_FLOOR where it belongs to another scene.

    ``ids`` are the class ids as the dataset's label files hold them (1..150 for ADE20K) and as
    predicted masks hold them; ``ignore_ids`` are file values that mean "not labelled".
    ``texts``, ``slots`` and ``owners`` [C][k] say which phrase each row of ``emb`` is, in which
    slot, and of which subclass ("" for the class itself).
    ``scene_names``: scene -> the names by which the dataset means it, such as bedroom -> hotel
    room; it changes how a told scene is read, and is no part of the fingerprint.
    ``scene_texts``: scenes at the end that are told in free text -> the other scenes that each
    reads as, with their shares; their priors are these mixed.
    ``askings`` tell how the phrases were asked for, as ``descriptors.bank.asking`` has it; they are
    no part of the fingerprint, either.

    ``recipe`` says how a control arm was derived from another bank: ``arm``, ``rule``, ``seed``
    and ``of``, that bank's fingerprint; None for a bank that is no control. ``distractors``, where
    it is there, says how many classes at the end are a control's own, which no picture holds; their
    ids are beyond all those of the label files.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...]
    ignore_ids: tuple[int, ...]
    scenes: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]
    slots: tuple[tuple[str, ...], ...]
    owners: tuple[tuple[str, ...], ...]
    emb: NDArray[np.float16]
    mask: NDArray[np.bool_]
    weight: NDArray[np.float32]
    scene: NDArray[np.float16]
    prior: NDArray[np.float32]
    vocabulary: str
    vocabulary_hash: str
    encoder_id: str
    image_aligned: bool
    model: str
    manifest: str
    recipe: Mapping[str, Any] | None = None
    scene_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scene_texts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    askings: tuple[Mapping[str, Any], ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """Identity of the bank: what it says and how it weighs it, not the embeddings' bytes.

        The same text encoded alone or in a batch differs in 0.3 % of its float16 values, so
        bytes would tell two equal banks apart; (text, encoder) pairs do not. A control arm is never
        the bank of the same words: it would take that bank's folder.
        """
        keys = {text: text_id(text) for text in set(chain.from_iterable(self.texts))}
        identity: dict[str, Any] = {
            "format": _FINGERPRINT_FORMAT,
            "vocabulary_hash": self.vocabulary_hash,
            "names": list(self.names),
            "ids": list(self.ids),
            "scenes": list(self.scenes),
            "texts": [[keys[text] for text in row] for row in self.texts],
            "encoder_id": self.encoder_id,
            "weight": sha256_hex(np.ascontiguousarray(self.weight).tobytes()),
            "prior": sha256_hex(np.ascontiguousarray(self.prior).tobytes()),
        }
        if self.recipe is not None:
            identity["recipe"] = {name: self.recipe[name] for name in ("arm", "seed", "of")}
        return sha256_hex(canonical_json(identity))

    def scene_row(self, name: str) -> int | None:
        """Row of a scene: by its own name, else by one of ``scene_names``; case is no matter."""
        return self._scene_rows.get(scene_key(name))

    @cached_property
    def _scene_rows(self) -> dict[str, int]:
        rows = {
            scene_key(name): row
            for row, scene in enumerate(self.scenes)
            for name in self.scene_names.get(scene, ())
        }
        return rows | {scene_key(scene): row for row, scene in enumerate(self.scenes)}
