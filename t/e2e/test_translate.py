"""Clients of one API and targets of another: the answer, the stream, errors, what cannot be said, and the money."""
import fractions
import json
import time

import pytest

from harness import CLAUDE, KEY, MODEL, PROVIDER_KEY, SANITIZER, Broken, Client, answer, chat_body, read_request, standard_config, wait_for
from test_money import ledger_cost, price_book

F = fractions.Fraction
SIM_FIELDS = ["x-sim-fault", "x-sim-output-tokens", "x-sim-events", "x-sim-tps", "x-sim-retry-after", "x-sim-cached-tokens",
              "x-sim-cache-write-tokens", "x-sim-tag"]
TOOL = {"name": "toll", "description": "What a car pays", "parameters": {"type": "object", "properties": {"wheels": {"type": "integer"}}}}
QUESTION = "Tell me about toll gates, please."


@pytest.fixture
def crossed(gateway, tmp_path):
    """Each model at a target that may be asked in another API than its own; the simulator's fields pass."""
    def start(models=None, **more):
        return gateway({"targets": {"openai": {"pass_fields": SIM_FIELDS}, "claude": {"pass_fields": SIM_FIELDS}},
                        "models": models or {MODEL: {"targets": "openai", **more}, CLAUDE: {"targets": "claude", **more}},
                        "prices": price_book(tmp_path)})
    return start


def as_openai(gw, headers=(), **body):
    with Client(gw.listen) as c:
        return c.request("POST", "/v1/chat/completions", chat_body(model=CLAUDE, content=body.pop("content", QUESTION), **body),
                         headers, KEY)


def as_anthropic(gw, headers=(), content=QUESTION, **body):
    with Client(gw.listen) as c:
        return c.request("POST", "/v1/messages", {"model": MODEL, "max_tokens": 64, "messages": [
            {"role": "user", "content": content}], **body}, headers, KEY)


def stream(gw, path, body, headers=()):
    """Head, and the events as (name, data) with comments as (None, text)."""
    with Client(gw.listen) as c:
        c.send_request("POST", path, body, headers, KEY)
        head = c.read_head()
        events = []
        try:
            for event in c.events(head):
                fields = dict(line.split(": ", 1) for line in event.split("\n") if not line.startswith(":"))
                events.append((fields.get("event", ""), fields["data"]) if "data" in fields else (None, event))
        except Broken:
            events.append(("", "broken off"))
        return head, events


def billed_exactly(gw, sim, request_id, target):
    """What the log charges is what the simulator would charge: tokens, and the cost of the model at that target."""
    entry = sim.ledger()["entries"][-1]
    line = gw.line_of(request_id)
    assert line["target"] == target and line["quality"] == "exact", line
    usage = line["usage"]
    assert sum(v for k, v in usage.items() if k.startswith("in")) == entry["billed_input"]
    assert sum(v for k, v in usage.items() if k.startswith("out")) == entry["billed_output"]
    assert F(line["cost_usd"]) == ledger_cost(entry, entry["model"])
    return line


def test_an_openai_client_and_an_anthropic_target(crossed, sim):
    gw = crossed()
    r = as_openai(gw, {"x-sim-output-tokens": "12"}, max_tokens=50, temperature=0.5, stop=["END"])
    assert r.status == 200 and r.get("content-type") == "application/json", r
    choice = r.json["choices"][0]
    assert r.json["object"] == "chat.completion" and choice["message"]["role"] == "assistant"
    assert choice["message"]["content"] and choice["finish_reason"] == "stop"
    assert r.json["usage"]["completion_tokens"] == 12
    assert r.json["usage"]["total_tokens"] == r.json["usage"]["prompt_tokens"] + 12
    assert sim.ledger()["entries"][-1]["path"] == "/v1/messages"
    line = billed_exactly(gw, sim, r.id, "claude")
    assert F(r.get("x-tollgate-cost-usd")) == F(line["cost_usd"]) > 0
    assert r.get("x-tollgate-model") and r.get("x-tollgate-target") == "claude"


def test_an_anthropic_client_and_an_openai_target(crossed, sim):
    gw = crossed()
    r = as_anthropic(gw, {"x-sim-output-tokens": "12"}, system="Be short.")
    assert r.status == 200, r
    assert r.json["type"] == "message" and r.json["role"] == "assistant" and r.json["stop_reason"] == "end_turn"
    assert r.json["content"][0]["type"] == "text" and r.json["usage"]["output_tokens"] == 12
    assert sim.ledger()["entries"][-1]["path"] == "/v1/chat/completions"
    billed_exactly(gw, sim, r.id, "openai")


@pytest.mark.parametrize("usage", [True, False])
def test_an_openai_stream_from_an_anthropic_target(crossed, sim, usage):
    gw = crossed()
    more = {"stream_options": {"include_usage": True}} if usage else {}
    whole = as_openai(gw, {"x-sim-output-tokens": "20"}, max_tokens=50).json
    head, events = stream(gw, "/v1/chat/completions", chat_body(CLAUDE, True, QUESTION, max_tokens=50, **more),
                          {"x-sim-output-tokens": "20", "x-sim-events": "10"})
    assert head.status == 200 and head.get("content-type").startswith("text/event-stream")
    data = [d for n, d in events if n is not None]
    assert data[-1] == "[DONE]" and events[-1][0] is None and '"cost_usd"' in events[-1][1]
    chunks = [json.loads(d) for d in data[:-1]]
    assert all(c["object"] == "chat.completion.chunk" for c in chunks) and len({c["id"] for c in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
    assert text == whole["choices"][0]["message"]["content"]
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]][-1] == "stop"
    assert (chunks[-1].get("usage") or {}).get("completion_tokens") == (20 if usage else None)
    billed_exactly(gw, sim, head.id, "claude")


def test_an_anthropic_stream_from_an_openai_target(crossed, sim):
    gw = crossed()
    whole = as_anthropic(gw, {"x-sim-output-tokens": "20"}).json
    head, events = stream(gw, "/v1/messages", {"model": MODEL, "max_tokens": 64, "stream": True,
                                               "messages": [{"role": "user", "content": QUESTION}]},
                          {"x-sim-output-tokens": "20", "x-sim-events": "10"})
    events = [(n, json.loads(d)) for n, d in events if n is not None]
    names = [n for n, _ in events]
    assert names[0] == "message_start" and names[-2:] == ["message_delta", "message_stop"]
    assert all(n == d["type"] for n, d in events)
    assert names.count("content_block_start") == names.count("content_block_stop") == 1
    text = "".join(d["delta"]["text"] for n, d in events if n == "content_block_delta")
    assert text == whole["content"][0]["text"]
    assert events[-2][1]["usage"]["output_tokens"] == 20 and events[-2][1]["delta"]["stop_reason"] == "end_turn"
    billed_exactly(gw, sim, head.id, "openai")


def test_tools_there_and_back(crossed, sim):
    gw = crossed()
    r = as_openai(gw, content="Use the tool.", tools=[{"type": "function", "function": TOOL}], max_tokens=64)
    assert r.status == 200, r
    message = r.json["choices"][0]["message"]
    (call,) = message["tool_calls"]
    assert r.json["choices"][0]["finish_reason"] == "tool_calls" and call["function"]["name"] == "toll"
    assert isinstance(json.loads(call["function"]["arguments"]), dict)
    history = [{"role": "user", "content": "Use the tool."}, message, {"role": "tool", "tool_call_id": call["id"], "content": "3 USD"}]
    with Client(gw.listen) as c:
        r = c.request("POST", "/v1/chat/completions", {"model": CLAUDE, "messages": history, "max_tokens": 64,
                      "tools": [{"type": "function", "function": TOOL}], "tool_choice": "none"}, (), KEY)
    assert r.status == 200 and r.json["choices"][0]["message"]["content"], r
    sent = json.loads(sim.requests(1)[-1]["body"])
    assert sent["messages"][-1]["content"][0]["type"] == "tool_result" and sent["messages"][-1]["content"][0]["tool_use_id"] == call["id"]


def test_what_the_target_cannot_do(crossed, sim):
    gw = crossed()
    r = as_openai(gw, logit_bias={"50256": -100}, seed=7)
    assert r.status == 400 and r.json["error"]["code"] == "unsupported_by_target"
    assert "logit_bias" in r.json["error"]["message"] and "seed" in r.json["error"]["message"]
    assert not sim.requests(1)
    assert "cost_usd" not in gw.line_of(r.id)
    gw.reload({**gw.config, "models": {CLAUDE: {"targets": "claude", "on_unsupported": "drop"}}})
    r = as_openai(gw, logit_bias={"50256": -100}, seed=7)
    assert r.status == 200 and set(r.get("x-tollgate-dropped").split(", ")) == {"logit_bias", "seed"}


def test_a_target_that_can_do_it_is_asked_instead(crossed, sim):
    """Of two targets of one model the one whose API has the member."""
    gw = crossed({"both": {"targets": [{"target": "claude", "model": CLAUDE, "weight": 1000},
                                       {"target": "openai", "model": MODEL, "weight": 1}]}})
    with Client(gw.listen) as c:
        r = c.request("POST", "/v1/chat/completions", chat_body("both", seed=7), (), KEY)
    assert r.status == 200 and r.get("x-tollgate-target") == "openai", r


@pytest.mark.parametrize("fault, status", [("400", 400), ("429", 429), ("529", 529), ("500", 500)])
def test_errors_in_the_callers_words(crossed, fault, status):
    gw = crossed()
    r = as_openai(gw, {"x-sim-fault": fault, "x-sim-retry-after": "7"})
    assert r.status == status and set(r.json) == {"error"} and r.json["error"]["message"], r
    assert r.get("retry-after") == "7"
    r = as_anthropic(gw, {"x-sim-fault": fault})
    assert r.status == status and r.json["type"] == "error" and r.json["error"]["type"] and r.json["error"]["message"], r


@pytest.mark.parametrize("fault", ["truncate", "truncate@3", "reset@2500", "stream-error@3", "bad-json@3"])
@pytest.mark.parametrize("path, model", [("/v1/chat/completions", CLAUDE), ("/v1/messages", MODEL)])
def test_a_stream_that_breaks_off_never_ends_as_a_success(crossed, sim, fault, path, model):
    gw = crossed()
    head, events = stream(gw, path, {**chat_body(model, True), "max_tokens": 64}, {"x-sim-fault": fault, "x-sim-events": "10"})
    assert head.status == 200
    data = [(n, d) for n, d in events if n is not None and d != "broken off"]
    assert all(d != "[DONE]" and n != "message_stop" for n, d in data)
    assert "error" in json.loads(data[-1][1]), data[-1]
    line = gw.line_of(head.id)
    assert F(line["cost_usd"]) > 0 # what came is charged


@pytest.mark.parametrize("fault", ["bad-json", "truncate", "no-usage", "wrong-usage"])
def test_bodies_that_are_not_what_they_should_be(crossed, fault):
    gw = crossed()
    for r in (as_openai(gw, {"x-sim-fault": fault}), as_anthropic(gw, {"x-sim-fault": fault})):
        if fault in ("bad-json", "truncate"):
            assert r.status == 502, r
        else:
            assert r.status == 200, r
            assert F(r.get("x-tollgate-cost-usd")) > 0


OF_A_KIND = [("/v1/chat/completions", "to-{}", lambda m, s: {**chat_body(m, s, QUESTION), "max_tokens": 64}),
             ("/v1/messages", "to-{}", lambda m, s: {"model": m, "max_tokens": 64, "stream": s, "messages": [
                 {"role": "user", "content": QUESTION}]}),
             ("/v1/responses", "to-{}", lambda m, s: {"model": m, "stream": s, "input": QUESTION, "max_output_tokens": 64})]


def text_within(events):
    """All text of a stream, and of its last answers; of chat, Messages and Responses."""
    text = ""
    for name, data in events:
        if name is None or data == "[DONE]":
            continue
        data = json.loads(data)
        delta = data.get("delta")
        if data.get("choices"):
            text += data["choices"][0]["delta"].get("content") or ""
        elif isinstance(delta, str):
            text += delta
        elif isinstance(delta, dict):
            text += delta.get("text", "")
    return text


def text_of(answer):
    if "choices" in answer:
        return answer["choices"][0]["message"]["content"]
    parts = answer["content"] if "content" in answer else answer["output"][0]["content"]
    return "".join(p["text"] for p in parts)


@pytest.mark.parametrize("path, model, body, target", [
    (*kind, target) for kind in OF_A_KIND for target in ("openai", "claude", "gemini", "bedrock", "cohere")
    if target != {"/v1/messages": "claude"}.get(kind[0], "openai")])  # which would pass as it comes
def test_an_answer_of_the_wrong_kind(gateway, sim, path, model, body, target):
    """A provider that sends one body where a stream was asked for, or a stream where it was not: the client gets what it asked
    for, with the same text, and pays what was used."""
    where = {"provider": target, "base_url": f"http://{sim.listen}", "key": PROVIDER_KEY, "pass_fields": SIM_FIELDS}
    gw = gateway({"targets": {target: {"pass_fields": SIM_FIELDS} if target in ("openai", "claude") else where},
                  "models": {f"to-{target}": {"targets": {"target": target, "model": {
                      "openai": MODEL, "claude": CLAUDE, "gemini": "gemini-2.5-flash", "cohere": "command-a-03-2025",
                      "bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0"}[target]}}}})
    model = model.format(target)
    with Client(gw.listen) as c:
        right = c.request("POST", path, body(model, False), {}, KEY).json
        whole = c.request("POST", path, body(model, False), {"x-sim-fault": "wrong-kind"}, KEY)
    assert whole.status == 200 and whole.get("content-type") == "application/json", whole
    assert text_of(whole.json) == text_of(right) and len(text_of(right)) > 100
    assert whole.json["usage"] == right["usage"]
    entry, line = sim.ledger()["entries"][-1], gw.line_of(whole.id)
    assert line["quality"] == "exact" and F(line["cost_usd"]) == F(whole.get("x-tollgate-cost-usd")) > 0
    assert sum(v for k, v in line["usage"].items() if k.startswith("out")) == entry["billed_output"]
    head, events = stream(gw, path, body(model, True), {"x-sim-fault": "wrong-kind"})
    assert head.status == 200 and head.get("content-type").startswith("text/event-stream")
    assert text_within(events) == text_of(right)
    last = [(n, d) for n, d in events if n is not None][-1]
    assert last[1] == "[DONE]" or last[0] in ("message_stop", "response.completed")
    line = gw.line_of(head.id)
    assert line["quality"] == "exact" and F(line["cost_usd"]) == F(whole.get("x-tollgate-cost-usd"))


COUNTED = {"messages": [{"role": "user", "content": QUESTION}], "system": "Be short.", "tools": [
    {"name": "toll", "description": "What a car pays", "input_schema": TOOL["parameters"]}]}


@pytest.mark.parametrize("target", ["gemini", "bedrock", "claude"])
def test_tokens_are_counted_where_the_model_is(gateway, sim, target):
    """Clients of three APIs that count; each asks the provider's own endpoint, and is told what the answer will be charged for."""
    where = {"provider": {"claude": "anthropic"}.get(target, target), "base_url": f"http://{sim.listen}", "key": PROVIDER_KEY}
    gw = gateway({"targets": {target: where}, "models": {"m": {"targets": {"target": target, "model": {
        "claude": CLAUDE, "gemini": "gemini-2.5-flash", "bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0"}[target]}}}})
    parts = {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}], "systemInstruction": {"parts": [{"text": "Be short."}]}}
    with Client(gw.listen) as c:
        asked = c.request("POST", "/v1/messages/count_tokens", {"model": "m", **COUNTED}, {}, KEY)
        answered = c.request("POST", "/v1/messages", {"model": "m", "max_tokens": 64, **COUNTED}, {}, KEY)
        bare = c.request("POST", "/v1beta/models/m:countTokens", parts, {}, KEY)
        whole = c.request("POST", "/v1beta/models/m:countTokens", {"generateContentRequest": {"model": "models/m", **parts}}, {}, KEY)
        answered_too = c.request("POST", "/v1beta/models/m:generateContent", parts, {}, KEY)
        responses = c.request("POST", "/v1/responses/input_tokens", {"model": "m", "instructions": "Be short.", "input": QUESTION}, {}, KEY)
    assert asked.json == {"input_tokens": answered.json["usage"]["input_tokens"]}, asked
    count = answered_too.json["usageMetadata"]["promptTokenCount"]
    assert bare.json["totalTokens"] == whole.json["totalTokens"] == count
    assert responses.json == {"object": "response.input_tokens", "input_tokens": count}, responses
    for r in (asked, bare, whole, responses):
        assert r.status == 200 and r.get("x-tollgate-count-quality") is None and r.get("x-tollgate-cost-usd") is None, r
        assert F(gw.line_of(r.id).get("cost_usd") or 0) == 0
    paths = [e["path"] for e in sim.ledger()["entries"]]
    assert sum("count" in p for p in paths) == 4, paths


def test_a_target_that_is_asked_by_responses(gateway, sim, tmp_path):
    """chat_api: responses: every client's chats go to /v1/responses, kept nowhere; Responses' own pass; counting is OpenAI's."""
    gw = gateway({"targets": {"openai": {"chat_api": "responses", "pass_fields": SIM_FIELDS}}, "models": {MODEL: {"targets": "openai"}},
                  "prices": price_book(tmp_path)})
    with Client(gw.listen) as c:
        chat = c.request("POST", "/v1/chat/completions", chat_body(MODEL, False, QUESTION), {}, KEY)
        message = as_anthropic(gw)
        own = c.request("POST", "/v1/responses", {"model": MODEL, "input": QUESTION}, {}, KEY)
        count = c.request("POST", "/v1/messages/count_tokens", {"model": MODEL, **COUNTED}, {}, KEY)
    assert chat.status == message.status == own.status == 200
    assert own.json["object"] == "response" and text_of(own.json) == text_of(chat.json) == text_of(message.json)
    assert count.status == 200 and count.json["input_tokens"] > 9 and count.get("x-tollgate-count-quality") is None, count
    paths = [e["path"] for e in sim.ledger()["entries"]]
    assert paths == ["/v1/responses"] * 3 + ["/v1/responses/input_tokens"]
    head, events = stream(gw, "/v1/chat/completions", chat_body(MODEL, True, QUESTION))
    assert text_within(events) == text_of(chat.json) and ("", "[DONE]") in events
    billed_exactly(gw, sim, head.id, "openai")
    for path, body in (("/v1/chat/completions", chat_body(MODEL, True)), ("/v1/messages", {
            "model": MODEL, "max_tokens": 64, "stream": True, "messages": [{"role": "user", "content": "hi"}]})):
        for fault in ("truncate@6", "stream-error@6", "bad-json@6"):
            head, events = stream(gw, path, body, {"x-sim-fault": fault, "x-sim-events": "10"})
            assert all(d != "[DONE]" and n != "message_stop" for n, d in events)
            assert "error" in json.loads([d for n, d in events if n is not None and d != "broken off"][-1])


def test_tokens_are_estimated_where_nobody_counts(crossed, sim):
    gw = crossed()
    with Client(gw.listen) as c:
        r = c.request("POST", "/v1/messages/count_tokens", {"model": MODEL, **COUNTED}, {}, KEY)
        assert r.status == 200 and r.get("x-tollgate-count-quality") == "estimated", r
        assert 5 < r.json["input_tokens"] < 200
        bad = c.request("POST", "/v1/messages/count_tokens", {"model": MODEL, "messages": 7}, {}, KEY)
        assert bad.status == 400 and bad.json["type"] == "error", bad
    assert sim.ledger().get("entries", []) == [] and F(gw.line_of(r.id).get("cost_usd") or 0) == 0
    gw.metric_is(0, "tollgate_requests_in_flight")


def test_a_count_that_fails(gateway, sim):
    gw = gateway({"targets": {"claude": {"pass_fields": SIM_FIELDS}}, "models": {"m": {"targets": {"target": "claude", "model": CLAUDE}}}})
    with Client(gw.listen) as c:
        for fault, status in (("429", 429), ("400", 400), ("bad-json", 502)):
            r = c.request("POST", "/v1beta/models/m:countTokens", {"contents": [{"parts": [{"text": "hi"}]}]}, {"x-sim-fault": fault}, KEY)
            assert r.status == status and r.json["error"]["message"], r


def test_an_error_in_a_stream_that_nobody_asked_for(crossed):
    gw = crossed()
    for fault in ("wrong-kind, stream-error@3", "wrong-kind, truncate@3"):
        r = as_openai(gw, {"x-sim-fault": fault, "x-sim-events": "10"})
        assert r.status == 502 and r.json["error"]["message"], r
        assert F(gw.line_of(r.id)["cost_usd"]) > 0


def test_a_client_that_goes_in_the_middle(crossed, sim, connect):
    gw = crossed()
    client = connect(gw.listen)
    client.send_request("POST", "/v1/messages", {"model": MODEL, "max_tokens": 100000, "stream": True, "messages": [
        {"role": "user", "content": "hi"}]}, {"x-sim-events": "100000", "x-sim-tps": "100"}, KEY)
    next(client.events(client.read_head()))
    client.reset()
    entry = wait_for(lambda: sim.ledger().get("entries"), "the simulator's ledger line")[-1]
    assert entry["cancelled"]
    line = gw.wait_lines(1)[-1]
    assert line["end"] == "client_gone" and F(line["cost_usd"]) > 0
    gw.metric_is(0, "tollgate_requests_in_flight")


@pytest.mark.parametrize("path, model", [("/v1/chat/completions", CLAUDE), ("/v1/messages", MODEL)])
def test_a_client_that_goes_while_the_answer_is_read_on(crossed, sim, connect, path, model):
    gw = crossed()
    gw.reload({**gw.config, "targets": {n: {**t, "on_client_abort": "drain"} for n, t in gw.config["targets"].items()}})
    client = connect(gw.listen)
    client.send_request("POST", path, {**chat_body(model, True), "max_tokens": 500},
                        {"x-sim-events": "100", "x-sim-output-tokens": "100", "x-sim-tps": "200"}, KEY)
    next(client.events(client.read_head()))
    client.reset()
    entry = wait_for(lambda: sim.ledger().get("entries"), "the simulator's ledger line")[-1]
    assert entry["completed"] and not entry["cancelled"]
    line = gw.wait_lines(1)[-1]
    assert line["end"] == "client_gone" and line["quality"] == "exact" and F(line["cost_usd"]) == ledger_cost(entry, model)
    gw.metric_is(0, "tollgate_requests_in_flight")


@pytest.mark.skipif(SANITIZER is not None, reason=f"memory is the sanitizer's, not ours ({SANITIZER})")
def test_a_long_stream_needs_little_memory(crossed):
    """20,000 events in each direction of translation: the memory of one."""
    gw = crossed()
    headers = {"x-sim-output-tokens": "20000", "x-sim-events": "20000"}
    for path, model in (("/v1/chat/completions", CLAUDE), ("/v1/messages", MODEL)):
        body = {**chat_body(model, True), "max_tokens": 30000}
        stream(gw, path, body, {"x-sim-events": "10"})
        before = gw.status("VmRSS")
        _, events = stream(gw, path, body, headers)
        assert len(events) > 19000
        assert gw.status("VmRSS") - before < 1024 * 1024


def test_cached_input_is_told_and_priced_as_such(crossed, sim):
    gw = crossed()
    headers = {"x-sim-cached-tokens": "5", "x-sim-output-tokens": "8"}
    r = as_anthropic(gw, headers)
    usage = r.json["usage"]
    assert usage["cache_read_input_tokens"] == 5
    entry = sim.ledger()["entries"][-1]
    assert usage["input_tokens"] + 5 == entry["billed_input"]
    r = as_openai(gw, {**headers, "x-sim-cache-write-tokens": "3"})
    details = r.json["usage"]["prompt_tokens_details"]
    assert details["cached_tokens"] == 5 and r.json["usage"]["prompt_tokens"] == sim.ledger()["entries"][-1]["billed_input"]


@pytest.mark.parametrize("bad, says", [
    ({"messages": "hi"}, "messages"), ({"messages": [{"role": "wizard", "content": "x"}]}, "role"),
    ({"messages": [{"role": "user", "content": [{"type": "smell"}]}]}, "smell"), ({"messages": []}, "messages"),
    ({"messages": [{"role": "user", "content": "x"}], "tools": {}}, "tools")])
def test_bad_requests_are_told_what_is_wrong(crossed, sim, bad, says):
    gw = crossed()
    with Client(gw.listen) as c:
        r = c.request("POST", "/v1/chat/completions", {"model": CLAUDE, **bad}, (), KEY)
    assert r.status == 400 and says in r.json["error"]["message"], r
    assert not sim.requests(1)


def test_what_is_kept_of_a_stream_has_a_limit(launch, peer, tmp_path):
    """Clients of Responses are told the whole answer at its end, so it is kept: not for ever, and whoever sends it."""
    def event(name, **more):
        return f"event: {name}\ndata: {json.dumps({'type': name, **more})}\n\n".encode()

    def endless(sock):
        read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        sock.sendall(event("message_start", message={"id": "m", "model": CLAUDE, "usage": {"input_tokens": 3}}))
        piece = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "toll " * 100000})
        for _ in range(160):
            sock.sendall(piece)

    provider = peer(endless)
    gw = launch(standard_config(provider.address, tmp_path))
    with Client(gw.listen) as c:
        c.send_request("POST", "/v1/responses", {"model": CLAUDE, "input": QUESTION, "stream": True}, (), KEY)
        head = c.read_head()
        text = b"".join(c.pieces(head))
    assert head.status == 200 and text.count(b"event: error\n") == text.count(b"event: response.failed\n") == 1
    assert b"too large to be translated" in text and b"response.completed" not in text
    assert 60_000_000 < text.count(b"toll ") * 5 < 200_000_000
    line = gw.line_of(head.id)
    assert line["target"] == "claude" and line["usage"]["input"] == 3, line


def test_a_large_answer_and_a_client_that_reads_slowly(launch, peer, tmp_path):
    """The answer comes out of the translation in one piece, and so does the end of a stream of Responses: more than
    may wait of one that passes untouched."""
    text = "toll " * 1_000_000

    def event(name, **more):
        return f"event: {name}\ndata: {json.dumps({'type': name, **more})}\n\n".encode()

    def serve(sock):
        _, body = read_request(sock)
        message = {"id": "m", "type": "message", "role": "assistant", "model": CLAUDE, "content": [{"type": "text", "text": text}],
                   "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 5}}
        if not json.loads(body).get("stream"):
            sock.sendall(answer(message, more="connection: close\r\n"))
            return
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        sock.sendall(event("message_start", message={**message, "content": []}))
        for at in range(0, len(text), 10000):
            sock.sendall(event("content_block_delta", index=0, delta={"type": "text_delta", "text": text[at:at + 10000]}))
        sock.sendall(event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5}) + event("message_stop"))

    gw = launch(standard_config(peer(serve).address, tmp_path))
    for path, body in (("/v1/chat/completions", chat_body(CLAUDE)), ("/v1/responses", {"model": CLAUDE, "input": QUESTION, "stream": True})):
        with Client(gw.listen, rcvbuf=4096) as c:
            c.send_request("POST", path, body, (), KEY)
            head = c.read_head()
            assert head.status == 200, head
            time.sleep(1)       # the gateway is done with the answer long before the client is
            got = b"".join(c.pieces(head))
        assert got.count(b"toll ") in (1_000_000, 5_000_000), (path, len(got))
        line = gw.line_of(head.id)
        assert line["end"] == "ok" and line["quality"] == "exact", line


def anthropic_event(name, **more):
    return f"event: {name}\ndata: {json.dumps({'type': name, **more})}\n\n".encode()


BEGIN = anthropic_event("message_start", message={"id": "m", "model": CLAUDE, "usage": {"input_tokens": 3,
                                                                                        "output_tokens": 1}})
HELLO = anthropic_event("content_block_start", index=0, content_block={"type": "text", "text": ""}) + \
    anthropic_event("content_block_delta", index=0, delta={"type": "text_delta", "text": "hello"})
STREAM = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".encode()


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("rest, broken", [
    (b"event: content_block_delta\ndata: {nonsense\n\n", True),
    (b"data: " + b"x" * 5_000_000 + b"\n\n", True), (b"", True),
    (anthropic_event("content_block_stop", index=0) +
     anthropic_event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2}) +
     anthropic_event("message_stop"), False)], ids=["nonsense", "large", "no_end", "whole"])
def test_a_stream_that_cannot_be_translated_is_the_providers_failure(launch, peer, tmp_path, rest, broken, streamed):
    """Its client is told by an event; log, metrics and what is known of the target say so too. What it cost is what the
    provider says that it used."""
    def serve(sock):
        if read_request(sock) is not None:
            sock.sendall(STREAM + BEGIN + HELLO + rest)

    gw = launch(standard_config(peer(serve).address, tmp_path))
    with Client(gw.listen) as c:
        c.send_request("POST", "/v1/chat/completions", chat_body(CLAUDE, streamed), (), KEY)
        head = c.read_head()
        text = b"".join(c.pieces(head))
    line = gw.line_of(head.id)
    assert line["usage"]["input"] == 3 and line["usage"]["output"] >= 1 and line["cost_usd"] != "0", line

    def failures():
        known = gw.admin_get("/admin/v1/targets").json["targets"]
        return next(t for t in known if t["name"] == "claude")["models"][0]["failures"]

    if broken:
        assert line["end"] == ("truncated" if streamed else "failed"), line
        assert head.status == (200 if streamed else 502) and b"error" in text and b"[DONE]" not in text
        wait_for(lambda: failures() > 0.9, "the target's failure to be known")
        gw.metric_is(1, "tollgate_upstream_errors_total")
        assert "answer not translated" in gw.errors()
    else:
        assert line["end"] == "ok" and head.status == 200 and b"hello" in text
        assert failures() == 0
        gw.metric_is(0, "tollgate_upstream_errors_total")
