import json

import pytest

from langseg.descriptors.prompts.describe import describe_requests
from langseg.descriptors.prompts.replies import parse_reply
from langseg.descriptors.providers.chat import chat_body
from langseg.descriptors.vocabulary.load import load_vocabulary, shipped_vocabularies
from tests.support.openai_server import plausible_reply
from tests.support.prompts import some_prompt


@pytest.mark.slow
@pytest.mark.parametrize("dataset", shipped_vocabularies())
def test_good_reply__nothing_in_it_is_rejected_for_any_class_that_ships(dataset):
    prompt = some_prompt(n_per_subclass=2)
    requests = describe_requests(load_vocabulary(dataset), prompt, model="m", params={})
    for request in requests:
        text = json.dumps(plausible_reply(chat_body(request)))
        reply = parse_reply(text, request)
        assert reply.status == "ok"
        assert {row.rejected for row in reply.rows} == {""}


def test_good_reply__is_the_same_for_the_same_request_and_another_for_another_class():
    requests = describe_requests(load_vocabulary("camvid"), some_prompt(), model="m", params={})
    replies = [json.dumps(plausible_reply(chat_body(r))) for r in (*requests, *requests)]
    assert replies[: len(requests)] == replies[len(requests) :]
    assert len(set(replies)) == len(requests)
