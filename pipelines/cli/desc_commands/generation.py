"""The commands that ask an LLM, and those that say what would be asked."""

from langseg.cache.errors import LangSegError
from langseg.pipelines.cli.options import settings_options
from langseg.pipelines.desc.explain_key import ExplainConfig
from langseg.pipelines.desc.generate import GenerateConfig
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.shared.json_output import emit_json, emit_report
from langseg.pipelines.shared.table_output import emit_table


@settings_options(GenerateConfig)
def generate(settings: GenerateConfig, as_json: bool) -> None:
    """Ask for the descriptors that the store does not hold yet. Run it again to resume.

    Examples:

    \b
        langseg-desc generate --dataset ade20k
        langseg-desc generate --classes my.txt --provider openai --model gpt-5.4-nano --max-cost 2
        langseg-desc generate --classes my.txt --scenes kitchen.txt --provider vllm --model FOLDER
    """
    if settings.dry_run:
        _show_plan(settings, as_json)
        return
    from langseg.pipelines.desc.generate import run_generate
    from langseg.pipelines.shared.generate_progress import generate_progress

    resume = "every answer is kept, run the same command again to ask only for the rest"
    with generate_progress(resume) as progress:
        try:
            report = run_generate(settings, progress)
        except (LangSegError, KeyboardInterrupt):
            if as_json and progress.report is not None:
                emit_json(progress.report)
            raise
    emit_report(report, as_json)


@settings_options(DescribeConfig)
def plan(settings: DescribeConfig, as_json: bool) -> None:
    """Say what `generate` with the same flags would ask, and what it would cost. Asks nothing.

    Example:

    \b
        langseg-desc plan --dataset ade20k --provider openai --model gpt-5.4-nano
    """
    _show_plan(settings, as_json)


def _show_plan(settings: DescribeConfig, as_json: bool) -> None:
    from langseg.pipelines.desc.plan import plan_rows, run_plan

    report = run_plan(settings)
    if as_json:
        emit_json(report)
    else:
        emit_table(("", "plan"), plan_rows(report))


@settings_options(ExplainConfig)
def explain_key(settings: ExplainConfig, as_json: bool) -> None:
    """Print what is in a request's key, and why a planned request is not one that was answered.

    Give the first digits of a stored request's key, or a class with the flags of `generate`.

    Examples:

    \b
        langseg-desc explain-key 3fa29c01
        langseg-desc explain-key wall --provider openai --model gpt-5.4-nano --temperature 0
    """
    from langseg.pipelines.desc.explain_key import explain_rows, run_explain

    report = run_explain(settings)
    if as_json:
        emit_json(report)
    else:
        emit_table(("", "key"), explain_rows(report))
