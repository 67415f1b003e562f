"""Complete on the command line what only LangSeg knows: datasets, classes, questions, encoders.

In:  the command line so far, and the beginning of a word.
Out: the words that begin so. What cannot be read completes nothing: a shell shows no error.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from langseg.cache.errors import LangSegError

Complete = Callable[[typer.Context, str], list[str]]


def _beginning(words: Iterable[str], start: str) -> list[str]:
    return [word for word in words if word.startswith(start)]


def datasets(context: typer.Context, incomplete: str) -> list[str]:
    """The vocabularies that ship."""
    from langseg.descriptors.vocabulary.load import shipped_vocabularies

    return _beginning(shipped_vocabularies(), incomplete)


def class_names(context: typer.Context, incomplete: str) -> list[str]:
    """The classes of the vocabulary that is named, else those that the store was asked about."""
    from langseg.descriptors.vocabulary.load import vocabulary_of

    given = context.params
    named = given.get("classes") or given.get("dataset")
    try:
        if named or "provider" in given:
            entries = vocabulary_of(named or "ade20k").classes
            return _beginning((entry.name for entry in entries), incomplete)
        return _beginning(_asked_about(given.get("store")), incomplete)
    except (LangSegError, OSError):
        return []


def words(context: typer.Context, incomplete: str) -> list[str]:
    """The vocabularies that ship; behind a comma the classes that the store was asked about."""
    before, comma, last = incomplete.rpartition(",")
    if not comma:
        return datasets(context, incomplete)
    try:
        names = _asked_about(context.params.get("store"))
    except (LangSegError, OSError):
        return []
    return [f"{before},{name}" for name in _beginning(names, last)]


def _asked_about(store: Path | None) -> list[str]:
    from langseg.cache.store.store import Store
    from langseg.descriptors.vocabulary.source import DEFAULT_STORE

    table = Store.open(store or DEFAULT_STORE).table("requests", ("class_name",))
    return sorted(filter(None, table["class_name"].unique().to_pylist()))


def questions(context: typer.Context, incomplete: str) -> list[str]:
    """The standing questions of `audit`."""
    from langseg.pipelines.desc.standing_questions import questions

    return _beginning((name for name, _ in questions()), incomplete)


def encoders(context: typer.Context, incomplete: str) -> list[str]:
    """The text encoders that have a name, and what is put before those of a kind."""
    return _beginning(("minilm", "clip:", "siglip:", "openai:"), incomplete)


COMPLETIONS: dict[str, Complete] = {  # of settings, in whichever command they are
    "dataset": datasets,
    "classes": words,
    "vocabulary": words,
    "class_name": class_names,
    "what": class_names,
    "question": questions,
    "encoder": encoders,
}
