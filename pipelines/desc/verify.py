"""Check everything that a store holds against its checksums and references. Nothing is written.

In:  the folder of a store.
Out: problems, which lose or falsify data, and notes, which nobody need mind; a sentence each.
"""

from pathlib import Path


def run_verify(store_path: Path) -> dict[str, list[str]]:
    """``problems`` and ``notes`` of the store and its banks."""
    from langseg.cache.store.store import Store
    from langseg.cache.upkeep.bank_checks import bank_notes, bank_problems, index_problems
    from langseg.cache.upkeep.verify import examine

    findings = examine(Store.open(store_path).path)
    banks = [*bank_problems(store_path), *index_problems(store_path)]
    return {
        "problems": findings.problems + [problem for _, problem in banks],
        "notes": findings.notes + bank_notes(store_path),
    }
