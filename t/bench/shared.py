"""What limits shared through Redis cost: round trips a request, and latency and CPU beside the same gateway without."""
import http.client
import os
import re
import socket
import statistics

import proxies

TENANTS = 100
# Nothing that the load comes near.
LIMITS = "cost: [ 100000 usd/day, 1000000 usd/month ], tokens: 1000000000000/month"
CALLS = ("fcall", "evalsha", "eval")


class Redis:
    """A redis-server that writes its file every second, on a unix socket."""

    def __init__(self, folder):
        self.socket = os.path.join(folder, "redis.sock")
        self.child = proxies.spawn(["redis-server", "--port", "0", "--unixsocket", self.socket, "--dir", folder,
                                    "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""], folder, "redis")
        proxies.wait_for("redis-server", self.answers, self.child, folder)

    def ask(self, *words):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.socket)
            s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words))
            f = s.makefile("rb")
            first = f.readline()
            return f.read(int(first[1:])).decode() if first[:1] == b"$" else first.decode()

    def answers(self):
        try:
            return self.ask("PING").startswith("+PONG")
        except OSError:
            return False

    def calls(self):
        stats = self.ask("INFO", "commandstats")
        return sum(int(n) for name, n in re.findall(r"cmdstat_(\w+):calls=(\d+)", stats) if name in CALLS)


def tenants():
    return "".join(f"  t{i}:\n    limits: {{ {LIMITS} }}\n"
                   f"    keys: [ {{ id: k{i}, sha256: {proxies.key_hash(f'{proxies.CLIENT_KEY}-{i}')} }} ]\n"
                   for i in range(TENANTS))


def script(folder, body):
    """For wrk: each request is the next tenant's."""
    path = os.path.join(folder, "tenants.lua")
    with open(path, "w") as f:
        f.write(f"""local n, heads = 0, {{}}
for i = 0, {TENANTS - 1} do
  heads[i] = {{ ["Content-Type"] = "application/json", ["Authorization"] = "Bearer {proxies.CLIENT_KEY}-" .. i }}
end
function request()
  n = n + 1
  return wrk.format("POST", nil, heads[n % {TENANTS}], [==[{body}]==])
end
""")
    return path


def start(folder, up, binary, redis, name):
    block = tenants()
    if redis is not None:
        block += f"member: gw-1\nredis: {{ url: \"unix:{redis.socket}\", members: [ gw-1 ] }}\n"
    return proxies.Tollgate(folder, up, binary, name=name, more=block)


def warm(proxy, body):
    """Each tenant once: a first grant may take longer than a request waits on a busy machine."""
    conn = http.client.HTTPConnection("127.0.0.1", proxy.ports["json"])
    for i in range(TENANTS):
        for _ in range(100):
            conn.request("POST", proxies.PATH, body, {"Content-Type": "application/json",
                                                      "Authorization": f"Bearer {proxies.CLIENT_KEY}-{i}"})
            answer = conn.getresponse()
            answer.read()
            if answer.status == 200:
                break
        assert answer.status == 200, answer.status


def round_of(run, proxy, redis, seconds):
    calls, cpu = redis.calls(), proxy.cpu_ns()
    count, latency = run(proxy.url("json"), seconds)
    return {"cpu": (proxy.cpu_ns() - cpu) / 1000 / count, "p99": latency["99"],
            "commands": (redis.calls() - calls) / count, "rate": count / seconds}


def measure(folder, up, binary, body, run_wrk, rounds, seconds):
    """One connection, no queue: about 5,000 requests a second. Medians of paired rounds."""
    path, redis = script(folder, body), Redis(folder)
    running = {"alone": start(folder, up, binary, None, "-alone"), "shared": start(folder, up, binary, redis, "-shared")}
    try:
        def run(url, seconds):
            return run_wrk(path, url, 1, seconds)
        for proxy in running.values():
            warm(proxy, body)
            run(proxy.url("json"), 1)
        pairs = []
        for number in range(rounds):
            order = sorted(running, reverse=number % 2 == 1)
            pairs.append({name: round_of(run, running[name], redis, seconds) for name in order})
    finally:
        for proxy in running.values():
            proxy.stop()
        proxies.end(redis.child)
    return {"commands": statistics.median(p["shared"]["commands"] for p in pairs),
            "rate": statistics.median(p["shared"]["rate"] for p in pairs),
            "p99_us": statistics.median(p["shared"]["p99"] - p["alone"]["p99"] for p in pairs),
            "cpu_us": statistics.median(p["shared"]["cpu"] - p["alone"]["cpu"] for p in pairs)}
