"""What the money test asks for: a mix of requests that follows from a seed, and clients that send it, take the answer
or go away in the middle of it, and note what they were told.

    Mix(seed).request(i) -> Ask      the i-th request, whatever else has happened
    Client.run(ask) -> Note          one request on a kept connection

asyncio, one thread.
"""

import asyncio
import dataclasses
import json
import random
import socket
import struct
import time

import book

# name: (provider dialect, end of its key, what it does when the client goes)
TARGETS = {
    "east": (book.OPENAI, "-east", "cancel_estimate"),
    "west": (book.OPENAI, "-west", "cancel_estimate"),
    "drain": (book.OPENAI, "-drain", "drain"),
    "free": (book.OPENAI, "-free", "cancel_free"),
    "dead": (book.OPENAI, "-dead", "cancel_estimate"),       # nobody listens there
    "north": (book.ANTHROPIC, "-north", "cancel_estimate"),
    "south": (book.ANTHROPIC, "-south", "cancel_estimate"),
}
# percent that an account pays less
DISCOUNTS = {"west": "12.5"}
# what clients ask for: the targets it may go to, and the name it has there
MODELS = {
    "chat": (("east", "west"), book.CHAT),
    "chat-drain": (("drain",), book.CHAT),
    "chat-free": (("free",), book.CHAT),
    "chat-failing": (("dead", "west"), book.CHAT),
    "chat-nowhere": (("dead",), book.CHAT),
    "chat-unpriced": (("east",), book.NOBODYS),
    "claude": (("north", "south"), book.CLAUDE),
    "embed": (("east",), book.EMBED),
    "image": (("east", "west"), book.IMAGE),
    "tts": (("east",), book.TTS),
    "hear": (("east",), book.HEAR),
    "whisper": (("east",), book.WHISPER),
    "picture": (("east", "west"), book.DALLE),
    "speak": (("east",), book.SPEAK),
    "moderation": (("east",), book.FREE),
}
# tenant: (org, markup in percent, its keys)
TENANTS = {
    "acme": ("corp", "0", ("acme-1", "acme-2")),
    "beta": ("corp", "15", ("beta-1",)),
    "gamma": ("labs", "7.25", ("gamma-1", "gamma-2")),
}
KEYS = {key: (tenant, f"tg-money-{key}") for tenant, (_, _, keys) in TENANTS.items() for key in keys}

WORDS = ("toll", "gate", "bridge", "coin", "ledger", "price", "north", "carriage", "keeper", "penny", "road", "ünïcode")


@dataclasses.dataclass
class Ask:
    """One request."""
    tag: str
    kind: str
    method: str
    path: str
    model: str
    body: bytes
    headers: list
    key: str
    tags: dict
    end_user: str
    stream: bool = False
    fault: str = ""
    abort: tuple = ()       # ("event", n) | ("bytes", n) | ("wait", s) | ("head", n) | ("half",), then how: fin or rst
    rst: bool = False

    @property
    def tenant(self):
        return KEYS[self.key][0]


@dataclasses.dataclass
class Note:
    """What became of it, as the client saw it."""
    tag: str
    ask: Ask
    begun: float
    ended: float = 0.0
    status: int = 0
    complete: bool = False
    aborted: bool = False       # by the client, as it was told to
    broken: bool = False        # the connection ended too early
    id: str = None
    cost: str = None            # as told by header or comment
    quality: str = None
    attempts: int = None
    events: int = 0
    error: str = None           # the gateway's error code


def multipart(fields, boundary="----money"):
    out = b""
    for name, *rest in fields:
        out += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        if len(rest) == 2:
            out += f'; filename="{rest[0]}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode() + rest[1]
        else:
            out += b"\r\n\r\n" + rest[0].encode()
        out += b"\r\n"
    return f"multipart/form-data; boundary={boundary}", out + f"--{boundary}--\r\n".encode()


class Mix:
    """The i-th request of a seed."""

    # kind and weight
    KINDS = (("chat", 17), ("chat stream", 24), ("long stream", .6), ("responses", 6), ("responses stream", 8), ("completions", 3),
             ("completions stream", 4), ("embeddings", 7), ("messages", 9), ("messages stream", 13), ("image", 2),
             ("image stream", 1), ("image edit", 1), ("speech", 1), ("speech stream", 1), ("hear", 1), ("whisper", 1), ("picture", 1), ("speak", 1),
             ("moderation", 1))
    # what a provider does wrong, for any kind; {b}: bytes, {e}: events
    FAULTS = ("500", "503", "529", "429", "quota", "400", "404", "stall@0", "stall", "truncate", "truncate@{e}",
              "reset", "reset@{b}", "no-usage", "wrong-usage", "bad-json", "close-idle", "close-reuse", "stream-error",
              "stream-error@{e}")

    def __init__(self, seed, faults=0.22, aborts=0.12):
        self.seed, self.faults, self.aborts = seed, faults, aborts

    def request(self, i):
        rng = random.Random(f"{self.seed}/{i}")
        kind = rng.choices([k for k, _ in self.KINDS], [w for _, w in self.KINDS])[0]
        ask = getattr(self, "make_" + kind.split()[0])(rng, f"m{self.seed}-{i}", kind)
        if ask.kind not in ("speech", "speak", "moderation", "long stream"):
            self.spoil(rng, ask)
        return ask

    # ---- parts

    def words(self, rng, most=60):
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, most)))

    def ask(self, rng, tag, kind, path, model, body, headers=(), content_type="application/json"):
        key = rng.choice(list(KEYS))
        tags = {"team": rng.choice(("red", "blue"))} | ({"feature": f"f{rng.randint(1, 5)}"} if rng.random() < .5 else {})
        end_user = f"user-{rng.randint(1, 50)}"
        if isinstance(body, dict):
            body = json.dumps(body, ensure_ascii=rng.random() < .5).encode()
        fields = [("x-tollgate-session", tag), ("x-sim-tag", tag), ("x-tollgate-end-user", end_user),
                  ("x-tollgate-tags", ",".join(f"{k}={v}" for k, v in tags.items())),
                  ("content-type", content_type), ("content-length", str(len(body))), *headers]
        return Ask(tag, kind, "POST", path, model, body, fields, key, tags, end_user, stream=kind.endswith("stream"))

    def chat_model(self, rng):
        return rng.choices(("chat", "chat-drain", "chat-free", "chat-failing", "chat-nowhere", "chat-unpriced"),
                           (68, 12, 8, 8, 2, 2))[0]

    def length(self, rng, kind):
        """Output tokens, and the fields that ask the simulator for them; streams now and then at a pace."""
        n = rng.choice((0, 1, 5, 12, 30, 60, 120))
        fields = [("x-sim-output-tokens", str(n))]
        if rng.random() < .25 and kind.endswith("stream"):
            fields.append(("x-sim-tps", str(rng.choice((200, 500, 1000)))))
        return n, fields

    def served(self, rng):
        """The answer's own idea of model and tier."""
        out = []
        if rng.random() < .08:
            out.append(("x-sim-model", rng.choice((book.CHAT + "-2024-07-18", book.OTHER))))
        if rng.random() < .06:
            out.append(("x-sim-service-tier", rng.choice(("flex", "priority", "default"))))
        if any(v == book.OTHER for _, v in out):
            out = [(k, v) for k, v in out if k != "x-sim-service-tier"]
        return out

    def reported(self, rng):
        """A cost that the provider itself reports."""
        x = rng.random()
        if x < .04:
            return [("x-sim-cost", rng.choice(("0.00001234567", "1.25e-05", "0.000003", "0.02")))]
        return [("x-sim-cost-ticks", str(rng.randint(1, 10 ** 6)))] if x < .06 else []

    # ---- kinds

    def make_chat(self, rng, tag, kind):
        n, fields = self.length(rng, kind)
        model = self.chat_model(rng)
        reasoning = rng.choice((0, 0, 0, 7, 40))
        body = {"model": model, "messages": [{"role": "system", "content": self.words(rng, 20)},
                                             {"role": "user", "content": self.words(rng)}]}
        if rng.random() < .85:
            body["max_completion_tokens" if rng.random() < .6 else "max_tokens"] = n + reasoning + rng.randint(1, 200)
        if kind.endswith("stream"):
            body["stream"] = True
            if rng.random() < .4:
                body["stream_options"] = {"include_usage": True}
        if rng.random() < .06:
            body["n"] = 2
        if rng.random() < .06:
            body["service_tier"] = rng.choice(("flex", "priority", "auto", "default"))
            served = []
        else:
            served = self.served(rng)
        if rng.random() < .1:
            fields.append(("x-sim-cached-tokens", str(rng.randint(1, 20))))
        if reasoning:
            fields.append(("x-sim-reasoning-tokens", str(reasoning)))
        policy = {"chat-drain": [("x-sim-on-cancel", "full")], "chat-free": [("x-sim-on-cancel", "free")]}
        return self.ask(rng, tag, kind, "/v1/chat/completions", model, body,
                        fields + served + self.reported(rng) + policy.get(model, []))

    def make_responses(self, rng, tag, kind):
        n, fields = self.length(rng, kind)
        body = {"model": "chat", "input": self.words(rng), "instructions": self.words(rng, 10),
                "max_output_tokens": n + rng.randint(1, 100)}
        if kind.endswith("stream"):
            body["stream"] = True
        if rng.random() < .15:
            body["tools"] = [{"type": "web_search"}]
            fields.append(("x-sim-web-searches", str(rng.randint(1, 3))))
        return self.ask(rng, tag, kind, "/v1/responses", "chat", body, fields + self.served(rng))

    def make_completions(self, rng, tag, kind):
        n, fields = self.length(rng, kind)
        body = {"model": "chat", "prompt": self.words(rng), "max_tokens": n + rng.randint(1, 50)}
        if kind.endswith("stream"):
            body["stream"] = True
        return self.ask(rng, tag, kind, "/v1/completions", "chat", body, fields)

    def make_embeddings(self, rng, tag, kind):
        body = {"model": "embed", "dimensions": 16, "encoding_format": "base64",
                "input": [self.words(rng) for _ in range(rng.randint(1, 4))]}
        return self.ask(rng, tag, kind, "/v1/embeddings", "embed", body)

    def make_messages(self, rng, tag, kind):
        n, fields = self.length(rng, kind)
        body = {"model": "claude", "max_tokens": n + 8 + rng.randint(1, 100),
                "messages": [{"role": "user", "content": self.words(rng)}]}
        if kind.endswith("stream"):
            body["stream"] = True
        if rng.random() < .15:
            body["thinking"] = {"type": "enabled", "budget_tokens": 1024}
            body["max_tokens"] += 1024
        for name, p in (("cached-tokens", .15), ("cache-write-tokens", .1), ("cache-write-1h-tokens", .07)):
            if rng.random() < p:
                fields.append((f"x-sim-{name}", str(rng.randint(1, 9))))
        if rng.random() < .08:
            body["tools"] = [{"type": "web_search_20250305", "name": "web_search"}]
            fields.append(("x-sim-web-searches", str(rng.randint(1, 3))))
        if rng.random() < .05:
            fields.append(("x-sim-model", book.CLAUDE + "-20250929"))
        return self.ask(rng, tag, kind, "/v1/messages", "claude", body, fields + [("anthropic-version", "2023-06-01")])

    def make_long(self, rng, tag, kind):
        """Goes on long enough for a note of its progress, and nearly all of it is input."""
        n = rng.randint(60, 100)
        body = {"model": "claude", "max_tokens": n + 5, "stream": True,
                "messages": [{"role": "user", "content": self.words(rng, 100) * 60}]}
        return self.ask(rng, tag, kind, "/v1/messages", "claude", body, [
            ("anthropic-version", "2023-06-01"), ("x-sim-output-tokens", str(n)), ("x-sim-tps", "30")])

    def make_image(self, rng, tag, kind):
        if kind == "image edit":
            content_type, body = multipart([("model", "image"), ("prompt", self.words(rng)),
                                            ("quality", rng.choice(("low", "high"))),
                                            ("image", "a.png", rng.randbytes(rng.randint(1, 5000)))])
            return self.ask(rng, tag, kind, "/v1/images/edits", "image", body, content_type=content_type)
        body = {"model": "image", "prompt": self.words(rng), "quality": rng.choice(("low", "medium", "high"))}
        if kind.endswith("stream"):
            body["stream"] = True
        else:
            body["n"] = rng.randint(1, 3)
        return self.ask(rng, tag, kind, "/v1/images/generations", "image", body)

    def make_picture(self, rng, tag, kind):
        body = {"model": "picture", "prompt": self.words(rng), "n": rng.randint(1, 4), "size": "1024x1024"}
        return self.ask(rng, tag, kind, "/v1/images/generations", "picture", body)

    def make_speak(self, rng, tag, kind):
        return self.ask(rng, tag, kind, "/v1/audio/speech", "speak",
                        {"model": "speak", "input": self.words(rng), "voice": "alloy"})

    def make_speech(self, rng, tag, kind):
        body = {"model": "tts", "input": self.words(rng), "voice": "alloy"}
        if kind.endswith("stream"):
            body["stream_format"] = "sse"
        return self.ask(rng, tag, kind, "/v1/audio/speech", "tts", body)

    def make_hear(self, rng, tag, kind):
        fields = [("model", kind), ("prompt", self.words(rng, 8)), ("file", "a.mp3", rng.randbytes(rng.randint(1, 60000)))]
        content_type, body = multipart(fields)
        return self.ask(rng, tag, kind, "/v1/audio/transcriptions", kind, body, content_type=content_type)

    make_whisper = make_hear

    def make_moderation(self, rng, tag, kind):
        return self.ask(rng, tag, kind, "/v1/moderations", "moderation", {"model": "moderation", "input": self.words(rng)})

    # ---- what goes wrong

    def spoil(self, rng, ask):
        x = rng.random()
        if x < self.faults and ask.model != "chat-nowhere":
            fault = rng.choice(self.FAULTS).format(b=rng.randint(1, 4000), e=rng.randint(0, 20))
            ask.fault = fault
            ask.headers.append(("x-sim-fault", fault))
            both = len(MODELS[ask.model][0]) > 1
            if both and rng.random() < .6:       # one account fails, the other does not
                ask.headers.append(("x-sim-fault-key", rng.choice([TARGETS[t][1] for t in MODELS[ask.model][0]])))
        elif x < self.faults + self.aborts:
            self.abort(rng, ask)

    def abort(self, rng, ask):
        ask.rst = rng.random() < .5
        y = rng.random()
        if ask.stream and y < .55:
            ask.abort = ("event", rng.randint(1, 25))
            if not any(n == "x-sim-tps" for n, _ in ask.headers):
                ask.headers.append(("x-sim-tps", "300"))
        elif y < .75:
            ask.abort = ("wait", rng.choice((0, .001, .02)))
            ask.headers.append(("x-sim-ttft", rng.choice(("0", "150ms"))))
        elif y < .83:
            ask.abort = ("head", rng.randint(0, max(0, len(ask.body) - 1)))
        elif y < .92 and not ask.stream and ask.kind not in (
                "image", "image edit", "hear", "whisper", "embeddings", "picture", "speak"):
            ask.abort = ("bytes", rng.randint(1, 3000))
            ask.headers.append(("x-sim-body-bytes", "3m"))      # more than is held back
        else:
            ask.abort = ("half",)


class Gone(Exception):
    """The connection ended, or there was none."""


class Client:
    """One connection at a time; opens another when it has none. `address` is a function: the gateway moves."""

    def __init__(self, address, timeout):
        self.address, self.timeout = address, timeout
        self.reader = self.writer = None
        self.buffer = b""
        self.connected_to = None

    def drop(self, rst=False):
        if self.writer is not None:
            sock = self.writer.get_extra_info("socket")
            if rst and sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.writer.transport.abort() if rst else self.writer.close()
        self.reader = self.writer = None
        self.buffer = b""

    async def connect(self):
        host, port = self.connected_to = self.address()
        self.reader, self.writer = await asyncio.open_connection(host, port, limit=1 << 20)
        self.buffer = b""

    async def more(self):
        piece = await self.reader.read(1 << 16)
        if not piece:
            raise Gone("end of the connection")
        return piece

    async def head(self):
        while True:
            while b"\r\n\r\n" not in self.buffer:
                self.buffer += await self.more()
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            status = int(lines[0].split(" ", 2)[1])
            if status >= 200:
                fields = {}
                for line in lines[1:]:
                    name, _, value = line.partition(":")
                    fields.setdefault(name.lower(), value.strip())
                return status, fields

    async def pieces(self, fields):
        """The body's bytes, framing taken off."""
        if fields.get("transfer-encoding") == "chunked":
            while True:
                while b"\r\n" not in self.buffer:
                    self.buffer += await self.more()
                size, self.buffer = self.buffer.split(b"\r\n", 1)
                n = int(size.split(b";")[0], 16)
                while len(self.buffer) < n + 2:
                    self.buffer += await self.more()
                piece, self.buffer = self.buffer[:n], self.buffer[n + 2:]
                if n == 0:
                    return
                yield piece
        elif "content-length" in fields:
            n = int(fields["content-length"])
            while n > 0:
                piece = self.buffer[:n] if self.buffer else await self.more()
                self.buffer = self.buffer[len(piece):] if self.buffer else piece[n:]
                yield piece[:n]
                n -= len(piece[:n])
        else:
            while True:
                piece, self.buffer = self.buffer, b""
                yield piece
                try:
                    self.buffer = await self.more()
                except Gone:
                    return

    async def run(self, ask):
        note = Note(ask.tag, ask, time.monotonic())
        try:
            await asyncio.wait_for(self.exchange(ask, note), self.timeout)
        except (Gone, OSError, asyncio.IncompleteReadError) as why:
            if ask.abort and ask.abort[0] == "half":        # to who says no more, nothing needs to be said
                note.aborted = True
            note.broken = not note.aborted
            note.error = note.error or f"{type(why).__name__}: {why}"
            self.drop()
        except asyncio.TimeoutError:
            note.broken, note.error = True, "timeout"
            self.drop()
        note.ended = time.monotonic()
        return note

    async def exchange(self, ask, note):
        if self.writer is None or self.connected_to != self.address():
            self.drop()
            await self.connect()
            note.begun = time.monotonic()
        lines = [f"{ask.method} {ask.path} HTTP/1.1", "host: money.test", f"authorization: Bearer {KEYS[ask.key][1]}"]
        lines += [f"{n}: {v}" for n, v in ask.headers]
        how = ask.abort[0] if ask.abort else ""
        body = ask.body[:ask.abort[1]] if how == "head" else ask.body
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        if how in ("head", "wait"):
            await asyncio.sleep(ask.abort[1] if how == "wait" else .001)
            note.aborted = True
            self.drop(ask.rst)
            return
        if how == "half":
            self.writer.write_eof()
        await self.answer(ask, note, how)
        if how == "half" or self.reader is not None and self.reader.at_eof():
            self.drop()

    async def answer(self, ask, note, how):
        note.status, fields = await self.head()
        note.id, note.quality = fields.get("x-tollgate-request-id"), fields.get("x-tollgate-cost-quality")
        note.cost = fields.get("x-tollgate-cost-usd")
        note.attempts = int(fields.get("x-tollgate-attempts", 0)) or None
        sse = fields.get("content-type", "").startswith("text/event-stream")
        limit = ask.abort[1] if how in ("event", "bytes") else None
        kept, seen = b"", 0
        async for piece in self.pieces(fields):
            if sse:
                note.events += piece.count(b"\n\n")
                kept = (kept + piece)[-4000:]
            elif note.status != 200:
                kept += piece
            seen = note.events if how == "event" else seen + len(piece)
            if limit is not None and seen >= limit:
                note.aborted = True
                self.drop(ask.rst)
                return
        note.complete = True
        if sse:
            self.told(kept, note)
        elif note.status != 200:
            self.error(kept, note)
        if fields.get("connection", "").lower() == "close":
            self.drop()

    @staticmethod
    def told(text, note):
        """The comment at the end of a stream."""
        at = text.rfind(b": tollgate {")
        if at >= 0:
            told = json.loads(text[at + len(b": tollgate "):].split(b"\n", 1)[0])
            note.cost, note.quality = told.get("cost_usd"), told.get("cost_quality")

    @staticmethod
    def error(text, note):
        try:
            error = json.loads(text).get("error") or {}
            note.error = error.get("code") or error.get("type")
        except (ValueError, AttributeError):
            note.error = "not JSON"
