"""What a request cost: headers, stream comments, access log and metrics agree with the simulator's billing ledger,
to the last digit."""

import collections
import fractions
import json
import re

import pytest

from harness import CLAUDE, KEY, MODEL, Client, chat, chat_body, merged, wait_for

F = fractions.Fraction
# No round numbers: a double, or a rounded price, would show.
PRICES = {
    MODEL: {"input": "0.123457", "input_cache_read": "0.061729", "output": "0.987653"},
    "text-embedding-3-small": {"input": "0.020001"},
    CLAUDE: {"input": "3.000001", "input_cache_read": "0.300007", "input_cache_write_5m": "3.750011",
             "input_cache_write_1h": "6.000013", "output": "15.000017"},
}
# The simulator's buckets in the gateway's words.
BUCKETS = {"input": "input", "cached_read": "input_cache_read", "cache_write": "input_cache_write_5m",
           "cache_write_1h": "input_cache_write_1h", "output": "output", "reasoning": "output_reasoning"}


def price_book(folder):
    book = {"format": "tollgate-prices/2", "currency": "USD", "prices": [
        {"provider": "anthropic" if model == CLAUDE else "openai", "model": model, "per_mtok": per_mtok,
         "source": "test", "date": "2026-01-01"} for model, per_mtok in PRICES.items()]}
    path = folder / "prices.json"
    path.write_text(json.dumps(book))
    return [str(path)]


@pytest.fixture
def priced(gateway, tmp_path):
    return gateway({"prices": price_book(tmp_path)})


def price_of(model, bucket):
    p = PRICES[model]
    chain = {"output_reasoning": "output", "input_cache_write_1h": "input_cache_write_5m"}
    while bucket not in p:
        bucket = chain.get(bucket, "input")
    return F(p[bucket]) / 1000000


def ledger_usage(entry):
    return {BUCKETS[k]: entry[k] for k in BUCKETS if entry[k]}


def ledger_cost(entry, model):
    return sum((n * price_of(model, bucket) for bucket, n in ledger_usage(entry).items()), F(0))


def same_usage(text_or_dict, entry):
    got = json.loads(text_or_dict) if isinstance(text_or_dict, str) else text_or_dict
    assert {k: v for k, v in got.items() if v} == ledger_usage(entry)


def messages(model, **more):
    return {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": "How much is it?"}], **more}


CASES = {
    "chat": ("/v1/chat/completions", MODEL, chat_body(), {}),
    "chat stream": ("/v1/chat/completions", MODEL, chat_body(stream=True), {}),
    "chat stream that asks for usage": ("/v1/chat/completions", MODEL,
                                        chat_body(stream=True, stream_options={"include_usage": True}), {}),
    "chat cached": ("/v1/chat/completions", MODEL, chat_body(content="long " * 2000), {"x-sim-cached-tokens": "1024"}),
    "chat reasoning": ("/v1/chat/completions", MODEL, chat_body(), {"x-sim-reasoning-tokens": "77"}),
    "chat stream cached and reasoning": ("/v1/chat/completions", MODEL, chat_body(stream=True, content="long " * 999),
                                         {"x-sim-cached-tokens": "512", "x-sim-reasoning-tokens": "13"}),
    "responses": ("/v1/responses", MODEL, {"model": MODEL, "input": "How much?"}, {}),
    "responses stream": ("/v1/responses", MODEL, {"model": MODEL, "input": "How much?", "stream": True},
                         {"x-sim-reasoning-tokens": "9"}),
    "completions": ("/v1/completions", MODEL, {"model": MODEL, "prompt": "How much?"}, {}),
    "embeddings": ("/v1/embeddings", "text-embedding-3-small",
                   {"model": "text-embedding-3-small", "input": ["How much?", "And why?"]}, {}),
    "messages": ("/v1/messages", CLAUDE, messages(CLAUDE), {}),
    "messages stream": ("/v1/messages", CLAUDE, messages(CLAUDE, stream=True), {}),
    "messages cached": ("/v1/messages", CLAUDE, messages(CLAUDE), {
        "x-sim-cached-tokens": "5", "x-sim-cache-write-tokens": "3", "x-sim-cache-write-1h-tokens": "2"}),
    "messages stream cached": ("/v1/messages", CLAUDE, messages(CLAUDE, stream=True), {
        "x-sim-cached-tokens": "4", "x-sim-cache-write-tokens": "2", "x-sim-cache-write-1h-tokens": "1"}),
}


def ask(gw, sim, path, body, headers):
    """(response, cost and usage as the client was told, the simulator's ledger entry)"""
    before = sim.ledger()["requests"]
    with Client(gw.listen) as c:
        c.send_request("POST", path, body, {**headers, "te": "trailers", "connection": "te"}, KEY)
        response = c.read_head()
        if response.get("content-type", "").startswith("text/event-stream"):
            events = list(c.events(response))
            comment = [e for e in events if e.startswith(": tollgate ")]
            assert len(comment) == 1 and events[-1] == comment[0]
            told = json.loads(comment[0][len(": tollgate "):])
            assert told["request_id"] == response.id
            cost, usage = told["cost_usd"], json.dumps(told["usage"])
            # the trailer says the same
            assert response.trailer("x-tollgate-cost-usd") == cost
            assert json.loads(response.trailer("x-tollgate-usage")) == told["usage"]
        else:
            for piece in c.pieces(response):
                response.body += piece
            cost, usage = response.get("x-tollgate-cost-usd"), response.get("x-tollgate-usage")
    assert response.status == 200, response
    ledger = wait_for(lambda: (l := sim.ledger())["requests"] > before and l, "the ledger entry")
    assert ledger["requests"] == before + 1
    return response, cost, usage, ledger["entries"][-1]


@pytest.mark.parametrize("case", CASES)
def test_what_the_client_is_told_is_what_the_provider_bills(priced, sim, case):
    path, model, body, headers = CASES[case]
    response, cost, usage, entry = ask(priced, sim, path, body, headers)
    expected = ledger_cost(entry, model)
    assert expected > 0
    assert re.fullmatch(r"\d+(\.\d{1,12})?", cost)
    assert F(cost) == expected
    same_usage(usage, entry)
    line = priced.last_line(1)
    assert F(line["cost_usd"]) == expected and line["usage_source"] == "provider"
    same_usage(line["usage"], entry)


def test_log_and_metrics_add_up_to_the_ledger(priced, sim):
    """Many requests, also failed and refused ones: exact sums everywhere, and one line each."""
    n = 0
    for _ in range(5):
        for path, model, body, headers in CASES.values():
            ask(priced, sim, path, body, headers)
            n += 1
    for fault in ("500", "429", "bad-json"):
        chat(priced.listen, headers={"x-sim-fault": fault})
        n += 1
    assert chat(priced.listen, key="nobody").status == 401
    assert chat(priced.listen, model="nothing").status == 404
    n += 2
    entries = sim.ledger()["entries"]
    lines = priced.wait_lines(n)
    assert len({l["id"] for l in lines}) == n
    # cost: the ledger's completed exchanges, the log's lines and the metric are one sum
    billed = sum((ledger_cost(e, e["model"]) for e in entries if e["status"] == 200 and not e["fault"]), F(0))
    assert billed == sum((F(l["cost_usd"]) for l in lines if l.get("quality") == "exact"), F(0))
    # with the one whose body could not be read, and is estimated
    logged = sum((F(l["cost_usd"]) for l in lines if l.get("cost_usd")), F(0))
    assert logged > billed and [l["quality"] for l in lines if l.get("quality") not in (None, "exact")] == ["estimated"]
    priced.metric_is(logged, "tollgate_cost_usd_total")
    # tokens by bucket
    for theirs, ours in BUCKETS.items():
        total = sum(e[theirs] for e in entries if e["status"] == 200 and not e["fault"])
        assert sum(l.get("usage", {}).get(ours, 0) for l in lines if l.get("quality") == "exact") == total
        logged = sum(l.get("usage", {}).get(ours, 0) for l in lines)
        priced.metric_is(logged, "tollgate_tokens_total", bucket=ours)
    # requests by tenant, model, target and status
    counted = collections.Counter(
        (l.get("tenant"), l.get("target"), f"{l['status'] // 100}xx") for l in lines)
    metrics = collections.Counter()
    for (name, labels), value in priced.metrics().items():
        if name == "tollgate_requests_total":
            d = dict(labels)
            metrics[(d["tenant"] or None, d["target"] or None, d["status"])] += int(value)
    assert {(t if t != "-" else None, g if g != "-" else None, s): v for (t, g, s), v in metrics.items()} == counted
    for model in PRICES:
        priced.metric_is(sum((F(l["cost_usd"]) for l in lines if l.get("cost_usd") and l.get("model") == model), F(0)),
                         "tollgate_cost_usd_total", model=model)
    priced.metric_is(sum(1 for l in lines if l.get("target")), "tollgate_overhead_seconds_count")


def test_the_shipped_prices_price_the_shipped_models(gw, sim):
    response = chat(gw.listen)
    entry = sim.ledger()["entries"][-1]
    book = json.loads((__import__("harness").ROOT / "conf" / "prices.json").read_text())
    per_mtok = [e for e in book["prices"] if e["provider"] == "openai" and e["model"] == MODEL][0]["per_mtok"]
    assert F(response.get("x-tollgate-cost-usd")) == (
        entry["input"] * F(per_mtok["input"]) + entry["output"] * F(per_mtok["output"])) / 1000000


def test_a_model_without_a_price_costs_a_stated_one(gateway, sim):
    gw = gateway({"models": {"home-made": {"targets": "openai"}}, "unpriced": {"input": "30 usd", "output": "150 usd"}})
    response = chat(gw.listen, model="home-made")
    entry = sim.ledger()["entries"][-1]
    assert response.status == 200 and response.get("x-tollgate-cost-quality") == "unpriced"
    assert F(response.get("x-tollgate-cost-usd")) == F(30 * entry["input"] + 150 * entry["output"], 10 ** 6)
    line = gw.last_line(1)
    assert line["cost_usd"] == response.get("x-tollgate-cost-usd") and line["unpriced"] is True
    gw.metric_is(1, "tollgate_unpriced_requests_total", model="home-made")
    gw.metric_is(F(line["cost_usd"]), "tollgate_cost_usd_total")


@pytest.mark.parametrize("stream", [False, True])
def test_no_usage_is_an_estimate_and_says_so(priced, sim, stream):
    response = chat(priced.listen, headers={"x-sim-fault": "no-usage"}, stream=stream)
    assert response.status == 200
    line = priced.last_line(1)
    entry = sim.ledger()["entries"][-1]
    assert F(line["cost_usd"]) >= ledger_cost(entry, MODEL) and line["usage_source"] == "estimated"
    assert line["quality"] == "estimated"
    priced.metric_is(1, "tollgate_estimated_requests_total")
    if stream:
        assert b'"quality":"estimated"' in response.body
    else:
        assert response.get("x-tollgate-cost-quality") == "estimated"


@pytest.mark.parametrize("asked", [False, True])
def test_the_usage_chunk_is_shown_only_to_those_who_asked(gw, asked):
    """stream_options.include_usage is added for the meter, and its chunk taken out again."""
    more = {"stream_options": {"include_usage": True}} if asked else {}
    response = chat(gw.listen, stream=True, **more)
    chunks = [json.loads(line[6:]) for line in response.body.decode().splitlines() if line.startswith("data: {")]
    with_usage = [c for c in chunks if c.get("usage")]
    assert len(with_usage) == (1 if asked else 0)
    assert all(c["choices"] for c in chunks if not c.get("usage"))
    assert gw.last_line(1)["usage"]["output"] > 0


FIELDS = {
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "id": r"req_[0-9a-f]{24}", "client": r"127\.0\.0\.1",
    "tenant": "acme", "org": "corp", "tier": "gold", "key": "laptop", "session": "s-1", "end_user": "u-1",
    "method": "POST", "path": "/v1/chat/completions", "model": MODEL, "model_served": r"gpt-4o-mini.*",
    "target": "openai", "end": "ok", "usage_source": "provider", "cost_usd": r"0\.\d+", "list_usd": r"0\.\d+",
    "billed_usd": r"0\.\d+", "quality": "exact",
}


@pytest.mark.parametrize("stream", [False, True])
def test_every_field_of_an_access_log_line(gateway, stream):
    gw = gateway({"orgs": {"corp": {}}, "tiers": {"gold": {}},
                  "tenants": {"acme": {"org": "corp", "tier": "gold"}}})
    response = chat(gw.listen, stream=stream, headers={
        "x-tollgate-tags": "feature=a", "x-tollgate-session": "s-1", "x-tollgate-end-user": "u-1"})
    assert response.status == 200
    line = gw.last_line(1)
    for name, pattern in FIELDS.items():
        assert re.fullmatch(pattern, line.pop(name)), name
    assert line.pop("tags") == {"team": "x", "feature": "a"}
    assert line.pop("attempts") == 1 and line.pop("status") == 200 and line.pop("stream") is stream
    usage = line.pop("usage")
    assert usage["input"] > 0 and usage["output"] == 32
    assert line.pop("bytes_in") > 200 and line.pop("bytes_out") > len(response.body)
    us = line.pop("us")
    assert set(us) == {"head", "body", "sent", "first_byte", "done", "overhead"}
    assert 0 <= us["head"] <= us["sent"] <= us["first_byte"] <= us["done"] and us["overhead"] <= us["sent"]
    line.pop("service_tier", None)
    assert line == {}, "fields nobody told this test about"


def test_whatever_a_client_sends_its_line_is_one_json_line(gw):
    """Quotes, newlines, control and non-UTF-8 bytes in what is logged."""
    with Client(gw.listen) as c:
        for session in ('a"b', "a\\b", "a\tb", "\u00e9", "x" * 3000):
            c.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + KEY.encode() +
                   b"\r\nx-tollgate-session: " + session.encode("latin-1") + b"\r\ncontent-type: application/json\r\n")
            body = json.dumps(chat_body(model='m"\n\u2028\x01' + "y" * 1000)).encode()
            c.send(b"content-length: %d\r\n\r\n" % len(body) + body)
            assert c.response().status == 404
    lines = gw.wait_lines(5)
    assert lines[0]["session"] == 'a"b' and lines[1]["session"] == "a\\b"
    assert all(l["model"].startswith('m"\n\u2028\x01') for l in lines)


def test_every_request_of_a_pipeline_has_its_line(gw, connect):
    client = connect(gw.listen)
    one = b"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + KEY.encode() + b"\r\n\r\n"
    client.send(one * 50)
    ids = [client.response("GET").id for _ in range(50)]
    assert [l["id"] for l in gw.wait_lines(50)] == ids       # in order, too
