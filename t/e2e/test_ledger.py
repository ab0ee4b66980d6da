"""The ledger from outside: every request that reached a provider is in it once, with what it cost, whatever happened."""

import fractions
import json
import os
import resource
import signal
import subprocess
import threading
import time

import pytest

from harness import (BUILD, Broken, CLAUDE, KEY, MODEL, Client, answer, chat, chat_body, merged, multipart, read_request,
                     standard_config, wait_for)

F = fractions.Fraction
TGCTL = BUILD / "tgctl"


def ledger_path(gw):
    return gw.config["ledger"]["path"]


def export(gw):
    """All lines of `tgctl export jsonl`, which reads the files while the gateway writes them."""
    run = subprocess.run([TGCTL, "export", "jsonl", "--ledger", ledger_path(gw)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def lines_of(gw, n):
    wait_for(lambda: len(export(gw)) >= n, f"{n} lines in the ledger")
    lines = export(gw)
    assert len(lines) == n, lines
    return sorted(lines, key=lambda l: l["start"])      # each worker has a file of its own


def verified(gw):
    run = subprocess.run([TGCTL, "ledger", "verify", "--ledger", ledger_path(gw)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def stream(gw, key=KEY, headers=(), **more):
    c = Client(gw.listen)
    c.send_request("POST", "/v1/chat/completions", chat_body(stream=True, **more), headers, key)
    return c, c.read_head()


def test_a_request_is_one_line_with_all_that_is_known_of_it(gw, sim):
    response = chat(gw.listen, headers={"x-tollgate-tags": "feature=a", "x-tollgate-session": "s-1",
                                        "x-tollgate-end-user": "u-1"})
    line = lines_of(gw, 1)[0]
    assert line["type"] == "settle" and line["id"] == response.id
    assert (line["tenant"], line["key"], line["model"], line["target"], line["provider"]) == (
        "acme", "laptop", MODEL, "openai", "openai")
    assert line["tags"] == {"team": "x", "feature": "a"} and line["session"] == "s-1" and line["end_user"] == "u-1"
    assert line["endpoint"] == "chat" and line["stream"] is False and line["status"] == 200 and line["end"] == "ok"
    assert line["quality"] == "exact" and line["flags"] == [] and line["legs"] == 1
    assert line["usage"] == json.loads(response.get("x-tollgate-usage"))
    assert F(line["list_usd"]) == F(line["contracted_usd"]) == F(line["billed_usd"]) == F(response.get("x-tollgate-cost-usd")) > 0
    assert F(line["bound_usd"]) >= F(line["contracted_usd"])
    assert line["provider_request_id"].endswith(sim.ledger()["entries"][-1]["id"])
    assert len(line["price_version"]) == 16
    verified(gw)


def test_answers_that_cost_nothing_are_lines_too(gw):
    """Lists and moderations, and what the provider refuses; what never went to a provider is not there."""
    with Client(gw.listen) as c:
        assert c.request("GET", "/v1/files", key=KEY).status == 200
    assert chat(gw.listen, headers={"x-sim-fault": "400"}).status == 400
    assert chat(gw.listen, headers={"x-sim-fault": "500"}).status == 500
    assert chat(gw.listen, key="nobody").status == 401
    assert chat(gw.listen, model="nothing").status == 404
    lines = lines_of(gw, 3)
    assert [F(l["billed_usd"]) for l in lines] == [0, 0, 0]
    assert [l["quality"] for l in lines] == ["exact", "exact", "indeterminate"]
    assert [l["type"] for l in lines] == ["settle"] * 3


def test_a_provider_that_cannot_be_reached_is_a_void(gateway, peer):
    gw = gateway({"targets": {"openai": {"base_url": "http://127.0.0.1:1"}}})
    assert chat(gw.listen).status == 502
    line = lines_of(gw, 1)[0]
    assert line["type"] == "void" and F(line["billed_usd"]) == 0
    verified(gw)


def test_each_leg_is_charged_by_itself(gateway, sim, simulator):
    """The first target fails: a leg, the second answers: the settlement."""
    other = simulator("--fault", "1:500")
    gw = gateway({"targets": {"bad": {"provider": "openai", "base_url": f"http://{other.listen}", "key": "sk-e2e-provider-key",
                                      "weight": 1},
                              "openai": {"weight": 0}},
                  "models": {MODEL: {"targets": ["bad", "openai"]}}})
    assert chat(gw.listen).status == 200
    (line,) = lines_of(gw, 1)       # a leg that cost nothing is no charge
    assert (line["target"], line["leg"], line["legs"], line["status"], line["quality"]) == ("openai", 2, 2, 200, "exact")
    verified(gw)


def test_a_leg_that_nobody_can_know_of(gateway, simulator):
    """Sent, and no answer: the provider may bill it. Charged at its bound where the configuration says so."""
    other = simulator("--fault", "1:stall")
    gw = gateway({"targets": {"bad": {"provider": "openai", "base_url": f"http://{other.listen}", "key": "sk-e2e-provider-key",
                                      "weight": 1, "timeouts": {"first_byte": "300ms"}},
                              "openai": {"weight": 0}},
                  "models": {MODEL: {"targets": ["bad", "openai"]}}, "ledger": {"indeterminate": "bound"}})
    response = chat(gw.listen, max_tokens=50)
    assert response.status == 200
    leg, settle = lines_of(gw, 2)
    assert [(l["type"], l["target"], l["leg"], l["quality"]) for l in (leg, settle)] == [
        ("leg", "bad", 1, "indeterminate"), ("settle", "openai", 2, "exact")]
    assert leg["id"] == settle["id"] == response.id and leg["usage"]["output"] == 50
    assert F(response.get("x-tollgate-cost-usd")) == F(leg["billed_usd"]) + F(settle["billed_usd"]) > F(settle["billed_usd"]) > 0
    verified(gw)


def test_a_charged_leg_counts_though_the_next_one_is_refused(gateway, simulator):
    """In the access log and in the metrics, there as its own target's."""
    gone, refusing = simulator("--fault", "1:stall"), simulator("--fault", "1:400")
    bad = {"provider": "openai", "base_url": f"http://{gone.listen}", "key": "sk-e2e-provider-key", "weight": 1,
           "timeouts": {"first_byte": "300ms"}}
    gw = gateway({"targets": {"bad": bad, "openai": {"base_url": f"http://{refusing.listen}", "weight": 0}},
                  "models": {MODEL: {"targets": ["bad", "openai"]}}, "ledger": {"indeterminate": "bound"}})
    assert chat(gw.listen, max_tokens=50).status == 400
    (leg, settle) = lines_of(gw, 2)
    assert F(leg["billed_usd"]) > 0 and F(settle["billed_usd"]) == 0
    line = gw.last_line(1)
    assert [F(line[n]) for n in ("list_usd", "cost_usd", "billed_usd")] == [
        F(leg[n]) for n in ("list_usd", "contracted_usd", "billed_usd")]
    gw.metric_is(F(leg["contracted_usd"]), "tollgate_cost_usd_total", target="bad")
    gw.metric_is(50, "tollgate_tokens_total", target="bad", bucket="output")


def test_a_leg_is_charged_as_its_own_target(gateway, simulator):
    """Its discount and region, not those of the target that is asked next."""
    other = simulator("--fault", "1:stall")
    bad = {"provider": "openai", "base_url": f"http://{other.listen}", "key": "sk-e2e-provider-key", "weight": 1,
           "region": "north", "timeouts": {"first_byte": "300ms"}}
    gw = gateway({"targets": {"bad": bad, "openai": {"weight": 0, "discount": "50%", "region": "south"}},
                  "models": {MODEL: {"targets": ["bad", "openai"]}}, "ledger": {"indeterminate": "input"}})
    assert chat(gw.listen).status == 200
    leg, settle = lines_of(gw, 2)
    assert [(l["type"], l["target"], l["region"]) for l in (leg, settle)] == [
        ("leg", "bad", "north"), ("settle", "openai", "south")]
    assert F(leg["contracted_usd"]) == F(leg["list_usd"]) > 0
    assert F(settle["contracted_usd"]) == F(settle["list_usd"]) / 2


@pytest.mark.parametrize("action", ["estimate", "reject"])
@pytest.mark.parametrize("size", [100, 400000])
def test_a_model_behind_its_file_is_charged_as_one_in_front(gateway, sim, action, size):
    """Also when so much of the file came first that the request had to be sent before its model was known."""
    gw = gateway({"unpriced": {"action": action}, "models": {"home-made": {"targets": "openai"}}})
    for fields in ([("model", "gpt-4o-mini-transcribe"), ("file", "a.wav", bytes(size))],
                   [("file", "a.wav", bytes(size)), ("model", "gpt-4o-mini-transcribe")]):
        kind, body = multipart(fields)
        with Client(gw.listen) as c:
            r = c.request("POST", "/v1/audio/transcriptions", body, {"content-type": kind}, KEY)
        assert r.status == 200
    first, late = lines_of(gw, 2)
    for name in ("flags", "list_usd", "billed_usd", "model", "target_model", "price_version", "quality", "usage"):
        assert late[name] == first[name], name
    assert late["model"] == late["target_model"] == "gpt-4o-mini-transcribe" and late["flags"] == []
    kind, body = multipart([("file", "a.wav", bytes(size)), ("model", "home-made")])
    with Client(gw.listen) as c:
        r = c.request("POST", "/v1/audio/transcriptions", body, {"content-type": kind}, KEY)
    assert r.status == (200 if action == "estimate" else 400)
    verified(gw)


@pytest.mark.parametrize("spare", [None, "spare"])
def test_a_target_without_a_price_is_passed_over(gateway, simulator, sim, spare):
    """The next one that has a price serves; when there is none, the error of the one that was asked is the answer."""
    other = simulator("--fault", "1:500")
    target = {"provider": "openai", "key": "sk-e2e-provider-key"}
    gw = gateway({"targets": {"bad": {**target, "base_url": f"http://{other.listen}", "weight": 1}, "openai": {"weight": 0},
                              "spare": {**target, "base_url": f"http://{sim.listen}", "weight": 0}},
                  "models": {MODEL: {"targets": [{"target": "openai", "model": "home-made"}, "bad", *([spare] if spare else [])]}},
                  "unpriced": {"action": "reject"}})
    response = chat(gw.listen)
    assert response.status == (200 if spare else 500)
    assert lines_of(gw, 1)[0]["target"] == (spare or "bad")
    verified(gw)


def test_list_contracted_and_billed(gateway):
    gw = gateway({"targets": {"openai": {"discount": "20%"}}, "tenants": {"acme": {"markup": "15%"}}})
    plain = gateway({"log": {"access": "off"}})
    response, full = chat(gw.listen), F(chat(plain.listen).get("x-tollgate-cost-usd"))
    line = lines_of(gw, 1)[0]
    assert F(line["list_usd"]) == full
    # to a pico-dollar, rounded up
    assert 0 <= F(line["contracted_usd"]) - full * F(8, 10) < F(1, 10 ** 12)
    assert 0 <= F(line["billed_usd"]) - F(line["contracted_usd"]) * F(115, 100) < F(1, 10 ** 12)
    # the client is told what it pays, the log has all three
    assert F(response.get("x-tollgate-cost-usd")) == F(line["billed_usd"])
    log = gw.last_line(1)
    assert [F(log[k]) for k in ("list_usd", "cost_usd", "billed_usd")] == [
        F(line[k]) for k in ("list_usd", "contracted_usd", "billed_usd")]
    gw.metric_is(F(line["contracted_usd"]), "tollgate_cost_usd_total")
    gw.metric_is(F(line["billed_usd"]), "tollgate_billed_usd_total")


def test_a_tier_has_its_own_price_of_a_generation(gateway):
    gw = gateway({"tiers": {"free": {"generation_price": "0.50 usd"}}, "tenants": {"acme": {"tier": "free"}},
                  "models": {"gpt-image-1": {"targets": "openai"}}})
    with Client(gw.listen) as c:
        r = c.request("POST", "/v1/images/generations", {"model": "gpt-image-1", "prompt": "a gate", "n": 2}, key=KEY)
        assert r.status == 200
    assert chat(gw.listen).status == 200
    image, text = lines_of(gw, 2)
    assert F(image["billed_usd"]) == 1 and F(image["contracted_usd"]) > 0 and "generation_price" in image["flags"]
    assert F(text["billed_usd"]) == F(text["contracted_usd"]) and text["flags"] == []


def test_generations_are_counted_in_the_answer_of_a_form(gateway, peer):
    """And a film is one, though nobody reads what it used."""
    def serve(sock):
        while read_request(sock):
            sock.sendall(answer({"created": 1, "data": [{"b64_json": "AA=="}] * 2}))
    gw = gateway({"tiers": {"free": {"generation_price": "0.50 usd"}}, "tenants": {"acme": {"tier": "free"}},
                  "targets": {"openai": {"base_url": f"http://{peer(serve).address}"}},
                  "models": {"gpt-image-1": {"targets": "openai"}}})
    kind, body = multipart([("model", "gpt-image-1"), ("n", "2"), ("image", "a.png", bytes(100))])
    with Client(gw.listen) as c:
        assert c.request("POST", "/v1/images/edits", body, {"content-type": kind}, KEY).status == 200
        r = c.request("POST", "/v1/videos", {"model": MODEL, "prompt": "a gate"}, key=KEY)
    assert r.status == 200 and F(r.get("x-tollgate-cost-usd")) == F("0.50")
    assert r.get("x-tollgate-cost-quality") == "unpriced"
    edit, film = lines_of(gw, 2)
    assert F(edit["billed_usd"]) == 1 and "generation_price" in edit["flags"]
    assert F(film["billed_usd"]) == F("0.50") and film["endpoint"] == "videos"
    verified(gw)


# ---- clients that go


def test_a_body_whose_client_has_gone_is_read_on(gw, sim, connect):
    """The provider makes and bills it anyway: the usage is worth reading."""
    c = connect(gw.listen)
    c.send_request("POST", "/v1/chat/completions", chat_body(), {"x-sim-ttft": "700ms"}, KEY)
    wait_for(lambda: sim.requests(1), "the provider to be asked")
    c.reset()
    wait_for(lambda: gw.metric("tollgate_drained_requests") == 1, "the drain")
    line = lines_of(gw, 1)[0]
    assert line["end"] == "client_gone" and line["quality"] == "exact" and line["status"] == 499
    assert line["usage"]["output"] == 32
    gw.metric_is(0, "tollgate_drained_requests")
    gw.metric_is(0, "tollgate_connections")
    assert gw.last_line(1)["end"] == "client_gone"


@pytest.mark.parametrize("policy", ["auto", "cancel_estimate", "drain", "cancel_free"])
def test_a_stream_whose_client_has_gone(gateway, sim, policy):
    gw = gateway({"targets": {"openai": {"on_client_abort": policy}}})
    c, response = stream(gw, headers={"x-sim-events": "60", "x-sim-tps": "60"})
    events = c.events(response)
    for _ in range(10):
        next(events)
    c.reset()
    line = lines_of(gw, 1)[0]
    entry = wait_for(lambda: sim.ledger().get("entries"), "the simulator's line")[-1]
    assert line["end"] == "client_gone" and line["status"] == 200
    if policy == "drain":
        assert line["quality"] == "exact" and line["usage"]["output"] == 60 and entry["completed"]
    elif policy == "cancel_free":
        assert line["quality"] == "partial" and F(line["billed_usd"]) == 0 and entry["cancelled"]
    else:
        assert line["quality"] == "partial" and entry["cancelled"]
        assert line["usage"]["output"] >= entry["output"] > 0 and line["usage"]["input"] >= entry["input"]
    verified(gw)


def test_no_more_than_so_many_answers_are_read_on(gateway, sim):
    gw = gateway({"workers": 1, "client_abort": {"drain_max": 0}})
    with Client(gw.listen) as c:
        c.send_request("POST", "/v1/chat/completions", chat_body(max_tokens=50), {"x-sim-ttft": "60s"}, KEY)
        wait_for(lambda: sim.requests(1), "the provider to be asked")
    line = lines_of(gw, 1)[0]
    assert line["quality"] == "estimated" and F(line["contracted_usd"]) == F(line["bound_usd"]) > 0
    assert line["usage"]["output"] == 50


def test_an_answer_is_read_on_for_so_long(gateway, sim):
    gw = gateway({"client_abort": {"drain_time": "1s"}})
    with Client(gw.listen) as c:
        c.send_request("POST", "/v1/chat/completions", chat_body(max_tokens=50), {"x-sim-ttft": "60s"}, KEY)
        wait_for(lambda: sim.requests(1), "the provider to be asked")
    line = lines_of(gw, 1)[0]
    assert line["quality"] == "estimated" and F(line["contracted_usd"]) == F(line["bound_usd"]) > 0
    assert line["end"] == "client_gone"


@pytest.mark.parametrize("begun", [False, True])
def test_a_provider_that_fails_while_it_is_read_on(gateway, peer, begun):
    """Without the client it is charged as with it: not at the bound."""
    asked, go = threading.Event(), threading.Event()

    def serve(sock):
        read_request(sock)
        if begun:
            sock.sendall(answer()[:-20])
        asked.set()
        go.wait(15)
    gw = gateway({"targets": {"openai": {"base_url": f"http://{peer(serve).address}"}}})
    with Client(gw.listen) as c:
        c.send_request("POST", "/v1/chat/completions", chat_body(max_tokens=1000), key=KEY)
        assert asked.wait(15)
        time.sleep(0.1)
    wait_for(lambda: gw.metric("tollgate_drained_requests") == 1, "the drain")
    go.set()
    line = lines_of(gw, 1)[0]
    assert line["end"] == "client_gone" and line["quality"] == ("partial" if begun else "indeterminate")
    assert F(line["contracted_usd"]) < F(line["bound_usd"]) / 10
    verified(gw)


# ---- usage that does not come


@pytest.mark.parametrize("body", [chat_body(), chat_body(stream=True),
                                  {"model": CLAUDE, "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}])
def test_missing_usage_is_estimated_never_nothing(gw, sim, body):
    path = "/v1/messages" if body["model"] == CLAUDE else "/v1/chat/completions"
    with Client(gw.listen) as c:
        c.send_request("POST", path, body, {"x-sim-fault": "no-usage"}, KEY)
        response = c.read_head()
        for _ in c.pieces(response):
            pass
    line = lines_of(gw, 1)[0]
    entry = sim.ledger()["entries"][-1]
    assert line["quality"] == "estimated" and F(line["billed_usd"]) > 0
    assert line["usage"]["output"] >= entry["output"] and line["usage"]["input"] >= entry["input"]
    gw.metric_is(1, "tollgate_estimated_requests_total")


def test_a_stream_that_breaks_off_is_charged_for_what_came(gw, sim):
    c, response = stream(gw, headers={"x-sim-fault": "truncate@10", "x-sim-events": "40"})
    assert response.status == 200
    with pytest.raises(Broken):
        for _ in c.pieces(response):
            pass
    line = lines_of(gw, 1)[0]
    entry = sim.ledger()["entries"][-1]
    assert line["quality"] == "partial" and line["end"] == "truncated"
    assert line["usage"]["output"] >= entry["output"] > 0


# ---- models without a price


def test_a_model_without_a_price_is_never_free(gateway, sim):
    gw = gateway({"models": {"home-made": {"targets": "openai"}}})
    response = chat(gw.listen, model="home-made")
    assert response.status == 200 and F(response.get("x-tollgate-cost-usd")) > 0
    assert response.get("x-tollgate-cost-quality") == "unpriced"
    line = lines_of(gw, 1)[0]
    assert "unpriced" in line["flags"] and F(line["billed_usd"]) > 0
    gw.metric_is(1, "tollgate_unpriced_requests_total", model="home-made")


def test_a_model_without_a_price_can_be_refused(gateway, sim):
    gw = gateway({"models": {"home-made": {"targets": "openai"}}, "unpriced": {"action": "reject"}})
    response = chat(gw.listen, model="home-made")
    assert response.status == 400 and response.json["error"]["code"] == "unpriced_model"
    assert sim.ledger()["requests"] == 0
    assert chat(gw.listen).status == 200
    assert len(lines_of(gw, 1)) == 1


def test_a_price_in_the_configuration_comes_with_a_reload(gateway, sim):
    gw = gateway({"models": {"home-made": {"targets": "openai"}}})
    chat(gw.listen, model="home-made")
    gw.reload(merged(gw.config, {"price_overrides": [
        {"provider": "openai", "model": "home-made", "per_mtok": {"input": "1", "output": "2"}}]}))
    response = chat(gw.listen, model="home-made")
    usage = json.loads(response.get("x-tollgate-usage"))
    assert F(response.get("x-tollgate-cost-usd")) == F(usage["input"] + 2 * usage["output"], 10 ** 6)
    before, after = lines_of(gw, 2)
    assert "unpriced" in before["flags"] and after["flags"] == [] and before["price_version"] != after["price_version"]


def test_what_the_provider_says_it_costs_is_what_is_paid(gw):
    response = chat(gw.listen, headers={"x-sim-cost": "0.00123"})
    line = lines_of(gw, 1)[0]
    assert F(line["contracted_usd"]) == F(line["reported_usd"]) == F("0.00123") and F(line["list_usd"]) > 0
    assert line["flags"] == ["reported"] and F(response.get("x-tollgate-cost-usd")) == F("0.00123")


def test_the_served_model_and_tier_are_billed(gw):
    chat(gw.listen, headers={"x-sim-model": "gpt-4o-2024-08-06"})
    line = lines_of(gw, 1)[0]
    assert line["model"] == MODEL and line["model_served"] == "gpt-4o-2024-08-06"
    usage = line["usage"]
    assert F(line["list_usd"]) == (F("2.5") * usage["input"] + 10 * usage["output"]) / 10 ** 6


# ---- crashes and disks


def test_kill_9_loses_nothing(gateway, launch, sim, connect):
    """What was open is settled at its bound by the next process, once; what was settled stays as it is."""
    gw = gateway()
    for _ in range(5):
        assert chat(gw.listen).status == 200
    c, response = stream(gw, headers={"x-sim-events": "1000", "x-sim-tps": "20"}, max_tokens=1000)
    next(c.events(response))
    gw.child.kill()
    gw.child.wait()
    again = launch(merged(gw.config, {"ledger": {"path": ledger_path(gw) + "/"}}), name="again")      # the same one
    lines = lines_of(gw, 6)
    assert [l["quality"] for l in lines] == ["exact"] * 5 + ["crash_worst"]
    assert F(lines[5]["contracted_usd"]) == F(lines[5]["bound_usd"]) > 0 and lines[5]["end"] == "crashed"
    again.metric_is(1, "tollgate_ledger_recovered_holds")
    assert chat(again.listen).status == 200
    lines_of(gw, 7)
    verified(gw)


def test_a_second_process_is_refused(gateway, tmp_path):
    gw = gateway()
    conf = tmp_path / "second.yaml"
    conf.write_text(json.dumps(gw.config))
    run = subprocess.run([BUILD / "tollgate", "-c", conf], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1 and str(gw.pid) in run.stderr and "ledger" in run.stderr


def test_strict_waits_for_the_disk(gateway):
    gw = gateway({"ledger": {"durability": "strict"}})
    for _ in range(20):
        assert chat(gw.listen).status == 200
    lines_of(gw, 20)
    wait_for(lambda: gw.metric("tollgate_ledger_syncs_total") >= 20, "a sync for each")


def test_strict_waits_while_a_body_comes(gateway):
    """More of an upload arrives while its request is parked for the disk: that does not send it."""
    gw = gateway({"ledger": {"durability": "strict"}})
    for size in (10000, 100000, 1000000):
        kind, body = multipart([("model", "gpt-4o-mini-transcribe"), ("file", "a.wav", bytes(size))])
        with Client(gw.listen) as c:
            assert c.request("POST", "/v1/audio/transcriptions", body, {"content-type": kind}, KEY).status == 200
    lines_of(gw, 3)
    verified(gw)


@pytest.mark.parametrize("before,after", [("group", "strict"), ("strict", "group")])
def test_durability_stays_until_a_restart(gateway, before, after):
    gw = gateway({"ledger": {"durability": before}})
    gw.reload(merged(gw.config, {"ledger": {"durability": after}}))
    assert "ledger.durability" in gw.errors()
    for _ in range(5):
        assert chat(gw.listen).status == 200
    lines_of(gw, 5)


def test_a_full_disk_refuses_new_work_and_recovers(gateway, connect):
    """No file may grow: as soon as the segment is full, requests are refused; nothing is lost; then it goes on."""
    gw = gateway({"workers": 1, "ledger": {"segment": "256k"}})
    assert chat(gw.listen).status == 200
    old = resource.prlimit(gw.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gw.pid, resource.RLIMIT_FSIZE, (0, old[1]))
    sent = 1
    with Client(gw.listen) as c:
        for _ in range(5000):
            response = c.request("POST", "/v1/chat/completions", chat_body(), key=KEY)
            if response.status != 200:
                break
            sent += 1
        assert response.status == 503 and response.json["error"]["code"] == "ledger_unavailable"
        assert response.get("retry-after")
        gw.metric_is(1, "tollgate_ledger_failing")
        assert gw.admin_get("/readyz").status == 503
        resource.prlimit(gw.pid, resource.RLIMIT_FSIZE, old)
        wait_for(lambda: c.request("POST", "/v1/chat/completions", chat_body(), key=KEY).status == 200, "the disk to be found well")
    gw.metric_is(0, "tollgate_ledger_failing")
    wait_for(lambda: len(export(gw)) == sent + 1, "every line")
    verified(gw)


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path, sim):
    config = merged(standard_config(sim.listen, tmp_path), {"ledger": {"path": "/proc/nowhere"}})
    conf = tmp_path / "gateway.yaml"
    conf.write_text(json.dumps(config))
    run = subprocess.run([BUILD / "tollgate", "-c", conf], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1 and "/proc/nowhere" in run.stderr


def test_without_a_ledger_requests_are_priced_all_the_same(gateway):
    gw = gateway({"ledger": {"path": "none"}})
    assert F(chat(gw.listen).get("x-tollgate-cost-usd")) > 0
    assert "no ledger" in gw.errors()


def test_the_end_of_the_process_leaves_everything_settled(gateway):
    gw = gateway()
    for _ in range(10):
        chat(gw.listen)
    gw.signal(signal.SIGTERM)
    gw.child.wait(20)
    assert len(export(gw)) == 10
    verified(gw)
    assert not [n for n in os.listdir(os.path.join(ledger_path(gw), "journal")) if n.endswith(".tmp")]


# ---- who spent what


def test_usage_over_the_admin_listener(gateway):
    gw = gateway()
    for i in range(3):
        chat(gw.listen, headers={"x-tollgate-tags": f"feature=f{i % 2}"})
    lines_of(gw, 3)
    page = gw.admin_get("/admin/v1/usage?by=tenant,model")
    assert page.status == 200
    (row,) = page.json["rows"]
    assert row["tenant"] == "acme" and row["requests"] == 3
    assert F(row["billed_usd"]) == sum(F(l["billed_usd"]) for l in export(gw)) == F(page.json["total"]["billed_usd"])
    page = gw.admin_get("/admin/v1/usage?by=tag:feature")
    assert {r["tag:feature"]: r["requests"] for r in page.json["rows"]} == {"f0": 2, "f1": 1}
    assert gw.admin_get("/admin/v1/usage?by=nonsense").status == 400
    run = subprocess.run([TGCTL, "usage", "--by", "tenant", "--json", "--ledger", ledger_path(gw)], capture_output=True, text=True)
    assert json.loads(run.stdout)["total"]["requests"] == 3
