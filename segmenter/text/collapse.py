"""Collapse K descriptors per class into one text vector per class, once per image.

In:  a TextBank on a device, the image's scene token g, and what is known of its scene.
Out: class vectors t_c [B, C, D] and scene probabilities p(s|g) [B, S].

    w_ck = softmax_k( beta <g, t_ck> + log weight_ck + log sum_s p(s|g) prior_sck )
    t_c  = normalise( sum_k w_ck t_ck )

beta = 0 is the weighted mean (CuPL, dino.txt), a large beta the best descriptor (FC-CLIP's max
over synonyms); the prior is what makes a descriptor count more in its own scene.
"""

import shlex
from dataclasses import dataclass, replace
from difflib import get_close_matches

import torch
import torch.nn.functional as F
from torch import Tensor

from langseg.cache.bank.text_bank import TextBank
from langseg.cache.errors import UsageError

UNKNOWN_SCENE = -1


@dataclass(frozen=True)
class BankTensors:
    """A TextBank's arrays on one device: emb [C, K, D], mask [C, K], weight [C, K],
    scene [S, D], prior [S, C, K]; float32, mask bool.

    ``stands_for`` [C, D]: class vectors by which a head is to tell whether it was trained with a
    class, where they are not the bank's own: of a part of a class's phrases, it is the class.
    """

    emb: Tensor
    mask: Tensor
    weight: Tensor
    scene: Tensor
    prior: Tensor
    stands_for: Tensor | None = None

    @classmethod
    def of(cls, bank: TextBank, device: torch.device | str = "cpu") -> "BankTensors":
        """A bank's arrays on a device, vectors as float32."""
        arrays = (bank.emb, bank.mask, bank.weight, bank.scene, bank.prior)
        emb, mask, weight, scene, prior = (torch.from_numpy(a.copy()).to(device) for a in arrays)
        return cls(emb.float(), mask, weight, scene.float(), prior)

    def select(self, classes: Tensor) -> "BankTensors":
        """The same bank with these classes only, in this order. classes: int64 indices."""
        return replace(
            self, emb=self.emb[classes], mask=self.mask[classes], weight=self.weight[classes],
            prior=self.prior[:, classes],
            stands_for=None if self.stands_for is None else self.stands_for[classes],
        )  # fmt: skip

    def drop(self, keep: Tensor) -> "BankTensors":
        """Hide descriptors. keep: [C, K] bool; a class left with none keeps its first."""
        usable = self.mask & (self.weight > 0)
        mask = usable & keep
        first = F.one_hot(usable.int().argmax(dim=1), usable.shape[1]).bool()
        return replace(self, mask=mask | (first & ~mask.any(dim=1, keepdim=True)))


def scene_probabilities(
    scene_logits: Tensor, known: Tensor | None = None
) -> Tensor:  # [B, S] -> [B, S]
    """p(s|g): a softmax over the bank's scenes, or all on the scene that is known.

    Args: known: [B] int64 scene indices, UNKNOWN_SCENE where the image must tell by itself.
    """
    predicted = scene_logits.softmax(dim=-1)
    if known is None:
        return predicted
    one_hot = F.one_hot(known.clamp_min(0), scene_logits.shape[-1]).to(predicted.dtype)
    return torch.where((known >= 0).unsqueeze(-1), one_hot, predicted)


def descriptor_weights(bank: BankTensors, g: Tensor, scenes: Tensor, beta: float) -> Tensor:
    """w_ck for each image.

    Args: g: [B, D] unit scene tokens; scenes: [B, S] probabilities; beta: 0 or more.
    Returns: [B, C, K], each row of K summing to 1, exactly 0 where the bank's mask is False.
    """
    prior = torch.einsum("bs,sck->bck", scenes, bank.prior)
    scores = bank.weight.log() + prior.clamp_min(torch.finfo(prior.dtype).tiny).log()
    if beta:
        scores = scores + beta * torch.einsum("bd,ckd->bck", g, bank.emb)
    return scores.masked_fill(~bank.mask, -torch.inf).softmax(dim=-1)


def collapse(bank: BankTensors, g: Tensor, scenes: Tensor, beta: float) -> Tensor:
    """t_c for each image: [B, C, D] unit rows. Arguments as for ``descriptor_weights``."""
    weights = descriptor_weights(bank, g, scenes, beta)
    return F.normalize(torch.einsum("bck,ckd->bcd", weights, bank.emb), dim=-1)


def plain_classes(bank: BankTensors, batch: int, known: Tensor | None = None) -> Tensor:
    """Class vectors [B, C, D] that no picture has a say in: the mean of a class's phrases, those
    of a known scene [B] before the others."""
    g, scenes = _no_picture(bank, batch, known)
    return collapse(bank, g, scenes, beta=0.0)


def trained_as(bank: BankTensors) -> Tensor:
    """Class vectors [C, D] of no scene, by which a head tells which classes it was trained with."""
    return plain_classes(bank, 1)[0] if bank.stands_for is None else bank.stands_for


def plain_weights(bank: BankTensors, batch: int, known: Tensor | None = None) -> Tensor:
    """What each phrase has of ``plain_classes``: [B, C, K], as ``descriptor_weights``."""
    g, scenes = _no_picture(bank, batch, known)
    return descriptor_weights(bank, g, scenes, beta=0.0)


def _no_picture(bank: BankTensors, batch: int, known: Tensor | None) -> tuple[Tensor, Tensor]:
    """Scene tokens [B, D] and probabilities [B, S]: all on what is known, else on ``*``."""
    row = bank.scene.new_zeros(batch, dtype=torch.int64)  # "*", no scene
    if known is not None:
        row = torch.where(known == UNKNOWN_SCENE, row, known)
    return bank.scene[row], F.one_hot(row, len(bank.scene)).to(bank.scene.dtype)


def scene_index(bank: TextBank, scene: str | None) -> int:
    """Row of a scene the user names; UNKNOWN_SCENE for None. Raises: UsageError."""
    if scene is None:
        return UNKNOWN_SCENE
    row = bank.scene_row(scene)
    if row is None:
        close = get_close_matches(scene, bank.scenes, n=1)
        near = f"did you mean {close[0]!r}?" if close else f"which are {', '.join(bank.scenes)};"
        raise UsageError(
            f"scene {scene!r}: wanted one of the bank's scenes or of their other names, {near} "
            f"`langseg-desc bank --scene-text {shlex.quote(scene)}`, with the flags that the bank "
            "was made with, makes one that has this scene, too, for --bank"
        )
    return row


def labelled_scene(bank: TextBank, label: str) -> int:
    """Row of the scene that a dataset says; UNKNOWN_SCENE for ``*``, and what the bank has not."""
    return bank.scene_row(label) or UNKNOWN_SCENE  # row 0 is "*"
