#!/usr/bin/python3
"""The chaos test: does the cap hold when everything fails?

    chaos.py --seconds N [--json] [--seed N] [--no-faults] [--gateways N] [--clients N] [--keep FOLDER] [--without RULE]
    chaos.py --prove [RULE...]

Real gateways with a real Redis between them and a simulator that writes down what it would bill. Clients drive one tenant
after the other to its limit of some ten holds (demand.py) while gateways and Redis are killed, stopped, cut off and set
back (faults.py). At the end all is brought to rest and judged (judge.py). Exit code 0: overspend, unjournaled and
invariants_broken are 0. With one gateway there is no Redis: its journal alone has to hold.

--prove leaves out one safety rule after the other (rules.py; a build with test switches): each such run has to fail.

Builds: TG_BUILD says which, as for the tests.
"""

import argparse
import asyncio
import json
import pathlib
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import book  # noqa: E402
import centre  # noqa: E402
import demand  # noqa: E402
import faults  # noqa: E402
import judge  # noqa: E402
import ledgers  # noqa: E402
import rules  # noqa: E402
import unknown  # noqa: E402
import watch  # noqa: E402
import world  # noqa: E402


SEEDS = 6               # so often --prove tries to see that a rule is missing


def say(text):
    print(f"chaos: {text}", file=sys.stderr, flush=True)


async def perform(args, w, d, f):
    """The whole run in one loop. Returns Redis as it is when all is at rest, and the most that was seen granted."""
    tasks, look = [], None
    if w.centre is not None:
        look = watch.Watch(w.centre, d)
        tasks = [asyncio.create_task(look.run()), asyncio.create_task(w.centre.keep_copies())]
    try:
        await d.run(args.seconds, f.run())
        demand.watch_tasks(tasks)
        w.check()
        await asyncio.get_running_loop().run_in_executor(None, w.settle)
        hashes = await at_rest(w.centre) if w.centre is not None else {}
        for m in w.members:
            d.complaints += await asyncio.get_running_loop().run_in_executor(None, world.quota_verify, m)
        return hashes, look
    finally:
        for t in tasks:
            t.cancel()


async def at_rest(centre, seconds=30):
    """What Redis has once nothing changes any more and nobody has to be waited for."""
    before, end = None, time.monotonic() + seconds
    while True:
        now = await centre.hashes()
        settled = {k: {f: v for f, v in h.items() if f[:2] in ("s:", "ln")} for k, h in now.items()}
        if settled == before and all(h.get("ln") == "0" for k, h in now.items() if k.endswith(":b")):
            return now
        if time.monotonic() > end:
            say("Redis does not come to rest")
            return now
        before = settled
        await asyncio.sleep(2.2)


def chosen(args, rule):
    """Which faults there are; None: all."""
    if args.no_faults:
        return ()
    return args.faults.split(",") if args.faults else rule.faults if rule else None


def play(args, folder, rule=None):
    began = time.monotonic()
    orgs = book.rounds(args.seed, 12 + int(args.seconds * args.gateways / 2))
    labs = book.labs(args.seed, orgs)
    c = centre.Centre(folder, args.gateways) if args.gateways > 1 else None
    w = None
    try:
        w = world.World(folder, orgs, labs, args.gateways, c, rules.environment(rule, folder) if rule else None)
        d = demand.Demand(orgs, args.seed, w, args.clients)
        with open(folder / "faults.log", "w") as log:
            f = faults.Faults(w, args.seed, log, rule.every if rule else args.every, only=chosen(args, rule))
            hashes, look = asyncio.run(perform(args, w, d, f))
        troubles = w.stop()
        last = asyncio.run(c.hashes()) if c is not None else {}
    except BaseException:
        if w is not None:
            w.abandon()
        raise
    finally:
        if c is not None:
            c.stop()
    unknown.write(folder / "unknown.jsonl", d.notes, f.began)
    j = judge.Judge(orgs, labs, ledgers.jsonl(w.sim_ledger), {m.name: ledgers.export_of(m.ledger) for m in w.members}, d.notes).run()
    (folder / "redis.json").write_text(json.dumps({"at_rest": hashes, "at_end": last}, indent=1))
    if look is not None:
        j.redis(hashes, look.highest, last)
    for m in w.members:
        ok, report = ledgers.verify(m.ledger)
        if not ok:
            j.finding("verify", f"{m.name}: {json.dumps(report)[:600]}")
    for text in d.complaints:
        j.finding("verify", text)
    for text in troubles:
        j.finding("process", text)
    return {**summary(args, w, d, f, j, began), "redis_looks": look.known if look else 0}, j


def summary(args, w, d, f, j, began):
    used, worst, accounts = j.utilisation([s for r in d.done for s in r.states])
    of_time = unknown.share_of_time(d.notes, w.away, d.calm_at)
    billed = {k: n for k, n in j.counts.items() if k not in ("overspend", "unjournaled")}
    return {
        "minutes": round(args.seconds / 60, 2), "gateways": args.gateways, "seed": args.seed,
        "gateway_kills": sum(m.kills for m in w.members), "gateway_stops": sum(m.stops for m in w.members),
        "redis_incarnations": w.centre.incarnations if w.centre else 0,
        "requests": len(d.notes), "answered": sum(n.status == 200 for n in d.notes),
        "refused": sum(n.status == 429 for n in d.notes), "unavailable": d.unavailable,
        "unavailable_by": unknown.breakdown(d.notes, w.away, d.calm_at), "unavailable_time": of_time[0],
        "unavailable_time_in_reach": of_time[1], **j.features(),
        "aborted": sum(n.aborted for n in d.notes), "broken": sum(n.broken for n in d.notes),
        "overspend_nano": int(judge.up(j.overspend)), "over_nano": int(judge.up(j.over)), "cut_nano": int(judge.up(j.cut)),
        "utilisation": round(used, 5), "utilisation_worst": round(float(worst[0]), 5), "worst": worst[1], "accounts_spent": accounts,
        "rounds": len(d.done), "unfinished": len(d.unfinished()),
        "unjournaled": j.counts["unjournaled"], "invariants_broken": sum(billed.values()), "broken_by_rule": billed,
        "faults": f.counts, "seconds": round(time.monotonic() - began, 1),
    }


def is_broken(out):
    return bool(out["overspend_nano"] or out["unjournaled"] or out["invariants_broken"])


def once(args, rule=None):
    """One run in a folder of its own."""
    folder = pathlib.Path(args.keep or tempfile.mkdtemp(prefix="chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return play(args, folder, rule)
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)


def prove(args):
    """Each rule left out: does the test notice, with one of a few seeds?"""
    unnoticed = []
    for rule in [r for r in rules.RULES if not args.rules or r.name in args.rules]:
        for seed in range(args.seed, args.seed + SEEDS):
            args.seconds = args.seconds or 20
            out, j = once(argparse.Namespace(**{**vars(args), "seed": seed, "gateways": rule.gateways}), rule)
            if is_broken(out):
                break
        else:
            unnoticed.append(rule.name)
        told = {k: out[k] for k in ("overspend_nano", "unjournaled", "broken_by_rule")}
        print(f"{'ok' if is_broken(out) else 'not ok'} {rule.name}: seed {seed}: {json.dumps(told)}", flush=True)
        for text in j.findings[:2]:
            print(f"    {text[:300]}", flush=True)
    return 1 if unnoticed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--gateways", type=int, default=4)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--no-faults", action="store_true", help="utilisation is then at least 0.99")
    parser.add_argument("--faults", help="only these, with commas: " + ", ".join(faults.Faults.KINDS))
    parser.add_argument("--every", type=float, default=1.2, help="seconds from one fault to the next, on average")
    parser.add_argument("--json", action="store_true", help="one object instead of the table")
    parser.add_argument("--keep", help="work in this folder and leave it")
    parser.add_argument("--without", choices=[r.name for r in rules.RULES], help="leave out this rule (a build with test switches)")
    parser.add_argument("--prove", action="store_true", help="leave out each rule: every run has to fail")
    parser.add_argument("rules", nargs="*", help="with --prove: these rules")
    args = parser.parse_args()
    if args.prove:
        return prove(args)
    if args.seconds is None:
        parser.error("--seconds N is needed")
    try:
        out, j = once(args, rules.find(args.without))
    except ledgers.Trouble as why:
        say(str(why))
        return 1
    if args.json:
        print(json.dumps({**out, "findings": j.findings[:50]}))
    else:
        for name, value in out.items():
            print(f"{name:20} {value}")
    for text in j.findings[:40]:
        say(text)
    if len(j.findings) > 40:
        say(f"and {len(j.findings) - 40} more")
    return 1 if is_broken(out) else 0


if __name__ == "__main__":
    sys.exit(main())
