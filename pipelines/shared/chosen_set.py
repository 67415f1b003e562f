"""Say which of a store's sets a command takes, and whether the last bank was made of another.

In:  the set that was chosen.
Out: who wrote it, how it was asked for, what it covers and what it leaves bare, in a report and in
     words.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from langseg.cache.errors import CorruptError
from langseg.pipelines.shared.few_names import few_names

if TYPE_CHECKING:
    from langseg.cache.bank.text_bank import TextBank
    from langseg.descriptors.bank.asking import Asking
    from langseg.descriptors.bank.stored_set import StoredSet


@dataclass(frozen=True, kw_only=True)
class ChosenSet:
    """What one model said of a vocabulary.

    ``askings`` of the set, the widest first; ``described`` of the ``classes`` have phrases,
    ``only_names`` none, and those of ``only_scenes`` none but for some scenes; of the ``scenes``
    some have phrases of their own. ``changed`` says how the last bank of the vocabulary differs, ""
    where it does not.
    """

    model: str
    askings: "tuple[Asking, ...]"
    classes: int
    described: int
    only_names: tuple[str, ...]
    only_scenes: tuple[str, ...]
    scenes: int
    described_scenes: int
    changed: str

    def __str__(self) -> str:
        """Words for a sentence: ``written by m (10 phrases, 4 subclasses of 2; answered
        2026-11-30), 149 of 150 classes have phrases, 57 scenes, 10 with phrases of their own``."""
        words = f"written by {_written(self.model, self.askings)}"
        words += f", {self.described} of {self.classes} classes have phrases"
        if self.scenes:
            words += f", {self.scenes} scenes, {self.described_scenes} with phrases of their own"
        if self.only_names:
            words += f"; only their name: {few_names(self.only_names)}"
        if self.only_scenes:
            words += f"; phrases in some scenes only: {few_names(self.only_scenes)}"
        return words + (f"; warning: {self.changed}" if self.changed else "")


def chosen_set(chosen: "StoredSet") -> ChosenSet:
    """What a bank of these answers would be, before it is made."""
    vocabulary = chosen.vocabulary
    pairs = chosen.described()
    there = {name for name, _ in pairs}
    generic = {name for name, scene in pairs if scene not in vocabulary.scenes}
    names = [entry.name for entry in vocabulary.classes]
    return ChosenSet(
        model=chosen.selection.model,
        askings=chosen.selection.askings,
        classes=len(names),
        described=len(there),
        only_names=tuple(name for name in names if name not in there),
        only_scenes=tuple(name for name in names if name in there - generic),
        scenes=len(vocabulary.scenes),
        described_scenes=len({scene for _, scene in pairs if scene in vocabulary.scenes}),
        changed=_changed(chosen),
    )


def _changed(chosen: "StoredSet") -> str:
    """How the bank of the vocabulary that was saved last differs, but for what it lacked then."""
    from langseg.cache.bank.load_save import load_bank, newest_bank

    folder = newest_bank(chosen.store.path / "banks", chosen.vocabulary.name)
    if folder is None:
        return ""
    try:
        last = load_bank(folder)
    except CorruptError:  # for who wants that bank to hear of
        return ""
    if not {entry.name for entry in chosen.vocabulary.classes} & set(last.names):
        return ""  # another list, whose file is of the same name
    own, others = _askings_by_kind(chosen.selection.askings), _askings_by_kind(_askings_of(last))
    if not (own.keys() & others.keys() and len(last.scenes) - 1 and chosen.vocabulary.scenes):
        own.pop("scenes", None)
        others.pop("scenes", None)
    if (last.model, others) != (chosen.selection.model, own):
        return (
            f"other phrases than in the last bank of {chosen.vocabulary.name}, which is written by "
            f"{_written(last.model, _askings_of(last))} and kept in {folder}"
        )
    if len(last.scenes) - 1 != len(chosen.vocabulary.scenes):
        return f"the last bank of {chosen.vocabulary.name} has {len(last.scenes) - 1} scenes"
    return ""


def _askings_of(bank: "TextBank") -> "tuple[Asking, ...]":
    from langseg.descriptors.bank.asking import Asking

    return tuple(Asking(**asking) for asking in bank.askings)


def _askings_by_kind(askings: "Iterable[Asking]") -> dict[str, set[str]]:
    kinds: dict[str, set[str]] = {}
    for asking in askings:
        kinds.setdefault(asking.about, set()).add(asking.identity)
    return kinds


def _written(model: str, askings: "tuple[Asking, ...]") -> str:
    """The model and how it was asked about classes; more than one way is told."""
    ways = [asking for asking in askings if asking.about == "classes"]
    if not ways:
        return model
    days = max(asking.at for asking in ways)[:10]
    counted = [
        f"{asking.what} for {asking.subjects} classes" if len(ways) > 1 else asking.what
        for asking in ways
        if asking.what
    ]
    return f"{model} ({'; '.join([*counted, f'answered {days}'])})"
