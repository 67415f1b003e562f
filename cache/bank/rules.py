"""The rules that every TextBank keeps, so that whoever reads one need not look.

In:  a bank, or a part of it.
Out: nothing; or the name of the first rule that is broken: in a CorruptError for a whole bank, in a
     ValueError for a part, which ``broken_as`` turns into a CorruptError that names the file.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from langseg.cache.bank.text_bank import PRIOR_FLOOR, TextBank
from langseg.cache.errors import CorruptError, Remedy
from langseg.cache.keys import scene_key
from langseg.cache.records import ANY_SCENE

# widened to float32: 0.8 MB of 384 values, which stays in the processor's cache
_ROWS_AT_ONCE = 512
_ROUNDING = 2e-3  # of the length of a float16 vector; it is below 1e-3


@contextmanager
def broken_as(where: object, remedy: Remedy) -> Iterator[None]:
    """Raises: CorruptError, for a broken rule or for values that no rule foresees."""
    try:
        yield
    except ValueError as exc:
        raise CorruptError(f"{where}: {exc}", remedy) from exc
    except (LookupError, TypeError, AttributeError, RecursionError) as exc:
        raise CorruptError(f"{where}: wanted a TextBank, got {exc!r}", remedy) from exc


def remedy_of(recipe: object) -> Remedy:
    """What makes a bank of this recipe anew: one that has any is a control arm."""
    return Remedy.BUILD_BANK if recipe is None else Remedy.MAKE_ARMS


def check_bank(bank: TextBank) -> None:
    """Read all of a bank. Raises: CorruptError, naming what is broken or damaged."""
    with broken_as(f"TextBank of {bank.vocabulary}", remedy_of(bank.recipe)):
        check_header(bank)
        arrays = {name: getattr(bank, name) for name in ARRAY_RULES}
        check_shapes(bank, {name: (a.dtype, a.shape) for name, a in arrays.items()})
        for name, rule in RULES.items():
            rule(bank, getattr(bank, name))


def check_header(bank: TextBank) -> None:
    """What is not an array: names and numbers of classes and scenes, and the recipe."""
    for name, kind in (("names", str), ("ids", int), ("ignore_ids", int), ("scenes", str)):
        values = getattr(bank, name)
        if not isinstance(values, tuple) or not all(type(value) is kind for value in values):
            raise ValueError(f"{name}: wanted a tuple of {kind.__name__}")
    c = len(bank.names)
    if len(set(bank.names)) != c or len(bank.ids) != c or len(set(bank.ids)) != c:
        raise ValueError("names and ids: wanted one distinct id for each name")
    if not bank.scenes or bank.scenes[0] != ANY_SCENE:
        raise ValueError(f"scenes: wanted {ANY_SCENE!r} first, got {bank.scenes!r}")
    _check_scene_names(bank.scenes, bank.scene_names)
    if tuple(bank.scene_texts) != bank.scenes[len(bank.scenes) - len(bank.scene_texts) :]:
        raise ValueError(f"scene_texts: wanted the last scenes, got {tuple(bank.scene_texts)}")
    if not all(isinstance(asking, Mapping) for asking in bank.askings):
        raise ValueError(f"askings: wanted mappings, got {bank.askings!r}")
    if bank.recipe is not None and not {"arm", "rule", "seed", "of"} <= set(bank.recipe):
        raise ValueError("recipe: wanted arm, rule, seed and of, or no recipe")


def check_shapes(bank: TextBank, layout: Mapping[str, tuple[DTypeLike, tuple[int, ...]]]) -> None:
    """Args: layout: dtype and shape of each array, which need not be read for it."""
    c, s = len(bank.names), len(bank.scenes)
    shape = layout["emb"][1]
    k, d = shape[1:] if len(shape) == 3 else (-1, -1)
    wanted: dict[str, tuple[DTypeLike, tuple[int, ...]]] = {
        "emb": (np.float16, (c, k, d)),
        "mask": (np.bool_, (c, k)),
        "weight": (np.float32, (c, k)),
        "scene": (np.float16, (s, d)),
        "prior": (np.float32, (s, c, k)),
    }
    for name, (kind, sides) in wanted.items():
        got_kind, got_sides = layout[name]
        if (np.dtype(kind), sides) != (np.dtype(got_kind), got_sides):
            raise ValueError(
                f"{name}: wanted {np.dtype(kind)} of shape {sides}, "
                f"got {np.dtype(got_kind)} of {got_sides}"
            )


def _check_scene_names(scenes: Sequence[str], scene_names: Mapping[str, Sequence[str]]) -> None:
    strays = set(scene_names) - set(scenes)
    if strays:
        raise ValueError(f"scene_names: wanted scenes of the bank, got {sorted(strays)}")
    if not all(isinstance(names, tuple) for names in scene_names.values()):
        raise ValueError("scene_names: wanted a tuple of names for each scene")
    meant = Counter(
        key
        for scene in scenes
        for key in {scene_key(name) for name in (scene, *scene_names.get(scene, ()))}
    )
    twice = [key for key, times in meant.items() if times > 1]
    if twice:
        raise ValueError(f"scene_names: wanted each name in one scene, got {twice} in two")


def _check_mask(bank: TextBank, mask: NDArray[np.bool_]) -> None:
    counts = mask.sum(axis=1)
    if not counts.all():
        bad = bank.names[int(counts.argmin())]
        raise ValueError(f"mask: class {bad!r} has no descriptor")


def _check_weight(bank: TextBank, weight: NDArray[np.float32]) -> None:
    if not np.allclose(weight.sum(axis=1, where=bank.mask), 1.0, atol=1e-4):
        raise ValueError("weight: wanted a sum of 1 for each class")


def _check_emb(bank: TextBank, emb: NDArray[np.float16]) -> None:
    rows, valid = emb.reshape(-1, emb.shape[-1]), bank.mask.reshape(-1)
    blocks = (slice(n, n + _ROWS_AT_ONCE) for n in range(0, len(rows), _ROWS_AT_ONCE))
    if not all(_have_lengths(rows[some], valid[some]) for some in blocks):
        raise ValueError("emb: wanted finite unit vectors, and zeros where mask is not")


def _check_scene(bank: TextBank, scene: NDArray[np.float16]) -> None:
    if not _have_lengths(scene, np.ones(len(scene), np.bool_)):
        raise ValueError("scene: wanted finite unit vectors")


def _check_prior(bank: TextBank, prior: NDArray[np.float32]) -> None:
    if not all(((row >= PRIOR_FLOOR * 0.99) & (row <= 1.0)).all() for row in prior):
        raise ValueError(f"prior: wanted values in [{PRIOR_FLOOR}, 1]")


def _check_words(bank: TextBank, rows: Sequence[Sequence[str]]) -> None:
    if [len(row) for row in rows] != bank.mask.sum(axis=1).tolist():
        raise ValueError("texts, slots and owners: wanted as many as the mask holds, per class")


def _have_lengths(vectors: NDArray[np.float16], lengths: NDArray[np.bool_]) -> bool:
    """Whether vectors along the last axis are of length 1 or 0, but for rounding."""
    wide = vectors.astype(np.float32)
    norms = np.sqrt(np.einsum("nd,nd->n", wide, wide))
    return bool((np.abs(norms - lengths) <= _ROUNDING).all())  # a NaN is no such number


BankRule = Callable[[TextBank, Any], None]
ARRAY_RULES: dict[str, BankRule] = {
    "mask": _check_mask, "weight": _check_weight, "emb": _check_emb, "scene": _check_scene,
    "prior": _check_prior,
}  # fmt: skip
WORD_RULES: dict[str, BankRule] = dict.fromkeys(("texts", "slots", "owners"), _check_words)
RULES = ARRAY_RULES | WORD_RULES  # of each part of a bank that grows with its phrases
