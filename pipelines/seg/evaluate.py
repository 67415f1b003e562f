"""`langseg-seg eval`: score a checkpoint, or masks that somebody stored, on a dataset's labels.

In:  settings, a dataset folder, a checkpoint or a folder of masks.
Out: a report of the scores, and what is kept of them: ``eval.json``, ``eval-pictures.parquet``, a
     page.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from langseg.cache.counted import counted
from langseg.cache.errors import LangSegError, UsageError
from langseg.cache.files import make_folder, sha256_of, write_atomic
from langseg.descriptors.vocabulary.vocabulary import Vocabulary
from langseg.pipelines.seg.datasets import Dataset, open_dataset
from langseg.pipelines.seg.inputs import (
    check_ids,
    device_for,
    feature_folder,
    trained_segmenter,
)
from langseg.pipelines.seg.kept_scores import EVALUATION, keep_scores
from langseg.pipelines.seg.minutes import minutes_told
from langseg.pipelines.seg.score_page import score_page
from langseg.pipelines.seg.score_report import (
    ClassesMapped,
    DatasetUsed,
    MasksReport,
    ModelReport,
    Protocol,
    ScoreReport,
    score_report,
)
from langseg.pipelines.seg.settings import EvalSettings
from langseg.pipelines.shared.console import say, speaks
from langseg.pipelines.shared.output_file import check_file
from langseg.pipelines.shared.percentages import share
from langseg.pipelines.shared.progress import Advance, by_phase
from langseg.segmenter.data.check import check_labels
from langseg.segmenter.data.labels import LabelRule
from langseg.segmenter.data.layouts.scenes import unmatched_scenes
from langseg.segmenter.data.sample import (
    Sample,
    dataset_hash,
    read_sample,
)
from langseg.segmenter.distributed import all_or_none, place, process_group
from langseg.segmenter.evaluation.boundary import Boundary
from langseg.segmenter.evaluation.certainty import Anomaly, Calibration
from langseg.segmenter.evaluation.class_mapping import (
    Translation,
    mapping_file,
    read_mapping,
    shipped_mappings,
    translation,
)
from langseg.segmenter.evaluation.evaluate import (
    Evaluation,
    Measure,
    Scored,
    evaluate,
    evaluate_predictions,
    given_scene,
    stored_masks,
)
from langseg.segmenter.evaluation.metrics import Scores, seen_unseen, shifted_agreement
from langseg.segmenter.evaluation.pictures import summed
from langseg.segmenter.evaluation.strata import (
    ByOverlap,
    BySize,
    Stratum,
    by_frequency,
    by_number_of_classes,
)
from langseg.segmenter.inference.palette import class_colours
from langseg.segmenter.inference.segmenter import Segmenter
from langseg.segmenter.memory import is_out_of_memory
from langseg.segmenter.model.checkpoint import STATE, newest
from langseg.segmenter.robustness.measure import Predict, Robustness
from langseg.segmenter.robustness.names import CORRUPTIONS
from langseg.segmenter.text.collapse import UNKNOWN_SCENE, labelled_scene

_OF_A_MODEL = {  # settings that stored masks cannot heed
    "checkpoint", "weights", "vocabulary", "bank", "mode", "short_side", "window", "stride",
    "scales", "flip", "average", "scenes", "mapping", "features", "features_gib", "robustness",
    "corruptions", "severities",
}  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class ScoredRun:
    """A report, and what else is kept of it: in ``folder``, or nowhere; ``asked`` says whether a
    person named the folder. ``page`` draws the page ``html``, where one is wanted."""

    report: ScoreReport
    found: Evaluation
    names: Sequence[str]
    folder: Path | None
    asked: bool
    html: Path | None
    page: Callable[[], str]


def run_eval(settings: EvalSettings, advance: Advance) -> ScoreReport:
    """Score, and keep what was found; as ``score`` and ``keep``."""
    scored = score(settings, advance)
    keep(scored)
    return scored.report


def score(settings: EvalSettings, advance: Advance) -> ScoredRun:
    """Score a checkpoint, or a folder of masks, on a dataset's labels; nothing is written.

    Under torchrun every process comes back with the same report.
    """
    if settings.out is not None:
        check_file(settings.out / EVALUATION, "--out", EVALUATION)
    if settings.html is not None:
        check_file(settings.html, "--html", "scores.html")
    try:
        if settings.predictions is not None:
            scored = _score_masks(settings, settings.predictions, advance)
        else:
            scored = _score_model(settings, advance)
    except (MemoryError, RuntimeError) as exc:
        if not is_out_of_memory(exc):
            raise
        less = "--mode slide with a smaller --short-side"
        if settings.predictions is not None:
            less = "--quick, which counts less"
        raise LangSegError(f"eval: wanted more memory than there is; give {less}") from exc
    if doubt := _off_by_one(scored):
        say(doubt)
    return scored


def _off_by_one(scored: ScoredRun) -> str:
    found = shifted_agreement(summed(scored.found.pictures, len(scored.names)))
    if found is None:
        return ""
    shift, agreeing = found
    return (
        f"{share(scored.report.pixel_accuracy)} of the pixels agree, {share(agreeing)} would if "
        f"every id in the labels were one {'more' if shift > 0 else 'less'}; see whether the ids "
        "are those of the vocabulary"
    )


def keep(scored: ScoredRun) -> None:
    """Write the report and the counts of each picture, where they have a place.

    A run's own folder may be read-only or full: that is said, and no error.
    Raises: OSError, for a folder or a page that a person named.
    """
    if not speaks():
        return
    if scored.html is not None:
        make_folder(scored.html.parent)
        write_atomic(scored.html, scored.page().encode())
        say(f"the page: {scored.html}")
    if scored.folder is None:
        return
    try:
        keep_scores(scored.folder, scored.report, scored.found.pictures, scored.names)
    except OSError as exc:
        if scored.asked:
            raise
        reason = exc.strerror or exc
        say(f"{scored.folder}: the scores are not kept ({reason}); --out DIR keeps them elsewhere")


def _score_masks(settings: EvalSettings, predictions: Path, advance: Advance) -> ScoredRun:
    if asked := sorted(settings.model_fields_set & _OF_A_MODEL):
        raise UsageError(
            f"--{asked[0].replace('_', '-')}: wanted a model that looks at pictures, got "
            "--predictions, masks that are scored as they are; leave one of them out"
        )
    dataset = open_dataset(settings)
    names, rule = [entry.name for entry in dataset.vocabulary.classes], dataset.rule
    with process_group(torch.device("cpu")):
        samples, used = _samples(dataset, settings.split)
        masks = stored_masks(predictions, samples)
        _check_labels(samples, rule, names, dataset.vocabulary.name, advance)
        boundary, size, overlap = Boundary(len(names)), BySize(len(names)), ByOverlap(len(names))
        measures: list[Measure] = [] if settings.quick else [boundary, size, overlap]
        found = evaluate_predictions(
            masks, samples, rule, measures=measures, on_progress=by_phase(advance)
        )
    bounds = None if settings.quick else boundary.scores()
    strata = _strata(found, len(names), size, overlap)
    report = MasksReport(
        **vars(score_report(found, used, names, bounds, strata)), predictions=predictions
    )

    def look(sample: Sample) -> Scored:
        image, labels = read_sample(sample, rule)
        mask = rule.read(masks[sample.stem])
        return Scored(sample=sample, image=image, labels=labels, mask=mask)

    colours = class_colours(names, used.dataset)
    return ScoredRun(
        report=report,
        found=found,
        names=names,
        folder=settings.out,
        asked=True,
        html=settings.html,
        page=lambda: score_page(report, found, samples, look, names, colours),
    )


def _score_model(settings: EvalSettings, advance: Advance) -> ScoredRun:
    newest(settings.checkpoint)  # a missing one is told before a missing dataset
    with process_group(torch.device(device_for(settings.device))):
        dataset = open_dataset(settings)
        samples, used = _samples(dataset, settings.split)
        segmenter = trained_segmenter(settings, advance)
        translated, mapped = None, None
        if settings.mapping is None:
            check_ids(segmenter.bank, dataset, _other_words(segmenter, dataset))
            names: Sequence[str] = segmenter.bank.names
            rule = LabelRule(segmenter.bank.ids, segmenter.bank.ignore_ids)
        else:
            translated, mapped = _mapping(settings.mapping, dataset.vocabulary, segmenter)
            names, rule = translated.names, translated.rule
        _check_labels(samples, rule, names, dataset.vocabulary.name, advance)

        def predict(sample: Sample, image: NDArray[np.uint8]) -> NDArray[np.int64]:
            scene = given_scene(sample, segmenter.bank, settings.scenes)
            seen = segmenter.look(image, scene).mask(image.shape[:2]).cpu().numpy()
            return seen if translated is None else translated.table[seen]

        boundary, calibration, anomaly = Boundary(len(names)), Calibration(), Anomaly()
        features = None
        if settings.features is not None:
            features = feature_folder(settings.features, settings.features_gib)
        size, overlap = BySize(len(names)), ByOverlap(len(names))
        measures: list[Measure] = []
        if not settings.quick:
            measures += [boundary, calibration, anomaly, size, overlap]
        told, worse = by_phase(advance), None
        if settings.robustness or settings.corruptions:
            worse = _robustness(settings, predict, len(names), len(samples))
            measures.append(worse)
            told = minutes_told(told)
        found = evaluate(
            segmenter,
            samples,
            scenes=settings.scenes,
            translation=translated,
            measures=measures,
            features=features,
            on_progress=told,
        )
        processes = place()[1]
    state, quick = segmenter.loaded.state, settings.quick
    unseen = state.config["unseen"]
    sides = _seen_unseen(found.scores, names, unseen if translated is None else ())
    report = ModelReport(
        **vars(
            score_report(
                found,
                used,
                names,
                None if quick else boundary.scores(),
                _strata(found, len(names), size, overlap),
            )
        ),
        calibration=None if quick else calibration.scores(),
        anomaly_auroc=None if quick else anomaly.auroc(),
        robustness=None if worse is None else worse.report(summed(found.pictures, len(names))),
        checkpoint=settings.checkpoint,
        step=state.step,
        backbone=state.backbone_id,
        bank=segmenter.bank.fingerprint,
        protocol=_protocol(settings, segmenter, samples, mapped, processes),
        seen_miou=sides[0],
        unseen_miou=sides[1],
        h_iou=sides[2],
        unseen=unseen,
    )

    def look(sample: Sample) -> Scored:
        image, labels = read_sample(sample, rule)
        return Scored(sample=sample, image=image, labels=labels, mask=predict(sample, image))

    colours = segmenter.colours if translated is None else class_colours(names, used.dataset)
    return ScoredRun(
        report=report,
        found=found,
        names=names,
        folder=settings.out or _own_folder(settings),
        asked=settings.out is not None,
        html=settings.html,
        page=lambda: score_page(report, found, samples, look, names, colours),
    )


def _robustness(
    settings: EvalSettings, predict: Predict, num_classes: int, pictures: int
) -> Robustness:
    """The measure of the corruptions that are asked for; says how much there is to do."""
    corruptions = tuple(dict.fromkeys(settings.corruptions)) or CORRUPTIONS
    severities = sorted(set(settings.severities))
    times = len(corruptions) * len(severities)
    say(
        f"{counted(len(corruptions), 'corruption')} at severities "
        f"{', '.join(map(str, severities))}: each of {counted(pictures, 'picture')} is predicted "
        f"{counted(times, 'more time')}; --corruptions and --severities take fewer"
    )
    return Robustness(predict, num_classes, corruptions, severities, seed=settings.seed)


def _strata(found: Evaluation, num_classes: int, size: BySize, overlap: ByOverlap) -> list[Stratum]:
    """By what is in the pictures; nothing of sizes and overlaps where they were not counted."""
    return [
        *by_number_of_classes(found.pictures, num_classes),
        *by_frequency(found.pictures, num_classes),
        *size.strata(),
        *overlap.strata(),
    ]


def _check_labels(
    samples: Sequence[Sample], rule: LabelRule, names: Sequence[str], vocabulary: str,
    advance: Advance,
) -> None:  # fmt: skip
    """Read all labels and the head of every picture once, before anything is scored, and say what
    is doubtful; of several processes the first does.

    Raises: InputError, for the first fault, and where nothing is labelled.
    """
    with all_or_none():
        if place()[0]:
            return
        check = check_labels(
            samples, rule, names, vocabulary=vocabulary, on_progress=by_phase(advance)
        )
        for doubt in check.doubts:
            say(f"{vocabulary}: {doubt.sentence}")


def _samples(dataset: Dataset, split: str) -> tuple[Sequence[Sample], DatasetUsed]:
    samples = dataset.read(split)
    if doubt := unmatched_scenes(dataset.folder, samples):
        say(doubt.sentence)
    used = DatasetUsed(
        dataset=dataset.vocabulary.name,
        data=dataset.folder,
        split=split,
        images=len(samples),
        data_hash=dataset_hash(samples),
    )
    return samples, used


def _other_words(segmenter: Segmenter, dataset: Dataset) -> str:
    """What scores a model of other classes: the dataset's words, where its head reads any, and a
    mapping, where one ships."""
    ways = []
    if segmenter.loaded.model.head.reads_text:
        ways.append(f"ask it in these words with --vocabulary {dataset.words.partition(' ')[2]}")
    name = f"{segmenter.bank.vocabulary}-to-{dataset.vocabulary.name}"
    if name in shipped_mappings():
        ways.append(f"take its own classes for these with --mapping {name}")
    return ", or ".join(ways) or "give --mapping FILE, which says its classes for these"


def _mapping(
    name: str, vocabulary: Vocabulary, segmenter: Segmenter
) -> tuple[Translation, ClassesMapped]:
    file = mapping_file(name)
    classes = [(entry.id, entry.name) for entry in vocabulary.classes]
    translated = translation(
        read_mapping(file), file, segmenter.bank.names, classes, vocabulary.ignore_ids
    )
    if translated.left_out:
        say(f"not scored, as {file} does not name them: {', '.join(translated.left_out)}")
    mapped = ClassesMapped(file=file, sha256=sha256_of(file), left_out=translated.left_out)
    return translated, mapped


def _own_folder(settings: EvalSettings) -> Path | None:
    """The run's folder, where it is scored as its own: on val, in its own words and classes."""
    other = (settings.bank, settings.vocabulary, settings.mapping)
    if any(one is not None for one in other) or settings.split != "val":
        return None
    run = settings.checkpoint
    return run.parent if (run / STATE).exists() else run


def _protocol(
    settings: EvalSettings,
    segmenter: Segmenter,
    samples: Sequence[Sample],
    mapped: ClassesMapped | None,
    processes: int,
) -> Protocol:
    reading, bank = segmenter.reading, segmenter.bank
    assert reading.short_side is not None
    told = None
    if settings.scenes in ("label", "wrong"):
        known = (labelled_scene(bank, sample.scene) for sample in samples)
        told = sum(scene != UNKNOWN_SCENE for scene in known)
    on_gpu = segmenter.device.type == "cuda"
    return Protocol(
        mode=reading.mode,
        short_side=reading.short_side,
        window=reading.window,
        stride=reading.stride,
        scales=reading.scales,
        flip=reading.flip,
        averaged=reading.averaged,
        resized=f"Pillow bilinear, ratio kept, then stretched to multiples of {segmenter.unit} px",
        upsampled="stride-4 map, bilinear, align_corners=False, to the labels' own size",
        scenes=settings.scenes,
        told=told,
        vocabulary=bank.vocabulary,
        vocabulary_hash=bank.vocabulary_hash,
        classes=len(bank.names),
        mapping=mapped,
        device=torch.cuda.get_device_name() if on_gpu else segmenter.device.type,
        precision="bfloat16" if on_gpu else "float32",
        features="computed" if settings.features is None else "kept in float16",
        processes=processes,
    )


def _seen_unseen(
    scores: Scores, names: Sequence[str], unseen: Sequence[str]
) -> tuple[float | None, float | None, float | None]:
    """mIoU of the classes trained on, of the others, and their harmonic mean; None where a run
    left none out."""
    if not unseen:
        return None, None, None
    return seen_unseen(scores, {names.index(name) for name in unseen if name in names})
