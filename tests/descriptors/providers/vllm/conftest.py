"""One tiny model, and one engine that runs it, for all tests: an engine takes long to load."""

import asyncio
import multiprocessing
from collections.abc import Iterator

import pytest

from langseg.descriptors.providers.vllm.provider import VLLMProvider
from tests.support.tiny_llama import ENGINE, build


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Folder of a model whose own default is the likeliest token (``top_k`` 1)."""
    pytest.importorskip("vllm", reason="vLLM is not installed; .ci/vllm tests it")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield build(tmp_path_factory.mktemp("model"), do_sample=True, top_k=1)


@pytest.fixture(scope="session")
def provider(model: str) -> Iterator[VLLMProvider]:
    """Answers eight requests a call."""
    before = multiprocessing.active_children()
    provider = VLLMProvider(model, chunk=8, engine=ENGINE)
    yield provider
    asyncio.run(provider.aclose())
    assert multiprocessing.active_children() == before
