"""What members tell each other of targets through Redis: one finds out, the others go by it without having tried; a
Redis that is killed or fed nonsense changes nothing but that; what a dead member said fades."""
import json
import signal
import threading

import pytest

from harness import MODEL, answer, chat, merged, standard_config, wait_for
from redis_servers import Lasting
from test_routing import Script, post, targets

MEMBERS = ["gw-1", "gw-2"]


@pytest.fixture
def redis(tmp_path):
    server = Lasting(tmp_path)
    yield server
    server.end()


@pytest.fixture
def house(launch, tmp_path, peer, redis):
    """A function: (gateways, first provider, second provider); the second is a spare unless told otherwise."""

    def start(weights=(1, 0), changes=None, share=None):
        first, second = Script(peer), Script(peer)
        gateways = []
        for name in MEMBERS:
            config = standard_config("127.0.0.1:9", tmp_path)
            config["targets"] = {
                "first": {"provider": "openai", "base_url": f"http://{first.address}", "weight": weights[0]},
                "second": {"provider": "openai", "base_url": f"http://{second.address}", "weight": weights[1]}}
            config["models"] = {MODEL: {"targets": ["first", "second"]}}
            config["redis"] = {"url": redis.url(), "members": MEMBERS}
            if share is not None:
                config["redis"]["share_targets"] = share
            config = merged(config, {
                "member": name, "workers": 1, "ledger": {"path": str(tmp_path / f"ledger-{name}")},
                "log": {"access": str(tmp_path / f"access-{name}.jsonl")}})
            gateways.append(launch(merged(config, changes or {}), name=name))
        for gw in gateways:
            wait_for(lambda: json.loads(gw.admin_get("/readyz").body)["redis"] == "up",
                     lambda: f"{gw.name} to be up: {gw.errors()[-2000:]}")
        return gateways, first, second

    return start


def model(gw, name="first"):
    return targets(gw)[name]["models"][0]


def to(gw):
    response = chat(gw.listen)
    assert response.status == 200, response
    return response.get("x-tollgate-target")


def test_a_wait_that_one_is_told_is_kept_by_all(house, redis):
    (one, two), first, second = house()
    first.say = answer({"error": {"message": "slow down"}}, "429 x", "retry-after: 600\r\n")
    assert to(one) == "second"
    wait_for(lambda: model(two)["limited_seconds"] > 500, lambda: f"the wait to be known: {model(two)}")
    assert model(two)["limited_seconds"] <= 602
    assert to(two) == "second" and first.asked == 1
    two.metric_is(1, "tollgate_target_peers_borrowed_total")
    # there the operator knows better, so nobody says it any more
    post(one, "/admin/v1/targets/enable", {"target": "first"})
    first.say = answer()
    wait_for(lambda: model(two)["limited_seconds"] == 0, "the wait to be over")
    assert to(two) == "first"


def test_a_target_that_fails_is_known_to_all(house, redis):
    """One opens its circuit; the other, which has not tried the target, leaves it alone, and finds out by itself when it
    may be asked again."""
    (one, two), first, second = house()
    first.say = answer({"error": {"message": "broken"}}, "500 x")
    for _ in range(6):
        assert to(one) == "second"
    assert first.asked == 5
    wait_for(lambda: model(two)["circuit"] != "closed", lambda: f"the circuit to be known: {model(two)}")
    if model(two)["circuit"] == "open":
        assert to(two) == "second" and first.asked == 5
    assert "other members find it failing" in two.errors()
    wait_for(lambda: model(two)["of_members"] >= 3 and model(two)["failures"] > 0.9, "the failures to be known")
    first.say = answer()
    wait_for(lambda: to(two) == "first", "the target to be tried", seconds=40)


def test_what_is_well_here_is_not_given_up_for_what_others_say(house):
    (one, two), first, second = house()
    for _ in range(5):
        assert to(two) == "first"
    first.say = answer({"error": {"message": "broken"}}, "500 x")
    for _ in range(6):
        to(one)
    first.say = answer()
    wait_for(lambda: model(two)["of_members"] >= 3, "the failures to be known")
    assert model(two)["circuit"] == "closed" and to(two) == "first"


def test_the_only_target_is_asked_whatever_others_say(house):
    (one, two), first, second = house(changes={"models": {MODEL: {"targets": ["first"]}}})
    first.say = answer({"error": {"message": "broken"}}, "500 x")
    for _ in range(6):
        assert chat(one.listen).status >= 500
    wait_for(lambda: model(two)["circuit"] != "closed", "the circuit to be known")
    first.say = answer()
    assert to(two) == "first"


def test_a_slow_target_is_known_to_all(house):
    """The faster of two is taken by a gateway that has asked neither."""
    (one, two), first, second = house(weights=(1, 1), changes={"models": {MODEL: {"route": "fast"}}})
    first.held.clear()
    wait_for(lambda: first_is_slow(one, first) and model(one, "second")["requests"] >= 8, "both to be known to one")
    wait_for(lambda: model(two)["first_token_ms"] > 100 and model(two, "second")["of_members"] >= 4,
             lambda: f"both to be known to two: {targets(two)}")
    assert model(two)["first_token_ms"] > model(two, "second")["first_token_ms"] * 3
    # one of 64 choices is by chance
    assert [to(two) for _ in range(8)].count("second") >= 7


def first_is_slow(gw, first):
    """Asks once; a request that waits at the first is let go after a while."""
    done = []
    thread = threading.Thread(target=lambda: done.append(chat(gw.listen)))
    thread.start()
    thread.join(.5)
    if not done:
        first.held.set()
        thread.join(30)
        first.held.clear()
    return model(gw)["first_token_ms"] > 100


def test_without_redis_all_go_on(house, redis):
    (one, two), first, second = house()
    first.say = answer({"error": {"message": "broken"}}, "500 x")
    for _ in range(6):
        to(one)
    wait_for(lambda: model(two)["of_members"] >= 3, "the failures to be known")
    redis.stop(signal.SIGKILL)
    first.say = answer()
    assert chat(one.listen).status == 200 and chat(two.listen).status == 200
    wait_for(lambda: two.metric("tollgate_target_peers") == 0, "the other to be silent", seconds=30)
    wait_for(lambda: to(two) == "first", "the target to be tried", seconds=60)
    redis.start()
    wait_for(lambda: two.metric("tollgate_target_peers") == 1, "the other to be heard again", seconds=30)


def test_what_a_dead_member_said_fades(house, redis):
    (one, two), first, second = house()
    first.say = answer({"error": {"message": "broken"}}, "500 x")
    for _ in range(6):
        to(one)
    wait_for(lambda: model(two)["of_members"] >= 3, "the failures to be known")
    one.signal(signal.SIGKILL)
    one.wait()
    wait_for(lambda: two.metric("tollgate_target_peers") == 0, "it to be silent", seconds=30)
    wait_for(lambda: redis.ask("EXISTS", "tg:{t}:gw-1") == 0, "its key to be gone", seconds=30)
    wait_for(lambda: model(two)["of_members"] < 3, "its figures to fade", seconds=60)


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"v":2,"from":"0123456789abcdef","seq":1,"spots":[]}',
                                  '{"v":1,"from":"0123456789abcdef","seq":1,"spots":[{"id":"' + "0" * 16 + '","g":-1}]}',
                                  "[" * 5000, "x" * 100000])
def test_nonsense_is_not_used(house, redis, text):
    """Whatever stands where the other's figures should."""
    (one, two), first, second = house()
    one.signal(signal.SIGKILL)
    one.wait()
    redis.ask("SET", "tg:{t}:gw-1", text)
    wait_for(lambda: two.metric("tollgate_target_peers_refused_total") > 0, "it to be seen")
    assert to(two) == "first" and json.loads(two.admin_get("/readyz").body)["redis"] == "up"
    assert model(two)["of_members"] == 0


def test_it_can_be_switched_off(house, redis):
    (one, two), first, second = house(share=False)
    first.say = answer({"error": {"message": "slow down"}}, "429 x", "retry-after: 600\r\n")
    assert to(one) == "second"
    assert redis.ask("EXISTS", "tg:{t}:gw-1") == 0
    calls = two.metric("tollgate_quota_syncs_total")
    wait_for(lambda: two.metric("tollgate_quota_syncs_total") > calls + 200, "a few seconds of calls", seconds=60)
    assert model(two)["limited_seconds"] == 0 and two.metric("tollgate_target_peers") == 0
    assert "cmdstat_mget" not in redis.ask("INFO", "commandstats")
    assert to(two) == "second" and first.asked == 2


def test_it_costs_two_commands_a_second(house, redis):
    (one, two), first, second = house()
    to(one)
    wait_for(lambda: two.metric("tollgate_target_peers") == 1, "the other to be heard")

    def count():
        stats = redis.ask("INFO", "commandstats")
        calls = {line.split(":")[0]: int(line.split("calls=")[1].split(",")[0])
                 for line in stats.splitlines() if line.startswith("cmdstat_")}
        return calls.get("cmdstat_mget", 0), calls.get("cmdstat_set", 0), two.metric("tollgate_uptime_seconds")

    before = count()
    wait_for(lambda: count()[0] >= before[0] + 6, "a few seconds of calls", seconds=60)
    after = count()
    for _ in range(50):
        to(two)
    seconds = after[2] - before[2] + 1
    assert after[0] - before[0] <= 2 * seconds + 2 and after[1] - before[1] <= 2 * seconds + 2
