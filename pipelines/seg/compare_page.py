"""Gather what the page of a comparison shows: the pictures on which words disagree are read.

In:  a report, what it rests on, the rule as it was laid down, the pictures.
Out: HTML.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from langseg.cache.counted import counted
from langseg.pipelines.pages.compare import (
    Answered,
    ComparedPicture,
    ComparePage,
    Mistake,
    render_compare,
)
from langseg.pipelines.seg.compare_rows import Arm, Grounds
from langseg.pipelines.seg.page_pictures import jpeg, within
from langseg.pipelines.shared.compare_report import CompareReport
from langseg.segmenter.comparison.verdict import REAL
from langseg.segmenter.data.sample import Sample, read_picture

SHOWN = 6  # pictures of the largest gain, and as many of the largest loss
_MISTAKES = 3  # the largest of a picture, for each side
_LONGEST = 360  # pixels of a picture, which is shown half as large
_NOWHERE = "a thing that no picture holds"
Pair = tuple[int, int]  # true and predicted class


def compare_page(
    report: CompareReport, grounds: Grounds, laid: Mapping[str, object], samples: Sequence[Sample]
) -> str:
    """The page. Args: laid: the rule of the run; samples: the pictures that were scored.
    Raises: InputError, for a picture that cannot be read any more."""
    real, control = (
        [arm for arm in grounds.arms if arm.name == name] for name in (REAL, report.rule.control)
    )
    gains, losses = most_different(real, control, len(samples))

    def shown(places: Sequence[int]) -> list[ComparedPicture]:
        return [_picture(place, real, control, grounds.names, samples[place]) for place in places]

    return render_compare(ComparePage(
        report=report, ran=_ran(report, laid), gains=shown(gains), losses=shown(losses)
    ))  # fmt: skip


def most_different(
    real: Sequence[Arm], control: Sequence[Arm], pictures: int
) -> tuple[list[int], list[int]]:
    """The pictures in which the real words have most pixels more right among the unseen, and those
    in which they have most fewer, over all splits; none without a control."""
    if not control:
        return [], []
    right = [np.zeros(pictures) for _ in range(2)]
    for side, arms in zip(right, (real, control), strict=True):
        for arm in arms:
            for (_, picture, protocol), cells in arm.tally.cells.items():
                if protocol == "among":
                    hit = cells.true == cells.predicted
                    side[picture] += cells.pixels[hit].sum() / len(arms)
    gained = right[0] - right[1]
    order = np.argsort(-gained, kind="stable").tolist()
    return (
        [place for place in order if gained[place] > 0][:SHOWN],
        [place for place in reversed(order) if gained[place] < 0][:SHOWN],
    )


def _picture(
    place: int, real: Sequence[Arm], control: Sequence[Arm], names: Sequence[str], sample: Sample
) -> ComparedPicture:
    asked: Counter[int] = Counter()
    for (true, _), pixels in _answers(real, place).items():
        asked[true] += pixels
    tally = real[0].tally
    splits = [
        1 for (_, picture, protocol), cells in tally.cells.items()
        if (picture, protocol) == (place, "among") and len(cells.pixels)
    ]  # fmt: skip
    return ComparedPicture(
        stem=sample.stem,
        jpeg=jpeg(within(read_picture(sample), _LONGEST)),
        splits=len(splits),
        asked={names[true]: pixels / asked.total() for true, pixels in asked.most_common()},
        real=_answered(_answers(real, place), names),
        control=_answered(_answers(control, place), names),
    )


def _answers(arms: Sequence[Arm], place: int) -> Counter[Pair]:
    """Pixels of a picture among the unseen, over splits and draws, by what they are and what they
    were called."""
    found: Counter[Pair] = Counter()
    for arm in arms:
        for (_, picture, protocol), cells in arm.tally.cells.items():
            if (picture, protocol) == (place, "among"):
                pairs = zip(cells.true.tolist(), cells.predicted.tolist(), strict=True)
                for pair, pixels in zip(pairs, cells.pixels.tolist(), strict=True):
                    found[pair] += pixels
    return found


def _answered(answers: Counter[Pair], names: Sequence[str]) -> Answered:
    whole = answers.total()

    def mistakes() -> Iterator[Mistake]:
        for (true, said), pixels in answers.most_common():
            if true != said:
                called = names[said] if said < len(names) else _NOWHERE
                yield Mistake(true=names[true], said=called, share=pixels / whole)

    right = sum(pixels for (true, said), pixels in answers.items() if true == said)
    return Answered(
        accuracy=100 * right / whole,
        mistakes=[one for one, _ in zip(mistakes(), range(_MISTAKES), strict=False)],
    )


def _ran(report: CompareReport, laid: Mapping[str, object]) -> dict[str, str]:
    """How it was run, in words."""
    hashes, taps = laid["data"], laid["taps"]
    assert isinstance(hashes, Mapping)
    assert isinstance(taps, Sequence)
    rule = report.rule
    real = report.arms[0].banks
    return {
        "rule": f"{rule.metric}; {REAL} - {rule.control}, margin {rule.margin:g} points, level "
        f"{rule.level:g}; laid down in rule.json before the first arm",
        "dataset": f"{report.dataset}: {counted(report.pictures, 'picture')} scored, hash "
        f"{str(hashes['val'])[:12]}; those trained on, hash {str(hashes['train'])[:12]}",
        "splits": f"{counted(len(report.splits), 'split')}, "
        f"{counted(report.seeds, 'seed')} of training",
        "head": f"{report.head}, on the layers {', '.join(map(str, taps))}",
        "backbone": str(laid["backbone"]),
        "real words": ", ".join(f"bank {one[:12]}" for one in real),
        "folder": f"{report.out}: compare.json, results.parquet (rows for SQL), arms (the counts)",
        "time": f"{report.seconds:g} s, without what was kept of a call before",
    }
