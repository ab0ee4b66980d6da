#!/usr/bin/python3
"""The money test: is every request that a provider saw in the ledger exactly once, with its price?

    money.py [--requests N] [--seed N] [--kill N] [--json] [--clients N] [--keep FOLDER] [--sabotage drop|double|cheap]

A simulator that writes down what it would bill, the gateway with its ledger in front of it, and clients that send N mixed
requests: both dialects, streams, aborts, providers that fail in every way, failover. The gateway is killed with SIGKILL
in the middle, several times, and started again on the same ledger; its prices are changed by SIGHUP now and then. When
all is over the two ledgers are compared (compare.py), a table is printed, and the exit code is 1 when there is a
difference that nothing explains.

--sabotage takes out, doubles or makes cheaper one record of the export before the comparison: it must be found.
Builds: TG_BUILD says which, as for the tests.
"""

import argparse
import asyncio
import collections
import json
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import book  # noqa: E402
import compare  # noqa: E402
import harness  # noqa: E402
import traffic  # noqa: E402
from ledgers import REPORTS, Trouble, export_of, jsonl, tgctl, verify  # noqa: E402

KEY_HEAD = "sk-money"


def say(text):
    print(f"money: {text}", file=sys.stderr, flush=True)


class Stage:
    """Simulator, gateway, their folder, and what happens to them."""

    def __init__(self, folder, seed, segment):
        self.folder, self.seed, self.segment = folder, seed, segment
        self.ledger, self.sim_ledger = folder / "ledger", folder / "sim.jsonl"
        self.kills, self.reloads, self.restarts, self.in_flight_at_kill = [], 0, 0, 0
        self.which = 0
        for b in (book.FIRST, book.SECOND):
            (folder / f"{b.name}.json").write_text(json.dumps(b.file()))
        keys = [x for _, tail, _ in traffic.TARGETS.values() for x in ("--key", KEY_HEAD + tail)]
        self.sim = harness.Simulator(folder, "--workers", "2", "--ledger", self.sim_ledger, "--no-record", *keys,
                                     key=KEY_HEAD)
        self.dead = harness.free_port()
        self.gateway = self.start()

    def config(self):
        patience = harness.PATIENCE
        targets = {}
        for name, (provider, tail, policy) in traffic.TARGETS.items():
            address = f"127.0.0.1:{self.dead}" if name == "dead" else self.sim.listen
            targets[name] = {"provider": provider, "base_url": f"http://{address}", "key": KEY_HEAD + tail,
                             "on_client_abort": policy}
        for name, percent in traffic.DISCOUNTS.items():
            targets[name]["discount"] = f"{percent}%"
        return {
            "workers": 2,
            "listen": [{"address": "127.0.0.1:0"}],
            "admin": {"address": "127.0.0.1:0"},
            "prices": [str(self.folder / f"{(book.FIRST, book.SECOND)[self.which].name}.json")],
            "ledger": {"path": str(self.ledger), "durability": "group", "segment": self.segment,
                       "indeterminate": ("none", "bound")[self.which]},
            "client_abort": {"drain_time": "5s"},
            "upstream": {"connect": "2s", "first_byte": f"{600 * patience}ms", "between_bytes": f"{600 * patience}ms",
                         "keep_alive": "30s"},
            "targets": targets,
            "models": {name: {"targets": [{"target": t, "model": there} for t in where]}
                       for name, (where, there) in traffic.MODELS.items()},
            "orgs": {org: {} for org, _, _ in traffic.TENANTS.values()},
            "tenants": {name: {"org": org, "markup": f"{markup}%", "keys": [
                {"id": key, "sha256": harness.sha256(traffic.KEYS[key][1])} for key in keys]}
                for name, (org, markup, keys) in traffic.TENANTS.items()},
            "log": {"access": "off"},
        }

    def start(self):
        return harness.Gateway(self.folder, self.config())

    def address(self):
        return harness.split_address(self.gateway.listen)

    def kill(self, in_flight):
        """SIGKILL, and a new one on the same ledger."""
        self.check()
        self.reloaded()
        begin = time.monotonic()
        self.in_flight_at_kill += in_flight
        self.gateway.child.kill()
        self.gateway.child.wait()
        self.gateway = self.start()
        self.kills.append((begin, time.monotonic()))
        self.restarts += 1

    def reload(self):
        """The other price book."""
        self.which ^= 1
        self.gateway.write(self.config())
        self.gateway.signal(signal.SIGHUP)
        self.reloads += 1

    def reloaded(self):
        if self.gateway.metric("tollgate_config_reload_failures_total") != 0:
            raise Trouble(f"a reload was refused: {self.gateway.errors()[-3000:]}")

    def check(self):
        if not self.gateway.alive():
            raise Trouble(f"the gateway died by itself: {self.gateway.errors()[-3000:]}")
        if not self.sim.alive():
            raise Trouble(f"the simulator died: {self.sim.errors()[-3000:]}")

    def settle(self):
        """Everything that still runs ends: drains too."""
        self.reloaded()
        harness.wait_for(lambda: self.gateway.metric("tollgate_requests_in_flight") == 0, "all requests to settle", 30)
        harness.wait_for(lambda: self.sim.ledger(0)["in_flight"] == 0, "the simulator's requests to end", 30)

    def stop(self):
        for process in (self.gateway, self.sim):
            code = process.end()
            if code != 0:
                raise Trouble(f"{process.name} ended with {code}: {process.errors()[-3000:]}")
        for word in REPORTS:
            if word in self.gateway.errors():
                raise Trouble(self.gateway.errors()[-6000:])

    def abandon(self):
        for process in (getattr(self, "gateway", None), getattr(self, "sim", None)):
            if process is not None and process.alive():
                process.child.kill()
                process.child.wait()


class Run:
    """N requests by some clients, with kills and reloads at set points."""

    def __init__(self, stage, mix, requests, clients, kills, reloads):
        self.stage, self.mix, self.requests, self.clients = stage, mix, requests, clients
        rng = random.Random(f"{mix.seed}/when")
        spread = [(i + 1) * requests // (kills + 1) for i in range(kills)]
        self.kill_at = collections.deque(sorted(max(1, k + rng.randint(-requests // 50, requests // 50)) for k in spread))
        self.reload_at = collections.deque((i + 1) * requests // (reloads + 1) + 3 for i in range(reloads))
        self.next, self.done, self.in_flight = 0, 0, 0
        self.notes = []
        self.up = asyncio.Event()
        self.broken = None

    async def client(self):
        client = traffic.Client(self.stage.address, 60 * harness.PATIENCE)
        while self.next < self.requests and self.broken is None:
            await self.up.wait()
            i, self.next = self.next, self.next + 1
            ask = self.mix.request(i)
            self.in_flight += 1
            note = await client.run(ask)
            self.in_flight -= 1
            self.notes.append(note)
            self.done += 1
            if note.broken and not note.status:
                await asyncio.sleep(.005)       # it may be that nobody is there
        client.drop()

    async def director(self):
        """Kills and reloads when so many requests are done, while others are in the middle."""
        loop = asyncio.get_running_loop()
        while self.done < self.requests:
            await asyncio.sleep(.001)
            if self.reload_at and self.done >= self.reload_at[0]:
                self.reload_at.popleft()
                self.stage.reload()
            if self.kill_at and self.done >= self.kill_at[0] and self.in_flight >= self.clients // 2:
                self.kill_at.popleft()
                self.up.clear()
                await loop.run_in_executor(None, self.stage.kill, self.in_flight)
                self.up.set()

    async def main(self):
        self.up.set()
        director = asyncio.create_task(self.director())
        clients = [asyncio.create_task(self.client()) for _ in range(self.clients)]
        done, _ = await asyncio.wait([director, *clients], return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            if task.exception() is not None:
                self.broken = task.exception()
        if self.broken is not None:
            raise self.broken
        return self.notes


def usage(ledger):
    """Rows of the report by tenant, key and team."""
    code, out, err = tgctl("usage", "--by", "tenant,key,tag:team", "--since", "7d", "--json", "--ledger", ledger)
    if code != 0:
        raise Trouble(f"tgctl usage: {code}: {err[-2000:]}")
    return json.loads(out)["rows"]


def sabotage(how, sim, export):
    """One record that somebody has to miss."""
    seen = {line["tag"] for line in sim if line["usage_delivered"] and not line["cancelled"]}
    i = [i for i, r in enumerate(export) if r["type"] == "settle" and r["session"] in seen and r["quality"] == "exact"
         and compare.F(r["list_usd"]) > 0][-1]
    if how == "drop":
        del export[i]
    elif how == "double":
        export.append({**export[i], "seq": 10 ** 9})
    elif how == "cheap":
        export[i] = {**export[i], "list_usd": cheaper(export[i]["list_usd"])}


def cheaper(usd):
    """A pico-dollar less."""
    pico = int(compare.F(usd) * 10 ** 12) - 1
    return f"{pico // 10 ** 12}.{pico % 10 ** 12:012d}"


# So many at least, or the test has not tested: per thousand requests, but never less than one.
LEAST = {"counted": 5, "exact": 300, "refused": 20, "whole, estimated": 2, "partial": 5, "partial, cut": 10, "input, estimated": 1, "indeterminate": 2,
         "indeterminate, bound": 1}
LEAST_COUNTS = {"voided": 4, "aborted": 30, "free_retries": .3, "wrong_usage": 2, "reported_cost": 2, "tiers": 2, "unpriced": 1, "long_context": 5,
                "leg_lines": 1, "told": 300}


def vacuous(c, stage, notes, kills, requests, progress):
    """What there was too little of."""
    out = []
    faults = collections.Counter(n.ask.fault.split("@")[0] for n in notes if n.ask.fault)
    kinds = collections.Counter(n.ask.kind for n in notes if n.complete)
    thousand = requests / 1000
    for name, least in LEAST.items():
        if c.classes[name].n < max(1, int(least * thousand)):
            out.append(f"class '{name}': {c.classes[name].n}")
    for name, least in LEAST_COUNTS.items():
        if c.counts[name] < max(1, int(least * thousand)):
            out.append(f"{name}: {c.counts[name]}")
    for fault in {f.split("@")[0] for f in traffic.Mix.FAULTS}:
        if faults[fault] < 1:
            out.append(f"fault {fault}: none")
    for kind, _ in traffic.Mix.KINDS:
        if kinds[kind] < 1 and requests >= 500:
            out.append(f"kind {kind}: none was answered")
    if requests >= 5000 and progress < 1:
        out.append("progress of a stream: never noted")
    if len(stage.kills) < kills:
        out.append(f"kills: {len(stage.kills)}")
    if kills and c.counts["crash_worst"] < kills:
        out.append(f"crash_worst: {c.counts['crash_worst']} in {kills} kills")
    if kills and stage.in_flight_at_kill < kills:
        out.append(f"requests in the middle at a kill: {stage.in_flight_at_kill}")
    return out


def usd(value):
    return f"{float(value):.9f}"


def table(c, summary, out):
    print(f"{'class':20} {'n':>6} {'charged USD':>14} {'billed USD':>14} {'below':>6}  bound", file=out)
    for name, (promised, what) in compare.CLASSES.items():
        s = c.classes.get(name)
        if s is None or s.n == 0:
            continue
        print(f"{name:20} {s.n:6} {usd(s.charged):>14} {usd(s.truth):>14} {s.below:6}  {'yes' if promised else 'no '}  {what}",
              file=out)
    print(file=out)
    for name, value in summary.items():
        print(f"{name:24} {value}", file=out)


def play(args, folder):
    began = time.monotonic()
    stage = None
    try:
        stage = Stage(folder, args.seed, args.segment)
        mix = traffic.Mix(args.seed)
        run = Run(stage, mix, args.requests, args.clients, args.kill, args.reloads)
        notes = asyncio.run(run.main())
        stage.check()
        stage.settle()
        stage.stop()
    except BaseException:
        if stage is not None:
            stage.abandon()
        raise
    verified, report = verify(stage.ledger)
    sim, export = jsonl(stage.sim_ledger), export_of(stage.ledger)
    if args.sabotage:
        sabotage(args.sabotage, sim, export)
    c = compare.Compare(sim, export, notes, [book.FIRST, book.SECOND])
    c.kills = stage.kills
    c.run()
    problems = [str(f) for f in c.findings] + compare.reported_otherwise(export, usage(stage.ledger))
    problems += [f"not tested: {text}" for text in vacuous(c, stage, notes, args.kill, args.requests,
                                                         report.get("progress", 0))]
    if not verified:
        problems.append(f"tgctl ledger verify: {json.dumps(report)[:1000]}")
    counts = dict(c.counts)
    summary = {"requests": len(notes), "settled": counts.pop("settled"), "missing": counts.pop("missing"),
               "duplicated": counts.pop("duplicated"), "cost_mismatch": counts.pop("cost_mismatch"),
               "estimated": counts.pop("estimated"), "estimated_below_truth": counts.pop("estimated_below_truth"),
               "unexplained": len(problems), "kills": len(stage.kills), "restarts": stage.restarts,
               "in_flight_at_kill": stage.in_flight_at_kill, "reloads": stage.reloads}
    counts.pop("requests")
    summary |= counts
    summary |= {"simulator_lines": len(sim), "ledger_lines": len(export),
                "progress": report.get("progress"), "verify_ok": verified,
                "seconds": round(time.monotonic() - began, 1)}
    return c, summary, problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--requests", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kill", type=int, default=None, help="how often the gateway is killed (one in 2,500 requests)")
    parser.add_argument("--reloads", type=int, default=None)
    parser.add_argument("--clients", type=int, default=48)
    parser.add_argument("--segment", default="256k", help="size of a journal file: small ones rotate")
    parser.add_argument("--json", action="store_true", help="one object instead of the table")
    parser.add_argument("--keep", help="work in this folder and leave it")
    parser.add_argument("--sabotage", choices=("drop", "double", "cheap"))
    args = parser.parse_args()
    if args.kill is None:
        args.kill = max(1, args.requests // 2500)
    if args.reloads is None:
        args.reloads = args.kill + 1
    folder = pathlib.Path(args.keep or tempfile.mkdtemp(prefix="money-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        c, summary, problems = play(args, folder)
    except Trouble as why:
        say(str(why))
        return 1
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if args.json:
        classes = {name: {"n": s.n, "charged_usd": usd(s.charged), "billed_usd": usd(s.truth), "below": s.below,
                          "promised": compare.CLASSES[name][0]} for name, s in c.classes.items()}
        print(json.dumps({**summary, "classes": classes, "problems": problems[:50]}))
    else:
        table(c, summary, sys.stdout)
    for text in problems[:40]:
        say(text)
    if len(problems) > 40:
        say(f"and {len(problems) - 40} more")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
