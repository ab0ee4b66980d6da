"""Gemini's API, from both sides: its clients, its targets, and those of the other APIs; streams as events and as an array."""
import base64
import fractions
import json
import subprocess
import urllib.parse

import pytest

from harness import CLAUDE, KEY, MODEL, PROVIDER_KEY, Client, chat_body, read_request, wait_for

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


@pytest.mark.parametrize("path,body", [("/v1/chat/completions", chat_body(GEM)),
                                       ("/v1/messages", {"model": GEM, "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]})])
def test_when_to_come_back(gw, path, body):
    """Google says it in the body alone; other clients look into the head."""
    with Client(gw.listen) as c:
        r = c.request("POST", path, body, {"x-sim-fault": "429", "x-sim-retry-after": "7"}, KEY)
    assert r.status == 429 and r.all("retry-after") == ["7"], r


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


def test_models_are_listed(gw):
    with Client(gw.listen) as c:
        names = [m["name"] for m in c.request("GET", "/v1beta/models?pageSize=50", None, {"x-goog-api-key": KEY}).json["models"]]
        assert {f"models/{m}" for m in TARGETS} <= set(names)
        one = c.request("GET", f"/v1beta/models/{GEM}", None, {"x-goog-api-key": KEY})
        assert one.json["name"] == f"models/{GEM}" and one.json["displayName"] == GEM
        none = c.request("GET", "/v1beta/models/nobody", None, {"x-goog-api-key": KEY})
        assert none.status == 404 and none.json["error"]["status"] == "NOT_FOUND"


def test_counting_and_embedding(gw, sim):
    assert ask(gw, GEM, "countTokens").json["totalTokens"] == 9
    r = ask(gw, GEM, "embedContent", {"content": {"parts": [{"text": QUESTION}]}, "outputDimensionality": 8})
    assert r.status == 200 and len(r.json["embedding"]["values"]) == 8
    assert gw.line_of(r.id)["usage"]["input"] == 9


# ---- Vertex

class TokenEndpoint:
    """Takes assertions, as Google's does: checks who signed them; token N is good for `good_for` seconds."""

    def __init__(self, peer, folder):
        self.key, self.public = folder / "account.pem", folder / "account.pub"
        self.folder, self.asked, self.good_for, self.status = folder, [], 3600, 200
        subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-out", self.key], check=True)
        subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout", "-out", self.public], check=True)
        self.address = peer(self.serve).address

    def account(self):
        return {"type": "service_account", "client_email": "gate@p.iam", "private_key_id": "k1",
                "private_key": self.key.read_text(), "token_uri": f"http://{self.address}/token"}

    def verified(self, assertion):
        head, claims, signature = assertion.split(".")
        (self.folder / "signed").write_text(f"{head}.{claims}")
        (self.folder / "signature").write_bytes(base64.urlsafe_b64decode(signature + "=="))
        subprocess.run(["openssl", "dgst", "-sha256", "-verify", self.public, "-signature", self.folder / "signature",
                        self.folder / "signed"], check=True, stdout=subprocess.DEVNULL)
        return json.loads(base64.urlsafe_b64decode(claims + "=="))

    def serve(self, sock):
        text = b""
        while b"\r\n\r\n" not in text or len(text.split(b"\r\n\r\n", 1)[1]) < int(
                [v for v in text.lower().split(b"\r\n") if v.startswith(b"content-length:")][0].split(b":")[1]):
            piece = sock.recv(65536)
            if not piece:
                return
            text += piece
        form = urllib.parse.parse_qs(text.split(b"\r\n\r\n", 1)[1].decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        self.asked.append(self.verified(form["assertion"][0]))
        body = json.dumps({"access_token": f"ya29.{len(self.asked)}", "expires_in": self.good_for, "token_type": "Bearer"}
                          if self.status == 200 else {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        sock.sendall(f"HTTP/1.1 {self.status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
                     f"connection: close\r\n\r\n{body}".encode())


@pytest.fixture
def tokens(peer, tmp_path):
    return TokenEndpoint(peer, tmp_path)


def at_vertex(sim, key, path="/v1/projects/p/locations/eu"):
    return {"targets": {"vertex": {"provider": "vertex", "base_url": f"http://{sim.listen}{path}", "key": key}},
            "models": {GEM: {"targets": "vertex"}, "tuned": {"targets": [{"target": "vertex", "model": "endpoints/7"}]}}}


@pytest.fixture
def any_key(simulator):
    """A simulator that takes any key: tokens are not known before."""
    return simulator("--key", "ya29.1", "--key", "ya29.2", "--key", "ya29.3")


def field(seen, name):
    return dict(map(tuple, seen["headers"])).get(name)


def test_vertex_by_a_service_account(gateway, any_key, tokens, tmp_path):
    (tmp_path / "account.json").write_text(json.dumps(tokens.account()))
    gw = gateway(at_vertex(any_key, f"${{file:{tmp_path / 'account.json'}}}"))
    for _ in range(3):
        r = ask(gw, GEM)
        assert r.status == 200, r.body
    seen = any_key.requests(1)[0]
    assert seen["target"] == f"/v1/projects/p/locations/eu/publishers/google/models/{GEM}:generateContent"
    assert field(seen, "authorization") == "Bearer ya29.1" and field(seen, "x-goog-api-key") is None
    claims, = tokens.asked
    assert claims["iss"] == "gate@p.iam" and claims["aud"] == f"http://{tokens.address}/token"
    assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform" and claims["exp"] - claims["iat"] == 3600
    with Client(gw.listen) as c:
        r = c.request("POST", "/v1/chat/completions", chat_body(GEM, True), {}, KEY)
    assert r.status == 200 and any_key.requests(1)[0]["target"].endswith(f"models/{GEM}:streamGenerateContent?alt=sse")
    assert "PRIVATE KEY" not in gw.errors()


def test_vertex_asks_again_ahead_of_the_end(gateway, any_key, tokens):
    tokens.good_for = 4
    gw = gateway(at_vertex(any_key, json.dumps(tokens.account())))
    wait_for(lambda: len(tokens.asked) >= 2, "a second token")
    tokens.good_for = 3600
    assert ask(gw, GEM).status == 200
    assert field(any_key.requests(1)[0], "authorization").startswith("Bearer ya29.")


def test_vertex_without_a_token(gateway, any_key, tokens):
    tokens.status = 400
    gw = gateway(at_vertex(any_key, json.dumps(tokens.account())))
    r = ask(gw, GEM)
    assert r.status >= 500 and r.json["error"]["status"] and any_key.requests() == []
    assert "invalid_grant" in gw.errors() and "PRIVATE KEY" not in gw.errors()


def test_vertex_by_an_api_key_and_a_tuned_model(gateway, sim):
    gw = gateway(at_vertex(sim, PROVIDER_KEY, ""))
    assert ask(gw, GEM).status == 200
    seen = sim.requests(1)[0]
    assert seen["target"] == f"/v1/publishers/google/models/{GEM}:generateContent" and field(seen, "x-goog-api-key") == PROVIDER_KEY
    assert ask(gw, "tuned").status == 404     # the simulator has none; what was asked for is what counts
    assert sim.requests(1)[0]["target"] == "/v1/endpoints/7:generateContent"


def test_a_key_that_cannot_be_used_is_told_at_the_start(gateway, sim):
    with pytest.raises(AssertionError, match="private_key is no key"):
        gateway(at_vertex(sim, json.dumps({"type": "service_account", "client_email": "a", "private_key": "x"})))


@pytest.mark.parametrize("path,body", [(f"/v1beta/models/{GEM}:streamGenerateContent?alt=sse", contents()),
                                       ("/v1/chat/completions", chat_body(GEM, True))])
def test_a_client_that_goes_away_pays_all(gw, sim, path, body):
    """Google bills a stream to its end, whoever has left: it is read to its end."""
    c = Client(gw.listen)
    c.send_request("POST", path, body, {"x-sim-output-tokens": "40", "x-sim-tps": "200", "x-sim-on-cancel": "full"}, KEY)
    head = c.read_head()
    next(c.pieces(head))
    c.close()
    wait_for(lambda: sim.ledger()["requests"] == 1, "the end at the provider")
    line = billed_exactly(gw, sim, head, "gemini")
    assert line["usage"]["output"] == 40 and sim.ledger()["entries"][0]["completed"]


ARRAY = [{"candidates": [{"content": {"role": "model", "parts": [{"text": "Toll "}]}, "index": 0}],
          "usageMetadata": {"promptTokenCount": 12, "totalTokenCount": 12}, "modelVersion": GEM, "responseId": "r1"},
         {"candidates": [{"content": {"role": "model", "parts": [{"text": "gates."}]}, "finishReason": "STOP", "index": 0}],
          "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 7, "totalTokenCount": 19}, "modelVersion": GEM}]


@pytest.mark.parametrize("elements, whole", [(2, True), (1, False)], ids=["whole", "cut"])
@pytest.mark.parametrize("streamed", [True, False])
def test_an_array_for_a_client_of_another_api(gateway, peer, streamed, elements, whole):
    """Providers that do not heed alt=sse send the stream as one JSON array: its client gets what it asked for, and pays what
    was used. One without its end is the provider's failure."""
    def serve(sock):
        if read_request(sock) is not None:
            text = json.dumps(ARRAY[:elements]).replace("}, {\"cand", "}\n,\r\n{\"cand").encode()
            sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
                         % len(text) + text)

    gw = gateway({"targets": {"gemini": {"provider": "gemini", "base_url": f"http://{peer(serve).address}", "key": PROVIDER_KEY}},
                  "models": {GEM: {"targets": "gemini"}}})
    body = {"model": GEM, "messages": [{"role": "user", "content": QUESTION}], "stream": streamed}
    with Client(gw.listen) as c:
        c.send_request("POST", "/v1/chat/completions", body, (), KEY)
        head = c.read_head()
        text = b"".join(c.pieces(head)).decode()
    line = gw.line_of(head.id)
    assert line["usage"]["input"] == 12, line
    if not whole:
        assert head.status == 502 and "finish reason" in text, (head, text)
        return
    assert line["usage"]["output"] == 7 and line["quality"] == "exact" and line["end"] == "ok", line
    assert head.status == 200
    if not streamed:
        assert json.loads(text)["choices"][0]["message"]["content"] == "Toll gates."
        return
    events = [e[6:] for e in text.split("\n\n") if e.startswith("data: ")]
    assert events[-1] == "[DONE]" and all(c["finish_reason"] in (None, "stop") for e in events[:-1] for c in json.loads(e)["choices"])
    assert "".join(c["delta"].get("content") or "" for e in events[:-1] for c in json.loads(e)["choices"]) == "Toll gates."
