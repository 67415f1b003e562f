"""Bring answers into the store: parsed, then journalled, then committed many at once.

In:  requests with their responses, from a journal or a provider.
Out: Arrow tables to commit; a log that tells which answers are safe on disk.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pyarrow as pa

from langseg.cache.records import TABLES, to_table
from langseg.cache.store.journal import Answer, Journal
from langseg.cache.store.writer import StoreWriter
from langseg.descriptors.prompts.replies import ParsedReply, parse_reply

ParsedAnswer = tuple[Answer, ParsedReply | None]  # None: no reply that can be used whole


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How many answers may come at once: they reach the journal as soon as no further one is
    waiting, and ``flush_answers`` at a time; the store after ``commit_answers`` and at the end."""

    flush_answers: int = 32
    commit_answers: int = 5000


def parsed(answer: Answer) -> ParsedAnswer:
    """The answer with its reply parsed, where a complete reply text arrived.

    One that its server calls cut is complete if it holds all that was asked for: some servers say
    so of a reply that ended by itself, and it is paid for. Else it is asked for with a larger
    limit, which a merely invalid one is not.
    """
    request, response = answer
    if response.status not in ("ok", "truncated"):
        return answer, None
    reply = parse_reply(response.raw_text, request)
    return answer, None if (response.status, reply.status) == ("truncated", "invalid") else reply


def answer_tables(answers: Sequence[ParsedAnswer]) -> dict[str, pa.Table]:
    """Tables of answered requests; descriptors come from accepted replies only."""
    replies = [reply for _, reply in answers if reply is not None and reply.status == "ok"]
    made: dict[str, Iterable[Any]] = {
        "requests": {request.request_key: request for (request, _), _ in answers}.values(),
        "responses": [response for (_, response), _ in answers],
        "descriptors": chain.from_iterable(reply.rows for reply in replies),
        "texts": {text.text_id: text for reply in replies for text in reply.texts}.values(),
    }
    return {name: to_table(TABLES[name], rows) for name, rows in made.items()}


class AnswerLog:
    """The answers of one run on their way to the store.

    An answer is appended to the journal, is safe once the journal is flushed, and is moved into
    the store by a commit. Memory: at most ``Pace.commit_answers`` answers.
    """

    def __init__(self, writer: StoreWriter, run_id: str, pace: Pace) -> None:
        self._writer, self._run_id, self._pace = writer, run_id, pace
        self._journal: Journal | None = None
        self._appended: list[ParsedAnswer] = []  # not on disk yet
        self._landed: list[ParsedAnswer] = []  # in the journal, not in the store yet

    @property
    def flush_is_due(self) -> bool:
        """Whether as many answers wait for the disk as may."""
        return len(self._appended) >= self._pace.flush_answers

    @property
    def commit_is_due(self) -> bool:
        """Whether the journal holds as many answers as it may."""
        return len(self._landed) >= self._pace.commit_answers

    def append(self, answer: ParsedAnswer) -> None:
        """Hand one more answer to the journal."""
        if self._journal is None:
            self._journal = self._writer.start_journal(self._run_id)
        self._journal.append(*answer[0])
        self._appended.append(answer)

    def flush(self) -> Sequence[ParsedAnswer]:
        """Put appended answers on disk. Returns: those that are safe from now on."""
        if self._journal is None or not self._appended:
            return ()
        appended, self._appended = self._appended, []
        try:
            self._journal.flush()
        finally:  # where the journal failed, the commit at the end still tries to save them
            self._landed += appended
        return appended

    def commit(self) -> bool:
        """Move what the journal holds into the store. Returns: whether there was a journal."""
        if self._journal is None:
            return False
        self._writer.commit(answer_tables(self._landed), retired_journals=[self._journal.name])
        self._journal, self._landed = None, []
        return True
