"""`langseg-seg explain`: which words won each region of a picture, and what it would be without.

In:  settings, which name a checkpoint, a picture, and maybe phrases, classes and scenes to leave
     out.
Out: a picture with numbered regions, rows that join a store, a report; for what is left out both
     masks side by side, at the cost of the head alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from langseg.cache.bank.text_bank import TextBank
from langseg.cache.counted import counted
from langseg.cache.errors import InputError, UsageError
from langseg.cache.files import write_atomic
from langseg.cache.keys import text_id
from langseg.cache.records import ANY_SCENE
from langseg.pipelines.seg.inputs import trained_segmenter
from langseg.pipelines.seg.pictures import wanted_pictures
from langseg.pipelines.seg.settings import ExplainSettings
from langseg.pipelines.shared.output_file import check_file
from langseg.pipelines.shared.progress import Advance
from langseg.pipelines.shared.result_rows import EXPLAINED, write_rows
from langseg.segmenter.data.images import decode_image
from langseg.segmenter.inference.class_map import ClassMap
from langseg.segmenter.inference.explanation import (
    Phrase,
    Region,
    bank_without,
    explained_regions,
)
from langseg.segmenter.inference.legend import percent
from langseg.segmenter.inference.mask_files import encode_png
from langseg.segmenter.inference.numbered import numbered_regions
from langseg.segmenter.inference.overlay import side_by_side
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.text.collapse import (
    UNKNOWN_SCENE,
    BankTensors,
    descriptor_weights,
    plain_weights,
    scene_index,
)

_TOLD = 3  # phrases of a region in the report, and scenes
_LINES = 8  # regions in the words


@dataclass(frozen=True, kw_only=True)
class WinningPhrase:
    """A phrase of a region's class.

    ``subclass``: "" for one of the class itself; ``scenes``: those it belongs to, empty for all;
    ``weight``: its part in the class's vector, 0..1; ``margin``: by how much the head's logit of a
    class that were this phrase alone is above that of the runner-up's best phrase, null without a
    runner-up.
    """

    text: str
    text_id: str
    slot: str
    subclass: str
    scenes: tuple[str, ...]
    weight: float
    margin: float | None


@dataclass(frozen=True, kw_only=True)
class ExplainedRegion:
    """A region by its ``number`` in the picture; ``box`` x0, y0, x1, y1 in pixels, the last two
    outside; ``share`` of the picture, 0..1; ``margin`` of the class above ``runner_up`` and
    ``runner_up_phrase`` as in ``Region``; ``phrases``: the nearest three."""

    number: int
    class_name: str
    class_id: int
    share: float
    box: tuple[int, int, int, int]
    runner_up: str | None
    margin: float | None
    phrases: list[WinningPhrase]
    runner_up_phrase: str | None


@dataclass(frozen=True, kw_only=True)
class Without:
    """What changed without ``phrases``, ``classes`` and ``scenes``: ``changed`` of the pixels,
    0..1; ``regions``: of each that changed, by number, the share of its pixels that do; ``shares``
    of the classes, before and after."""

    phrases: tuple[str, ...]
    classes: tuple[str, ...]
    scenes: tuple[str, ...]
    overlay: Path
    changed: float
    regions: Mapping[int, float]
    shares: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class ExplainReport:
    """What was found of ``image``; ``picture`` and ``rows`` are files; ``scenes``: the likeliest,
    0..1, empty for a head that tells none; ``explained``: share of the pixels, 0..1, that are in
    ``regions``."""

    image: Path
    picture: Path
    rows: Path
    scenes: Mapping[str, float]
    explained: float
    regions: list[ExplainedRegion]
    without: Without | None
    sentence: str


def run_explain(settings: ExplainSettings, advance: Advance) -> ExplainReport:
    """Explain one picture.

    Raises: UsageError, for several pictures, a head that reads no words, and what cannot be left
    out; InputError, for a picture that cannot be used and where nothing can be written.
    """
    wanted = wanted_pictures((settings.image,), settings.out)
    if len(wanted) > 1:
        raise UsageError(f"{settings.image}: wanted one picture, got {len(wanted)} of them")
    check_file(settings.out / EXPLAINED.file, "--out", EXPLAINED.file)
    segmenter = trained_segmenter(settings, advance)
    bank = segmenter.bank
    if not segmenter.loaded.model.head.reads_text:
        raise UsageError(
            "explain: wanted a head that reads words, got one without; train one with "
            "`langseg-seg train --head dense`"
        )
    known = scene_index(bank, settings.scene)
    if known != UNKNOWN_SCENE and bank.scenes[known] in settings.without_scene:
        raise UsageError(
            f"--without-scene {bank.scenes[known]!r}: wanted a scene that is not told with --scene"
        )
    other = None
    if settings.without_phrase or settings.without_class or settings.without_scene:
        other = bank_without(
            bank,
            phrases=settings.without_phrase,
            classes=settings.without_class,
            scenes=settings.without_scene,
        )

    image = decode_image(wanted[0].image, window=settings.grey_window)
    advance(0, 0, phase="explaining")
    features = segmenter.features(image)
    seen = segmenter.look(image, settings.scene, features)
    mask = seen.mask(image.shape[:2]).cpu().numpy()
    regions = explained_regions(segmenter, image, features, seen, mask, settings.scene)
    weights = _weights(segmenter, seen, known)
    phrases = [_phrases(region, bank, weights) for region in regions]
    told = [
        _told(number, region, nearest, bank)
        for number, (region, nearest) in enumerate(zip(regions, phrases, strict=True), start=1)
    ]
    scenes = () if seen.scenes is None else seen.scenes.tolist()
    likely = dict(sorted(zip(bank.scenes, scenes, strict=False), key=lambda one: -one[1])[:_TOLD])
    without = None
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
        drawn = numbered_regions(
            image,
            [region.pixels for region in regions],
            [one.class_name for one in told],
            [segmenter.colours[region.class_index] for region in regions],
            [_lines(one) for one in told],
            _scene_words(likely),
        )
        write_atomic(wanted[0].mask, encode_png(drawn))
        write_rows(EXPLAINED, settings.out, _rows(settings.image, told, phrases, bank))
        if other is not None:
            places = np.array([bank.names.index(name) for name in other.names])
            without_them = segmenter.with_bank(other, places.tolist())
            now = without_them.look(image, settings.scene, features)
            after = places[now.mask(image.shape[:2]).cpu().numpy()]
            masks = {"as asked": mask, "without": after}
            shown = side_by_side(image, masks, bank.names, segmenter.colours)
            write_atomic(wanted[0].overlay, encode_png(shown))
            without = _without(settings, wanted[0].overlay, masks, regions, bank.names)
    except OSError as exc:
        raise InputError(
            f"{exc.filename or settings.out}: cannot be written ({exc.strerror}); give another "
            "--out"
        ) from exc
    return ExplainReport(
        image=settings.image,
        picture=wanted[0].mask,
        rows=settings.out / EXPLAINED.file,
        scenes=likely,
        explained=sum(one.share for one in told),
        regions=told,
        without=without,
        sentence=f"{wanted[0].mask}: {counted(len(told), 'region')} explained, "
        f"{percent(sum(one.share for one in told))} of the pixels",
    )


def words(report: ExplainReport) -> list[str]:
    """For a person: what won the largest regions, and what changed."""
    scene = _scene_words(report.scenes)
    lines = [
        *([scene] if scene else []),
        *("; ".join(_lines(one)) for one in report.regions[:_LINES]),
    ]
    if (more := len(report.regions) - _LINES) > 0:
        lines.append(f"and {counted(more, 'smaller region')}, in {report.rows}")
    if report.without is not None:
        moved = [
            f"{name} {percent(before)} to {percent(after)}"
            for name, (before, after) in report.without.shares.items()
        ]
        lines.append(
            f"{report.without.overlay}: {percent(report.without.changed)} of the pixels change"
            + (f"; {', '.join(moved[:_LINES])}" if moved else "")
        )
    return lines


def _scene_words(scenes: Mapping[str, float]) -> str:
    """``scene: kitchen 81 %, no scene 12 %``; nothing where there are none to tell from."""
    if not scenes.keys() - {ANY_SCENE}:
        return ""
    parts = [
        f"{'no scene' if scene == ANY_SCENE else scene} {percent(part)}"
        for scene, part in scenes.items()
    ]
    return f"scene: {', '.join(parts)}"


def _weights(segmenter: Segmenter, seen: ClassMap, known: int) -> NDArray[np.float32]:
    """[C, K]: the part that each phrase has in its class's vector, for this picture."""
    bank = BankTensors.of(segmenter.bank, segmenter.device)
    if seen.g is None or seen.scenes is None:  # the head collapses without the picture
        return (
            plain_weights(bank, 1, torch.tensor([known], device=segmenter.device))[0].cpu().numpy()
        )
    beta = segmenter.loaded.model.head.beta
    weights = descriptor_weights(bank, seen.g[None], seen.scenes[None], beta)
    return weights[0].cpu().numpy()


def _told(
    number: int, region: Region, phrases: Sequence[WinningPhrase], bank: TextBank
) -> ExplainedRegion:
    best = next(iter(region.runner_up_phrases), None)
    rows, columns = region.pixels.nonzero()
    return ExplainedRegion(
        number=number,
        class_name=bank.names[region.class_index],
        class_id=bank.ids[region.class_index],
        share=region.share,
        box=(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1),
        runner_up=None if region.runner_up is None else bank.names[region.runner_up],
        margin=region.margin,
        phrases=list(phrases[:_TOLD]),
        runner_up_phrase=None if best is None else bank.texts[best.class_index][best.row],
    )


def _phrases(region: Region, bank: TextBank, weights: NDArray[np.float32]) -> list[WinningPhrase]:
    """All of the region's class, the nearest first."""
    best = next(iter(region.runner_up_phrases), None)
    return [_phrase(each, best, bank, weights) for each in region.phrases]


def _phrase(
    phrase: Phrase, best: Phrase | None, bank: TextBank, weights: NDArray[np.float32]
) -> WinningPhrase:
    c, k = phrase.class_index, phrase.row
    belongs = bank.prior[:, c, k] == 1
    return WinningPhrase(
        text=bank.texts[c][k],
        text_id=text_id(bank.texts[c][k]),
        slot=bank.slots[c][k],
        subclass=bank.owners[c][k],
        scenes=()
        if belongs.all()
        else tuple(
            scene
            for scene, own in zip(bank.scenes, belongs, strict=True)
            if own and scene != ANY_SCENE
        ),
        weight=float(weights[c, k]),
        margin=None if best is None else phrase.value - best.value,
    )


def _lines(one: ExplainedRegion) -> list[str]:
    """What is told of a region, the class first, then the phrases."""
    against = "" if one.runner_up is None else f" over {one.runner_up} by {one.margin:.2f}"
    lines = [f"{one.number}  {one.class_name}{against}, {percent(one.share)} of the picture"]
    for phrase in one.phrases[:1]:
        of = f" ({phrase.subclass})" if phrase.subclass else ""
        ahead = ""
        if phrase.margin is not None:
            side = "ahead of" if phrase.margin >= 0 else "behind"
            ahead = f", {side} '{one.runner_up_phrase}' by {abs(phrase.margin):.2f}"
        lines.append(f"'{phrase.text}'{of}{ahead}")
    if rest := [f"'{phrase.text}'" for phrase in one.phrases[1:]]:
        lines.append(f"then {', '.join(rest)}")
    return lines


def _rows(
    image: Path, told: Sequence[ExplainedRegion], phrases: Sequence[Sequence[WinningPhrase]],
    bank: TextBank,
) -> pa.Table:  # fmt: skip
    """Args: phrases: all of each region."""
    rows = [
        {
            "image": str(image), "vocabulary": bank.vocabulary, "model": bank.model,
            "region": one.number, "class_name": one.class_name, "class_id": one.class_id,
            "share": one.share, "runner_up": one.runner_up, "margin": one.margin, "rank": rank,
            "text_id": phrase.text_id, "phrase": phrase.text, "subclass": phrase.subclass,
            "slot": phrase.slot, "scenes": ",".join(phrase.scenes), "weight": phrase.weight,
            "phrase_margin": phrase.margin,
        }
        for one, nearest in zip(told, phrases, strict=True)
        for rank, phrase in enumerate(nearest)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, EXPLAINED.schema)


def _without(
    settings: ExplainSettings, overlay: Path, masks: Mapping[str, NDArray[np.int64]],
    regions: Sequence[Region], names: Sequence[str],
) -> Without:  # fmt: skip
    """Args: masks: before and after."""
    before, after = masks.values()
    changed = before != after
    parts = [float(changed[region.pixels].mean()) for region in regions]
    was, now = (
        np.bincount(mask.ravel(), minlength=len(names)) / mask.size for mask in (before, after)
    )
    order = np.argsort(-abs(now - was), kind="stable").tolist()
    return Without(
        phrases=settings.without_phrase,
        classes=settings.without_class,
        scenes=settings.without_scene,
        overlay=overlay,
        changed=float(changed.mean()),
        regions={number: part for number, part in enumerate(parts, start=1) if part},
        shares={names[c]: (float(was[c]), float(now[c])) for c in order if was[c] != now[c]},
    )
