"""Answer the standing questions about a store, of all of it or of one vocabulary's selection.

In:  a store, perhaps a vocabulary and the requests whose answers are its descriptors.
Out: the answers, the classes without a descriptor, and a sentence, as JSON-able values.
"""

from collections.abc import Collection
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from langseg.cache.errors import InputError, UsageError
from langseg.descriptors.vocabulary.source import Source
from langseg.pipelines.desc.open_sets import open_sets

if TYPE_CHECKING:
    from langseg.cache.store.snapshot import Snapshot
    from langseg.descriptors.vocabulary.vocabulary import Vocabulary


def questions() -> list[tuple[str, str]]:
    """(name, question) of every canned audit."""
    from langseg.cache.sql.queries import AUDIT_QUESTIONS
    from langseg.cache.sql.views import question_sql

    return [(name, _comment(question_sql(name))) for name in AUDIT_QUESTIONS]


def check_question(name: str) -> None:
    """Raises: UsageError, for a name that ``questions`` does not list."""
    known = [known for known, _ in questions()]
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else "; audit --list shows them"
        raise UsageError(f"question {name!r}: wanted one of {', '.join(known)}{hint}")


def answer_questions(
    store: "Snapshot", vocabulary: "Vocabulary | None" = None, keys: Collection[str] = ()
) -> dict[str, Any]:
    """Answer every standing question: of the requests ``keys`` of a vocabulary, or of all.

    ``missing`` names the classes of the vocabulary (else those asked for) without a descriptor.
    """
    from langseg.cache.sql.queries import ask, open_audit
    from langseg.pipelines.desc.store_tables import all_tables, tables_of

    names = None if vocabulary is None else [entry.name for entry in vocabulary.classes]
    connection = open_audit(all_tables(store) if vocabulary is None else tables_of(store, keys))
    answers: list[dict[str, Any]] = []
    for name, question in questions():
        result = ask(connection, name)
        rows = [list(row) for row in result.rows]
        answers.append(
            {"name": name, "question": question, "columns": list(result.columns), "rows": rows}
        )
    coverage = next(answer for answer in answers if answer["name"] == "coverage")
    return {"answers": answers, **_covered(coverage["rows"], names)}


def vocabulary_answers(source: Source) -> dict[str, Any]:
    """``answer_questions`` of the selection that a source names; where the store has no answer of
    the vocabulary yet, every class is missing."""
    sets = open_sets(source)
    try:
        chosen = sets.of(source.model)
    except InputError:
        return answer_questions(sets.store, sets.vocabulary)
    return answer_questions(sets.store, sets.vocabulary, chosen.selection.keys)


def _covered(rows: list[list[Any]], names: list[str] | None) -> dict[str, Any]:
    """The sentence of an audit. ``rows`` start with class, model, kept descriptors."""
    counts = dict.fromkeys(names or (), 0)
    for name, _, count, *_rest in rows:
        if names is None or name in counts:
            counts[name] = counts.get(name, 0) + count
    ordered = sorted(counts.values())
    spread = "none"
    if ordered:
        spread = f"{ordered[0]} to {ordered[-1]}, median {ordered[len(ordered) // 2]}"
    models = sorted({row[1] for row in rows})
    sentence = f"{len(ordered)} classes, {sum(ordered)} descriptors kept ({spread} for a class)"
    if models:
        sentence += f", written by {', '.join(models)}"
    missing = [name for name, count in counts.items() if not count]
    if missing:
        sentence += f"; {len(missing)} without any: {', '.join(missing[:10])}"
    return {"missing": missing, "sentence": sentence}


def _comment(sql: str) -> str:
    lines = [line.removeprefix("-- ") for line in sql.splitlines() if line.startswith("-- ")]
    return " ".join(lines)
