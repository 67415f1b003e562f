"""vLLM's own HTTP server, asked by the ``openai`` provider; one provider's answer serves all."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from langseg.cache.store.store import Store
from langseg.descriptors.generation.report import GenerateReport
from langseg.descriptors.generation.run import generate
from langseg.descriptors.openai_api.rate_limits import RateLimits
from langseg.descriptors.prompts.plan import plan_of
from langseg.descriptors.providers.base import Provider
from langseg.descriptors.providers.openai.provider import OpenAIProvider
from langseg.descriptors.providers.vllm.provider import VLLMProvider
from tests.support.vllm_requests import GOOD_SCHEMA, UNSUPPORTED, answers, request, things

pytest.importorskip("vllm", reason="vLLM is not installed; .ci/vllm tests it")
pytestmark = pytest.mark.filterwarnings("default")  # vLLM's own are many
OPTIONS = [
    "--enforce-eager",
    "--dtype=float32",
    "--gpu-memory-utilization=0.2",
    # where white space is allowed, noise is little else
    '--structured-outputs-config={"backend": "xgrammar", "disable_any_whitespace": true}',
]
START_S = 180


@pytest.fixture(scope="module")
def base_url(model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--host=127.0.0.1"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, f"--port={port}", f"--model={model}", *OPTIONS],
            stdout=output,
            stderr=output,
            env={**os.environ, "VLLM_NO_USAGE_STATS": "1"},
            start_new_session=True,
        ) as server,
    ):
        try:
            await_health(f"http://127.0.0.1:{port}/health", server, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            try:
                server.wait(30)
            finally:
                end_group(server.pid)


def test_openai_provider__is_answered_by_a_real_server(base_url, model):
    provider = openai(base_url)
    rows = answers(provider, things(20, model, schema=GOOD_SCHEMA), close=True)
    assert sorted(one.class_name for one, _ in rows) == sorted(f"thing {n}" for n in range(20))
    assert {response.status for _, response in rows} == {"ok"}
    assert {response.served_model for _, response in rows} == {model}


def test_openai_provider__asks_without_a_schema_that_the_server_does_not_take(base_url, model):
    unsupported = request("unsupported", model=model, schema=UNSUPPORTED)
    rows = answers(openai(base_url), [unsupported], close=True)
    assert [response.dialect for _, response in rows] == ["json_object, schema in the prompt"]


def test_openai_provider__reports_what_the_server_does_not_take(base_url, model):
    too_long = request("too long", model=model, text="word " * 5000)
    rows = answers(openai(base_url), [*things(3, model), too_long], close=True)
    failed = {one.class_name: response.error for one, response in rows if response.status != "ok"}
    assert list(failed) == ["too long"]
    assert "maximum context length" in failed["too long"]


def test_providers__count_and_sample_a_request_alike(base_url, model, provider):
    """The likeliest tokens, by the model's own default, and the same count of prompt tokens."""
    asked = things(1, model, temperature=None, schema=GOOD_SCHEMA)
    ((_, served),) = answers(openai(base_url), asked, close=True)
    ((_, in_process),) = answers(provider, asked)
    assert served.prompt_tokens == in_process.prompt_tokens
    assert json.loads(served.raw_text) == json.loads(in_process.raw_text)


def test_generate__takes_a_servers_answer_for_that_of_the_engine(base_url, model, tmp_path):
    by_server = run(openai(base_url), model, tmp_path)
    assert by_server.statuses == {"ok": 6}
    by_engine = run(VLLMProvider(model, engine={"no_such_option": 1}), model, tmp_path)
    assert (by_engine.cached, by_engine.asked, by_engine.still_open) == (6, 0, 0)


def test_generate__takes_the_engines_answer_for_that_of_a_server(model, tmp_path, provider):
    by_engine = run(Lent(provider), model, tmp_path)
    assert by_engine.statuses == {"ok": 6}
    by_server = run(openai("http://127.0.0.1:9/v1"), model, tmp_path)
    assert (by_server.cached, by_server.asked, by_server.still_open) == (6, 0, 0)


class Lent(VLLMProvider):
    """A provider that stays open."""

    def __init__(self, provider: VLLMProvider) -> None:
        self.__dict__ = provider.__dict__

    async def aclose(self) -> None:
        """Its owner closes it."""


def run(provider: Provider, model: str, folder: Path) -> GenerateReport:
    requests = things(6, model, schema=GOOD_SCHEMA)
    return generate([plan_of(lambda: iter(requests))], provider, Store.open(folder, create=True))


def openai(base_url: str) -> OpenAIProvider:
    return OpenAIProvider(base_url=base_url, limits=RateLimits(max_concurrency=8))


def await_health(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    give_up = time.monotonic() + START_S
    while True:
        assert server.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < give_up, log.read_text()[-2000:]
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)


def end_group(leader: int) -> None:
    """End what the server left of its own processes, in case it left any."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return
