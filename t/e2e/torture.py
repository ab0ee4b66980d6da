#!/usr/bin/env python3
"""Drives a gateway and a simulator with everything that clients, providers and operators may do wrong, at random.

    torture.py [--seconds N] [--seed N] [--clients N] [--round N]

A round: a gateway is started, clients with good and bad manners talk to it through TCP, TLS and a unix socket,
providers answer well (the simulator) or as badly as they can (Evil), SIGHUP and SIGUSR1 come at any moment. Then
everybody leaves, and must have left nothing behind: no request, connection or buffer; one access log line for each
request; SIGTERM under load ends it with 0 and without a report of a sanitizer. Honest requests in between must be
answered, each with its own answer. With --seed the same mix comes again (not the same timing).

Builds: TG_BUILD says which, as for the tests. Exit code 0: nothing found.
"""

import argparse
import json
import pathlib
import random
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time

from harness import (BUILD, CLAUDE, KEY, MODEL, PATIENCE, PROVIDER_KEY, SANITIZER, Broken, Certificates, Client, Gateway,
                     Peer, Simulator, chat_body, free_port, multipart, sha256, split_address, wait_for)

REPORTS = ("panic", "ERROR: AddressSanitizer", "LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer")
CHAT, CLAUDE_PATH = "/v1/chat/completions", "/v1/messages"
FAULTS = ("stall", "truncate", "reset", "no-usage", "wrong-usage", "slow-drip", "bad-json", "bad-head", "bad-chunk",
          "gzip", "close-idle", "close-reuse", "stream-error", "quota", "429", "500", "503", "529", "400", "404")
LENGTHS = ("9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "-1", "+5",
           "1e3", "0x10", "5, 5", "5,6", " 7", "4294967296", "99999999999999999999999", "00000000000000000005", "")
CHUNKS = (b"ffffffffffffffff", b"7fffffffffffffff", b"8000000000000000", b"10000000000000000", b"0x5", b"5 ", b" 5", b"-5",
          b"00000000000000005", b"5;" + b"e" * 5000, b"5\n", b"g", b"", b"5\r\r\n")
BYTES = (b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b"\x7f", b"\xff", b",", b";", b"%", b"\\", b"\x0b")


class Trouble(Exception):
    """What must not happen."""


def strike(rng, data, most=4):
    """Some bytes of data changed, put in, taken out, or a piece of it repeated."""
    data = bytearray(data)
    for _ in range(rng.randint(1, most)):
        at = rng.randrange(len(data) + 1)
        what = rng.randrange(5)
        if what == 0 and data:
            data[min(at, len(data) - 1)] = rng.randrange(256)
        elif what == 1:
            data[at:at] = rng.choice(BYTES)
        elif what == 2:
            del data[at:at + rng.randint(1, 8)]
        elif what == 3:
            data[at:at] = data[at:at + rng.randint(1, 60)]
        else:
            del data[at:]
    return bytes(data)


def pieces(rng, data, most=6):
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(most)))
    return [data[a:b] for a, b in zip([0] + cuts, cuts + [len(data)])]


def chunked(rng, body, extras=True):
    out = b""
    for piece in pieces(rng, body):
        if piece:
            size = f"{len(piece):x}" if rng.random() < .5 else f"{len(piece):04X}"
            out += size.encode() + (b";a=b" if extras and rng.random() < .1 else b"") + b"\r\n" + piece + b"\r\n"
    return out + (b"0\r\nx-t: 1\r\n\r\n" if extras and rng.random() < .2 else b"0\r\n\r\n")


def request_bytes(rng, path, body=None, headers=(), method=None, chunks=None, key=KEY):
    fields = [("host", "gateway"), ("authorization", f"Bearer {key}"), *headers]
    if isinstance(body, dict):
        body = json.dumps(body).encode()
        fields.append(("content-type", "application/json"))
    if body is not None:
        if chunks is None:
            chunks = rng.random() < .3
        if chunks:
            fields.append(("transfer-encoding", "chunked"))
            body = chunked(rng, body)
        else:
            fields.append(("content-length", str(len(body))))
    method = method or ("GET" if body is None else "POST")
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields)
    return head.encode() + b"\r\n" + (body or b"")


# ---- providers as bad as they can be


def usage_bomb(rng):
    """A chat answer or event whose usage and names are not what the meter hopes for."""
    number = rng.choice(("1e999", "-5", "99999999999999999999999", "1.5", "null", "{}", "[]", '"7"', "0" * 5000, "true",
                         str(2 ** 63), str(2 ** 64 - 1), "9" * 18))
    model = rng.choice(('"a\\r\\nx-evil: 1"', '"' + "m" * 5000 + '"', '"\\ud800"', '"\\u0000"', "5", "null"))
    usage = rng.choice((f'{{"prompt_tokens":{number},"completion_tokens":{number}}}', "[" * 3000, '{"prompt_tokens":',
                        '{"prompt_tokens_details":{"cached_tokens":%s},"prompt_tokens":1}' % number, '"x"'))
    choices = rng.choice(("[]", '[{"index":0}]', "[" * 200 + "]" * 200, "7"))
    return ('{"object":"x","service_tier":%s,"model":%s,"choices":%s,"usage":%s}' % (model, model, choices, usage)).encode()


def good_answer(rng, body=None, more=""):
    body = rng.randbytes(rng.randrange(3000)) if body is None else body
    kind = rng.choice(("application/json", "text/event-stream", "text/plain", "application/json; charset=utf-8"))
    head = f"HTTP/1.1 {rng.choice((200, 200, 201, 206, 400, 429, 500))} X\r\ncontent-type: {kind}\r\n{more}"
    if rng.random() < .5:
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    return f"{head}transfer-encoding: chunked\r\n\r\n".encode() + chunked(rng, body)


def event_stream(rng):
    out = b""
    for _ in range(rng.randrange(1, 30)):
        out += rng.choice((b"data: ", b"event: x\ndata:", b": ", b"id", b"", b"\xef\xbb\xbfdata: ", b"data: [DONE]"))
        out += rng.choice((usage_bomb(rng), b"x" * rng.randrange(20000), rng.randbytes(50), b"{}"))
        out += rng.choice((b"\n\n", b"\r\n\r\n", b"\r\r", b"\n", b"\n\r\n", b""))
    return out


class Evil(Peer):
    """A provider. Every exchange is one of the methods `e_...`; True lets the connection go on."""

    def __init__(self, seed):
        self.seed, self.count = seed, 0
        self.ways = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("e_")]
        super().__init__(self.talk)

    def talk(self, sock):
        self.count += 1
        rng = random.Random(f"{self.seed} {self.count}")
        sock.settimeout(5)
        try:
            while rng.choice(self.ways)(rng, sock):
                pass
            if rng.random() < .3:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except (OSError, ValueError):
            pass

    @staticmethod
    def head(sock):
        """Reads a request's head and what came with it; raises at the end."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = sock.recv(65536)
            if not more:
                raise OSError("over")
            data += more
        if b"sk-" not in data and PROVIDER_KEY.encode() not in data:
            raise OSError("not our gateway")
        return data

    def whole(self, sock):
        data = self.head(sock)
        head, _, body = data.partition(b"\r\n\r\n")
        found = re.search(rb"\ncontent-length: *(\d+)", head, re.I)
        while found and len(body) < int(found[1]):
            more = sock.recv(65536)
            if not more:
                raise OSError("over")
            body += more
        while b"\ntransfer-encoding" in head.lower() and not body.endswith(b"0\r\n\r\n"):
            more = sock.recv(65536)
            if not more:
                raise OSError("over")
            body += more
        return head

    def send(self, rng, sock, data):
        for piece in pieces(rng, data):
            sock.sendall(piece)
            if rng.random() < .2:
                time.sleep(rng.random() * .005)

    def e_fine(self, rng, sock):
        self.whole(sock)
        self.send(rng, sock, good_answer(rng))
        return True

    def e_usage(self, rng, sock):
        self.whole(sock)
        self.send(rng, sock, good_answer(rng, usage_bomb(rng)))
        return True

    def e_events(self, rng, sock):
        self.whole(sock)
        self.send(rng, sock, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                  + chunked(rng, event_stream(rng)))
        return True

    def e_until_close(self, rng, sock):
        self.whole(sock)
        self.send(rng, sock, b"HTTP/1.%d 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" % rng.randrange(2)
                  + event_stream(rng))

    def e_mangled(self, rng, sock):
        self.whole(sock)
        self.send(rng, sock, strike(rng, good_answer(rng)))
        return rng.random() < .5

    def e_mangled_head(self, rng, sock):
        self.whole(sock)
        head, _, body = good_answer(rng).partition(b"\r\n\r\n")
        self.send(rng, sock, strike(rng, head) + b"\r\n\r\n" + body)
        return rng.random() < .5

    def e_cut(self, rng, sock):
        self.whole(sock)
        data = good_answer(rng, event_stream(rng))
        self.send(rng, sock, data[:rng.randrange(len(data))])

    def e_interim(self, rng, sock):
        self.whole(sock)
        for _ in range(rng.choice((1, 3, 5000))):
            sock.sendall(rng.choice((b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nlink: <a>\r\n\r\n",
                                     b"HTTP/1.1 102 P\r\ncontent-length: 5\r\n\r\n")))
        self.send(rng, sock, good_answer(rng))
        return True

    def e_interim_for_ever(self, rng, sock):
        self.head(sock)
        until = time.monotonic() + 3
        while time.monotonic() < until:
            sock.sendall(b"HTTP/1.1 103 X\r\n\r\n" * rng.randrange(1, 200))
            time.sleep(.001)

    def e_upgrade(self, rng, sock):
        self.head(sock)
        sock.sendall(b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n" + rng.randbytes(100))

    def e_head_for_ever(self, rng, sock):
        self.head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\n")
        for i in range(rng.choice((90, 99, 100, 101, 5000))):
            sock.sendall(b"a%d:%s\r\n" % (i, b"v" * rng.choice((0, 1, 500, 650))))
        sock.sendall(b"content-length: 0\r\n\r\n")

    def e_large_head(self, rng, sock):
        self.whole(sock)
        n = rng.choice((65535, 65536, 65000, 70000, 300000)) - rng.randrange(60)
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx: " + b"y" * n + b"\r\n\r\nok")
        return True

    def e_chunk_bomb(self, rng, sock):
        self.head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
                     + rng.choice(CHUNKS) + b"\r\n" + rng.randbytes(rng.randrange(100000)))

    def e_trailer_bomb(self, rng, sock):
        self.whole(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")
        sock.sendall(b"".join(b"t%d: x\r\n" % i for i in range(rng.choice((3, 100, 20000)))) + b"\r\n")
        return True

    def e_wrong_length(self, rng, sock):
        self.whole(sock)
        length = rng.choice(LENGTHS).encode()
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: " + length + b"\r\n\r\n" + rng.randbytes(rng.randrange(5000)))
        return rng.random() < .5

    def e_two_answers(self, rng, sock):
        self.whole(sock)
        data = good_answer(rng) + good_answer(rng, b'{"smuggled":1}', "x-evil: 1\r\n")
        self.send(rng, sock, data)
        return True

    def e_unasked(self, rng, sock):
        self.whole(sock)
        sock.sendall(good_answer(rng))
        time.sleep(rng.choice((0, .001, .01)))
        sock.sendall(good_answer(rng, b'{"smuggled":1}'))
        return True

    def e_before_reading(self, rng, sock):
        sock.recv(rng.choice((1, 100, 5000)))
        self.send(rng, sock, good_answer(rng))
        if rng.random() < .3:
            time.sleep(.05)

    def e_before_anything(self, rng, sock):
        sock.sendall(good_answer(rng))
        time.sleep(.02)

    def e_echo(self, rng, sock):
        """Large answer while the body still comes."""
        self.head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 900000\r\n\r\n")
        for _ in range(9):
            sock.sendall(b"e" * 100000)
            if select.select([sock], [], [], 0)[0] and not sock.recv(65536):
                return

    def e_no_body_wanted(self, rng, sock):
        self.whole(sock)
        sock.sendall(rng.choice((b"HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\nhello", b"HTTP/1.1 304 Not\r\n\r\n",
                                 b"HTTP/1.1 204 No\r\n\r\nextra", b"HTTP/1.1 205 R\r\n\r\n", b"HTTP/1.1 999 X\r\n\r\n",
                                 b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
                                 b"HTTP/1.1 200 OK\r\nconnection: content-type, close\r\ncontent-length: 0\r\n\r\n")))
        return True

    def e_drip(self, rng, sock):
        self.whole(sock)
        for byte in good_answer(rng, b"drip" * 20):
            sock.sendall(bytes([byte]))
            time.sleep(.001)
        return True

    def e_silent(self, rng, sock):
        while sock.recv(65536):
            pass

    def e_gone(self, rng, sock):
        pass

    def e_not_reading(self, rng, sock):
        time.sleep(1)


# ---- clients


class Mob:
    """The clients of one round. A client's life is one of the methods `c_...`, again and again."""

    def __init__(self, gw, seed, tls):
        self.gw, self.seed, self.tls = gw, seed, tls
        self.stop = threading.Event()
        self.draining = False
        self.lock = threading.Lock()
        self.ids, self.trouble, self.counts, self.abandoned = set(), [], {}, []
        self.lives = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("c_")]

    def run(self, n):
        self.threads = [threading.Thread(target=self.one, args=(i,), daemon=True) for i in range(n)]
        for thread in self.threads:
            thread.start()

    def join(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(60 * PATIENCE)
            if thread.is_alive():
                self.trouble.append("a client hangs")
        for sock in self.abandoned:
            sock.close()
        self.abandoned = []

    def one(self, number):
        rng = random.Random(f"{self.seed} {number}")
        while not self.stop.is_set():
            life = rng.choice(self.lives)
            self.counts[life.__name__] = self.counts.get(life.__name__, 0) + 1
            try:
                life(rng)
            except (OSError, ssl.SSLError):
                if not self.gw.alive():
                    return
            except Broken:
                pass
            except Exception as why:  # reported at the end of the round
                self.trouble.append(f"{life.__name__}: {why!r}")

    def open(self, rng, timeout=8, **more):
        plain, secure, unix = self.gw.listens
        kind = rng.randrange(4)
        if kind == 0:
            return Client(secure, tls=self.tls, server_name="127.0.0.1", timeout=timeout)
        return Client(unix if kind == 1 else plain, timeout=timeout, **(more if kind > 1 else {}))

    def raw(self, rng, data, slow=0.0):
        client = self.open(rng)
        for piece in pieces(rng, data):
            client.send(piece)
            if slow and rng.random() < .3:
                time.sleep(rng.random() * slow)
        return client

    def leave(self, rng, client):
        """One of the ways to go. A TLS client may go without a word."""
        way = rng.randrange(5)
        if way == 0:
            client.reset()
        elif way == 1:
            client.sock.shutdown(socket.SHUT_WR)
            client.sock.settimeout(5)
            client.ended()
            client.close()
        elif way == 2 and len(self.abandoned) < 50:
            self.abandoned.append(client.sock)
        else:
            client.close()

    def look(self, client, seconds=5):
        """Whatever comes, until the end or for so long: answers must be answers."""
        client.sock.settimeout(seconds * PATIENCE)
        try:
            while True:
                answer = client.read_head()
                self.check(answer)
                if answer.get("content-length") is None and answer.get("transfer-encoding") is None:
                    return
                for _ in client.pieces(answer, "POST"):
                    pass
        except (Broken, TimeoutError, ValueError, AssertionError):
            pass  # what was asked may have been a HEAD: then we lose the framing, not the gateway

    def check(self, answer):
        if not 200 <= answer.status <= 999:
            raise Trouble(f"status {answer.status}")
        for name, value in answer.headers:
            if name == "x-evil" or "\r" in value or "\n" in value or PROVIDER_KEY in value:
                raise Trouble(f"header {name}: {value}")
        if answer.id is not None:
            with self.lock:
                if answer.id in self.ids:
                    raise Trouble(f"request id {answer.id} twice")
                self.ids.add(answer.id)

    # Honest requests. What they get is checked.

    def honest(self, rng):
        """(bytes, tokens): the answer must report exactly so many."""
        tokens = rng.randint(1, 400)
        body = chat_body("honest", stream=rng.random() < .4, max_tokens=tokens, content="x" * rng.choice((5, 5, 9000)))
        return request_bytes(rng, CHAT, body, [("x-sim-output-tokens", str(tokens))]), tokens

    def is_answer(self, answer, tokens):
        self.check(answer)
        if answer.status == 503 and (self.draining or b"draining" in answer.body):
            return
        text = answer.body.decode("utf-8", "replace")
        if answer.status != 200 or not answer.complete:
            raise Trouble(f"an honest request got {answer}")
        if answer.get("content-type", "").startswith("text/event-stream"):
            if "data: [DONE]" not in text or f'"output":{tokens}' not in text.rsplit(": tollgate", 1)[-1]:
                raise Trouble(f"an honest stream of {tokens} tokens got {text[-500:]}")
        elif answer.json["usage"]["completion_tokens"] != tokens:
            raise Trouble(f"an honest request of {tokens} tokens got {text[-500:]}")

    def c_honest(self, rng):
        with self.open(rng, timeout=30) as client:
            for _ in range(rng.randint(1, 5)):
                data, tokens = self.honest(rng)
                for piece in pieces(rng, data):
                    client.send(piece)
                self.is_answer(client.response(), tokens)

    def c_pipeline(self, rng):
        with self.open(rng, timeout=30) as client:
            asked = [self.honest(rng) for _ in range(rng.randint(2, 12))]
            # little enough for the socket's buffer: nobody reads while we write
            for piece in pieces(rng, b"".join(data for data, _ in asked)):
                client.send(piece)
            for _, tokens in asked:
                self.is_answer(client.response(), tokens)

    def c_small_pipeline(self, rng):
        """Many answers of the gateway's own, read or not."""
        one = rng.choice((request_bytes(rng, "/v1/models"), request_bytes(rng, "/nowhere"), b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
                          request_bytes(rng, "/", method="OPTIONS")))
        n = rng.randint(2, 300)
        client = self.raw(rng, one * n)
        if rng.random() < .6:
            for _ in range(n):
                self.check(client.response("GET"))
        self.leave(rng, client)

    # The others.

    def valid(self, rng):
        """Some request that could be meant well."""
        what = rng.randrange(8)
        stream = rng.random() < .5
        extra = []
        if rng.random() < .5:
            extra.append(("x-sim-fault", rng.choice(FAULTS) + rng.choice(("", "@0", "@1", "@7", "@300", "@5000"))))
        if rng.random() < .3:
            extra.append(("x-sim-output-tokens", str(rng.choice((0, 1, 50, 3000, 200000)))))
        if rng.random() < .3:
            extra.append(rng.choice((("te", "trailers"), ("expect", "100-continue"), ("connection", "close"),
                                     ("connection", "keep-alive, x-sim-fault"), ("x-tollgate-session", "\x80" * 300),
                                     ("x-tollgate-tags", "a=b,c=d"), ("accept", "application/problem+json"))))
        model = rng.choice((MODEL, MODEL, "evil", "evil-mix", "dead-mix", "dead", "none", "honest"))
        if what == 0:
            return request_bytes(rng, CLAUDE_PATH, {"model": CLAUDE, "max_tokens": 50, "stream": stream,
                                                    "messages": [{"role": "user", "content": "x"}]},
                                 [("anthropic-version", "2023-06-01"), *extra])
        if what == 1:
            form, body = multipart([("model", MODEL), ("file", "a.wav", rng.randbytes(rng.choice((10, 5000, 400000))))])
            return request_bytes(rng, "/v1/audio/transcriptions", body, [("content-type", form), *extra])
        if what == 2:
            body = rng.randbytes(rng.choice((0, 1, 65536, 700000)))
            return request_bytes(rng, rng.choice(("/evil/v1/any", "/openai/v1/files/x", "/dead/v1/x")), body,
                                 [("content-type", "application/octet-stream"), *extra])
        if what == 3:
            return request_bytes(rng, rng.choice(("/v1/models", "/", "/evil/v1/y", "/v1/models/x", "/healthz")),
                                 headers=extra, method=rng.choice(("GET", "HEAD", "OPTIONS", "DELETE", "BREW")))
        if what == 4:
            extra.append(("x-sim-body-bytes", str(rng.choice((0, 5, 300000, 3000000)))))
            return request_bytes(rng, "/v1/audio/speech", {"model": MODEL, "input": "x", "voice": "a"}, extra)
        return request_bytes(rng, CHAT, chat_body(model, stream, "y" * rng.choice((1, 300, 70000)), max_tokens=300000),
                             extra)

    def c_anything(self, rng):
        client = self.raw(rng, self.valid(rng))
        self.look(client)
        self.leave(rng, client)

    def c_evil(self, rng):
        """Quick ones for the bad providers, one after the other on one connection if it lasts."""
        client = self.open(rng)
        for _ in range(rng.randint(1, 10)):
            client.send(rng.choice((
                request_bytes(rng, CHAT, chat_body(rng.choice(("evil", "evil", "evil-mix")), rng.random() < .6),
                              rng.choice(([], [("te", "trailers")]))),
                request_bytes(rng, "/evil/v1/any", b"x" * rng.choice((1, 5000, 300000))),
                request_bytes(rng, "/evil/v1/any", method=rng.choice(("GET", "HEAD", "DELETE"))))))
            answer = client.read_head()
            self.check(answer)
            if answer.get("content-length") is None and answer.get("transfer-encoding") is None:
                break
            if rng.random() < .2:
                break
            # HEAD answers have a length and no body: then this ends by the idle clock
            for _ in client.pieces(answer):
                pass
        self.leave(rng, client)

    c_evil_2 = c_evil_3 = c_evil_4 = c_evil

    def c_struck(self, rng):
        data = self.valid(rng)
        head, sep, body = data.partition(b"\r\n\r\n")
        data = strike(rng, head) + sep + body if rng.random() < .7 else strike(rng, data)
        client = self.raw(rng, data + (self.honest(rng)[0] if rng.random() < .3 else b""))
        self.look(client, 1)
        self.leave(rng, client)

    def c_gone_while_asking(self, rng):
        data = self.valid(rng)
        client = self.raw(rng, data[:rng.randrange(len(data) + 1)], slow=.02)
        self.leave(rng, client)

    def c_gone_while_reading(self, rng):
        client = self.raw(rng, self.valid(rng) + (self.valid(rng) if rng.random() < .3 else b""))
        client.sock.settimeout(3)
        left = rng.choice((0, 1, 100, 5000, 300000))
        while left > 0 and (data := client.sock.recv(min(left, 65536))):
            left -= len(data)
        self.leave(rng, client)

    def c_slow_reader(self, rng):
        client = self.open(rng, rcvbuf=4096)
        client.send(self.valid(rng))
        client.sock.settimeout(3)
        for _ in range(rng.randrange(60)):
            if not client.sock.recv(rng.choice((1, 100, 4000))):
                break
            time.sleep(rng.random() * .01)
        self.leave(rng, client)

    def c_slow_writer(self, rng):
        data = self.valid(rng)[:400]
        with self.open(rng) as client:
            for i in range(len(data)):
                client.send(data[i:i + 1])
                time.sleep(rng.choice((0, 0, .001)))
            self.look(client, 1)

    def c_lengths(self, rng):
        head = f"POST {rng.choice((CHAT, '/evil/v1/z', '/v1/audio/transcriptions'))} HTTP/1.1\r\nhost: a\r\n" \
               f"authorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
        if rng.random() < .5:
            data = f"{head}content-length: {rng.choice(LENGTHS)}\r\n\r\n".encode()
        else:
            data = f"{head}transfer-encoding: chunked\r\n\r\n".encode() + rng.choice((b"", b"5\r\nhello\r\n")) \
                   + rng.choice(CHUNKS) + b"\r\n"
        client = self.raw(rng, data + rng.randbytes(rng.choice((0, 10, 100000))))
        self.look(client, 1)
        self.leave(rng, client)

    def c_smuggler(self, rng):
        """Two framings in one request; the hidden one would show as an answer with a model of its own."""
        hidden = request_bytes(rng, "/v1/models/smuggled")
        head = f"POST {CHAT} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {KEY}\r\n"
        more = rng.choice((f"content-length: {len(hidden)}\r\ntransfer-encoding: chunked\r\n",
                           f"transfer-encoding: chunked\r\ncontent-length: 5\r\n", "transfer-encoding: xchunked\r\n",
                           "transfer-encoding: chunked, identity\r\n", "transfer-encoding:\tchunked\r\ncontent-length: 0\r\n",
                           "transfer-encoding : chunked\r\n", "content-length: 0\r\ncontent-length: 5\r\n",
                           "content-length: 0\r\n content-length: 5\r\n", "x: y\ntransfer-encoding: chunked\r\n"))
        with self.open(rng) as client:
            client.send((head + more + "\r\n").encode() + b"0\r\n\r\n" + hidden)
            answer = client.response()
            self.check(answer)
            if answer.status not in (400, 501):
                raise Trouble(f"two framings got {answer}: {more!r}")
            if not client.ended() or b"HTTP/1.1" in client.buffer:
                raise Trouble(f"smuggled: {client.buffer[:200]!r}: {more!r}")

    def c_late_bad_body(self, rng):
        """The body goes bad while the answer comes, or before."""
        with self.open(rng) as client:
            client.send(request_bytes(rng, "/evil/v1/late", headers=[("transfer-encoding", "chunked")], method="POST"))
            for _ in range(rng.randrange(4)):
                client.send(b"1000\r\n" + b"z" * 4096 + b"\r\n")
                time.sleep(rng.random() * .02)
            client.send(rng.choice(CHUNKS) + b"\r\n" + rng.randbytes(50))
            self.look(client, 1)

    def c_expect(self, rng):
        with self.open(rng) as client:
            client.send(request_bytes(rng, CHAT, headers=[("expect", rng.choice(("100-continue", "200-maybe"))),
                                                          ("content-type", "application/json"),
                                                          ("content-length", "50")], method="POST"))
            if rng.random() < .7:
                client.sock.settimeout(1)
                client.read_head(expect_100=True)
            client.send(rng.randbytes(rng.randrange(60)))
            self.look(client, 1)

    def c_tls_noise(self, rng):
        """Not TLS, cut TLS, or TLS that goes bad."""
        with socket.create_connection(split_address(self.gw.listens[1]), 5) as sock:
            what = rng.randrange(4)
            if what == 0:
                sock.sendall(rng.choice((b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", rng.randbytes(300), b"\x16\x03\x01\xff\xff",
                                         b"\x16\x03\x01\x40\x00" + b"\0" * 500, b"\x15\x03\x03\x00\x02\x01\x00")))
                sock.settimeout(1)
                sock.recv(1000)
                return
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            talk = self.tls.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
            sock.settimeout(2)
            for step in range(6):
                try:
                    talk.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    data = outgoing.read()
                    if what == 1 and rng.random() < .5:
                        sock.sendall(data[:rng.randrange(len(data) + 1)])
                        return
                    sock.sendall(strike(rng, data) if what == 2 else data)
                    incoming.write(sock.recv(65536))
            talk.write(self.valid(rng)[:15000])
            data = outgoing.read()
            sock.sendall(strike(rng, data) if what == 3 else data[:rng.randrange(len(data) + 1)])
            if rng.random() < .5:
                sock.recv(65536)

    def c_admin_noise(self, rng):
        with Client(self.gw.admin, timeout=3) as client:
            client.send(strike(rng, request_bytes(rng, rng.choice(("/metrics", "/readyz", "/x")))))
            client.sock.settimeout(1)
            client.recv()


# ---- a round


def configuration(rng, folder, sim, evil, dead, certs, first=True):
    cert, key = certs
    more = {"allow_plaintext": True, "key": PROVIDER_KEY}
    targets = {"openai": {"provider": "openai", "base_url": f"http://{sim.listen}", **more},
               "clean": {"provider": "openai", "base_url": f"http://{sim.listen}/v1", **more},
               "claude": {"provider": "anthropic", "base_url": f"http://{sim.listen}", **more},
               "evil": {"provider": "openai", "base_url": f"http://{evil.address}", **more},
               "dead": {"provider": "openai", "base_url": f"http://127.0.0.1:{dead}", **more}}
    models = {MODEL: {"targets": "openai"}, CLAUDE: {"targets": "claude"}, "honest": {"targets": [
        {"target": "clean", "model": MODEL}]}, "evil": {"targets": "evil"}, "dead": {"targets": "dead"},
        "evil-mix": {"targets": [{"target": "evil"}, {"target": "openai", "model": MODEL}]},
        "dead-mix": {"targets": [{"target": "dead"}, {"target": "evil"}, {"target": "openai", "model": MODEL}]}}
    if not first and rng.random() < .3:
        del models[rng.choice(("evil", "dead", "dead-mix"))]
    return {
        "workers": 2,
        "listen": [{"address": "127.0.0.1:0"},
                   {"address": "127.0.0.1:0", "tls": [{"certificate": str(cert), "key": str(key)}]},
                   {"address": f"unix:{folder}/s"}],
        "admin": {"address": "127.0.0.1:0"},
        "limits": {"body": "64m", "json_body": rng.choice(("1m", "32m")), "head": rng.choice(("2k", "32k", "65535")),
                   "held_response": rng.choice(("0", "100k", "2m"))},
        "timeouts": {"idle": rng.choice(("200ms", "2s")), "head": "1s", "body": "1s", "send": "1500ms", "drain": "3s"},
        "upstream": {"connect": "1s", "first_byte": "2s", "between_bytes": "2s", "send": "2s", "total": "6s",
                     "keep_alive": rng.choice(("50ms", "5s")), "pool": rng.choice((1, 64))},
        "targets": targets, "models": models,
        "tenants": {"acme": {"tags": {"team": "x"}, "keys": [{"id": "laptop", "sha256": sha256(KEY)}]}},
        "ledger": {"path": str(folder / "ledger"), "segment": rng.choice(("256k", "4m")),
                   "durability": rng.choice(("group", "strict")), "indeterminate": rng.choice(("none", "input", "bound"))},
        "client_abort": {"drain_time": rng.choice(("1s", "5s")), "drain_max": rng.choice((0, 3, 256))},
        "log": {"access": str(folder / "access.jsonl")},
    }


class Operator(threading.Thread):
    """Reloads, bad reloads, log rotation, scrapes."""

    def __init__(self, gw, seed, make):
        super().__init__(daemon=True)
        self.gw, self.rng, self.make = gw, random.Random(f"{seed} operator"), make
        self.done, self.rotated, self.trouble = threading.Event(), [], None
        self.start()

    def run(self):
        try:
            while not self.done.wait(self.rng.random()):
                self.act(self.rng.randrange(4))
        except Exception as why:  # told by the round
            self.trouble = f"operator: {why!r}"

    def act(self, what):
        path = self.gw.access_path()
        if what == 0:
            new = self.make()
            # the kernel chose the ports; the same directives keep them
            self.gw.write(new)
            self.gw.signal(signal.SIGHUP)
        elif what == 1:
            self.gw.write("targets: [")
            self.gw.signal(signal.SIGHUP)
            time.sleep(.05)
            self.gw.config = None
            self.gw.write(self.make())
        elif what == 2 and path.exists():
            to = path.with_name(f"access.{len(self.rotated)}")
            path.rename(to)
            self.rotated.append(to)
            self.gw.signal(signal.SIGUSR1)
        else:
            self.gw.metrics()

    def end(self):
        self.done.set()
        self.join(30 * PATIENCE)
        return [self.trouble] if self.trouble else []


def settled(gw):
    """What is left: {name: value} of what should be nothing."""
    page = gw.metrics()
    left = {}
    for name, allowed in (("requests_in_flight", 0), ("connections", 0), ("upstream_active_connections", 0),
                          ("buffer_bytes", 0), ("log_dropped_total", 0)):
        value = sum(v for (n, _), v in page.items() if n == f"tollgate_{name}")
        if value > allowed:
            left[name] = int(value)
    return left


def all_lines(gw, operator):
    lines = []
    for path in [*operator.rotated, gw.access_path()]:
        if path.exists():
            for line in path.read_text(errors="replace").split("\n")[:-1]:
                try:
                    lines.append(json.loads(line))
                except ValueError as why:
                    raise Trouble(f"a line of the access log is not JSON ({why}): {line[-300:]}") from None
    return lines


def account(gw, operator, mob):
    """One line for each request, and no request without."""
    total = int(gw.metric("tollgate_requests_total"))
    wait_for(lambda: len(all_lines(gw, operator)) >= total, "the access log to be written")
    ids = [line["id"] for line in all_lines(gw, operator)]
    if len(ids) != total or len(set(ids)) != total:
        raise Trouble(f"{total} requests, {len(ids)} lines, {len(set(ids))} ids")
    missing = mob.ids - set(ids)
    if missing:
        raise Trouble(f"answered, but not in the log: {sorted(missing)[:5]}")
    return total


def one_round(folder, seed, seconds, n_clients, certs, authority):
    rng = random.Random(f"{seed} round")
    problems, gw, operator = [], None, None
    sim = Simulator(folder, "--seed", str(rng.randrange(1 << 30)))
    evil, dead = Evil(seed), free_port()

    def make(first=False):
        new = configuration(rng, folder, sim, evil, dead, certs, first)
        if not first:
            for row, address in zip(new["listen"], gw.listens):
                row["address"] = address
            new["admin"]["address"] = gw.admin
        return new

    try:
        gw = Gateway(folder, make(first=True))
        gw.config["log"]["access"] = str(folder / "access.jsonl")
        operator = Operator(gw, seed, make)
        mob = Mob(gw, seed, authority)
        mob.run(n_clients)
        end = time.monotonic() + seconds
        while time.monotonic() < end and gw.alive() and not mob.trouble:
            time.sleep(.1)
        mob.join()
        problems += operator.end() + mob.trouble
        if gw.alive():
            try:
                wait_for(lambda: not settled(gw), "nothing to be left behind", 20)
            except AssertionError:
                problems.append(f"left behind: {settled(gw)}")
            total = account(gw, operator, mob)
            # and now an end in the middle of everything
            late = Mob(gw, f"{seed} late", authority)
            late.run(n_clients)
            time.sleep(rng.random())
            late.draining = True
            gw.signal(signal.SIGTERM)
            late.stop.set()
            code = gw.wait(30)
            late.join()
            problems += late.trouble
            if code != 0:
                problems.append(f"exit code {code}")
            rss = f"{len(mob.ids)} answers seen, {total} requests, {evil.count} evil connections"
            print(f"  {rss}; {sum(mob.counts.values())} clients")
        else:
            problems.append(f"the gateway ended with {gw.child.returncode}")
    except (AssertionError, Trouble) as why:
        problems.append(str(why))
    finally:
        if operator is not None:
            operator.end()
        if gw is not None and gw.alive():
            gw.child.kill()
            gw.child.wait()
        evil.close()
        try:
            if sim.end() != 0:
                problems.append("the simulator did not end well")
        except AssertionError as why:
            problems.append(str(why))
    for name in ("gateway.err", "sim.err"):
        text = (folder / name).read_text(errors="replace") if (folder / name).exists() else ""
        for word in REPORTS:
            if word in text:
                problems.append(f"{name}: {word}\n" + text[text.index(word):][:6000])
                break
        for secret in (KEY, PROVIDER_KEY):
            if secret in text:
                problems.append(f"{name} has a key in it")
    return problems


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--seconds", type=float, default=60, help="how long in all (60)")
    p.add_argument("--round", type=float, default=20, help="how long a gateway lives (20)")
    p.add_argument("--clients", type=int, default=16, help="at once (16)")
    p.add_argument("--seed", type=int, default=None, help="to have the same mix again")
    o = p.parse_args()
    seed = o.seed if o.seed is not None else random.SystemRandom().randrange(1 << 30)
    print(f"torture: {BUILD}, sanitizer {SANITIZER}, --seed {seed}", flush=True)
    base = pathlib.Path(tempfile.mkdtemp(prefix="tg-torture-"))
    certificates = Certificates(base)
    certs = certificates.make("server", "IP:127.0.0.1")
    authority = certificates.client()
    end, number = time.monotonic() + o.seconds, 0
    while time.monotonic() < end:
        folder = base / f"round{number}"
        folder.mkdir()
        print(f"round {number}", flush=True)
        problems = one_round(folder, f"{seed} {number}", min(o.round, max(end - time.monotonic(), 1)), o.clients, certs,
                             authority)
        if problems:
            for problem in problems[:10]:
                print(f"FAILED in round {number}: {problem}")
            print(f"files: {folder}; again: --seed {seed}")
            return 1
        shutil.rmtree(folder)
        number += 1
    shutil.rmtree(base)
    print(f"torture: {number} rounds, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
