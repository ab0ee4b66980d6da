"""Redis servers as processes: one, with sentinels, or as a cluster. They write nothing but their configuration, listen on
free ports of 127.0.0.1 or on unix sockets in the test's folder, and are ended by their pid."""

import signal
import socket
import subprocess

import harness


def free_port():
    """Of the kernel's choice. A cluster's second port is 10000 above; such a high one would not be."""
    while True:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port < 55000:
            return port


def encode(*words):
    out = b"*%d\r\n" % len(words)
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        out += b"$%d\r\n%s\r\n" % (len(word), word)
    return out


class RedisError(Exception):
    pass


def decode(stream):
    """One reply of RESP2 from a binary stream."""
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise EOFError
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest.decode()
    if kind == b"-":
        return RedisError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"$":
        n = int(rest)
        return None if n < 0 else stream.read(n + 2)[:-2].decode(errors="replace")
    if kind == b"*":
        n = int(rest)
        return None if n < 0 else [decode(stream) for _ in range(n)]
    raise ValueError(line)


class Server:
    """redis-server, or redis-sentinel with `sentinel=True`. ask() is a client of the test's own."""

    def __init__(self, folder, name="redis", lines=(), unix=False, tls=None, sentinel=False, port=None, keeps=False, options=()):
        self.folder = folder / name
        self.folder.mkdir(exist_ok=True)
        self.name, self.unix = name, self.folder / "s" if unix else None
        self.tls, self.port = tls, 0 if unix else port or free_port()
        conf = [f"port {0 if tls else self.port}", "bind 127.0.0.1", f"dir {self.folder}", f"logfile {self.folder}/log",
                "daemonize no", *lines]
        if not sentinel:
            conf += ['save ""', f"appendonly {'yes' if keeps else 'no'}"]
        if unix:
            conf.append(f"unixsocket {self.unix}")
        if tls:
            cert, key, ca = tls
            conf += [f"tls-port {self.port}", f"tls-cert-file {cert}", f"tls-key-file {key}", f"tls-ca-cert-file {ca}",
                     "tls-auth-clients no"]
        self.conf = self.folder / "conf"
        self.conf.write_text("\n".join(conf) + "\n")
        self.argv = ["redis-sentinel" if sentinel else "redis-server", str(self.conf), *map(str, options)]
        self.child = None
        self.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def url(self, login="", db=""):
        if self.unix:
            return f"unix:{self.unix}{db}"
        return f"redis{'s' if self.tls else ''}://{login}{self.address}{db}"

    def start(self):
        self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        harness.wait_for(self.answers, lambda: f"{self.name} answers: {self.log()[-1000:]}")

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def answers(self):
        assert self.child.poll() is None, f"{self.name} ended: {self.log()[-2000:]}"
        try:
            self.connect().close()
            return self.tls or "NOAUTH" in str(reply := self.ask("PING")) or not isinstance(reply, RedisError)
        except (OSError, EOFError):
            return False

    def connect(self):
        s = socket.socket(socket.AF_UNIX if self.unix else socket.AF_INET)
        s.settimeout(20)
        try:
            s.connect(str(self.unix) if self.unix else ("127.0.0.1", self.port))
        except OSError:
            s.close()
            raise
        return s

    def ask(self, *words, login=None):
        """One command on a connection of its own; an error comes back as RedisError, not raised."""
        with self.connect() as s, s.makefile("rb") as stream:
            if login:
                s.sendall(encode("AUTH", *login))
                decode(stream)
            s.sendall(encode(*words))
            return decode(stream)

    def signal(self, number):
        self.child.send_signal(number)

    def kill(self):
        self.child.kill()
        self.child.wait()

    def end(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGCONT)
            self.kill()

    def accounts(self, prefix="tg:"):
        """Of limits: {name: its fields}"""
        out = {}
        for key in self.ask("KEYS", f"{prefix}*:a:*"):
            flat = self.ask("HGETALL", key)
            out[key.split(":a:", 1)[1]] = dict(zip(flat[::2], flat[1::2]))
        return out


class Lasting(Server):
    """One that is started again with what it had, on TCP and on a unix socket; options as on its command line."""

    def __init__(self, folder, *options):
        self.socket = folder / "redis.sock"
        super().__init__(folder, lines=[f"unixsocket {self.socket}"], keeps=True, options=options)

    def stop(self, how=signal.SIGTERM):
        self.signal(how)
        self.child.wait(20)


def wait_role(server, role):
    def is_it():
        try:
            return server.ask("ROLE")[0] == role
        except (OSError, EOFError):  # it closes its clients when its role changes
            return False
    harness.wait_for(is_it, f"{server.name} is {role}", 60)


def sentinels(folder, primary, n=3, name="tg"):
    """n sentinels that watch `primary` and take a second of silence for its end."""
    lines = [f"sentinel monitor {name} 127.0.0.1 {primary.port} 2", f"sentinel down-after-milliseconds {name} 1000",
             f"sentinel failover-timeout {name} 4000"]
    out = [Server(folder, f"sentinel{i}", lines, sentinel=True) for i in range(n)]
    for s in out:
        harness.wait_for(lambda s=s: knows_others(s, name, n), f"{s.name} knows the others", 60)
    return out


def knows_others(sentinel, name, n):
    others = sentinel.ask("SENTINEL", "sentinels", name)
    replicas = sentinel.ask("SENTINEL", "replicas", name)
    return isinstance(others, list) and len(others) == n - 1 and isinstance(replicas, list) and len(replicas) >= 1


def cluster(folder, n=3, lines=()):
    """n primaries that share the slots evenly."""
    out = [Server(folder, f"node{i}", ["cluster-enabled yes", "cluster-node-timeout 2000", *lines]) for i in range(n)]
    each = 16384 // n
    for i, s in enumerate(out):
        last = 16383 if i == n - 1 else (i + 1) * each - 1
        assert s.ask("CLUSTER", "ADDSLOTSRANGE", i * each, last) == "OK"
        assert s.ask("CLUSTER", "SET-CONFIG-EPOCH", i + 1) == "OK"
        if i > 0:
            assert s.ask("CLUSTER", "MEET", "127.0.0.1", out[0].port) == "OK"
    for s in out:
        harness.wait_for(lambda s=s: "cluster_state:ok" in s.ask("CLUSTER", "INFO") and
                         f"cluster_known_nodes:{n}" in s.ask("CLUSTER", "INFO"), f"{s.name} is in the cluster", 60)
    return out
