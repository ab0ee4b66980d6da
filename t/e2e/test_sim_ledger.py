"""The simulator's ledger is the oracle of the money tests: whatever ends a request whose head arrived, it is there once,
and what was delivered is counted to the event."""

import json
import time

import pytest

from harness import CLAUDE, MODEL, PROVIDER_KEY, Client, Simulator, chat_body, wait_for


def ask(sim, headers, path="/v1/chat/completions", body=None):
    c = Client(sim.listen)
    c.send_request("POST", path, body or chat_body(), {"x-sim-tag": "t", **headers}, PROVIDER_KEY)
    return c


def the_line(sim, n=1):
    wait_for(lambda: sim.ledger()["requests"] >= n, f"{n} lines")
    time.sleep(0.02)        # a line too many would come at once
    entries = sim.ledger()["entries"]
    assert len(entries) == n
    assert all(e["tag"] == "t" for e in entries)
    return entries[-1]


@pytest.mark.parametrize("close", ["fin", "reset"])
def test_a_body_that_never_comes(sim, close):
    c = Client(sim.listen)
    c.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-sim-tag: t\r\ncontent-length: 100\r\n\r\n{\"mod")
    wait_for(lambda: sim.ledger()["in_flight"] == 1, "the head to arrive")
    c.close() if close == "fin" else c.reset()
    e = the_line(sim)
    assert (e["status"], e["served"], e["cancelled"], e["received"], e["sent"]) == (0, False, True, 5, 0)
    assert e["billed_input"] == 0


def test_half_a_head_is_nothing(sim):
    with Client(sim.listen) as c:
        c.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-sim-tag: t\r\n")
    with ask(sim, {}) as c:
        assert c.response().status == 200
    the_line(sim)


def test_a_chunked_body_that_breaks(sim):
    with Client(sim.listen) as c:
        c.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-sim-tag: t\r\n"
               b"transfer-encoding: chunked\r\n\r\nzz\r\n")
        assert c.response().status == 400
    e = the_line(sim)
    assert (e["status"], e["served"], e["cancelled"]) == (400, False, False)


def test_a_request_on_a_connection_that_is_closed_on_reuse(sim):
    with ask(sim, {"x-sim-fault": "close-reuse"}) as c:
        assert c.response().status == 200
        c.send_request("POST", "/v1/chat/completions", chat_body(), {"x-sim-tag": "t"}, PROVIDER_KEY)
        assert c.ended()
    e = the_line(sim, 2)
    assert (e["status"], e["served"], e["cancelled"], e["billed_input"]) == (0, False, False, 0)


@pytest.mark.parametrize("stream,policy,output", [(False, "partial", 32), (True, "partial", 0), (True, "full", 32),
                                                  (False, "free", 0), (True, "free", 0)])
def test_silence_that_the_client_ends(sim, stream, policy, output):
    with ask(sim, {"x-sim-fault": "stall@0", "x-sim-on-cancel": policy}, body=chat_body(stream=stream)):
        wait_for(lambda: sim.ledger()["in_flight"] == 1, "the request")
        time.sleep(0.05)
    e = the_line(sim)
    assert (e["served"], e["cancelled"], e["completed"], e["sent"]) == (True, True, False, 0)
    assert e["output"] == output and (e["input"] > 0) is (policy != "free")


def test_the_end_of_the_simulator(tmp_path):
    sim = Simulator(tmp_path, "--ledger", str(tmp_path / "sim.jsonl"), "--workers", "2")
    clients = [ask(sim, {"x-sim-fault": "stall"}, body=chat_body(stream=True)) for _ in range(5)]
    for c in clients:
        c.read_head()
    assert sim.end() == 0
    lines = [json.loads(line) for line in (tmp_path / "sim.jsonl").read_text().splitlines()]
    assert len(lines) == 5
    # half of 32 pieces, a role, an end and [DONE]: the role and sixteen pieces
    assert all(e["cancelled"] and e["delivered_events"] == 17 and e["output"] == 16 for e in lines), lines
    for c in clients:
        c.close()


@pytest.mark.parametrize("n", [0, 1, 7, 20])
@pytest.mark.parametrize("dialect", ["openai", "azure", "anthropic", "gemini"])
def test_delivered_is_counted_to_the_event(sim, dialect, n):
    """The stream falls silent after n events: n were delivered, and their tokens were generated."""
    if dialect == "openai":
        path, body, first = "/v1/chat/completions", chat_body(stream=True), 1
    elif dialect == "azure":            # what its filter says of the prompt comes first
        path, body, first = "/openai/deployments/gpt/chat/completions?api-version=2024-10-21", chat_body(stream=True), 2
    elif dialect == "gemini":
        path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
        body, first = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}, 0
    else:
        path, body, first = "/v1/messages", {"model": CLAUDE, "max_tokens": 99, "stream": True,
                                             "messages": [{"role": "user", "content": "x"}]}, 3
    c = ask(sim, {"x-sim-fault": f"stall@{n}"}, path, body)
    if n > 0:
        response = c.read_head()
        events = c.events(response, b"\r\n\r\n" if dialect == "gemini" else b"\n\n")
        for _ in range(n):
            next(events)
    else:
        wait_for(lambda: sim.ledger()["in_flight"] == 1, "the request")
    c.close()
    e = the_line(sim)
    assert e["delivered_events"] == n
    assert e["output"] == e["delivered_tokens"] == max(0, n - first)
    assert not e["usage_delivered"] and not e["completed"]


def test_what_the_socket_took_half_is_not_delivered(sim):
    """Events that are larger than what the peer's window holds."""
    c = Client(sim.listen, rcvbuf=4096)
    c.send_request("POST", "/v1/chat/completions", chat_body(stream=True, stream_options={"include_usage": True}),
                   {"x-sim-tag": "t", "x-sim-body-bytes": "64m"}, PROVIDER_KEY)
    response = c.read_head()
    events = c.events(response)
    for _ in range(100):
        next(events)
    c.reset()
    e = the_line(sim)
    assert e["cancelled"] and not e["usage_delivered"]
    assert 100 <= e["delivered_events"] and e["delivered_tokens"] <= e["output"] < 64 * 1024 * 1024 // 4
    assert e["sent"] >= (e["delivered_events"] - 1) * 4096
    assert e["delivered_tokens"] == 1024 * (e["delivered_events"] - 1)      # the first is the role


@pytest.mark.parametrize("fault,delivered", [("", True), ("gzip", True), ("no-usage", False), ("bad-json@33", True),
                                             ("bad-json@34", False), ("bad-chunk", False), ("stream-error@20", False),
                                             ("truncate@34", False), ("truncate@35", True), ("wrong-usage", True)])
def test_usage_is_delivered_or_not(sim, fault, delivered):
    """Of a stream: the role, 32 pieces, the end (event 33 from 0), usage (34), [DONE]."""
    body = chat_body(stream=True, stream_options={"include_usage": True})
    with ask(sim, {"x-sim-fault": fault, "connection": "close"}, body=body) as c:
        c.ended()
    e = the_line(sim)
    assert e["usage_delivered"] is delivered
    assert e["reported_output"] == (3 * 32 + 11 if fault == "wrong-usage" else 32)


@pytest.mark.parametrize("at,begun", [(0, False), (500, False), (2000, True)])
def test_an_answer_has_begun_when_its_head_is_out(sim, at, begun):
    with ask(sim, {"x-sim-fault": f"reset@{at}", "x-sim-body-bytes": "8k"}) as c:
        c.ended()
    e = the_line(sim)
    assert e["sent"] == at and 500 < e["head"] < 2000 and (e["sent"] >= e["head"]) is begun


def test_tiers_models_and_searches_of_a_stream(sim):
    """As the vendor does: a Responses stream says what was asked for first, and what served at its end."""
    with ask(sim, {"x-sim-service-tier": "default", "x-sim-model": "m-served", "x-sim-web-searches": "2"},
             "/v1/responses", {"model": MODEL, "input": "x", "stream": True, "service_tier": "flex"}) as c:
        response = c.read_head()
        events = [json.loads(e.split("data: ", 1)[1]) for e in c.events(response)]
    assert [e["sequence_number"] for e in events] == list(range(len(events)))
    assert events[0]["response"]["service_tier"] == "flex"
    last = events[-1]["response"]
    assert (last["service_tier"], last["model"]) == ("default", "m-served")
    assert [i["type"] for i in last["output"]] == ["web_search_call", "web_search_call", "message"]
    done = [e for e in events if e["type"] == "response.output_item.done"]
    assert [e["output_index"] for e in done] == [0, 1, 2]
    assert len({i["id"] for i in last["output"]}) == 3
    e = the_line(sim)
    assert (e["web_searches"], e["service_tier"], e["model"], e["model_served"]) == (2, "default", MODEL, "m-served")


def test_searches_of_a_stream_that_breaks_off(sim):
    """created, in_progress, three events a search: two searches are done after eight events."""
    with ask(sim, {"x-sim-fault": "truncate@9", "x-sim-web-searches": "5"},
             "/v1/responses", {"model": MODEL, "input": "x", "stream": True}) as c:
        c.ended()
    e = the_line(sim)
    assert (e["web_searches"], e["output"], e["completed"]) == (2, 0, False)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_the_tool_that_is_called(sim, path):
    """Where one is called at all: what agents do depends on which it is, and on its arguments."""
    tools = [{"type": "function", "function": {"name": n}} if "chat" in path else
             {"name": n, "input_schema": {"type": "object"}} for n in ("first", "second")]
    fields = {"x-sim-tool": "second", "x-sim-tool-arguments": '{"path": "a \\"b\\""}'}
    for words, called in ("use a tool", True), ("use nothing", False):
        with ask(sim, fields, path, chat_body(content=words, tools=tools, max_tokens=99)) as c:
            answer = c.response().json
        if "chat" in path:
            calls = [(t["function"]["name"], json.loads(t["function"]["arguments"]))
                     for t in answer["choices"][0]["message"].get("tool_calls") or []]
        else:
            calls = [(b["name"], b["input"]) for b in answer["content"] if b["type"] == "tool_use"]
        assert calls == ([("second", {"path": 'a "b"'})] if called else [])
    with ask(sim, {"x-sim-tool-arguments": "[1]"}, path) as c:
        assert c.response().status == 400


def test_a_tool_in_a_namespace(sim):
    tools = [{"type": "namespace", "name": "toll", "tools": [{"type": "function", "name": n} for n in ("open", "price")]},
             {"type": "function", "name": "plain"}]
    for fields, called in ({}, ("toll", "open")), ({"x-sim-tool": "price"}, ("toll", "price")), ({"x-sim-tool": "plain"}, (None, "plain")):
        for stream in False, True:
            with ask(sim, fields, "/v1/responses", {"model": MODEL, "input": "use a tool", "tools": tools, "stream": stream}) as c:
                r = c.read_head() if stream else c.response()
                item = json.loads(list(c.events(r))[-1].split("data: ", 1)[1])["response"]["output"][0] if stream else r.json["output"][0]
            assert (item.get("namespace"), item["name"]) == called


@pytest.mark.parametrize("path,status", [("deployments/gpt/chat/completions?api-version=2024-10-21", 200),
                                         ("deployments/gpt/chat/completions", 404),
                                         ("deployments/unknown-x/chat/completions?api-version=2024-10-21", 404),
                                         ("v1/chat/completions", 200), ("v1/chat/completions?api-version=preview", 200),
                                         ("v1/chat/completions?api-version=2024-10-21", 400)])
def test_azure_wants_its_version(sim, path, status):
    with ask(sim, {}, "/openai/" + path) as c:
        response = c.response()
    assert response.status == status
    if status == 200:
        assert response.json["model"] == ("gpt" if "gpt" in path else MODEL)
        assert response.get("x-ms-region") == "Sweden Central"
    else:
        assert "code" in response.json["error"]


def chunks_of(sim, host, stream=True, headers=None, **extra):
    path = {"groq": "groq/openai/v1", "perplexity": "perplexity", "openrouter": "openrouter/api/v1"}.get(host, host + "/v1")
    with ask(sim, headers or {}, f"/{path}/chat/completions", chat_body(stream=stream, **extra)) as c:
        response = c.response()
    assert response.status == 200
    if not stream:
        return response.body, [json.loads(response.body)]
    data = [line[6:] for line in response.body.decode().splitlines() if line.startswith("data: ")]
    return response.body, [json.loads(d) for d in data if d != "[DONE]"]


@pytest.mark.parametrize("host", ["mistral", "groq", "deepseek", "together", "openrouter"])
def test_hosts_that_tell_usage_unasked_in_the_last_choice(sim, host):
    body, chunks = chunks_of(sim, host)
    assert body.endswith(b"data: [DONE]\n\n")
    assert [bool(c.get("usage")) for c in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1]["choices"][0]["finish_reason"] == ("eos" if host == "together" else "stop")
    assert ("x_groq" in chunks[-1]) is (host == "groq")
    assert body.startswith(b": keep-alive") is (host in ("deepseek", "openrouter"))
    assert ("prompt_cache_hit_tokens" in chunks[-1]["usage"]) is (host == "deepseek")


def test_a_host_that_tells_usage_in_every_chunk(sim):
    body, chunks = chunks_of(sim, "perplexity")
    assert b"[DONE]" not in body and chunks[-1]["object"] == "chat.completion.done"
    told = [c["usage"]["completion_tokens"] for c in chunks]
    assert told == sorted(told) and told[0] == 0 and told[-1] == 32


def test_reasoning_beside_the_completion(sim):
    _, (answer,) = chunks_of(sim, "xai", stream=False, headers={"x-sim-reasoning-tokens": "50"})
    usage = answer["usage"]
    assert usage["completion_tokens"] == 32 and usage["completion_tokens_details"]["reasoning_tokens"] == 50
    assert usage["total_tokens"] == usage["prompt_tokens"] + 82


def test_blank_lines_while_it_waits_and_a_schema_that_is_strict(sim):
    assert chunks_of(sim, "deepseek", stream=False)[0].startswith(b"\n\n\n{")
    with ask(sim, {}, "/mistral/v1/chat/completions",
             chat_body(stream=True, stream_options={"include_usage": True})) as c:
        response = c.response()
    assert response.status == 422 and response.json["detail"][0]["loc"] == ["body", "stream_options"]
