"""`langseg-seg fetch`: get a backbone's weights where no hub is reached.

In:  settings, which name it.
Out: its weights in the user's cache; a report of what was done.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from langseg.cache.errors import UsageError
from langseg.pipelines.seg.settings import FetchSettings
from langseg.pipelines.shared.progress import Advance
from langseg.segmenter.backbones.offline import NAME, NATURE, fetch_offline


@dataclass(frozen=True, kw_only=True)
class FetchReport:
    """``what`` a backbone is, its ``weights``, and whether they were ``fetched`` by this run."""

    backbone: str
    what: str
    weights: Path
    fetched: bool
    sentence: str


def run_fetch(settings: FetchSettings, advance: Advance) -> FetchReport:
    """Fetch, unless it is there. Raises: UsageError, for a name of nothing; as fetch_offline."""
    if settings.backbone != NAME:
        near = get_close_matches(settings.backbone, [NAME])
        raise UsageError(
            f"backbone {settings.backbone!r}: wanted the one that is fetched, {NAME}"
            f"{', did you mean that?' if near else ''}; `langseg-seg train --pretrained` takes "
            "those of timm's models from the hub"
        )
    advance(0, 0, phase="downloading 90 MB and converting")
    done = fetch_offline()
    return FetchReport(
        backbone=NAME,
        what=NATURE,
        weights=done.weights,
        fetched=done.is_new,
        sentence=f"{NAME}: {NATURE}; {'kept in' if done.is_new else 'there already,'} "
        f"{done.weights.parent}",
    )
