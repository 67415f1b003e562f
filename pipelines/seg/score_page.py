"""Gather what the page of an evaluation shows: its pictures are looked at once more and drawn.

In:  a report, the Evaluation it is of, its classes, and a way to see a picture again.
Out: HTML.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from langseg.cache.counted import counted
from langseg.pipelines.pages.scores import PageClass, PagePicture, ScorePage, render_scores
from langseg.pipelines.seg.page_pictures import jpeg, within
from langseg.pipelines.seg.score_report import MasksReport, ModelReport, ScoreReport
from langseg.pipelines.seg.score_tables import score_rows
from langseg.segmenter.data.labels import IGNORE
from langseg.segmenter.data.sample import Sample
from langseg.segmenter.evaluation.evaluate import Evaluation, Scored
from langseg.segmenter.evaluation.pictures import PictureCounts, summed
from langseg.segmenter.inference.legend import legend_rows
from langseg.segmenter.inference.overlay import PANEL_WIDTH, panel
from langseg.segmenter.inference.palette import Rgb

SHOWN = 5  # worst pictures, and as many best ones
_LONGEST = 480  # pixels of a picture on the page, where it is some 350 wide: names stay readable


def score_page(
    report: ScoreReport,
    found: Evaluation,
    samples: Sequence[Sample],
    look: Callable[[Sample], Scored],
    names: Sequence[str],
    colours: Sequence[Rgb],
) -> str:
    """The page. Args: look: reads and predicts one of the samples again."""
    counts = summed(found.pictures, len(names)).numpy()
    labelled = counts.sum(axis=1) / counts.sum()
    worst, best = worst_and_best(found.pictures)
    by_stem = {sample.stem: sample for sample in samples}

    def drawn(pictures: Sequence[PictureCounts]) -> list[PagePicture]:
        return [_picture(one, look(by_stem[one.stem]), names, colours) for one in pictures]

    what = report.checkpoint if isinstance(report, ModelReport) else report.data
    return render_scores(
        ScorePage(
            title=f"{report.dataset} {report.split}, {what.name}",
            lead=report.sentence,
            tiles={name: f"{100 * value:.1f} %" for name, value in score_rows(report)},
            protocol=_protocol(report),
            classes=[
                PageClass(name=name, colour=colour, iou=iou, labelled=float(part))
                for name, colour, iou, part in zip(
                    names, colours, found.scores.per_class_iou, labelled, strict=True
                )
            ],
            counts=counts,
            worst=drawn(worst),
            best=drawn(best),
            strata=report.strata,
            robustness=report.robustness if isinstance(report, ModelReport) else None,
        )
    )


def _protocol(report: ScoreReport) -> dict[str, str]:
    """How it was scored, in words."""
    words = {
        "dataset": f"{report.dataset} {report.split}, {counted(report.images, 'picture')}, hash "
        f"{report.data_hash[:12]}",
        "folder": str(report.data),
        "mIoU": "over the classes that are labelled or predicted, from one confusion matrix at "
        f"the labels' own size; neither: {counted(report.dropped, 'class')}",
    }
    if isinstance(report, MasksReport):
        words["masks"] = str(report.predictions)
    if isinstance(report, ModelReport):
        how = report.protocol
        windows = "" if how.window is None else f", windows of {how.window} px"
        scales = "" if len(how.scales) == 1 else f", scales {', '.join(map(str, how.scales))}"
        words |= {
            "model": f"{report.checkpoint}, step {report.step}",
            "backbone": report.backbone,
            "words": f"{how.classes} classes of {how.vocabulary}, bank {report.bank[:12]}",
            "read": f"{how.mode}, short side {how.short_side} px{windows}{scales}"
            + (", and mirrored" if how.flip else ""),
            "averaged": how.averaged,
            "resized": how.resized,
            "upsampled": how.upsampled,
            "scene from": how.scenes,
            "on": f"{how.device}, {how.precision}, {how.processes} processes",
        }
        if how.mapping is not None:
            words["classes mapped by"] = str(how.mapping.file)
    return words | {"versions": ", ".join(f"{name} {v}" for name, v in report.versions.items())}


def worst_and_best(
    pictures: Sequence[PictureCounts],
) -> tuple[list[PictureCounts], list[PictureCounts]]:
    """The pictures of lowest and of highest mIoU, none in both; ties in the order of stems."""
    labelled = sorted((one for one in pictures if one.labelled), key=lambda one: one.stem)
    order = sorted(labelled, key=lambda one: one.miou)
    half = (len(order) + 1) // 2
    return order[: min(SHOWN, half)], order[half:][::-1][:SHOWN]


def _picture(
    counts: PictureCounts, scored: Scored, names: Sequence[str], colours: Sequence[Rgb]
) -> PagePicture:
    masks = {"labels": scored.labels, "prediction": scored.mask}
    blank = np.full_like(scored.labels, IGNORE)
    image = within(scored.image, _LONGEST)
    small = np.array(image)
    panels = {
        name: panel(small, _shrunk(mask, image.size), names, colours, PANEL_WIDTH)
        for name, mask in ({"image": blank} | masks).items()
    }
    return PagePicture(
        stem=counts.stem,
        miou=counts.miou,
        pixel_accuracy=counts.pixel_accuracy,
        panels={name: jpeg(one) for name, one in panels.items()},
        legend=legend_rows(list(masks.values()), names, colours),
    )


def _shrunk(mask: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.int64]:
    nearest = Image.fromarray(mask.astype(np.int32)).resize(size, Image.Resampling.NEAREST)
    return np.array(nearest).astype(np.int64)
