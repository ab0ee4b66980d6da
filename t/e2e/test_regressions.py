"""What once went wrong, each with the few steps it took. Found by torture.py or by reading the code with its eyes."""

import signal
import socket
import threading
import time

from harness import KEY, Client, chat_body, wait_for

# A unix socket takes about 200 KB before it is full; over TCP the kernel swallows megabytes on one machine.
JUST_MORE_THAN_THE_SOCKET_TAKES = "300k"


def on_a_socket(gateway, tmp_path, changes=None):
    path = f"unix:{tmp_path}/s"
    return gateway({"listen": [{"address": path}], **(changes or {})}), path


def test_a_large_held_answer_reaches_a_slow_reader(gateway, tmp_path, connect):
    """A held JSON answer larger than the client's queue usually may be was taken for a client that is gone."""
    gw, path = on_a_socket(gateway, tmp_path)
    client = connect(path)
    client.send_request("POST", "/v1/chat/completions", chat_body(max_tokens=400000),
                        {"x-sim-output-tokens": "400000"}, KEY)
    wait_for(gw.access_lines, "the answer to be handed over")
    answer = client.response()
    assert answer.complete and len(answer.body) > 1_600_000 and answer.get("x-tollgate-cost-usd")
    assert gw.access_lines()[0]["end"] == "ok"


def test_a_drain_does_not_cut_an_answer_that_is_still_being_written(gateway, tmp_path, connect):
    """The provider is done, the client not: the connection counted as idle and was closed by SIGTERM."""
    gw, path = on_a_socket(gateway, tmp_path)
    client = connect(path)
    client.send_request("POST", "/v1/audio/speech", {"model": "gpt-4o-mini-tts", "input": "x", "voice": "alloy"},
                        {"x-sim-body-bytes": JUST_MORE_THAN_THE_SOCKET_TAKES}, KEY)
    gw.wait_lines(1)
    gw.signal(signal.SIGTERM)
    wait_for(lambda: gw.admin_get("/readyz").status == 503, "the drain")
    answer = client.response()
    assert answer.complete and len(answer.body) == 300 * 1024
    assert gw.wait() == 0


def test_a_reader_slower_than_the_idle_clock_gets_all(gateway, tmp_path, connect):
    """The idle clock ran while the last answer was being written."""
    gw, path = on_a_socket(gateway, tmp_path, {"timeouts": {"idle": "300ms"}})
    client = connect(path)
    client.send_request("POST", "/v1/audio/speech", {"model": "gpt-4o-mini-tts", "input": "x", "voice": "alloy"},
                        {"x-sim-body-bytes": JUST_MORE_THAN_THE_SOCKET_TAKES}, KEY)
    gw.wait_lines(1)
    time.sleep(1)  # three times the clock: it must have fired if it ran
    assert len(client.response().body) == 300 * 1024


def test_a_body_that_turns_bad_after_the_answer_began(gateway, peer, connect):
    """An error cannot be answered any more: the process ended with a failed assertion."""
    def early(sock):
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100000\r\n\r\nbegun")
        while sock.recv(65536):
            pass

    gw = gateway({"targets": {"openai": {"base_url": f"http://{peer(early).address}"}}, "limits": {"body": "1k", "json_body": "1k"}})
    bad = [b"zz\r\n", b"5\r\nhelloXX", b"7ff\r\n" + b"x" * 0x7ff]
    for rest in bad:
        client = connect(gw.listen)
        client.send_head("POST", "/openai/v1/any", {"authorization": f"Bearer {KEY}",
                                                    "transfer-encoding": "chunked"})
        client.send(b"5\r\nhello\r\n")
        assert client.read_head().status == 200
        client.send(rest)
        assert client.ended()
    assert [line["end"] for line in gw.wait_lines(len(bad))] == ["failed"] * len(bad)


def test_all_that_a_client_may_say_is_one_json_line(gw, connect):
    """Many tags of quotes, as many as are taken, and names of bytes that are written as six, were cut in the middle of the line."""
    client = connect(gw.listen)
    value = '"' * 80
    tags = ",".join(f"t{i:02}{'x' * 60}={value}" for i in range(32))
    body = b'{"model":"' + b"\\u0001" * 512 + b'"}'
    head = (f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
            f"x-tollgate-tags: {tags}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n").encode()
    for name in (b"x-tollgate-session", b"x-tollgate-end-user"):
        head += name + b": " + b"\x80" * 512 + b"\r\n"
    client.send(head + b"\r\n" + body)
    assert client.response().status == 404
    assert len(gw.wait_lines(1)[0]["tags"]) == 33


def test_an_answer_behind_a_refused_large_body_is_passed_on(gateway, peer, connect):
    """A provider that answers and closes before it took the whole JSON body: its answer counts, not the reset."""
    def refuses(sock):
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nlarge")
        sock.close()  # with bytes unread: a reset follows

    gw = gateway({"targets": {"openai": {"base_url": f"http://{peer(refuses).address}"}}})
    answer = connect(gw.listen).request("POST", "/v1/chat/completions", chat_body(content="x" * 20_000_000), key=KEY)
    assert (answer.status, answer.body) == (413, b"large"), gw.errors()


def test_a_flood_of_cheap_requests_pushes_no_priced_line_out(gw, connect):
    """The log's ring fills up faster than it is written; lines that tell a cost have a part of their own."""
    over = threading.Event()

    def read(sock):
        try:
            while sock.recv(1 << 20):
                pass
        except OSError:
            pass

    def flood():
        with Client(gw.listen) as client:
            reader = threading.Thread(target=read, args=(client.sock,), daemon=True)
            reader.start()
            while not over.is_set():
                try:
                    client.send(b"HEAD / HTTP/1.1\r\nhost:a\r\n\r\n" * 2000)
                except OSError:
                    break
            client.sock.shutdown(socket.SHUT_RDWR)
            reader.join(60)

    floods = [threading.Thread(target=flood, daemon=True) for _ in range(3)]
    for thread in floods:
        thread.start()
    wait_for(lambda: gw.metric("tollgate_requests_total") > 20000, "the flood to be there")
    honest = connect(gw.listen)
    ids = {honest.request("POST", "/v1/chat/completions", chat_body(), key=KEY).id for _ in range(60)}
    over.set()
    for thread in floods:
        thread.join(30)
    log = gw.access_path()
    wait_for(lambda: (text := log.read_text()) and all(i in text for i in ids), "the lines of all priced requests")


def test_a_list_of_thousands_of_models(gateway, connect):
    """It did not fit into a request's own memory: 503."""
    names = {f"model-number-{i}": {"targets": "openai"} for i in range(3000)}
    answer = connect(gateway({"models": names}).listen).request("GET", "/v1/models", key=KEY)
    assert answer.status == 200 and names.keys() <= {m["id"] for m in answer.json["data"]}
