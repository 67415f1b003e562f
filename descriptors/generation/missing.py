"""Tell what has no usable answer, though it was asked about as often as it is.

In:  planned requests, and what the answers that there are settle.
Out: what was asked about in vain, each with the requests about it.

One usable sample is enough for a subject. An answer to another prompt, or of another model, is
none to this one. What is not asked yet, or is under way, is not missing.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from langseg.cache.records import Request
from langseg.descriptors.generation.settled import Settled
from langseg.descriptors.prompts.subject import Subject, subject_of


def missing(
    planned: Iterable[Request], settled: Settled, may_come: Callable[[Request], bool]
) -> Iterator[tuple[Subject, list[Request]]]:
    """Read a plan once, in constant memory; requests about one subject are neighbours in it.

    Args:
        may_come: whether an answer to a planned request that is not settled may still come.
    """
    for subject, group in groupby(planned, subject_of):
        requests = list(group)
        if not any(settled.is_accepted(r) or _may_come(r, settled, may_come) for r in requests):
            yield subject, requests


def _may_come(request: Request, settled: Settled, may_come: Callable[[Request], bool]) -> bool:
    return settled.to_ask(request) is not None and may_come(request)
