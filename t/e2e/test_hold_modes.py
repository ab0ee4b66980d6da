"""How much of a request limits hold while it runs: `hold` of a tier. Streams that go on piece by piece, are cut off in
the client's dialect, or survive a crash at what had been extended."""
import concurrent.futures
import fractions
import json
import signal
import subprocess

import pytest

from harness import BUILD, CLAUDE, KEY, MODEL, Client, chat, merged, wait_for

F = fractions.Fraction
TGCTL = BUILD / "tgctl"
SLICE, MARGIN = 512, 64
MESSAGES = [{"role": "user", "content": "x"}]
APIS = {
    "chat": ("/v1/chat/completions", {"model": MODEL, "messages": MESSAGES, "max_tokens": 8000}),
    "completions": ("/v1/completions", {"model": MODEL, "prompt": "x", "max_tokens": 8000}),
    "responses": ("/v1/responses", {"model": MODEL, "input": "x", "max_output_tokens": 8000}),
    "messages": ("/v1/messages", {"model": CLAUDE, "messages": MESSAGES, "max_tokens": 8000}),
}


def tier(hold, limits=None, **more):
    return merged({"tiers": {"free": {"hold": hold, "limits": limits or {}}}, "tenants": {"acme": {"tier": "free"}}}, more)


def stream(gw, api="chat", headers=(), **more):
    """The answer and its events: (name, data or text), and its comments."""
    path, body = APIS[api]
    with Client(gw.listen) as c:
        r = c.request("POST", path, json.dumps({**body, "stream": True, **more}).encode(),
                      {"content-type": "application/json", **dict(headers)}, KEY)
    return (r, *parsed(r.body.decode())) if r.status == 200 else (r, [], [])


def parsed(text):
    assert text.endswith("\n\n"), text[-300:]
    events, comments = [], []
    for block in text.split("\n\n"):
        name, data = None, []
        for line in block.split("\n"):
            if line.startswith(":"):
                comments.append(line[1:].strip())
            elif line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data.append(line[6:])
        if data:
            text = "\n".join(data)
            events.append((name, text if text == "[DONE]" else json.loads(text)))
    return events, comments


def told(comments):
    return json.loads(next(c for c in comments if c.startswith("tollgate {"))[9:])


def limits_of(gw):
    return {l["dimension"]: l for l in gw.admin_get("/admin/v1/quota").json["limits"]}


# Two seconds: a machine that stalls for a good part of one brings many tokens at once, and still not all.
LONG = {"x-sim-output-tokens": "3000", "x-sim-events": "300", "x-sim-tps": "1500"}
STALL = 1200 # tokens that may come at once, and be over


@pytest.mark.parametrize("api", APIS)
def test_an_answer_that_fits_is_as_it_was(gateway, api):
    """It is held piece by piece, and comes as it does without."""
    gw = gateway(tier("incremental", {"tokens": "100000/day", "cost": "10 usd/day"}))
    r, events, comments = stream(gw, api, LONG)
    assert r.status == 200 and "tollgate-budget-exhausted" not in comments
    assert told(comments)["usage"]["output"] == 3000 and "quality" not in told(comments)
    gw.metric_is(0, "tollgate_quota_cut_total")
    assert gw.metric("tollgate_quota_extended_total") >= 1
    used = wait_for(lambda: (l := limits_of(gw)) and l["tokens"]["held"] == 0 and l, "it is settled")
    usage = told(comments)["usage"]
    assert used["tokens"]["used"] == usage["input"] + usage["output"]


def test_only_a_slice_is_held(gateway):
    """A limit that has no room for max_tokens lets a short answer through."""
    for hold, status in (("full", 429), ("incremental", 200)):
        gw = gateway(tier(hold, {"tokens": "2000/day"}))
        r, events, comments = stream(gw, headers={"x-sim-output-tokens": "300"})
        assert r.status == status
    assert events[-1][1] == "[DONE]" and events[-2][1]["choices"][0]["finish_reason"] == "stop"
    gw.metric_is(0, "tollgate_quota_extended_total")


def check_chat_end(events, asked):
    assert events[-1][1] == "[DONE]"
    last = events[-3 if asked else -2][1]
    first = events[0][1]
    assert last["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}]
    assert all(last[k] == first[k] for k in ("id", "object", "created", "model", "system_fingerprint"))
    assert sum(e["choices"] != [] and e["choices"][0]["finish_reason"] is not None for _, e in events[:-1]) == 1


@pytest.mark.parametrize("api", APIS)
def test_an_answer_is_cut_where_the_limit_ends(gateway, sim, api):
    gw = gateway(tier("incremental", {"tokens": "2000/day"}))
    r, events, comments = stream(gw, api, {**LONG, "x-sim-tag": "cut"})
    assert r.status == 200 and comments[0] == "tollgate-budget-exhausted"
    usage, quality = told(comments)["usage"], told(comments)["quality"]
    over = limits_of(gw)["tokens"].get("over", 0)
    assert quality == "partial" and 1000 < usage["input"] + usage["output"] <= 2000 + over and over <= STALL
    if api == "chat":
        check_chat_end(events, False)
    elif api == "completions":
        assert events[-1][1] == "[DONE]"
        assert events[-2][1]["choices"] == [{"index": 0, "text": "", "logprobs": None, "finish_reason": "length"}]
    elif api == "responses":
        names = [n for n, _ in events[-4:]]
        assert names == ["response.output_text.done", "response.content_part.done", "response.output_item.done", "response.incomplete"]
        said = "".join(e["delta"] for n, e in events if n == "response.output_text.delta")
        whole = events[-1][1]["response"]
        assert whole["status"] == "incomplete" and whole["incomplete_details"] == {"reason": "max_output_tokens"}
        assert whole["id"] == events[0][1]["response"]["id"] and whole["usage"]["output_tokens"] == usage["output"]
        assert [i["content"][0]["text"] for i in whole["output"]] == [said] and whole["output"][0]["status"] == "incomplete"
        assert events[-4][1]["text"] == said and events[-3][1]["part"]["text"] == said and events[-2][1]["item"] == whole["output"][0]
        assert [e["sequence_number"] for _, e in events] == list(range(len(events)))
    else:
        assert [n for n, _ in events[-3:]] == ["content_block_stop", "message_delta", "message_stop"]
        assert events[-3][1]["index"] == 0 and events[-2][1]["delta"]["stop_reason"] == "max_tokens"
        assert events[-2][1]["usage"]["output_tokens"] == usage["output"]
    line = gw.last_line(1)
    assert line["end"] == "budget" and line["denied_by"].startswith("tenant:acme/tokens/day/") and line["quality"] == "partial"
    gw.metric_is(1, "tollgate_quota_cut_total")
    rows = limits_of(gw)["tokens"]
    assert rows["held"] == 0 and rows["used"] == usage["input"] + usage["output"]
    assert r.get("connection") != "close"
    # the provider was told to stop
    entry = wait_for(lambda: next((e for e in sim.ledger()["entries"] if e.get("tag") == "cut"), None), "the provider's bill")
    assert entry["cancelled"] and entry["billed_output"] < 3000, entry
    assert entry["billed_output"] <= usage["output"] + STALL, "charged is what the provider made, but for what was on its way"


def test_the_usage_chunk_where_it_was_asked_for(gateway):
    gw = gateway(tier("incremental", {"tokens": "2000/day"}))
    r, events, comments = stream(gw, headers=LONG, stream_options={"include_usage": True})
    check_chat_end(events, True)
    usage, last = told(comments)["usage"], events[-2][1]
    assert last["choices"] == [] and last["usage"] == {
        "prompt_tokens": usage["input"], "completion_tokens": usage["output"], "total_tokens": usage["input"] + usage["output"]}


def test_the_connection_stays(gateway):
    gw = gateway(tier("incremental", {"tokens": "2000/day"}))
    path, body = APIS["chat"]
    with Client(gw.listen) as c:
        for _ in range(2):
            c.send_request("POST", path, json.dumps({**body, "stream": True}).encode(),
                           {"content-type": "application/json", **LONG}, KEY)
            r = c.response()
        assert r.status in (200, 429)


@pytest.mark.parametrize("limit", ["1000/min", "40000/m"])
def test_a_rate_is_no_reason_to_cut(gateway, limit):
    """Waiting helps there: the answer goes on, and the next request waits."""
    gw = gateway(tier("incremental", {"tokens": limit}))
    r, events, comments = stream(gw, headers=LONG)
    assert r.status == 200 and "tollgate-budget-exhausted" not in comments and told(comments)["usage"]["output"] == 3000
    if limit == "1000/min":
        r = chat(gw.listen, max_tokens=10)
        assert r.status == 429 and r.json["error"]["code"] == "rate_limit_exceeded" and int(r.get("retry-after")) > 60


FULL = {
    "not a stream": ("chat", {"stream": False}, {}),
    "two choices": ("chat", {"n": 2, "max_tokens": 4000}, {}),
    "a provider that bills what is cancelled": ("chat", {}, {"targets": {"openai": {"on_client_abort": "drain"}}}),
    "hidden reasoning": ("chat", {"reasoning_effort": "low"}, {}),
    "thinking": ("messages", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, {}),
    "a tool of the provider": ("responses", {"tools": [{"type": "web_search"}]}, {}),
}


@pytest.mark.parametrize("what", FULL)
def test_what_cannot_be_cut_is_held_whole(gateway, what):
    api, more, changes = FULL[what]
    gw = gateway(merged(tier("incremental", {"output_tokens": "5000/day"}), changes))
    path, body = APIS[api]
    with Client(gw.listen) as c:
        r = c.request("POST", path, json.dumps({**body, "stream": True, **more}).encode(), {"content-type": "application/json"}, KEY)
    assert r.status == 429, what


def test_many_at_once_stay_within_the_limit(gateway, sim):
    gw = gateway(tier("incremental", {"cost": "0.01 usd/day"}))

    def one(_):
        return stream(gw, headers=LONG, max_tokens=4000)

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(one, range(24)))
    wait_for(lambda: gw.metric("tollgate_requests_in_flight") == 0, "all is over")
    row = limits_of(gw)["cost"]
    over, cuts = F(row.get("over", 0)), gw.metric("tollgate_quota_cut_total")
    assert F(row["held"]) == 0 and F("0.008") < F(row["used"]) <= F("0.01") + over
    spent = sum(F(told(comments)["cost_usd"]) for r, _, comments in answers if r.status == 200)
    assert spent <= F(row["used"])
    assert cuts > 0 and over <= cuts * STALL * F("0.0000006")


def test_a_crash_charges_what_was_extended(gateway, launch, tmp_path):
    books = tmp_path / "books"
    gw = gateway({**tier("incremental", {"output_tokens": "100000/day"}), "ledger": {"path": str(books)}})
    path, body = APIS["chat"]
    with Client(gw.listen) as c:
        c.send_request("POST", path, json.dumps({**body, "stream": True}).encode(),
                       {"content-type": "application/json", "x-sim-output-tokens": "7000", "x-sim-events": "700", "x-sim-tps": "1000"}, KEY)
        c.read_head()
        wait_for(lambda: gw.metric("tollgate_quota_extended_total") >= 2, "it was extended twice")
        gw.signal(signal.SIGKILL)
        gw.wait()
    again = launch(gw.config)
    dump = subprocess.run([TGCTL, "ledger", "dump", "--json", "--ledger", str(books)], capture_output=True, text=True)
    assert dump.returncode == 0, dump.stderr
    records = [json.loads(l) for l in dump.stdout.splitlines()]
    hold = next(r for r in records if r["type"] == "hold" and not r.get("carried"))
    extends = [r for r in records if r["type"] == "extend"]
    settle = next(r for r in records if r["type"] == "settle")
    assert hold["usage"]["output"] == SLICE and len(extends) >= 2
    assert all(b["usage"]["output"] > a["usage"]["output"] for a, b in zip([hold] + extends, extends))
    assert settle["quality"] == "crash_worst" and settle["usage"]["output"] == extends[-1]["usage"]["output"] < 8000
    assert F(settle["billed_usd"]) == F(extends[-1]["billed_usd"]) > F(hold["billed_usd"])
    assert limits_of(again)["output_tokens"]["used"] == settle["usage"]["output"]
    verify = subprocess.run([TGCTL, "ledger", "verify", "--ledger", str(books)], capture_output=True, text=True)
    assert verify.returncode == 0, verify.stdout + verify.stderr


# ---- expected and post


def test_expected_holds_what_is_likely(gateway):
    """Bytes of a prompt are held as the tokens they are likely to be; output as what most answers were."""
    gw = gateway(tier("expected", {"tokens": "10000/day", "output_tokens": "100000/day"}))
    content = "word " * 3000 # 15 KB, some 4 to 6 thousand tokens
    assert chat(gw.listen, content=content, max_tokens=100, headers={"x-sim-output-tokens": "10"}).status == 200
    gw.reload(merged(gw.config, {"tiers": {"free": {"hold": "full"}}}))
    assert chat(gw.listen, content=content, max_tokens=100).status == 429


def test_expected_learns_how_long_answers_are(gateway):
    gw = gateway(tier("expected", {"output_tokens": "2000/day"}))
    for i in range(60):
        assert chat(gw.listen, max_tokens=20, headers={"x-sim-output-tokens": "10"}).status == 200
    # 600 are used, and 50 answers were some 10 tokens long: 10 are held, not 8000
    r = chat(gw.listen, max_tokens=8000, headers={"x-sim-output-tokens": "1500"})
    assert r.status == 200
    row = wait_for(lambda: (l := limits_of(gw)["output_tokens"]) and l["held"] == 0 and l, "it is settled")
    assert row["used"] == 600 + 1500 # over, and charged
    assert chat(gw.listen, max_tokens=20).status == 429


def test_post_holds_next_to_nothing(gateway):
    gw = gateway(tier("post", {"output_tokens": "100/day", "cost": "5 usd/day", "generations": "0/day"}))
    r = chat(gw.listen, max_tokens=5000, headers={"x-sim-output-tokens": "3000"})
    assert r.status == 200
    row = wait_for(lambda: (l := limits_of(gw)) and l["output_tokens"]["held"] == 0 and l, "it is settled")
    assert row["output_tokens"]["used"] == 3000 and F(row["cost"]["used"]) > 0
    r = chat(gw.listen, max_tokens=1)
    assert r.status == 429 and "/output_tokens/" in r.get("x-tollgate-denied-by")
