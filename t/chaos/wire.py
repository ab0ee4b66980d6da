#!/usr/bin/python3
"""TCP ways that misbehave when told to: a process of its own, so that the clients' work does not delay them.

    wire.py N PORT      N ways to 127.0.0.1:PORT; prints their ports as JSON, then takes commands on stdin, a line each:

    WAY|all open               all goes through; what was held is let go
    WAY|all cut                connections are reset, new ones too
    WAY|all delay S            whatever comes waits S seconds, both ways
    WAY|all hold_up            nothing goes to the server (it looks alive to both); hold_down: to the client; hold_both
    WAY|all late S             what the client sends from now on is kept, then its connection is reset; S seconds later the
                               server gets it all the same. New connections are as they were
    WAY|all to PORT            new connections go there; those that are open are reset
    link cut|open|to PORT      one more way, the last port: for the replica
"""

import asyncio
import json
import socket
import struct
import sys

GATHER_S = .12          # so long `late` collects


class Way:
    def __init__(self, port):
        self.port, self.mode, self.delay_s = port, "open", 0.0
        self.open = asyncio.Event()
        self.open.set()
        self.connections = set()

    async def gate(self, up):
        """Returns once a piece may pass."""
        if self.mode == "delay":
            await asyncio.sleep(self.delay_s)
        while self.mode in ("hold_both", "hold_up" if up else "hold_down"):
            await self.open.wait()

    def set(self, mode):
        self.mode = mode
        if mode.startswith("hold"):
            self.open.clear()
        else:
            self.open.set()

    def reset_all(self):
        for c in list(self.connections):
            c.reset()


class Connection:
    def __init__(self, way, client, server):
        self.way, self.client, self.server = way, client, server
        self.backlog = None             # bytes that come late

    def reset(self):
        reset(self.client[1])
        reset(self.server[1])

    async def carry(self, up):
        reader, writer = (self.client[0], self.server[1]) if up else (self.server[0], self.client[1])
        while piece := await reader.read(1 << 16):
            if up and self.backlog is not None:
                self.backlog += piece
                continue
            if not up and self.backlog is not None:
                continue
            await self.way.gate(up)
            writer.write(piece)
            await writer.drain()

    async def run(self):
        self.way.connections.add(self)
        tasks = [asyncio.create_task(self.carry(up)) for up in (True, False)]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        self.way.connections.discard(self)
        if self.backlog is None:
            self.reset()
        else:
            reset(self.client[1])
        await asyncio.gather(*tasks, return_exceptions=True)

    async def late(self, seconds):
        self.backlog = b""
        await asyncio.sleep(GATHER_S)
        reset(self.client[1])
        await asyncio.sleep(seconds)
        try:
            self.server[1].write(self.backlog)
            await self.server[1].drain()
            await asyncio.sleep(.2)
        except OSError:
            pass
        reset(self.server[1])


def reset(writer):
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def accept(way, reader, writer):
    if way.mode == "cut":
        reset(writer)
        return
    try:
        server = await asyncio.open_connection("127.0.0.1", way.port)
    except OSError:
        reset(writer)
        return
    await Connection(way, (reader, writer), server).run()


def command(ways, words):
    who, word, *rest = words
    for way in ways[:-1] if who == "all" else ways[-1:] if who == "link" else [ways[int(who)]]:
        if word == "to":
            way.port = int(rest[0])
            way.reset_all()
        elif word == "late":
            for c in list(way.connections):
                asyncio.ensure_future(c.late(float(rest[0])))
        else:
            way.delay_s = float(rest[0]) if word == "delay" else 0.0
            way.set(word)
            if word == "cut":
                way.reset_all()


async def main(n, port):
    ways = [Way(port) for _ in range(n + 1)]
    servers = [await asyncio.start_server(lambda r, w, way=way: accept(way, r, w), "127.0.0.1", 0) for way in ways]
    print(json.dumps([s.sockets[0].getsockname()[1] for s in servers]), flush=True)
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    while line := await stdin.readline():
        command(ways, line.decode().split())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
