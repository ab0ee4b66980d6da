"""A redis-server of the test's own, on a port of the kernel's choice and a unix socket, that can be stopped, killed and
started again with what it had."""

import shutil
import signal
import subprocess

from harness import Client, free_port, wait_for


class Redis:
    def __init__(self, folder, *options):
        self.folder, self.options = folder, [str(o) for o in options]
        self.program = shutil.which("redis-server")
        assert self.program, "redis-server is not installed"
        self.port, self.socket = free_port(), folder / "redis.sock"
        self.child = None
        self.start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        with open(self.folder / "redis.log", "ab") as log:
            self.child = subprocess.Popen(
                [self.program, "--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket", str(self.socket),
                 "--dir", str(self.folder), "--save", "", "--appendonly", "yes", "--daemonize", "no", *self.options],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_for(lambda: self.child.poll() is not None or self.ping(), "redis-server")
        assert self.child.poll() is None, (self.folder / "redis.log").read_text()[-2000:]

    def ping(self):
        try:
            return self.command("PING") in (b"PONG", b"-NOAUTH Authentication required.")
        except OSError:
            return False

    def command(self, *words):
        """The reply, one line or one string deep; an error begins with -."""
        with Client(f"127.0.0.1:{self.port}") as c:
            c.send(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in words))
            return self.reply(c)

    def reply(self, c):
        while b"\r\n" not in c.buffer:
            if not c.recv():
                raise OSError("redis closed the connection")
        line, c.buffer = c.buffer.split(b"\r\n", 1)
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            return line
        if kind in b"+:":
            return rest
        if kind == b"*":
            return [self.reply(c) for _ in range(int(rest))]
        if int(rest) < 0:
            return None
        while len(c.buffer) < int(rest) + 2:
            assert c.recv()
        text, c.buffer = c.buffer[:int(rest)], c.buffer[int(rest) + 2:]
        return text

    def hash(self, key):
        flat = [v.decode() for v in self.command("HGETALL", key)]
        return dict(zip(flat[::2], flat[1::2]))

    def accounts(self, prefix="tg:"):
        """{name: its fields}"""
        keys = [k.decode() for k in self.command("KEYS", f"{prefix}*:a:*")]
        return {k.split(":a:", 1)[1]: self.hash(k) for k in keys}

    def stop(self, how=signal.SIGTERM):
        self.child.send_signal(how)
        self.child.wait(20)

    def end(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
