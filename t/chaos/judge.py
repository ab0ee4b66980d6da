"""The verdict: the simulator's ledger (what a provider would bill) against the gateways' ledgers and Redis.

**Overspend** of an account is what its requests are billed above its limit, each request up to what was held for it:

    overspend = max(0, sum over its requests of (min(bill, hold) - cut) - limit)

  bill   what the simulator wrote down, or what its answer said if that was more (a provider that lies bills its lie)
  hold   bound_usd of the gateway's record. A request that no journal has counts with its whole bill
  cut    what a record of quality `partial` is below the bill: the provider, or the client of a target with
         `cancel_estimate`, broke off the answer, and what had been sent did not arrive. Estimates promise no more there.
         Targets that `drain`, as hard limits want it, have none of it but for a reset by the provider

A bill or settlement above the hold is legal only where the provider lied (`wrong-usage`), and the record says so (`over_bound`).
Everything else is an invariant broken, named as in the design (docs/internals/chaos.md): I1 G <= L, I3 a bill is never above its settlement, I4 settled <= limit + over, I5 whatever was billed is in a journal, I6 one end each, I8 Redis' S is what the
journals have, I9 tenants add up to their org, I15 every refusal names its account.
"""

import collections
import dataclasses
import fractions

import book
import pairs
import watch

F = fractions.Fraction
NANO = 10 ** 9


def up(value):
    return -(-value * NANO // 1)


@dataclasses.dataclass
class Request:
    tag: str
    lines: list
    records: list
    lab: str = None             # a copy: who pays for it
    twin: bool = False          # there is another one with this tag: a hedge

    @property
    def end(self):
        ends = [r for r in self.records if r["type"] != "leg"]
        return ends[0] if ends else None

    @property
    def bill(self):
        return sum((bill_of(line) for line in self.lines), F(0))

    @property
    def charged(self):
        return sum((F(r["billed_usd"]) for r in self.records), F(0))

    @property
    def hold(self):
        """What was held for it: the bound of its last leg, and what the ones before are charged (the hold was raised)."""
        if not self.end or self.end["type"] != "settle":
            return F(0)
        return F(self.end["bound_usd"]) + sum((F(r["billed_usd"]) for r in self.records if r["type"] == "leg"), F(0))


def bill_of(line):
    truth = book.cost(line["model"], line["billed_input"], line["billed_output"])
    if line["usage_delivered"]:
        return max(truth, book.cost(line["model"], line["reported_input"] + line["cached_read"], line["reported_output"] + line["reasoning"]))
    return truth


class Judge:
    def __init__(self, orgs, labs, sim, exports, notes):
        """exports: {member: lines}"""
        self.labs = {t.name: t for t in labs}
        self.orgs = {o.name: o for o in orgs}
        self.tenants = {t.name: t for o in orgs for t in o.tenants}
        self.notes = {n.ask.tag: n for n in notes}
        self.findings = []
        self.counts = collections.Counter()
        self.requests = [Request(*x) for x in pairs.matched(sim, exports, self.notes)]
        self.exports = exports
        self.overspend = self.over = self.cut = F(0)
        self.overs = collections.Counter()      # scope -> nano
        self.settled = collections.Counter()    # (scope, dimension) -> units, cost in nano

    def finding(self, rule, text):
        self.counts[rule] += 1
        self.findings.append(f"{rule}: {text}")

    def run(self):
        spent, overs = collections.Counter(), self.overs
        for r in self.requests:
            self.one(r, spent, overs)
        self.limits(spent, overs)
        self.unique()
        for n in self.notes.values():
            if n.status == 429 and not n.denied_by and n.error in ("insufficient_quota", "billing_error", "rate_limit_exceeded") \
                    and not any("429" in str(v) for k, v in n.ask.headers if k == "x-sim-fault"):
                self.finding("I15", f"{n.ask.tag}: refused and no account named: {n.error}")
        return self

    # ---- one request

    def one(self, r, spent, overs):
        note = self.notes.get(r.tag)
        if note is None and not r.lab:
            self.finding("stranger", f"{r.tag}: nobody sent that")
            return
        tenant = self.labs[r.lab] if r.lab else note.ask.tenant
        scopes = [f"tenant:{tenant.name}", *([f"org:{tenant.org}"] if tenant.org else [])]
        bounded = self.bounded(r)
        for scope in scopes:
            spent[scope] += bounded
        self.ends(r)
        self.payer(r, tenant)
        if r.end is None or r.end["type"] == "void":
            return
        over = max(F(0), r.charged - r.hold)
        lied = any("wrong-usage" in line["fault"] for line in r.lines)
        if over and (not lied or "over_bound" not in r.end["flags"]):
            self.finding("I2", f"{r.tag}: charged {float(r.charged)}, held {float(r.hold)}, flags {r.end['flags']}, "
                               f"{[line['fault'] for line in r.lines]}")
        if r.bill > r.hold and not lied:
            self.finding("bound", f"{r.tag}: billed {float(r.bill)}, held {float(r.hold)}")
        self.over += over
        use = r.end["usage"]
        tokens = sum(n for b, n in use.items() if b.startswith(("input", "output")))
        for scope in scopes:
            self.settled[scope, "cost"] += sum(up(F(x["billed_usd"])) for x in r.records)
            self.settled[scope, "tokens"] += tokens
            self.settled[scope, "requests"] += 1
            overs[scope] += up(over)

    def bounded(self, r):
        """What counts as spent of it; see above."""
        bill, end = r.bill, r.end
        if end is None or end["type"] == "void":
            return bill
        bill = min(bill, r.hold)
        below = bill - r.charged
        if below > 0:
            if end["quality"] == "partial":
                self.cut += below
                bill -= below
            else:
                self.finding("I3", f"{r.tag}: billed {float(bill)}, settled {float(r.charged)}, {end['quality']}, {end['end']}; "
                                   f"{[(line['fault'], line['status'], line['cancelled']) for line in r.lines]}")
        return bill

    def payer(self, r, tenant):
        """A copy is its lab's and nobody else's; what is no copy is the tenant's that asked."""
        for x in r.records:
            if x["tenant"] != tenant.name:
                self.finding("payer", f"{r.tag}: {x['id']} is {x['tenant']}'s, not {tenant.name}'s")
            if x["type"] == "settle" and ("shadow" in x["flags"]) != bool(r.lab):
                self.finding("payer", f"{r.tag}: {x['id']} has the flags {x['flags']}")
            if "degraded" in x.get("flags", ()) and not tenant.guarded:
                self.finding("guard", f"{r.tag}: degraded, and its tenant has not consented")
        if any((line["key"] == pairs.LAB_KEY) != bool(r.lab) for line in r.lines):
            self.finding("payer", f"{r.tag}: {[line['key'] for line in r.lines]}, lab {r.lab}")

    def features(self):
        """How many of each kind of request were settled: whatever is 0 was not tested."""
        out = collections.Counter(hedges=0, hedges_won=0, shadows=0, degraded=0, canaries=0)
        for r in self.requests:
            end = r.end
            if end is None or end["type"] != "settle":
                continue
            note = self.notes.get(r.tag)
            out["shadows"] += bool(r.lab)
            out["hedges"] += r.twin and end["target"] == "spare"
            out["hedges_won"] += r.twin and end["target"] == "spare" and end["end"] == "ok"
            out["degraded"] += "degraded" in end["flags"]
            out["canaries"] += note is not None and note.ask.model == "canary" and end["target_model"] == book.SMALL
        used = sum(min(self.settled[f"tenant:{n}", "cost"], t.cost * NANO) for n, t in self.labs.items())
        tried = sum(t.cost * NANO for n, t in self.labs.items() if self.settled[f"tenant:{n}", "cost"])
        return {**out, "lab_utilisation": round(float(F(used) / tried), 4) if tried else 0.0}

    def ends(self, r):
        ends = [x for x in r.records if x["type"] != "leg"]
        if len(ends) > 1:
            self.finding("I6", f"{r.tag}: {len(ends)} ends")
        billed = [line for line in r.lines if line["served"] or bill_of(line)]
        if not ends and billed:
            self.finding("unjournaled", f"{r.tag}: billed {float(r.bill)}, and no journal has it")
        elif ends and ends[0]["type"] == "void" and billed:
            self.finding("unjournaled", f"{r.tag}: billed {float(r.bill)}, and the journal says nothing was sent")

    def unique(self):
        seen = collections.Counter(r["id"] for e in self.exports.values() for r in e if r["type"] != "leg")
        for name, n in seen.items():
            if n > 1:
                self.finding("I6", f"{name}: {n} ends")

    # ---- accounts

    def scopes(self):
        for t in [*self.tenants.values(), *self.labs.values()]:
            yield f"tenant:{t.name}", t.cost, {"tokens": t.tokens, "requests": t.requests}
        for o in self.orgs.values():
            yield f"org:{o.name}", o.cost, {}

    def limits(self, spent, overs):
        for scope, limit, others in self.scopes():
            above = max(F(0), spent[scope] - limit)
            if above:
                self.overspend += above
                self.finding("overspend", f"{scope}: limit {float(limit)}, billed {float(spent[scope])}")
            if self.settled[scope, "cost"] > limit * NANO + overs[scope]:
                self.finding("I4", f"{scope}: {self.settled[scope, 'cost']} settled, limit {limit * NANO}, over {overs[scope]}")
            for dim, most in others.items():
                if most and dim == "requests" and self.settled[scope, dim] > most + self.failed(scope):
                    self.finding("I4", f"{scope}/{dim}: {self.settled[scope, dim]} settled, limit {most}")
        for o in self.orgs.values():
            below = sum(self.settled[f"tenant:{t.name}", "cost"] for t in o.tenants)
            if below != self.settled[f"org:{o.name}", "cost"]:
                self.finding("I9", f"org:{o.name}: its tenants have {below}")

    # ---- Redis

    def redis(self, hashes, highest, last):
        """What it has when all is at rest, the most that watch.py saw granted, and what it has when all have ended."""
        buckets = {k: h for k, h in hashes.items() if k.endswith(":b")}
        for key, bucket in buckets.items():
            if bucket.get("ln") != "0":
                self.finding("learning", f"{key} still learns: {bucket}")
        own = self.of_members()
        for key, account in hashes.items():
            if ":a:" not in key:
                continue
            name = key.split(":a:", 1)[1]
            scope, dim = name.split("/")[:2]
            each = watch.shares(buckets.get(key.split(":a:")[0] + ":b"), account)
            if each is not None:
                highest[name] = max(highest.get(name, (-1,)), (sum(each.values()), account), key=lambda x: x[0])
            if dim in ("cost", "tokens"):
                for m in watch.members(account):
                    if int(account[f"s:{m}"]) != own[m, scope, dim]:
                        self.finding("I8", f"{name}: {m} has settled {own[m, scope, dim]}, Redis has {account[f's:{m}']}, "
                                           f"and {last.get(key, {}).get(f's:{m}')} after its end")
        for name, (granted, account) in highest.items():
            scope, dim = name.split("/")[:2]
            if dim == "cost" and granted > int(account["lim"]) + self.overs[scope]:
                self.finding("I1", f"{name}: limit {account['lim']}, over {self.overs[scope]}, granted {granted}: {account}")

    def of_members(self):
        """(member, scope, dimension) -> settled, as its journal has it"""
        out = collections.Counter()
        for member, export in self.exports.items():
            for r in export:
                if r["type"] == "void":
                    continue
                tokens = sum(n for b, n in r["usage"].items() if b.startswith(("input", "output")))
                for scope in (f"tenant:{r['tenant']}", f"org:{r['org']}"):
                    out[member, scope, "cost"] += up(F(r["billed_usd"]))
                    out[member, scope, "tokens"] += tokens
        return out

    def failed(self, scope):
        """Requests of it that a provider failed, or that were broken off for nothing: they do not count as requests."""
        name = scope.partition(":")[2]
        return sum(1 for r in self.requests if r.end and r.end["tenant"] == name and r.end["type"] == "settle"
                   and (r.end["status"] >= 500 or r.end["status"] == 429 or r.end["end"] != "ok" and not r.charged))

    def utilisation(self, states):
        """(settled / limit over all accounts of money that refused at last, the worst of them, how many)"""
        used, limits, worst = 0, 0, (F(1), "")
        for scope, limit in self.refusing(states).items():
            settled = min(self.settled[scope, "cost"], limit * NANO)
            used, limits = used + settled, limits + limit * NANO
            worst = min(worst, (F(settled) / (limit * NANO), scope))
        return (float(F(used) / limits) if limits else 0.0), worst, len(self.refusing(states))

    def refusing(self, states):
        out = {}
        for s in states:
            by, t = s.spent_by or "", s.tenant
            if by.startswith(f"tenant:{t.name}/cost/"):
                out[f"tenant:{t.name}"] = t.cost
            elif by.startswith("org/cost"):
                out[f"org:{t.org}"] = self.orgs[t.org].cost
        return out
