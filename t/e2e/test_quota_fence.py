"""A member of shared limits that does not come back: the others wait for it, until an operator says otherwise; and what
`tgctl quota` says of shared limits."""
import fractions
import json
import signal
import subprocess

import pytest

from harness import BUILD, chat, merged, wait_for
from test_quota_redis import billed, billing, check_cap, cost, member, redis, redis_word, spend, together # noqa: F401, fixtures

F = fractions.Fraction
NAMES = ["gw-1", "gw-2"]
LIMITS = {"cost": "0.02 usd/month"}


def tgctl(gw, *arguments):
    return subprocess.run([str(BUILD / "tgctl"), "quota", *map(str, arguments), "--admin", gw.admin, "-c",
                           str(gw.config_path)], capture_output=True, text=True, timeout=60)


def fence(gw, *arguments):
    done = tgctl(gw, "fence", *arguments, "--why", "its disk burnt")
    assert done.returncode == 0, done.stderr
    return done.stdout


def lost(member, server):
    """Two gateways that have spent a little; the second is gone, and then so is what Redis knew."""
    gateways = [member(name, NAMES, server, LIMITS) for name in NAMES]
    together(gateways)
    answers = [chat(gw.listen, max_tokens=100) for gw in gateways for _ in range(3)]
    assert {r.status for r in answers} == {200}
    gateways[1].signal(signal.SIGKILL)
    gateways[1].wait()
    server.ask("FLUSHALL")
    wait_for(lambda: redis_word(gateways[0]) == "learning", "it waits for the other one")
    return gateways[0], answers


@pytest.mark.parametrize("assume", ["spent", "settled"])
def test_a_fence_lets_the_others_go_on(member, redis, billing, assume):
    gw, answers = lost(member, redis())
    # what it still has it spends, and then it does not know
    while answers[-1].status == 200 and len(answers) < 400:
        answers.append(chat(gw.listen, max_tokens=100))
    assert {r.status for r in answers} == {200, 503} and answers[-1].status == 503
    assert "counts as spent" in fence(gw, "gw-2", "--assume", assume)
    wait_for(lambda: redis_word(gw) == "up", "nobody is waited for any more")
    answers += spend([gw], clients=4)
    # nobody knows what gw-2 had when Redis forgot it: with `spent` that is all that gw-1 had not said was its own,
    # with `settled` nothing, so that what it spent may be spent once more
    if assume == "spent":
        check_cap(billing, answers, F("0.02"), least=F("0.01"))
    else:
        assert F("0.02") * F("0.95") <= billed(billing) <= F("0.02") + cost(answers[3:6])


def test_it_comes_back(member, redis, billing):
    server = redis()
    gw, answers = lost(member, server)
    fence(gw, "gw-2")
    wait_for(lambda: redis_word(gw) == "up", "nobody is waited for any more")
    back = member("gw-2", NAMES, server, LIMITS)
    wait_for(lambda: "fenced" in back.errors(), "it is told")
    r = chat(back.listen, max_tokens=100)
    assert r.status == 503 and r.json["error"]["code"] == "quota_unavailable"
    assert "may come back" in fence(gw, "gw-2", "--off")
    together([gw, back])
    answers += spend([gw, back])
    check_cap(billing, answers, F("0.02"))
    for g in (gw, back):
        done = tgctl(g, "verify", "--json")
        out = json.loads(done.stdout)
        rules = {rule["rule"]: rule for rule in out["rules"]}
        assert out["ok"] and rules["shared"]["checked"] > 0 and rules["grant"]["checked"] > 0, out


@pytest.mark.parametrize("arguments, says", [
    (["gw-3"], "gw-3"), (["gw-2", "--assume", "nothing"], "--assume"), ([], "MEMBER"),
    (["gw-2", "--off", "--assume", "spent"], "not both"),
])
def test_bad_words(member, redis, arguments, says):
    gw = member("gw-1", NAMES, redis(), LIMITS)
    done = tgctl(gw, "fence", *arguments, "--why", "x")
    assert done.returncode in (1, 2) and says in done.stderr, done.stderr


def test_a_gateway_alone(gateway):
    gw = gateway()
    done = tgctl(gw, "fence", "gw-2", "--why", "x")
    assert done.returncode == 1 and "not shared" in done.stderr
