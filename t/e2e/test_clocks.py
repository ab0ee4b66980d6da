"""Every clock and limit with a short value: towards providers and towards clients. What is asserted is that it ends,
with which answer, and what the log says; never how fast."""

import json
import os
import select
import shutil
import socket
import subprocess
import threading

import pytest

from harness import (KEY, MB, PATIENCE, SANITIZER, Client, answer, chat, chat_body, free_port, merged, read_request,
                     standard_config, wait_for)

# A clock that must fire and one that must not, far enough apart for a loaded machine.
SHORT, LONG = "250ms", "10m"


@pytest.fixture
def in_front_of(launch, tmp_path):
    """A gateway in front of any address; clocks towards it as keywords."""

    def start(port, config=None, host="127.0.0.1", **clocks):
        base = standard_config(f"{host}:{port}", tmp_path)
        base["upstream"] = {"connect": LONG, "first_byte": LONG, "between_bytes": LONG, "send": LONG, "total": LONG,
                            **clocks}
        return launch(merged(base, config or {}))

    return start


def upstream_error(gw, response, status, word):
    """The answer, the log line and the metric agree on why there is none."""
    assert response.status == status, response
    assert word in response.json["error"]["message"], response
    assert "openai" in response.json["error"]["message"]
    line = gw.line_of(response.id)
    assert line["status"] == status and line["end"] == "failed"
    assert line["error"] == ("upstream_timeout" if status == 504 else "upstream_error")
    assert word in gw.errors()
    gw.metric_is(1, "tollgate_upstream_timeouts_total" if status == 504 else "tollgate_upstream_errors_total")


# ---- towards providers

def test_connect_clock(in_front_of):
    """A provider whose backlog is full: the handshake is never answered."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = []
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", port))
            fillers.append(s)
        gw = in_front_of(port, connect=SHORT)
        upstream_error(gw, chat(gw.listen), 504, "connecting took too long")
        for s in fillers:
            s.close()


def test_refused(in_front_of):
    gw = in_front_of(free_port())
    upstream_error(gw, chat(gw.listen), 502, "refused")


def test_first_byte_clock(in_front_of, peer):
    gw = in_front_of(peer(lambda s: (read_request(s), s.recv(1))).port, first_byte=SHORT)
    upstream_error(gw, chat(gw.listen), 504, "no answer in time")


def test_first_byte_clock_with_the_simulator(gateway, connect, sim):
    """And the provider's connection is closed, so that it stops working."""
    gw = gateway({"upstream": {"first_byte": SHORT}})
    assert chat(gw.listen, headers={"x-sim-ttft": "30s"}).status == 504
    wait_for(lambda: sim.ledger()["in_flight"] <= 1, "the simulator to see the end")   # 1: the question itself


def test_between_bytes_clock_in_a_head(in_front_of, peer):
    gw = in_front_of(peer(lambda s: (read_request(s), s.sendall(b"HTTP/1.1 200 OK\r\n"), s.recv(1))).port,
                     between_bytes=SHORT)
    upstream_error(gw, chat(gw.listen), 504, "stalled")


def test_between_bytes_clock_in_a_held_body(in_front_of, peer):
    """Nothing was sent to the client yet: it gets a whole 504."""
    half = answer()[:-20]
    gw = in_front_of(peer(lambda s: (read_request(s), s.sendall(half), s.recv(1))).port, between_bytes=SHORT)
    upstream_error(gw, chat(gw.listen), 504, "stalled")


def test_between_bytes_clock_in_a_stream(gateway, connect):
    """The client has half a stream: it gets an error event and no [DONE]."""
    gw = gateway({"upstream": {"between_bytes": SHORT}})
    client = connect(gw.listen)
    client.send_request("POST", "/v1/chat/completions", chat_body(stream=True),
                        {"x-sim-fault": "stall@3", "x-sim-events": "10"}, KEY)
    client.ended()
    assert client.buffer.startswith(b"HTTP/1.1 200 ") and b"event: error\n" in client.buffer
    assert b"[DONE]" not in client.buffer
    assert not client.buffer.endswith(b"0\r\n\r\n")
    line = gw.last_line(1)
    assert line["end"] == "truncated" and line["status"] == 200
    gw.metric_is(1, "tollgate_upstream_timeouts_total")


def test_bytes_now_and_then_do_not_trip_the_between_clock(gateway):
    gw = gateway({"upstream": {"between_bytes": "2s", "first_byte": "2s"}})
    response = chat(gw.listen, headers={"x-sim-fault": "slow-drip@500"})
    assert response.status == 200 and response.json["usage"]


def test_send_clock(in_front_of, peer):
    """A provider that takes the connection and does not read a large body."""
    stop = threading.Event()
    gw = in_front_of(peer(lambda s: stop.wait(60)).port, send=SHORT)
    response = chat(gw.listen, content="x" * (16 * MB))
    stop.set()
    upstream_error(gw, response, 504, "did not take the request")


def test_send_clock_of_an_upload(in_front_of, peer, connect):
    stop = threading.Event()
    gw = in_front_of(peer(lambda s: stop.wait(60)).port, send=SHORT)
    client = connect(gw.listen)
    client.send_head("POST", "/v1/files", {"authorization": f"Bearer {KEY}", "content-length": str(64 * MB),
                                           "content-type": "application/octet-stream"})
    sender = threading.Thread(target=pour, args=(client, 64 * MB), daemon=True)
    sender.start()
    response = client.response()
    stop.set()
    upstream_error(gw, response, 504, "did not take the request")
    client.close()
    sender.join()


def pour(client, n):
    """n bytes, or as many as are taken."""
    block = bytes(65536)
    try:
        while n > 0:
            client.sock.sendall(block[:n])
            n -= len(block)
    except OSError:
        pass


def test_total_clock(gateway, connect):
    """A stream that keeps coming is ended all the same."""
    gw = gateway({"upstream": {"total": "2s"}})
    client = connect(gw.listen)
    client.send_request("POST", "/v1/chat/completions", chat_body(stream=True),
                        {"x-sim-events": "100000", "x-sim-tps": "50"}, KEY)
    client.ended()
    assert b"event: error\n" in client.buffer and b"[DONE]" not in client.buffer
    assert gw.last_line(1)["end"] == "truncated"


def test_total_clock_before_an_answer(in_front_of, peer):
    gw = in_front_of(peer(lambda s: (read_request(s), s.recv(1))).port, total=SHORT)
    upstream_error(gw, chat(gw.listen), 504, "too long in all")


def test_a_target_has_its_own_clocks(gateway):
    gw = gateway({"upstream": {"first_byte": LONG}, "targets": {"openai": {"timeouts": {"first_byte": SHORT}}}})
    assert chat(gw.listen, headers={"x-sim-ttft": "30s"}).status == 504


def test_a_reader_that_pauses_is_not_the_providers_fault(gateway, connect):
    """While the client takes nothing the provider's clocks stand still."""
    gw = gateway({"upstream": {"between_bytes": "1s", "first_byte": "5s"}, "limits": {"held_response": 0}})
    client = connect(gw.listen, rcvbuf=4096)
    client.send_request("POST", "/v1/chat/completions", chat_body(), {"x-sim-body-bytes": "32m"}, KEY)
    response = client.read_head()
    # let the gateway notice that nothing is taken, for longer than the clock
    threading.Event().wait(2.0)
    n = sum(len(p) for p in client.pieces(response))
    assert response.complete and n == int(response.get("content-length", n)) and n >= 32 * MB
    gw.metric_is(0, "tollgate_upstream_timeouts_total")


# ---- names and addresses

RESOLVER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <stdlib.h>
/* two.test is ::1 and 127.0.0.1, in that order: what a machine's hosts file need not say. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
		dlsym(RTLD_NEXT, "getaddrinfo");
	struct addrinfo *second;
	int rc;

	if (host == NULL || strcmp(host, "two.test") != 0)
		return real(host, service, hints, out);
	if ((rc = real("::1", service, hints, out)) != 0 || (rc = real("127.0.0.1", service, hints, &second)) != 0)
		return rc;
	(*out)->ai_next = second;
	return 0;
}
"""


@pytest.fixture(scope="module")
def two_addresses(tmp_path_factory):
    """The environment of a process for which two.test has two addresses."""
    if SANITIZER:
        pytest.skip("the sanitizer's runtime must be loaded first, so no library can be put in front of it")
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler to make the resolver of this test with")
    folder = tmp_path_factory.mktemp("resolver")
    (folder / "two.c").write_text(RESOLVER)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "two.so", folder / "two.c", "-ldl"], check=True)
    return {**os.environ, "LD_PRELOAD": str(folder / "two.so")}


@pytest.mark.parametrize("family, address", [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_all_addresses_of_a_name_are_tried(launch, tmp_path, peer, two_addresses, family, address):
    """The provider listens on one of its name's two addresses only: no request fails."""

    def serve(sock):
        while read_request(sock):
            sock.sendall(answer(more="connection: close\r\n"))
            return

    provider = peer(serve, family=family, address=address)
    config = standard_config(f"two.test:{provider.port}", tmp_path)
    for target in config["targets"].values():
        target["allow_plaintext"] = True
    gw = launch(config, env=two_addresses)
    for _ in range(4):
        assert chat(gw.listen).status == 200
    gw.metric_is(0, "tollgate_upstream_errors_total")


def test_when_no_address_answers_the_last_reason_is_told(launch, tmp_path, two_addresses):
    config = standard_config(f"two.test:{free_port()}", tmp_path)
    for target in config["targets"].values():
        target["allow_plaintext"] = True
    response = chat(launch(config, env=two_addresses).listen)
    assert response.status == 502 and "refused" in response.json["error"]["message"]


def test_an_ipv6_literal(in_front_of, peer):
    heads = []

    def serve(sock):
        while got := read_request(sock):
            heads.append(got[0])
            sock.sendall(answer())

    provider = peer(serve, family=socket.AF_INET6, address="::1")
    gw = in_front_of(provider.port, host="[::1]")
    assert chat(gw.listen).status == 200
    assert f"host: [::1]:{provider.port}" in heads[0].lower()


def test_a_name_that_does_not_resolve_is_a_502(in_front_of):
    """.invalid never resolves (RFC 6761). The gateway serves others meanwhile."""
    gw = in_front_of(80, {"targets": {"openai": {"allow_plaintext": True}, "claude": {"allow_plaintext": True}}},
                     host="provider.invalid")
    response = chat(gw.listen)
    assert response.status == 502 and "could not be resolved" in response.json["error"]["message"]
    with Client(gw.listen) as c:
        assert c.request("GET", "/v1/models", key=KEY).status == 200


# ---- towards clients

def test_silent_connections_are_closed(gateway, connect):
    """One that never said a word, and one between two requests."""
    gw = gateway({"timeouts": {"idle": SHORT}})
    silent, used = connect(gw.listen), connect(gw.listen)
    assert used.request("GET", "/v1/models", key=KEY).status == 200
    assert silent.ended() and silent.buffer == b""
    assert used.ended() and used.buffer == b""
    wait_for(lambda: gw.metric("tollgate_connections") == 0, "no connection left")


def test_a_slow_head_is_ended(gateway, connect):
    """Byte after byte does not win time: the clock is for the whole head."""
    gw = gateway({"timeouts": {"head": "400ms", "idle": "1h"}})
    client = connect(gw.listen)
    sent = 0
    for byte in b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 2000:
        try:
            client.send(bytes([byte]))
        except OSError:
            break
        sent += 1
        if client.closed_now():
            break
        threading.Event().wait(0.02)
    assert client.ended() and sent < 500 * PATIENCE
    gw.metric_is(1, "tollgate_client_timeouts_total")
    assert chat(gw.listen).status == 200


def test_a_body_that_stops_coming_is_a_408(gateway, connect):
    gw = gateway({"timeouts": {"body": SHORT}})
    client = connect(gw.listen)
    client.send_head("POST", "/v1/chat/completions", {"authorization": f"Bearer {KEY}", "content-length": "1000",
                                                      "content-type": "application/json"})
    client.send(b'{"model": ')
    response = client.response()
    assert response.status == 408 and response.json["error"]["code"] == "request_timeout"
    assert response.get("connection") == "close" and client.ended()
    line = gw.last_line(1)
    assert line["status"] == 408 and line["error"] == "request_timeout"
    gw.metric_is(1, "tollgate_client_timeouts_total")


def test_a_body_that_trickles_is_ended_by_its_rate(gateway, connect):
    """Each byte comes in time; all together too few."""
    gw = gateway({"timeouts": {"body": "500ms", "body_rate": 1000}})
    client = connect(gw.listen)
    client.send_head("POST", "/v1/chat/completions", {"authorization": f"Bearer {KEY}", "content-length": "100000",
                                                      "content-type": "application/json"})
    for _ in range(1000 * PATIENCE):
        try:
            client.send(b" ")
        except OSError:
            break
        if client.closed_now() or client.buffer or readable(client):
            break
        threading.Event().wait(0.02)
    response = client.response()
    assert response.status == 408
    assert gw.last_line(1)["status"] == 408


def readable(client):
    return bool(select.select([client.sock], [], [], 0)[0])


def test_a_slow_body_above_the_rate_is_served(gateway, connect):
    gw = gateway({"timeouts": {"body": "2s", "body_rate": 100}})
    client = connect(gw.listen)
    body = json.dumps(chat_body(content="x" * 9000)).encode()
    client.send_head("POST", "/v1/chat/completions", {"authorization": f"Bearer {KEY}", "content-length": len(body),
                                                      "content-type": "application/json"})
    for i in range(0, len(body), 100):
        client.send(body[i:i + 100])
        threading.Event().wait(0.03)
    assert client.response().status == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_does_not_read_is_ended(gateway, connect, sim, stream):
    """And the provider is told to stop."""
    gw = gateway({"timeouts": {"send": "300ms"}})
    client = connect(gw.listen, rcvbuf=4096)
    if stream:
        client.send_request("POST", "/v1/chat/completions", chat_body(stream=True), {"x-sim-events": "1000000"}, KEY)
    else:
        client.send_request("POST", "/v1/audio/speech", {"model": "gpt-4o-mini-tts", "input": "x", "voice": "alloy"},
                            {"x-sim-body-bytes": "64m"}, KEY)
    line = gw.last_line(1)
    assert line["end"] == "client_slow" and line["status"] == 200
    wait_for(lambda: sim.ledger()["cancelled"] == 1, "the provider's exchange to be cancelled")
    wait_for(lambda: gw.metric("tollgate_connections") == 0, "the connection to be closed")
    gw.metric_is(1, "tollgate_client_timeouts_total")
    gw.metric_is(0, "tollgate_upstream_active_connections")


def sips(client, seconds):
    """Reads steadily, some MB a second; True when the gateway ended it."""
    client.sock.settimeout(30 * PATIENCE)
    for _ in range(int(seconds * 50)):
        try:
            if not client.sock.recv(65536):
                return True
        except ConnectionError:
            return True
        threading.Event().wait(0.02)
    return False


def test_a_client_that_sips_is_ended_by_the_rate(gateway, connect, sim):
    """It takes something all the time, and never enough: no pause of it is as long as the send clock."""
    gw = gateway({"timeouts": {"send": "1s", "send_rate": "1g"}})
    client = connect(gw.listen)
    client.send_request("POST", "/v1/audio/speech", {"model": "gpt-4o-mini-tts", "input": "x", "voice": "alloy"},
                        {"x-sim-body-bytes": "1g"}, KEY)
    assert sips(client, 60 * PATIENCE)
    line = gw.last_line(1)
    assert line["end"] == "client_slow" and line["status"] == 200
    wait_for(lambda: sim.ledger()["cancelled"] == 1, "the provider's exchange to be cancelled")
    gw.metric_is(0, "tollgate_connections")
    gw.metric_is(1, "tollgate_client_timeouts_total")


def test_without_a_rate_a_client_may_sip(gateway, connect):
    gw = gateway({"timeouts": {"send": "10m", "send_rate": 0}})
    client = connect(gw.listen)
    client.send_request("POST", "/v1/audio/speech", {"model": "gpt-4o-mini-tts", "input": "x", "voice": "alloy"},
                        {"x-sim-body-bytes": "1g"}, KEY)
    assert not sips(client, 3)
    gw.metric_is(0, "tollgate_client_timeouts_total")


def test_a_slow_stream_of_a_slow_provider_is_not_the_clients_fault(gateway):
    """Nothing waits for the client, so nothing is held against it, whatever the rate."""
    gw = gateway({"timeouts": {"send": "100ms", "send_rate": "1g"}})
    with Client(gw.listen) as client:
        client.send_request("POST", "/v1/chat/completions", chat_body(stream=True),
                            {"x-sim-events": "20", "x-sim-tps": "20"}, KEY)
        response = client.read_head()
        assert list(client.events(response))[-2] == "data: [DONE]"
    assert gw.last_line(1)["end"] == "ok"
    gw.metric_is(0, "tollgate_client_timeouts_total")


def test_a_slow_provider_is_not_the_uploaders_fault(in_front_of, peer, connect):
    """The client's body clock stands still while the provider does not take the body."""
    go = threading.Event()

    def serve(sock):
        go.wait(60)
        read_request(sock)
        sock.sendall(answer({"id": "file-1", "object": "file"}))

    gw = in_front_of(peer(serve).port, {"timeouts": {"body": "2s"}})
    client = connect(gw.listen)
    n = 24 * MB
    client.send_head("POST", "/v1/files", {"authorization": f"Bearer {KEY}", "content-length": str(n),
                                           "content-type": "application/octet-stream"})
    sender = threading.Thread(target=pour, args=(client, n), daemon=True)
    sender.start()
    go.wait(3.0)        # longer than the body clock; shorter ones are tripped by a loaded machine
    go.set()
    response = client.response()
    sender.join(30)
    assert response.status == 200, response


# ---- numbers

def test_connections_limit(gateway, connect):
    gw = gateway({"limits": {"connections": 3}})
    kept = [connect(gw.listen) for _ in range(3)]
    for c in kept:
        assert c.request("GET", "/v1/models", key=KEY).status == 200
    over = connect(gw.listen)
    assert over.ended() and over.buffer == b""
    gw.metric_is(1, "tollgate_connections_refused_total")
    kept.pop().close()
    wait_for(lambda: gw.metric("tollgate_connections") == 2, "room")
    assert connect(gw.listen).request("GET", "/v1/models", key=KEY).status == 200


def test_connections_per_address(gateway, connect):
    """One address at its limit does not lock out another."""
    gw = gateway({"limits": {"connections_per_address": 2}})
    for _ in range(2):
        assert connect(gw.listen, source="127.0.0.1").request("GET", "/v1/models", key=KEY).status == 200
    over = connect(gw.listen, source="127.0.0.1")
    assert over.ended() and over.buffer == b""
    assert connect(gw.listen, source="127.0.0.2").request("GET", "/v1/models", key=KEY).status == 200


def test_requests_per_connection(gateway, connect):
    gw = gateway({"limits": {"requests_per_connection": 3}})
    client = connect(gw.listen)
    answers = [client.request("GET", "/v1/models", key=KEY) for _ in range(3)]
    assert [a.status for a in answers] == [200, 200, 200]
    assert [a.get("connection") for a in answers] == [None, None, "close"]
    assert client.ended()


def test_body_limits(gateway, connect):
    """With a length before a byte was read, and without one when it is passed."""
    gw = gateway({"limits": {"json_body": "4k", "body": "16k"}})
    response = chat(gw.listen, content="x" * 5000)
    assert response.status == 413 and response.json["error"]["code"] == "request_too_large"
    client = connect(gw.listen)
    client.send_head("POST", "/v1/chat/completions", {"authorization": f"Bearer {KEY}", "transfer-encoding": "chunked",
                                                      "content-type": "application/json"})
    client.send(b"1388\r\n" + b" " * 5000 + b"\r\n")
    assert client.response().status == 413
    client = connect(gw.listen)
    client.send_head("POST", "/v1/files", {"authorization": f"Bearer {KEY}", "transfer-encoding": "chunked",
                                           "content-type": "application/octet-stream"})
    client.send(b"5000\r\n" + b" " * 0x5000 + b"\r\n")
    assert client.response().status == 413
    gw.metric_is(0, "tollgate_upstream_active_connections")


def test_the_memory_limit_answers_503_and_recovers(gateway, connect):
    """Half-sent bodies fill the budget; a new one is told to come back, and gets in when they are gone."""
    gw = gateway({"workers": 1, "limits": {"memory": "16m", "json_body": "16m"}})
    fillers = []
    for _ in range(3):
        c = connect(gw.listen)
        c.send_head("POST", "/v1/chat/completions", {"authorization": f"Bearer {KEY}", "content-length": 8 * MB,
                                                     "content-type": "application/json"})
        threading.Thread(target=pour, args=(c, 7 * MB), daemon=True).start()
        fillers.append(c)
    refused = wait_for(lambda: [c for c in fillers if readable(c)], "one of them to be refused")[0]
    response = refused.response()
    assert response.status == 503 and response.json["error"]["code"] == "overloaded" and response.get("retry-after")
    for c in fillers:
        c.reset()
    wait_for(lambda: gw.metric("tollgate_requests_in_flight") == 0, "room")
    assert chat(gw.listen, content="x" * MB).status == 200
