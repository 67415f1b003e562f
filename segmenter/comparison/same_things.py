"""Tell which classes of two datasets show the same things: a split hides them together.

In:  what the classes of either are called; mappings of the one to the other, where they ship.
Out: bool [C, B].

Two classes show the same where they share a name or a synonym, where a mapping has the one for the
other, or where ``same_things.yaml`` has a word of each in one line. One too many costs a little
training; one too few would let a hidden class be trained under another name.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

import torch
import yaml
from torch import Tensor

Mapped = Mapping[str, Sequence[str]]


def same_things(
    ours: Sequence[Iterable[str]], theirs: Sequence[Iterable[str]], mappings: Iterable[Mapped]
) -> Tensor:
    """Args:
    ours, theirs: all that each class of a dataset is called.
    mappings: names of either side by names of the other.
    """
    lines = [frozenset(line) for line in _lines()]
    both = [[frozenset(name.casefold() for name in names) for names in of] for of in (ours, theirs)]
    mapped = {
        frozenset((name.casefold(), other.casefold()))
        for mapping in mappings for name, of in mapping.items() for other in of
    }  # fmt: skip

    def same(one: frozenset[str], other: frozenset[str]) -> bool:
        return (
            bool(one & other)
            or any(one & line and other & line for line in lines)
            or any(frozenset((a, b)) in mapped for a in one for b in other)
        )

    return torch.tensor([[same(one, other) for other in both[1]] for one in both[0]])


def _lines() -> list[list[str]]:
    text = files("langseg.segmenter.comparison").joinpath("same_things.yaml").read_text("utf-8")
    return [[word.casefold() for word in line] for line in yaml.safe_load(text)]
