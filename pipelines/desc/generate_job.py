"""Settle what a run asks, of whom, and for how much at most.

In:  a ``DescribeConfig``.
Out: plans, a provider and a budget; nothing is connected, loaded or written yet.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from langseg.cache.errors import InputError, UsageError
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.shared.few_names import few_names
from langseg.pipelines.shared.settings import read_settings

if TYPE_CHECKING:
    from langseg.cache.records import Request
    from langseg.cache.store.store import Store
    from langseg.descriptors.generation.report import GenerateReport
    from langseg.descriptors.prompts.plan import Plan
    from langseg.descriptors.prompts.prompt import Prompt
    from langseg.descriptors.providers.base import Provider
    from langseg.descriptors.providers.budget import Budget, Price
    from langseg.descriptors.providers.bundled import BundledProvider
    from langseg.descriptors.vocabulary.vocabulary import Vocabulary


class Listener(Protocol):
    """Is told how far a run is, and why an attempt failed."""

    def on_event(self, kind: str, report: "GenerateReport") -> None:
        """Something happened, and how far the run is now."""

    def on_fault(self, reason: str) -> None:
        """An attempt failed."""

    def on_wait(self, what: str) -> None:
        """The run stands still for this; "" when it goes on."""


class Mistaken(NamedTuple):
    """By class name: the classes that its misleading phrases point to, and these phrases."""

    alike: Mapping[str, tuple[str, ...]]
    phrases: Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class DescribeJob:
    """What a run asks, of whom, and for how much at most.

    ``vocabulary`` has the (scene, class) pairs that are known; the plausible classes of
    ``scenes`` are to be asked for first.
    """

    config: DescribeConfig
    vocabulary: "Vocabulary"
    scenes: tuple[str, ...]
    prompt: "Prompt"
    model: str
    params: Mapping[str, Any]
    price: "Price | None" = None
    price_source: str = ""
    bundled: "BundledProvider | None" = None

    def plans(self, store: "Store") -> "Iterator[Plan]":
        """First which classes are plausible where that is not known, then what they look like."""
        if self.scenes:
            yield self._plausible_plan()
        yield self._descriptor_plan(store)

    def whole_plan(self, store: "Store | None") -> "Plan":
        """Everything that can be planned now, as one plan."""
        plan = self._descriptor_plan(store)
        return self._plausible_plan() + plan if self.scenes else plan

    def unknown_scenes(self, store: "Store | None") -> tuple[str, ...]:
        """Scenes whose plausible classes the store has no answer about."""
        answered = {request.scene for request, _ in self._plausible_answers(store)}
        return tuple(scene for scene in self.scenes if scene not in answered)

    def prepare(self) -> None:
        """Load what plans need and may lack, before anything is asked. Raises: as loading does."""
        _ = self._mistaken
        if self.config.differential:
            _ = self._look_alikes

    def budget(self) -> "Budget":
        """Raises: UsageError, for a cap on cost where no price is known."""
        from langseg.descriptors.providers.factory import make_budget

        return make_budget(
            self.price,
            requests=self.config.max_requests,
            tokens=self.config.max_tokens,
            cost_usd=self.config.max_cost,
            minutes=self.config.max_minutes,
        )

    def provider(self, progress: Listener, store: "Callable[[], Store]") -> "Provider":
        """Who answers; ``store`` is opened when it is first needed.

        Raises: UsageError, for a base URL, a key or an engine that cannot be used.
        """
        from langseg.descriptors.providers.factory import ProviderSettings, make_provider

        if self.bundled is not None:
            return self.bundled
        config = self.config
        assert config.provider != "bundled"
        settings = ProviderSettings(
            kind=config.provider,
            model=config.model,
            base_url=config.base_url,
            engine={} if config.engine is None else read_settings(config.engine),
            concurrency=config.concurrency,
            requests_per_minute=config.rpm,
            tokens_per_minute=config.tpm,
            request_timeout=config.request_timeout,
            enqueued_tokens=config.enqueued_tokens,
            wait=config.wait,
        )
        return make_provider(settings, config.store, store, progress.on_fault, progress.on_wait)

    def _plausible_plan(self) -> "Plan":
        from langseg.descriptors.prompts.plan import plan_of
        from langseg.descriptors.prompts.plausible import plausible_requests

        names = list(self.vocabulary.said_names.values())
        return plan_of(lambda: plausible_requests(names, self.scenes, self.model, self.params))

    def _plausible_answers(self, store: "Store | None") -> "list[tuple[Request, str]]":
        """The store's accepted replies to this very asking, with a longer limit or without."""
        from langseg.descriptors.bank.stored_scenes import accepted_replies
        from langseg.descriptors.generation.settled import every_form

        if store is None or not self.scenes:
            return []
        requests = [form for planned in self._plausible_plan() for form in every_form(planned)]
        return accepted_replies(store, requests)

    def _descriptor_plan(self, store: "Store | None") -> "Plan":
        from langseg.descriptors.bank.stored_scenes import answered_scenes
        from langseg.descriptors.prompts.contrast import contrast_requests
        from langseg.descriptors.prompts.describe import describe_requests
        from langseg.descriptors.prompts.plan import plan_of
        from langseg.descriptors.vocabulary.scene_list import with_scenes

        plausible = answered_scenes(self.vocabulary, self._plausible_answers(store))
        more = {scene: plausible[scene] for scene in self.scenes if scene in plausible}
        vocabulary = with_scenes(self.vocabulary, more)
        samples = self.config.samples
        plan = describe_requests(vocabulary, self.prompt, self.model, self.params, samples)
        alike = dict(self._look_alikes) if self.config.differential else {}
        alike |= self._mistaken.alike
        if not alike:
            return plan
        return plan + plan_of(
            lambda: contrast_requests(
                vocabulary, alike, self.model, self.params, samples, self._mistaken.phrases
            )
        )

    @cached_property
    def _mistaken(self) -> "Mistaken":
        from langseg.descriptors.prompts.contrast import MAX_LOOK_ALIKES
        from langseg.pipelines.shared.picture_report import misleading

        file = self.config.again_misleading
        if file is None:
            return Mistaken({}, {})
        said, known = misleading(file), set(self.vocabulary.said_names)
        named = {name for name, _ in said.aucs} | set(said.mistaken_for.values())
        if strange := named - known - {""}:
            raise InputError(
                f"{file}: wanted phrases of {self.vocabulary.name}, got some of "
                f"{few_names(sorted(strange))}, which it has not; name the class list that they "
                "were judged with"
            )
        phrases: dict[str, list[str]] = {}
        others: dict[str, Counter[str]] = {}
        for key in sorted(said.aucs, key=lambda key: (said.aucs[key], key)):  # the worst first
            name, text = key
            if other := said.mistaken_for[key]:
                phrases.setdefault(name, []).append(text)
                others.setdefault(name, Counter())[other] += 1
        return Mistaken(
            {
                name: tuple(other for other, _ in counts.most_common(MAX_LOOK_ALIKES))
                for name, counts in others.items()
            },
            phrases,
        )

    @cached_property
    def _look_alikes(self) -> dict[str, tuple[str, ...]]:
        from langseg.descriptors.encoders.load import load_encoder
        from langseg.descriptors.encoders.served import is_served
        from langseg.descriptors.encoders.stored_vectors import open_vectors
        from langseg.descriptors.prompts.contrast import class_text, nearest_look_alikes

        name, texts = self.config.encoder, [class_text(entry) for entry in self.vocabulary.classes]
        if not is_served(name):
            return nearest_look_alikes(self.vocabulary, load_encoder(name).encode(texts)[0])
        store = store_if_any(self.config)
        stored = None if store is None else open_vectors(store, name)
        if stored is None:
            raise UsageError(
                f"text encoder {name!r}: wanted vectors of the classes' names, the store has none; "
                f"run generate without --differential, then `langseg-desc encode --encoder {name}`"
            )
        vectors = stored.vectors_of(texts).astype("float32")
        return nearest_look_alikes(self.vocabulary, vectors)


def describe_job(config: DescribeConfig) -> DescribeJob:
    """Raises: UsageError, InputError, for a configuration that cannot be asked."""
    from langseg.descriptors.providers.bundled import BundledProvider
    from langseg.descriptors.providers.factory import token_price
    from langseg.pipelines.shared.annotated_scenes import known_scenes
    from langseg.pipelines.shared.source_vocabulary import source_vocabulary

    vocabulary, scenes = known_scenes(config, source_vocabulary(config))
    has_scenes = bool(vocabulary.scenes or scenes)
    if config.provider == "bundled":
        bundled = BundledProvider(vocabulary)
        prompt = _prompt(config, has_scenes, bundled.held_counts())
        bundled.check_counts(prompt)
        return DescribeJob(
            config=config,
            vocabulary=vocabulary,
            scenes=scenes,
            prompt=prompt,
            model=bundled.model,
            params=bundled.params,
            bundled=bundled,
        )
    prompt = _prompt(config, has_scenes)
    if not config.model:
        raise UsageError(
            f"provider {config.provider}: wanted a model to ask, got none; give --model"
        )
    price, price_source = token_price(
        config.provider,
        config.model,
        base_url=config.base_url,
        price_in=config.price_in,
        price_out=config.price_out,
    )
    return DescribeJob(
        config=config,
        vocabulary=vocabulary,
        scenes=scenes,
        prompt=prompt,
        model=config.model,
        params={
            "temperature": config.temperature,
            "max_completion_tokens": config.max_completion_tokens,
        },
        price=price,
        price_source=price_source,
    )


def _prompt(
    config: DescribeConfig, has_scenes: bool, held: Mapping[str, int] | None = None
) -> "Prompt":
    """The prompt; a count that is not given is that of a pack, if what it ``held`` is told."""
    from langseg.descriptors.prompts.prompt import load_prompt, read_prompt

    given = config.model_fields_set
    counts = {
        f"n_{name}": getattr(config, name) if held is None or name in given else held[f"n_{name}"]
        for name in ("attributes", "subclasses", "per_subclass", "scene_attributes")
    }
    if config.prompt is None:
        return load_prompt(**counts)
    return read_prompt(config.prompt, has_scenes, **counts)


def store_if_any(config: DescribeConfig) -> "Store | None":
    """The store that is there; None where there is none yet."""
    from langseg.cache.store.store import Store

    try:
        return Store.open(config.store)
    except InputError:  # no store yet: nothing is settled
        return None
