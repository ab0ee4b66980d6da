"""Hedging: a second try beside a first one that is slow to begin to answer. Both simulators' bills are the oracle."""

import json
import signal
import subprocess

import pytest

from harness import BUILD, KEY, MODEL, Client, chat, chat_body, merged, standard_config

TGCTL = BUILD / "tgctl"


@pytest.fixture
def two(launch, simulator, tmp_path):
    """A function: (gateway, the slow simulator, which all are sent to, and the spare one)."""

    def start(hedge=None, changes=None, first=("--ttft", "2s"), second=()):
        one, other = simulator(*first), simulator(*second)
        config = standard_config(one.listen, tmp_path)
        config["targets"]["spare"] = {**config["targets"]["openai"], "base_url": f"http://{other.listen}", "weight": 0}
        config["models"] = {MODEL: {"targets": ["openai", "spare"],
                                    "hedge": {"after": "100ms", "share": "20%", **(hedge or {})}}}
        return launch(merged(config, changes or {})), one, other

    return start


def save_up(gw, n=10):
    """So many requests as a share of 20 % needs for two hedges; they are answered at once."""
    with Client(gw.listen) as c:
        for _ in range(n):
            assert c.request("POST", "/v1/chat/completions", chat_body(), [("x-sim-ttft", "0ms")], KEY).status == 200


def records(gw):
    run = subprocess.run([str(TGCTL), "ledger", "verify", "-c", str(gw.config_path)], capture_output=True, text=True,
                         timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    run = subprocess.run([str(TGCTL), "usage", "-c", str(gw.config_path), "--by", "target", "--json"],
                         capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return {row["target"]: row for row in json.loads(run.stdout)["rows"]}


def hedges(gw, **want):
    for name, n in want.items():
        gw.metric_is(n, f"tollgate_hedges_{name}_total")


def ended(gw):
    """What hangs beside its connection: nothing is left, the last line of the log is written."""
    gw.metric_is(0, "tollgate_requests_in_flight")
    gw.metric_is(0, "tollgate_drained_requests")


CANCEL = {"targets": {"openai": {"on_client_abort": "cancel_estimate"}, "spare": {"on_client_abort": "cancel_estimate"}}}


@pytest.mark.parametrize("stream", [False, True])
def test_the_first_to_answer_has_the_client(two, stream):
    gw, one, other = two(changes=CANCEL)
    save_up(gw)
    with Client(gw.listen) as c:
        for _ in range(2):                                  # its connection goes on
            r = c.request("POST", "/v1/chat/completions", chat_body(stream=stream),
                          [("x-tollgate-session", "s-1"), ("x-tollgate-tags", "feature=f")], KEY)
            assert r.status == 200 and r.complete and r.get("x-tollgate-target") == "spare"
    hedges(gw, sent=2, won=2, refused=0)
    ended(gw)
    lines = {line["id"]: line for line in gw.wait_lines(14)}
    twins = [line for line in lines.values() if "hedge_of" in line]
    assert len(twins) == 2 and r.id in [line["id"] for line in twins]
    for twin in twins:
        original = lines[twin["hedge_of"]]
        assert (original["target"], original["end"], twin["target"], twin["end"]) == ("openai", "hedged", "spare", "ok")
        # who it is for is the same
        for name in ("tenant", "key", "tags", "session", "model"):
            assert twin[name] == original[name]
        assert twin["tags"] == {"team": "x", "feature": "f"}
    # each is in the ledger for itself: a stream that was cancelled as such, another answer is read on
    rows = records(gw)
    assert rows["spare"]["requests"] == rows["spare"]["quality"]["exact"] == 2
    assert rows["openai"]["requests"] == 12 and rows["openai"]["quality"]["exact"] == (10 if stream else 12)
    bill = [entry for entry in other.ledger()["entries"]]
    assert len(bill) == 2 and sum(e["billed_output"] for e in bill) == rows["spare"]["units"]["output"]


def test_the_original_answers_first(two):
    gw, one, other = two(changes=CANCEL, first=("--ttft", "1s"), second=("--ttft", "60s"))
    save_up(gw)
    r = chat(gw.listen, stream=True)
    assert r.status == 200 and r.complete and r.get("x-tollgate-target") == "openai"
    hedges(gw, sent=1, won=0, refused=0)
    ended(gw)
    line = [l for l in gw.wait_lines(12) if "hedge_of" in l][0]
    assert line["hedge_of"] == r.id and line["end"] == "hedged"
    assert records(gw)["spare"]["requests"] == 1


def test_what_is_billed_when_cancelled_is_read_on(two):
    """The loser is settled by its provider's policy: the answer is read to its end, without anybody."""
    gw, one, other = two(changes={"targets": {"openai": {"on_client_abort": "drain"}}})
    save_up(gw)
    assert chat(gw.listen).get("x-tollgate-target") == "spare"
    ended(gw)
    rows = records(gw)
    assert rows["openai"]["quality"]["exact"] == 11 and rows["spare"]["quality"]["exact"] == 1
    hedges(gw, sent=1, won=1)


def test_no_more_than_the_share(two):
    gw, one, other = two({"share": "1%"}, first=("--ttft", "500ms"))
    for _ in range(3):
        assert chat(gw.listen).get("x-tollgate-target") == "openai"
    hedges(gw, sent=0, won=0, refused=3)
    assert other.requests() == []


def test_a_limit_that_is_spent_has_no_second_try(two):
    gw, one, other = two(changes={"tenants": {"acme": {"limits": {"requests": "11/day"}}}}, first=("--ttft", "500ms"))
    save_up(gw)
    assert chat(gw.listen).get("x-tollgate-target") == "openai"
    hedges(gw, sent=0, refused=1)
    assert other.requests() == []


def test_a_second_try_that_fails_changes_nothing(two):
    gw, one, other = two(first=("--ttft", "1s"), second=("--fault", "1:500"))
    save_up(gw)
    r = chat(gw.listen)
    assert r.status == 200 and r.get("x-tollgate-target") == "openai"
    hedges(gw, sent=1, won=0)
    assert len(other.requests()) == 1


def test_the_client_leaves(two):
    """Both are given up."""
    gw, one, other = two(changes=CANCEL, first=("--ttft", "30s"), second=("--ttft", "30s"))
    save_up(gw)
    c = Client(gw.listen)
    c.send_request("POST", "/v1/chat/completions", chat_body(stream=True), (), KEY)
    gw.metric_is(2, "tollgate_requests_in_flight")      # the second try is under way
    c.close()
    ended(gw)
    assert sorted(l["end"] for l in gw.wait_lines(12))[:2] == ["client_gone", "hedged"]
    records(gw)


def test_what_has_no_second_try(two):
    """Long bodies, clients of HTTP/1.0, paths of one target, models of one target."""
    gw, one, other = two({"max_body": "1k"}, {"models": {"gpt-4o": {"targets": "openai", "hedge": {"after": "100ms"}}}},
                         first=("--ttft", "400ms"))
    save_up(gw)
    assert chat(gw.listen, content="x" * 2000).status == 200
    assert chat(gw.listen, model="gpt-4o").status == 200
    assert chat(gw.listen, headers=[("origin", "https://a.example")]).status == 200
    hedges(gw, sent=0, won=0, refused=0)
    assert other.requests() == []


def test_the_p95_is_learned(two):
    gw, one, other = two({"after": "p95"}, CANCEL)
    save_up(gw, 5)
    with Client(gw.listen) as c:                            # too few to know
        c.send_request("POST", "/v1/chat/completions", chat_body(stream=True), [("x-sim-ttft", "500ms")], KEY)
        assert c.read_head().status == 200
    hedges(gw, sent=0)
    save_up(gw, 70)
    assert chat(gw.listen).get("x-tollgate-target") == "spare"
    hedges(gw, won=1)


def test_a_crash_leaves_both(two, launch, tmp_path):
    gw, one, other = two(changes={"ledger": {"path": str(tmp_path / "books")}}, first=("--ttft", "30s"),
                         second=("--ttft", "30s"))
    save_up(gw)
    c = Client(gw.listen)
    c.send_request("POST", "/v1/chat/completions", chat_body(), (), KEY)
    gw.metric_is(2, "tollgate_requests_in_flight")      # the second try is under way
    config = gw.config
    gw.signal(signal.SIGKILL)
    gw.wait()
    c.close()
    again = launch(config, name="again")
    assert again.metric("tollgate_ledger_recovered_holds") == 2
    rows = records(again)
    assert rows["openai"]["quality"]["crash_worst"] == rows["spare"]["quality"]["crash_worst"] == 1


def test_the_end_in_the_middle(two):
    gw, one, other = two(changes={"timeouts": {"drain": "300ms"}, **CANCEL}, first=("--ttft", "30s"),
                         second=("--ttft", "30s"))
    save_up(gw)
    c = Client(gw.listen)
    c.send_request("POST", "/v1/chat/completions", chat_body(), (), KEY)
    gw.metric_is(2, "tollgate_requests_in_flight")      # the second try is under way
    gw.signal(signal.SIGTERM)
    assert gw.wait() == 0
    c.close()
    assert records(gw)["spare"]["requests"] == 1
