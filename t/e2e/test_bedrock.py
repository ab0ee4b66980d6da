"""Bedrock and Cohere as targets of OpenAI's and Anthropic's clients: answers, binary streams, tools, faults, and the money."""
import json
import os

import pytest

from harness import KEY, PROVIDER_KEY, Client, chat_body, wait_for
from test_translate import QUESTION, SIM_FIELDS, TOOL, stream

MODELS = {"nova": ("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"), "command": ("cohere", "command-a-03-2025")}
MORE_FIELDS = SIM_FIELDS + ["x-sim-finish", "x-sim-cache-write-1h-tokens", "x-sim-reasoning-tokens"]


@pytest.fixture
def hosts(gateway, sim, tmp_path):
    """The same simulator as Bedrock (with an API key) and as Cohere; models are priced as their targets' names."""
    def start(**more):
        targets = {name: {"provider": name, "base_url": f"http://{sim.ready['listen']}", "key": PROVIDER_KEY,
                          "pass_fields": MORE_FIELDS} for name in ("bedrock", "cohere")}
        models = {name: {"targets": [{"target": target, "model": model}], **more} for name, (target, model) in MODELS.items()}
        return gateway({"targets": targets, "models": models})
    return start


def ask(gw, model, headers=(), path="/v1/chat/completions", **body):
    body = {"model": model, "messages": [{"role": "user", "content": body.pop("content", QUESTION)}], **body}
    with Client(gw.listen) as c:
        return c.request("POST", path, body, headers, KEY)


def exact(gw, sim, request_id, target):
    """The log's figures are those that the simulator bills."""
    entry, line = sim.ledger()["entries"][-1], gw.line_of(request_id)
    assert line["target"] == target and line["quality"] == "exact", line
    usage = line["usage"]
    assert sum(v for k, v in usage.items() if k.startswith("in")) == entry["billed_input"]
    assert sum(v for k, v in usage.items() if k.startswith("out")) == entry["billed_output"]
    return line


@pytest.mark.parametrize("model", MODELS)
def test_an_answer(hosts, sim, model):
    gw = hosts()
    r = ask(gw, model, {"x-sim-output-tokens": "12"}, max_tokens=50, stop=["END"], temperature=0.5)
    assert r.status == 200, r
    assert r.json["choices"][0]["message"]["content"] and r.json["choices"][0]["finish_reason"] == "stop"
    assert r.json["usage"]["completion_tokens"] == 12
    entry = sim.ledger()["entries"][-1]
    assert entry["dialect"] == MODELS[model][0] and entry["model"] == MODELS[model][1]
    exact(gw, sim, r.id, MODELS[model][0])


@pytest.mark.parametrize("model", MODELS)
def test_a_stream(hosts, sim, model):
    gw = hosts()
    whole = ask(gw, model, {"x-sim-output-tokens": "20"}).json["choices"][0]["message"]["content"]
    head, events = stream(gw, "/v1/chat/completions", chat_body(model, True, QUESTION, stream_options={"include_usage": True}),
                          {"x-sim-output-tokens": "20", "x-sim-events": "10"})
    assert head.status == 200 and head.get("content-type").startswith("text/event-stream"), head
    data = [d for n, d in events if n is not None]
    assert data[-1] == "[DONE]"
    chunks = [json.loads(d) for d in data[:-1]]
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"]) == whole
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]][-1] == "stop"
    assert chunks[-1]["usage"]["completion_tokens"] == 20
    exact(gw, sim, head.id, MODELS[model][0])


def test_an_anthropic_client_thinks_at_bedrock(hosts, sim):
    gw = hosts()
    body = {"model": "nova", "max_tokens": 4000, "stream": True, "thinking": {"type": "enabled", "budget_tokens": 1024},
            "messages": [{"role": "user", "content": QUESTION}]}
    head, events = stream(gw, "/v1/messages", body, {"x-sim-output-tokens": "5", "x-sim-cached-tokens": "3",
                                                     "x-sim-cache-write-1h-tokens": "2"})
    events = [json.loads(d) for n, d in events if n is not None]
    blocks = [e["content_block"]["type"] for e in events if e["type"] == "content_block_start"]
    assert blocks == ["thinking", "text"] and events[-1]["type"] == "message_stop"
    (signature,) = [e["delta"]["signature"] for e in events if e.get("delta", {}).get("type") == "signature_delta"]
    usage = [e for e in events if e["type"] == "message_delta"][-1]["usage"]
    assert usage["cache_read_input_tokens"] == 3 and usage["cache_creation_input_tokens"] == 2
    assert usage["output_tokens"] == 5 + 8
    line = exact(gw, sim, head.id, "bedrock")
    assert line["usage"]["input_cache_read"] == 3 and line["usage"]["input_cache_write_1h"] == 2
    # what was thought goes back as it came
    said = [{"type": "thinking", "thinking": "x", "signature": signature}, {"type": "text", "text": "y"}]
    with Client(gw.listen) as c:
        r = c.request("POST", "/v1/messages", {**body, "stream": False, "messages": body["messages"] + [
            {"role": "assistant", "content": said}, {"role": "user", "content": "and?"}]}, (), KEY)
    assert r.status == 200, r


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("streamed", [False, True])
def test_tools_there_and_back(hosts, sim, model, streamed):
    gw = hosts()
    tools = [{"type": "function", "function": TOOL}]
    if streamed:
        head, events = stream(gw, "/v1/chat/completions", chat_body(model, True, "Use the tool.", tools=tools))
        chunks = [json.loads(d)["choices"][0] for n, d in events if n is not None and d != "[DONE]" and json.loads(d)["choices"]]
        parts = [t for c in chunks for t in c["delta"].get("tool_calls") or []]
        call = {"id": parts[0]["id"], "type": "function", "function": {"name": parts[0]["function"]["name"], "arguments":
                "".join(p["function"].get("arguments", "") for p in parts)}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        assert chunks[-1]["finish_reason"] == "tool_calls"
    else:
        message = ask(gw, model, content="Use the tool.", tools=tools).json["choices"][0]["message"]
        (call,) = message["tool_calls"]
    assert call["function"]["name"] == "toll" and isinstance(json.loads(call["function"]["arguments"]), dict)
    history = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Use the tool."}, message,
               {"role": "tool", "tool_call_id": call["id"], "content": "3 USD"}]
    for more in ({"tools": tools}, {"tools": tools, "tool_choice": "none"}, {}):
        with Client(gw.listen) as c:
            r = c.request("POST", "/v1/chat/completions", {"model": model, "messages": history, **more}, (), KEY)
        assert r.status == 200 and r.json["choices"][0]["message"]["content"], (more, r)


def test_a_prompt_that_bedrock_would_refuse_is_made_good(hosts, sim):
    """Empty texts, neighbours of one role, an image as a data: URL; one by http URL is refused by name."""
    gw = hosts()
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    turns = [{"role": "system", "content": ""}, {"role": "user", "content": "a"}, {"role": "user", "content": [image]},
             {"role": "assistant", "content": " "}, {"role": "user", "content": "b"}]
    with Client(gw.listen) as c:
        r = c.request("POST", "/v1/chat/completions", {"model": "nova", "messages": turns}, (), KEY)
        assert r.status == 200, r
        turns[2]["content"][0]["image_url"]["url"] = "https://example.com/x.png"
        r = c.request("POST", "/v1/chat/completions", {"model": "nova", "messages": turns}, (), KEY)
    assert r.status == 400 and "by URL" in r.json["error"]["message"], r


@pytest.mark.parametrize("model,fault,status", [("nova", "429", 429), ("nova", "503", 503), ("command", "429", 429), ("nova", "400", 400)])
def test_errors_keep_their_status(hosts, sim, model, fault, status):
    gw = hosts()
    r = ask(gw, model, {"x-sim-fault": fault})
    assert r.status == status and "Simulated fault" in r.json["error"]["message"], r


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("fault", ["stream-error@4", "truncate@4", "bad-json@4"])
def test_a_stream_that_fails_says_so(hosts, sim, model, fault):
    """Never a clean end: an exception after the head, a frame that breaks off, one whose checksum is wrong."""
    gw = hosts()
    head, events = stream(gw, "/v1/chat/completions", chat_body(model, True, QUESTION), {"x-sim-fault": fault, "x-sim-events": "10"})
    data = [d for n, d in events if n is not None]
    assert head.status == 200 and "[DONE]" not in data
    assert any("error" in d for d in data), data
    if (model, fault) != ("command", "bad-json@4"):  # whose usage still comes behind the event that is none
        assert gw.line_of(head.id)["quality"] != "exact"


def test_usage_behind_the_end_of_the_message_is_waited_for(hosts, sim):
    gw = hosts()
    head, events = stream(gw, "/v1/messages", {"model": "nova", "max_tokens": 9, "stream": True,
                                               "messages": [{"role": "user", "content": QUESTION}]}, {"x-sim-output-tokens": "20"})
    last = [json.loads(d) for n, d in events if n is not None][-2]
    assert last["delta"]["stop_reason"] == "max_tokens" and last["usage"]["output_tokens"] == 9
    exact(gw, sim, head.id, "bedrock")


@pytest.mark.parametrize("word,finish", [("guardrail_intervened", "content_filter"), ("model_context_window_exceeded", "length")])
def test_other_ends(hosts, sim, word, finish):
    gw = hosts()
    assert ask(gw, "nova", {"x-sim-finish": word}).json["choices"][0]["finish_reason"] == finish


# ---- signed requests

ACCESS, SECRET, SESSION = "AKIDEXAMPLE", "an/example+secret", "a-session=="


@pytest.fixture
def signed(gateway, simulator, tmp_path):
    """A simulator that takes signatures with this secret (and session), and a gateway with credentials from a file."""
    def start(text, session="", provider=ACCESS + ":" + SECRET, env=None, **target):
        sim = simulator(key=provider + (":" + session if session else ""))
        (tmp_path / "credentials").write_text(text)
        address = sim.ready["listen"]
        gw = gateway({"targets": {"aws": {"provider": "bedrock", "base_url": f"http://{address}", "region": "eu-central-1",
                                          "pass_fields": MORE_FIELDS, **target}},
                      "models": {"nova": {"targets": [{"target": "aws", "model": MODELS["nova"][1]}]}}},
                     env={**os.environ, "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"), "AWS_ACCESS_KEY_ID": "",
                          "AWS_PROFILE": "", **(env or {})})
        return gw, sim
    return start


def profile(name, secret=SECRET, session=""):
    return f"[{name}]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {secret}\n" + (
        f"aws_session_token = {session}\n" if session else "")


@pytest.mark.parametrize("session", ["", SESSION])
@pytest.mark.parametrize("streamed", [False, True])
def test_requests_are_signed(signed, session, streamed):
    """The model's id has a colon: it is encoded once on the wire and once more where it is signed."""
    gw, sim = signed(profile("work", session=session), session, profile="work")
    if streamed:
        head, events = stream(gw, "/v1/chat/completions", chat_body("nova", True, QUESTION))
        assert head.status == 200 and events[-2][1] == "[DONE]", events
    else:
        assert ask(gw, "nova").status == 200
    seen = sim.requests()[-1]
    assert seen["target"] == f"/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse{'-stream' if streamed else ''}"
    fields = dict(seen["headers"])
    assert fields["authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={ACCESS}/")
    assert "/eu-central-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date" in fields["authorization"]
    assert fields.get("x-amz-security-token", "") == session
    sim.entry = sim.ledger()["entries"][-1]
    assert sim.entry["model"] == MODELS["nova"][1]


def test_the_environment_signs(signed):
    gw, _ = signed("", env={"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET})
    assert ask(gw, "nova").status == 200


def test_a_secret_that_is_wrong_is_not_shown_to_the_client(signed, tmp_path):
    """And one that is put right is read again: no reload."""
    gw, _ = signed(profile("default", "wrong"))
    r = ask(gw, "nova")
    assert r.status == 502 and "signature" not in r.body.decode().lower(), r
    (tmp_path / "credentials").write_text(profile("default"))
    wait_for(lambda: ask(gw, "nova").status == 200, "the new secret to be used")


def test_without_credentials_nothing_is_sent(signed):
    gw, sim = signed("[other]\n")
    r = ask(gw, "nova")
    assert r.status in (502, 503) and sim.requests() == [], r


def test_a_target_to_be_signed_for_has_a_region(signed):
    with pytest.raises(Exception) as e:
        signed(profile("default"), region="")
    assert "region" in str(e.value)


def test_a_client_that_goes_is_billed_to_the_end(hosts, sim):
    """Bedrock bills a cancelled stream in full: it is read on, behind the end of the message, to its usage."""
    gw = hosts()
    with Client(gw.listen) as c:
        c.send_request("POST", "/v1/chat/completions", chat_body("nova", True, QUESTION),
                       {"x-sim-output-tokens": "40", "x-sim-events": "40", "x-sim-tps": "40"}, KEY)
        head = c.read_head()
        next(c.events(head))
    line = gw.line_of(head.id)
    entry = sim.ledger()["entries"][-1]
    assert entry["completed"] and entry["billed_output"] == 40
    assert line["quality"] == "exact" and line["usage"]["output"] == 40, line
