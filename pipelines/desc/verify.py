"""Check everything that a store holds against its checksums and references. Nothing is written.

In:  the folder of a store.
Out: a report of what is wrong.
"""

from dataclasses import dataclass
from pathlib import Path

from langseg.cache.errors import Remedy
from langseg.pipelines.shared.advice import COLLECTED, advised


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """``problems`` lose or falsify data; ``notes`` nobody need mind. A sentence each."""

    problems: list[str]
    notes: list[str]


def run_verify(store_path: Path) -> VerifyReport:
    """Look at the store and its banks."""
    from langseg.cache.store.store import Store
    from langseg.cache.upkeep.bank_checks import (
        bank_garbage,
        bank_notes,
        bank_problems,
        index_problems,
    )
    from langseg.cache.upkeep.verify import examine

    findings = examine(Store.open(store_path).path)
    damaged = [*bank_problems(store_path), *index_problems(store_path)]
    problems = [*findings.problems, *(error for _, error in damaged)]
    garbage = [*findings.garbage, *bank_garbage(store_path)]
    return VerifyReport(
        problems=[  # to verify is what is being done
            str(error) if error.remedy is Remedy.VERIFY else advised(error) for error in problems
        ],
        notes=[
            *findings.notes,
            *bank_notes(store_path),
            *(f"{sentence}; {COLLECTED}" for sentence in garbage),
        ],
    )
