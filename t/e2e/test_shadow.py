"""Shadows and canaries: copies of requests to another model, which nobody waits for and a key of their own pays; and rules
for a share of the requests. Both simulators' bills are the oracle."""

import json
import signal
import subprocess

import pytest

from harness import BUILD, KEY, MODEL, Client, chat, chat_body, merged, sha256, standard_config, wait_for

TGCTL = BUILD / "tgctl"
NEXT = "gpt-4o"
LAB = "tg-e2e-lab-key"


@pytest.fixture
def both(launch, simulator, tmp_path):
    """A function: (gateway, the simulator of clients' requests, that of the copies)."""

    def start(shadow=None, changes=None, cost="10 usd/day", first=(), second=()):
        one, two = simulator(*first), simulator(*second)
        config = standard_config(one.listen, tmp_path)
        config["targets"]["lab"] = {"provider": "openai", "base_url": f"http://{two.listen}",
                                    "key": config["targets"]["openai"]["key"]}
        copies = {"to": NEXT, "key": "lab", "share": "100%", **(shadow or {})}
        config["models"] = {MODEL: {"targets": "openai", "shadow": copies},
                            NEXT: {"targets": [{"target": "lab", "model": NEXT}]}}
        config["tenants"]["lab"] = {"limits": {"cost": cost}, "keys": [{"id": "lab", "sha256": sha256(LAB)}]}
        return launch(merged(config, changes or {})), one, two

    return start


def billed(sim, n):
    """The bill of n requests, once it has them and none is open."""
    wait_for(lambda: len(sim.ledger()["entries"]) >= n, lambda: f"{n} requests, not {sim.ledger()}")
    entries = sim.ledger()["entries"]
    assert len(entries) == n, entries
    return entries


def shadows(gw, **want):
    """The counters of copies, once they are so."""
    for name, n in want.items():
        gw.metric_is(n, f"tollgate_shadows_{name}" + ("" if name == "in_flight" else "_total"))


def tgctl(gw, *args):
    run = subprocess.run([str(TGCTL), *args, "-c", str(gw.config_path)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr + run.stdout
    return run.stdout


def explain(gw, model):
    run = subprocess.run([str(TGCTL), "route", "explain", "--model", model, "--admin", gw.admin], capture_output=True,
                         text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout


def usage(gw):
    """By tenant, from the ledger."""
    return {row["tenant"]: row for row in json.loads(tgctl(gw, "usage", "--by", "tenant", "--json"))["rows"]}


def records(gw):
    return [json.loads(line) for line in tgctl(gw, "ledger", "dump", "--json").splitlines()]


@pytest.mark.parametrize("stream", [False, True])
def test_each_is_charged_once_and_to_its_own(both, stream):
    gw, one, two = both()
    response = chat(gw.listen, headers=[("x-tollgate-tags", "feature=f"), ("x-tollgate-session", "s-1"),
                                        ("x-app", "kept")], stream=stream)
    assert response.status == 200 and response.get("x-tollgate-target") == "openai"
    (first,), (copy,) = billed(one, 1), billed(two, 1)
    assert (first["model"], copy["model"], copy["stream"]) == (MODEL, NEXT, stream)
    shadows(gw, sent=1, failed=0, refused=0, dropped=0, in_flight=0)
    # the same body but for the model; nothing of who its client is
    seen = two.requests()[-1]
    mine = one.requests()[-1]
    assert json.loads(seen["body"]) == {**json.loads(mine["body"]), "model": NEXT}
    headers = dict(seen["headers"])
    assert headers["x-app"] == "kept" and not [h for h in headers if h.startswith("x-tollgate")]
    lines = {line["tenant"]: line for line in gw.wait_lines(2)}
    assert lines["lab"]["shadow_of"] == response.id == lines["acme"]["id"] and "shadow_of" not in lines["acme"]
    assert lines["lab"]["tags"] == {"shadow_of": MODEL} and "session" not in lines["lab"]
    rows = usage(gw)
    for tenant, bill in (("acme", first), ("lab", copy)):
        assert rows[tenant]["requests"] == 1 and rows[tenant]["quality"]["exact"] == 1
        assert rows[tenant]["units"]["output"] == bill["billed_output"]
    assert set(rows) == {"acme", "lab"}
    flagged = [r["type"] for r in records(gw) if "shadow" in r.get("flags", r.get("money", {}).get("flags", []))]
    assert flagged == ["hold", "settle"], records(gw)
    tgctl(gw, "ledger", "verify")


def test_a_share_of_them(both):
    gw, one, two = both({"share": "30%"})
    with Client(gw.listen) as c:
        for _ in range(200):
            assert c.request("POST", "/v1/chat/completions", chat_body(), (), KEY).status == 200
    shadows(gw, in_flight=0)
    assert 28 < gw.metric("tollgate_shadows_sent_total") < 93      # five standard deviations
    assert len(billed(one, 200)) == 200
    # what is asked for by itself is nobody's copy, and has none
    before = gw.metric("tollgate_shadows_sent_total")
    assert chat(gw.listen, model=NEXT).status == 200
    assert gw.metric("tollgate_shadows_sent_total") == before


def test_the_budget_is_hard(both):
    """What is held is what may be spent: the copies that fit are sent, the others are not, and clients notice nothing."""
    gw, one, two = both(cost="0.002 usd/day")
    with Client(gw.listen) as c:
        for _ in range(40):
            assert c.request("POST", "/v1/chat/completions", chat_body(max_tokens=8), (), KEY).status == 200
    shadows(gw, in_flight=0)
    sent, refused = (gw.metric(f"tollgate_shadows_{n}_total") for n in ("sent", "refused"))
    assert sent > 0 and refused > 0 and sent + refused == 40
    assert len(billed(two, int(sent))) == sent
    spent = float(usage(gw)["lab"]["contracted_usd"])
    assert 0.001 < spent <= 0.002
    assert usage(gw)["acme"]["requests"] == 40


def test_a_budget_that_is_spent_sends_nothing(both):
    gw, one, two = both(cost="0.000001 usd/day")
    for _ in range(5):
        assert chat(gw.listen).status == 200
    shadows(gw, refused=5, sent=0, in_flight=0)
    assert two.requests() == [] and "lab" not in usage(gw)


def test_one_that_stalls_holds_up_nobody(both):
    """So many under way, and no more; clients have their answers; the end of the gateway cuts them off and settles them."""
    gw, one, two = both({"in_flight": 2}, {"timeouts": {"drain": "200ms"}}, second=("--fault", "1:stall"))
    with Client(gw.listen) as c:
        for _ in range(10):
            assert c.request("POST", "/v1/chat/completions", chat_body(), (), KEY).status == 200
    shadows(gw, in_flight=2, dropped=8)
    assert len(billed(one, 10)) == 10
    gw.signal(signal.SIGTERM)
    assert gw.wait() == 0
    rows = usage(gw)
    assert rows["lab"]["requests"] == 2 and rows["lab"]["quality"]["exact"] == 0
    assert rows["acme"]["requests"] == rows["acme"]["quality"]["exact"] == 10
    tgctl(gw, "ledger", "verify")


def test_an_orderly_end_waits_for_it(both):
    gw, one, two = both(second=("--ttft", "1s"))
    assert chat(gw.listen).status == 200
    shadows(gw, in_flight=1)
    wait_for(lambda: two.requests(), "the copy at its provider")
    gw.signal(signal.SIGTERM)
    assert gw.wait() == 0
    assert usage(gw)["lab"]["quality"]["exact"] == 1


def test_a_crash_leaves_it_as_any_other_request(both, launch, tmp_path):
    gw, one, two = both(second=("--fault", "1:stall"), changes={"ledger": {"path": str(tmp_path / "books")}})
    assert chat(gw.listen).status == 200
    wait_for(lambda: two.requests(), "the copy at its provider")
    wait_for(lambda: usage(gw).get("acme"), "the original in the books")
    config = gw.config
    gw.signal(signal.SIGKILL)
    gw.wait()
    again = launch(config, name="again")
    assert again.metric("tollgate_ledger_recovered_holds") == 1
    rows = usage(again)
    assert rows["lab"]["quality"]["crash_worst"] == 1 and rows["lab"]["requests"] == 1
    assert rows["acme"]["requests"] == rows["acme"]["quality"]["exact"] == 1
    tgctl(again, "ledger", "verify")


def test_a_client_that_leaves_does_not_matter(both):
    gw, one, two = both(first=("--ttft", "30s"))
    c = Client(gw.listen)
    c.send_request("POST", "/v1/chat/completions", chat_body(), (), KEY)
    wait_for(lambda: two.requests(), "the copy at its provider")
    c.close()
    shadows(gw, sent=1, failed=0, in_flight=0)
    assert billed(two, 1)[0]["completed"]


def test_one_that_fails_is_counted_and_not_tried_again(both):
    gw, one, two = both(second=("--fault", "1:500"), changes={"models": {NEXT: {"fallback": [MODEL]}}})
    for _ in range(3):
        assert chat(gw.listen).status == 200
    shadows(gw, sent=3, failed=3, in_flight=0)
    assert len(two.requests()) == 3 and len(one.requests()) == 3
    # a circuit of its own model's, not the client's
    states = {t["name"]: t for t in gw.admin_get("/admin/v1/targets").json["targets"]}
    assert states["openai"]["models"][0]["circuit"] == "closed"


def test_what_is_not_copied(both):
    gw, one, two = both({"max_body": "1k"}, {"models": {MODEL: {"targets": ["openai", "claude"]}},
                                             "targets": {"claude": {"provider": "openai", "weight": 0}}})
    assert chat(gw.listen, content="x" * 2000).status == 200
    shadows(gw, dropped=1, sent=0)
    with Client(gw.listen) as c:                    # one target's own API, and a refused request
        assert c.request("POST", "/claude/v1/chat/completions", chat_body(), (), KEY).status == 200
        assert c.request("POST", "/v1/chat/completions", chat_body(model="nobody"), (), KEY).status == 404
    shadows(gw, dropped=1, sent=0, in_flight=0)
    assert two.requests() == []


def test_it_goes_nowhere_where_its_original_must_not(both):
    gw, one, two = both(changes={"targets": {"openai": {"region": "eu"}, "lab": {"region": "us"}},
                                 "tenants": {"acme": {"regions": ["eu"]}}})
    assert chat(gw.listen).status == 200
    shadows(gw, dropped=1, sent=0, in_flight=0)
    assert two.requests() == []


def test_half_of_a_target_stays_for_others(both):
    """Copies that hang take no more than half of what the target may be asked for at once."""
    gw, one, two = both(changes={"targets": {"lab": {"limits": {"concurrency": 4}}},
                                 "timeouts": {"drain": "200ms"}}, second=("--fault", "1:stall"))
    with Client(gw.listen) as c:
        for _ in range(6):
            assert c.request("POST", "/v1/chat/completions", chat_body(), (), KEY).status == 200
    shadows(gw, in_flight=2, dropped=4)


def test_to_a_target_that_speaks_another_api(both):
    """A copy is translated as any request."""
    gw, one, two = both(changes={"targets": {"lab": {"provider": "anthropic"}},
                                 "models": {NEXT: {"targets": [{"target": "lab", "model": "claude-sonnet-4-5"}]}}})
    assert chat(gw.listen).status == 200
    shadows(gw, sent=1, failed=0, in_flight=0)
    assert billed(two, 1)[0]["dialect"] == "anthropic"


def test_a_reload_drops_none_that_is_under_way(both):
    gw, one, two = both(second=("--ttft", "500ms"))
    assert chat(gw.listen).status == 200
    shadows(gw, in_flight=1)
    gw.reload(merged(gw.config, {"models": {MODEL: {"shadow": None}}}))
    assert chat(gw.listen).status == 200
    shadows(gw, sent=1, failed=0, in_flight=0)
    assert len(billed(two, 1)) == 1


def test_explain_names_them(both):
    gw, one, two = both({"share": "12.5%"})
    assert "12.50% of the requests are copied to gpt-4o, paid by key lab" in explain(gw, MODEL)
    assert "copied" not in explain(gw, NEXT)


def test_a_request_is_told_of_what_happens_beside_it(both):
    """Canary, shadow and hedge in the header of one request, and in tgctl."""
    for most, word in (("64k", "copied"), ("1k", "dropped")):
        gw, one, two = both({"max_body": most}, {
            "targets": {"spare": {"provider": "openai", "base_url": "http://127.0.0.1:9", "weight": 0}},
            "models": {MODEL: {"targets": ["openai", "spare"], "hedge": {"after": "30s", "share": "20%"}}},
            "rules": [{"name": "none", "when_model": MODEL, "use": NEXT, "share": "0%"},
                      {"name": "all", "when_model": MODEL, "use": MODEL, "share": "100%"}]})
        r = chat(gw.listen, content="x" * 2000, headers={"x-tollgate-explain": "1"})
        said = r.get("x-tollgate-route")
        assert r.status == 200 and f"; shadow {NEXT}: {word}" in said, said
        assert ", not by rule none (of 0.00%)" in said and ", by rule all" in said, said
        assert "; hedge after 30.000 s to spare" in said, said
        assert "(prior: nothing seen)" in said, said
        shown = explain(gw, MODEL)
        assert "hedge: after 30.000 s without a byte (configured) to spare, of 20.00% of the requests" in shown, shown
        assert "canary: rule none sends 0.00% of the requests to gpt-4o, drawn by request" in shown, shown
        assert "1 here" in shown or "0 here" in shown, shown
        chat(gw.listen, headers={"x-tollgate-explain": "1"})
        said = chat(gw.listen, headers={"x-tollgate-explain": "1"}).get("x-tollgate-route")
        assert " here " in said and " s ago)" in said, said


def test_a_canary_is_named_where_it_served(both):
    """A share of the requests, and with `stick` always the same ones."""
    gw, one, two = both(changes={
        "models": {MODEL: {"shadow": None}},
        "rules": [{"when_model": MODEL, "use": NEXT, "share": "30%", "stick": "session"}]})
    served = {}
    with Client(gw.listen) as c:
        for _ in range(2):
            for i in range(60):
                r = c.request("POST", "/v1/chat/completions", chat_body(), [("x-tollgate-session", f"s-{i}")], KEY)
                assert r.status == 200
                got = (r.get("x-tollgate-target"), r.get("x-tollgate-model"))
                assert got in (("openai", MODEL), ("lab", NEXT))
                assert served.setdefault(i, got) == got
    canaries = sum(1 for got in served.values() if got[0] == "lab")
    assert 1 <= canaries <= 36
    assert len(billed(two, 2 * canaries)) == 2 * canaries
    lines = [line for line in gw.wait_lines(120) if line["target"] == "lab"]
    assert len(lines) == 2 * canaries and {line["model"] for line in lines} == {MODEL}
    assert {line["model_served"] for line in lines} == {NEXT} and {line["tenant"] for line in lines} == {"acme"}
