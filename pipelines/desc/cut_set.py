"""Leave out of a stored set the phrases that pictures speak against.

In:  a stored set, and a file of `audit --phrases`, or none.
Out: its phrases, and how they were asked for, which says what was left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from langseg.pipelines.shared.picture_report import misleading

if TYPE_CHECKING:
    from langseg.descriptors.bank.asking import Asking
    from langseg.descriptors.bank.build import Phrase
    from langseg.descriptors.bank.stored_set import StoredSet


@dataclass(frozen=True, kw_only=True)
class CutSet:
    """``phrases`` of each class, its name first, of which ``dropped`` were left out."""

    phrases: "Mapping[str, tuple[Phrase, ...]]"
    askings: "tuple[Asking, ...]"
    dropped: int


def cut_set(chosen: "StoredSet", drop: Path | None) -> CutSet:
    """Raises: InputError, for a file that ``audit --phrases`` did not write."""
    phrases, askings = chosen.phrases(), chosen.selection.askings
    if drop is None:
        return CutSet(phrases=phrases, askings=askings, dropped=0)
    said = misleading(drop)
    kept = {name: _without(name, rows, said.aucs) for name, rows in phrases.items()}
    how = {"drop_misleading": said.sha256}
    return CutSet(
        phrases=kept,
        askings=tuple(replace(one, params={**one.params, **how}) for one in askings),
        dropped=sum(len(phrases[name]) - len(kept[name]) for name in phrases),
    )


def _without(
    name: str, rows: "tuple[Phrase, ...]", aucs: Mapping[tuple[str, str], float]
) -> "tuple[Phrase, ...]":
    """The phrases of a class without those that mislead: its name stays, and where all others
    mislead the best of them."""
    own, *others = rows
    kept = [row for row in others if (name, row.text) not in aucs]
    if others and not kept:
        kept = [max(others, key=lambda row: aucs[name, row.text])]
    return own, *kept
