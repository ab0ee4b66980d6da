"""Azure, and hosts that speak OpenAI's API in their own ways: where a request goes, with what, and what its answer cost."""
import base64
import json
import struct
import time

import pytest

from harness import KEY, MODEL, PROVIDER_KEY, Client, chat_body, wait_for

VERSION = "2024-10-21"
TOKEN = "entra.e2e-token.1"
TOKENS = [TOKEN, "the-next-one", "tok-1", "tok-2"]


@pytest.fixture
def sim(simulator):
    return simulator(*[word for token in TOKENS for word in ("--key", token)])


def azure(sim, **target):
    """The usual model, at a deployment of another name."""
    return {"targets": {"az": {"provider": "azure", "base_url": f"http://{sim.listen}", "key": PROVIDER_KEY, **target}},
            "models": {MODEL: {"targets": [{"target": "az", "model": "gpt 4o/mini"}]}}}


def at_host(sim, host, path, **target):
    return {"targets": {host: {"provider": host, "base_url": f"http://{sim.listen}/{path}", "key": PROVIDER_KEY, **target}},
            "models": {MODEL: {"targets": host}}}


def ask(gw, body, path="/v1/chat/completions", headers=()):
    with Client(gw.listen) as c:
        return c.request("POST", path, body, dict(headers), KEY)


def seen(sim, n=1):
    return sim.requests(n)[-1]


def field(request, name):
    return next((v for n, v in request["headers"] if n.lower() == name), None)


def billed_exactly(gw, sim, request_id):
    entry, line = sim.ledger()["entries"][-1], gw.line_of(request_id)
    assert line["quality"] == "exact", line
    usage = line["usage"]
    assert sum(v for k, v in usage.items() if k.startswith("in")) == entry["billed_input"], (usage, entry)
    assert sum(v for k, v in usage.items() if k.startswith("out")) == entry["billed_output"], (usage, entry)
    return line


# ---- Azure

@pytest.mark.parametrize("target,path", [
    ({"api_version": VERSION}, f"/openai/deployments/gpt%204o%2Fmini/chat/completions?api-version={VERSION}"),
    ({}, "/openai/v1/chat/completions"),
    ({"api_version": "preview"}, "/openai/v1/chat/completions?api-version=preview")])
def test_where_azure_is_asked(gateway, sim, target, path):
    gw = gateway(azure(sim, **target))
    r = ask(gw, chat_body(), headers={"x-sim-output-tokens": "9"})
    assert r.status == 200, r
    request = seen(sim)
    assert request["target"] == path
    assert field(request, "api-key") == PROVIDER_KEY and field(request, "authorization") is None
    billed_exactly(gw, sim, r.id)


@pytest.mark.parametrize("ending", ["/openai", "/openai/v1", ""])
def test_a_base_url_may_end_in_what_all_paths_begin_with(gateway, sim, ending):
    gw = gateway(azure(sim, base_url=f"http://{sim.listen}{ending}"))
    assert ask(gw, chat_body()).status == 200
    assert seen(sim)["target"] == "/openai/v1/chat/completions"


def test_clients_of_azure_and_of_openai_are_served_alike(gateway, sim):
    gw = gateway(azure(sim, api_version=VERSION))
    r = ask(gw, chat_body(), f"/openai/deployments/{MODEL}/chat/completions?api-version=2023-05-15&x=1")
    assert r.status == 200
    assert seen(sim)["target"].endswith(f"/chat/completions?api-version={VERSION}&x=1")


@pytest.mark.parametrize("asked", [False, True])
def test_the_first_chunk_of_azure_has_no_choices(gateway, sim, asked):
    gw = gateway(azure(sim, api_version=VERSION))
    more = {"stream_options": {"include_usage": True}} if asked else {}
    r = ask(gw, chat_body(stream=True, **more), headers={"x-sim-output-tokens": "20", "x-sim-model": "gpt-4o-mini-2024-07-18"})
    data = [line[6:] for line in r.body.decode().splitlines() if line.startswith("data: ")]
    chunks = [json.loads(d) for d in data if d != "[DONE]"]
    assert chunks[0]["choices"] == [] and "prompt_filter_results" in chunks[0]
    assert sum(bool(c.get("usage")) for c in chunks) == asked
    line = billed_exactly(gw, sim, r.id)
    # the deployment has a name of the operator's; the price is that of the model which the answer names
    assert line["cost_known"] if "cost_known" in line else float(line["cost_usd"]) > 0


def test_azure_refuses_and_the_client_reads_why(gateway, sim):
    gw = gateway(azure(sim, api_version=VERSION))
    r = ask(gw, chat_body(), headers={"x-sim-fault": "429"})
    assert r.status == 429 and r.json["error"]["code"] == "429"
    r = ask(gw, {"model": MODEL, "messages": "no"})
    assert r.status == 400 and r.json["error"]["type"] == "invalid_request_error"


def test_responses_go_to_azure_where_it_has_them(gateway, sim):
    gw = gateway(azure(sim))
    r = ask(gw, {"model": MODEL, "input": "hello"}, "/v1/responses")
    assert r.status == 200 and r.json["object"] == "response"
    assert seen(sim)["target"] == "/openai/v1/responses"


def test_a_token_from_a_file_is_read_again(gateway, sim, tmp_path):
    path = tmp_path / "token"
    path.write_text(json.dumps({"access_token": TOKEN, "expires_on": int(time.time()) + 4}))
    config = azure(sim, token_file=str(path))
    config["targets"]["az"]["key"] = ""
    gw = gateway(config)
    assert ask(gw, chat_body()).status == 200
    assert field(seen(sim), "authorization") == f"Bearer {TOKEN}" and field(seen(sim), "api-key") is None
    assert gw.metric("tollgate_credential_valid", target="az") == 1
    path.write_text("the-next-one\n")

    def next_one():
        assert ask(gw, chat_body()).status == 200
        return field(seen(sim), "authorization") == "Bearer the-next-one"
    wait_for(next_one, "the next token")
    assert gw.metric("tollgate_credential_fetches_total", target="az") >= 2
    assert TOKEN not in gw.errors() and "the-next-one" not in gw.errors()


def test_a_token_that_expires_and_cannot_be_had_anew(gateway, sim, tmp_path):
    script = tmp_path / "token.sh"
    script.write_text("echo '{\"accessToken\": \"tok-1\", \"expires_in\": 3}'\n")
    config = azure(sim, token_command=f"sh {script}")
    config["targets"]["az"]["key"] = ""
    config["models"]["other"] = {"targets": ["az", {"target": "openai", "weight": 1}]}
    gw = gateway(config)
    assert ask(gw, chat_body()).status == 200
    assert field(seen(sim), "authorization") == "Bearer tok-1"
    script.write_text("exit 3\n")
    wait_for(lambda: gw.metric("tollgate_credential_valid", target="az") == 0, "the token's end")
    r = ask(gw, chat_body())
    assert r.status == 502 and "no valid credential" in r.json["error"]["message"], r
    assert all(ask(gw, chat_body("other")).status == 200 for _ in range(4))       # by the other target
    assert "status 3" in gw.errors() and "tok-1" not in gw.errors()
    script.write_text("echo tok-2\n")
    wait_for(lambda: ask(gw, chat_body()).status == 200, "the next token")
    assert field(seen(sim), "authorization") == "Bearer tok-2"


# ---- hosts

@pytest.mark.parametrize("host,path,target", [("mistral", "mistral", "/mistral/v1/chat/completions"),
                                              ("groq", "groq/openai/v1", "/groq/openai/v1/chat/completions"),
                                              ("deepseek", "deepseek", "/deepseek/v1/chat/completions"),
                                              ("xai", "xai/v1", "/xai/v1/chat/completions"),
                                              ("together", "together/v1", "/together/v1/chat/completions"),
                                              ("openrouter", "openrouter/api/v1", "/openrouter/api/v1/chat/completions"),
                                              ("perplexity", "perplexity", "/perplexity/chat/completions")])
@pytest.mark.parametrize("stream", [False, True])
def test_each_host_in_its_own_way(gateway, sim, host, path, target, stream):
    gw = gateway(at_host(sim, host, path))
    r = ask(gw, chat_body(stream=stream), headers={"x-sim-output-tokens": "20", "x-sim-reasoning-tokens": "30",
                                                   "x-sim-cached-tokens": "3"})
    assert r.status == 200, r
    request = seen(sim)
    assert request["target"] == target and field(request, "authorization") == f"Bearer {PROVIDER_KEY}"
    body = json.loads(request["body"])
    assert body.get("stream_options") == (None if not stream or host == "mistral" else {"include_usage": True})
    line = billed_exactly(gw, sim, r.id)
    assert line["target"] == host
    if stream:      # what the host ends with, and no chunk of usage that nobody asked for
        assert r.body.rstrip().split(b"\n\n")[-1].startswith(b": ") or b"[DONE]" in r.body or host == "perplexity"
        assert not [c for c in r.body.decode().split("\n\n") if '"choices":[]' in c and '"usage":{' in c
                    and "chat.completion.done" not in c]


def test_a_client_that_asks_a_host_for_usage_itself(gateway, sim):
    gw = gateway(at_host(sim, "mistral", "mistral"))
    r = ask(gw, chat_body(stream=True, stream_options={"include_usage": True}))
    assert r.status == 422 and r.json["detail"][0]["loc"] == ["body", "stream_options"]     # its own words pass


@pytest.mark.parametrize("status", ["402", "429", "498", "500"])
def test_a_host_without_money_or_room_is_passed_over(gateway, sim, status):
    config = at_host(sim, "groq", "groq/openai/v1")
    config["models"][MODEL] = {"targets": [{"target": "groq", "weight": 1000}, {"target": "openai", "weight": 1}]}
    config["targets"]["groq"]["key"] = PROVIDER_KEY + "-groq"
    gw = gateway(config)
    for _ in range(3):
        r = ask(gw, chat_body(), headers={"x-sim-fault": status, "x-sim-fault-key": "-groq"})
        assert r.status == 200, r


def test_what_a_host_has_not_is_refused_with_a_reason(gateway, sim):
    gw = gateway(at_host(sim, "deepseek", "deepseek"))
    r = ask(gw, {"model": MODEL, "input": "x"}, "/v1/embeddings")
    assert r.status == 400 and r.json["error"]["code"] == "unsupported_dialect", r


# ---- clients of other APIs

@pytest.mark.parametrize("host,path", [("mistral", "mistral"), ("perplexity", "perplexity"), ("deepseek", "deepseek"),
                                       ("xai", "xai/v1"), ("azure", "")])
@pytest.mark.parametrize("stream", [False, True])
def test_an_anthropic_client_at_each_host(gateway, sim, host, path, stream):
    passed = ["x-sim-output-tokens", "x-sim-reasoning-tokens"]
    config = azure(sim, api_version=VERSION, pass_fields=passed) if host == "azure" else at_host(sim, host, path, pass_fields=passed)
    gw = gateway(config)
    r = ask(gw, {"model": MODEL, "max_tokens": 99, "stream": stream, "messages": [{"role": "user", "content": "Hello."}]},
            "/v1/messages", {"x-sim-output-tokens": "20", "x-sim-reasoning-tokens": "30"})
    assert r.status == 200, r
    sent = json.loads(seen(sim)["body"])
    assert ("stream_options" in sent) is (stream and host != "mistral")
    if host == "azure":
        assert seen(sim)["target"] == f"/openai/deployments/gpt%204o%2Fmini/chat/completions?api-version={VERSION}"
    if stream:
        events = [json.loads(line[6:]) for line in r.body.decode().splitlines() if line.startswith("data: ")]
        assert events[0]["type"] == "message_start" and events[-1]["type"] == "message_stop", r.body[-600:]
        delta = next(e for e in events if e["type"] == "message_delta")
        assert delta["delta"]["stop_reason"] == "end_turn" and delta["usage"]["output_tokens"] == 50
    else:
        assert r.json["stop_reason"] == "end_turn" and r.json["usage"]["output_tokens"] == 50
    billed_exactly(gw, sim, r.id)


@pytest.mark.parametrize("host,path", [("deepseek", "deepseek"), ("mistral", "mistral"), ("azure", "")])
@pytest.mark.parametrize("stream", [False, True])
def test_responses_are_asked_as_chats_where_there_are_none(gateway, sim, host, path, stream):
    passed = ["x-sim-output-tokens"]
    gw = gateway(azure(sim, api_version=VERSION, pass_fields=passed) if host == "azure" else at_host(sim, host, path, pass_fields=passed))
    r = ask(gw, {"model": MODEL, "input": "Hello.", "stream": stream, "store": False}, "/v1/responses", {"x-sim-output-tokens": "20"})
    assert r.status == 200, r
    assert "/chat/completions" in seen(sim)["target"]
    answer = r.json if not stream else next(
        e["response"] for e in (json.loads(line[6:]) for line in r.body.decode().splitlines() if line.startswith("data: "))
        if e["type"] == "response.completed")
    assert answer["object"] == "response" and answer["usage"]["output_tokens"] == 20
    billed_exactly(gw, sim, r.id)


EMBED = "text-embedding-3-small"


def as_gemini(gw, verb, body, model=EMBED):
    with Client(gw.listen) as c:
        return c.request("POST", f"/v1beta/models/{model}:{verb}", body, {"x-goog-api-key": KEY})


def content(text):
    return {"content": {"parts": [{"text": text}]}}


@pytest.mark.parametrize("host", ["openai", "az"])
def test_gemini_clients_embed_with_models_of_openai(gateway, sim, host):
    config = azure(sim, api_version=VERSION)
    config["models"][EMBED] = {"targets": host}
    gw = gateway(config)
    with Client(gw.listen) as c:
        plain = c.request("POST", "/v1/embeddings", {"model": EMBED, "input": ["red", "blue"], "dimensions": 8}, (), KEY)
    assert plain.status == 200
    r = as_gemini(gw, "embedContent", {**content("blue"), "outputDimensionality": 8})
    assert r.status == 200, r
    assert r.json["embedding"]["values"] == plain.json["data"][1]["embedding"]
    assert r.json["usageMetadata"]["promptTokenCount"] == 1
    line = billed_exactly(gw, sim, r.id)
    assert float(line["cost_usd"]) > 0
    r = as_gemini(gw, "batchEmbedContents", {"requests": [{**content(w), "outputDimensionality": 8} for w in ("red", "blue")]})
    assert [e["values"] for e in r.json["embeddings"]] == [d["embedding"] for d in plain.json["data"]]
    sent = json.loads(seen(sim)["body"])
    assert sent["input"] == ["red", "blue"] and sent["encoding_format"] == "float"
    billed_exactly(gw, sim, r.id)


def test_what_an_embedding_is_for_is_not_lost_silently(gateway, sim):
    gw = gateway({"models": {"plain": {"targets": {"target": "openai", "model": EMBED}},
                             "drop": {"targets": {"target": "openai", "model": EMBED}, "on_unsupported": "drop"}}})
    body = {**content("x"), "taskType": "CLUSTERING"}
    r = as_gemini(gw, "embedContent", body, "plain")
    assert r.status == 400 and "taskType" in r.json["error"]["message"], r
    r = as_gemini(gw, "embedContent", body, "drop")
    assert r.status == 200 and r.get("x-tollgate-dropped") == "taskType"
    r = as_gemini(gw, "embedContent", {"content": {"parts": []}}, "plain")
    assert r.status == 400 and "no text" in r.json["error"]["message"]


def test_errors_of_an_embedding_in_the_clients_words(gateway, sim):
    gw = gateway({"targets": {"openai": {"pass_fields": ["x-sim-fault"]}}})
    with Client(gw.listen) as c:
        r = c.request("POST", f"/v1beta/models/{EMBED}:embedContent", content("x"),
                      {"x-goog-api-key": KEY, "x-sim-fault": "429"})
    assert r.status == 429 and r.json["error"]["status"] == "RESOURCE_EXHAUSTED", r


@pytest.mark.parametrize("provider,model,path,one", [
    ("gemini", "gemini-embedding-001", "/v1beta/models/gemini-embedding-001:batchEmbedContents", False),
    ("vertex", "gemini-embedding-001", "/v1/publishers/google/models/gemini-embedding-001:predict", False),
    ("cohere", "embed-v4.0", "/v2/embed", False),
    ("bedrock", "cohere.embed-english-v3", "/model/cohere.embed-english-v3/invoke", False),
    ("bedrock", "amazon.titan-embed-text-v2:0", "/model/amazon.titan-embed-text-v2%3A0/invoke", True)])
def test_openai_clients_embed_with_models_of_others(gateway, sim, provider, model, path, one):
    gw = gateway({"targets": {"them": {"provider": provider, "base_url": f"http://{sim.listen}", "key": PROVIDER_KEY}},
                  "models": {"embed": {"targets": {"target": "them", "model": model}}}})
    words = ["red"] if one else ["red", "blue and so on"]

    def embed(**more):
        r = ask(gw, {"model": "embed", "input": words, "dimensions": 8, **more}, "/v1/embeddings")
        assert r.status == 200, r
        return r
    plain = embed()
    assert seen(sim)["target"] == path
    vectors = [d["embedding"] for d in plain.json["data"]]
    assert [len(v) for v in vectors] == [8] * len(words) and [d["index"] for d in plain.json["data"]] == list(range(len(words)))
    billed_exactly(gw, sim, plain.id)
    encoded = embed(encoding_format="base64").json["data"]
    for d, v in zip(encoded, vectors):
        assert struct.unpack("<8f", base64.b64decode(d["embedding"])) == pytest.approx(v, rel=1e-6)
    if one:
        r = ask(gw, {"model": "embed", "input": ["a", "b"]}, "/v1/embeddings")
        assert r.status == 400 and "one text a request" in r.json["error"]["message"]
    r = ask(gw, {"model": "embed", "input": [1, 2, 3]}, "/v1/embeddings")
    assert r.status == 400 and "token ids" in r.json["error"]["message"]
