"""One writer for each store.

In:  the store's folder.
Out: its lock, held.
"""

from contextlib import AbstractContextManager
from pathlib import Path

from langseg.cache.folder_lock import folder_lock


def store_lock(root: Path) -> AbstractContextManager[None]:
    """Hold the store for writing. Raises: as ``folder_lock``."""
    return folder_lock(
        root, "this store", "wait until it is done, or stop it: what it has paid for is kept"
    )
