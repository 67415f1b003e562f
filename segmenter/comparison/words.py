"""The words of one arm as class vectors, and how near they are to those that were trained.

In:  a TextBank of the arm, perhaps a bound on its phrases.
Out: ArmWords; the kernel between trained and asked words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from langseg.cache.bank.text_bank import TextBank
from langseg.segmenter.text.collapse import BankTensors, plain_classes


@dataclass(frozen=True, eq=False)
class ArmWords:
    """``vectors`` [C', D]: unit class vectors, first those of the dataset's C classes in its order,
    then those of things that no picture holds; ``bank``: its fingerprint; ``beside`` [B, D]: of
    the classes of datasets that are trained with, and not asked."""

    name: str
    seed: int | None
    bank: str
    vectors: Tensor
    beside: Tensor | None = None

    @property
    def label(self) -> str:
        """See ``arm_label``."""
        return arm_label(self.name, self.seed)

    def kernel(self, trained: Tensor, rank: int = 0) -> Tensor:
        """[C+B, C'] cosines of the trained classes' words with all asked ones, the mean of the
        trained ones taken off; 0 for a class that was not trained.

        A map that gives a patch's share of each trained class gives by it the patch's place among
        the words: ridge regression to the text vectors.

        Args:
            trained: bool [C+B].
            rank: compare words in so many main directions of the trained ones alone; 0: in all
                that words have. A word far from all trained ones says as much as others there.
        """
        known = self.vectors[: len(trained)]
        if self.beside is not None:
            known = torch.cat([self.vectors[: len(trained) - len(self.beside)], self.beside])
        centre = known[trained].mean(dim=0)
        rows, columns = (F.normalize(of - centre, dim=1) for of in (known, self.vectors))
        if rank:
            _, _, directions = torch.linalg.svd(rows[trained], full_matrices=False)
            main = directions[:rank].mT
            rows, columns = (F.normalize(of @ main, dim=1) for of in (rows, columns))
        return rows @ columns.mT * trained[:, None]


def arm_label(name: str, seed: int | None) -> str:
    """An arm and its draw, as files name them."""
    return name if seed is None else f"{name}.{seed}"


def arm_words(
    bank: TextBank, name: str, seed: int | None, phrases: int | None = None,
    beside: Sequence[tuple[TextBank, int]] = (),
) -> ArmWords:  # fmt: skip
    """The plain mean of each class's phrases, of no scene.

    Args:
        phrases: of each class at most, its name among them; the others are drawn by ``seed``.
        beside: the same arm of other datasets, and how many classes these have.
    """
    others = [_means(one, seed, phrases)[:classes] for one, classes in beside]
    return ArmWords(
        name, seed, bank.fingerprint, _means(bank, seed, phrases),
        torch.cat(others) if others else None,
    )  # fmt: skip


def _means(bank: TextBank, seed: int | None, phrases: int | None) -> Tensor:
    tensors = BankTensors.of(bank)
    if phrases is not None:
        rng = np.random.default_rng(seed)
        keep = np.zeros_like(bank.mask)
        for row, usable in enumerate(bank.mask & (bank.weight > 0)):
            columns = np.flatnonzero(usable)
            keep[row, columns[:1]] = True
            keep[row, rng.permutation(columns[1:])[: phrases - 1]] = True
        tensors = replace(tensors, mask=torch.from_numpy(keep))
    return plain_classes(tensors, 1)[0]
