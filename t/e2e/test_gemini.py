"""Gemini's API, from both sides: its clients, its targets, and those of the other APIs; streams as events and as an array."""
import fractions
import json

import pytest

from harness import CLAUDE, KEY, MODEL, PROVIDER_KEY, Client, chat_body

F = fractions.Fraction
GEM, GEM3 = "gemini-2.5-flash", "gemini-3-pro-preview"
PRICES = {GEM: ("gemini", "0.30", "0.03", "2.50"), GEM3: ("gemini", "2", "0.20", "12"), MODEL: ("openai", "2.50", "1.25", "10"),
          CLAUDE: ("anthropic", "3", "0.30", "15")}
SIM = ["x-sim-fault", "x-sim-output-tokens", "x-sim-events", "x-sim-finish", "x-sim-cached-tokens", "x-sim-reasoning-tokens",
       "x-sim-retry-after", "x-sim-tps"]
QUESTION = "Tell me about toll gates, please."
PARAMETERS = {"type": "object", "properties": {"wheels": {"type": "integer"}}}


@pytest.fixture
def gw(gateway, sim, tmp_path):
    book = {"format": "tollgate-prices/2", "currency": "USD", "prices": [
        {"provider": provider, "model": model, "per_mtok": {"input": i, "input_cache_read": c, "output": o}, "source": "test",
         "date": "2026-01-01"} for model, (provider, i, c, o) in PRICES.items()]}
    (tmp_path / "prices.json").write_text(json.dumps(book))
    target = {"base_url": f"http://{sim.listen}", "key": PROVIDER_KEY, "pass_fields": SIM}
    return gateway({"targets": {"openai": {"pass_fields": SIM}, "claude": {"pass_fields": SIM},
                                "gemini": {"provider": "gemini", **target}},
                    "models": {MODEL: {"targets": "openai"}, CLAUDE: {"targets": "claude"}, GEM: {"targets": "gemini"},
                               GEM3: {"targets": "gemini"}},
                    "prices": [str(tmp_path / "prices.json")]})


def contents(text=QUESTION, **more):
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **more}


def ask(gw, model, verb="generateContent", body=None, headers=(), query=""):
    with Client(gw.listen) as c:
        return c.request("POST", f"/v1beta/models/{model}:{verb}{query}", body or contents(), headers, KEY)


def stream(gw, path, body, headers=()):
    """Head, and the data of each event."""
    with Client(gw.listen) as c:
        c.send_request("POST", path, body, headers, KEY)
        head = c.read_head()
        text = b"".join(c.pieces(head)).decode()
    events = [e for e in text.replace("\r\n", "\n").split("\n\n") if e]
    assert all(e.startswith(("data: ", ": ", "event: ")) for e in events), text
    return head, [line[6:] for e in events for line in e.split("\n") if line.startswith("data: ")]


def text_of(answer):
    return "".join(p["text"] for p in answer["candidates"][0]["content"]["parts"] if "text" in p and not p.get("thought"))


def billed_exactly(gw, sim, response, target):
    """What the log charges is what the simulator would charge."""
    entry = sim.ledger()["entries"][-1]
    line = gw.line_of(response.id)
    assert line["target"] == target and line["quality"] == "exact", line
    usage = line["usage"]
    assert sum(v for k, v in usage.items() if k.startswith("in")) == entry["billed_input"]
    assert sum(v for k, v in usage.items() if k.startswith("out")) == entry["billed_output"]
    _, i, c, o = PRICES[entry["model"]]
    want = F(entry["input"]) * F(i) + entry["cached_read"] * F(c) + (entry["output"] + entry["reasoning"]) * F(o)
    assert F(line["cost_usd"]) == want / 1000000
    return line


TARGETS = {GEM: "gemini", GEM3: "gemini", MODEL: "openai", CLAUDE: "claude"}


@pytest.mark.parametrize("model", TARGETS)
def test_a_gemini_client(gw, sim, model):
    r = ask(gw, model, body=contents(systemInstruction={"parts": [{"text": "Be short."}]},
                                     generationConfig={"maxOutputTokens": 50, "temperature": 0.5, "stopSequences": ["END"]}),
            headers={"x-sim-output-tokens": "12"})
    assert r.status == 200 and r.get("content-type").startswith("application/json"), r
    answer = r.json
    assert answer["candidates"][0]["finishReason"] == "STOP" and answer["candidates"][0]["content"]["role"] == "model"
    assert text_of(answer) and answer["modelVersion"] and answer["responseId"]
    usage = answer["usageMetadata"]
    assert usage["candidatesTokenCount"] == 12 and usage["totalTokenCount"] == usage["promptTokenCount"] + 12
    line = billed_exactly(gw, sim, r, TARGETS[model])
    assert F(r.get("x-tollgate-cost-usd")) == F(line["cost_usd"]) > 0


@pytest.mark.parametrize("alt", ["?alt=sse", "", "?alt=json&key=x"])
@pytest.mark.parametrize("model", TARGETS)
def test_streams_as_events_and_as_an_array(gw, sim, model, alt):
    more = {"x-sim-output-tokens": "20", "x-sim-events": "10"}
    whole = ask(gw, model, headers=more).json
    path = f"/v1beta/models/{model}:streamGenerateContent{alt}"
    if alt == "?alt=sse":
        head, data = stream(gw, path, contents(), headers=more)
        assert head.get("content-type").startswith("text/event-stream")
        chunks = [json.loads(d) for d in data]
    else:
        with Client(gw.listen) as c:
            head = c.request("POST", path, contents(), more, KEY)
        assert head.get("content-type").startswith("application/json") and head.get("transfer-encoding") == "chunked"
        chunks = head.json
    assert head.status == 200 and len(chunks) == 11
    assert "".join(text_of(c) for c in chunks) == text_of(whole)
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    assert chunks[-1]["usageMetadata"]["candidatesTokenCount"] == 20
    billed_exactly(gw, sim, head, TARGETS[model])


@pytest.mark.parametrize("model", TARGETS)
def test_a_call_and_its_result(gw, sim, model):
    """The second turn as an SDK sends it: the model's content as it came."""
    tools = [{"functionDeclarations": [{"name": "toll", "description": "What a car pays", "parametersJsonSchema": PARAMETERS}]}]
    first = ask(gw, model, body=contents("Use the tool, please.", tools=tools)).json["candidates"][0]
    call = first["content"]["parts"][0]["functionCall"]
    assert call["name"] == "toll" and isinstance(call["args"]["wheels"], int) and first["finishReason"] == "STOP"
    history = [{"role": "user", "parts": [{"text": "Use the tool, please."}]}, first["content"],
               {"role": "user", "parts": [{"functionResponse": {"name": "toll", "response": {"output": "3 euros"},
                                                                **({"id": call["id"]} if "id" in call else {})}}]}]
    r = ask(gw, model, body={"contents": history, "tools": tools})
    assert r.status == 200 and text_of(r.json), r.body
    billed_exactly(gw, sim, r, TARGETS[model])


@pytest.mark.parametrize("model", [GEM, GEM3])
def test_an_openai_client_keeps_the_signature(gw, sim, model):
    """Gemini 3 refuses calls that come back without theirs: the simulator does, too."""
    tools = [{"type": "function", "function": {"name": "toll", "parameters": PARAMETERS}}]
    with Client(gw.listen) as c:
        r = c.request("POST", "/v1/chat/completions", chat_body(model, content="Use the tool.", tools=tools), {}, KEY)
    message = r.json["choices"][0]["message"]
    assert r.json["choices"][0]["finish_reason"] == "tool_calls"
    call = message["tool_calls"][0]
    assert json.loads(call["function"]["arguments"])["wheels"] >= 0
    if model == GEM3:
        assert call["extra_content"]["google"]["thought_signature"]
    for lost in (False, True):
        if lost:
            call.pop("extra_content", None)
        body = {"model": model, "tools": tools, "messages": [
            {"role": "user", "content": "Use the tool."}, message, {"role": "tool", "tool_call_id": call["id"], "content": "3 euros"}]}
        with Client(gw.listen) as c:
            r = c.request("POST", "/v1/chat/completions", body, {}, KEY)
        assert r.status == 200 and r.json["choices"][0]["message"]["content"], r.body
        sent = json.loads(sim.requests(1)[0]["body"])["contents"]
        assert [c["role"] for c in sent] == ["user", "model", "user"]
        signature = sent[1]["parts"][0].get("thoughtSignature")
        assert (signature == "skip_thought_signature_validator") is (lost and model == GEM3)
        assert sent[2]["parts"][0]["functionResponse"] == {"name": "toll", "response": {"output": "3 euros"}}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("path,body", [("/v1/chat/completions", chat_body(GEM)),
                                       ("/v1/messages", {"model": GEM, "max_tokens": 50, "messages": [
                                           {"role": "user", "content": QUESTION}]})])
def test_other_clients_and_a_gemini_target(gw, sim, path, body, streamed):
    more = {"x-sim-output-tokens": "12", "x-sim-reasoning-tokens": "7", "x-sim-cached-tokens": "4"}
    if streamed:
        head, data = stream(gw, path, {**body, "stream": True}, headers=more)
        assert head.status == 200 and len(data) > 3
    else:
        with Client(gw.listen) as c:
            head = c.request("POST", path, body, more, KEY)
        usage = head.json["usage"]
        assert (usage.get("completion_tokens") or usage["output_tokens"]) == 19
    line = billed_exactly(gw, sim, head, "gemini")
    assert line["usage"]["output_reasoning"] == 7 and line["usage"]["input_cache_read"] == 4
    asked = sim.requests(1)[0]["target"]
    assert asked == f"/v1beta/models/{GEM}:" + ("streamGenerateContent?alt=sse" if streamed else "generateContent")


def test_reasons_to_end(gw):
    body = chat_body(GEM)
    with Client(gw.listen) as c:
        for finish, want in [("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("BLOCKED", "content_filter")]:
            r = c.request("POST", "/v1/chat/completions", body, {"x-sim-finish": finish}, KEY)
            assert r.status == 200 and r.json["choices"][0]["finish_reason"] == want, (finish, r.body)
        r = c.request("POST", "/v1/chat/completions", body, {"x-sim-finish": "MALFORMED_FUNCTION_CALL"}, KEY)
        assert r.status != 200 or r.json["choices"][0]["finish_reason"] not in ("stop", None), r.body


def test_a_stream_without_a_finish_reason_is_an_error(gw):
    head, data = stream(gw, "/v1/chat/completions", chat_body(GEM, True), headers={"x-sim-finish": "none"})
    assert head.status == 200 and data[-1] != "[DONE]" and "error" in json.loads(data[-1])


@pytest.mark.parametrize("model", [GEM, MODEL, CLAUDE])
def test_errors_in_gemini_words(gw, model):
    for fault, status, word in [("400", 400, "INVALID_ARGUMENT"), ("429", 429, "RESOURCE_EXHAUSTED"), ("503", 503, "UNAVAILABLE")]:
        r = ask(gw, model, headers={"x-sim-fault": fault})
        assert r.status == status, r.body
        error = r.json["error"]
        assert error["code"] == status and error["status"] == word and error["message"]
    r = ask(gw, "nobody-knows-it")
    assert r.status == 404 and r.json["error"]["status"] == "NOT_FOUND"


@pytest.mark.parametrize("model", [GEM, MODEL])
def test_an_error_within_a_stream(gw, model):
    path = f"/v1beta/models/{model}:streamGenerateContent"
    more = {"x-sim-fault": "stream-error@3"}
    head, data = stream(gw, path + "?alt=sse", contents(), headers=more)
    assert head.status == 200 and json.loads(data[-1])["error"]["message"] == "Simulated failure in mid-stream"
    r = ask(gw, model, "streamGenerateContent", headers=more)
    assert r.json[-1]["error"]["message"] == "Simulated failure in mid-stream"


def test_what_a_target_cannot_do_is_named(gw):
    r = ask(gw, MODEL, body=contents(safetySettings=[], tools=[{"googleSearch": {}}]))
    assert r.status == 400 and r.json["error"]["status"] == "INVALID_ARGUMENT"
    assert "safetySettings" in r.json["error"]["message"] and "tools[].googleSearch" in r.json["error"]["message"]
    assert ask(gw, GEM, body=contents(safetySettings=[])).status == 200


def test_the_key_as_googles_clients_send_it(gw, sim):
    for headers, query in [({"x-goog-api-key": KEY}, ""), ({}, f"?key={KEY}")]:
        with Client(gw.listen) as c:
            r = c.request("POST", f"/v1beta/models/{GEM}:generateContent{query}", contents(), headers)
        assert r.status == 200, r.body
        seen = sim.requests(1)[0]
        assert KEY not in json.dumps(seen)
        assert dict(map(tuple, seen["headers"])).get("x-goog-api-key", PROVIDER_KEY) == PROVIDER_KEY


def test_counting_and_embedding(gw, sim):
    assert ask(gw, GEM, "countTokens").json["totalTokens"] == 9
    r = ask(gw, GEM, "embedContent", {"content": {"parts": [{"text": QUESTION}]}, "outputDimensionality": 8})
    assert r.status == 200 and len(r.json["embedding"]["values"]) == 8
    assert gw.line_of(r.id)["usage"]["input"] == 9
