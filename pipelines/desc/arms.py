"""Make the control arms of a vocabulary's bank, each a bank of its own, from one store.

In:  a vocabulary whose descriptors a store holds, and how many seeds.
Out: a TextBank for each arm, its recipe in its header, and ``banks/arms-<bank>.json``, which names
     them all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from langseg.cache.errors import InputError
from langseg.descriptors.vocabulary.source import EmbeddingSource
from langseg.pipelines.desc.cut_set import cut_set
from langseg.pipelines.desc.open_sets import open_sets
from langseg.pipelines.shared.chosen_set import ChosenSet, chosen_set
from langseg.pipelines.shared.progress import Advance

if TYPE_CHECKING:
    from langseg.cache.bank.text_bank import TextBank
    from langseg.descriptors.bank.asking import Asking
    from langseg.descriptors.bank.stored_set import StoredSet, StoredSets
    from langseg.descriptors.controls.arm_texts import BankPhrases
    from langseg.descriptors.controls.arms import Arm
    from langseg.descriptors.encoders.base import EncoderRecord

INDEX_FORMAT = 1
ARM_COLUMNS = ("arm", "seed", "texts", "words", "naming", "fingerprint", "folder")
LEAST_SHARE = 0.5  # of the classes that another model must describe to be an arm


class ArmsConfig(EmbeddingSource):
    """What `arms` takes."""

    seeds: int = Field(
        1, ge=1, le=100,
        description="Draws of each random arm, seeds 0, 1, ...; one alone can mislead.",
    )  # fmt: skip
    other: str = Field(
        "",
        description="Of the store's other sets only this model's as an arm, such as import:cupl."
        "  [default: each that describes half of the classes]",
    )
    drop_misleading: Path | None = Field(
        None,
        description="Of the bank of `bank --drop-misleading` with this file, which is then the "
        "real arm.",
    )


@dataclass(frozen=True, kw_only=True)
class ListedArm:
    """An arm as the index lists it; its folder in ``banks/`` is named by the ``fingerprint``.

    ``seed`` is None where nothing is drawn; ``naming`` of the ``texts`` say the name of their
    class, besides the name itself.
    """

    arm: str
    seed: int | None
    model: str
    rule: str
    fingerprint: str
    texts: int
    mean_words: float
    naming: int


@dataclass(frozen=True, kw_only=True)
class MadeArm(ListedArm):
    """An arm, and the folder of its bank."""

    bank: Path


@dataclass(frozen=True, kw_only=True)
class ArmsReport:
    """What was made; ``real`` is the fingerprint of the bank that the ``arms`` control, made of the
    ``set``, ``index`` the file that lists them, ``left_out`` says why there is no arm of a name."""

    format: int
    real: str
    vocabulary: str
    encoder: str
    arms: Sequence[MadeArm]
    left_out: Mapping[str, str]
    index: Path
    embedded: int
    truncated: int | None
    set: ChosenSet
    sentence: str


def run_arms(settings: ArmsConfig, advance: Advance) -> ArmsReport:
    """Derive, embed and save every arm; the same store and seeds give the same banks.

    An arm that says word for word what one before it says is left out: it would be compared with
    itself. Raises: InputError, when no class of the vocabulary has a descriptor, and where the
    store has no set by ``other``.
    """
    from langseg.cache.bank.arms_index import write_index
    from langseg.cache.bank.load_save import save_bank
    from langseg.descriptors.bank.build import bank_texts
    from langseg.descriptors.controls.arm_texts import BankPhrases
    from langseg.descriptors.controls.arms import derive_arms
    from langseg.descriptors.encoders.embed import WantedTexts, embed_missing, texts_within

    sets = open_sets(settings)
    chosen = sets.of(settings.model)
    vocabulary, store = chosen.vocabulary, chosen.store
    found = chosen_set(chosen)
    cut = cut_set(chosen, settings.drop_misleading)
    real = BankPhrases(vocabulary, cut.phrases)
    if not real.described:
        raise InputError(
            f"{vocabulary.name}: wanted classes with descriptors, all have only their name; "
            "run `langseg-desc generate`"
        )
    arms, left_out = derive_arms(real, chosen.selection.model, range(settings.seeds))
    others, scant = _other_models(sets, chosen, real, settings)
    arms += others
    texts = dict.fromkeys(text for arm in arms for text in bank_texts(vocabulary, arm.phrases))
    wanted = WantedTexts(len(texts), lambda id_range: texts_within(texts, id_range))
    done = embed_missing(
        store,
        settings.encoder,
        wanted,
        lambda phase, done, total, note: advance(done, total, note, phase),
        settings.base_url,
    )
    record = done.record
    made: list[ListedArm] = []
    by_content: dict[str, ListedArm] = {}
    same: dict[str, str] = {}
    for number, (arm, bank) in enumerate(_banks(arms, chosen, cut.askings, record, real.width), 1):
        advance(number, len(arms), phase="laying out banks")
        entry = _entry(arm, bank, _naming(real, arm))
        twin = by_content.setdefault(replace(bank, recipe=None).fingerprint, entry)
        if twin is entry:
            save_bank(bank, store.path / "banks")
            made.append(entry)
        else:
            same[_shown(entry)] = f"it says what {_shown(twin)} says"
    index = {
        "format": INDEX_FORMAT,
        "real": made[0].fingerprint,
        "vocabulary": vocabulary.name,
        "encoder": record.encoder_id,
        "arms": [asdict(arm) for arm in made],
        "left_out": left_out | scant | same,
    }
    banks = store.path / "banks"
    path = write_index(banks, index)
    return ArmsReport(
        format=INDEX_FORMAT,
        real=made[0].fingerprint,
        vocabulary=vocabulary.name,
        encoder=record.encoder_id,
        arms=[MadeArm(**vars(arm), bank=banks / arm.fingerprint) for arm in made],
        left_out=left_out | scant | same,
        index=path,
        embedded=done.embedded,
        truncated=done.truncated,
        set=found,
        sentence=f"{vocabulary.name}: {len(made)} arms of {len(vocabulary.classes)} classes, "
        f"{done.embedded} texts newly embedded by {record.encoder_id}; the bank is {found}; they "
        f"are listed in {path}",
    )


def arm_rows(report: ArmsReport) -> list[tuple[object, ...]]:
    """The table of ``run_arms``, under ``ARM_COLUMNS``."""
    return [
        (arm.arm, arm.seed, arm.texts, arm.mean_words, arm.naming, arm.fingerprint, arm.bank)
        for arm in report.arms
    ]


def _other_models(
    sets: "StoredSets", chosen: "StoredSet", real: "BankPhrases", settings: ArmsConfig
) -> "tuple[list[Arm], dict[str, str]]":
    """Two arms for each model of the store that described enough of the vocabulary: what it says,
    and the bank cut to as much; and why there is none for the rest."""
    from langseg.descriptors.controls.arms import cut_arms, other_arm

    arms, scant = [], {}
    for other in _wanted(list(sets.others(chosen)), chosen, settings.other):
        model, phrases = other.selection.model, other.phrases()
        arm = other_arm(real, phrases, model)
        described = sum(len(rows) > 1 for rows in phrases.values())
        if described < LEAST_SHARE * len(phrases):
            scant[arm.name] = f"{model} describes {described} of {len(phrases)} classes"
        else:
            seeds = range(settings.seeds)
            arms += [arm, *cut_arms(real, arm, chosen.selection.model, seeds)]
    return arms, scant


def _wanted(others: "list[StoredSet]", chosen: "StoredSet", model: str) -> "list[StoredSet]":
    """The set of one model, of all where none is named. Raises: InputError."""
    models = [other.selection.model for other in others]
    if model and model not in models:
        raise InputError(
            f"--other {model}: wanted a set of {chosen.vocabulary.name} in {chosen.store.path} "
            f"beside {chosen.selection.model}'s, got one of {', '.join(models) or 'none'}; give "
            "another, or `langseg-desc generate` or `import` it"
        )
    return [other for other in others if model in ("", other.selection.model)]


def _banks(
    arms: "Sequence[Arm]",
    chosen: "StoredSet",
    askings: "tuple[Asking, ...]",
    record: "EncoderRecord",
    width: int,
) -> "Iterator[tuple[Arm, TextBank]]":
    """The bank of each arm, K of all of them that of the first, which is the real one."""
    from langseg.descriptors.bank.build import bank_texts, build_bank
    from langseg.descriptors.controls.other_things import widened
    from langseg.descriptors.encoders.stored_vectors import stored_vectors

    real = ""
    for arm in arms:
        recipe: dict[str, Any] = {"arm": arm.name, "rule": arm.rule, "seed": arm.seed, "of": real}
        if more := len(arm.phrases) - len(chosen.vocabulary.classes):
            recipe["distractors"] = more
        texts = bank_texts(chosen.vocabulary, arm.phrases)
        bank = build_bank(
            widened(chosen.vocabulary, arm.phrases),
            arm.phrases,
            stored_vectors(chosen.store, record, texts),
            record,
            model=arm.model,
            manifest=chosen.store.manifest.name,
            askings=() if real else askings,
            recipe=recipe if real else None,
            width=width,
        )
        real = real or bank.fingerprint
        yield arm, bank


def _naming(real: "BankPhrases", arm: "Arm") -> int:
    """How many texts of an arm say the name of their class, besides the name itself."""
    pairs = ((name, row) for name, rows in arm.phrases.items() for row in rows[1:])
    return sum(real.names_class(name, row) for name, row in pairs)


def _entry(arm: "Arm", bank: "TextBank", naming: int) -> ListedArm:
    words = [len(text.split()) for row in bank.texts for text in row]
    return ListedArm(
        arm=arm.name,
        seed=arm.seed,
        model=arm.model,
        rule=arm.rule,
        fingerprint=bank.fingerprint,
        texts=len(words),
        mean_words=round(sum(words) / len(words), 2),
        naming=naming,
    )


def _shown(entry: ListedArm) -> str:
    return entry.arm if entry.seed is None else f"{entry.arm} of seed {entry.seed}"
