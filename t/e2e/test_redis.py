"""The Redis client (src/redis) against real servers, and against one that talks nonsense: t/tools/redis_drive runs it."""

import json
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

import harness
import redis_servers
from redis_servers import Server

DRIVE = harness.BUILD / "t" / "tools" / "redis_drive"
RUN_ID = re.compile(r"run_id:(\w+)")
TIMEOUT = 3000 * harness.PATIENCE  # of calls, in ms: where it is not the point

pytestmark = pytest.mark.skipif(not shutil.which("redis-server"), reason="no redis-server")


class Drive:
    """The client as a process. Lines that it says are in .lines, in order."""

    def __init__(self, *argv, timeout=TIMEOUT, backoff=None):
        options = ["--timeout", timeout, *(("--backoff", backoff) if backoff else ())]
        self.child = subprocess.Popen([str(a) for a in (DRIVE, *options, *argv)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines, self.log, self.at, self.id = [], [], 0, 100_000
        self.readers = [threading.Thread(target=self.read, args=a)
                        for a in ((self.child.stdout, self.lines), (self.child.stderr, self.log))]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def read(stream, into):
        for line in stream:
            into.append(line.decode().rstrip("\n"))

    def say(self, *words):
        text = " ".join("".join(chr(b) if 0x21 <= b < 0x7f and b != 0x25 else f"%{b:02x}"
                                for b in (w if isinstance(w, bytes) else str(w).encode())) for w in words)
        self.child.stdin.write(text.encode() + b"\n")
        self.child.stdin.flush()

    def wait(self, start, seconds=30):
        """The next line that begins so, after the one that was waited for last."""
        def look():
            for i in range(self.at, len(self.lines)):
                if self.lines[i].startswith(start):
                    self.at = i + 1
                    return self.lines[i]
            assert self.child.poll() is None, f"redis_drive ended with {self.child.returncode}: {self.log[-20:]}"
            return None
        return harness.wait_for(look, lambda: f"{start!r} in {self.lines[-20:]} {self.log[-20:]}", seconds)

    def seen(self, start):
        return [line for line in self.lines if line.startswith(start)]

    def answer(self, number):
        """What became of a call: its value, ("lost", why) or "refused"."""
        kinds = tuple(f"{k} {number}" for k in ("reply", "lost", "refused"))
        def look():
            for line in self.lines:
                if line.startswith(kinds):
                    kind, no, *rest = line.split(" ", 2)
                    if int(no) == number:
                        return kind, rest[0] if rest else ""
            assert self.child.poll() is None, f"redis_drive ended with {self.child.returncode}: {self.log[-20:]}"
            return None
        kind, rest = harness.wait_for(look, lambda: f"answer to {number} in {self.lines[-20:]}", 30)
        return json.loads(rest) if kind == "reply" else (kind, rest) if kind == "lost" else kind

    def call(self, key, *words, how="call"):
        self.id += 1
        self.say(how, self.id, key, *words)
        return self.answer(self.id)

    def until(self, want, key, *words, how="call", seconds=60):
        """Call until the answer is this one."""
        harness.wait_for(lambda: self.call(key, *words, how=how) == want,
                         lambda: f"{words} answered by {want}: {self.lines[-10:]}", seconds)

    def logged(self, text):
        return [line for line in self.log if text in line]

    def end(self):
        if self.child.poll() is None:
            self.child.stdin.close()
            try:
                self.child.wait(20 * harness.PATIENCE)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        for reader in self.readers:
            reader.join()
        return self.child.returncode


@pytest.fixture
def server(tmp_path):
    """A function that starts a Redis server."""
    started = []

    def start(*args, **more):
        more.setdefault("name", f"redis{len(started)}")
        started.append(Server(tmp_path, *args, **more))
        return started[-1]

    start.started = started
    yield start
    for s in started:
        s.end()


@pytest.fixture
def drive():
    started = []

    def start(*args, **more):
        started.append(Drive(*args, **more))
        return started[-1]

    yield start
    codes = [d.end() for d in started]
    assert all(c == 0 for c in codes), [(c, d.log[-30:]) for c, d in zip(codes, started)]


def run_id(server, **more):
    return RUN_ID.search(server.ask("INFO", "server", **more))[1]


OK = {"status": "OK"}


# ---- one server

def test_calls_over_tcp(server, drive):
    s = server()
    d = drive(s.url())
    assert d.wait("up ") == f"up {s.address} {run_id(s)} 7000 noeviction 0"
    assert d.call("k", "SET", "k", b"a\x00\r\n$5\r\n\xff") == OK
    assert d.call("k", "GET", "k") == "a\x00\r\n$5\r\n\xff"
    assert d.call("k", "GET", "none") is None
    assert d.call("k", "EVAL", "return {1,{'x',false,{}},redis.status_reply('S')}", 0) == [1, ["x", None, []], {"status": "S"}]
    assert d.call("k", "INCR", "k") == {"error": "ERR value is not an integer or out of range"}
    assert d.call("k", "CLIENT", "GETNAME") == "redis_drive"
    # the same connection is the one that answers whose run_id was told
    assert d.call("k", "CLIENT", "ID", how="node") == d.call("k", "CLIENT", "ID")


def test_pipelined_calls_are_answered_in_order(server, drive):
    d = drive(server().url())
    d.wait("up ")
    d.say("burst", 1000, 5000, "k", "INCR", "k")
    d.wait("reply 5999 ")
    assert d.seen("reply ") == [f"reply {1000 + i} {i + 1}" for i in range(5000)]


def test_large_values_and_many_items(server, drive):
    d = drive(server().url())
    d.wait("up ")
    big = "x" * 900_000
    assert d.call("k", "SET", "k", big) == OK
    assert d.call("k", "GET", "k") == big
    assert d.call("k", "EVAL", "local t={} for i=1,20000 do t[i]=i end return t", 0) == list(range(1, 20001))


def test_unix_socket_and_database(server, drive):
    s = server(unix=True)
    d = drive(s.url(db="?db=3"))
    d.wait("up unix:")
    assert d.call("k", "SET", "k", "v") == OK
    other = drive("--db", 3, s.url())
    other.wait("up unix:")
    assert other.call("k", "GET", "k") == "v"
    zero = drive(s.url())
    zero.wait("up unix:")
    assert zero.call("k", "GET", "k") is None


def test_database_that_is_not_there(server, drive):
    d = drive(server().url(db="/77"), backoff=100)
    harness.wait_for(lambda: d.logged("SELECT: ERR DB index is out of range"), "the reason is logged")
    assert d.call("k", "PING") == "refused"


def test_tls(server, drive, certs):
    cert, key = certs.make("redis", "IP:127.0.0.1", "DNS:localhost")
    s = server(tls=(cert, key, certs.authority("ca")))
    d = drive("--ca", certs.authority("ca"), s.url())
    d.wait("up ")
    big = "y" * 300_000
    assert d.call("k", "SET", "k", big) == OK
    assert d.call("k", "GET", "k") == big
    named = drive("--ca", certs.authority("ca"), f"rediss://localhost:{s.port}")
    named.wait(f"up localhost:{s.port} ")
    stranger = drive("--ca", certs.authority("other"), s.url(), backoff=100)
    harness.wait_for(lambda: stranger.logged("redis not connected") and "certificate" in stranger.log[0],
                     lambda: f"{stranger.log}")
    assert not stranger.seen("up ")


def test_tls_towards_a_server_without(server, drive, certs):
    s = server()
    d = drive("--ca", certs.authority("ca"), f"rediss://{s.address}", backoff=100)
    harness.wait_for(lambda: d.logged("redis not connected"), "it says so")
    assert not d.seen("up ")


# ---- who logs in

def test_password_alone(server, drive):
    s = server(lines=["requirepass secret-word"])
    for d in (drive("--password", "secret-word", s.url()), drive(s.url(login=":secret-word@"))):
        d.wait("up ")
        assert d.call("k", "PING") == {"status": "PONG"}
    d = drive(s.url(), backoff=100)
    harness.wait_for(lambda: d.logged("INFO: NOAUTH Authentication required."), lambda: f"{d.log}")


def test_user_of_an_acl(server, drive):
    s = server(lines=["user tg on >pw ~tg:* +@all -@dangerous +info", "user poor on >pw ~* +get"])
    d = drive("--user", "tg", "--password", "pw", s.url())
    d.wait("up ")
    assert d.call("k", "SET", "tg:k", 1) == OK
    assert "NOPERM" in d.call("k", "SET", "k", 1)["error"]
    poor = drive(s.url(login="poor:pw@"), backoff=100)
    harness.wait_for(lambda: poor.logged("INFO: NOPERM"), lambda: f"{poor.log}")


def test_wrong_password_says_so_and_only_once(server, drive):
    s = server(lines=["user tg on >pw ~* +@all"])
    d = drive("--user", "tg", "--password", "wrong", s.url(), backoff=20)
    harness.wait_for(lambda: d.logged("redis out of reach"), "five failures")
    refused = s.ask("INFO", "stats")
    harness.wait_for(lambda: s.ask("INFO", "stats") != refused, "attempts go on")
    lines = d.logged("redis not connected")
    assert len(lines) == 1 and 'reason="AUTH: WRONGPASS' in lines[0]
    assert len(d.logged("redis out of reach")) == 1
    assert "wrong" not in "".join(d.log).replace("WRONGPASS", "").replace("wrong number", "")
    s.ask("ACL", "SETUSER", "tg", ">wrong")
    d.wait("up ")


def test_evicting_policy_is_told(server, drive):
    s = server(lines=["maxmemory 100mb", "maxmemory-policy allkeys-lru"])
    assert drive(s.url()).wait("up ").endswith(" allkeys-lru 1")


def test_nobody_there(drive):
    port = redis_servers.free_port()
    d = drive(f"redis://127.0.0.1:{port}", backoff=20)
    harness.wait_for(lambda: d.logged("redis out of reach"), "five failures")
    assert "onnection refused" in d.logged("redis not connected")[0]
    assert d.call("k", "PING") == "refused"


def test_one_that_is_back_is_soon_asked(server, drive):
    """Not so rarely, after however many failures, that limits wait for seconds once it is back."""
    s = server()
    s.kill()
    d = drive(s.url())
    harness.wait_for(lambda: d.logged("redis out of reach"), "five failures")
    assert "retry_ms=1000 " in d.logged("redis out of reach")[0]
    s.start()
    d.wait("up ")


def test_name_that_does_not_exist(drive):
    d = drive("--connect", 300, "redis://redis.invalid:1", backoff=20)
    harness.wait_for(lambda: d.logged("redis not connected"), "it says so", 60)


# ---- loss

def test_killed_in_the_middle_of_a_pipeline(server, drive):
    s = server()
    d = drive(s.url(), backoff=50)
    d.wait("up ")
    first = run_id(s)
    d.say("burst", 1, 50, "k", "INCR", "k")
    d.wait("reply 50 ")
    s.signal(signal.SIGSTOP)
    d.say("burst", 100, 50, "k", "INCR", "k")
    d.say("who", "k")
    d.wait("who ")
    s.kill()
    down = d.wait(f"down {s.address} ")
    lost = d.seen("lost ")
    assert [int(x.split()[1]) for x in lost] == [*range(100, 150)]
    assert d.lines.index(down) > d.lines.index(lost[-1]), "on_down comes after the calls' NULL"
    assert len(d.seen("reply ")) == 50
    s.start()
    up = d.wait("up ")
    assert first not in up and run_id(s) in up
    assert d.call("k", "INCR", "k") == 1
    assert len(d.logged("redis connection lost")) == 1


def test_stopped_server_is_left_at_the_deadline(server, drive):
    s = server()
    d = drive("--connect", 1000, s.url(), timeout=300, backoff=100)
    d.wait("up ")
    s.signal(signal.SIGSTOP)
    try:
        d.say("burst", 1, 3, "k", "INCR", "k")
        assert d.wait("down ").endswith("no answer in time")
        assert [x.split(" ", 2)[2] for x in d.seen("lost ")] == ["no answer in time"] * 3
        # the kernel takes connections for it: they greet, and nobody answers
        harness.wait_for(lambda: d.logged("no answer to the greeting in time"), lambda: f"{d.log}")
        assert d.call("k", "PING") == "refused"
    finally:
        s.signal(signal.SIGCONT)
    d.wait("up ")
    # what came late was nobody's reply: the three were done, and the next answer is the next call's
    assert d.call("k", "INCR", "k") == 4


def test_connection_closed_by_the_server(server, drive):
    s = server()
    d = drive(s.url(), backoff=50)
    d.wait("up ")
    s.ask("CLIENT", "KILL", "TYPE", "normal")
    assert d.wait("down ").endswith("the server closed the connection")
    d.wait("up ")
    assert d.call("k", "PING") == {"status": "PONG"}


def test_dropped_by_its_user(server, drive):
    d = drive(server().url(), backoff=50)
    d.wait("up ")
    d.say("drop", "k")
    d.wait("down ")
    d.wait("up ")


def test_what_comes_and_goes_is_logged_once(server, drive):
    """A user that drops each connection, as for a policy that it does not like, although calls are answered."""
    d = drive(server().url(), backoff=20)
    for _ in range(8):
        d.wait("up ")
        assert d.call("k", "PING") == {"status": "PONG"}
        d.say("drop", "k")
        d.wait("down ")
    assert [len(d.logged(x)) for x in ("redis connected", "redis connection lost", "redis out of reach")] == [1, 1, 1]


def test_queue_is_bounded(server, drive):
    s = server()
    d = drive("--queue", 100_000, s.url(), timeout=60000)
    d.wait("up ")
    s.signal(signal.SIGSTOP)
    try:
        d.say("burst", 1, 20, "k", "APPEND", "k", "z" * 60_000)
        for _ in range(200):  # the kernel's buffers take some
            d.say("burst", 1000, 20, "k", "APPEND", "k", "z" * 60_000)
        harness.wait_for(lambda: d.seen("refused "), "the queue is full", 60)
    finally:
        s.signal(signal.SIGCONT)
    d.until({"status": "PONG"}, "k", "PING")
    assert not d.seen("down ")


def test_limits_of_replies(server, drive):
    s = server()
    d = drive("--reply", 10_000, "--items", 100, s.url(), backoff=20)
    for words, why in ((("EVAL", "return string.rep('x', 1000000)", 0), "a reply larger than allowed"),
                       (("EVAL", "local t={} for i=1,101 do t[i]=i end return t", 0), "a reply with more items than allowed")):
        d.wait("up ")
        assert d.call("k", *words) == ("lost", why)
        assert d.wait("down ").endswith(why)


# ---- nonsense

class Fake:
    """Listens, greets as a Redis of `role`, then answers every command with `bytes_`."""

    def __init__(self, answer, greet=True, role="master"):
        info = f"run_id:{'f' * 40}\r\nredis_version:7.0.0\r\nrole:{role}\r\nmaxmemory_policy:noeviction\r\n"
        self.greeting = b"+OK\r\n$%d\r\n%s\r\n" % (len(info), info.encode()) if greet else answer
        self.answer, self.n = answer, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.n += 1
            with s:
                try:
                    s.recv(65536)
                    s.sendall(self.greeting)
                    while s.recv(65536):
                        s.sendall(self.answer)
                except OSError:
                    pass

    def end(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


NONSENSE = {
    "http": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "Protocol error"),
    "zeros": (b"\0" * 5000, "Protocol error"),
    "resp3": (b"%1\r\n+a\r\n:1\r\n", "Protocol error"),
    "number": (b":1x\r\n", "Bad integer value"),
    "length": (b"$-7\r\n", "out of range"),
    "end": (b"$2\r\nabcd", "does not end where it says"),
    "items": (b"*2000000000\r\n", "more items than allowed"),
    "deep": (b"*1\r\n" * 50, "depth"),
    "line": (b"+" + b"x" * 70_000, "line longer than allowed"),
    "endless": (b"$2000000000\r\n" + b"x" * 5_000_000, "larger than allowed"),
    "twice": (b"+OK\r\n+OK\r\n", "nobody asked for"),
}


@pytest.fixture
def fake():
    """A function that starts a fake; to be asked for before `drive`, which is then ended first."""
    started = []

    def start(*args, **more):
        started.append(Fake(*args, **more))
        return started[-1]

    yield start
    for f in started:
        f.end()


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_closes_the_connection(kind, fake, drive):
    answer, why = NONSENSE[kind]
    d = drive(fake(answer).url, backoff=50)
    d.wait("up ")
    first = d.call("k", "PING")
    assert first == OK if kind == "twice" else first[0] == "lost" and why in first[1]
    assert why in d.wait("down ")
    d.wait("up ")


@pytest.mark.parametrize("kind", [k for k in NONSENSE if k != "twice"])
def test_nonsense_instead_of_a_greeting(kind, fake, drive):
    answer, why = NONSENSE[kind]
    d = drive(fake(answer, greet=False).url, backoff=20)
    harness.wait_for(lambda: d.logged("redis out of reach"), lambda: f"{d.log}")
    assert why in d.logged("redis not connected")[0]
    assert not d.seen("up ")


def test_replica_is_refused(fake, drive):
    d = drive(fake(b"+OK\r\n", role="slave").url, backoff=20)
    harness.wait_for(lambda: d.logged("the server is a replica"), lambda: f"{d.log}")
    assert not d.seen("up ")


# ---- scripts

LIBRARY = """#!lua name=tgtest
local function add(keys, args)
	return redis.call('INCRBY', keys[1], args[1]) + 0 * #args
end
local function names(keys, args)
	return { #keys, #args, args[1] or false }
end
if redis.register_function then
	redis.register_function('tgt_add', add)
	redis.register_function('tgt_names', names)
	return
end
local by_name = { tgt_add = add, tgt_names = names }
return by_name[table.remove(ARGV, 1)](KEYS, ARGV)
"""


@pytest.fixture
def library(tmp_path):
    path = tmp_path / "lib.lua"
    path.write_text(LIBRARY)
    return path


@pytest.mark.parametrize("form", ["function", "script"])
def test_script(server, drive, library, form):
    s = server(lines=["user tg on >pw ~* +@all -function", "user default on nopass ~* +@all"])
    login = [] if form == "function" else ["--user", "tg", "--password", "pw"]
    d = drive("--script", library, *login, s.url())
    d.wait("up ")
    d.say("load", 900, "k")
    assert d.answer(900) == "loaded"
    assert d.call("k", "tgt_add", 1, "n", 5, how="fcall") == 5
    assert d.call("k", "tgt_names", 2, "a", "b", "x", "y", "z", how="fcall") == [2, 3, "x"]
    assert bool(s.ask("FUNCTION", "LIST")) == (form == "function")
    # the server forgets it: loaded again, called once more
    assert s.ask("FUNCTION", "FLUSH") == "OK" and s.ask("SCRIPT", "FLUSH") == "OK"
    assert d.call("k", "tgt_add", 1, "n", 5, how="fcall") == 10
    # the same text is not loaded again, another one is replaced
    before = s.ask("INFO", "commandstats")
    d.say("load", 901, "k")
    assert d.answer(901) == "loaded"
    if form == "function":
        loads = re.search(r"cmdstat_function\|load:calls=(\d+)", before)[1]
        assert re.search(r"cmdstat_function\|load:calls=(\d+)", s.ask("INFO", "commandstats"))[1] == loads
        other = LIBRARY.replace("tgt_names'", "tgt_other'")
        assert s.ask("FUNCTION", "LOAD", "REPLACE", other) == "tgtest"
        d.say("load", 902, "k")
        assert d.answer(902) == "loaded"
        assert d.call("k", "tgt_names", 0, how="fcall") == [0, 0, None]


def test_script_that_does_not_compile(server, drive, tmp_path):
    path = tmp_path / "bad.lua"
    path.write_text("#!lua name=bad\nthis is no lua\n")
    d = drive("--script", path, server().url())
    d.wait("up ")
    d.say("load", 1, "k")
    assert "FUNCTION LOAD: ERR Error compiling function" in d.answer(1)[1]


# ---- sentinels

@pytest.fixture
def watched(tmp_path, server):
    """(primary, replica, sentinels)"""
    primary = server(name="primary")
    replica = server(name="replica", lines=[f"replicaof 127.0.0.1 {primary.port}"])
    harness.wait_for(lambda: "master_link_status:up" in replica.ask("INFO", "replication"), "the replica is in step", 60)
    watchers = redis_servers.sentinels(tmp_path, primary)
    server.started.extend(watchers)
    return primary, replica, watchers


def test_sentinels_say_who_is_primary_and_a_failover_is_followed(watched, drive):
    primary, replica, watchers = watched
    d = drive("--mode", "sentinel", "--primary", "tg", *(w.url() for w in watchers), backoff=100)
    assert d.wait("up ").split()[1:3] == [primary.address, run_id(primary)]
    assert d.call("k", "SET", "k", "before") == OK
    harness.wait_for(lambda: replica.ask("GET", "k") == "before", "the replica has it")
    primary.kill()
    d.wait("down ")
    assert d.wait("up ", 90).split()[1:3] == [replica.address, run_id(replica)]
    assert d.call("k", "GET", "k") == "before"
    # the old one comes back as a replica: nothing changes
    primary.start()
    redis_servers.wait_role(primary, "slave")
    assert d.call("k", "SET", "k", "after") == OK
    assert len(d.seen("down ")) == 1


def test_ordered_failover_while_both_live(watched, drive):
    primary, replica, watchers = watched
    d = drive("--mode", "sentinel", "--primary", "tg", watchers[0].url(), backoff=100)
    d.wait("up ")
    assert watchers[0].ask("SENTINEL", "FAILOVER", "tg") == "OK"
    # the old primary closes its clients when it becomes a replica, or says READONLY
    d.wait("down ", 90)
    assert d.wait("up ", 90).split()[1] == replica.address
    d.until(OK, "k", "SET", "k", "v")


def test_sentinels_that_are_down_or_know_nothing(watched, drive):
    primary, _, watchers = watched
    dead = f"redis://127.0.0.1:{redis_servers.free_port()}"
    d = drive("--mode", "sentinel", "--primary", "tg", dead, watchers[1].url(), backoff=100)
    assert d.wait("up ").split()[1] == primary.address
    other = drive("--mode", "sentinel", "--primary", "nobody", watchers[0].url(), backoff=20)
    harness.wait_for(lambda: other.logged("it knows no primary `nobody`"), lambda: f"{other.log}")
    none = drive("--mode", "sentinel", "--primary", "tg", dead, backoff=20)
    harness.wait_for(lambda: none.logged("redis out of reach"), lambda: f"{none.log}")
    assert "onnection refused" in none.log[0] and len(none.logged("redis not connected")) == 1


def test_passwords_of_sentinels_are_their_own(tmp_path, server, drive):
    primary = server(lines=["requirepass data"])
    lines = [f"sentinel monitor tg 127.0.0.1 {primary.port} 1", "sentinel auth-pass tg data", "requirepass watch"]
    watcher = server(name="watcher", lines=lines, sentinel=True)
    options = ("--mode", "sentinel", "--primary", "tg", "--password", "data")
    for d in (drive(*options, "--sentinel-password", "watch", watcher.url()), drive(*options, watcher.url(login=":watch@"))):
        assert d.wait("up ").split()[1] == primary.address
    d = drive(*options, watcher.url(), backoff=20)
    harness.wait_for(lambda: d.logged("NOAUTH"), lambda: f"{d.log}")


def test_write_to_what_became_a_replica(server, drive):
    """READONLY closes the connection after its caller has seen it."""
    s, other = server(), server()
    d = drive(s.url(), backoff=50)
    d.wait("up ")
    client = d.call("k", "CLIENT", "ID")
    assert s.ask("REPLICAOF", "127.0.0.1", other.port) == "OK"  # it keeps its clients
    assert d.call("k", "SET", "k", "v")["error"].startswith("READONLY")
    assert d.wait("down ").endswith("the server is a replica now")
    harness.wait_for(lambda: d.logged("the server is a replica"), lambda: f"{d.log}")
    assert s.ask("REPLICAOF", "NO", "ONE") == "OK"
    d.wait("up ")
    assert d.call("k", "CLIENT", "ID") > client


# ---- cluster

@pytest.fixture
def nodes(tmp_path, server):
    out = redis_servers.cluster(tmp_path)
    server.started.extend(out)
    return out


def at(nodes, address):
    return next(n for n in nodes if n.address == address)


def wait_all_up(d, nodes):
    harness.wait_for(lambda: {line.split()[1] for line in d.seen("up ")} >= {n.address for n in nodes},
                     lambda: f"all are up: {d.lines}", 60)


def move_slot(nodes, slot, source, target):
    """Its keys stay behind: the tests move it empty, or look at ASK."""
    ids = {n: n.ask("CLUSTER", "MYID") for n in (source, target)}
    assert target.ask("CLUSTER", "SETSLOT", slot, "NODE", ids[target]) == "OK"
    assert source.ask("CLUSTER", "SETSLOT", slot, "NODE", ids[target]) == "OK"
    for n in nodes:
        if n not in ids:
            n.ask("CLUSTER", "SETSLOT", slot, "NODE", ids[target])


def test_cluster_calls_go_to_who_serves_the_key(nodes, drive):
    d = drive("--mode", "cluster", nodes[1].url())
    wait_all_up(d, nodes)
    for i in range(64):
        key = f"tg:{{b{i}}}:b"
        assert d.call(key, "SET", key, i, how="node") == OK  # never MOVED
        d.say("who", key)
        address = d.wait("who ").split()[1]
        assert at(nodes, address).ask("GET", key) == str(i)
    assert len({line.split()[1] for line in d.seen("who ")}) == 3
    # the slots are those that the servers mean
    for key in ("foo{}{bar}", "a{b}c", "x"):
        slot = nodes[0].ask("CLUSTER", "KEYSLOT", key)
        mine = next(n for n, r in zip(nodes, (5460, 10921, 16383)) if slot <= r)
        d.say("who", key)
        assert d.wait("who ").split()[1] == mine.address


def test_moved_is_followed_and_learned(nodes, drive):
    d = drive("--mode", "cluster", *(n.url() for n in nodes))
    wait_all_up(d, nodes)
    slot = nodes[0].ask("CLUSTER", "KEYSLOT", "k")
    source = next(n for n, r in zip(nodes, (5460, 10921, 16383)) if slot <= r)
    target = nodes[(nodes.index(source) + 1) % 3]
    move_slot(nodes, slot, source, target)
    moves = len(d.seen("moved"))
    # bound to the connection: told; by key: followed
    d.say("node", 1, "k", "SET", "k", 1)
    assert d.answer(1)["error"].startswith("MOVED")
    assert d.call("k", "SET", "k", 2) == OK
    assert target.ask("GET", "k") == "2"
    d.say("who", "k")
    assert d.wait("who ").split()[1] == target.address
    assert len(d.seen("moved")) > moves
    # back again, and this time nobody has been told before
    assert target.ask("DEL", "k") == 1
    move_slot(nodes, slot, target, source)
    assert d.call("k", "SET", "k", 3) == OK
    assert source.ask("GET", "k") == "3"
    assert not d.seen("down ")


def test_ask_is_followed(nodes, drive):
    d = drive("--mode", "cluster", nodes[0].url())
    wait_all_up(d, nodes)
    slot = nodes[0].ask("CLUSTER", "KEYSLOT", "k")
    source = next(n for n, r in zip(nodes, (5460, 10921, 16383)) if slot <= r)
    target = nodes[(nodes.index(source) + 1) % 3]
    assert target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.ask("CLUSTER", "MYID")) == "OK"
    assert source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.ask("CLUSTER", "MYID")) == "OK"
    # the key is not here any more: ASK
    assert d.call("k", "SET", "k", "v") == OK
    d.say("who", "k")
    assert d.wait("who ").split()[1] == source.address
    assert target.ask("CLUSTER", "COUNTKEYSINSLOT", slot) == 1


def test_cluster_node_that_dies_and_comes_back(nodes, drive):
    d = drive("--mode", "cluster", nodes[0].url(), backoff=100)
    wait_all_up(d, nodes)
    slot = nodes[0].ask("CLUSTER", "KEYSLOT", "k")
    mine = next(n for n, r in zip(nodes, (5460, 10921, 16383)) if slot <= r)
    mine.kill()
    assert d.wait("down ").split()[1] == mine.address
    assert d.call("k", "GET", "k") == "refused"
    mine.start()
    d.wait(f"up {mine.address} ", 60)
    d.until(OK, "k", "SET", "k", "v")


def test_cluster_failover_to_a_replica(tmp_path, nodes, server, drive):
    replica = server(name="node3", lines=["cluster-enabled yes", "cluster-node-timeout 2000"])
    slot = nodes[0].ask("CLUSTER", "KEYSLOT", "k")
    mine = next(n for n, r in zip(nodes, (5460, 10921, 16383)) if slot <= r)
    assert replica.ask("CLUSTER", "MEET", "127.0.0.1", nodes[0].port) == "OK"
    mine_id = mine.ask("CLUSTER", "MYID")
    harness.wait_for(lambda: replica.ask("CLUSTER", "REPLICATE", mine_id) == "OK", "it knows whom to follow", 60)
    harness.wait_for(lambda: "master_link_status:up" in replica.ask("INFO", "replication"), "the replica is in step", 60)
    # the primary must know that it has one
    harness.wait_for(lambda: len(mine.ask("ROLE")[2]) == 1, "it is known", 60)
    d = drive("--mode", "cluster", next(n for n in nodes if n is not mine).url(), backoff=100)
    wait_all_up(d, nodes)
    assert d.call("k", "SET", "k", "v") == OK
    harness.wait_for(lambda: "v" == replica.ask("GET", "k") or replica.ask("DBSIZE") == 1, "the replica has it")
    mine.kill()
    d.wait("down ")
    assert d.wait(f"up {replica.address} ", 90)
    d.until("v", "k", "GET", "k")
    d.say("who", "k")
    assert d.wait("who ").split()[1] == replica.address


def test_cluster_of_servers_that_are_none(server, drive):
    d = drive("--mode", "cluster", server().url(), backoff=20)
    harness.wait_for(lambda: d.logged("cluster support disabled"), lambda: f"{d.log}")
    assert len(d.logged("does not say who serves what")) == 1


@pytest.mark.parametrize("form", ["function", "script"])
def test_script_on_every_primary(nodes, drive, library, form):
    if form == "script":
        for n in nodes:
            assert n.ask("ACL", "SETUSER", "tg", "on", ">pw", "~*", "+@all", "-function") == "OK"
    login = [] if form == "function" else ["--user", "tg", "--password", "pw"]
    d = drive("--mode", "cluster", "--script", library, *login, nodes[0].url())
    wait_all_up(d, nodes)
    for i in range(12):
        key = f"n{{{i}}}"
        d.say("load", 900 + i, key)
        assert d.answer(900 + i) == "loaded"
        assert d.call(key, "tgt_add", 1, key, i + 1, how="fcall") == i + 1
