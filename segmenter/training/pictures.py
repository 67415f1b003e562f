"""Find broken pictures before the first step, and decode none of them twice.

In:  Samples, and the stamps of those that were found whole before.
Out: the stamps of all; or the first picture that is broken.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from langseg.cache.errors import InputError
from langseg.cache.keys import sha256_hex
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.sample import OnProgress, Sample, read_sample
from langseg.segmenter.data.sources import Source, ZipMember, size_of

_THREADS = min(8, os.cpu_count() or 1)  # each may hold a picture of 64 megapixels


def stamp(sample: Sample) -> str:
    """Changes when the picture or its labels are written anew. Raises: InputError."""
    return sha256_hex("\n".join(map(_stamp, (sample.image, sample.labels))))


def _stamp(source: Source | None) -> str:
    if source is None:
        return ""
    path = source.archive if isinstance(source, ZipMember) else source
    try:
        changed = path.stat().st_mtime_ns
    except OSError as exc:
        raise InputError(f"{path}: wanted a file of the dataset, got {exc.strerror}") from exc
    return f"{path.absolute()} {source} {size_of(source)} {changed}"


def check_pictures(
    samples: Sequence[Sample], rule: LabelRule, whole: set[str], on_progress: OnProgress
) -> None:
    """Decode every picture whose stamp is not in ``whole``, which grows by it.

    Raises: InputError, for the first that cannot be used.
    """
    stamps = [stamp(sample) for sample in samples]
    due = [i for i, each in enumerate(stamps) if each not in whole]

    def read(place: int) -> str:
        read_sample(samples[place], rule)
        return stamps[place]

    with ThreadPoolExecutor(_THREADS) as pool:
        try:
            for done, found in enumerate(pool.map(read, due), start=1):
                whole.add(found)
                on_progress("checking pictures", done, len(due))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
