"""A client: one request at a time on a kept connection to each gateway; takes the answer or goes away in the middle.

    Client(timeout).run(address, ask) -> Note

asyncio, one thread. What it was told it notes; it never raises for what a gateway does.
"""

import asyncio
import dataclasses
import json
import socket
import struct
import time


@dataclasses.dataclass
class Ask:
    tag: str
    tenant: object              # book.Tenant
    tokens: int                 # max_tokens
    dialect: str                # "openai" | "anthropic"
    model: str
    stream: bool
    headers: list
    abort: tuple = None         # ("event", n) | ("wait", s)
    rst: bool = False

    def bytes(self):
        body = {"model": self.model, "max_tokens": self.tokens, "messages": [{"role": "user", "content": "toll"}]}
        if self.stream:
            body["stream"] = True
        body = json.dumps(body, separators=(",", ":")).encode()
        path = "/v1/messages" if self.dialect == "anthropic" else "/v1/chat/completions"
        lines = [f"POST {path} HTTP/1.1", "host: chaos.test", f"authorization: Bearer {self.tenant.key}",
                 "content-type: application/json", f"content-length: {len(body)}", f"x-sim-tag: {self.tag}",
                 f"x-tollgate-session: {self.tag}", *(f"{n}: {v}" for n, v in self.headers)]
        if self.dialect == "anthropic":
            lines.append("anthropic-version: 2023-06-01")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclasses.dataclass
class Note:
    ask: Ask
    member: int
    begun: float
    ended: float = 0.0
    status: int = 0             # 0: no answer
    denied_by: str = None
    affordable: int = None      # x-tollgate-max-affordable-tokens
    complete: bool = False
    aborted: bool = False
    broken: bool = False        # the connection ended too early, or nothing came in time
    error: str = None           # the gateway's code of an error
    unknown: str = None         # with 503 quota_unavailable: why


class Gone(Exception):
    """The connection ended."""


class Link:
    """A connection; reads heads and bodies."""

    def __init__(self, reader, writer):
        self.reader, self.writer, self.buffer = reader, writer, b""

    def close(self, rst=False):
        sock = self.writer.get_extra_info("socket")
        if rst and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort() if rst else self.writer.close()

    async def more(self):
        piece = await self.reader.read(1 << 16)
        if not piece:
            raise Gone("end of the connection")
        return piece

    async def head(self):
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += await self.more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        return int(lines[0].split(" ", 2)[1]), fields

    async def pieces(self, fields):
        """The body as it comes, framing taken off. The gateway frames every answer with a length or chunks."""
        if fields.get("transfer-encoding") == "chunked":
            while True:
                while b"\r\n" not in self.buffer:
                    self.buffer += await self.more()
                size, self.buffer = self.buffer.split(b"\r\n", 1)
                n = int(size, 16)
                while len(self.buffer) < n + 2:
                    self.buffer += await self.more()
                piece, self.buffer = self.buffer[:n], self.buffer[n + 2:]
                if n == 0:
                    return
                yield piece
        n = int(fields.get("content-length", 0))
        while n > 0:
            piece = self.buffer[:n] or (await self.more())
            self.buffer = self.buffer[n:] if self.buffer else piece[n:]
            yield piece[:n]
            n -= len(piece[:n])


class Client:
    def __init__(self, timeout):
        self.timeout = timeout
        self.links = {}                 # address -> Link

    def drop(self, address, rst=False):
        link = self.links.pop(address, None)
        if link is not None:
            link.close(rst)

    def close(self):
        for address in list(self.links):
            self.drop(address)

    async def run(self, member, address, ask):
        note = Note(ask, member, time.monotonic())
        try:
            await asyncio.wait_for(self.exchange(address, ask, note), self.timeout)
        except (Gone, OSError) as why:
            note.broken, note.error = True, f"{type(why).__name__}: {why}"
            self.drop(address)
        except asyncio.TimeoutError:
            note.broken, note.error = True, "timeout"
            self.drop(address, ask.rst)
        note.ended = time.monotonic()
        return note

    async def exchange(self, address, ask, note):
        link = self.links.get(address)
        if link is None:
            link = self.links[address] = Link(*await asyncio.open_connection(*address))
        link.writer.write(ask.bytes())
        if ask.abort and ask.abort[0] == "wait":
            await asyncio.sleep(ask.abort[1])
            note.aborted = True
            self.drop(address, ask.rst)
            return
        note.status, fields = await link.head()
        note.denied_by = fields.get("x-tollgate-denied-by")
        note.unknown = fields.get("x-tollgate-unavailable")
        affordable = fields.get("x-tollgate-max-affordable-tokens")
        note.affordable = int(affordable) if affordable else None
        if ask.abort and ask.abort[1] == 0 and note.status == 200:
            note.aborted = True
            self.drop(address, ask.rst)
            return
        events, text = 0, b""
        async for piece in link.pieces(fields):
            events += piece.count(b"\n\n")
            if note.status != 200:
                text += piece
            if ask.abort and note.status == 200 and events >= ask.abort[1]:
                note.aborted = True
                self.drop(address, ask.rst)
                return
        note.complete = True
        if text:
            note.error = code_of(text)
        if fields.get("connection", "").lower() == "close":
            self.drop(address)


def code_of(text):
    try:
        error = json.loads(text).get("error") or {}
        return error.get("code") or error.get("type")
    except (ValueError, AttributeError):
        return "not JSON"
