"""The user's cache folder: what can be had again, kept so that it need not be.

In:  the environment.
Out: a folder, which may not be there yet: ``$LANGSEG_CACHE``, else ``langseg`` in the user's own
     cache folder (``$XDG_CACHE_HOME``, else ``~/.cache``, as huggingface_hub has it).

``backbones/`` holds weights that were fetched (``segmenter.backbones``), ``features/`` what
backbones said of pictures (``segmenter.features``), ``labels/`` what was drawn from polygons
(``segmenter.data.drawn``). Deleting any of it costs time alone.
"""

import os
from pathlib import Path

from langseg.cache.errors import UsageError

VARIABLE = "LANGSEG_CACHE"


def user_cache() -> Path:
    """The folder; asked each time, so that a changed environment counts.

    Raises: UsageError, where the environment names none and the user has no home.
    """
    above = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    given = os.environ.get(VARIABLE) or f"{above}/langseg"
    try:
        return Path(given).expanduser().absolute()
    except RuntimeError as exc:  # a container's user without an entry in passwd
        raise UsageError(
            f"{given}: wanted the user's home for a cache folder, got {exc}; name a folder in "
            f"${VARIABLE}"
        ) from exc
