"""What is settled before a model is loaded; vLLM need not be installed."""

import sys

import pytest

from langseg.cache.errors import UsageError
from langseg.descriptors.providers.vllm.engine import Engine, sampling_values
from langseg.descriptors.providers.vllm.provider import VLLMProvider
from tests.support.vllm_requests import answers, request, things


def test_sampling_values__say_the_reply_limit_in_vllms_word():
    asked = request("wall", model="m", temperature=0.5, max_completion_tokens=9, seed=3)
    assert sampling_values(asked) == {"temperature": 0.5, "max_tokens": 9, "seed": 3}


def test_sampling_values__leave_null_to_the_models_own_default():
    asked = request("wall", model="m", temperature=None, max_completion_tokens=None, top_p=0.5)
    assert sampling_values(asked) == {"top_p": 0.5}


def test_sampling_values__take_the_newer_of_two_names_as_the_server_does():
    asked = request("wall", model="m", max_tokens=5, max_completion_tokens=7)
    assert sampling_values(asked)["max_tokens"] == 7


def test_sampling_values__drop_no_parameter_in_silence():
    with pytest.raises(UsageError, match=r"wanted sampling .*got reasoning_effort; leave it out"):
        sampling_values(request("wall", model="m", reasoning_effort="low"))


def test_engine__runs_no_code_that_comes_with_a_model():
    with pytest.raises(UsageError, match="got trust_remote_code"):
        Engine("m", {"trust_remote_code": True})


def test_vllm_provider__says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)  # as where it is not installed
    with pytest.raises(UsageError, match=r"wanted vLLM .*run pip install 'langseg\[vllm\]'"):
        answers(VLLMProvider("m"), things(1, "m"))


def test_vllm_provider__loads_nothing_for_no_request(monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)
    assert answers(VLLMProvider("m"), []) == []


def test_vllm_provider__refuses_requests_planned_for_another_model():
    with pytest.raises(UsageError, match="wanted requests planned for this model, got one for 'b'"):
        answers(VLLMProvider("a"), things(1, "b"))


def test_vllm_provider__takes_requests_planned_with_the_name_it_serves(monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(UsageError, match="wanted vLLM beside LangSeg"):  # so the name was right
        answers(VLLMProvider("folder", engine={"served_model_name": "b"}), things(1, "b"))


def test_vllm_provider__wants_at_least_one_request_in_a_chunk():
    with pytest.raises(UsageError, match="wanted chunks of at least 1 request, got 0"):
        VLLMProvider("m", chunk=0)
