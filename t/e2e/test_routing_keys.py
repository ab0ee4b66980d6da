"""Targets with several keys: which one a request takes, what a provider says of one key is no other's, and no key is
ever printed."""

import json
import subprocess
import threading

import pytest

from harness import (BUILD, MODEL, answer, chat, merged, read_request, standard_config, wait_for)

TGCTL = BUILD / "tgctl"
A, B, C = "sk-secret-of-a-0123456789", "sk-secret-of-b-0123456789", "sk-secret-of-c-0123456789"
SECRETS = {"a": A, "b": B, "c": C}
MONEY = answer({"error": {"message": "You exceeded your current quota", "type": "insufficient_quota",
                          "code": "insufficient_quota"}}, "429 x")
REFUSED = answer({"error": {"message": "no", "type": "invalid_request_error", "code": "invalid_api_key"}}, "401 x")
LIMITED = answer({"error": {"message": "slow down"}}, "429 x", "retry-after: 60\r\n")


class Keyed:
    """A provider that answers by the key it is shown, and counts by it; its connections, too."""

    def __init__(self, peer):
        self.say, self.asked, self.connections, self.lock = {}, [], 0, threading.Lock()
        self.address = peer(self.serve).address

    def serve(self, sock):
        with self.lock:
            self.connections += 1
        while True:
            request = read_request(sock)
            if request is None:
                return
            head = request[0]
            key = next((k for k, secret in SECRETS.items() if f"Bearer {secret}\r\n" in head + "\r\n"), None)
            with self.lock:
                self.asked.append(key)
            sock.sendall(self.say.get(key, answer()))


@pytest.fixture
def pool(launch, tmp_path, peer):
    """A function: (gateway, provider with the keys, another provider that is a spare)."""

    def start(keys=("a", "b"), weights=None, changes=None):
        first, spare = Keyed(peer), Keyed(peer)
        config = standard_config("127.0.0.1:9", tmp_path)
        config["workers"] = 1
        config["targets"] = {
            "first": {"provider": "openai", "base_url": f"http://{first.address}",
                      "keys": [{"id": k, "key": SECRETS[k], "weight": (weights or {}).get(k, 1)} for k in keys]},
            "spare": {"provider": "openai", "base_url": f"http://{spare.address}", "weight": 0}}
        config["models"] = {MODEL: {"targets": ["first", "spare"]}}
        return launch(merged(config, changes or {})), first, spare

    return start


def target(gw, name="first"):
    return next(t for t in gw.admin_get("/admin/v1/targets").json["targets"] if t["name"] == name)


def key_states(gw):
    return {k["id"]: k["state"] for k in target(gw)["keys"]}


def nothing_is_told(gw):
    """No key in any log or page."""
    texts = [gw.errors(), gw.access_path().read_text(), json.dumps(gw.admin_get("/admin/v1/targets").json)]
    for secret in SECRETS.values():
        assert not any(secret in text for text in texts)


def test_keys_are_taken_by_weight_on_the_same_connections(pool):
    gw, first, _ = pool(weights={"a": 3, "b": 1})
    for _ in range(120):
        assert chat(gw.listen).status == 200
    # 90 expected; 6 standard deviations are 28
    assert 62 <= first.asked.count("a") <= 118 and set(first.asked) == {"a", "b"}
    assert first.connections == 1
    lines = gw.wait_lines(120)
    assert [line["provider_key"] for line in lines] == first.asked
    nothing_is_told(gw)


@pytest.mark.parametrize("says, state, counter", [
    (REFUSED, "refused", "tollgate_target_key_refused_total"),
    (MONEY, "refused", "tollgate_target_key_refused_total"),
    (LIMITED, "limited", "tollgate_target_key_limited_total")])
def test_what_is_said_of_one_key_is_no_other_ones(pool, says, state, counter):
    """The request goes on with the other key, at the same target; the next ones leave the first alone."""
    gw, first, spare = pool(weights={"a": 1000, "b": 1})
    first.say["a"] = says
    for _ in range(6):
        response = chat(gw.listen)
        assert response.status == 200 and response.get("x-tollgate-target") == "first"
    assert first.asked.count("a") == 1 and first.asked.count("b") == 6 and spare.asked == []
    assert key_states(gw) == {"a": state, "b": "up"} and target(gw)["state"] == "up"
    gw.metric_is(1, "tollgate_upstream_key_switches_total")
    gw.metric_is(1, counter, target="first", key="a")
    gw.metric_is(0, "tollgate_target_key_up", target="first", key="a")
    gw.metric_is(1, "tollgate_target_key_up", target="first", key="b")
    gw.metric_is(1, "tollgate_target_up", target="first")
    gw.metric_is(0, "tollgate_upstream_failovers_total")
    assert ("provider_key=a" in gw.errors()) == (state == "refused")
    lines = gw.wait_lines(6)
    assert {line["provider_key"] for line in lines} == {"b"} and lines[0]["attempts"] == 2
    nothing_is_told(gw)


def test_another_target_when_no_key_is_left(pool):
    gw, first, spare = pool()
    first.say = {"a": LIMITED, "b": REFUSED}
    for _ in range(3):
        response = chat(gw.listen)
        assert response.status == 200 and response.get("x-tollgate-target") == "spare"
    assert sorted(first.asked) == ["a", "b"] and len(spare.asked) == 3
    assert key_states(gw) == {"a": "limited", "b": "refused"}
    assert "provider_key" not in gw.wait_lines(3)[0]
    nothing_is_told(gw)


def test_all_refused_is_the_target_refused_until_the_operator_says_so(pool):
    gw, first, spare = pool(keys=("a", "b", "c"))
    first.say = {k: REFUSED for k in "abc"}
    assert chat(gw.listen).get("x-tollgate-target") == "spare"
    assert sorted(first.asked) == ["a", "b", "c"] and target(gw)["state"] == "refused"
    listed = subprocess.run([TGCTL, "targets", "list", "--admin", gw.admin], capture_output=True, text=True, check=True)
    assert "0/3" in listed.stdout
    done = subprocess.run([TGCTL, "targets", "enable", "first", "--admin", gw.admin], capture_output=True, text=True)
    assert done.returncode == 0 and "first is up" in done.stdout
    first.say = {}
    assert chat(gw.listen).get("x-tollgate-target") == "first"
    assert set(key_states(gw).values()) == {"up"}


def test_a_refused_key_is_tried_again_after_a_while(pool):
    gw, first, _ = pool(weights={"a": 1000, "b": 1})
    first.say["a"] = REFUSED
    assert chat(gw.listen).status == 200
    first.say = {}

    def is_back():
        assert chat(gw.listen).status == 200
        return first.asked.count("a") >= 2

    wait_for(is_back, "key a to be asked again")
    assert key_states(gw)["a"] == "up"


def test_another_key_of_the_same_id_is_not_refused(pool):
    """A reload brings a new secret: what was refused was the old one."""
    gw, first, _ = pool(weights={"a": 1000, "b": 1})
    first.say["a"] = REFUSED
    assert chat(gw.listen).status == 200 and key_states(gw)["a"] == "refused"
    config = json.loads(json.dumps(gw.config))
    config["targets"]["first"]["keys"][0]["key"] = C
    gw.reload(config)
    wait_for(lambda: key_states(gw)["a"] == "up", "the new key to be up")
    assert chat(gw.listen).status == 200 and first.asked[-1] == "c"


def test_the_client_never_sees_that_the_last_key_is_refused(pool):
    gw, first, _ = pool(keys=("a",), changes={"models": {MODEL: {"targets": ["first"]}}})
    first.say["a"] = REFUSED
    response = chat(gw.listen)
    assert response.status == 502 and A not in response.body.decode()
    assert first.asked == ["a"]
    nothing_is_told(gw)


BAD_KEY = answer({"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.",
                            "status": "INVALID_ARGUMENT",
                            "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID",
                                         "domain": "googleapis.com"}]}}, "400 x")
BAD_REQUEST = answer({"error": {"code": 400, "message": "Invalid value", "status": "INVALID_ARGUMENT"}}, "400 x")
GEMINI = {"candidates": [{"content": {"parts": [{"text": "hi"}], "role": "model"}, "finishReason": "STOP"}],
          "usageMetadata": {"promptTokenCount": 2, "candidatesTokenCount": 1, "totalTokenCount": 3}}


@pytest.fixture
def google(launch, tmp_path, peer):
    """A function: (gateway, what was asked with which key); say[key]: what it answers."""

    def start(say, target):
        asked = []

        def serve(sock):
            while True:
                request = read_request(sock)
                if request is None:
                    return
                key = next((k for k, secret in SECRETS.items() if f": {secret}\r\n" in request[0] + "\r\n"), None)
                asked.append(key)
                sock.sendall(say.get(key, answer(GEMINI)))

        config = standard_config("127.0.0.1:9", tmp_path)
        config["workers"] = 1
        config["targets"] = {"first": {"provider": "gemini", "base_url": f"http://{peer(serve).address}", **target}}
        config["models"] = {MODEL: {"targets": ["first"]}}
        return launch(config), asked

    return start


def test_a_key_that_google_does_not_know(google):
    """It says 400 for it, which is not about the request: another key is taken, and the bad one left alone."""
    gw, asked = google({"a": BAD_KEY}, {"keys": [{"id": "a", "key": A}, {"id": "b", "key": B}]})
    wait_for(lambda: chat(gw.listen).status != 200 or "a" in asked, "a request with a")
    assert [chat(gw.listen).status for _ in range(3)] == [200, 200, 200]
    assert asked.count("a") == 1
    assert key_states(gw) == {"a": "refused", "b": "up"}
    assert "provider key refused" in gw.errors()
    nothing_is_told(gw)


def test_the_only_key_is_not_known_at_google(google):
    """The client is not at fault, and does not see what was said of our key."""
    gw, asked = google({"a": BAD_KEY}, {"key": A})
    response = chat(gw.listen)
    assert response.status == 502 and "refused the gateway's credentials" in response.body.decode()
    assert "API_KEY" not in response.body.decode() and target(gw)["state"] == "refused"


def test_what_is_the_clients_fault_at_google_stays_so(google):
    gw, asked = google({"a": BAD_REQUEST, "b": BAD_REQUEST}, {"keys": [{"id": "a", "key": A}, {"id": "b", "key": B}]})
    assert chat(gw.listen).status == 400
    assert len(asked) == 1 and key_states(gw) == {"a": "up", "b": "up"}


def test_googles_only_target_says_when_to_come_back(google):
    """In the body of a 429, which is read although the request can go nowhere else."""
    limited = answer({"error": {"code": 429, "message": "x", "status": "RESOURCE_EXHAUSTED",
                                "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo",
                                             "retryDelay": "50s"}]}}, "429 x")
    gw, asked = google({"a": limited}, {"key": A})
    assert chat(gw.listen).status == 429
    assert 40 < target(gw)["models"][0]["limited_seconds"] <= 50
