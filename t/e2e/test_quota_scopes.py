"""Limits by whom and by what: budgets by model and target, pools of tiers, increases, credits, sessions and end users."""
import datetime
import fractions
import signal
import subprocess

import pytest

from harness import BUILD, KEY, MODEL, PROVIDER_KEY, Client, chat, free_port, multipart, sha256, wait_for

TWO = {"models": {MODEL: {"targets": "openai"}, "other": {"targets": {"target": "openai", "model": MODEL}}}}


def statuses(gw, n, **more):
    return [chat(gw.listen, **more).status for _ in range(n)]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_budget_by_model_counts_what_the_client_asks_for(gateway, launch, tmp_path, how):
    """Both names lead to one model of the provider's; after a restart too only the client's name counts."""
    gw = gateway({**TWO, "ledger": {"path": str(tmp_path / "books")},
                  "budgets": [{"name": "dear", "match": {"model": "other"}, "limits": {"requests": "3/month"}}]})
    assert statuses(gw, 5) == [200] * 5
    assert statuses(gw, 2, model="other") == [200, 200]
    gw.signal(how)
    gw.wait()
    again = launch(gw.config)
    assert statuses(again, 1) == [200]
    assert statuses(again, 2, model="other") == [200, 429]
    r = chat(again.listen, model="other")
    assert r.get("x-tollgate-denied-by") == "budget/requests" and "above this tenant" in r.json["error"]["message"]
    assert statuses(again, 2) == [200, 200]


def test_a_budget_by_target(gateway, sim):
    """What is sent to a target counts there, also when another one had been tried first."""
    spare = {"provider": "openai", "base_url": f"http://{sim.listen}", "key": PROVIDER_KEY, "weight": 0}
    gw = gateway({"targets": {"spare": spare}, "models": {MODEL: {"targets": ["openai", "spare"]}},
                  "budgets": [{"name": "to-spare", "match": {"target": "spare"}, "limits": {"requests": "2/month"}}]})
    assert statuses(gw, 3) == [200] * 3
    dead = {**gw.config["targets"]["openai"], "base_url": f"http://127.0.0.1:{free_port()}"}
    gw.reload({**gw.config, "targets": {**gw.config["targets"], "openai": dead}})
    assert statuses(gw, 2) == [200, 200]
    r = chat(gw.listen)
    assert r.status == 429 and r.get("x-tollgate-denied-by") == "budget/requests"
    gw.reload({**gw.config, "budgets": [{"name": "to-spare", "match": {"target": "openai"}, "limits": {"requests": "4/month"}},
                                        {"name": "other", "match": {"target": "spare"}, "limits": {"requests": "3/month"}}]})
    assert statuses(gw, 2) == [200, 429]


def test_a_form_that_names_its_model_late_does_not_slip_past_a_budget(gateway):
    """The model is known when much has been sent already: such a form is refused where a budget asks for the model."""
    config = {"models": {"whisper-1": {"targets": "openai"}, MODEL: {"targets": "openai"}}}
    late = multipart([("file", "x.wav", b"x" * 300000), ("model", "whisper-1")])
    first = multipart([("model", "whisper-1"), ("file", "x.wav", b"x" * 300000)])

    def ask(gw, form):
        with Client(gw.listen) as c:
            return c.request("POST", "/v1/audio/transcriptions", form[1], {"content-type": form[0]}, KEY)

    gw = gateway({**config, "budgets": [{"name": "chat", "match": {"model": MODEL}, "limits": {"requests": "0/month"}}]})
    assert ask(gw, late).status == 200
    gw.reload({**gw.config, "budgets": [{"name": "speech", "match": {"model": "whisper-1"}, "limits": {"requests": "2/month"}}]})
    r = ask(gw, late)
    assert r.status == 400 and "before the file" in r.json["error"]["message"]
    assert [ask(gw, first).status for _ in range(2)] == [200, 429] # the first one of all is in the ledger


SECOND = "tg-second-tenant-0123456789"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_pool_is_shared_by_the_tenants_of_a_tier(gateway, launch, tmp_path, how):
    tenants = {"acme": {"tier": "free"}, "other": {"tier": "free", "keys": [{"id": "second", "sha256": sha256(SECOND)}]}}
    gw = gateway({"ledger": {"path": str(tmp_path / "books")}, "tenants": tenants,
                  "tiers": {"free": {"limits": {"requests": "4/day"}, "pool": {"limits": {"requests": "6/day"}}}}})
    assert statuses(gw, 3) == [200] * 3
    assert statuses(gw, 1, key=SECOND) == [200]
    gw.signal(how)
    gw.wait()
    again = launch(gw.config)
    assert statuses(again, 3, key=SECOND) == [200, 200, 429]
    r = chat(again.listen)
    assert r.status == 429 and r.get("x-tollgate-denied-by") == "tier/requests"
    assert "above this tenant (tier)" in r.json["error"]["message"] and "6 " not in r.json["error"]["message"]
    with Client(again.listen) as c: # nor on its page
        page = c.request("GET", "/v1/tollgate/quota", None, (), KEY).json
    assert [limit["scope"] for limit in page["limits"]] == ["tenant:acme"]


def test_an_increase_ends_without_a_reload(gateway):
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
    gw = gateway({"tenants": {"acme": {"limits": {"requests": "2/month"}, "increases": [
        {"limit": "1000000/month", "dimension": "requests", "until": until.isoformat()}]}}})
    assert statuses(gw, 3) == [200] * 3
    with Client(gw.listen) as c:
        (limit,) = c.request("GET", "/v1/tollgate/quota", None, (), KEY).json["limits"]
    assert limit["limit"] == "1000002/month" and limit["configured"] == "2/month"
    assert limit["increased_until"][:19] == until.isoformat()[:19]
    wait_for(lambda: chat(gw.listen).status == 429, "the increase is over")
    with Client(gw.listen) as c:
        (limit,) = c.request("GET", "/v1/tollgate/quota", None, (), KEY).json["limits"]
    assert limit["limit"] == "2/month" and limit["free"] == 0 and "increased_until" not in limit


# ---- credits, overdrafts, reserved parts

F = fractions.Fraction


def sources(gw, admin=True):
    """Accounts and what is used of them."""
    with Client(gw.admin if admin else gw.listen) as c:
        r = c.request("GET", "/admin/v1/quota" if admin else "/v1/tollgate/quota", None, (), None if admin else KEY)
    return {limit["account"].split("/", 1)[1] if not admin else limit["account"]: F(str(limit["used"])) for limit in r.json["limits"]}


def held(gw):
    """Limits of which something is held for a request under way."""
    with Client(gw.admin) as c:
        return [limit["account"] for limit in c.request("GET", "/admin/v1/quota", None, (), None).json["limits"] if F(str(limit.get("held", 0)))]


def spend(gw, until, **more):
    """Chats until one is refused though none is under way, or `until` of them. What they cost, how many."""
    spent, n, again = F(0), 0, False
    while n < until:
        r = chat(gw.listen, max_tokens=20, **more)
        if r.status == 200:
            spent, n, again = spent + F(r.get("x-tollgate-cost-usd")), n + 1, False
            continue
        assert r.status == 429
        if again:
            break
        wait_for(lambda: not held(gw), "the one before is settled") # its answer was read, its hold may stand a moment longer
        again = True
    return spent, n


def verified(gw):
    """What the gateway says of its limits is what its ledger says."""
    run = None

    def holds():
        nonlocal run
        run = subprocess.run([str(BUILD / "tgctl"), "quota", "verify", "--admin", gw.admin, "-c", str(gw.config_path)],
                             capture_output=True, text=True, timeout=60)
        return run.returncode == 0

    wait_for(holds, lambda: f"limits and ledger agree: {run.stdout}{run.stderr}")


@pytest.mark.parametrize("scope", ["tenant", "org"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_credits_then_an_overdraft(gateway, launch, tmp_path, scope, how):
    """Limits first, then what expires first, then the overdraft; and a restart knows how much came out of which."""
    money = {"limits": {"cost": "0.0002 usd/month"}, "overdraft": "0.0001 usd", "credits": [
        {"amount": "0.0002 usd", "expires": "2099-12-31", "name": "late"}, {"amount": "0.00014 usd", "expires": "2099-01-01"},
        {"amount": "7 usd", "expires": "2020-01-01"}, {"amount": "7 usd", "from": "2098-01-01", "name": "not-yet"}]}
    whole, bound = F("0.00064"), F("0.00008") # of one request, with some to spare
    changes = {"tenants": {"acme": money}} if scope == "tenant" else {"orgs": {"o": money}, "tenants": {"acme": {"org": "o"}}}
    gw = gateway({**changes, "ledger": {"path": str(tmp_path / "books")}})
    name = "tenant:acme" if scope == "tenant" else "org:o"
    spent, n = spend(gw, 5)
    gw.wait_lines(5)
    more, m = spend(gw, 200)
    spent += more
    assert n + m > 8 and whole - bound < spent <= whole
    wait_for(lambda: sum(sources(gw).values()) == spent, "all is settled")
    before = sources(gw)
    month = next(a for a in before if "/month/" in a)
    assert F("0.0002") - bound < before[month] <= F("0.0002")
    assert F("0.00014") - bound < before[name + "/cost/credit/2099-01-01"] <= F("0.00014")
    assert F("0.0002") - bound < before[name + "/cost/credit/late"] <= F("0.0002") and 0 < before[name + "/cost/overdraft"]
    assert before[name + "/cost/credit/2020-01-01"] == before[name + "/cost/credit/not-yet"] == 0
    r = chat(gw.listen, max_tokens=20)
    assert r.status == 429 and r.json["error"]["code"] == "insufficient_quota"
    assert r.get("x-tollgate-denied-by") == (month if scope == "tenant" else "org/cost")
    if scope == "tenant":
        assert sources(gw, admin=False) == {a.split("/", 1)[1]: v for a, v in before.items()}
    verified(gw)
    gw.signal(how)
    gw.wait()
    again = launch(gw.config)
    verified(again)
    after = sources(again)
    assert sum(after.values()) == spent and after[month] == before[month]
    assert all(after[a] <= F("0.0002") for a in after)
    assert spend(again, 1)[1] == 0
    again.reload({**again.config, **({"tenants": {"acme": {**again.config["tenants"]["acme"], "overdraft": "1 usd"}}} if scope == "tenant"
                                     else {"orgs": {"o": {**money, "overdraft": "1 usd"}}})})
    assert spend(again, 3)[1] == 3


@pytest.mark.parametrize("above", ["org", "pool"])
def test_a_reserved_part_is_one_tenant_s_alone(gateway, launch, tmp_path, above):
    """It draws on its part first, then on what all share; the others on that alone. Also after a restart."""
    shared = {"limits": {"requests": "6/month"}, "reserved": [{"tenant": "acme", "dimension": "requests", "limit": "3/month"}]}
    belongs = {"org": "o"} if above == "org" else {"tier": "t"}
    gw = gateway({**({"orgs": {"o": shared}} if above == "org" else {"tiers": {"t": {"pool": shared}}}),
                  "ledger": {"path": str(tmp_path / "books")},
                  "tenants": {"acme": belongs, "other": {**belongs, "keys": [{"id": "second", "sha256": sha256(SECOND)}]}}})
    assert statuses(gw, 4, key=SECOND) == [200, 200, 200, 429]
    assert statuses(gw, 2) == [200, 200]
    verified(gw)
    gw.signal(signal.SIGKILL)
    gw.wait()
    again = launch(gw.config)
    used = sources(again)
    part = next(a for a in used if a.endswith("/reserved:acme"))
    assert used[part] == 2 and used[part.removesuffix("/reserved:acme")] == 3
    assert statuses(again, 1, key=SECOND) == [429]
    assert statuses(again, 2) == [200, 429]


# ---- sessions and end users


@pytest.mark.parametrize("header", ["session", "end-user"])
@pytest.mark.parametrize("where", ["tier", "tenant", "key"])
def test_each_session_and_end_user_has_its_limit(gateway, header, where):
    block = {header.replace("-", "_"): {"requests": "2/day"}}
    changes = {"tier": {"tiers": {"free": block}, "tenants": {"acme": {"tier": "free"}}},
               "tenant": {"tenants": {"acme": block}},
               "key": {"tenants": {"acme": {"keys": [{"id": "laptop", "sha256": sha256(KEY), **block}]}}}}[where]
    gw = gateway(changes)
    one, two = {f"x-tollgate-{header}": "one"}, {f"x-tollgate-{header}": "two"}
    assert statuses(gw, 3, headers=one) == [200, 200, 429]
    r = chat(gw.listen, headers=one)
    name = header.replace("-", "_") + (".key:laptop" if where == "key" else ":acme")
    assert r.get("x-tollgate-denied-by").startswith(name + "/requests/day/") and r.get("x-tollgate-reset")
    assert "one" not in r.get("x-tollgate-denied-by") and r.json["error"]["code"] == "insufficient_quota"
    assert statuses(gw, 3, headers=two) == [200, 200, 429]
    assert statuses(gw, 4) == [200] * 4 # nobody's
    gw.reload({**gw.config, "log": {**gw.config["log"], "level": "debug"}})
    assert statuses(gw, 1, headers=one) == [429]


def test_a_tenant_s_own_limit_of_sessions_replaces_its_tier_s(gateway):
    gw = gateway({"tiers": {"free": {"session": {"requests": ["1/day", "100/min"]}}},
                  "tenants": {"acme": {"tier": "free", "session": {"requests": "2/day", "concurrency": "5"}}}})
    session = {"x-tollgate-session": "s"}
    assert statuses(gw, 3, headers=session) == [200, 200, 429]


def test_names_that_somebody_invents_are_bounded(gateway):
    """Far more sessions than places: each is served, memory stays, and one that comes back has been forgotten."""
    gw = gateway({"limits": {"sessions": 16}, "tenants": {"acme": {"session": {"requests": "1/day"}}}})
    assert statuses(gw, 2, headers={"x-tollgate-session": "first"}) == [200, 429]
    assert all(statuses(gw, 1, headers={"x-tollgate-session": f"s{i}"}) == [200] for i in range(40))
    assert statuses(gw, 2, headers={"x-tollgate-session": "first"}) == [200, 429]


def test_the_cost_of_an_end_user_is_held(gateway):
    gw = gateway({"tenants": {"acme": {"end_user": {"cost": "0.0002 usd/day", "concurrency": "3"}}}})
    spent, n = F(0), 0
    while (r := chat(gw.listen, max_tokens=20, headers={"x-tollgate-end-user": "u"})).status == 200:
        spent, n = spent + F(r.get("x-tollgate-cost-usd")), n + 1
    assert r.status == 429 and n > 3 and F("0.0001") < spent <= F("0.0002")
    assert 0 <= int(r.get("x-tollgate-max-affordable-tokens")) < 20


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_sessions_over_a_restart(gateway, launch, tmp_path, how):
    """What they have spent is in the journal, by their names: they do not begin anew."""
    gw = gateway({"ledger": {"path": str(tmp_path / "books")},
                  "tenants": {"acme": {"session": {"requests": "3/day"}, "end_user": {"requests": "4/month"}}}})
    one, user = {"x-tollgate-session": "one"}, {"x-tollgate-end-user": "ann"}
    assert statuses(gw, 2, headers=one) == [200] * 2
    before = sum(status == 200 for status in statuses(gw, 12, headers=user))
    assert before == 4
    gw.signal(how)
    gw.wait()
    again = launch(gw.config)
    assert statuses(again, 2, headers=one) == [200, 429]
    assert statuses(again, 1, headers=user) == [429]
    assert statuses(again, 3, headers={"x-tollgate-session": "two"}) == [200] * 3
