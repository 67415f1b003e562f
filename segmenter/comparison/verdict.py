"""The rule of the verdict, laid down before any arm is trained, and the verdict by it.

In:  differences between the real words and each other arm.
Out: one word, and one sentence with everything that it rests on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from langseg.segmenter.comparison.bootstrap import LEVEL, Difference, holm

Word = Literal["yes", "no difference", "harm"]
REAL = "real"
CONTROL = "named-random"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """``metric`` of the verdict; ``control``: the arm that the real words are held against;
    ``margin``: points that they must be above it (or below it, for harm) at ``level``. For a yes
    they must also score above their own lists dealt to the classes at random, ``dealings`` times,
    in as many of these as ``level`` says: that test is exact, whatever the classes have in common
    with each other (docs/proof.md)."""

    metric: str = "pixel accuracy among the unseen, averaged over classes and splits"
    control: str = CONTROL
    margin: float = 0.0
    level: float = LEVEL
    dealings: int = 39


@dataclass(frozen=True, kw_only=True)
class Compared:
    """An arm held against the real words; ``holm``: its p-value among all arms of the run."""

    arm: str
    difference: Difference
    holm: float
    word: Word


@dataclass(frozen=True, kw_only=True)
class Dealt:
    """The real lists dealt to the classes at random: mean ``score`` in points, and the share ``p``
    of dealings, the true one among them, that score as the true one does or above."""

    score: float
    p: float

    @classmethod
    def of(cls, scores: Sequence[float], real: float) -> "Dealt":
        """Args: scores: of the dealings; real: of the true one."""
        above = sum(score >= real for score in scores)
        return cls(score=sum(scores) / len(scores), p=(1 + above) / (1 + len(scores)))


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """``word`` by the rule; ``sentence`` in one line."""

    word: Word
    sentence: str


def compared(differences: Mapping[str, Difference], rule: Rule) -> Sequence[Compared]:
    """Each arm's word, by its interval and by Holm's p among all of them."""
    adjusted = holm([one.p for one in differences.values()])
    return [
        Compared(arm=arm, difference=one, holm=p, word=_word(one, p, rule))
        for (arm, one), p in zip(differences.items(), adjusted, strict=True)
    ]


def verdict(difference: Difference, dealt: Dealt | None, rule: Rule, size: str) -> Verdict:
    """By the control alone, which was named before.

    Args: dealt: None where heads are trained, which no dealing is; size: "20 splits, 3 seeds, ...".
    """
    word = _word(difference, difference.p, rule)
    if word == "yes" and dealt is not None and dealt.p > 1 - rule.level + 1e-9:
        word = "no difference"
    low, high = f"{difference.low:+.1f}", f"{difference.high:+.1f}"
    control = "random words" if rule.control == CONTROL else rule.control
    return Verdict(
        word=word,
        sentence=f"descriptors - {control} = {difference.difference:+.1f} [{low}, {high}] on "
        f"unseen classes ({size}): {word}",
    )


def _word(one: Difference, p: float, rule: Rule) -> Word:
    if p < 1 - rule.level and one.low > rule.margin:
        return "yes"
    if p < 1 - rule.level and one.high < -rule.margin:
        return "harm"
    return "no difference"
