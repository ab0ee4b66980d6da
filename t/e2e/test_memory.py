"""Backpressure: whatever passes through, however slow the other side, memory stays bounded."""

import time

import pytest

from harness import KEY, MB, SANITIZER, Client, answer, chat, chat_body, standard_config, wait_for

# What a gateway may grow by while a body of any size passes: buffers of both sides, and the allocator's slack.
GROWTH = 8 * MB

pytestmark = pytest.mark.skipif(SANITIZER is not None, reason=f"memory is the sanitizer's, not ours ({SANITIZER})")


class Memory:
    """The growth of a process's resident memory from here on, at its peak."""

    def __init__(self, process):
        self.process = process
        process.reset_peak()
        self.before = process.status("VmRSS")

    def growth(self):
        return self.process.status("VmHWM") - self.before


def slow_read(client, response, pause_every=None):
    """All of the body; stops for a moment now and then."""
    n, pauses = 0, 0
    for piece in client.pieces(response):
        n += len(piece)
        if pause_every and n // pause_every > pauses and pauses < 5:
            pauses += 1
            time.sleep(0.1)
    return n


def warm(gw):
    for _ in range(4):
        assert chat(gw.listen).status == 200


@pytest.mark.parametrize("path, body, kind", [
    ("/v1/chat/completions", chat_body(), "application/json"),
    ("/v1/audio/speech", {"model": "gpt-4o-mini-tts", "input": "x", "voice": "alloy"}, "audio/"),
])
def test_a_gigabyte_to_a_slow_reader(gw, connect, path, body, kind):
    """JSON, larger than what is held for the cost header, and binary."""
    warm(gw)
    memory = Memory(gw)
    client = connect(gw.listen, rcvbuf=65536, timeout=60)
    client.send_request("POST", path, body, {"x-sim-body-bytes": "1g"}, KEY)
    response = client.read_head()
    assert response.status == 200 and response.get("content-type").startswith(kind)
    time.sleep(0.3)             # the provider fills whatever it can fill
    assert slow_read(client, response, 150 * MB) >= 1 << 30
    assert response.complete
    assert memory.growth() < GROWTH
    assert gw.last_line(5)["end"] == "ok"
    wait_for(lambda: gw.metric("tollgate_buffer_bytes") <= 65536, "the buffers to be given back")


def test_a_reader_that_stops_holds_a_bounded_amount(gw, connect):
    """Forty clients that take the head and nothing else."""
    warm(gw)
    memory = Memory(gw)
    clients = []
    for _ in range(40):
        c = connect(gw.listen, rcvbuf=4096)
        c.send_request("POST", "/v1/audio/speech", {"model": "gpt-4o-mini-tts", "input": "x", "voice": "alloy"},
                       {"x-sim-body-bytes": "64m"}, KEY)
        clients.append(c)
    for c in clients:
        assert c.read_head().status == 200
    # all blocked: nothing moves any more
    last = [None]

    def still():
        now = gw.metric("tollgate_sent_bytes_total"), gw.metric("tollgate_buffer_bytes")
        same, last[0] = now == last[0], now
        if not same:
            time.sleep(0.2)
        return same

    wait_for(still, "the gateway to stand still")
    gw.metric_is(40, "tollgate_requests_in_flight")
    assert memory.growth() < 40 * 512 * 1024
    for c in clients:
        c.close()
    wait_for(lambda: gw.metric("tollgate_requests_in_flight") == 0, "all requests settled")
    assert {l["end"] for l in gw.wait_lines(44)[4:]} == {"client_gone"}


def upload(gw, path, kind, size, headers, chunked=False):
    """A multipart upload with a file of size bytes behind the fields."""
    head = (b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-4o-mini-transcribe\r\n'
            b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.wav"\r\n'
            b'Content-Type: audio/wav\r\n\r\n')
    tail = b"\r\n--b--\r\n"
    block = bytes(range(256)) * 1024
    client = Client(gw.listen, timeout=120)
    fields = {"authorization": f"Bearer {KEY}", "content-type": f"multipart/{kind}; boundary=b", **headers}
    if chunked:
        fields["transfer-encoding"] = "chunked"
    else:
        fields["content-length"] = len(head) + size + len(tail)

    def put(data):
        client.send(b"%x\r\n" % len(data) + data + b"\r\n" if chunked else data)

    client.send_head("POST", path, fields)
    put(head)
    for _ in range(size // len(block)):
        put(block)
    put(tail)
    if chunked:
        client.send(b"0\r\n\r\n")
    response = client.response()
    client.close()
    return response


def reads_with_pauses(seen, pause_every):
    """A provider that takes an upload of any framing, stopping for a moment now and then."""

    def serve(sock):
        total, tail, head, end, paused = 0, b"", b"", None, 0
        while end is None or (total < end if end else not tail.endswith(b"\r\n0\r\n\r\n")):
            data = sock.recv(1 << 20)
            assert data, "the upload broke off"
            if end is None:
                head += data
                if b"\r\n\r\n" not in head:
                    continue
                head, data = head.split(b"\r\n\r\n", 1)
                length = [l for l in head.lower().split(b"\r\n") if l.startswith(b"content-length:")]
                end = int(length[0].split(b":")[1]) if length else 0     # 0: chunked
            total += len(data)
            tail = (tail + data)[-7:]
            if total // pause_every > paused:
                paused += 1
                time.sleep(0.2)
        seen.append(total)
        sock.sendall(answer({"text": "x", "usage": {"type": "tokens", "input_tokens": 1, "output_tokens": 1,
                                                    "total_tokens": 2}}, more="connection: close\r\n"))

    return serve


@pytest.mark.parametrize("chunked", [False, True])
def test_200_mb_multipart_to_a_slow_provider(launch, tmp_path, peer, chunked):
    seen = []
    gw = launch(standard_config(peer(reads_with_pauses(seen, 40 * MB)).address, tmp_path))
    upload(gw, "/v1/audio/transcriptions", "form-data", MB, {}, chunked)
    memory = Memory(gw)
    response = upload(gw, "/v1/audio/transcriptions", "form-data", 200 * MB, {}, chunked)
    assert response.status == 200, response
    assert memory.growth() < GROWTH
    assert seen[1] > 200 * MB
    line = gw.last_line(2)
    assert line["end"] == "ok" and line["bytes_in"] > 200 * MB


def test_an_upload_waits_for_a_slow_provider(gw, sim):
    """The client is held back to the provider's speed: nothing piles up in between."""
    memory = Memory(gw)
    started = time.monotonic()
    response = upload(gw, "/v1/files", "form-data", 8 * MB, {"x-sim-read-rate": "4m"})
    assert response.status == 200, response
    assert time.monotonic() - started > 0.5      # it was held back; how long does not matter
    assert memory.growth() < GROWTH


def test_500_slow_streams(gw, connect, sim):
    """All at once, all complete, in bounded memory."""
    warm(gw)
    memory = Memory(gw)
    clients = []
    for _ in range(500):
        c = connect(gw.listen, timeout=60)
        c.send_request("POST", "/v1/chat/completions", chat_body(stream=True), {"x-sim-events": "12", "x-sim-tps": "5"},
                       KEY)
        clients.append(c)
    wait_for(lambda: gw.metric("tollgate_requests_in_flight") == 500, "all of them at once")
    for c in clients:
        response = c.read_head()
        assert response.status == 200
        assert list(c.events(response))[-2] == "data: [DONE]" and response.complete
    assert memory.growth() < 500 * 40 * 1024
    gw.metric_is(0, "tollgate_requests_in_flight")
    assert {l["end"] for l in gw.wait_lines(504)} == {"ok"}


def test_large_prompts_give_their_memory_back(gw):
    """Twenty prompts of 16 MB one after the other take no more than one at a time."""
    warm(gw)
    memory = Memory(gw)
    body = chat_body(content="x" * (16 * MB))
    with Client(gw.listen, timeout=60) as c:
        for _ in range(20):
            assert c.request("POST", "/v1/chat/completions", body, key=KEY).status == 200
    assert memory.growth() < 3 * 16 * MB + GROWTH
    wait_for(lambda: gw.metric("tollgate_buffer_bytes") <= 65536, "the buffers to be given back")


def test_reloads_do_not_leak(gw):
    """A hundred configurations: the old ones are gone."""
    for _ in range(20):
        gw.reload(gw.config)
    before = gw.status("VmRSS")
    for i in range(100):
        gw.reload(gw.config)
        if i % 20 == 0:
            assert chat(gw.listen).status == 200
    assert gw.status("VmRSS") - before < 4 * MB
