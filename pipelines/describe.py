"""Run stage one: vocabulary -> plan -> answers -> store, and embeddings -> TextBank.

In:  a configuration or a ``Source``.
Out: what was done, as a JSON-able dict whose ``sentence`` says it in words.
"""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from langseg.cache.errors import InputError, UpstreamError, UsageError
from langseg.pipelines.chosen import choose
from langseg.pipelines.config import DescribeConfig, Source
from langseg.pipelines.console import Advance

if TYPE_CHECKING:
    from langseg.cache.records import Request
    from langseg.cache.store import Store
    from langseg.descriptors.bundled_provider import BundledProvider
    from langseg.descriptors.generate import GenerateReport
    from langseg.descriptors.prompts import Prompt
    from langseg.descriptors.providers import Provider
    from langseg.descriptors.text_encoder import EncoderRecord
    from langseg.descriptors.vocabulary import Vocabulary

_REMEDIES = {
    "truncated": "raise --max-completion-tokens",
    "refused": "ask another model with --model",
    "empty": "ask another model with --model",
    "invalid": "ask a model or server that keeps to a JSON schema",
}


def run_generate(config: DescribeConfig, advance: Advance) -> dict[str, Any]:
    """Ask for what the store does not hold.

    Raises: UpstreamError, when some requests failed for good in this run, or when no class of the
    plan has a phrase in the store after it (what was answered is committed all the same).
    """
    from langseg.cache.store import Store
    from langseg.descriptors.generate import generate

    asked = _asked(config)
    line = _ProgressLine(advance)
    provider = asked.bundled or _hosted(config, line)
    store = Store.open(config.store, create=True)
    report = generate(
        asked.vocabulary,
        provider,
        store,
        prompt=asked.prompt,
        model=asked.model,
        params=asked.params,
        samples=config.samples,
        max_requests=config.max_requests,
        on_event=line.on_event,
    )
    name = asked.vocabulary.name
    if report.still_open:
        raise UpstreamError(
            f"{name}: {report.still_open} of {report.planned} requests got no answer; the others "
            "are committed, run the same command again to ask only for these"
        )
    _check_described(store, asked, config)
    dropped = sum(report.rejected.values())
    sentence = (
        f"{name}: {report.planned} requests, {report.cached} already answered, "
        f"{report.asked} asked of {asked.model}; {report.accepted} phrases kept, {dropped} dropped"
    )
    unusable = {status: n for status, n in report.statuses.items() if status in _REMEDIES}
    if unusable:
        sentence += f"; {sum(unusable.values())} answers were unusable ({_listed(unusable)})"
    if report.recovered:
        sentence += f"; {report.recovered} answers recovered from a run that was cut off"
    if asked.bundled:
        sentence += "; no LLM was called: these descriptors ship with LangSeg"
    return {**asdict(report), "sentence": sentence + "; next: langseg-desc encode"}


def run_plan(config: DescribeConfig) -> dict[str, Any]:
    """What ``run_generate`` would ask; the store need not exist, and a key is not needed."""
    from langseg.cache.store import Store
    from langseg.descriptors.generate import settled_keys
    from langseg.descriptors.plan import summarise_plan

    asked = _asked(config)
    try:
        settled = settled_keys(Store.open(config.store))
    except InputError:  # no store yet: nothing is settled
        settled = set()
    summary = asdict(summarise_plan(asked.requests(config.samples), settled))
    return {"vocabulary": asked.vocabulary.name, "model": asked.model, **summary}


def run_bank(source: Source, encoder_name: str) -> dict[str, Any]:
    """Build and save the TextBank of a vocabulary; the same content is the same folder."""
    import numpy as np

    from langseg.cache.bank import save_bank
    from langseg.descriptors.build_bank import build_bank

    chosen = choose(source)
    store, vocabulary, selection = chosen.store, chosen.vocabulary, chosen.selection
    record = _record(store, encoder_name)
    table = store.embeddings(record.encoder_id, ("text_id", "emb"))
    vectors = np.concatenate(
        [np.zeros(0, np.float16)]
        + [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in table["emb"].chunks]
    ).reshape(-1, record.dim)
    bank = build_bank(
        vocabulary,
        chosen.phrases(),
        dict(zip(table["text_id"].to_pylist(), vectors, strict=True)),
        record,
        model=selection.model,
        manifest=store.manifest.name,
    )
    folder = save_bank(bank, store.path / "banks")
    named = ", ".join(selection.unanswered[:5])
    bare = f"; {len(selection.unanswered)} classes have only their name ({named})" * bool(named)
    return {
        "bank": str(folder),
        "fingerprint": bank.fingerprint,
        "classes": len(bank.names),
        "descriptors": int(bank.mask.sum()),
        "scenes": len(bank.scenes) - 1,
        "only_names": list(selection.unanswered),
        "sentence": f"{vocabulary.name}: TextBank of {len(bank.names)} classes, "
        f"{int(bank.mask.sum())} phrases, {len(bank.scenes) - 1} scenes{bare}",
    }


class _ProgressLine:
    """Shows how far a run is, and why the latest attempt failed."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._done = self._total = 0

    def on_event(self, kind: str, report: "GenerateReport") -> None:
        self._done, self._total = report.cached + report.asked, report.planned
        self._advance(self._done, self._total)

    def on_fault(self, reason: str) -> None:
        self._advance(self._done, self._total, reason)


@dataclass(frozen=True)
class _Asked:
    """Who is asked for what: a configuration, resolved, with nothing connected yet."""

    vocabulary: "Vocabulary"
    prompt: "Prompt"
    model: str
    params: Mapping[str, Any]
    bundled: "BundledProvider | None"

    def requests(self, samples: int) -> "tuple[Request, ...]":
        from langseg.descriptors.plan import plan_requests

        return plan_requests(self.vocabulary, self.prompt, self.model, self.params, samples)


def _asked(config: DescribeConfig) -> _Asked:
    from langseg.descriptors.prompts import load_prompt
    from langseg.descriptors.vocabulary import load_vocabulary

    vocabulary = load_vocabulary(config.shipped, config.classes)
    prompt = load_prompt(
        n_attributes=config.attributes,
        n_subclasses=config.subclasses,
        n_per_subclass=config.per_subclass,
        n_scene_attributes=config.scene_attributes,
    )
    if config.provider == "bundled":
        from langseg.descriptors.bundled_provider import BundledProvider

        bundled = BundledProvider(vocabulary)
        bundled.check_counts(prompt)
        return _Asked(vocabulary, prompt, bundled.model, bundled.params, bundled)
    if not config.model:
        raise UsageError("provider openai: wanted a model to ask, got none; give --model")
    params = {
        "temperature": config.temperature,
        "max_completion_tokens": config.max_completion_tokens,
    }
    return _Asked(vocabulary, prompt, config.model, params, None)


def _hosted(config: DescribeConfig, line: _ProgressLine) -> "Provider":
    """Raises: UsageError, for a base URL or a key that cannot be used."""
    from langseg.descriptors.endpoint import DEFAULT_BASE_URL
    from langseg.descriptors.openai_provider import OpenAIProvider
    from langseg.descriptors.rate import Limits

    prices = None
    if config.price_in is not None and config.price_out is not None:
        prices = config.price_in, config.price_out
    return OpenAIProvider(
        base_url=config.base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL,
        limits=Limits(max_concurrency=config.concurrency),
        price_per_million=prices,
        on_fault=line.on_fault,
    )


def _check_described(store: "Store", asked: _Asked, config: DescribeConfig) -> None:
    """Raises: UpstreamError, when every answer to the plan is unusable: nothing can follow it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    keys = pa.array([r.request_key for r in asked.requests(config.samples)], pa.string())
    table = store.table("descriptors", ("request_key", "rejected"))
    kept = table.filter(pc.equal(table["rejected"], ""))
    if pc.any(pc.is_in(kept["request_key"], value_set=keys)).as_py():
        return
    answers = store.table("responses", ("request_key", "status", "error"))
    mine = answers.filter(pc.is_in(answers["request_key"], value_set=keys)).to_pylist()
    statuses = Counter(row["status"] for row in mine)
    worst = statuses.most_common(1)[0][0]
    reason = next(row["error"] for row in mine if row["status"] == worst)
    raise UpstreamError(
        f"{asked.vocabulary.name}: no class has a phrase, as all {len(mine)} answers of "
        f"{asked.model} are unusable ({_listed(statuses)}; such as: {reason}); "
        f"{_REMEDIES.get(worst, _REMEDIES['invalid'])}, then run generate again (these very "
        "requests are answered and are not asked a second time)"
    )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))


def _record(store: "Store", encoder_name: str) -> "EncoderRecord":
    """The record of an encoder the store holds vectors of; the encoder itself is not loaded."""
    from langseg.descriptors.text_encoder import EncoderRecord, full_name

    known = [EncoderRecord(**record) for record in store.encoders().values()]
    for record in known:
        if record.model == full_name(encoder_name):
            return record
    raise InputError(
        f"{store.path}: wanted embeddings of {encoder_name!r}, the store has those of "
        f"{', '.join(record.model for record in known) or 'none'}; run `langseg-desc encode`"
    )
