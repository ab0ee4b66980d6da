"""SIGTERM and SIGINT drain, SIGHUP reloads, SIGUSR1 reopens logs: all of it under load, without losing anything."""

import collections
import json
import os
import signal
import socket
import threading
import time

import pytest

from harness import (CLAUDE, KEY, MODEL, PATIENCE, Broken, Client, chat, chat_body, merged, sha256, split_address,
                     wait_for)

SLOW_STREAM = {"x-sim-events": "20", "x-sim-tps": "20"}     # about a second
ENDLESS = {"x-sim-events": "100000", "x-sim-tps": "50"}


def refused(address):
    host, port = split_address(address)
    with socket.socket() as s:
        s.settimeout(5)
        return s.connect_ex((host, port)) != 0


def start_stream(client, headers, **body):
    client.send_request("POST", "/v1/chat/completions", chat_body(stream=True, **body), headers, KEY)
    response = client.read_head()
    assert response.status == 200
    events = client.events(response)
    next(events)
    return response, events


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_drain_lets_a_stream_finish(gw, connect, number):
    """The running stream completes, new connections are refused, idle ones closed, readyz says 503, exit is 0."""
    idle, busy = connect(gw.listen), connect(gw.listen)
    assert idle.request("GET", "/v1/models", key=KEY).status == 200
    assert gw.admin_get("/readyz").status == 200
    response, events = start_stream(busy, SLOW_STREAM)
    gw.signal(number)
    ready = wait_for(lambda: (r := gw.admin_get("/readyz")).status == 503 and r, "readyz to say 503")
    assert ready.json["status"] == "draining"
    assert gw.admin_get("/livez").status == 200
    wait_for(lambda: refused(gw.listen), "new connections to be refused")
    assert idle.ended()
    rest = list(events)
    assert rest[-2] == "data: [DONE]" and rest[-1].startswith(": tollgate")
    assert response.complete and busy.ended()
    assert gw.wait() == 0
    assert {l["end"] for l in gw.access_lines()} == {"ok", "reply"}
    assert "draining" in gw.errors() and "exit=0" in gw.errors()


def test_the_second_sigterm_ends_at_once(gw, connect, sim):
    client = connect(gw.listen)
    start_stream(client, ENDLESS)
    gw.signal(signal.SIGTERM)
    wait_for(lambda: "draining" in gw.errors(), "the drain")
    gw.signal(signal.SIGTERM)
    assert gw.wait() == 0
    assert client.ended()
    # even so the request has its line, and the provider is not left working for nobody
    assert len(gw.access_lines()) == 1
    wait_for(lambda: sim.ledger()["cancelled"] == 1, "the cancelled stream in the simulator's ledger")


def test_signals_until_the_very_end_do_not_spoil_the_exit_code(gateway):
    """A supervisor that repeats itself: whatever comes while it ends, it ended well."""
    gw = gateway()
    deadline = time.monotonic() + 30 * PATIENCE
    while gw.alive():
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT):
            gw.signal(number)
        assert time.monotonic() < deadline
    assert gw.wait() == 0


def test_the_drain_has_a_limit(gateway, connect):
    gw = gateway({"timeouts": {"drain": "300ms"}})
    client = connect(gw.listen)
    start_stream(client, ENDLESS)
    gw.signal(signal.SIGTERM)
    assert gw.wait() == 0
    assert client.ended()


def test_drain_without_work_ends_at_once_even_with_idle_connections(gateway, connect):
    gw = gateway({"timeouts": {"drain": "1h"}})
    fresh, used = connect(gw.listen), connect(gw.listen)
    assert used.request("GET", "/v1/models", key=KEY).status == 200
    gw.signal(signal.SIGTERM)
    assert gw.wait() == 0
    assert fresh.ended() and used.ended()


def test_a_head_that_completes_during_the_drain_is_told_to_come_back(gateway, connect):
    """It is answered, not cut off: 503 with Retry-After, so that SDKs ask again and meet another instance."""
    gw = gateway()
    client, pinned = connect(gw.listen), connect(gw.listen)
    client.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + KEY.encode() + b"\r\n")
    start_stream(pinned, SLOW_STREAM)                # keeps it alive, and shows that the head's bytes arrived before
    gw.signal(signal.SIGTERM)
    wait_for(lambda: gw.admin_get("/readyz").status == 503, "draining")
    body = json.dumps(chat_body()).encode()
    client.send(b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    response = client.response()
    assert response.status == 503 and response.json["error"]["code"] == "draining"
    assert response.get("connection") == "close" and response.get("retry-after") == "1"
    assert client.ended()
    client.close()
    assert gw.wait() == 0


class Load:
    """Connections that keep asking until told to stop; every answer and every broken exchange is kept."""

    def __init__(self, address, connections, request, **client):
        self.address, self.request, self.client = address, request, client
        self.stop = threading.Event()
        self.statuses, self.broken, self.done = collections.Counter(), [], 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(connections)]
        for t in self.threads:
            t.start()

    def run(self, index):
        n = 0
        client = None
        while not self.stop.is_set():
            try:
                client = client or Client(self.address, **self.client)
                answer = self.request(client, index, n)
                with self.lock:
                    self.statuses[answer.status] += 1
                    self.done += 1
                if answer.get("connection") == "close":
                    client.close()
                    client = None
            except (OSError, Broken, AssertionError) as why:
                with self.lock:
                    self.broken.append(repr(why))
                client = None
            n += 1
        if client:
            client.close()

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join(30 * PATIENCE)
            assert not t.is_alive()
        return self.done


def one_chat(client, index, n):
    """Streams and whole answers in turn."""
    if n % 3 == 0:
        client.send_request("POST", "/v1/chat/completions", chat_body(stream=True), {"x-sim-events": "5"}, KEY)
        response = client.read_head()
        events = list(client.events(response))
        assert response.status != 200 or (events[-2] == "data: [DONE]" and response.complete)
        return response
    return client.request("POST", "/v1/chat/completions", chat_body(), key=KEY)


def test_twenty_reloads_under_load_fail_no_request(gw, connect):
    """Keys come and go, models change, listeners come and go: the requests of others do not notice."""
    load = Load(gw.listen, 6, one_chat)
    extra_key = "tg-e2e-extra-key"
    base = gw.config
    with_extra = merged(base, {
        "tenants": {"other": {"keys": [{"id": "extra", "sha256": sha256(extra_key)}]}},
        "models": {"also": {"targets": [{"target": "openai", "model": "gpt-4o"}]}},
    })
    slow = connect(gw.listen)
    stream, events = start_stream(slow, SLOW_STREAM)
    for i in range(20):
        before = load.done
        if i % 2 == 0:
            gw.reload(with_extra)
            assert chat(gw.listen, key=extra_key).status == 200
            answer = chat(gw.listen, model="also")
            assert answer.status == 200 and answer.json["model"] == "gpt-4o"
        else:
            gw.reload(base)
            assert chat(gw.listen, key=extra_key).status == 401
            assert chat(gw.listen, model="also").status == 404
        wait_for(lambda: load.done >= before + 20 or load.broken, "requests between two reloads")
    done = load.end()
    assert load.broken == [] and set(load.statuses) == {200} and done >= 400
    # the stream that began under the first configuration ended well under the last
    assert list(events)[-2] == "data: [DONE]" and stream.complete
    gw.metric_is(21, "tollgate_config_generation")
    lines = gw.wait_lines(done + 1 + 2 * 20)
    assert len({l["id"] for l in lines}) == len(lines)


def test_reload_takes_a_key_and_a_tenant_out_at_once(gw):
    assert chat(gw.listen).status == 200
    gw.reload(merged(gw.config, {"tenants": {"acme": {"disabled": True}}}))
    assert chat(gw.listen).status == 401
    gw.reload(merged(gw.config, {"tenants": {"acme": {"disabled": False}}}))
    assert chat(gw.listen).status == 200


@pytest.mark.parametrize("text, place", [
    ("listen: 127.0.0.1:0\nmodles: {}\n", ":2:1: "),
    ("listen: [ 127.0.0.1:0\n", ":"),
    ("listen: 127.0.0.1:0\nmodels: { m: { targets: nowhere } }\n", ":2:25: "),
])
def test_a_bad_file_leaves_the_old_configuration_running(gw, text, place):
    """And the log says where the mistake is; the file's repair is then taken."""
    load = Load(gw.listen, 2, one_chat)
    good = gw.config
    failures = gw.metric("tollgate_config_reload_failures_total")
    gw.write(text)
    gw.signal(signal.SIGHUP)
    wait_for(lambda: gw.metric("tollgate_config_reload_failures_total") == failures + 1, "the refusal")
    assert "reload refused" in gw.errors() and f"{gw.config_path}{place}" in gw.errors()
    gw.metric_is(1, "tollgate_config_generation")
    assert chat(gw.listen).status == 200
    gw.reload(good)
    assert chat(gw.listen).status == 200
    load.end()
    assert load.broken == [] and set(load.statuses) == {200}


def test_a_listener_that_cannot_be_opened_refuses_the_reload(gw):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        gw.write(merged(gw.config, {"listen": gw.config["listen"] + [{"address": address}]}))
        gw.signal(signal.SIGHUP)
        wait_for(lambda: "reload refused" in gw.errors(), "the refusal")
    assert address in gw.errors()
    assert chat(gw.listen).status == 200


def test_reload_adds_and_removes_listeners(gw, tmp_path, connect):
    """A running stream of a removed listener goes on; its address takes no new connections."""
    path = f"unix:{tmp_path}/extra.sock"
    base = gw.config
    gw.reload(merged(base, {"listen": base["listen"] + [{"address": path}]}))
    wait_for(lambda: (tmp_path / "extra.sock").exists(), "the socket")
    assert chat(path).status == 200
    client = connect(path)
    response, events = start_stream(client, SLOW_STREAM)
    gw.reload(base)
    wait_for(lambda: not (tmp_path / "extra.sock").exists(), "the socket file to go")
    assert chat(gw.listen).status == 200
    assert list(events)[-2] == "data: [DONE]" and response.complete
    gw.reload(merged(base, {"listen": base["listen"] + [{"address": path}]}))
    wait_for(lambda: (tmp_path / "extra.sock").exists(), "the socket again")
    assert chat(path).status == 200


def test_reload_removes_a_tcp_listener(gw):
    second = "127.0.0.2:0"
    base = gw.config
    gw.reload(merged(base, {"listen": base["listen"] + [{"address": second}]}))
    bound = wait_for(lambda: [w for line in gw.errors().splitlines() for w in line.split()
                              if w.startswith("address=127.0.0.2:")], "the listener in the log")[0][len("address="):]
    assert chat(bound).status == 200
    gw.reload(base)
    wait_for(lambda: refused(bound), "the removed listener to refuse")
    assert chat(gw.listen).status == 200


def test_reload_changes_limits_and_log(gw, tmp_path):
    other = tmp_path / "other.jsonl"
    assert chat(gw.listen).status == 200
    gw.wait_lines(1)
    gw.reload(merged(gw.config, {"log": {"access": str(other)}, "limits": {"json_body": "1k"}}))
    wait_for(other.exists, "the new log file")
    assert chat(gw.listen, content="x" * 2000).status == 413
    assert gw.wait_lines(1)[0]["status"] == 413      # in the new file


def test_log_rotation_under_load_loses_no_line(gw, tmp_path):
    """mv, SIGUSR1, again and again: the lines of all files are the requests, each once."""
    ids, lock = [], threading.Lock()

    def ask(client, index, n):
        response = client.request("GET", "/v1/models", key=KEY)
        with lock:
            ids.append(response.id)
        return response

    load = Load(gw.listen, 4, ask)
    path = gw.access_path()
    rotated = []
    for i in range(10):
        before = load.done
        wait_for(lambda: load.done >= before + 50, "requests before the rotation")
        rotated.append(tmp_path / f"access.{i}.jsonl")
        os.rename(path, rotated[-1])
        gw.signal(signal.SIGUSR1)
        wait_for(path.exists, "the new file")
    done = load.end()
    assert load.broken == [] and done >= 500

    def logged():
        return [json.loads(line)["id"] for p in [*rotated, path] for line in p.read_text().splitlines(keepends=True)
                if line.endswith("\n")]

    wait_for(lambda: len(logged()) >= done, "all lines")
    assert sorted(logged()) == sorted(ids)
    gw.metric_is(0, "tollgate_log_dropped_total")


def test_the_error_log_is_reopened_too(gateway, tmp_path):
    log = tmp_path / "error.log"
    gw = gateway({"log": {"error": str(log)}})
    wait_for(lambda: "ready" in log.read_text(), "the ready line")
    log.rename(tmp_path / "error.1")
    gw.signal(signal.SIGUSR1)
    wait_for(log.exists, "the new error log")
    gw.signal(signal.SIGHUP)
    wait_for(lambda: "generation=2" in log.read_text(), "the reload's line")


def test_nothing_in_the_log_is_lost_when_it_ends(gateway, connect):
    gw = gateway()
    client = connect(gw.listen)
    for _ in range(200):
        assert client.request("GET", "/v1/models", key=KEY).status == 200
    gw.signal(signal.SIGTERM)
    assert gw.wait() == 0
    assert len(gw.access_lines()) == 200
