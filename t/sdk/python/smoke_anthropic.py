"""The anthropic package through the gateway: messages, stream, errors. Started by python.test.mjs."""
import os

import anthropic

ASK = {"model": "claude-haiku-4-5", "max_tokens": 1000, "messages": [{"role": "user", "content": "What is a tollgate?"}]}


def refused(kind, ask):
    try:
        ask()
    except kind as err:
        return err
    raise AssertionError(f"{kind.__name__} was expected")


client = anthropic.Anthropic(max_retries=0)

raw = client.messages.with_raw_response.create(**ASK)
whole = raw.parse()
assert whole.usage.output_tokens == 32, whole.usage
assert float(raw.headers["x-tollgate-cost-usd"]) > 0

with client.messages.stream(**ASK) as stream:
    text = "".join(stream.text_stream)
    assert stream.get_final_message().usage.output_tokens == 32
assert text == whole.content[0].text

assert client.messages.count_tokens(model=ASK["model"], messages=ASK["messages"]).input_tokens == 5
assert ASK["model"] in [m.id for m in client.models.list()]

# the newer way to send a key
key = os.environ.pop("ANTHROPIC_API_KEY")
assert anthropic.Anthropic(auth_token=key, max_retries=0).messages.create(**ASK).stop_reason == "end_turn"

err = refused(anthropic.AuthenticationError, lambda: anthropic.Anthropic(api_key="nobody", max_retries=0).messages.create(**ASK))
assert err.request_id.startswith("req_"), err.request_id
refused(anthropic.NotFoundError, lambda: client.messages.create(**{**ASK, "model": "claude-0"}))
over = refused(anthropic.APIStatusError, lambda: client.messages.create(**ASK, extra_headers={"x-sim-fault": "529"}))
assert over.status_code == 529
broken = client.messages.create(**ASK, stream=True, extra_headers={"x-sim-fault": "truncate@5"})
refused(anthropic.APIError, lambda: list(broken))
print("ok")
