"""Judge the phrases of a bank by labelled pictures, with kept features and no step of training.

In:  which pictures, which backbone, a TextBank of their classes.
Out: a PictureReport.
"""

from dataclasses import replace
from math import isnan

from langseg.cache.bank.text_bank import TextBank
from langseg.pipelines.seg.datasets import open_dataset
from langseg.pipelines.seg.inputs import check_ids, device_for, feature_folder
from langseg.pipelines.seg.settings import RunSettings
from langseg.pipelines.shared.console import say
from langseg.pipelines.shared.percentages import share
from langseg.pipelines.shared.picture_report import PictureReport
from langseg.pipelines.shared.progress import Advance, by_phase
from langseg.segmenter.backbones.load import load_backbone
from langseg.segmenter.comparison.phrases import JudgedPhrase, judge_phrases
from langseg.segmenter.comparison.region_means import region_means
from langseg.segmenter.features.kept import KeptFeatures
from langseg.segmenter.heads.base import input_unit

_SEED = 0  # of the folds


def run_judge_phrases(settings: RunSettings, bank: TextBank, advance: Advance) -> PictureReport:
    """By the training pictures, as what is chosen by them is measured on others.

    Raises: UsageError, InputError, CorruptError, as ``train``.
    """
    dataset = open_dataset(settings)
    check_ids(bank, dataset, "give pictures that are labelled with the bank's classes")
    samples = dataset.read("train")
    advance(0, 0, phase=f"loading {settings.backbone}")
    backbone = load_backbone(
        settings.backbone, settings.weights, settings.pretrained, settings.taps, settings.revision
    ).to(device_for(settings.device))
    for note in backbone.notes:
        say(note)
    heard = by_phase(advance)
    training = settings.training
    kept = KeptFeatures(
        backbone, samples, side=training.feature_side or training.crop,
        unit=input_unit(backbone.patch), instead="take a smaller training.feature_side",
        where=feature_folder(settings.features, settings.features_gib), on_progress=heard,
    )  # fmt: skip
    regions = region_means(kept, samples, dataset.rule, heard)
    judged = judge_phrases(bank, regions, _SEED, heard)
    phrases = sorted(judged.phrases, key=_worst_first)
    shown = [one for one in phrases if one.regions]
    report = PictureReport(
        bank=bank.fingerprint, pictures=len(samples), regions=len(regions.classes),
        found=judged.found, interval=judged.interval, chance=judged.chance, classes=judged.classes,
        never_win=sum(one.wins == 0 for one in shown),
        mislead=sum(one.word == "misleads" for one in shown), phrases=phrases, sentence="",
    )  # fmt: skip
    return replace(report, sentence=(
        f"by {report.pictures} pictures: of hidden classes {share(report.found, report.interval)} "
        f"of regions are found over {report.classes} classes, by chance {share(report.chance)}; of "
        f"{len(shown)} phrases {report.never_win} never win a region and {report.mislead} mislead"
    ))  # fmt: skip


def _worst_first(one: JudgedPhrase) -> tuple[float, str, str]:
    """What no picture was asked about is last."""
    return (2.0 if isnan(one.auc) else one.auc), one.class_name, one.text
