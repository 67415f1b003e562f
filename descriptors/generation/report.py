"""Count what a run did.

In:  each response once it is safe on disk, with its parsed reply.
Out: a report, at any moment.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # a command line names the report before it knows what is to be done
    from langseg.cache.records import Response
    from langseg.descriptors.prompts.replies import ParsedReply

N = TypeVar("N", int, float)


@dataclass(frozen=True, kw_only=True)
class GenerateReport:
    """What a run did, or has done so far.

    ``planned`` requests, of which ``cached`` had a usable answer, and ``unusable`` none, though
    they were asked for as often as they are; ``recovered`` answers that dead runs had left in
    their journals; ``collected`` answers that earlier runs had left at a
    server, whose statuses, tokens and cost count here; ``asked`` responses that arrived,
    ``reasked`` of them second tries; ``statuses`` of those responses; phrases ``accepted``, names
    of ``subclasses`` among them, and ``rejected`` by reason; tokens and cost of this run, None
    where one answer's is unknown;
    ``attempts`` that were made, failed ones too, and ``most_tokens`` and ``most_cost_usd`` they
    can have used, which is what budgets go by; ``still_open`` requests that a rerun would ask,
    as they failed or were not answered; ``missing`` names, once a run has ended, what has no
    usable answer, whoever asked and when; ``seconds`` since the asking began; ``manifest`` is the
    live snapshot.
    """

    run_id: str
    planned: int
    cached: int
    unusable: int
    recovered: int
    collected: int
    asked: int
    reasked: int
    statuses: Mapping[str, int]
    accepted: int
    subclasses: int
    rejected: Mapping[str, int]
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None
    attempts: int
    most_tokens: int
    most_cost_usd: float | None
    still_open: int
    missing: tuple[str, ...]
    seconds: float
    manifest: str


@dataclass(kw_only=True)
class Tally:
    """Running counts, named as in ``GenerateReport``."""

    planned: int = 0
    cached: int = 0
    unusable: int = 0
    recovered: int = 0
    collected: int = 0
    asked: int = 0
    reasked: int = 0
    accepted: int = 0
    subclasses: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    cost_usd: float | None = 0.0

    def snapshot(self) -> dict[str, Any]:
        """The counts as they are now, for ``GenerateReport``."""
        copies = {"statuses": dict(self.statuses), "rejected": dict(self.rejected)}
        return {**vars(self), **copies}

    def count(self, response: "Response", parsed: "ParsedReply | None") -> None:
        """Count one response; ``parsed`` is None unless a complete reply text arrived."""
        self.asked += 1
        self.reasked += response.attempt > 1
        self.statuses[response.status] += 1
        if response.status != "failed":  # no answer, so nothing that could be known
            self.prompt_tokens = _sum(self.prompt_tokens, response.prompt_tokens)
            self.completion_tokens = _sum(self.completion_tokens, response.completion_tokens)
            self.cost_usd = _sum(self.cost_usd, response.cost_usd)
        if parsed is None:
            return
        from langseg.cache.records import NAME_SLOT  # not for a command's --help

        for row in parsed.rows:
            if row.rejected:
                self.rejected[row.rejected] += 1
            else:
                self.accepted += 1
                self.subclasses += row.slot == NAME_SLOT


def _sum(total: N | None, value: N | None) -> N | None:
    return None if total is None or value is None else total + value
