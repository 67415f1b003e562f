"""Run a language model through vLLM, without its server.

In:  a model that vLLM can load, its engine options; requests.
Out: a ``Reply`` for each request of a call, and how long it took.

vLLM runs the model in processes of its own. Should one die (the system's out-of-memory killer
takes such processes first), its ``LLM.chat`` never returns: whoever calls ``chat`` must not
wait for it without looking at ``alive``.
"""

import json
import multiprocessing
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from langseg.cache.errors import LangSegError, UpstreamError, UsageError
from langseg.cache.records import Request
from langseg.descriptors.phrases.characters import printable
from langseg.descriptors.providers.chat import Reply, read_reply
from langseg.descriptors.providers.vllm.processes import Warden, end_processes

if TYPE_CHECKING:
    from vllm import LLM, RequestOutput, SamplingParams

# xgrammar by name: "auto" may choose a library by the schema, and only a named one can be told to
# leave out white space, on which a small model may spend its whole reply. Statistics give the
# latency of each reply.
OPTIONS = {
    "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
    "disable_log_stats": False,
}
# The command's own output goes to stdout; a forked copy of a process with threads may hang; and
# what is run where is nobody's business. A variable that is set already stays as it is.
_ENVIRONMENT = {
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
}
_NAMES = {
    **{name: name for name in ("temperature", "top_p", "top_k", "min_p", "seed", "stop")},
    **{name: name for name in ("presence_penalty", "frequency_penalty", "repetition_penalty")},
    **{name: name for name in ("logit_bias", "min_tokens", "max_tokens")},
    "max_completion_tokens": "max_tokens",  # the later of two names: it wins, as on vLLM's server
}
_MESSAGE_CHARS = 300


@dataclass(frozen=True)
class TimedReply:
    """A reply, and how long the model worked on it."""

    reply: Reply
    latency_s: float


class RefusedError(Exception):
    """A call was not answered, because of one of its requests; the next may be."""


class BrokenEngineError(Exception):
    """The engine can answer nothing any more."""


class Engine:
    """A model that vLLM runs. ``load`` it first, in any thread.

    Args:
        options: arguments of ``vllm.LLM``; they take the place of ``OPTIONS``.
    """

    def __init__(self, model: str, options: Mapping[str, Any]) -> None:
        if options.get("trust_remote_code"):
            raise UsageError(
                "vllm: wanted a model that needs no code but vLLM's, got trust_remote_code; leave "
                "it out, or serve the model with vLLM's own server and use --provider openai"
            )
        self._model = model
        self._options = {**OPTIONS, **options}
        self._others = set(multiprocessing.active_children())
        self._running: set[BaseProcess] = set()
        self._loaded = False
        self._warden = Warden()
        self._llm: LLM

    def load(self) -> None:
        """Takes seconds to minutes.

        Raises: UsageError, where vLLM is missing or refuses the model or an option;
            UpstreamError, where it fails to load what it took.
        """
        self._llm = _load(self._model, self._options)
        config = self._llm.model_config
        self._defaults: dict[str, Any] = config.get_diff_sampling_param()
        self._served_model = str(config.served_model_name or self._model)
        self._max_model_len = int(config.max_model_len)
        self._running, self._loaded = self._processes(), True
        self.guard()

    @property
    def alive(self) -> bool:
        """Whether every process of the engine still runs."""
        return all(process.is_alive() for process in self._running)

    def misfit(self, request: Request) -> str:
        """Why a request cannot be submitted, or ``""``.

        vLLM takes a prompt with too little room for its reply, and cuts the reply.
        """
        try:
            n_prompt = len(self._prompt_tokens(request))
        except Exception as exc:  # a chat template is a program of the model's maker
            return f"a chat template that does not take the messages: {shown_error(exc)}"
        n_reply = {**self._defaults, **sampling_values(request)}.get("max_tokens", 1)
        if n_prompt + n_reply <= self._max_model_len:
            return ""
        return (
            f"a prompt of {n_prompt} and a reply of up to {n_reply} tokens, where the model takes "
            f"{self._max_model_len} together; lower --max-completion-tokens, or load it with a "
            "larger max_model_len"
        )

    def chat(self, requests: Sequence[Request]) -> list[TimedReply]:
        """Answer all, in order.

        Raises: RefusedError, when vLLM does not take one of them, which is then the reason for
            all; BrokenEngineError.
        """
        from vllm.v1.engine.exceptions import EngineDeadError

        started = time.monotonic()
        try:
            messages = [json.loads(request.messages_json) for request in requests]
            params = [self._params(request) for request in requests]
            outputs = self._llm.chat(messages, params, use_tqdm=False)
        except EngineDeadError as exc:
            raise BrokenEngineError(shown_error(exc)) from exc
        except Exception as exc:
            if not self.alive or self._llm.llm_engine.has_unfinished_requests():
                raise BrokenEngineError(shown_error(exc)) from exc  # or the next call answers them
            raise RefusedError(f"a request that vLLM does not take: {shown_error(exc)}") from exc
        if len(outputs) != len(requests):
            raise BrokenEngineError(f"{len(outputs)} replies to {len(requests)} requests")
        each_s = (time.monotonic() - started) / len(outputs)
        return [TimedReply(self._reply(output), _latency_s(output, each_s)) for output in outputs]

    def guard(self) -> None:
        """See that no process of the engine outlives this one; to be called while it loads."""
        self._warden.watch(self._processes())

    def close(self) -> None:
        """End the engine's processes, which gives their memory back.

        While it is being loaded, ``load`` then fails; call this again when it has.
        """
        try:
            if self._loaded and self.alive:
                self._loaded = False
                self._llm.llm_engine.engine_core.shutdown()
        finally:
            end_processes(self._processes())
            self._warden.dismiss()

    def _processes(self) -> set[BaseProcess]:
        return set(multiprocessing.active_children()) - self._others

    def _prompt_tokens(self, request: Request) -> Sequence[int]:
        tokens: Sequence[int] = self._llm.get_tokenizer().apply_chat_template(
            json.loads(request.messages_json),
            chat_template=self._llm.chat_template,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=False,
        )
        return tokens

    def _params(self, request: Request) -> "SamplingParams":
        """What is null in a request is the model's own default, as on vLLM's server."""
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        values = {"max_tokens": None, **self._defaults, **sampling_values(request)}
        schema = StructuredOutputsParams(json=json.loads(request.schema_json))
        return SamplingParams.from_optional(**values, structured_outputs=schema)

    def _reply(self, output: "RequestOutput") -> Reply:
        """As vLLM's server says it, so that one function judges every reply."""
        from vllm import __version__

        completion = output.outputs[0]
        if completion.finish_reason not in ("stop", "length"):
            return Reply(status="failed", note=f"one that ended by {completion.finish_reason}")
        body = {
            "model": self._served_model,
            "system_fingerprint": f"vllm-{__version__}",
            "choices": [
                {
                    "message": {"content": completion.text},
                    "finish_reason": completion.finish_reason,
                }
            ],
            "usage": {
                "prompt_tokens": len(output.prompt_token_ids or ()),
                "completion_tokens": len(completion.token_ids),
                "prompt_tokens_details": {"cached_tokens": output.num_cached_tokens},
            },
        }
        return read_reply(json.dumps(body))


def sampling_values(request: Request) -> dict[str, Any]:
    """Arguments of vLLM's ``SamplingParams``. Raises: UsageError, for what it has no name for."""
    given = json.loads(request.params_json)
    named = {name: value for name, value in given.items() if value is not None}
    if unknown := sorted(named.keys() - _NAMES.keys()):
        raise UsageError(
            f"vllm: wanted sampling parameters among {', '.join(_NAMES)}, got {unknown[0]}; "
            "leave it out, or use --provider openai with a server that knows it"
        )
    return {ours: named[name] for name, ours in _NAMES.items() if name in named}


def _load(model: str, options: Mapping[str, Any]) -> "LLM":
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        from vllm import LLM
    except (ImportError, OSError, RuntimeError) as exc:  # the last two: for another torch
        raise UsageError(
            f"--provider vllm: wanted vLLM beside LangSeg, got {shown_error(exc)}; "
            "run pip install 'langseg[vllm]', or use --provider openai with a server"
        ) from exc
    try:
        return LLM(model, **options)
    except Exception as exc:
        raise _load_error(model, exc) from exc


def _load_error(model: str, exc: Exception) -> LangSegError:
    """vLLM checks the model's name, its kind and the options first, then starts its processes."""
    wanted = f"vllm: wanted a model that it can load, got {model!r}: {shown_error(exc)}"
    if isinstance(exc, (ValueError, TypeError, OSError)):
        return UsageError(f"{wanted}; check its name or folder, and the engine options")
    return UpstreamError(f"{wanted}; vLLM's own lines above say why (often, too little memory)")


def _latency_s(output: "RequestOutput", otherwise: float) -> float:
    """From the first place it had in the engine to its last token."""
    times = output.metrics
    measured = times.last_token_ts - times.scheduled_ts if times and times.last_token_ts else 0.0
    return measured if measured > 0 else otherwise


def shown_error(exc: BaseException) -> str:
    """What an exception says, on one printable line."""
    return printable(" ".join(str(exc).split()) or type(exc).__name__, _MESSAGE_CHARS)
