"""The choice of a target through the whole gateway: what providers say about themselves, fallbacks, rules, drained
targets, capacity; and what explains it."""

import fractions
import json
import subprocess
import threading
import time

import pytest

from harness import (BUILD, KEY, MODEL, Client, Simulator, answer, chat, free_port, merged, read_request,
                     standard_config, wait_for)

TGCTL = BUILD / "tgctl"
CONTEXT = {"error": {"message": "This model's maximum context length is 8192 tokens.", "type": "invalid_request_error",
                     "param": "messages", "code": "context_length_exceeded"}}
POLICY = {"error": {"message": "filtered", "type": None, "code": "content_filter", "status": 400}}
MONEY = {"error": {"message": "You exceeded your current quota", "type": "insufficient_quota",
                   "code": "insufficient_quota"}}


class Script:
    """A provider that says what it is told to, and counts."""

    def __init__(self, peer):
        self.say, self.asked, self.models = answer(), 0, []
        self.held = threading.Event()
        self.held.set()
        self.address = peer(self.serve).address

    def serve(self, sock):
        while True:
            request = read_request(sock)
            if request is None:
                return
            self.asked += 1
            self.models.append(json.loads(request[1])["model"])
            self.held.wait(30)
            sock.sendall(self.say)


@pytest.fixture
def two(launch, tmp_path, peer):
    """A function: (gateway, first provider, second provider); the second is a spare unless told otherwise."""

    def start(changes=None, weights=(1, 0)):
        first, second = Script(peer), Script(peer)
        config = standard_config("127.0.0.1:9", tmp_path)
        config["targets"] = {
            "first": {"provider": "openai", "base_url": f"http://{first.address}", "weight": weights[0], "region": "eu"},
            "second": {"provider": "openai", "base_url": f"http://{second.address}", "weight": weights[1], "region": "us"}}
        config["models"] = {MODEL: {"targets": ["first", "second"]}}
        return launch(merged(config, changes or {})), first, second

    return start


def targets(gw):
    return {t["name"]: t for t in gw.admin_get("/admin/v1/targets").json["targets"]}


def post(gw, path, body):
    with Client(gw.admin) as c:
        return c.request("POST", path, body)


def test_a_rate_limit_keeps_requests_away_and_is_no_failure(two):
    gw, first, second = two()
    first.say = answer({"error": {"message": "slow down"}}, "429 x", "retry-after: 60\r\n")
    for _ in range(5):
        response = chat(gw.listen)
        assert response.status == 200 and response.get("x-tollgate-target") == "second"
    assert first.asked == 1 and second.asked == 5
    model = targets(gw)["first"]["models"][0]
    assert 50 < model["limited_seconds"] <= 60 and model["circuit"] == "closed"
    assert targets(gw)["first"]["state"] == "up"
    gw.metric_is(1, "tollgate_target_limited_total", target="first")


def test_what_is_left_says_when_to_stay_away(two):
    gw, first, second = two()
    first.say = answer(more="x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 30s\r\n")
    assert chat(gw.listen).get("x-tollgate-target") == "first"
    assert chat(gw.listen).get("x-tollgate-target") == "second"


@pytest.mark.parametrize("chunked", [False, True])
def test_an_account_without_money_is_left_alone(two, chunked):
    """429 insufficient_quota is no rate limit; the whole body is read for that, in whatever framing."""
    gw, first, second = two()
    body = json.dumps(MONEY).encode()
    first.say = answer(MONEY, "429 x")
    if chunked:
        half = len(body) // 2
        first.say = b"HTTP/1.1 429 x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n" + \
            b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:half], body[half:])) + b"0\r\n\r\n"
    for _ in range(3):
        assert chat(gw.listen).get("x-tollgate-target") == "second"
    assert first.asked == 1
    assert targets(gw)["first"]["state"] == "refused"
    gw.metric_is(1, "tollgate_target_refused_total", target="first")
    gw.metric_is(0, "tollgate_target_up", target="first")
    assert "account refused" in gw.errors()
    # the operator has paid
    assert post(gw, "/admin/v1/targets/enable", {"target": "first"}).json["state"] == "up"
    first.say = answer()
    assert chat(gw.listen).get("x-tollgate-target") == "first"


def test_the_only_account_is_without_money(two):
    """Its 429 is passed on, and known to be no rate limit."""
    gw, first, second = two({"models": {MODEL: {"targets": ["first"]}}})
    first.say = answer(MONEY, "429 x")
    response = chat(gw.listen)
    assert response.status == 429 and response.json["error"]["code"] == "insufficient_quota"
    assert targets(gw)["first"]["state"] == "refused" and "account refused" in gw.errors()
    # a rate limit is none of that
    post(gw, "/admin/v1/targets/enable", {"target": "first"})
    first.say = answer({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, "429 x", "retry-after: 60\r\n")
    assert chat(gw.listen).status == 429
    assert targets(gw)["first"]["state"] == "up" and targets(gw)["first"]["models"][0]["limited_seconds"] > 50


def test_an_error_that_stops_in_the_middle_is_passed_on(two):
    """The rest of it is waited for, but not for ever."""
    gw, first, second = two({"models": {"other": {"targets": ["second"]}, MODEL: {"fallback": ["other"]}}})
    first.say = answer(CONTEXT, "400 x", "connection: close\r\n")[:-20]
    with Client(gw.listen) as c:
        c.send_request("POST", "/v1/chat/completions", {"model": MODEL, "messages": []}, (), KEY)
        response = c.read_head()
        assert response.status in (400, 502)
    assert second.asked == 0


@pytest.mark.parametrize("error, falls", [(CONTEXT, True), (POLICY, True), ({"error": {"message": "no"}}, False)])
def test_a_model_falls_back(two, error, falls):
    gw, first, second = two({"models": {
        "larger": {"targets": [{"target": "second", "model": "larger-one"}]},
        MODEL: {"targets": ["first"], "fallback": ["larger"]}}})
    first.say = answer(error, "400 Bad Request")
    response = chat(gw.listen)
    if falls:
        assert response.status == 200 and response.get("x-tollgate-target") == "second"
        assert second.models == ["larger-one"]
        gw.metric_is(1, "tollgate_upstream_fallbacks_total")
    else:
        assert response.status == 400 and response.json == error and second.asked == 0
    # a client's mistake is no failure of the target
    assert targets(gw)["first"]["models"][0]["circuit"] == "closed"


def test_a_model_falls_back_when_its_targets_fail_and_only_where_the_key_may(two):
    changes = {"models": {"other": {"targets": ["second"]}, "secret": {"targets": ["second"]},
                          MODEL: {"targets": ["first"], "fallback": ["secret", "other"]}}}
    gw, first, second = two(changes)
    config = merged(gw.config, {})
    config["tenants"]["acme"]["keys"][0]["models"] = [MODEL, "other"]
    gw.reload(config)
    first.say = b"HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n"
    response = chat(gw.listen)
    assert response.status == 200 and response.get("x-tollgate-attempts") == "2" and second.models == ["other"]
    config["tenants"]["acme"]["keys"][0]["models"] = [MODEL]
    gw.reload(config)
    assert chat(gw.listen).status == 500


def test_rules(two):
    gw, first, second = two({"models": {"small": {"targets": [{"target": "second", "model": "s"}]}}, "rules": [
        {"match": {"prompt_tokens": "<200", "tools": "false"}, "when_model": "auto", "use": "small"},
        {"when_model": "auto", "use": MODEL}]})
    assert chat(gw.listen, model="auto").status == 200
    assert second.models == ["s"] and first.asked == 0
    assert chat(gw.listen, model="auto", content="x " * 2000).status == 200
    assert first.models == [MODEL]
    tool = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    assert chat(gw.listen, model="auto", tools=tool).status == 200
    assert first.asked == 2
    assert chat(gw.listen, model="automatic").status == 404
    gw.reload(merged(gw.config, {"rules": [{"match": {"stream": "true"}, "use": "small"}]}))
    asked = second.asked
    assert chat(gw.listen).get("x-tollgate-target") == "first"
    assert chat(gw.listen, stream=True).get("x-tollgate-target") == "second" and second.asked == asked + 1


def test_draining_a_target(two):
    gw, first, second = two()
    assert chat(gw.listen).get("x-tollgate-target") == "first"
    assert post(gw, "/admin/v1/targets/drain", {"target": "first"}).status == 200
    assert gw.admin_get("/readyz").json["targets"] == {"first": "drained", "second": "up"}
    for _ in range(5):
        assert chat(gw.listen).get("x-tollgate-target") == "second"
    gw.reload(gw.config)  # it stays so
    assert chat(gw.listen).get("x-tollgate-target") == "second"
    assert post(gw, "/admin/v1/targets/drain", {"target": "second"}).status == 200
    response = chat(gw.listen)
    assert response.status == 503 and response.json["error"]["code"] == "no_target"
    assert post(gw, "/admin/v1/targets/drain", {"target": "third"}).status == 404
    assert post(gw, "/admin/v1/targets/enable", {"target": "first"}).status == 200
    assert chat(gw.listen).get("x-tollgate-target") == "first"


def test_a_target_takes_as_many_as_it_may(two):
    """Two at once go to the first, a third to the second; when that may take none, 503 with Retry-After."""
    gw, first, second = two({"targets": {"first": {"limits": {"concurrency": 2}},
                                         "second": {"limits": {"requests": "1/m"}}}})
    first.held.clear()
    with Client(gw.listen) as a, Client(gw.listen) as b:
        for n, c in ((1, a), (2, b)):
            c.send_request("POST", "/v1/chat/completions", {"model": MODEL, "messages": []}, (), KEY)
            wait_for(lambda: first.asked == n, "the provider to be asked")
        assert targets(gw)["first"]["concurrency"] == {"used": 2, "limit": 2}
        assert chat(gw.listen).get("x-tollgate-target") == "second"
        response = chat(gw.listen)
        assert response.status == 503 and response.get("retry-after") is not None
        first.held.set()
        assert a.response().status == 200 and b.response().status == 200
    wait_for(lambda: targets(gw)["first"]["concurrency"]["used"] == 0, "all to be over")
    assert chat(gw.listen).get("x-tollgate-target") == "first"


def test_explain(two):
    gw, first, second = two({"models": {MODEL: {"route": "balanced"}}}, weights=(1, 1))
    response = chat(gw.listen, headers={"x-tollgate-explain": "1"})
    said = response.get("x-tollgate-route")
    assert said.startswith(f"model {MODEL}, route balanced, to {response.get('x-tollgate-target')}: "), said
    assert "first" in said and "second" in said and " total 0.0" in said
    assert chat(gw.listen).get("x-tollgate-route") is None
    response = chat(gw.listen, headers={"x-tollgate-explain": "1", "x-tollgate-route": "fast"})
    assert ", route fast, " in response.get("x-tollgate-route")
    response = chat(gw.listen, headers={"x-tollgate-route": "quick"})
    assert response.status == 400 and response.json["error"]["code"] == "invalid_route"
    page = gw.admin_get(f"/admin/v1/route/explain?tenant=acme&model={MODEL}&tokens=2000&output=100").json
    assert page["route"] == "balanced" and page["pick"] in ("first", "second")
    assert [c["target"] for c in page["candidates"]] == ["first", "second"]
    for c in page["candidates"]:
        # 2,000 tokens at 0.15 USD a million and 100 at 0.60
        assert c["expected"]["cost_usd"] == "0.00036" and c["skipped"] == []
        assert float(c["score_usd"]["total"]) > 0
    assert gw.admin_get("/admin/v1/route/explain?model=nobody").status == 404
    assert gw.admin_get("/admin/v1/route/explain?mode=x").status == 400


def test_the_cheaper_and_the_faster_one(launch, tmp_path, simulator):
    """Two real (simulated) providers: one slow, one dear. Each preset sends nearly all to its own favourite."""
    slow, quick = simulator("--ttft", "150ms", "--key", "x"), simulator()
    config = standard_config("127.0.0.1:9", tmp_path)
    config["targets"] = {
        "cheap": {"provider": "openai", "base_url": f"http://{slow.listen}", "key": "x"},
        "dear": {"provider": "openai", "base_url": f"http://{quick.listen}", "key": config["targets"]["openai"]["key"]}}
    config["models"] = {MODEL: {"targets": [{"target": "cheap", "model": "gpt-4o-mini"},
                                            {"target": "dear", "model": "gpt-4o"}]}}
    gw = launch(config)
    for preset, favourite in (("cheap", "cheap"), ("fast", "dear")):
        got = [chat(gw.listen, headers={"x-tollgate-route": preset}).get("x-tollgate-target") for _ in range(40)]
        assert got[10:].count(favourite) >= 25, (preset, got)


def tgctl(gw, *words):
    return subprocess.run([TGCTL, *words, "--admin", gw.admin], capture_output=True, text=True)


def test_the_command_line(two):
    gw, first, second = two({"models": {MODEL: {"route": "cheap"}}}, weights=(1, 1))
    run = tgctl(gw, "route", "explain", "--tenant", "acme", "--model", MODEL, "--tokens", "2000", "--output", "100")
    assert run.returncode == 0 and "route cheap" in run.stdout and "0.00036" in run.stdout, run
    told = json.loads(tgctl(gw, "route", "explain", "--model", MODEL, "--json").stdout)
    assert told["pick"] in ("first", "second")
    run = tgctl(gw, "targets", "drain", "first")
    assert run.returncode == 0 and run.stdout == "first is drained\n"
    run = tgctl(gw, "targets", "list")
    assert run.returncode == 0 and "drained" in run.stdout and "second" in run.stdout
    told = json.loads(tgctl(gw, "route", "explain", "--model", MODEL, "--json").stdout)
    assert told["pick"] == "second" and told["candidates"][0]["skipped"][0]["reason"] == "drained"
    assert tgctl(gw, "targets", "enable", "first").stdout == "first is up\n"
    for words, code in (("targets drain frist", 1), ("targets drain", 2), ("targets lust", 2), ("route explain", 2),
                        ("route explain --model nobody", 1), ("route", 2)):
        run = tgctl(gw, *words.split())
        assert run.returncode == code and run.stderr.startswith("tgctl "), (words, run)
    assert "did you mean `first`?" in tgctl(gw, "targets", "drain", "frist").stderr


class Load:
    """Threads that send chat requests one after the other on kept connections, `rate` a second in all."""

    def __init__(self, gw, rate, threads=6):
        self.gw, self.rate = gw, rate
        self.lock, self.stop = threading.Lock(), threading.Event()
        self.sent, self.bad, self.cost, self.by_target = 0, [], fractions.Fraction(0), {}
        self.began = time.monotonic()
        self.threads = [threading.Thread(target=self.run) for _ in range(threads)]
        for t in self.threads:
            t.start()

    def run(self):
        with Client(self.gw.listen, timeout=60) as c:
            while not self.stop.is_set():
                with self.lock:
                    self.sent += 1
                    due = self.began + self.sent / self.rate
                if due > time.monotonic():
                    time.sleep(due - time.monotonic())
                response = c.request("POST", "/v1/chat/completions", {"model": MODEL, "messages": [
                    {"role": "user", "content": "hi"}]}, (), KEY)
                with self.lock:
                    if response.status != 200:
                        self.bad.append(response)
                        continue
                    self.cost += fractions.Fraction(response.get("x-tollgate-cost-usd"))
                    name = response.get("x-tollgate-target")
                    self.by_target[name] = self.by_target.get(name, 0) + 1

    def served(self, name):
        with self.lock:
            return self.by_target.get(name, 0)

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join()


def test_failover_drill(launch, tmp_path, simulator):
    """Under load one of three targets begins to fail, then stalls, then recovers: hardly anybody notices, what was
    spent is exact to the last digit, and it gets its traffic back."""
    config = standard_config("127.0.0.1:9", tmp_path)
    key, port = config["targets"]["openai"]["key"], free_port()

    def third(n, *options):
        sim = Simulator(tmp_path, "--listen", f"127.0.0.1:{port}", *options, name=f"third{n}")
        ended.append(sim)
        return sim

    ended = []
    sims = [simulator(), simulator()]
    sick = third(0)
    config["targets"] = {name: {"provider": "openai", "base_url": f"http://{address}", "key": key,
                                "timeouts": {"first_byte": "1s", "connect": "1s"}}
                         for name, address in (("a", sims[0].listen), ("b", sims[1].listen), ("c", sick.listen))}
    config["models"] = {MODEL: {"targets": ["a", "b", "c"], "route": "balanced"}}
    config["ledger"]["indeterminate"] = "none"
    gw = launch(config)
    load = Load(gw, 500)
    try:
        wait_for(lambda: load.served("c") > 20, "all targets to be used")
        for n, options in enumerate((("--fault", "1:500"), ("--ttft", "300s")), 1):
            sick.end()  # connections are refused for a moment, too
            sick = third(n, *options)
            before = load.sent
            time.sleep(6)
            wait_for(lambda: load.sent > before + 300, "some load", 60)
            assert targets(gw)["c"]["models"][0]["circuit"] != "closed"
        sick.end()
        sick = third(3)
        before = load.served("c")
        wait_for(lambda: load.served("c") > before + 50, "traffic to be back", 60)
        wait_for(lambda: targets(gw)["c"]["models"][0]["circuit"] == "closed", "its circuit to be closed", 60)
    finally:
        load.end()
        for sim in ended:
            sim.end()
    assert len(load.bad) * 1000 <= load.sent, (load.sent, load.bad[:3])
    gw.metric_is(load.cost, "tollgate_cost_usd_total")
    wait_for(lambda: gw.metric("tollgate_ledger_open_holds") == 0, "all to be settled")
    assert gw.end() == 0
    run = subprocess.run([TGCTL, "ledger", "verify", "--ledger", config["ledger"]["path"]], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    run = subprocess.run([TGCTL, "usage", "--by", "tenant", "--json", "--ledger", config["ledger"]["path"]],
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    print("sent", load.sent, "bad", len(load.bad), "by", load.by_target)


def test_rules_by_code_and_language(two):
    gw, first, second = two({"models": {"small": {"targets": [{"target": "second", "model": "s"}]}}, "rules": [
        {"name": "coding", "match": {"code": "true"}, "use": "small"},
        {"match": {"language": ["de", "fr"]}, "use": "small"}]})
    rows = (("What is the capital of France?", "first", None), ("Was ist die Hauptstadt von Frankreich?", "second", "2"),
            ("Quelle est la capitale de la France ?", "second", "2"), ("Why?\n```\nx\n```", "second", "coding"),
            ("hm", "first", None))
    for text, target, rule in rows:
        response = chat(gw.listen, content=text, headers={"x-tollgate-explain": "1"})
        assert response.get("x-tollgate-target") == target, text
        assert gw.line_of(response.id).get("rule") == rule
        said = response.get("x-tollgate-route")
        assert (f"by rule {rule} (" in said) == (rule is not None), said
    # the ledger has it too: reports, exports, and its checks
    run = subprocess.run([TGCTL, "usage", "--by", "rule", "--json", "-c", gw.config_path], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    counted = {row["rule"]: int(row["requests"]) for row in json.loads(run.stdout)["rows"]}
    assert counted == {"": 2, "2": 2, "coding": 1}, run.stdout
    run = subprocess.run([TGCTL, "usage", "--rule", "coding", "--by", "asked", "--json", "-c", gw.config_path],
                         capture_output=True, text=True)
    assert [int(row["requests"]) for row in json.loads(run.stdout)["rows"]] == [1], run
    run = subprocess.run([TGCTL, "export", "jsonl", "-c", gw.config_path], capture_output=True, text=True)
    assert sorted(json.loads(line)["rule"] for line in run.stdout.splitlines()) == ["", "", "2", "2", "coding"], run
    run = subprocess.run([TGCTL, "ledger", "verify", "-c", gw.config_path], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "(language de,fr)" in chat(gw.listen, content=rows[1][0], headers={"x-tollgate-explain": "1"}).get("x-tollgate-route")
