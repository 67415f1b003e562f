"""Say which classes of a model stand for which classes of another dataset.

In:  a YAML file, or the name of one that ships (``mappings/*.yaml``); names of classes.
Out: a Translation, with which ``evaluate`` scores a model on labels of other classes.

    road: [road, path]        # a class of the dataset: the model's classes that count as it
    sidewalk: sidewalk

The model answers in its own classes, and the answers are translated. A class of the dataset that
is not in the file is not scored: its pixels count as not labelled. A pixel where the model says a
class that stands for none is a miss.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from langseg.cache.errors import InputError, UsageError
from langseg.segmenter.data.labels import IGNORE, LabelRule


@dataclass(frozen=True, eq=False, kw_only=True)
class Translation:
    """From a model's C classes to the ``names`` that are scored.

    ``rule`` reads the labels; ``table`` int64 [C] has the index in ``names`` of each class of the
    model, or IGNORE; ``left_out`` are the dataset's classes that are not scored.
    """

    names: tuple[str, ...]
    rule: LabelRule
    table: NDArray[np.int64]
    left_out: tuple[str, ...]


def shipped_mappings() -> list[str]:
    """Names of the mappings that ship."""
    folder = files("langseg.segmenter.evaluation").joinpath("mappings")
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir())


def mapping_file(name: str) -> Path:
    """The file of that name, else the one that ships. Raises: UsageError, where neither is."""
    if Path(name).is_file():
        return Path(name)
    if name in shipped_mappings():
        return Path(str(files("langseg.segmenter.evaluation").joinpath("mappings", f"{name}.yaml")))
    raise UsageError(
        f"mapping {name!r}: wanted a file or one of {', '.join(shipped_mappings())}, found neither"
    )


def read_mapping(file: Path) -> dict[str, tuple[str, ...]]:
    """The model's classes by the dataset's. Raises: InputError."""
    try:
        given = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as exc:
        reason = " ".join(str(exc).split())
        raise InputError(f"{file}: wanted a YAML file of classes, got {reason}") from exc
    if not isinstance(given, dict) or not given:
        raise InputError(
            f"{file}: wanted lines such as `road: [road, path]`, got {type(given).__name__}"
        )
    mapping = {}
    for name, of in given.items():
        sources = [of] if isinstance(of, str) else of
        texts = isinstance(sources, list) and all(isinstance(source, str) for source in sources)
        if not isinstance(name, str) or not texts or not sources:
            raise InputError(
                f"{file}: wanted names of classes for {name!r}, got {of!r}; quote names that YAML "
                "reads as something else"
            )
        mapping[name] = tuple(sources)
    return mapping


def translation(
    mapping: Mapping[str, Sequence[str]],
    where: object,
    model: Sequence[str],
    dataset: Sequence[tuple[int, str]],
    ignore_ids: Sequence[int],
) -> Translation:
    """Args:
        where: what errors begin with; model: the names of its classes, in order.
        dataset: id and name of each class of the labels; ignore_ids: of no class.

    Raises: InputError, for a name that there is not, and a class of the model that is to stand
    for two.
    """
    ids = {name: value for value, name in dataset}
    for kind, wanted, known in (
        ("the dataset", mapping.keys(), ids.keys()),
        ("the model", [source for of in mapping.values() for source in of], set(model)),
    ):
        for name in wanted:
            if name not in known:
                close = get_close_matches(name, known, n=1)
                guess = f"; did you mean {close[0]}?" if close else ""
                raise InputError(f"{where}: wanted classes of {kind}, got {name!r}{guess}")
    names = tuple(name for name in ids if name in mapping)
    left_out = tuple(name for name in ids if name not in mapping)
    table = np.full(len(model), IGNORE, np.int64)
    for index, name in enumerate(names):
        for source in mapping[name]:
            place = list(model).index(source)
            if table[place] not in (IGNORE, index):
                raise InputError(
                    f"{where}: wanted the model's {source!r} for one class, got it for "
                    f"{names[table[place]]!r} and {name!r}"
                )
            table[place] = index
    rule = LabelRule(
        [ids[name] for name in names], [*ignore_ids, *(ids[name] for name in left_out)]
    )
    return Translation(names=names, rule=rule, table=table, left_out=left_out)
