"""Limits that several gateways share through Redis: the cap holds for all of them together, most of it can be used, and
whatever happens to Redis or to one of them, nobody spends what is not there."""
import concurrent.futures
import fractions
import json
import signal
import subprocess
import threading
import time

import pytest

from harness import KEY, TOLLGATE, Client, chat, free_port, merged, standard_config, wait_for
from redis_servers import Lasting

F = fractions.Fraction
INPUT, OUTPUT = F("0.15") / 10**6, F("0.60") / 10**6 # of MODEL, a token
BOUND = F("0.000065") # of one request with max_tokens 100, with some to spare


@pytest.fixture
def redis(tmp_path):
    """A function that starts one: redis("--requirepass", "x")."""
    started = []

    def start(*options):
        folder = tmp_path / f"redis{len(started)}"
        folder.mkdir()
        started.append(Lasting(folder, *options))
        return started[-1]

    yield start
    for r in started:
        r.end()


@pytest.fixture
def billing(simulator, tmp_path):
    """A simulator whose billing ledger is a file."""
    sim = simulator("--ledger", str(tmp_path / "billed.jsonl"))
    sim.billed_path = tmp_path / "billed.jsonl"
    return sim


def billed(sim):
    lines = [json.loads(line) for line in sim.billed_path.read_text().splitlines()]
    return sum((line["input"] * INPUT + line["output"] * OUTPUT for line in lines), F(0))


@pytest.fixture
def member(launch, billing, tmp_path):
    """A function that starts one gateway of several: member("gw-1", ["gw-1", "gw-2"], redis, {"cost": "1 usd/day"})."""

    def config(name, members, redis, limits, **more):
        url = redis if isinstance(redis, (str, list)) else redis.url()
        c = standard_config(billing.listen, tmp_path)
        return merged(c, {
            "member": name, "workers": 2, "ledger": {"path": str(tmp_path / f"ledger-{name}")},
            "log": {"access": str(tmp_path / f"access-{name}.jsonl")},
            "redis": {"url": url, "members": members, "timeout": "1s", **more},
            "tenants": {"acme": {"limits": limits}}})

    def start(name, *args, **more):
        count[0] += 1
        return launch(config(name, *args, **more), name=f"{name}.{count[0]}")

    count = [0]
    start.config, start.launch = config, launch
    return start


def redis_word(gw):
    return json.loads(gw.admin_get("/readyz").body)["redis"]


def together(gateways):
    """All of them know what there is."""
    for gw in gateways:
        wait_for(lambda: redis_word(gw) == "up", lambda: f"{gw.name} is {redis_word(gw)}: {gw.errors()[-2000:]}")


def spend(gateways, clients=12, until=3, headers=(), **body):
    """Everybody asks until each was told a few times in a row that nothing is left. The answers."""
    answers, lock = [], threading.Lock()

    def client(i):
        refused = 0
        while refused < until:
            r = chat(gateways[i % len(gateways)].listen, max_tokens=100, headers=headers, **body)
            with lock:
                answers.append(r)
            assert r.status in (200, 429, 503), r
            refused = refused + 1 if r.status == 429 else 0
            if r.status != 200:
                time.sleep(.3) # a refusal is kept for 250 ms

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(client, i) for i in range(clients)]:
            done.result(120)
    return answers


def cost(answers):
    return sum((F(r.get("x-tollgate-cost-usd")) for r in answers if r.status == 200), F(0))


def check_cap(sim, answers, limit, least=F("0.95")):
    spent = billed(sim)
    print(f"{float(spent / limit):.4f} of the limit was used, in {len(answers)} requests")
    assert spent <= limit, f"{float(spent)} of {float(limit)} was billed"
    assert spent == cost(answers)
    assert spent >= limit * least, f"only {float(spent)} of {float(limit)} could be used"


@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_cap_that_gateways_share(member, redis, billing, n):
    """Under load from many clients: what the provider bills to all of them together is at most the limit, and nearly
    all of it."""
    server, names = redis(), [f"gw-{i}" for i in range(n)]
    gateways = [member(name, names, server, {"cost": "0.02 usd/month"}) for name in names]
    together(gateways)
    answers = spend(gateways)
    refused = next(r for r in answers if r.status == 429)
    assert refused.json["error"]["code"] == "insufficient_quota" and refused.get("x-should-retry") == "false"
    assert "/cost/month" in refused.get("x-tollgate-denied-by")
    check_cap(billing, answers, F("0.02"))
    for gw in gateways:
        assert gw.metric("tollgate_redis_up") == 1 and gw.metric("tollgate_quota_learning_buckets") == 0
        assert gw.metric("tollgate_quota_sync_failures_total") == 0 and gw.metric("tollgate_quota_syncs_total") > 64
        gw.metric_is(0, "tollgate_quota_waiting_requests")
        assert gw.metric("tollgate_requests_total", status="2xx") > 0


def log_of(gw, text, n=1):
    wait_for(lambda: gw.errors().count(text) >= n, lambda: f"{gw.name} to say {text!r}: {gw.errors()[-3000:]}")


def ask(gw, **body):
    r = chat(gw.listen, max_tokens=100, **body)
    if r.status == 503:
        assert r.json["error"]["code"] == "quota_unavailable" and r.get("retry-after") == "1", r
    return r.status


def served(gw):
    wait_for(lambda: ask(gw) == 200, lambda: f"{gw.name} to serve: {gw.errors()[-3000:]}")


def unserved(gw):
    wait_for(lambda: ask(gw) == 503, f"{gw.name} not to know what is left")


def test_nobody_is_served_before_all_have_told(member, redis):
    """A Redis that is new knows nothing: until each member has told what it has, nothing is granted."""
    server, names = redis(), ["gw-1", "gw-2"]
    first = member("gw-1", names, server, {"requests": "9/day"})
    log_of(first, 'awaited="gw-2"')
    assert redis_word(first) == "learning" and ask(first) == 503
    assert first.admin_get("/readyz").status == 200 # others' tenants may have no limits
    second = member("gw-2", names, server, {"requests": "9/day"})
    together([first, second])
    log_of(first, "limits are known")
    served(first)
    served(second)
    assert first.metric("tollgate_quota_unavailable_total") >= 1


def test_what_was_granted_is_spent_without_redis(member, redis, billing):
    """Redis goes away: what was granted is served, then nobody knows what is left, and all is well when it is back."""
    server = redis()
    gw = member("gw-1", ["gw-1"], server, {"cost": "1 usd/day"}, revalidate="3s")
    together([gw])
    served(gw)
    wait_for(lambda: float(server.accounts()[cost_account(server)]["g:gw-1"]) > 3 * BOUND * 10**9, "a grant for several")
    server.stop()
    log_of(gw, "redis is down")
    assert redis_word(gw) == "down" and gw.admin_get("/readyz").status == 200
    assert ask(gw) == 200
    unserved(gw)
    assert gw.metric("tollgate_redis_up") == 0
    server.start()
    served(gw)
    log_of(gw, "redis is up", 2)
    wait_for(lambda: billed(billing) * 10**9 <= int(settled(server, "gw-1")), "all is told")


def cost_account(server):
    return next(name for name in server.accounts() if "/cost/" in name)


def settled(server, name):
    return server.accounts()[cost_account(server)].get(f"s:{name}", "0")


def test_redis_away_under_load(member, redis, billing):
    """Stopped and started again while all spend: the cap holds, and the limit can be used up afterwards."""
    server, names = redis("--appendfsync", "always"), ["gw-1", "gw-2"]
    gateways = [member(name, names, server, {"cost": "0.02 usd/month"}) for name in names]
    together(gateways)
    stop_at = threading.Timer(.5, lambda: (server.stop(), time.sleep(.5), server.start()))
    stop_at.start()
    answers = spend(gateways)
    stop_at.join()
    together(gateways)
    answers += spend(gateways)
    check_cap(billing, answers, F("0.02"))


@pytest.mark.parametrize("word", ["FLUSHALL", "DEBUG"])
def test_redis_forgets(member, redis, billing, word):
    """FLUSHALL, or a crash that loses all that was written: the members know what they have."""
    server, names = redis(*(["--appendonly", "no"] if word == "DEBUG" else [])), ["gw-1", "gw-2"]
    gateways = [member(name, names, server, {"cost": "0.02 usd/month"}) for name in names]
    together(gateways)

    def forget():
        if word == "FLUSHALL":
            server.ask("FLUSHALL")
        else:
            server.stop(signal.SIGKILL)
            server.start()

    timers = [threading.Timer(.4 + i * .4, forget) for i in range(2)]
    for t in timers:
        t.start()
    answers = spend(gateways)
    for t in timers:
        t.join()
    together(gateways)
    answers += spend(gateways)
    check_cap(billing, answers, F("0.02"))
    assert gateways[0].errors().count("limits are being learned") >= 1


def test_a_gateway_is_killed_and_comes_back(member, launch, redis, billing):
    """kill -9 while all spend. What was in work is charged at its bound, so not all of the limit can be used."""
    server, names = redis(), ["gw-1", "gw-2"]
    limits = {"cost": "0.02 usd/month"}
    gateways = [member(name, names, server, limits) for name in names]
    together(gateways)
    config = {**gateways[0].config, "listen": [{"address": gateways[0].listen}]}

    def client(i):
        refused = 0
        while refused < 4:
            try:
                status = chat(gateways[i % 2].listen, max_tokens=100).status
            except Exception: # killed, or not back yet
                status = 0
                time.sleep(.02)
            refused = refused + 1 if status == 429 else 0
            if refused:
                time.sleep(.3)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        running = [pool.submit(client, i) for i in range(8)]
        for number in range(2):
            time.sleep(.4)
            gateways[0].signal(signal.SIGKILL)
            gateways[0].wait()
            gateways[0] = launch(config, name=f"again{number}")
        for r in running:
            r.result(120)
    spent = billed(billing)
    assert F("0.02") * F("0.8") <= spent <= F("0.02"), float(spent)


def test_a_stop_gives_back_what_was_not_spent(member, redis):
    server, names = redis(), ["gw-1", "gw-2"]
    gateways = [member(name, names, server, {"cost": "1 usd/day"}) for name in names]
    together(gateways)
    for gw in gateways:
        served(gw)
    account = cost_account(server)
    wait_for(lambda: int(server.accounts()[account].get("g:gw-1", 0)) > int(server.accounts()[account].get("s:gw-1", 0)),
             "a grant")
    gateways[0].signal(signal.SIGTERM)
    assert gateways[0].wait() == 0
    assert "not all could be given back" not in gateways[0].errors()
    left = server.accounts()[account]
    assert left["g:gw-1"] == left["s:gw-1"] and int(left["s:gw-1"]) > 0, left
    served(gateways[1])


def test_limits_are_raised_and_cut(member, redis, billing):
    """SIGHUP: the newer configuration holds for all, whoever has it."""
    server, names = redis(), ["gw-1", "gw-2"]
    gateways = [member(name, names, server, {"requests": "10/day"}, config_version=1) for name in names]
    together(gateways)

    def used(until):
        return sum(r.status == 200 for r in spend(gateways, clients=4, until=until))

    def reload(gw, limit, version):
        gw.reload(merged(gw.config, {"redis": {"config_version": version},
                                     "tenants": {"acme": {"limits": {"requests": limit}}}}))

    assert used(2) == 10
    for gw in gateways:
        reload(gw, "25/day", 2)
    assert used(3) == 15
    reload(gateways[0], "30/day", 3) # the other one has it as it was, and an older version
    wait_for(lambda: ask(gateways[0]) == 200, "the raise")
    for gw in gateways:
        reload(gw, "28/day", 4)
    assert 1 <= used(3) <= 2
    for gw in gateways:
        reload(gw, "5/day", 5)
    assert used(2) == 0


def test_shares_of_what_is_not_leased(member, redis):
    """A rate is divided among the members."""
    server, names = redis(), ["gw-1", "gw-2"]
    gateways = [member(name, names, server, {"requests": "5/hour"}) for name in names]
    together(gateways)
    assert [sum(ask(gw) == 200 for _ in range(5)) for gw in gateways] == [3, 2]


def test_what_is_left_is_told_for_all(member, redis):
    """Operators see what each member has; a tenant what all have left of its limit."""
    server, names = redis(), ["gw-1", "gw-2"]
    gateways = [member(name, names, server, {"requests": "100/day"}) for name in names]
    together(gateways)

    def page(gw):
        return json.loads(gw.admin_get("/admin/v1/quota").body)["limits"][0]

    assert [ask(gateways[0]) for _ in range(3)] == [200] * 3
    wait_for(lambda: any(a.get("s:gw-1") == "3" for a in server.accounts().values()), "it is told")
    assert [ask(gateways[1]) for _ in range(3)] == [200] * 3
    wait_for(lambda: page(gateways[1])["used"] == 6, lambda: f"the other one's requests: {page(gateways[1])}")
    limit = page(gateways[1])
    assert limit["free"] == 94 and limit["held"] == 0
    shared = limit["shared"]
    assert shared["known"] and shared["settled"] == 3 and shared["all_settled"] == 6
    assert 3 <= shared["granted"] <= shared["all_granted"] <= 100
    with Client(gateways[1].listen) as c:
        own = json.loads(c.request("GET", "/v1/tollgate/quota", None, (), KEY).body)["limits"][0]
    assert own["used"] == 6 and own["free"] == 94 and "shared" not in own


def test_a_unix_socket_and_a_password(member, redis):
    server = redis("--requirepass", "open-sesame")
    gw = member("gw-1", ["gw-1"], f"unix:{server.socket}", {"requests": "2/day"}, password="open-sesame")
    together([gw])
    assert [ask(gw) for _ in range(3)] == [200, 200, 429]


def test_a_wrong_password(member, redis):
    """The gateway says so, serves whoever has no limit, and goes on when it is put right."""
    server = redis("--requirepass", "open-sesame")
    gw = member("gw-1", ["gw-1"], server, {"requests": "2/day"}, password="open-simsim")
    log_of(gw, "WRONGPASS")
    assert "open-simsim" not in gw.errors() and redis_word(gw) == "down"
    assert ask(gw) == 503
    gw.reload(merged(gw.config, {"tenants": {"acme": {"limits": None}}}))
    assert ask(gw) == 200
    gw.reload(merged(gw.config, {"redis": {"password": "open-sesame"}, "tenants": {"acme": {"limits": {"requests": "2/day"}}}}))
    served(gw)
    log_of(gw, "redis is up")


def test_a_redis_that_evicts_is_not_used(member, redis):
    server = redis("--maxmemory-policy", "allkeys-lru")
    gw = member("gw-1", ["gw-1"], server, {"requests": "2/day"})
    log_of(gw, "maxmemory-policy is allkeys-lru")
    assert ask(gw) == 503 and not server.accounts()
    server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    served(gw)


def test_another_redis_takes_over(member, redis, billing):
    """The address changes with a reload: the new one learns from the members what was spent."""
    servers, names = [redis(), redis()], ["gw-1", "gw-2"]
    gateways = [member(name, names, servers[0], {"requests": "6/day"}) for name in names]
    together(gateways)
    assert [ask(gw) for gw in gateways] == [200, 200]
    for gw in gateways:
        gw.reload(merged(gw.config, {"redis": {"url": servers[1].url()}}))
    together(gateways)
    for gw in gateways:
        served(gw)
    answers = spend(gateways, clients=2)
    assert sum(r.status == 200 for r in answers) == 2
    assert len(servers[1].accounts()) == 1


def test_what_a_reload_does_not_take_up(member, redis):
    server = redis()
    gw = member("gw-1", ["gw-1", "gw-2"], server, {"requests": "6/day"})
    config = gw.config
    for changes, why in (({"redis": None}, "`redis` was removed: only a restart"),
                         ({"member": "gw-2"}, "`member` was `gw-1`"),
                         ({"redis": {"url": "redis://:x"}}, "redis: ")):
        gw.write(merged(config, changes))
        gw.signal(signal.SIGHUP)
        log_of(gw, why)
        assert gw.metric("tollgate_config_generation") == 1


def test_two_processes_with_one_name(member, redis):
    """The older one notices that another speaks for it, and stops."""
    server = redis()
    gw = member("gw-1", ["gw-1"], server, {"requests": "9/day"})
    together([gw])
    served(gw)
    for path in gw.folder.glob("ledger-gw-1/quota.state"): # the other one has been started more often
        other = gw.folder / "ledger-other"
        other.mkdir()
        (other / "quota.state").write_text(path.read_text())
    config = member.config("gw-1", ["gw-1"], server, {"requests": "9/day"})
    again = member.launch({**config, "ledger": {"path": str(gw.folder / "ledger-other")}}, name="twin")
    served(again)
    log_of(gw, "another process speaks for this member")
    unserved(gw)


def test_without_a_ledger_there_is_no_start(member, redis, launch, tmp_path):
    server = redis()
    config = member.config("gw-1", ["gw-1"], server, {"requests": "9/day"})
    with pytest.raises(AssertionError, match="needs a ledger"):
        launch({**config, "ledger": {"path": "none"}}, name="none")
    folder = tmp_path / "ledger-gw-1"
    folder.mkdir()
    (folder / "quota.state").write_text("tollgate quota state 1\nincarnation 2\n")
    with pytest.raises(AssertionError, match="quota.state is damaged"):
        launch(config, name="damaged")


def test_a_signal_while_it_still_waits_for_redis(member, launch, tmp_path):
    """A start listens to Redis before it listens to clients; a SIGTERM in that time ends it in good order."""
    config = tmp_path / "early.yaml"
    config.write_text(json.dumps(member.config("gw-1", ["gw-1"], f"redis://127.0.0.1:{free_port()}", {"requests": "9/day"})))
    with open(tmp_path / "early.err", "wb") as err:
        child = subprocess.Popen([TOLLGATE, "-c", config], stderr=err, stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: "restored from the ledger" in (tmp_path / "early.err").read_text(), "the start")
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
    finally:
        child.kill()
        child.wait()
    assert "ended" in (tmp_path / "early.err").read_text()


def test_a_member_joins_and_leaves(member, redis, billing):
    """The list of members changes with reloads, one gateway after the other; nothing that was spent is forgotten."""
    server, two, three = redis(), ["gw-1", "gw-2"], ["gw-1", "gw-2", "gw-3"]
    limits = {"cost": "0.01 usd/month"}
    gateways = [member(name, two, server, limits, config_version=1) for name in two]
    together(gateways)
    answers = [chat(gateways[i % 2].listen, max_tokens=100) for i in range(20)]

    def reload(gw, members, version):
        gw.reload(merged(gw.config, {"redis": {"members": members, "config_version": version}}))

    for gw in gateways:
        reload(gw, three, 2)
    log_of(gateways[0], 'awaited="gw-3"') if redis_word(gateways[0]) == "learning" else None
    gateways.append(member("gw-3", three, server, limits, config_version=2))
    together(gateways)
    answers += [chat(gateways[i % 3].listen, max_tokens=100) for i in range(30)]
    gateways[2].signal(signal.SIGTERM)
    assert gateways[2].wait() == 0
    for gw in gateways[:2]:
        reload(gw, two, 3)
    together(gateways[:2])
    answers += spend(gateways[:2])
    check_cap(billing, answers, F("0.01"))


def test_a_member_with_another_list(member, redis):
    """The newer list holds; who has another one is told so, and grants nothing beyond what it has."""
    server = redis()
    first = member("gw-1", ["gw-1"], server, {"requests": "9/day"}, config_version=2)
    together([first])
    other = member("gw-2", ["gw-1", "gw-2"], server, {"requests": "9/day"}, config_version=1)
    log_of(other, "another member has other `redis.members`")
    assert ask(other) == 503
    served(first)


def test_a_limit_is_set_by_hand(member, redis):
    """At one gateway: it is newer than the configuration, so it holds for all; over a restart, too."""
    server, names = redis(), ["gw-1", "gw-2"]
    gateways = [member(name, names, server, {"requests": "4/day"}) for name in names]
    together(gateways)

    def used():
        return sum(r.status == 200 for r in spend(gateways, clients=2))

    def by_hand(value):
        body = {"scope": "tenant:acme", "dimension": "requests", "value": value, "why": "a test", "who": "me"}
        with Client(gateways[0].admin) as c:
            r = c.request("POST", "/admin/v1/quota/set", body)
        assert r.status == 200, r

    assert used() == 4
    by_hand("7/day")
    wait_for(lambda: ask(gateways[0]) == 200, "the raise")
    assert used() == 2
    by_hand("9/day")
    gateways[0].signal(signal.SIGTERM)
    assert gateways[0].wait() == 0
    gateways[0] = member("gw-1", names, server, {"requests": "4/day"})
    together(gateways)
    wait_for(lambda: ask(gateways[0]) == 200, "the raise, still")
    assert used() == 1
    by_hand("configured")
    by_hand("8/day")
    assert used() == 0


def test_a_credit_that_gateways_share(member, redis, billing):
    """It is drawn on when the limit is used up, and both are used once, whoever serves."""
    server, names, gateways = redis(), ["gw-1", "gw-2"], []
    for name in names:
        config = member.config(name, names, server, {"cost": "0.005 usd/month"})
        gift = [{"name": "gift", "amount": "0.005 usd", "expires": "2099-01-01"}]
        gateways.append(member.launch(merged(config, {"tenants": {"acme": {"credits": gift}}}), name=name))
    together(gateways)
    answers = spend(gateways)
    check_cap(billing, answers, F("0.01"))
    sums = {name.split("/", 1)[1]: int(fields["S"]) for name, fields in server.accounts().items()}
    assert len(sums) == 2 and all(0 < v <= 5_000_000 for v in sums.values()), sums


def test_two_processes_of_one_name(member, redis, tmp_path):
    """Each has a ledger of its own and is the first of its name by it: only one of them is let speak."""
    r = redis()
    limits = {"requests": "40/day"}
    first = member("gw-1", ["gw-1"], r, limits)
    together([first])
    assert chat(first.listen).status == 200
    twin = member.launch(merged(member.config("gw-1", ["gw-1"], r, limits), {
        "ledger": {"path": str(tmp_path / "ledger-twin")}, "log": {"access": str(tmp_path / "access-twin.jsonl")}}), name="twin")
    wait_for(lambda: "another process speaks for this member" in twin.errors(), lambda: twin.errors()[-2000:])
    got = [chat(gw.listen).status for _ in range(60) for gw in (first, twin)]
    assert got.count(200) == 39 and got[1::2] == [503] * 60, got
