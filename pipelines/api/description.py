"""Describe a vocabulary for a program: generate, encode and bank in one call.

In:  a vocabulary, a store, and settings of `langseg-desc generate`.
Out: a TextBank in the store; a report of what it is.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langseg.descriptors.vocabulary.source import DEFAULT_STORE, EncodedSource
from langseg.pipelines.api.unseen import unseen
from langseg.pipelines.desc.bank import BankReport, run_bank
from langseg.pipelines.desc.encode import run_encode
from langseg.pipelines.desc.generate import Advancing, run_generate
from langseg.pipelines.desc.generate_settings import DescribeConfig
from langseg.pipelines.shared.settings import load_config


def describe(
    vocabulary: str | Path | Sequence[str],
    store: str | Path = DEFAULT_STORE,
    *,
    encoder: str = "minilm",
    encoder_url: str = "",
    scene_texts: Sequence[str] = (),
    **settings: Any,
) -> BankReport:
    """Ask for the descriptors that the store does not hold yet, embed them, build the TextBank.

    Run again, it asks and embeds nothing, and gives the same bank.

    Args:
        vocabulary: a dataset that ships ("ade20k"), the path of a class list, or names in a
            sequence.
        encoder: the text encoder, as ``--encoder`` takes it.
        encoder_url: base URL of its server, for an encoder ``openai:MODEL``; "" for
            OPENAI_BASE_URL, else OpenAI's own.
        scene_texts: further scenes in words of your own, as ``--scene-text`` of `bank` takes them.
        settings: of `langseg-desc generate` by name: ``provider="openai"``, ``model=``,
            ``max_cost=``, ``scenes=``, ... Without any the bundled pack answers: no LLM is called.

    Raises: LangSegError, whose ``exit_code`` tells its kind: UsageError, InputError, CorruptError,
        UpstreamError, BudgetError (what was answered is kept), LockedError.
    """
    from langseg.descriptors.vocabulary.load import shipped_vocabularies, written_words

    named = {"classes": vocabulary}
    if isinstance(vocabulary, str) and vocabulary in shipped_vocabularies():
        named = {"dataset": vocabulary}
    elif not isinstance(vocabulary, (str, Path)):
        named = {"classes": written_words(vocabulary)}
    config = load_config(DescribeConfig, None, {**named, "store": store, **settings})
    source = EncodedSource(
        **{name: getattr(config, name) for name in EncodedSource.model_fields if name != "encoder"},
        encoder=encoder,
    )
    with unseen() as advance:
        run_generate(config, Advancing(advance))
        run_encode(source, encoder, advance, encoder_url)
        return run_bank(source, encoder, scene_texts=scene_texts)
