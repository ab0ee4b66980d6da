"""The openai package through the gateway: chat, stream, errors. Started by python.test.mjs, which gives the environment."""
import io
import os

import openai

MODEL = "gpt-4o-mini"
ASK = [{"role": "user", "content": "What is a tollgate good for?"}]


def refused(kind, ask):
    try:
        ask()
    except kind as err:
        return err
    raise AssertionError(f"{kind.__name__} was expected")


client = openai.OpenAI(max_retries=0)

raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK)
whole = raw.parse()
assert whole.usage.completion_tokens == 32, whole.usage
assert float(raw.headers["x-tollgate-cost-usd"]) > 0

text = ""
with client.chat.completions.create(model=MODEL, messages=ASK, stream=True) as stream:
    for chunk in stream:
        assert len(chunk.choices) == 1, "the usage chunk that the gateway asked for must not be seen"
        text += chunk.choices[0].delta.content or ""
assert text == whole.choices[0].message.content

last = None
for last in client.chat.completions.create(model=MODEL, messages=ASK, stream=True,
                                           stream_options={"include_usage": True}):
    pass
assert last.usage.completion_tokens == 32, last

heard = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.mp3", io.BytesIO(b"\0\xff" * 50_000)))
assert heard.text
assert len(client.embeddings.create(model="text-embedding-3-small", input="one").data[0].embedding) == 1536

err = refused(openai.AuthenticationError,
              lambda: openai.OpenAI(api_key="nobody", max_retries=0).chat.completions.create(model=MODEL, messages=ASK))
assert err.request_id.startswith("req_"), err.request_id
refused(openai.NotFoundError, lambda: client.chat.completions.create(model="gpt-0", messages=ASK))
refused(openai.RateLimitError, lambda: client.chat.completions.create(model=MODEL, messages=ASK,
                                                                      extra_headers={"x-sim-fault": "429"}))
broken = client.chat.completions.create(model=MODEL, messages=ASK, stream=True, extra_headers={"x-sim-fault": "truncate@5"})
refused(openai.APIError, lambda: list(broken))

azure = openai.AzureOpenAI(base_url=os.environ["TOLLGATE_URL"] + "/openai", api_version="2024-10-21", max_retries=0,
                           api_key=os.environ["OPENAI_API_KEY"])
assert azure.chat.completions.create(model=MODEL, messages=ASK).usage.completion_tokens == 32
print("ok")
