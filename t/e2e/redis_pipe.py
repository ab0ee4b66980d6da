"""A Redis of a test's own: a process with nothing on disk but its folder, and a connection that can hold a pipeline.

It listens on a Unix socket; as a cluster of one node, which Redis does over TCP alone, on ports of the kernel's choice.
"""

import shutil
import socket
import subprocess

import harness

PROGRAM = shutil.which("redis-server")


class RedisError(Exception):
    """An error as Redis tells it."""


class Connection:
    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.socket.settimeout(30 * harness.PATIENCE)
        self.socket.connect(address)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def _reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            n = int(rest)
            return None if n < 0 else self.file.read(n + 2)[:-2].decode()
        if kind == b"*":
            return None if rest == b"-1" else [self._reply() for _ in range(int(rest))]
        if kind == b":":
            return int(rest)
        if kind == b"-":
            return RedisError(rest.decode())
        assert kind == b"+", f"not RESP: {line!r}"
        return rest.decode()

    def pipeline(self, commands):
        """The replies of all commands; errors are among them, not raised."""
        out = []
        for words in commands:
            out.append(b"*%d\r\n" % len(words))
            for word in words:
                data = word if isinstance(word, bytes) else str(word).encode()
                out.append(b"$%d\r\n%b\r\n" % (len(data), data))
        self.socket.sendall(b"".join(out))
        return [self._reply() for _ in commands]

    def __call__(self, *words):
        reply = self.pipeline([words])[0]
        if isinstance(reply, RedisError):
            raise reply
        return reply


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Redis:
    """Started at once; end() ends it. More options: Redis(folder, "--maxmemory", "10mb")."""

    def __init__(self, folder, *options, cluster=False):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for _ in range(5):  # a port that was free can be taken in the meantime
            self._start(options, cluster)
            if self.child.poll() is None:
                break
        assert self.child.poll() is None, self.log()
        self.run_id = next(line[7:] for line in self("INFO", "server").splitlines() if line.startswith("run_id:"))
        if cluster:
            self("CLUSTER", "ADDSLOTS", *range(16384))
            harness.wait_for(lambda: "cluster_state:ok" in self("CLUSTER", "INFO"), "the cluster is not ok")

    def _start(self, options, cluster):
        self.address = ("127.0.0.1", free_port()) if cluster else str(self.folder / "redis.sock")
        where = ["--bind", "127.0.0.1", "--port", str(self.address[1]), "--cluster-enabled", "yes", "--cluster-port",
                 str(free_port())] if cluster else ["--port", "0", "--unixsocket", self.address]
        with open(self.folder / "redis.log", "w", encoding="utf-8") as log:
            self.child = subprocess.Popen([PROGRAM, "--dir", str(self.folder), "--save", "", *where, *options],
                                          stdout=log, stderr=log)
        self.connection = None
        harness.wait_for(self._answers, self.log)

    def _answers(self):
        if self.child.poll() is not None:
            return True
        try:
            self.connection = Connection(self.address)
            return self.connection("PING") == "PONG"
        except (OSError, RedisError):
            return False

    def log(self):
        return (self.folder / "redis.log").read_text(encoding="utf-8")[-2000:]

    def __call__(self, *words):
        return self.connection(*words)

    def end(self):
        if self.connection:
            self.connection.close()
        self.child.terminate()
        self.child.wait(30 * harness.PATIENCE)
