"""`langseg-seg predict`: segment pictures.

In:  settings, which name a checkpoint and pictures, folders or globs of them.
Out: a mask and an overlay for each picture; a report of what was done.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from langseg.cache.counted import counted
from langseg.cache.errors import InputError
from langseg.cache.files import write_atomic
from langseg.cache.records import ANY_SCENE
from langseg.pipelines.seg.inputs import trained_segmenter
from langseg.pipelines.seg.pictures import Wanted, wanted_pictures
from langseg.pipelines.seg.settings import PredictSettings
from langseg.pipelines.shared.progress import Advance
from langseg.segmenter.data.images import decode_image, page_numbers
from langseg.segmenter.inference.legend import FOLDED_BELOW, percent
from langseg.segmenter.inference.mask_files import encode_png
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.memory import is_out_of_memory

_SHOWN = 6  # classes in the words
_SCENES = 3  # the likeliest


@dataclass(frozen=True, kw_only=True)
class PredictedPicture:
    """What was seen in ``image``, and the files that show it.

    ``classes``: share of the pixels of each, 0..1, the largest first; ``scores``: how sure the
    model is of each (``Segmentation.scores``); ``scenes``: the likeliest, with their probabilities.
    """

    image: Path
    mask: Path
    overlay: Path
    classes: Mapping[str, float]
    scores: Mapping[str, float]
    scenes: Mapping[str, float]

    @property
    def words(self) -> str:
        """``out/overlay_photo.png: wall 85.3 %, 2 others 14.7 %; scene kitchen (93 %)``."""
        shown = [name for name, part in self.classes.items() if part >= FOLDED_BELOW][:_SHOWN]
        parts = [f"{name} {percent(self.classes[name])}" for name in shown]
        if others := self.classes.keys() - shown:
            rest = sum(self.classes[name] for name in others)
            many = "1 other" if len(others) == 1 else f"{len(others)} others"
            parts.append(f"{many} {percent(rest)}")
        return f"{self.overlay}: {', '.join(parts)}{self._scene_words()}"

    def _scene_words(self) -> str:
        """Nothing where the bank has no scenes to tell from."""
        if not self.scenes.keys() - {ANY_SCENE}:
            return ""
        scene, likely = next(iter(self.scenes.items()))
        told = "no scene of the bank" if scene == ANY_SCENE else f"scene {scene}"
        return f"; {told} ({100 * likely:.0f} %)"


@dataclass(frozen=True, kw_only=True)
class PredictReport:
    """The pictures that were ``predicted``; for those that ``failed`` a sentence each."""

    out: Path
    predicted: list[PredictedPicture]
    failed: list[str]
    sentence: str


def run_predict(settings: PredictSettings, advance: Advance) -> PredictReport:
    """Write a mask (pixel = class id) and an overlay for each picture, where ``wanted_pictures``
    says.

    A picture that cannot be used, or that the memory is too small for, is named in ``failed`` and
    does not stop the others.
    Raises: as ``wanted_pictures``, before anything is read; InputError, where nothing can be
    written, saying how far it came.
    """
    wanted = wanted_pictures(settings.images, settings.out)
    segmenter = trained_segmenter(settings, advance)
    settings.out.mkdir(parents=True, exist_ok=True)
    done, failed = [], []
    for number, picture in enumerate(wanted, start=1):
        advance(number - 1, len(wanted), phase="segmenting")
        try:
            for one, page in _pages(picture, settings.page):
                pixels = decode_image(one.image, window=settings.grey_window, page=page)
                done.append(_predicted(segmenter, one, pixels, settings.scene))
        except InputError as exc:
            failed.append(str(exc))
        except (MemoryError, RuntimeError) as exc:
            if not is_out_of_memory(exc):
                raise
            failed.append(
                f"{picture.image}: wanted more memory than there is; give --mode slide with a "
                "smaller --short-side, or shrink the picture"
            )
        except OSError as exc:
            raise InputError(
                f"{exc.filename or picture.mask}: cannot be written ({exc.strerror}); "
                f"done and kept: {len(done)} of {counted(len(wanted), 'picture')}"
            ) from exc
        advance(number, len(wanted), phase="segmenting")
    return PredictReport(
        out=settings.out,
        predicted=done,
        failed=failed,
        sentence=f"{settings.out}: {len(wanted) - len(failed)} of "
        f"{counted(len(wanted), 'picture')} segmented",
    )


def _pages(picture: Wanted, page: str | None) -> Iterator[tuple[Wanted, int | None]]:
    """The pages that are asked for; of several each has results of its own: ``scan_p2.png``,
    as the stems of a dataset's are (``own.read_as``)."""
    if page != "all":
        yield picture, None if page is None else int(page)
        return
    numbers = page_numbers(picture.image)
    for number in range(len(numbers)):
        mask, overlay = (
            path.with_name(f"{path.stem}_p{number}.png") if len(numbers) > 1 else path
            for path in (picture.mask, picture.overlay)
        )
        yield Wanted(picture.image, mask, overlay), number


def _predicted(
    segmenter: Segmenter, picture: Wanted, pixels: NDArray[np.uint8], scene: str | None
) -> PredictedPicture:
    prediction = segmenter.segment(pixels, scene)
    picture.mask.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(picture.mask, prediction.index_png())
    write_atomic(picture.overlay, encode_png(prediction.overlay()))
    return PredictedPicture(
        image=picture.image,
        mask=picture.mask,
        overlay=picture.overlay,
        classes=prediction.classes,
        scores=prediction.scores,
        scenes=dict(sorted(prediction.scenes.items(), key=lambda item: -item[1])[:_SCENES]),
    )
