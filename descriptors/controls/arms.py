"""Derive the control arms of a bank: what any other text in its place would have done.

In:  a vocabulary, the phrases of its bank, seeds.
Out: for each arm the phrases of every class, and in one line the rule they were made by.

On CLIP, random words match GPT's descriptors within 0.6 points, and lists swapped between classes
fall below the bare name (WaffleCLIP, ICCV 2023): a gain counts only against texts of the same
number and length. Unless a rule says otherwise, an arm has a text for each of the bank's, bound to
the same scene, and the class's own name stays the first. An arm may have further classes, which no
picture holds, behind those of the bank.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from langseg.cache.records import MODEL_PREFIX
from langseg.descriptors.controls.arm_texts import (
    BankPhrases,
    Lists,
    cut_to,
    dealt,
    distractors,
    hypernyms,
    name_free,
    named_random,
    names,
    random,
    random_negatives,
    scene_prefix,
    scene_shuffled,
    scrambled,
    swapped,
    synonyms,
    templates,
)

REAL = "real"
Lack = Callable[[BankPhrases], str]


def _described(least: int) -> Lack:
    wanted = f"it needs {least} classes that are described"
    return lambda bank: wanted if len(bank.described) < least else ""


def _scenes(least: int) -> Lack:
    wanted = f"it needs {least} scene{'s' * (least > 1)}"
    return lambda bank: wanted if len(bank.vocabulary.scenes) < least else ""


def _synonyms(least: int) -> Lack:
    wanted = f"it needs {least} classes with a synonym"
    return lambda bank: wanted if len(bank.synonyms) < least else ""


def _hypernyms(bank: BankPhrases) -> str:
    return "" if bank.vocabulary.hypernyms else "it needs a vocabulary that has hypernyms"


def _other_things(least: int) -> Lack:
    wanted = f"it needs {least} names of other things, and knows"
    return lambda bank: (
        f"{wanted} {len(bank.other_things)}" if len(bank.other_things) < least else ""
    )


def _nothing(bank: BankPhrases) -> str:
    return ""


@dataclass(frozen=True)
class Arm:
    """The phrases of a control. ``seed`` is None where nothing is drawn; ``model`` is "" where no
    model wrote a word of it."""

    name: str
    rule: str
    phrases: Lists
    seed: int | None
    model: str


@dataclass(frozen=True)
class Rule:
    """How an arm is made. ``quotes``: its words are the model's; ``lacks`` says why a bank has no
    such arm, or ""."""

    words: str
    make: Callable[[BankPhrases, int | None], Lists]
    seeded: bool = False
    quotes: bool = False
    lacks: Lack = _nothing


def derive_arms(
    bank: BankPhrases, model: str, seeds: Iterable[int]
) -> tuple[list[Arm], dict[str, str]]:
    """Every arm of ``RULES``, the bank itself first, and for those left out the reason."""
    seeds = tuple(seeds)
    itself = "the bank itself, as `langseg-desc bank` makes it"
    arms = [Arm(REAL, itself, bank.phrases, None, model)]
    left_out = {}
    for name, rule in RULES.items():
        if lack := rule.lacks(bank):
            left_out[name] = lack
        else:
            author = model if rule.quotes else ""
            arms += [
                Arm(name, rule.words, rule.make(bank, seed), seed, author)
                for seed in (seeds if rule.seeded else (None,))
            ]
    return arms, left_out


def other_arm(bank: BankPhrases, phrases: Lists, model: str) -> Arm:
    """Another model's phrases of the same vocabulary, such as a published set."""
    cut = {name: rows[: len(bank.phrases[name])] for name, rows in phrases.items()}
    rule = "what another model or a published set says of the class, as many at most"
    kind = "imported" if model.startswith(MODEL_PREFIX) else "generated"
    return Arm(f"{kind}:{model.removeprefix(MODEL_PREFIX)}", rule, cut, None, model)


def cut_arms(bank: BankPhrases, other: Arm, model: str, seeds: Iterable[int]) -> list[Arm]:
    """The bank's own phrases, as few as another set has: what that is to be compared with."""
    counts = {name: len(rows) for name, rows in other.phrases.items()}
    rule = f"phrases of the bank itself, drawn, as many of each class as in {other.name}"
    name = f"cut:{other.name}"
    return [Arm(name, rule, cut_to(bank, counts, seed), seed, model) for seed in seeds]


RULES = {
    "names": Rule("the class's own name, once", names),
    "synonyms": Rule(
        "the class's synonyms, each once, but those that another class is called, too; a class "
        "without keeps its name", synonyms, lacks=_synonyms(3),
    ),
    "hypernyms": Rule(
        "the next broader word for the class, once; a class without keeps its name",
        hypernyms, lacks=_hypernyms,
    ),
    "templates": Rule(
        "the name in caption templates, the same for all classes, of the bank's word counts",
        templates, seeded=True,
    ),
    "random": Rule(
        "random words and, every other text, characters, the same for all classes, of the bank's "
        "word counts", random, seeded=True,
    ),
    "named-random": Rule(
        "the name, `which has`, and words of the arm `random`, one at least, up to the bank's "
        "word counts",
        named_random, seeded=True,
    ),
    "scene-prefix": Rule(
        "the name behind each of the vocabulary's scenes in turn, bound to that scene",
        scene_prefix, lacks=_scenes(1),
    ),
    "dealt": Rule(
        "all descriptors dealt to the classes at random, none to its own or to one it names while "
        "another is left", dealt,
        seeded=True, quotes=True, lacks=_described(2),
    ),
    "swapped": Rule(
        "the list of another class with a similar count; no text of its own or that names it",
        swapped,
        seeded=True, quotes=True, lacks=_described(2),
    ),
    "scrambled": Rule(
        "the words of a class's descriptors in random order, cut at the same word counts",
        scrambled, seeded=True, quotes=True,
    ),
    "scene-shuffled": Rule(
        "the class's own descriptors, those of a scene bound to a wrong one: to another that it "
        "is described in, or to any if there is none", scene_shuffled,
        seeded=True, quotes=True, lacks=_scenes(2),
    ),
    "name-free": Rule(
        "without the class's name, its synonyms and subclasses, and texts that say one of them; "
        "what is left said again up to the bank's count; a class left with nothing keeps its name",
        name_free, quotes=True,
    ),
    "distractors-50": Rule(
        "the bank itself, and 50 names of things that are none of its classes as classes more",
        partial(distractors, count=50), seeded=True, quotes=True, lacks=_other_things(50),
    ),
    "distractors-200": Rule(
        "the bank itself, and 200 names of things that are none of its classes as classes more, "
        "those of `distractors-50` among them",
        partial(distractors, count=200), seeded=True, quotes=True, lacks=_other_things(200),
    ),
    "random-negatives": Rule(
        "the bank itself, and 50 classes more that are named by random words and, every other "
        "one, characters, of the word counts of the classes' names",
        partial(random_negatives, count=50), seeded=True, quotes=True,
    ),
}  # fmt: skip
