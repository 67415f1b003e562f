"""Answer the standing questions about a store, of all of it or of one vocabulary's selection.

In:  a store, perhaps the set of a vocabulary.
Out: a report: the answers, the classes without a descriptor, a sentence.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from langseg.cache.errors import UsageError
from langseg.pipelines.shared.audit_report import AuditReport, StandingAnswer
from langseg.pipelines.shared.chosen_set import chosen_set
from langseg.pipelines.shared.few_names import few_names

if TYPE_CHECKING:
    from langseg.cache.store.snapshot import Snapshot
    from langseg.descriptors.bank.stored_set import StoredSet


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


def answer_questions(store: "Snapshot", chosen: "StoredSet | None" = None) -> AuditReport:
    """Answer every standing question: of the ``chosen`` set of a vocabulary, or of all.

    ``missing`` names the classes of the vocabulary (else those asked for) without a descriptor.
    """
    from langseg.cache.sql.queries import ask, open_audit
    from langseg.pipelines.desc.store_tables import all_tables, tables_of

    names = None if chosen is None else [entry.name for entry in chosen.vocabulary.classes]
    connection = open_audit(all_tables(store) if chosen is None else tables_of(chosen))
    answers: list[StandingAnswer] = []
    for name, question in questions():
        result = ask(connection, name)
        answers.append(
            StandingAnswer(name=name, question=question, columns=result.columns, rows=result.rows)
        )
    coverage = next(answer for answer in answers if answer.name == "coverage")
    missing, sentence = _covered(coverage.rows, names)
    if chosen is None:
        who = sorted({row[2] for row in coverage.rows})
        sentence += f", written by {', '.join(who)}" if who else ""
        sentence += f"; only their name: {few_names(missing)}" if missing else ""
        return AuditReport(answers=answers, missing=missing, sentence=sentence)
    found = chosen_set(chosen)
    return AuditReport(answers=answers, missing=missing, set=found, sentence=f"{sentence}, {found}")


def _covered(rows: Sequence[Sequence[Any]], names: list[str] | None) -> tuple[list[str], str]:
    """The missing classes and a sentence. ``rows`` start with class, vocabularies, model,
    kept descriptors."""
    counts = dict.fromkeys(names or (), 0)
    for name, _, _, count, *_rest in rows:
        if names is None or name in counts:
            counts[name] = counts.get(name, 0) + count
    ordered = sorted(counts.values())
    spread = "none"
    if ordered:
        spread = f"{ordered[0]} to {ordered[-1]}, median {ordered[len(ordered) // 2]}"
    missing = [name for name, count in counts.items() if not count]
    count = f"{len(ordered)} classes, {sum(ordered)} descriptors kept ({spread} for a class)"
    return missing, count


def _comment(sql: str) -> str:
    lines = [line.removeprefix("-- ") for line in sql.splitlines() if line.startswith("-- ")]
    return " ".join(lines)
