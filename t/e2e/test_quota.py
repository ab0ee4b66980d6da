"""Limits: what is refused, how it is told, and that a restart forgets nothing."""
import concurrent.futures
import fractions
import json
import re
import signal
import subprocess
import time

import pytest

from harness import BUILD, KEY, MODEL, Client, chat, wait_for

F = fractions.Fraction
TGCTL = BUILD / "tgctl"


def limited(limits, scope="tenant", **more):
    """Configuration changes that put these limits on the tenant, its key, its tier, its org or a budget."""
    if scope == "budget":
        return {"budgets": [{"name": "all", "limits": limits, **more}]}
    if scope == "org":
        return {"orgs": {"acme-inc": {"limits": limits, **more}}, "tenants": {"acme": {"org": "acme-inc"}}}
    if scope == "tier":
        return {"tiers": {"free": {"limits": limits}}, "tenants": {"acme": {"tier": "free"}}}
    return {"tenants": {"acme": {"limits": limits, **more}}}


def quota_page(gw):
    with Client(gw.listen) as c:
        r = c.request("GET", "/v1/tollgate/quota", None, (), KEY)
    assert r.status == 200 and r.get("cache-control") == "no-store"
    return r.json


@pytest.mark.parametrize("scope", ["tenant", "tier", "org", "budget"])
def test_a_limit_on_requests(gateway, scope):
    gw = gateway(limited({"requests": "3/day"}, scope))
    for _ in range(3):
        assert chat(gw.listen).status == 200
    r = chat(gw.listen)
    assert r.status == 429 and r.json["error"]["code"] == r.json["error"]["type"] == "insufficient_quota"
    assert r.get("x-should-retry") == "false" and r.get("retry-after") is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00(\.0+)?Z", r.get("x-tollgate-reset"))
    denied = r.get("x-tollgate-denied-by")
    if scope in ("tenant", "tier"):
        assert re.fullmatch(r"tenant:acme/requests/day/\d{4}-\d\d-\d\d", denied)
        assert "3" in r.json["error"]["message"]
    else: # whose figures are not the tenant's business
        assert denied == f"{scope}/requests" and not re.search(r"\b3\b", r.json["error"]["message"])
    gw.metric_is(1, "tollgate_quota_denied_total")


def test_the_cost_cap_holds_under_concurrency(gateway):
    """Many at once against a limit that few fit under: what is spent never exceeds it, and it is used."""
    gw = gateway(limited({"cost": "0.003 usd/day"}))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: chat(gw.listen, max_tokens=100), range(400)))
    spent = sum(F(r.get("x-tollgate-cost-usd")) for r in answers if r.status == 200)
    refused = [r for r in answers if r.status != 200]
    assert all(r.status == 429 for r in refused) and refused
    assert spent <= F("0.003")
    bound = F("0.000065") # of one request, with some to spare
    assert spent > F("0.003") - 16 * bound


def test_what_would_fit_is_told_and_fits(gateway):
    gw = gateway(limited({"tokens": "1000/day"}))
    assert chat(gw.listen, max_tokens=100).status == 200
    r = chat(gw.listen, max_tokens=5000)
    assert r.status == 429 and "acme" in r.json["error"]["message"]
    fits = int(r.get("x-tollgate-max-affordable-tokens"))
    assert 0 < fits < 1000
    assert chat(gw.listen, max_tokens=fits).status == 200


def test_a_rate(gateway):
    gw = gateway(limited({"requests": "2/s"}))
    answers = [chat(gw.listen) for _ in range(6)]
    refused = [r for r in answers if r.status == 429]
    assert refused and answers[0].status == 200
    assert refused[0].json["error"]["code"] == "rate_limit_exceeded" and refused[0].json["error"]["type"] == "requests"
    assert refused[0].get("retry-after") == "1" and refused[0].get("x-should-retry") is None
    time.sleep(1.1)
    assert chat(gw.listen).status == 200


def test_concurrency(gateway, simulator):
    gw = gateway(limited({"concurrency": "1"}))
    with Client(gw.listen) as first:
        first.send_request("POST", "/v1/chat/completions",
                           b'{"model":"%s","messages":[{"role":"user","content":"x"}]}' % MODEL.encode(),
                           {"content-type": "application/json", "x-sim-ttft": "1500ms"}, KEY)
        wait_for(lambda: quota_page(gw)["limits"][0]["held"] == 1, "the first one is under way")
        r = chat(gw.listen)
        assert r.status == 429 and r.json["error"]["code"] == "rate_limit_exceeded" and r.get("retry-after") == "1"
        assert first.response().status == 200
    wait_for(lambda: quota_page(gw)["limits"][0]["held"] == 0, "it is over")
    assert chat(gw.listen).status == 200


def test_what_failed_before_it_was_sent_costs_nothing(gateway):
    """And a provider's own failure is no request of the tenant's."""
    gw = gateway(limited({"requests": "2/day", "cost": "1 usd/day"}))
    for _ in range(3):
        assert chat(gw.listen, headers={"x-sim-fault": "500"}).status == 500
    for _ in range(3):
        assert chat(gw.listen, model="no-such-model").status == 404
    assert [chat(gw.listen).status for _ in range(3)] == [200, 200, 429]


def test_a_restart_does_not_count_failures_either(gateway, tmp_path):
    config = {**limited({"requests": "3/day"}), "ledger": {"path": str(tmp_path / "kept")}}
    gw = gateway(config)
    assert [chat(gw.listen, headers={"x-sim-fault": f}).status for f in ("500", "429")] == [500, 429]
    assert chat(gw.listen).status == 200
    assert quota_page(gw)["limits"][0]["used"] == 1
    assert gw.end() == 0
    gw = gateway(config)
    assert quota_page(gw)["limits"][0]["used"] == 1
    assert [chat(gw.listen).status for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_forgets_nothing(gateway, launch, tmp_path, how):
    gw = gateway({**limited({"requests": "5/day", "cost": "1 usd/month", "generations": "2/day"}),
                  "ledger": {"path": str(tmp_path / "books")}, "models": {"gpt-image-1": {"targets": "openai"}}})
    for _ in range(3):
        assert chat(gw.listen).status == 200
    with Client(gw.listen) as c:
        r = c.request("POST", "/v1/images/generations", b'{"model":"gpt-image-1","prompt":"x","n":1}',
                      {"content-type": "application/json"}, KEY)
    assert r.status == 200
    gw.signal(how)
    gw.wait()
    again = launch(gw.config)
    with Client(again.listen) as c:
        r = c.request("POST", "/v1/images/generations", b'{"model":"gpt-image-1","prompt":"x","n":2}',
                      {"content-type": "application/json"}, KEY)
    assert r.status == 429 and "/generations/" in r.get("x-tollgate-denied-by")
    assert chat(again.listen).status == 200
    r = chat(again.listen)
    assert r.status == 429 and "/requests/" in r.get("x-tollgate-denied-by")


def test_limits_in_metrics(gateway):
    gw = gateway(limited({"requests": ["4/day", "100/30d"], "cost": "1 usd/month", "concurrency": 5, "tokens": "100000/m"}))
    assert [chat(gw.listen).status for _ in range(3)] == [200] * 3
    day = {"scope": "tenant:acme", "dimension": "requests", "period": "day"}
    gw.metric_is(3, "tollgate_quota_used", **day)
    assert gw.metric("tollgate_quota_limit", **day) == gw.metric("tollgate_quota_granted", **day) == 4
    assert gw.metric("tollgate_quota_used", dimension="requests", period="30d") == 3
    assert gw.metric("tollgate_quota_limit", dimension="concurrency", period="") == 5
    used = gw.metric("tollgate_quota_used", dimension="cost", period="month")
    assert 0 < used < F("0.01") and gw.metric("tollgate_quota_held", dimension="cost") == 0
    assert not any(("dimension", "tokens") in labels for name, labels in gw.metrics() if name == "tollgate_quota_limit")


def test_a_new_limit_learns_of_requests_that_were_under_way(gateway):
    """It began after them: when they have ended, what they were counts in it."""
    gw = gateway(limited({"requests": "100/day"}))
    assert chat(gw.listen).status == 200
    with Client(gw.listen) as slow:
        slow.send_request("POST", "/v1/chat/completions",
                          b'{"model":"%s","messages":[{"role":"user","content":"x"}]}' % MODEL.encode(),
                          {"content-type": "application/json", "x-sim-ttft": "2s"}, KEY)
        wait_for(lambda: quota_page(gw)["limits"][0]["held"] == 1, "the slow one is under way")
        limits = {"requests": ["100/day", "3/month"]}
        gw.reload({**gw.config, "tenants": {"acme": {**gw.config["tenants"]["acme"], "limits": limits}}})
        month = lambda: [row["used"] for row in quota_page(gw)["limits"] if row["limit"].endswith("/month")]
        assert month() == [1]
        assert slow.response().status == 200
    wait_for(lambda: month() == [2], "the month knows of the slow one")
    assert [chat(gw.listen).status for _ in range(2)] == [200, 429]


def test_a_reload_keeps_what_was_spent(gateway):
    gw = gateway(limited({"requests": "3/day"}))
    assert [chat(gw.listen).status for _ in range(4)] == [200, 200, 200, 429]
    gw.reload({**gw.config, "tenants": {"acme": {**gw.config["tenants"]["acme"], "limits": {"requests": "4/day"}}}})
    assert [chat(gw.listen).status for _ in range(2)] == [200, 429]
    gw.reload({**gw.config, "tenants": {"acme": {**gw.config["tenants"]["acme"], "limits": {"requests": "1/day"}}}})
    assert chat(gw.listen).status == 429


def test_a_new_limit_counts_what_the_ledger_has(gateway):
    gw = gateway()
    assert [chat(gw.listen).status for _ in range(3)] == [200, 200, 200]
    gw.wait_lines(3)
    time.sleep(.3)
    gw.reload({**gw.config, "budgets": [{"name": "gateway", "limits": {"requests": "4/month"}}]})
    assert [chat(gw.listen).status for _ in range(2)] == [200, 429]


def test_a_budget_counts_what_it_matches(gateway):
    gw = gateway({"budgets": [{"name": "search", "match": {"tag.feature": "search"}, "limits": {"requests": "1/day"}}]})
    tagged = {"x-tollgate-tags": "feature=search"}
    assert chat(gw.listen, headers=tagged).status == 200
    assert chat(gw.listen, headers=tagged).status == 429
    assert chat(gw.listen, headers={"x-tollgate-tags": "feature=chat"}).status == 200
    assert chat(gw.listen).status == 200


def test_anthropic_clients_get_their_own_words(gateway):
    gw = gateway(limited({"requests": "1/day"}))
    body = b'{"model":"claude-sonnet-4-5","max_tokens":10,"messages":[{"role":"user","content":"x"}]}'
    with Client(gw.listen) as c:
        for status in (200, 429):
            r = c.request("POST", "/v1/messages", body,
                          {"content-type": "application/json", "anthropic-version": "2023-06-01"}, KEY)
            assert r.status == status
    assert r.json["type"] == "error" and r.json["error"]["type"] == "billing_error"


def test_a_key_sees_its_own_limits(gateway):
    gw = gateway({**limited({"cost": ["1 usd/day", "10 usd/month"], "tokens": "100000/m", "concurrency": "4"}),
                  "budgets": [{"name": "secret", "limits": {"cost": "77 usd/day"}}]})
    answer = chat(gw.listen)
    cost = F(answer.get("x-tollgate-cost-usd"))
    wait_for(lambda: all(l.get("held", 0) in (0, "0") for l in quota_page(gw)["limits"]), "it is settled")
    page = quota_page(gw)
    assert (page["object"], page["key"], page["tenant"]) == ("quota", "laptop", "acme")
    rows = {(l["dimension"], l["limit"]): l for l in page["limits"]}
    assert set(rows) == {("cost", "1 usd/day"), ("cost", "10 usd/month"), ("tokens", "100000/min"), ("concurrency", "4")}
    day = rows["cost", "1 usd/day"]
    assert cost <= F(day["used"]) <= cost + F(1, 10**9)
    assert F(day["held"]) == 0 and F(day["free"]) == 1 - F(day["used"])
    assert day["resets"].endswith("T00:00:00.000000Z") and day["scope"] == "tenant:acme"
    assert rows["concurrency", "4"]["held"] == 0
    assert "secret" not in str(page) and "77" not in str(page["limits"][0])


def test_answers_say_what_is_left(gateway):
    gw = gateway(limited({"requests": ["5/day", "100/month"], "tokens": "100000/m"}))
    r = chat(gw.listen)
    assert r.get("ratelimit-policy") == '"requests";q=5;w=86400' and r.get("ratelimit").startswith('"requests";r=4;t=')
    assert r.get("x-ratelimit-limit-requests") == "5" and r.get("x-ratelimit-remaining-requests") == "4"
    assert int(r.get("x-ratelimit-remaining-tokens")) < 100000
    body = b'{"model":"claude-sonnet-4-5","max_tokens":10,"messages":[{"role":"user","content":"x"}]}'
    with Client(gw.listen) as c:
        r = c.request("POST", "/v1/messages", body, {"content-type": "application/json", "anthropic-version": "2023-06-01"}, KEY)
    assert r.get("anthropic-ratelimit-requests-remaining") == "3" and r.get("x-ratelimit-limit-requests") is None


def test_a_refusal_is_in_the_access_log(gateway):
    gw = gateway(limited({"requests": "1/day"}))
    assert chat(gw.listen).status == 200
    assert chat(gw.listen).status == 429
    line = next(l for l in gw.wait_lines(2) if l["status"] == 429)
    assert line["error"] == "insufficient_quota" and line["denied_by"].startswith("tenant:acme/requests/day/")


def test_operators_see_all_limits(gateway):
    gw = gateway({**limited({"requests": "5/day"}), "budgets": [{"name": "all", "limits": {"cost": "77 usd/day"}}]})
    assert chat(gw.listen).status == 200
    wait_for(lambda: all(l["held"] in (0, "0") for l in gw.admin_get("/admin/v1/quota").json["limits"]), "it is settled")
    rows = {l["scope"]: l for l in gw.admin_get("/admin/v1/quota").json["limits"]}
    assert set(rows) == {"tenant:acme", "budget:all"} and rows["tenant:acme"]["used"] == 1 and rows["tenant:acme"]["free"] == 4
    assert F(rows["budget:all"]["used"]) > 0
    only = gw.admin_get("/admin/v1/quota?scope=tenant%3Aacme&dimension=requests").json["limits"]
    assert only == [rows["tenant:acme"]]
    assert gw.admin_get("/admin/v1/quota?scpe=x").status == 400 and gw.admin_get("/admin/v1/quota?dimension=x").status == 400


def test_what_is_used_is_what_the_ledger_says(gateway):
    """After answers, errors, broken streams and clients that left, in every dimension; nothing is held any more."""
    gw = gateway(limited({"cost": "1000 usd/day", "tokens": "100000000/day", "output_tokens": "100000000/day", "requests": "100000/day"}))

    def one(i):
        faults = ["", "", "500", "429", "400", "truncate", "reset@300", "no-usage", "stream-error"]
        fields = {"x-sim-fault": faults[i % len(faults)]} if faults[i % len(faults)] else {}
        try:
            if i % 7 == 0:
                with Client(gw.listen) as c: # leaves in the middle of a stream
                    c.send_request("POST", "/v1/chat/completions",
                                   b'{"model":"%s","stream":true,"max_tokens":50,"messages":[{"role":"user","content":"x"}]}' % MODEL.encode(),
                                   {"content-type": "application/json", "x-sim-tps": "200", **fields}, KEY)
                    c.read_head()
            else:
                chat(gw.listen, headers=fields, stream=i % 2 == 0, max_tokens=50)
        except Exception: # what is broken off is broken off
            pass

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(200)))
    wait_for(lambda: gw.metric("tollgate_requests_in_flight") == 0, "all is over", 30)

    def same():
        total = gw.admin_get("/admin/v1/usage").json["total"]
        used = {l["dimension"]: l for l in gw.admin_get("/admin/v1/quota").json["limits"]}
        units = total["units"]
        out = sum(n for b, n in units.items() if b.startswith("output"))
        every = out + sum(n for b, n in units.items() if b.startswith("input"))
        billed = F(total["billed_usd"])
        assert all(F(used[d]["held"]) == 0 for d in used), used
        return (F(used["cost"]["used"]) >= billed and F(used["cost"]["used"]) - billed <= F(200, 10**9)
                and used["tokens"]["used"] == every and used["output_tokens"]["used"] == out and used["requests"]["used"] <= total["requests"])

    wait_for(same, lambda: (gw.admin_get("/admin/v1/usage").json["total"], gw.admin_get("/admin/v1/quota").json))


def test_the_cap_holds_over_kills(gateway, simulator, launch, tmp_path):
    """kill -9 under load, again and again: what the provider bills in the end is not above the limit, and most of it was
    used. What was in work at a kill is charged at its bound."""
    limit = 60_000
    sim = simulator("--ledger", str(tmp_path / "billed.jsonl"))
    gw = gateway({**limited({"tokens": f"{limit}/month"}), "ledger": {"path": str(tmp_path / "books")},
                  "targets": {"openai": {"base_url": f"http://{sim.listen}"}}})
    config, refused = {**gw.config, "listen": [{"address": gw.listen}]}, [0]

    def client(_):
        answers = 0
        while answers < 3:
            try:
                answers = answers + 1 if chat(gw.listen, max_tokens=40).status == 429 else 0
            except Exception: # killed, or not back yet
                time.sleep(.02)
        refused[0] += answers

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        running = [pool.submit(client, i) for i in range(8)]
        for number in range(3):
            time.sleep(.4)
            gw.signal(signal.SIGKILL)
            gw.wait()
            gw = launch(config, name=f"again{number}")
        for r in running:
            r.result(60)
    assert refused[0] >= 24
    lines = [json.loads(line) for line in (tmp_path / "billed.jsonl").read_text().splitlines()]
    billed = sum(line["input"] + line["output"] for line in lines)
    assert billed <= limit, billed
    assert billed > limit * 0.6, billed


def test_a_limit_that_comes_back_counts_what_was_between(gateway):
    """Also a budget whose match has changed: it has what the ledger has of those that it counts now."""
    gw = gateway(limited({"requests": "5/day"}))
    without = {**gw.config, "tenants": {"acme": {**gw.config["tenants"]["acme"], "limits": {}}}}
    limited_again = gw.config
    assert [chat(gw.listen).status for _ in range(3)] == [200] * 3
    gw.reload(without)
    assert [chat(gw.listen).status for _ in range(4)] == [200] * 4
    gw.wait_lines(7)
    time.sleep(.3)
    gw.reload(limited_again)
    assert quota_page(gw)["limits"][0]["used"] == 7
    assert chat(gw.listen).status == 429
    budget = {"name": "b", "match": {"tag.feature": "search"}, "limits": {"requests": "8/day"}}
    gw.reload({**without, "budgets": [budget]})
    assert chat(gw.listen, headers={"x-tollgate-tags": "feature=search"}).status == 200
    gw.wait_lines(9)
    time.sleep(.3)
    gw.reload({**without, "budgets": [{**budget, "match": {"tenant": "acme"}}]})
    assert chat(gw.listen).status == 429


def test_a_reload_that_is_refused_changes_no_limit(gateway, tmp_path):
    gw = gateway(limited({"requests": "2/day"}))
    assert chat(gw.listen).status == 200
    taken = Client(gw.listen) # its port cannot be listened on twice by someone else
    bad = {**gw.config, "tenants": {"acme": {**gw.config["tenants"]["acme"], "limits": {"requests": "100/day"}}},
           "listen": [*gw.config["listen"], {"address": f"unix:{tmp_path}/no/such/folder/sock"}]}
    gw.write(bad)
    assert gw.admin_get("/admin/v1/reload", "POST").status == 400
    taken.close()
    assert [chat(gw.listen).status for _ in range(2)] == [200, 429]


def test_a_body_that_comes_over_a_reload_is_held_to_the_new_limits(gateway):
    gw = gateway()
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "x" * 100}]}).encode()
    with Client(gw.listen) as c:
        c.send_head("POST", "/v1/chat/completions", {"content-type": "application/json", "content-length": str(len(body)),
                                                   "authorization": f"Bearer {KEY}"})
        c.send(body[:50])
        time.sleep(.2)
        gw.reload({**gw.config, **{"tenants": {"acme": {**gw.config["tenants"]["acme"], "limits": {"requests": "0/day"}}}}})
        time.sleep(.3)
        c.send(body[50:])
        assert c.response().status == 429


def test_a_start_that_cannot_know_what_was_spent_is_refused(gateway, launch, tmp_path):
    """And says what to do; that done, it knows."""
    gw = gateway({**limited({"requests": "50/day"}), "ledger": {"path": str(tmp_path / "books")}})
    assert chat(gw.listen).status == 200
    gw.end()
    (day,) = (tmp_path / "books" / "rollup").glob("*.tgr")
    raw = bytearray(day.read_bytes())
    raw[len(raw) // 2] ^= 0xff
    day.write_bytes(raw)
    with pytest.raises(AssertionError, match="tgctl ledger verify --rebuild"):
        launch(gw.config)
    run = subprocess.run([TGCTL, "ledger", "verify", "--rebuild", "--ledger", str(tmp_path / "books")], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert quota_page(launch(gw.config))["limits"][0]["used"] == 1


def test_tags_that_the_ledger_would_not_have_are_refused(gateway):
    gw = gateway()
    tags = ",".join(f"t{i}={'x' * 250}" for i in range(31))
    assert chat(gw.listen, headers={"x-tollgate-tags": tags}).status == 200
    tags = ",".join(f"t{i}={chr(34) * 250}" for i in range(31)) # each is two bytes in JSON
    r = chat(gw.listen, headers={"x-tollgate-tags": tags})
    assert r.status == 400 and r.json["error"]["code"] == "invalid_tags"
