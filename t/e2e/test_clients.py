"""Clients that go away, clients that half close, and what they upload."""

import hashlib
import json
import socket
import threading

import pytest

from harness import (CLAUDE, KEY, MB, MODEL, PROVIDER_KEY, Client, answer, chat_body, merged, multipart, read_request,
                     standard_config, wait_for)

SLOW = {"x-sim-events": "100000", "x-sim-tps": "100"}


def begin_stream(client, headers=SLOW, path="/v1/chat/completions", body=None):
    client.send_request("POST", path, body or chat_body(stream=True), headers, KEY)
    response = client.read_head()
    assert response.status == 200
    events = client.events(response)
    next(events)
    return response, events


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("path, body", [
    ("/v1/chat/completions", chat_body(stream=True)),
    ("/v1/messages", {"model": CLAUDE, "max_tokens": 64000, "stream": True,
                      "messages": [{"role": "user", "content": "hi"}]}),
])
def test_a_client_that_goes_cancels_the_provider(gw, sim, connect, how, path, body):
    """The provider stops billing: its ledger says cancelled; the log says client_gone, once."""
    client = connect(gw.listen)
    begin_stream(client, path=path, body=body)
    getattr(client, how)()
    entry = wait_for(lambda: sim.ledger().get("entries"), "the simulator's ledger line")[-1]
    assert entry["cancelled"] and not entry["completed"]
    line = gw.last_line(1)
    assert line["end"] == "client_gone" and line["status"] == 200 and line["stream"] is True
    gw.metric_is(0, "tollgate_requests_in_flight")
    gw.metric_is(0, "tollgate_upstream_active_connections")
    gw.metric_is(0, "tollgate_upstream_idle_connections")      # a half-read connection is not kept


def test_a_client_that_goes_before_a_stream(gw, sim, connect):
    client = connect(gw.listen)
    client.send_request("POST", "/v1/chat/completions", chat_body(stream=True), {"x-sim-ttft": "60s"}, KEY)
    wait_for(lambda: sim.requests(1), "the provider to be asked")
    client.reset()
    line = gw.last_line(1)
    assert line["end"] == "client_gone" and line["status"] == 499 and line["quality"] == "estimated"
    wait_for(lambda: sim.ledger()["in_flight"] <= 1, "the provider to be told")


def test_a_client_that_goes_in_the_middle_of_its_body(gw, sim, connect):
    """Nothing reaches the provider."""
    client = connect(gw.listen)
    client.send_head("POST", "/v1/chat/completions", {"authorization": f"Bearer {KEY}", "content-length": "1000",
                                                      "content-type": "application/json"})
    client.send(b'{"model": "gpt-4o-mini", ')
    wait_for(lambda: gw.metric("tollgate_requests_in_flight") == 1, "the request to be seen")
    client.close()
    line = gw.last_line(1)
    assert line["end"] == "client_gone" and "target" not in line
    assert sim.requests() == []


def test_a_client_that_goes_in_the_middle_of_an_upload(gw, sim, connect):
    client = connect(gw.listen)
    client.send_head("POST", "/v1/files", {"authorization": f"Bearer {KEY}", "content-length": str(64 * MB),
                                           "content-type": "application/octet-stream"})
    client.send(bytes(2 * MB))
    wait_for(lambda: gw.metric("tollgate_upstream_active_connections") == 1, "the provider to be asked")
    client.close()
    assert gw.last_line(1)["end"] == "client_gone"
    gw.metric_is(0, "tollgate_upstream_active_connections")


def test_a_half_closed_client_counts_as_gone(gw, sim, connect):
    """HTTP/1.1 clients keep their side open; the end of the stream is how a vanished one is noticed at once."""
    client = connect(gw.listen)
    begin_stream(client)
    client.sock.shutdown(socket.SHUT_WR)
    assert client.ended()
    assert b"[DONE]" not in client.buffer
    assert gw.last_line(1)["end"] == "client_gone"
    wait_for(lambda: sim.ledger()["cancelled"] == 1, "the provider to be told")


def test_a_half_open_client_is_ended_by_the_send_clock(gateway, connect, sim):
    """A peer that vanished without a word takes no bytes: as one that does not read."""
    gw = gateway({"timeouts": {"send": "300ms"}})
    client = connect(gw.listen, rcvbuf=4096)
    client.send_request("POST", "/v1/chat/completions", chat_body(stream=True), {"x-sim-events": "1000000"}, KEY)
    assert gw.last_line(1)["end"] == "client_slow"


def test_many_aborts_at_every_moment_leave_nothing_behind(gw, sim, connect):
    """Clients that go after N bytes of the answer, for many N; everything is settled once, and it still serves."""
    for i in range(60):
        with Client(gw.listen) as c:
            c.send_request("POST", "/v1/chat/completions", chat_body(stream=True), {"x-sim-events": "50"}, KEY)
            want = i * 211
            while len(c.buffer) < want and c.recv(512):
                pass
            if i % 2:
                c.reset()
    lines = gw.wait_lines(60)
    assert len({l["id"] for l in lines}) == 60 and {l["end"] for l in lines} <= {"ok", "client_gone"}
    wait_for(lambda: gw.metric("tollgate_requests_in_flight") == 0, "all settled")
    gw.metric_is(0, "tollgate_upstream_active_connections")
    with Client(gw.listen) as c:
        assert c.request("POST", "/v1/chat/completions", chat_body(), key=KEY).status == 200


# ---- uploads

AUDIO = bytes(range(256)) * 1024        # 256 KB: more than is buffered


def last_upload(sim):
    return [r for r in sim.requests() if r["method"] == "POST"][-1]


@pytest.fixture
def renamed(gateway):
    return gateway({"models": {"alias": {"targets": [{"target": "openai", "model": "gpt-4o-mini-transcribe"}]}}})


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("size", [100, len(AUDIO)])
def test_multipart_reaches_the_provider_byte_for_byte(gw, sim, connect, before, chunked, size):
    """The model before the file and behind it, also when the file is larger than what is held back."""
    fields = [("model", "gpt-4o-mini-transcribe"), ("file", "a.wav", AUDIO[:size])]
    kind, body = multipart(fields if before else fields[::-1])
    client = connect(gw.listen)
    send_form(client, "/v1/audio/transcriptions", kind, body, chunked)
    response = client.response()
    assert response.status == 200, response
    seen = last_upload(sim)
    assert seen["body_sha256"] == hashlib.sha256(body).hexdigest()
    line = gw.last_line(1)
    assert line["model"] == "gpt-4o-mini-transcribe" and line["key"] == "laptop"
    assert response.get("x-tollgate-cost-usd") is not None


def send_form(client, path, kind, body, chunked):
    fields = {"authorization": f"Bearer {KEY}", "content-type": kind}
    if not chunked:
        client.send_head("POST", path, {**fields, "content-length": len(body)})
        client.send(body)
        return
    client.send_head("POST", path, {**fields, "transfer-encoding": "chunked"})
    for i in range(0, len(body), 7001):
        piece = body[i:i + 7001]
        client.send(b"%x\r\n" % len(piece) + piece + b"\r\n")
    client.send(b"0\r\n\r\n")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [100, len(AUDIO)])
def test_a_renamed_model_in_front_of_the_file(renamed, sim, connect, chunked, size):
    """Only the field's value changes."""
    kind, body = multipart([("model", "alias"), ("file", "a.wav", AUDIO[:size])])
    client = connect(renamed.listen)
    send_form(client, "/v1/audio/transcriptions", kind, body, chunked)
    assert client.response().status == 200
    expected = body.replace(b"alias", b"gpt-4o-mini-transcribe")
    assert last_upload(sim)["body_sha256"] == hashlib.sha256(expected).hexdigest()


def test_a_renamed_model_behind_a_small_file(renamed, sim, connect):
    kind, body = multipart([("file", "a.wav", AUDIO[:100]), ("model", "alias")])
    client = connect(renamed.listen)
    send_form(client, "/v1/audio/transcriptions", kind, body, False)
    assert client.response().status == 200
    expected = body.replace(b"alias", b"gpt-4o-mini-transcribe")
    assert last_upload(sim)["body_sha256"] == hashlib.sha256(expected).hexdigest()


def test_a_renamed_model_behind_a_large_file_is_refused(renamed, sim, connect):
    """The file has left when the name is found: the provider must never serve under a name it was not given."""
    kind, body = multipart([("file", "a.wav", AUDIO * 8), ("model", "alias")])
    client = connect(renamed.listen)
    threading.Thread(target=quiet_send, args=(client, kind, body), daemon=True).start()
    response = client.response()
    assert response.status == 400 and "model" in response.json["error"]["message"]
    assert renamed.last_line(1)["status"] == 400


def quiet_send(client, kind, body):
    try:
        send_form(client, "/v1/audio/transcriptions", kind, body, False)
    except OSError:
        pass


@pytest.mark.parametrize("fields, status, code", [
    ([("model", "nobody-knows"), ("file", "a", b"x")], 404, "model_not_found"),
    ([("file", "a", b"x")], 400, "missing_model"),
    ([("model", MODEL), ("model", CLAUDE), ("file", "a", b"x")], 400, "invalid_multipart"),
])
def test_multipart_refusals(gw, sim, connect, fields, status, code):
    kind, body = multipart(fields)
    client = connect(gw.listen)
    send_form(client, "/v1/audio/transcriptions", kind, body, False)
    response = client.response()
    assert response.status == status and response.json["error"]["code"] == code, response
    assert sim.requests() == []


def test_files_go_up_and_come_down_untouched(gw, sim, connect):
    kind, body = multipart([("purpose", "batch"), ("file", "lines.jsonl", b'{"a":1}\n' * 5000)])
    client = connect(gw.listen)
    send_form(client, "/v1/files", kind, body, True)
    made = client.response()
    assert made.status == 200
    content = client.request("GET", f"/v1/files/{made.json['id']}/content", key=KEY)
    assert content.status == 200 and hashlib.sha256(content.body).hexdigest() == made.json["sha256"]


def test_audio_comes_down_untouched(gw, sim, connect):
    """Through the gateway the same bytes as without it."""
    body = {"model": "gpt-4o-mini-tts", "input": "speak", "voice": "alloy"}
    through = connect(gw.listen).request("POST", "/v1/audio/speech", body, {"x-sim-body-bytes": "300k"}, KEY)
    direct = connect(sim.listen).request("POST", "/v1/audio/speech", body, {"x-sim-body-bytes": "300k"}, PROVIDER_KEY)
    assert through.status == direct.status == 200 and len(through.body) == 300 * 1024
    assert through.body == direct.body and through.get("content-type") == direct.get("content-type")


def test_a_provider_that_answers_before_the_upload_ends(launch, tmp_path, peer, connect):
    """413 of a provider that stopped reading reaches the client."""

    def serve(sock):
        sock.recv(65536)
        body = json.dumps({"error": {"message": "too big for me", "type": "x", "code": None}}).encode()
        sock.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-type: application/json\r\nconnection: close\r\n"
                     b"content-length: %d\r\n\r\n" % len(body) + body)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):     # so that no reset eats the answer
            pass

    gw = launch(standard_config(peer(serve).address, tmp_path))
    client = connect(gw.listen)
    client.send_head("POST", "/v1/files", {"authorization": f"Bearer {KEY}", "content-length": str(64 * MB),
                                           "content-type": "application/octet-stream"})
    sender = threading.Thread(target=pour, args=(client,), daemon=True)
    sender.start()
    response = client.response()
    assert response.status == 413 and "too big for me" in response.json["error"]["message"]
    assert response.get("connection") == "close"
    client.close()
    sender.join()


def pour(client):
    try:
        for _ in range(1024):
            client.send(bytes(65536))
    except OSError:
        pass


def test_a_kept_alive_connection_that_died_is_retried_once_for_free(launch, tmp_path, peer, connect):
    """The provider closes an idle connection just as the next request goes out: the client does not notice."""

    served = []

    def serve(sock):
        assert read_request(sock)
        served.append(1)
        sock.sendall(answer())
        if read_request(sock):          # the second request on this connection: no answer
            served.append(0)

    config = merged(standard_config(peer(serve).address, tmp_path), {"workers": 1})
    gw = launch(config)
    client = connect(gw.listen)
    for _ in range(3):
        response = client.request("POST", "/v1/chat/completions", chat_body(), key=KEY)
        assert response.status == 200 and response.get("x-tollgate-attempts") == "1"
    gw.metric_is(2, "tollgate_upstream_free_retries_total")
    assert served.count(1) == 3
