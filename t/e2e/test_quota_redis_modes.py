"""Limits that gateways share where Redis is a cluster, is watched by sentinels, or speaks TLS: the cap holds while slots
move and primaries die under load."""

import fractions
import threading

import pytest

import redis_servers
from harness import ROOT, chat, wait_for
from test_quota_redis import ask, billing, check_cap, member, served, spend, together  # noqa: F401 (fixtures)

F = fractions.Fraction
NAMES = ["gw-1", "gw-2"]


@pytest.fixture
def started():
    out = []
    yield out
    for s in out:
        s.end()


def gateways_on(member, urls, limits, **more):
    return [member(name, NAMES, "", limits, url=urls, **more) for name in NAMES]


def accounts(servers):
    """{server: its account keys}"""
    return {s: [k for k in s.ask("KEYS", "*:a:*")] for s in servers}


def under_load(gateways, during):
    """Spends until nothing is left, while `during` runs once some were served; the answers."""
    answers, failed = [], []

    def load():
        try:
            answers.extend(spend(gateways, clients=6))
        except BaseException as e:  # told by the caller's thread
            failed.append(e)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        wait_for(lambda: sum(gw.metric("tollgate_requests_total", status="2xx") or 0 for gw in gateways) >= 40,
                 "some requests were served")
        during()
    finally:
        thread.join()
    assert not failed, failed
    return answers


def move_slot_with_keys(nodes, slot, source, target):
    ids = {n: n.ask("CLUSTER", "MYID") for n in (source, target)}
    assert target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source]) == "OK"
    assert source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target]) == "OK"
    while keys := source.ask("CLUSTER", "GETKEYSINSLOT", slot, 100):
        answer = source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        assert answer in ("OK", "NOKEY"), answer
    for n in (target, source, *nodes):
        assert n.ask("CLUSTER", "SETSLOT", slot, "NODE", ids[target]) == "OK"


def test_a_cluster_whose_slot_moves_under_load(member, billing, tmp_path, started):  # noqa: F811
    nodes = redis_servers.cluster(tmp_path)
    started.extend(nodes)
    gateways = gateways_on(member, [n.url() for n in nodes], {"cost": "0.02 usd/month"}, mode="cluster")
    together(gateways)

    def move():
        source, keys = next((s, k) for s, k in accounts(nodes).items() if k)
        target = nodes[(nodes.index(source) + 1) % 3]
        move_slot_with_keys(nodes, source.ask("CLUSTER", "KEYSLOT", keys[0]), source, target)
        assert accounts(nodes)[target] == keys

    answers = under_load(gateways, move)
    check_cap(billing, answers, F("0.02"))
    for gw in gateways:
        assert gw.alive() and gw.metric("tollgate_redis_up") == 1


def test_a_failover_under_load(member, billing, tmp_path, started):  # noqa: F811
    primary = redis_servers.Server(tmp_path, "primary")
    started.append(primary)
    replica = redis_servers.Server(tmp_path, "replica", [f"replicaof 127.0.0.1 {primary.port}"])
    started.append(replica)
    wait_for(lambda: "master_link_status:up" in replica.ask("INFO", "replication"), "the replica is in step", 60)
    watchers = redis_servers.sentinels(tmp_path, primary)
    started.extend(watchers)
    gateways = gateways_on(member, [w.url() for w in watchers], {"cost": "0.02 usd/month"}, mode="sentinel", primary="tg")
    together(gateways)

    def fail():
        primary.kill()
        redis_servers.wait_role(replica, "master")

    answers = under_load(gateways, fail)
    check_cap(billing, answers, F("0.02"))
    together(gateways)
    assert accounts([replica])[replica]


@pytest.mark.parametrize("waits", [True, False])
def test_replicas_have_what_is_spent(member, billing, tmp_path, started, waits):  # noqa: F811
    """A replica that hears nothing any more, and is then promoted: with wait_replicas it knows of all that may be spent;
    without, more is."""
    primary = redis_servers.Server(tmp_path, "primary")
    started.append(primary)
    replica = redis_servers.Server(tmp_path, "replica", [f"replicaof 127.0.0.1 {primary.port}"])
    started.append(replica)
    wait_for(lambda: "master_link_status:up" in replica.ask("INFO", "replication"), "the replica is in step", 60)
    gw = member("gw-1", ["gw-1"], primary.url(), {"requests": "1000/day"}, wait_replicas=1 if waits else 0)
    together([gw])
    served(gw)
    replica.ask("REPLICAOF", "NO", "ONE") # cut off, and a primary of its own from now on
    ended = [chat(gw.listen, max_tokens=20).status for _ in range(60)]
    known = next(dict(zip(v[::2], v[1::2])) for v in
                 (replica.ask("HGETALL", k) for k in replica.ask("KEYS", "tg:*:a:*")) if v)
    spent = 1 + ended.count(200)
    if waits:
        assert 503 in ended and spent <= int(known["g:gw-1"])
        assert gw.metric("tollgate_quota_unreplicated_total") > 0
        replica.ask("REPLICAOF", "127.0.0.1", primary.port)
        wait_for(lambda: chat(gw.listen, max_tokens=20).status == 200, "it is served again")
    else:
        assert 503 not in ended and spent > int(known["g:gw-1"])


def test_tls(member, billing, tmp_path, started, certs):  # noqa: F811
    cert, key = certs.make("redis", "IP:127.0.0.1")
    server = redis_servers.Server(tmp_path, tls=(cert, key, certs.authority("ca")))
    started.append(server)
    gateways = gateways_on(member, server.url(), {"requests": "4/day"}, tls={"ca": str(certs.authority("ca"))})
    together(gateways)
    served(gateways[0])
    served(gateways[1])
    answers = spend(gateways, clients=2)
    assert sum(r.status == 200 for r in answers) == 2


# What docs/guide/limits.md says that a user needs, and no more.
RIGHTS = ("on >pw ~tg:* resetchannels -@all +info +select +client|setname +function|list +function|load +fcall +script|load +evalsha "
          "+cluster|slots +asking +time +hgetall +hset +hdel +expireat +persist +set +mget")


@pytest.mark.parametrize("functions", [True, False])
def test_a_user_with_the_rights_of_the_guide(member, billing, tmp_path, started, functions):  # noqa: F811
    rights = RIGHTS if functions else RIGHTS.replace("+function|list +function|load +fcall ", "")
    server = redis_servers.Server(tmp_path, lines=[f"user tollgate {rights}", "user default on nopass ~* +@all"])
    started.append(server)
    gateways = gateways_on(member, server.url(), {"requests": "4/day"}, username="tollgate", password="pw")
    together(gateways)
    answers = spend(gateways, clients=2)
    assert sum(r.status == 200 for r in answers) == 4
    assert bool(server.ask("FUNCTION", "LIST")) == functions
    denied = [line for line in server.ask("ACL", "LOG") or [] if not (not functions and "function" in str(line))]
    assert not denied, denied


def test_the_guide_has_these_rights():
    text = " ".join((ROOT / "docs" / "guide" / "limits.md").read_text().split())
    assert RIGHTS.replace("on >pw", "on >PASSWORD") in text


def test_tls_with_certificates_on_both_sides(member, tmp_path, started, certs):  # noqa: F811
    cert, key = certs.make("redis", "IP:127.0.0.1")
    mine, mine_key = certs.make("gw-1", "DNS:gw-1")
    server = redis_servers.Server(tmp_path, tls=(cert, key, certs.authority("ca")))
    started.append(server)
    server.kill()  # and from now on asks for ours
    server.conf.write_text(server.conf.read_text().replace("tls-auth-clients no", "tls-auth-clients yes"))
    server.start()
    files = {"ca": str(certs.authority("ca")), "certificate": str(mine), "key": str(mine_key)}
    gw = member("gw-1", ["gw-1"], server.url(), {"requests": "2/day"}, tls=files)
    together([gw])
    assert [ask(gw) for _ in range(3)] == [200, 200, 429]
    for name, wrong in (("gw-2", {"ca": str(certs.authority("other"))}), ("gw-3", {"ca": files["ca"]})):
        other = member(name, [name], server.url(), {"requests": "2/day"}, tls=wrong)
        wait_for(lambda: "certificate" in other.errors(), lambda: other.errors()[-2000:])
        assert ask(other) == 503
