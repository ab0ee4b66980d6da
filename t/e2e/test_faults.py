"""Providers that misbehave: what the client sees, what the log says, and that nothing is taken for a success."""

import json

import pytest

from harness import (CLAUDE, KEY, MODEL, Broken, Client, answer, chat, chat_body, merged, read_request,
                     standard_config, wait_for)

OPENAI = ("/v1/chat/completions", chat_body())
ANTHROPIC = ("/v1/messages", {"model": CLAUDE, "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]})


def ask(gw, fault, path, body, stream, **headers):
    """(response or None, all bytes behind the head, complete)"""
    with Client(gw.listen) as c:
        c.send_request("POST", path, {**body, "stream": True} if stream else body,
                       {"x-sim-fault": fault, "x-sim-events": "10", **headers}, KEY)
        response = c.read_head()
        try:
            for piece in c.pieces(response):
                response.body += piece
        except Broken:
            pass
        return response


def is_error(response, path):
    """A whole error in the caller's dialect, with the request's id."""
    assert response.complete and response.id in response.body.decode()
    error = response.json["error"]
    if path == "/v1/messages":
        assert response.json["type"] == "error" and error["type"] == "api_error"
    else:
        assert error["code"] == "upstream_error" and error["type"] == "server_error"
    return error["message"]


BOTH = pytest.mark.parametrize("path, body", [OPENAI, ANTHROPIC], ids=["openai", "anthropic"])
EITHER = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@BOTH
@EITHER
@pytest.mark.parametrize("fault, word", [
    ("gzip", "compressed"), ("bad-head", "not valid HTTP"), ("reset", "closed before an answer"),
    ("bad-chunk", "not valid HTTP"),
])
def test_an_answer_that_cannot_be_passed_on_is_a_502(gw, path, body, stream, fault, word):
    response = ask(gw, fault, path, body, stream)
    assert response.status == 502, response
    assert word in is_error(response, path)
    line = gw.last_line(1)
    assert line["end"] == "failed" and line["error"] == "upstream_error"
    # a 200 that cannot be read was billed all the same: its input is charged
    assert (line.get("quality") == "partial") == (fault in ("gzip", "bad-chunk"))
    gw.metric_is(1, "tollgate_upstream_errors_total")
    # the next request is served
    assert chat(gw.listen).status == 200


@BOTH
@pytest.mark.parametrize("fault", ["truncate", "truncate@4", "reset@1500", "bad-chunk"])
def test_a_stream_that_breaks_off_never_ends_as_success(gw, path, body, fault):
    """An error event in the caller's dialect, no end marker, no last chunk, the connection closed."""
    response = ask(gw, fault, path, body, True, **{"x-sim-events": "100", "x-sim-tps": "2000"})
    if response.status == 502:      # broken before the first byte went out: as good
        is_error(response, path)
        return
    assert response.status == 200 and not response.complete
    text = response.body.decode()
    assert "[DONE]" not in text and "message_stop" not in text and ": tollgate" not in text
    events = [e for e in text.split("\n\n") if e]
    assert events[-1].startswith("event: error\ndata: ")
    error = json.loads(events[-1].split("data: ", 1)[1])
    assert error["error"]["message"] and response.id in events[-1]
    if path == "/v1/messages":
        assert error["type"] == "error"
    assert gw.last_line(1)["end"] == "truncated"


@BOTH
@pytest.mark.parametrize("fault", ["truncate", "reset@700", "truncate@20"])
def test_a_held_answer_that_breaks_off_is_a_whole_502(gw, path, body, fault):
    response = ask(gw, fault, path, body, False)
    # a reset may overtake the bytes before it
    words = ["broke off", "closed before an answer"] if "reset" in fault else ["broke off"]
    assert response.status == 502 and any(w in is_error(response, path) for w in words), response
    assert gw.last_line(1)["end"] == "failed"


def test_a_large_answer_that_breaks_off_is_cut_not_ended(gw):
    """Nothing was held, so the client must see fewer bytes than promised or no last chunk."""
    with Client(gw.listen) as c:
        c.send_request("POST", "/v1/audio/speech", {"model": "gpt-4o-mini-tts", "input": "x", "voice": "alloy"},
                       {"x-sim-body-bytes": "8m", "x-sim-fault": "truncate"}, KEY)
        response = c.read_head()
        assert response.status == 200
        with pytest.raises(Broken):
            for _ in c.pieces(response):
                pass
    assert gw.last_line(1)["end"] == "truncated"


def test_an_http10_client_sees_a_truncation_as_a_reset(gw):
    """An answer without a length ends with its connection: an orderly end would make it look whole."""
    body = json.dumps({"model": "gpt-4o-mini-tts", "input": "x", "voice": "alloy"})
    with Client(gw.listen) as c:
        c.send(f"POST /v1/audio/speech HTTP/1.0\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
               "x-sim-body-bytes: 1m\r\nx-sim-fault: truncate\r\n"
               f"content-length: {len(body)}\r\n\r\n{body}".encode())
        with pytest.raises(ConnectionResetError):
            while c.sock.recv(65536):
                pass
    assert gw.last_line(1)["end"] == "truncated"


@BOTH
@EITHER
def test_malformed_json_passes_untouched_and_its_cost_is_estimated(gw, path, body, stream):
    """What the provider says is the client's to read; what it used is estimated."""
    response = ask(gw, "bad-json", path, body, stream)
    assert response.status == 200
    line = gw.last_line(1)
    assert line["end"] in ("ok", "truncated")
    if not stream:
        with pytest.raises(ValueError):
            response.json
        assert line["quality"] == response.get("x-tollgate-cost-quality") == "estimated"
        assert float(response.get("x-tollgate-cost-usd")) > 0


@BOTH
@EITHER
def test_an_answer_without_usage_passes(gw, path, body, stream):
    response = ask(gw, "no-usage", path, body, stream)
    assert response.status == 200 and response.complete
    line = gw.last_line(1)
    assert line["quality"] == "estimated" and line["usage"]["input"] > 0 and line["usage"]["output"] > 0


@BOTH
@pytest.mark.parametrize("fault, status", [("400", 400), ("404", 404), ("429", 429), ("500", 500), ("503", 503),
                                           ("529", 529), ("quota", 429)])
def test_the_providers_own_errors_pass_when_there_is_no_other_target(gw, path, body, fault, status):
    response = ask(gw, fault, path, body, False, **{"x-sim-retry-after": "7"})
    assert response.status == status and response.complete
    assert response.json["error"]["message"]
    if fault == "429":
        assert response.get("retry-after") == "7"
    line = gw.last_line(1)
    assert line["status"] == status and line["end"] == "ok" and "cost_usd" not in line
    assert response.get("x-tollgate-target") in ("openai", "claude")


def test_an_error_event_inside_a_stream_passes(gw):
    response = ask(gw, "stream-error@3", *OPENAI, True)
    assert response.status == 200 and b'"error"' in response.body
    assert gw.last_line(1)["status"] == 200


def test_slow_drip_passes_whole(gw):
    response = ask(gw, "slow-drip@3000", *OPENAI, True)
    assert response.status == 200 and response.complete and b"data: [DONE]" in response.body


@pytest.mark.parametrize("fault", ["close-idle", "close-reuse"])
def test_connections_that_die_idle_do_not_hurt(gateway, fault):
    gw = gateway({"workers": 1})
    for _ in range(10):
        assert chat(gw.listen, headers={"x-sim-fault": fault}).status == 200
    gw.metric_is(0, "tollgate_upstream_errors_total")


# ---- malformed answers, byte by byte

@pytest.mark.parametrize("reply", [
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx: a\r\n folded\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}",
    b"HTTP/2 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100000 + b"\r\n\r\n",
    b"\x15\x03\x01\x00\x02\x02\x28",
    b"garbage\r\n\r\n",
    b"",
])
def test_malformed_heads_are_502(launch, tmp_path, peer, reply):
    """Never passed on, never a guess."""
    def serve(sock):
        read_request(sock)
        sock.sendall(reply)

    gw = launch(standard_config(peer(serve).address, tmp_path))
    response = chat(gw.listen)
    assert response.status == 502, response
    is_error(response, OPENAI[0])
    assert gw.last_line(1)["end"] == "failed"


def test_informational_answers_are_passed_over(launch, tmp_path, peer):
    def serve(sock):
        read_request(sock)
        sock.sendall(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + answer())

    assert chat(launch(standard_config(peer(serve).address, tmp_path)).listen).status == 200


def test_bytes_behind_an_answer_end_the_connection(launch, tmp_path, peer):
    """They are never taken for the next answer (response splitting)."""
    connections = []

    def serve(sock):
        connections.append(sock)
        while read_request(sock):
            sock.sendall(answer() + answer({"stolen": True}))

    gw = launch(merged(standard_config(peer(serve).address, tmp_path), {"workers": 1}))
    for _ in range(4):
        response = chat(gw.listen)
        assert response.status == 200 and "stolen" not in response.json
    assert len(connections) == 4


# ---- several targets

def two_targets(first, second, tmp_path, **more):
    config = standard_config("127.0.0.1:9", tmp_path)
    config["targets"] = {"first": {"provider": "openai", "base_url": f"http://{first}", "weight": 1},
                         "second": {"provider": "openai", "base_url": f"http://{second}", "weight": 0}}
    config["models"] = {MODEL: {"targets": ["first", "second"]}}
    return merged(config, more)


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n",
                                   b"HTTP/1.1 429 x\r\ncontent-length: 0\r\n\r\n", b"garbage\r\n\r\n",
                                   b"HTTP/1.1 401 x\r\ncontent-length: 0\r\n\r\n"])
def test_another_target_is_asked(launch, tmp_path, peer, reply):
    """Whatever the first one's failure, while nothing was sent to the client."""

    def bad(sock):
        read_request(sock)
        sock.sendall(reply)

    def good(sock):
        while read_request(sock):
            sock.sendall(answer())

    gw = launch(two_targets(peer(bad).address, peer(good).address, tmp_path))
    failed_over = 0
    for _ in range(20):
        response = chat(gw.listen)
        assert response.status == 200 and response.get("x-tollgate-target") == "second"
        failed_over += response.get("x-tollgate-attempts") == "2"
    assert failed_over >= 1
    gw.metric_is(failed_over, "tollgate_upstream_failovers_total")


def test_a_target_that_keeps_failing_is_left_alone_for_a_while(launch, tmp_path, peer):
    """After three failures in a row others are asked first; readyz shows it down."""

    def good(sock):
        while read_request(sock):
            sock.sendall(answer())

    bad = peer(lambda sock: read_request(sock))
    gw = launch(two_targets(bad.address, peer(good).address, tmp_path))
    for _ in range(30):
        assert chat(gw.listen).status == 200
    # two workers may each have one on its way when it is taken out
    assert 3 <= bad.accepted <= 5
    assert gw.admin_get("/readyz").json["targets"] == {"first": "down", "second": "up"}


def test_all_targets_failing_is_one_502(launch, tmp_path, peer):
    bad = peer(lambda sock: read_request(sock))
    gw = launch(two_targets(bad.address, bad.address, tmp_path))
    response = chat(gw.listen)
    assert response.status == 502 and response.get("x-tollgate-attempts") == "2"
    assert "Attempts: 2" in response.json["error"]["message"]
    assert gw.last_line(1)["attempts"] == 2
