"""Redis: a primary, a replica, the ways to them, and what may be done to all three.

Of the primary's append-only file a copy is taken every third of a second: so it can be set back to what it was up to 0.7
seconds ago, with the writes in between acknowledged and lost.
"""

import asyncio
import json
import pathlib
import shutil
import subprocess
import sys
import time

import harness

COPY_S = .33
KEEP = 2                # copies
OPTIONS = {"save": "", "appendonly": "yes", "appendfsync": "everysec", "auto-aof-rewrite-percentage": "0",
           "aof-load-truncated": "yes", "enable-debug-command": "local", "repl-diskless-sync-delay": "0",
           "repl-ping-replica-period": "1", "maxmemory-policy": "noeviction", "bind": "127.0.0.1"}


class RedisError(Exception):
    pass


def wire_form(*args):
    args = [str(a).encode() if not isinstance(a, bytes) else a for a in args]
    return b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args)


async def read_reply(reader):
    line = (await reader.readline()).rstrip(b"\r\n")
    if not line:
        raise ConnectionError("Redis closed the connection")
    kind, rest = line[:1], line[1:].decode()
    if kind == b"-":
        return RedisError(rest)
    if kind == b"+":
        return rest
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == "-1" else (await reader.readexactly(int(rest) + 2))[:-2].decode()
    return [await read_reply(reader) for _ in range(int(rest))]


async def talk(port, *commands):
    """The replies of commands on a connection of their own, sent at once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"".join(wire_form(*c) for c in commands))
        return [await read_reply(reader) for _ in commands]
    finally:
        writer.transport.abort()


class Server:
    """One redis-server in a folder."""

    def __init__(self, folder, name):
        self.folder, self.name, self.port = folder / name, name, harness.free_port()
        self.folder.mkdir()
        self.child = None

    def start(self, replica_of=None):
        argv = ["redis-server", "--port", str(self.port), "--dir", str(self.folder), "--logfile", str(self.folder / "log")]
        for name, value in OPTIONS.items():
            argv += [f"--{name}", value]
        if replica_of:
            argv += ["--replicaof", "127.0.0.1", str(replica_of)]
        self.child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        harness.wait_for(self.answers, f"{self.name} answers", 20)

    def answers(self):
        if self.child.poll() is not None:
            raise AssertionError(f"{self.name} ended: {(self.folder / 'log').read_text()[-2000:]}")
        try:
            return asyncio.run(talk(self.port, ("PING",))) == ["PONG"]
        except (OSError, EOFError):
            return False

    def kill(self):
        if self.child is not None:
            self.child.kill()
            self.child.wait()
        self.child = None

    @property
    def files(self):
        return self.folder / "appendonlydir"


class Centre:
    def __init__(self, folder, n_members):
        self.folder = folder / "redis"
        self.folder.mkdir()
        self.primary, self.replica = Server(self.folder, "a"), Server(self.folder, "b")
        self.incarnations = 0
        self.copies = []                # (when, folder), the oldest first
        self.lock = asyncio.Lock()
        self.n_copy = 0
        self.wire = None
        try:
            self.primary.start()
            self.wire = subprocess.Popen([sys.executable, str(pathlib.Path(__file__).parent / "wire.py"), str(n_members),
                                          str(self.primary.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            *self.ports, self.link = json.loads(self.wire.stdout.readline())
            self.replica.start(self.link)
        except BaseException:
            self.stop()
            raise

    def url(self, n):
        return f"redis://127.0.0.1:{self.ports[n]}/0"

    def stop(self):
        for s in (self.primary, self.replica):
            s.kill()
        if self.wire is not None:
            self.wire.kill()
            self.wire.wait()

    async def blocking(self, f, *args):
        return await asyncio.get_running_loop().run_in_executor(None, f, *args)

    async def way(self, who, word, *args):
        self.wire.stdin.write((" ".join(map(str, (who, word, *args))) + "\n").encode())
        self.wire.stdin.flush()

    async def command(self, *args):
        """To the primary, directly. Its error is an exception; that it is away is not."""
        async with self.lock:
            try:
                reply, = await talk(self.primary.port, args)
            except (OSError, EOFError):
                return None
        if isinstance(reply, RedisError):
            raise reply
        self.incarnations += args[0] == "FLUSHALL"
        return reply

    # ---- copies of the append-only file

    async def keep_copies(self):
        while True:
            async with self.lock:
                await self.blocking(self.copy)
            await asyncio.sleep(COPY_S)

    def copy(self):
        self.n_copy += 1
        to = self.folder / f"copy-{self.n_copy}"
        when = time.monotonic()
        try:
            shutil.copytree(self.primary.files, to)
        except (OSError, shutil.Error):         # a file was replaced meanwhile
            shutil.rmtree(to, ignore_errors=True)
            return
        self.copies.append((when, to))
        while len(self.copies) > KEEP:
            shutil.rmtree(self.copies.pop(0)[1], ignore_errors=True)

    # ---- faults

    async def restart_stale(self, rng):
        """Returns how old the file was."""
        which, down = rng.choice((0, -1)), rng.choice((0, 0, .3, 1))
        async with self.lock:
            now = time.monotonic()
            self.primary.kill()
            if self.copies:
                when, files = self.copies[which]
                shutil.rmtree(self.primary.files)
                shutil.copytree(files, self.primary.files)
            else:
                when = now
            await asyncio.sleep(down)
            await self.blocking(self.primary.start)
            self.incarnations += 1
        return now - when

    async def promote(self, lag, stagger, rng):
        """The replica becomes the primary without what it had not heard; the old primary lives on for a while. False: there
        was no replica that could."""
        async with self.lock:
            try:
                info, = await talk(self.replica.port, ("INFO", "replication"))
            except (OSError, EOFError):
                return False
            if "master_link_status:up" not in str(info):
                return False
            await self.way("link", "cut")
            await asyncio.sleep(lag)
            await talk(self.replica.port, ("REPLICAOF", "NO", "ONE"))
            old, self.primary, self.replica = self.primary, self.replica, self.primary
            order = list(range(len(self.ports)))
            rng.shuffle(order)
            for n in order:
                await self.way(n, "to", self.primary.port)
                await asyncio.sleep(stagger / len(order))
            self.incarnations += 1
            self.clear_copies()
            await asyncio.sleep(rng.choice((0, .3)))
            await self.blocking(self.as_replica, old)
            return True

    def clear_copies(self):
        while self.copies:
            shutil.rmtree(self.copies.pop()[1], ignore_errors=True)

    def as_replica(self, server):
        server.kill()
        shutil.rmtree(server.files, ignore_errors=True)
        self.wire.stdin.write(f"link to {self.primary.port}\nlink open\n".encode())
        self.wire.stdin.flush()
        server.start(self.link)

    async def calm(self):
        await self.way("all", "open")
        await self.command("CLIENT", "UNPAUSE")

    # ---- looking

    async def hashes(self):
        """{key: hash} of all buckets and accounts, of one moment each."""
        out, cursor = {}, "0"
        while True:
            (cursor, keys), = await talk(self.primary.port, ("SCAN", cursor, "MATCH", "tg:*", "COUNT", "1000", "TYPE", "hash"))
            hashes = await talk(self.primary.port, *(("HGETALL", k) for k in keys)) if keys else []
            out.update({k: dict(zip(h[::2], h[1::2])) for k, h in zip(keys, hashes)})
            if cursor == "0":
                return out
