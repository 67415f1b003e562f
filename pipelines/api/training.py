"""Train a head and score it, for a program.

In:  a dataset's folder, a store with its bank, and settings of `langseg-seg train` or `eval`.
Out: a run folder, and a report of what was trained; a report of scores.
"""

from pathlib import Path
from typing import Any

from langseg.descriptors.vocabulary.source import DEFAULT_STORE
from langseg.pipelines.api.unseen import unseen
from langseg.pipelines.seg.evaluate import run_eval
from langseg.pipelines.seg.score_report import ScoreReport
from langseg.pipelines.seg.settings import TRAIN_SHORTHANDS, EvalSettings, train_settings
from langseg.pipelines.seg.train import TrainReport, run_train
from langseg.pipelines.shared.settings import load_config, nested


def train(
    out: str | Path,
    *,
    dataset: str | None = None,
    data: str | Path | None = None,
    store: str | Path = DEFAULT_STORE,
    config: str | Path | None = None,
    **settings: Any,
) -> TrainReport:
    """Train a head into the run folder ``out``; called again, it resumes exactly where it stopped.

    Args:
        dataset: vocabulary and layout; None is what ``config`` says, else "ade20k".
        data: the dataset's folder; None is ``data/<dataset>``.
        store: whose newest bank of the dataset is trained on, as ``describe`` builds it.
        config: a file of settings, or one that ships ("ade20k", "camvid", "coco-panoptic", "demo",
            "msrc"); None is the dataset's, else "ade20k".
        settings: of `langseg-seg train` by name: ``backbone=``, ``weights=``, ``steps=``, ``lr=``,
            ``head="linear"``, ``device=``, ...

    Raises: LangSegError: UsageError, InputError, CorruptError, UpstreamError.
    """
    given = {"out": out, "dataset": dataset, "data": data, "store": store, **settings}
    named = None if config is None else str(config)
    with unseen() as advance:
        return run_train(train_settings(named, nested(given, TRAIN_SHORTHANDS)), advance)


def evaluate(
    run: str | Path,
    *,
    dataset: str | None = None,
    data: str | Path | None = None,
    **settings: Any,
) -> ScoreReport:
    """Score a run's newest checkpoint, or a checkpoint, on a dataset's labels at their own size.

    Args:
        dataset, data: as for ``train``.
        settings: of `langseg-seg eval` by name: ``split="train"``, ``mode="slide"``,
            ``vocabulary=``, ``store=``, ``weights=``, ...

    Raises: LangSegError: UsageError, InputError, CorruptError, UpstreamError.
    """
    given = {"checkpoint": run, "dataset": dataset, "data": data, **settings}
    with unseen() as advance:
        return run_eval(load_config(EvalSettings, None, given), advance)
