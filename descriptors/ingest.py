"""Turn answers into the store's tables, and tell which requests they settle.

In:  requests with their responses and parsed replies, from a journal or a run.
Out: Arrow tables to commit; the keys that need not be asked again.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa

from langseg.cache.journal import Row
from langseg.cache.records import TABLES, to_table
from langseg.cache.store import Store
from langseg.descriptors.validate import ParsedReply, parse_reply

Answer = tuple[Row, ParsedReply | None]  # None: no complete reply text arrived
MAX_INVALID = 2  # an invalid reply is asked for once more; then it is the answer


def parsed(row: Row) -> Answer:
    """The row with its reply parsed, where a complete reply text arrived."""
    request, response = row
    whole = response.status == "ok"
    return row, parse_reply(response.raw_text, request) if whole else None


def answer_tables(answers: Sequence[Answer]) -> dict[str, pa.Table]:
    """Tables of answered requests; descriptors come from accepted replies only."""
    replies = [reply for _, reply in answers if reply is not None and reply.status == "ok"]
    made: dict[str, Iterable[Any]] = {
        "requests": {request.request_key: request for (request, _), _ in answers}.values(),
        "responses": [response for (_, response), _ in answers],
        "descriptors": chain.from_iterable(reply.rows for reply in replies),
        "texts": {text.text_id: text for reply in replies for text in reply.texts}.values(),
    }
    return {name: to_table(row_type, made[name]) for name, row_type in TABLES.items()}


def settles(status: str, invalid: int) -> bool:
    """Whether an answer ends the asking, given how many invalid ones there are with it."""
    return invalid >= MAX_INVALID if status == "invalid" else status != "failed"


def settled_keys(store: Store) -> set[str]:
    """Requests that are not asked again: answered, and not by a single invalid reply.

    (A run that is cut off, or out of budget, leaves invalid replies without their second try.)
    """
    return settled_and_invalid(store)[0]


def settled_and_invalid(store: Store) -> tuple[set[str], Counter[str]]:
    """The settled keys, and how many invalid replies each key has."""
    table = store.table("responses", ("request_key", "status"))
    settled: set[str] = set()
    invalid: Counter[str] = Counter()
    for key, status in zip(*(column.to_pylist() for column in table.columns), strict=True):
        invalid[key] += status == "invalid"
        if settles(status, invalid[key]):
            settled.add(key)
    return settled, invalid
