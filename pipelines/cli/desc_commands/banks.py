"""The commands that make of the phrases what a segmenter reads: vectors, a bank, its controls."""

from langseg.descriptors.vocabulary.source import EmbeddingSource
from langseg.pipelines.cli.options import settings_options
from langseg.pipelines.desc.arms import ArmsConfig
from langseg.pipelines.desc.bank import BankConfig
from langseg.pipelines.shared.console import say
from langseg.pipelines.shared.json_output import emit_json, emit_report
from langseg.pipelines.shared.progress import progress
from langseg.pipelines.shared.table_output import emit_table


@settings_options(EmbeddingSource)
def encode(settings: EmbeddingSource, as_json: bool) -> None:
    """Embed the texts that are not embedded yet. Never asks the LLM.

    Examples:

    \b
        langseg-desc encode --dataset ade20k
        langseg-desc encode --encoder openai:nomic-embed-text --base-url http://127.0.0.1:11434/v1
    """
    from langseg.pipelines.desc.encode import run_encode

    with progress("encode") as advance:
        report = run_encode(settings, settings.encoder, advance, settings.base_url)
    emit_report(report, as_json)


@settings_options(BankConfig)
def bank(settings: BankConfig, as_json: bool) -> None:
    """Lay descriptors and embeddings out as the TextBank that langseg-seg reads.

    Prints the bank's folder. Examples:

    \b
        langseg-desc bank --dataset ade20k
        langseg-desc bank --dataset msrc --drop-misleading phrases.parquet
        langseg-desc bank --scene-text "a quiet street with parked cars after rain"
    """
    from langseg.pipelines.desc.bank import run_bank, scene_text_words

    texts = settings.scene_text or ()
    report = run_bank(settings, settings.encoder, settings.drop_misleading, texts)
    if as_json:
        emit_json(report)
        return
    for text, shares in report.scene_texts.items():
        say(scene_text_words(text, shares))
    say(report.sentence)
    print(report.bank)


@settings_options(ArmsConfig)
def arms(settings: ArmsConfig, as_json: bool) -> None:
    """Make the controls of a bank: the same head trained on other texts shows what these are worth.

    Names, synonyms, hypernyms, templates, random words, descriptors dealt, swapped or scrambled,
    wrong scenes, other models' sets, of the bank's counts and lengths where the rule allows; the
    bank itself, and with 50 or 200 names of other things (distractors) or 50 of random words beside
    its classes. Those banks have classes that no picture holds: `compare` reads them, `train` and
    `eval` refuse them. Run it after `generate`.

    Examples:

    \b
        langseg-desc arms --dataset ade20k
        langseg-desc arms --dataset ade20k --seeds 7
        langseg-desc arms --dataset ade20k --other import:cupl
    """
    from langseg.pipelines.desc.arms import ARM_COLUMNS, arm_rows, run_arms

    with progress("arms") as advance:
        report = run_arms(settings, advance)
    if as_json:
        emit_json(report)
        return
    emit_table(ARM_COLUMNS, arm_rows(report))
    for arm, reason in report.left_out.items():
        say(f"left out: {arm}, as {reason}")
    say(report.sentence)
