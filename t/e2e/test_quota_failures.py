"""The failure matrix: what a limit does while Redis is away or the ledger's disk is full, by what the tier says."""
import resource
import signal
import time

import pytest

from harness import KEY, Client, chat, chat_body, merged, wait_for
from test_quota_redis import billing, member, redis, redis_word, together # noqa: F401, fixtures

TIER = {"tenants": {"acme": {"tier": "t"}}}


def tier(**words):
    return {"tiers": {"t": words}, **TIER}


def until_unknown(gw, most=400):
    """Requests until one of them was not served: how many were, and the answer."""
    for n in range(most):
        r = chat(gw.listen, max_tokens=100)
        if r.status != 200:
            return n, r
    return most, None


def cut_off(server, gateways):
    server.stop(signal.SIGKILL)
    for gw in gateways:
        wait_for(lambda gw=gw: redis_word(gw) == "down", "it has noticed")


def over(gw, dimension="requests"):
    return gw.metric("tollgate_quota_over", dimension=dimension)


def settled_down(server, seconds=5):
    """Nobody is granted anything any more, and everybody has looked since (twice in `revalidate`)."""
    def sums():
        return [(a["G"], a["S"]) for _, a in sorted(server.accounts().items())]

    seen, since = sums(), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(.2)
        if sums() != seen:
            seen, since = sums(), time.monotonic()


def told(server):
    """What Redis knows to be settled of the limit on requests."""
    return next((int(a["S"]) for name, a in server.accounts().items() if "/requests/" in name), 0)


# what the tier says, members, the limits -> in which dimension, how much beyond what was granted
CELLS = [
    ({}, 1, {"requests": "100000/day"}, 0),
    ({"without_redis": {"tokens": "open"}}, 1, {"requests": "100000/day"}, 0), # another dimension's
    ({"without_redis": {"requests": "open"}}, 1, {"requests": "2000/day"}, 20), # 1 %, unless it says otherwise
    ({"without_redis": {"requests": "open"}, "offline_allowance": {"share": "100%", "requests": 30}}, 1,
     {"requests": "100000/day"}, 30),
    ({"without_redis": {"requests": "open"}, "offline_allowance": {"requests": 30}}, 2, {"requests": "100000/day"}, 15),
    ({"without_redis": {"requests": "open"}}, 1, {"requests": "100000/day", "cost": "1 usd/day"}, None), # money is closed
]


@pytest.mark.parametrize("says,n,limits,beyond", CELLS)
def test_without_redis(member, redis, says, n, limits, beyond):
    server, names = redis(), [f"gw-{i}" for i in range(n)]
    gateways = [member.launch(merged(member.config(name, names, server, limits), tier(**says)), name=name)
                for name in names]
    together(gateways)
    assert {chat(gw.listen, max_tokens=100).status for gw in gateways} == {200}
    cut_off(server, gateways)
    served = 0
    for gw in gateways:
        count, refused = until_unknown(gw)
        assert refused.status == 503 and refused.json["error"]["code"] == "quota_unavailable" and refused.get("retry-after")
        served += count
        if beyond is not None:
            assert over(gw) == beyond
            assert (gw.metric("tollgate_quota_offline_total") > 0) == (beyond > 0)
        else:
            assert over(gw, "cost") == 0
    server.start()
    together(gateways)
    for gw in gateways: # it is served again, and all that was let in counts
        wait_for(lambda gw=gw: chat(gw.listen, max_tokens=100).status == 200, "it is served again")
    wait_for(lambda: told(server) == 2 * n + served, "all of it counts")


def test_a_part_of_what_was_left(member, redis):
    """local: all together stay within the limit, and can use what of it was free, without a word between them."""
    server, names = redis(), ["gw-1", "gw-2"]
    gateways = [member.launch(merged(member.config(name, names, server, {"requests": "100/day"}),
                                     {"redis": {"revalidate": "4s"}, **tier(without_redis={"requests": "local"})}), name=name)
                for name in names]
    together(gateways)
    answers = [chat(gateways[i % 2].listen, max_tokens=100) for i in range(10)]
    assert {r.status for r in answers} == {200}
    settled_down(server)
    cut_off(server, gateways)
    served = [until_unknown(gw)[0] for gw in gateways]
    assert min(served) > 0 and 60 <= 10 + sum(served) <= 100, served


def fill_disk(gw):
    """No file may grow; requests until the journal is full. Whoever calls sets the limit back."""
    old = resource.prlimit(gw.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gw.pid, resource.RLIMIT_FSIZE, (0, old[1]))
    return old


@pytest.mark.parametrize("word,limits,served", [
    ("closed", {"requests": "100000/day"}, False),
    ("open", {"requests": "100000/day", "tokens": "100000000/day"}, True),
    ("open", {"cost": "100 usd/day"}, False),
])
def test_without_the_ledger(gateway, word, limits, served):
    gw = gateway(merged({"workers": 1, "ledger": {"segment": "256k"}, "tenants": {"acme": {"limits": limits}}},
                        tier(without_ledger=word)))
    assert chat(gw.listen).status == 200
    old = fill_disk(gw)
    unrecorded, refused = lambda: gw.metric("tollgate_ledger_unrecorded_total"), None
    with Client(gw.listen) as c:
        for n in range(5000):
            response = c.request("POST", "/v1/chat/completions", chat_body(), key=KEY)
            if response.status != 200 or (n % 100 == 99 and unrecorded() >= 50):
                refused = response.status != 200
                break
        assert refused is (not served)
        gw.metric_is(1, "tollgate_ledger_failing")
        if served:
            assert response.status == 200 and unrecorded() >= 50
        else:
            assert response.status == 503 and response.json["error"]["code"] == "ledger_unavailable" and unrecorded() == 0
        resource.prlimit(gw.pid, resource.RLIMIT_FSIZE, old)
        wait_for(lambda: c.request("POST", "/v1/chat/completions", chat_body(), key=KEY).status == 200, "it is served again")
    gw.metric_is(0, "tollgate_ledger_failing")
