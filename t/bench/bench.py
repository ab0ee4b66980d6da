#!/usr/bin/env python3
"""tollgate, nginx and HAProxy side by side against the same upstream, one worker each, in one run.

usage: bench.py --build DIR [--json] [--case NAME]... [--rounds N] [--seconds S]

CPU per request comes from the kernel's run time of all threads of a proxy (/proc/PID/task/*/schedstat) over the
requests that wrk counted. Rounds are paired (every proxy in turn, then again in another order); a figure is the median
over rounds, a ratio the median of the rounds' ratios. What something adds is a small difference of two large figures:
three times as many rounds, of a third of the time, and the standard error of their median is printed with it.
Added latency is the percentile through the proxy minus the percentile of the same round straight to the upstream, one
connection, no queue. Memory is VmRSS from /proc, as the difference to the same warmed-up process, per connection; nginx takes most of a connection's memory at its start, for all it may ever have.

tollgate runs with everything on: keys, metering, pricing, ledger, access log, metrics. nginx and HAProxy write their access
logs as well, and replace the client's key by the upstream's, as a proxy in front of a provider has to.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

import clients
import proxies
import shared

HERE = os.path.dirname(os.path.abspath(__file__))
ORDER = ("tollgate", "nginx", "haproxy")
# Where we want to be: at most this ratio to nginx, to HAProxy, or this figure.
TARGETS = {
    "chat_1k": {"nginx": 1.0}, "prompt_100k": {"nginx": 1.0}, "connection_per_request": {"nginx": 1.0},
    "stream_50": {"nginx": 1.0, "haproxy": 1.0}, "tls": {"nginx": 1.05},
    "translated_stream": {"figure": 1.5},
    "idle_memory": {"figure": 4.0}, "start_rss": {"figure": 15.0},
    "redis_commands": {"figure": 0.02}, "redis_added_p99": {"figure": 300},
    "ledger_added": {"figure": 1.5}, "ledger_recovery": {"figure": 1000}, "report_month": {"figure": 2000},
}
SENTENCE = "Lorem ipsum dolor sit amet, consectetur adipiscing elit. "


def request_body(case, size, stream):
    """A chat request of about `size` bytes; its model leads tollgate to the case's upstream."""
    prompt = (SENTENCE * (size // len(SENTENCE) + 1))[:size]
    return json.dumps({
        "model": proxies.MODELS[case],
        "messages": [{"role": "system", "content": "You are a helpful assistant."},
                     {"role": "user", "content": prompt}],
        "temperature": 0.7, "max_tokens": 256, "stream": stream,
        # what an SDK user who wants the usage sends; nobody has to edit the body
        **({"stream_options": {"include_usage": True}} if stream else {}),
    })


def without_options(body):
    """The same for an API that tells its usage unasked, and keeps the system's words apart."""
    request = json.loads(body)
    del request["stream_options"]
    request["system"] = request["messages"].pop(0)["content"]
    return json.dumps(request)


class Wrk:
    """One wrk run; fails on anything but 2xx answers."""

    def __init__(self, folder, name, body, close=False):
        self.script = os.path.join(folder, f"{name}.lua")
        with open(self.script, "w") as f:
            f.write(f"wrk.method='POST'\nwrk.body=[==[{body}]==]\nwrk.headers['Content-Type']='application/json'\n"
                    f"wrk.headers['Authorization']='Bearer {proxies.CLIENT_KEY}'\n")
            if close:
                f.write("wrk.headers['Connection']='close'\n")

    def run(self, url, connections, seconds):
        return run_wrk(self.script, url, connections, seconds)


def run_wrk(script, url, connections, seconds):
    """Requests, and latency by percentile in us."""
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "--latency", "-s", script, url]
    out = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    count = re.search(r"(\d+) requests in", out)
    bad = re.search(r"Non-2xx or 3xx responses: \d+|Socket errors: connect [1-9]\d*", out)
    if count is None or int(count[1]) == 0 or bad:
        sys.exit(f"bench: {url}: {bad[0] if bad else 'no requests'}\n{out}")
    return int(count[1]), {p: micro(v) for p, v in re.findall(r"^\s+(50|99)%\s+(\S+)", out, re.MULTILINE)}


def micro(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def median(values):
    return round(statistics.median(values), 2)


def error_of_median(values):
    """The standard error, as if they were spread normally."""
    return round(1.25 * statistics.pstdev(values) / len(values) ** 0.5, 2)


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.upstreams = proxies.start_upstreams(os.path.join(options.build, "t/bench/mock"), folder)
        self.make = {
            "tollgate": lambda: proxies.Tollgate(folder, self.upstreams, os.path.join(options.build, "tollgate")),
            "nginx": lambda: proxies.Nginx(folder, self.upstreams),
            "haproxy": lambda: proxies.HAProxy(folder, self.upstreams),
        }
        self.rows, self.start_rss = [], {}

    def start(self):
        """Fresh processes for every case: no case inherits another's memory."""
        running = {name: self.make[name]() for name in ORDER}
        for name, proxy in running.items():
            self.start_rss.setdefault(name, []).append(proxy.rss_kb())
        return running

    def row(self, case, rounds, unit):
        """A row from the figures of all rounds, by proxy: their medians, and the median of the paired ratios."""
        row = {"case": case, **{name: median(values) for name, values in rounds.items()}}
        for other in ("nginx", "haproxy"):
            pairs = [ours / theirs for ours, theirs in zip(rounds["tollgate"], rounds[other]) if theirs > 0]
            row[f"ratio_{other}"] = round(statistics.median(pairs), 3) if pairs else None
        row["unit"] = unit
        self.rows.append(row)
        if not self.options.json:
            print_row(row)

    def cpu_case(self, case, upstream, body, connections=32, close=False):
        """CPU microseconds per request."""
        running = self.start()
        wrk = Wrk(self.folder, case, body, close)
        figures = {name: [] for name in ORDER}
        for proxy in running.values():
            wrk.run(proxy.url(upstream), connections, 1)
        for number in range(self.options.rounds):
            for name, proxy in rotated(running, number):
                before = proxy.cpu_ns()
                count, _ = wrk.run(proxy.url(upstream), connections, self.options.seconds)
                figures[name].append((proxy.cpu_ns() - before) / 1000 / count)
        stop(running)
        self.row(case, figures, "us CPU/request")

    def latency_case(self):
        running = self.start()
        wrk = Wrk(self.folder, "latency", request_body("json", 700, False))
        added = {p: {name: [] for name in ORDER} for p in ("50", "99")}
        for number in range(self.options.rounds):
            _, direct = wrk.run(self.upstreams.url("json"), 1, self.options.seconds)
            for name, proxy in rotated(running, number):
                _, through = wrk.run(proxy.url("json"), 1, self.options.seconds)
                for p, values in added.items():
                    values[name].append(through[p] - direct[p])
        stop(running)
        for p, values in added.items():
            self.row(f"added_latency_p{p}", values, "us")

    def memory_case(self, case, upstream, body, wanted, streaming):
        """KB of RSS per connection that is open and quiet, or that has a slow stream."""
        number = min(wanted, clients.file_limit() - 500, (clients.file_limit() - 500) // (2 if streaming else 1))
        if number < wanted:
            print(f"bench: {case}: {number} instead of {wanted} connections (ulimit -n)", file=sys.stderr)
        figures = {}
        running = self.start()
        for name, proxy in running.items():
            with clients.Crowd(proxy.address(upstream), 64, body, proxies.CLIENT_KEY, streaming):
                pass  # warm: what the first requests cost once
            time.sleep(0.5)
            before = proxy.rss_kb()
            with clients.Crowd(proxy.address(upstream), number, body, proxies.CLIENT_KEY, streaming) as crowd:
                time.sleep(2)
                crowd.check_alive()
                figures[name] = [(proxy.rss_kb() - before) / number]
        stop(running)
        self.row(case, figures, "KB/stream" if streaming else "KB/connection")

    def ledger_case(self):
        """What the ledger adds to a 1 KB request."""
        self.added_case("ledger_added", {"ledger": "none"})

    def limits_case(self):
        """What eight accounts to be held to add to a 1 KB request."""
        self.added_case("limits_added", {}, {"limits": True})

    def added_case(self, case, without, with_it=None):
        """The same gateway with something and without it, in paired rounds."""
        binary = os.path.join(self.options.build, "tollgate")
        running = {"without": proxies.Tollgate(self.folder, self.upstreams, binary, **without),
                   "with": proxies.Tollgate(self.folder, self.upstreams, binary, **(with_it or {}))}
        wrk = Wrk(self.folder, case, request_body("json", 700, False))
        added = []
        for proxy in running.values():
            wrk.run(proxy.url("json"), 32, 1)
        for number in range(3 * self.options.rounds):
            cost = {}
            for name, proxy in rotated(running, number):
                before = proxy.cpu_ns()
                count, _ = wrk.run(proxy.url("json"), 32, max(1, self.options.seconds // 3))
                cost[name] = (proxy.cpu_ns() - before) / 1000 / count
            added.append(cost["with"] - cost["without"])
        stop(running)
        self.own_row(case, median(added), "us CPU/request", error_of_median(added))

    def translated_case(self):
        """A streamed answer of 50 events to a client of Anthropic's API, from a target of OpenAI's, against one of its own."""
        proxy = self.make["tollgate"]()
        native = proxy.url("stream")
        body = request_body("stream", 700, True)
        runs = {"native": (Wrk(self.folder, "native", body), native),
                "translated": (Wrk(self.folder, "translated", without_options(body)), native.replace(proxies.PATH, "/v1/messages"))}
        ratios = []
        for wrk, url in runs.values():
            wrk.run(url, 32, 1)
        for number in range(self.options.rounds):
            cost = {}
            for name, (wrk, url) in rotated(runs, number):
                before = proxy.cpu_ns()
                count, _ = wrk.run(url, 32, self.options.seconds)
                cost[name] = (proxy.cpu_ns() - before) / 1000 / count
            ratios.append(cost["translated"] / cost["native"])
        proxy.stop()
        self.own_row("translated_stream", median(ratios), "x untranslated")

    def shared_case(self):
        """A gateway that shares its limits through Redis beside one that does not: 5,000 requests a second, 100 tenants."""
        out = shared.measure(self.folder, self.upstreams, os.path.join(self.options.build, "tollgate"),
                             request_body("json", 700, False), run_wrk, self.options.rounds, self.options.seconds)
        self.own_row("redis_commands", out["commands"], f"/request, {out['rate']:.0f}/s")
        self.own_row("redis_added_p99", out["p99_us"], "us")
        self.own_row("redis_added", out["cpu_us"], "us CPU/request")

    def journal_case(self):
        """A start after a crash that left a million records."""
        out = json.loads(self.program("journal_bench", os.path.join(self.folder, "journal-bench")))
        self.own_row("ledger_recovery", out["recovery_ms"], "ms")

    def report_case(self):
        """A report over a month of ten million requests."""
        rows = [json.loads(line) for line in self.program("rollup_bench", "--json").splitlines()]
        figure = next(row["value"] for row in rows if row["case"].startswith("report by day,tenant,key,model"))
        self.own_row("report_month", figure, "ms")

    def program(self, name, *arguments):
        path = os.path.join(self.options.build, "t/bench", name)
        return subprocess.run([path, *arguments], capture_output=True, text=True, check=True).stdout

    def own_row(self, case, figure, unit, error=None):
        """A figure that the others have no part in."""
        row = {"case": case, "tollgate": round(figure, 4 if figure < 0.1 else 2), "nginx": None, "haproxy": None,
               "ratio_nginx": None, "ratio_haproxy": None, "unit": unit}
        if error is not None:
            row["error"] = error
        self.rows.append(row)
        if not self.options.json:
            print_row(row)

    def start_case(self):
        if not self.start_rss:
            stop(self.start())
        self.row("start_rss", {name: [kb / 1024 for kb in v] for name, v in self.start_rss.items()}, "MB")

    def cases(self):
        chat = request_body("json", 700, False)
        return {
            "chat_1k": lambda: self.cpu_case("chat_1k", "json", chat),
            "prompt_100k": lambda: self.cpu_case("prompt_100k", "json", request_body("json", 100_000, False)),
            "stream_50": lambda: self.cpu_case("stream_50", "stream", request_body("stream", 700, True)),
            "tls": lambda: self.cpu_case("tls", "tls", request_body("tls", 700, False)),
            "connection_per_request": lambda: self.cpu_case("connection_per_request", "json", chat, close=True),
            "added_latency": self.latency_case,
            "idle_memory": lambda: self.memory_case("idle_memory", "json", chat, 10_000, False),
            "stream_memory": lambda: self.memory_case("stream_memory", "slow", request_body("slow", 700, True), 2_000,
                                                      True),
            "start_rss": self.start_case,
            "translated_stream": self.translated_case,
            "ledger_added": self.ledger_case,
            "limits_added": self.limits_case,
            "shared_limits": self.shared_case,
            "ledger_recovery": self.journal_case,
            "report_month": self.report_case,
        }


def rotated(running, number):
    """The proxies in an order that changes from round to round: none is always first."""
    names = list(running)
    shift = number % len(names)
    return [(name, running[name]) for name in names[shift:] + names[:shift]]


def stop(running):
    for proxy in running.values():
        proxy.stop()


def verdict(row):
    goal = TARGETS.get(row["case"], {})
    figures = {"nginx": row["ratio_nginx"], "haproxy": row["ratio_haproxy"], "figure": row["tollgate"]}
    words = []
    for key, limit in goal.items():
        met = figures[key] is not None and figures[key] <= limit
        what = f"at most {limit:g}" + ("" if key == "figure" else f" x {key}")
        words.append(f"{what}: {'met' if met else 'MISSED'}")
    if "error" in row:
        words.insert(0, f"± {row['error']:g}")
    return "; ".join(words)


def print_row(row):
    ratios = [f"{row[k]:8.2f}" if row[k] is not None else "       -" for k in ("ratio_nginx", "ratio_haproxy")]
    others = [f"{row[k]:>10}" if row[k] is not None else "         -" for k in ("nginx", "haproxy")]
    print(f"{row['case']:<24}{row['tollgate']:>10}{''.join(others)}  {''.join(ratios)}  "
          f"{row['unit']:<16}{verdict(row)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--case", action="append")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    options = parser.parse_args()
    clients.raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="tollgate-bench.") as folder:
        try:
            bench = Bench(options, folder)
            cases = bench.cases()
            unknown = set(options.case or []) - set(cases)
            if unknown:
                sys.exit(f"bench: no case {', '.join(sorted(unknown))}; there are {', '.join(cases)}")
            if not options.json:
                print(f"{'case':<24}{'tollgate':>10}{'nginx':>10}{'haproxy':>10}  {'/nginx':>8}{'/haproxy':>8}  unit")
            for name, case in cases.items():
                if not options.case or name in options.case:
                    case()
            if options.json:
                print(json.dumps(bench.rows, indent=1))
        finally:
            proxies.stop_all()


main()
