"""Make the texts of each control arm.

In:  the phrases of a bank, and a seed that fixes what is drawn.
Out: the phrases of every class, as the arm's rule in ``descriptors.controls.arms`` has them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice

from langseg.cache.records import ANY_SCENE, NAME_SLOT
from langseg.descriptors.bank.build import Phrase, scene_text
from langseg.descriptors.controls.arm_words import TEMPLATES, WORDS
from langseg.descriptors.controls.other_things import other_things
from langseg.descriptors.controls.seeded_draws import number, repeated, shuffled, spread
from langseg.descriptors.phrases.names import NameFinder
from langseg.descriptors.vocabulary.vocabulary import Vocabulary

FILLER_SLOT = "control"  # of a text that is no descriptor
SIMILAR = 8  # classes of neighbouring counts among which lists are swapped
_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
Lists = Mapping[str, tuple[Phrase, ...]]


@dataclass(frozen=True)
class BankPhrases:
    """The phrases of the bank to be controlled; the first of each class is its name, as it is
    said."""

    vocabulary: Vocabulary
    phrases: Lists

    @cached_property
    def described(self) -> tuple[str, ...]:
        """Classes with more than their name."""
        return tuple(name for name, rows in self.phrases.items() if len(rows) > 1)

    def foreign_to(self, name: str) -> Callable[[Phrase], bool]:
        """Whether a phrase is none of a class's own and does not say its name."""
        own = {row.text for row in self.phrases[name]}
        return lambda row: row.text not in own and not self.names_class(name, row)

    def names_class(self, name: str, row: Phrase) -> bool:
        """Whether a phrase says a class's name or a synonym of it."""
        return self._finders[name].is_in(row.text)

    @cached_property
    def _finders(self) -> dict[str, NameFinder]:
        return {e.name: NameFinder([e.name, *e.synonyms]) for e in self.vocabulary.classes}

    @cached_property
    def synonyms(self) -> dict[str, tuple[str, ...]]:
        """Of each class that has any: what it is called besides its name, and no other class is."""
        told = {entry.name: entry.prompt_data for entry in self.vocabulary.classes}
        called = {
            name: {text.casefold() for text in (data["name"], *data["synonyms"])}
            for name, data in told.items()
        }
        classes = Counter(text for texts in called.values() for text in texts)
        found = {
            name: tuple(text for text in data["synonyms"] if classes[text.casefold()] == 1)
            for name, data in told.items()
        }
        return {name: texts for name, texts in found.items() if texts}

    @cached_property
    def other_things(self) -> tuple[str, ...]:
        """Names of things that are no class, and none of the subclasses that are described."""
        owners = {row.owner for rows in self.phrases.values() for row in rows if row.owner}
        return other_things(self.vocabulary, owners)

    @cached_property
    def width(self) -> int:
        """K, the most texts that a class has."""
        return max(map(len, self.phrases.values()))

    @cached_property
    def word_counts(self) -> list[int]:
        """Of all phrases but the classes' own names, shortest first."""
        return sorted(len(row.text.split()) for rows in self.phrases.values() for row in rows[1:])

    @cached_property
    def word_lengths(self) -> list[int]:
        """In letters, of all words of those phrases, shortest first."""
        rows = (row for rows in self.phrases.values() for row in rows[1:])
        return sorted(len(word) for row in rows for word in row.text.split())


def names(bank: BankPhrases, seed: int | None) -> Lists:
    """The floor that lists of other classes fall below (WaffleCLIP)."""
    return {name: rows[:1] for name, rows in bank.phrases.items()}


def synonyms(bank: BankPhrases, seed: int | None) -> Lists:
    """What another word of the same sense costs (REVA, an audit of how classes are worded)."""
    return {
        name: tuple(map(_name, bank.synonyms.get(name, ())[: len(rows)])) or rows[:1]
        for name, rows in bank.phrases.items()
    }


def hypernyms(bank: BankPhrases, seed: int | None) -> Lists:
    """What is left where a word tells a class from no other of its kind (REVA)."""
    broader = bank.vocabulary.hypernyms
    return {
        name: (_name(broader[name]),) if name in broader else rows[:1]
        for name, rows in bank.phrases.items()
    }


def distractors(bank: BankPhrases, seed: int | None, *, count: int) -> Lists:
    """Words for what no picture holds absorb what fits no class (REVA); a longer list begins with
    a shorter one of the same seed."""
    return _with_classes(bank, shuffled(bank.other_things, seed)[:count])


def random_negatives(bank: BankPhrases, seed: int | None, *, count: int) -> Lists:
    """Words that name nothing may absorb as much as distractors do (REVA)."""
    said = [rows[0].text for rows in bank.phrases.values()]
    words = [word for text in said for word in text.split()]
    counts = sorted(len(text.split()) for text in said)
    texts = _random_texts(counts, sorted(map(len, words)), seed)
    taken = {name.casefold() for name in (*bank.phrases, *said)}
    fresh = (text for text in texts if text.casefold() not in taken)
    return _with_classes(bank, islice(_distinct(fresh), count))


def templates(bank: BankPhrases, seed: int | None) -> Lists:
    """One list of templates for all classes, near the bank's word counts, each used once before
    one is used again (CLIP's ensemble of 80)."""
    in_names = sum(len(rows[0].text.split()) for rows in bank.phrases.values()) / len(bank.phrases)
    chosen: list[str] = []
    unused: list[str] = []
    for wanted in islice(spread(bank.word_counts, seed), bank.width - 1):
        unused = unused or shuffled(TEMPLATES, seed)
        distances = [abs(_own_words(one) + in_names - wanted) for one in unused]
        chosen.append(unused.pop(distances.index(min(distances))))
    return {
        name: _filled(rows, (_filler(one.replace("{}", rows[0].text)) for one in chosen))
        for name, rows in bank.phrases.items()
    }


def random(bank: BankPhrases, seed: int | None) -> Lists:
    """WaffleCLIP's words without the name around them, as the bank's own texts are without it."""
    fillers = [_filler(text) for text in _random_fillers(bank, seed)]
    return {name: _filled(rows, fillers) for name, rows in bank.phrases.items()}


def named_random(bank: BankPhrases, seed: int | None) -> Lists:
    """WaffleCLIP's own form, as long as the bank's texts where the name leaves room."""
    texts = [text.split() for text in _random_fillers(bank, seed)]
    made = {}
    for name, rows in bank.phrases.items():
        said = rows[0].text
        taken = len(said.split()) + 2
        drawn = (" ".join(words[: max(1, len(words) - taken)]) for words in texts)
        made[name] = _filled(rows, (_filler(f"{said}, which has {text}") for text in drawn))
    return made


def scene_prefix(bank: BankPhrases, seed: int | None) -> Lists:
    """The scenes in which the class is plausible come first, as a short list has no room for all.

    One shared word of context does as well as a list for each class (WaffleCLIP's concept).
    """
    made = {}
    plausible = {scene: set(names) for scene, names in bank.vocabulary.scenes.items()}
    for name, rows in bank.phrases.items():
        scenes = sorted(plausible, key=lambda scene: name not in plausible[scene])
        made[name] = rows[:1] + tuple(
            replace(_filler(f"{scene_text(scene)}: {rows[0].text}"), scene=scene)
            for scene in islice(repeated(scenes), len(rows) - 1)
        )
    return made


def dealt(bank: BankPhrases, seed: int | None) -> Lists:
    """The style of descriptors without their sense (WaffleCLIP's random descriptors, 1 x).

    The next of the deck that is foreign to a class is dealt to it, or the next where none is left.
    """
    deck = shuffled((row for rows in bank.phrases.values() for row in rows[1:]), seed)[::-1]
    made = {}
    for name, rows in bank.phrases.items():
        foreign, taken = bank.foreign_to(name), []
        for _ in rows[1:]:
            places = range(len(deck) - 1, -1, -1)
            place = next((n for n in places if foreign(deck[n])), len(deck) - 1)
            taken.append(deck.pop(place))
        made[name] = _filled(rows, taken)
    return made


def swapped(bank: BankPhrases, seed: int | None) -> Lists:
    """What wrong descriptors do harm (WaffleCLIP's interchanged lists).

    A class takes the list of the next one in a circle of classes with similar counts, and goes
    on with the one after where that is too short; never a text that it has itself, or that
    says its name.
    """
    made = dict(bank.phrases)
    ordered = sorted(bank.described, key=lambda name: (len(bank.phrases[name]), name))
    for circle in _circles(ordered):
        names = shuffled(circle, seed)
        for place, name in enumerate(names):
            rows = bank.phrases[name]
            strange = bank.foreign_to(name)
            near = names[place + 1 :] + names[:place]
            others = chain(near, (other for other in ordered if other not in names))
            foreign = (row for other in others for row in bank.phrases[other][1:])
            taken = list(islice(filter(strange, foreign), len(rows) - 1))
            made[name] = _filled(rows, repeated(taken))
    return made


def scrambled(bank: BankPhrases, seed: int | None) -> Lists:
    """A bag of words (WaffleCLIP's scrambled descriptors)."""
    made = {}
    for name, rows in bank.phrases.items():
        words = iter(shuffled((w for row in rows[1:] for w in row.text.split()), seed, name))
        made[name] = rows[:1] + tuple(
            replace(row, text=" ".join(islice(words, len(row.text.split())))) for row in rows[1:]
        )
    return made


def scene_shuffled(bank: BankPhrases, seed: int | None) -> Lists:
    """Whether a scene's own descriptors are worth more there than elsewhere; no paper has tried.

    A class described in several scenes has them moved around; one described in a single scene
    gets any other.
    """
    made = {}
    for name, rows in bank.phrases.items():
        scenes = shuffled({row.scene: None for row in rows if row.scene != ANY_SCENE}, seed, name)
        if len(scenes) == 1:
            others = [scene for scene in bank.vocabulary.scenes if scene not in scenes]
            scenes += shuffled(others, seed, name)[:1]
        wrong = {scene: scenes[place - 1] for place, scene in enumerate(scenes)}
        made[name] = tuple(replace(row, scene=wrong.get(row.scene, row.scene)) for row in rows)
    return made


def name_free(bank: BankPhrases, seed: int | None) -> Lists:
    """No ensemble of names can be behind its gain (Does VLM Classification Benefit from LLM
    Description Semantics?). What is left is said again until there are as many texts."""
    made = {}
    for entry in bank.vocabulary.classes:
        rows = bank.phrases[entry.name]
        finder = NameFinder([entry.name, *entry.synonyms, *(row.owner for row in rows)])
        nameless = tuple(
            row for row in rows if row.slot != NAME_SLOT and not finder.is_in(row.text)
        )
        made[entry.name] = tuple(islice(repeated(nameless), len(rows))) or rows[:1]
    return made


def cut_to(bank: BankPhrases, counts: Mapping[str, int], seed: int | None) -> Lists:
    """As many texts of a class as another set has of it, the name among them."""
    made = {}
    for name, rows in bank.phrases.items():
        drawn = {row: None for row in shuffled(rows[1:], seed, name)[: max(counts[name] - 1, 0)]}
        made[name] = rows[:1] + tuple(row for row in rows[1:] if row in drawn)
    return made


def _random_fillers(bank: BankPhrases, seed: int | None) -> list[str]:
    """K - 1 texts."""
    texts = _random_texts(bank.word_counts, bank.word_lengths, seed)
    return list(islice(texts, bank.width - 1))


def _random_texts(
    word_counts: Sequence[int], word_lengths: Sequence[int], seed: int | None
) -> Iterator[str]:
    """Without end, half of words, half of characters, as WaffleCLIP pairs them."""
    lengths = spread(word_lengths, seed, "lengths")
    for row, count in enumerate(spread(word_counts, seed)):
        if row % 2:
            drawn = [
                "".join(
                    _CHARACTERS[number(seed, row, word, place) % len(_CHARACTERS)]
                    for place in range(next(lengths))
                )
                for word in range(count)
            ]
        else:
            drawn = list(islice(repeated(shuffled(WORDS, seed, row)), count))
        yield " ".join(drawn)


def _distinct(texts: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for text in texts:
        if text not in seen:
            seen.add(text)
            yield text


def _with_classes(bank: BankPhrases, names: Iterable[str]) -> Lists:
    """The bank's phrases, and further classes of which there is only the name."""
    return {**bank.phrases, **{name: (_name(name),) for name in names}}


def _filled(rows: Sequence[Phrase], texts: Iterable[Phrase]) -> tuple[Phrase, ...]:
    """The rows with other texts in all places but the first; each place keeps its scene."""
    pairs = zip(rows[1:], texts, strict=False)  # there may be more texts
    return (rows[0], *(replace(text, scene=row.scene) for row, text in pairs))


def _filler(text: str) -> Phrase:
    return Phrase(text, FILLER_SLOT, "", ANY_SCENE)


def _name(text: str) -> Phrase:
    return Phrase(text, NAME_SLOT, "", ANY_SCENE)


def _own_words(template: str) -> int:
    return len(template.replace("{}", " ").split())


def _circles(ordered: Sequence[str]) -> Iterator[Sequence[str]]:
    """Neighbours in groups of ``SIMILAR`` or one more: nobody is left alone."""
    start = 0
    while start < len(ordered):
        end = start + SIMILAR
        end = len(ordered) if len(ordered) - end < 2 else end
        yield ordered[start:end]
        start = end
