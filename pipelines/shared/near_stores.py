"""Find other stores nearby, so that nobody pays again for what a neighbouring folder holds.

In:  the store that is looked at.
Out: the stores in the folders around it and around the working directory, a few at most.
"""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from langseg.descriptors.vocabulary.source import DEFAULT_STORE

_LOOKED_AT = 500  # folders: a home directory has thousands
_NAMED = 3


def near_stores(store: Path) -> list[Path]:
    """Other stores: in a folder above, beside or directly below the working directory or the
    store's own, under the usual name, and the one that LANGSEG_STORE names."""
    from langseg.cache.store.manifest import is_store

    own, found = store.resolve(), list[Path]()
    for path in islice(_places(own), _LOOKED_AT):
        if path != own and path not in found and is_store(path):
            found.append(path)
    return found[:_NAMED]


def _places(own: Path) -> Iterator[Path]:
    if given := os.environ.get("LANGSEG_STORE"):
        yield Path(given).resolve()
    here = Path.cwd()
    for folder in dict.fromkeys((here, own.parent)):
        yield from (above / DEFAULT_STORE for above in (folder, *folder.parents))
    for folder in dict.fromkeys((here, here.parent, own.parent)):
        try:
            with os.scandir(folder) as entries:
                below = [Path(entry.path) for entry in entries if entry.is_dir()]
        except OSError:  # a folder that may not be read
            continue
        yield from (inner for one in below for inner in (one / DEFAULT_STORE, one))
