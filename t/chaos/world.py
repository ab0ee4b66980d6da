"""The processes: simulator, gateways with their ledgers, and what may be done to them.

Nothing here decides when: faults.py does. Blocking calls (start, wait) are run in the loop's executor by who calls them.
"""

import concurrent.futures
import json
import signal

import book
import demand
import harness
import pairs
from ledgers import REPORTS, Trouble, tgctl

PROVIDER_KEY = "sk-chaos-provider"
LAB_KEY = "sk-chaos-" + pairs.LAB_KEY


class Member:
    """One gateway: a folder, a ledger, and a process now and then."""

    def __init__(self, world, n):
        self.world, self.n, self.name = world, n, f"gw-{n + 1}"
        self.ledger = world.folder / f"ledger-{n + 1}"
        self.process = None
        self.stopped = False            # by SIGSTOP
        self.kills = self.stops = 0

    def start(self):
        self.process = harness.Gateway(self.world.folder, self.world.config(self), name=self.name, env=self.world.env)

    def kill(self):
        """SIGKILL; it may have been stopped."""
        if self.process.child.poll() is not None:
            raise Trouble(f"{self.name} died by itself: {self.process.errors()[-3000:]}")
        self.kills += 1
        process, self.process = self.process, None
        process.child.kill()
        process.child.wait()
        self.stopped = False

    def pause(self):
        self.process.signal(signal.SIGSTOP)
        self.stopped = True
        self.stops += 1

    def resume(self):
        if self.process is not None and self.stopped:
            self.process.signal(signal.SIGCONT)
        self.stopped = False

    @property
    def up(self):
        return self.process is not None


class World:
    def __init__(self, folder, orgs, labs, n_members, centre=None, env=None):
        self.labs, self.away = labs, []         # away: (from, to, member or "all"): what faults have put out of reach
        self.folder, self.orgs, self.centre, self.env = folder, orgs, centre, env
        self.sim_ledger = folder / "sim.jsonl"
        (folder / "prices.json").write_text(json.dumps(book.file()))
        self.sim = harness.Simulator(folder, "--workers", "1", "--ledger", self.sim_ledger, "--no-record", "--key", LAB_KEY,
                                     key=PROVIDER_KEY)
        self.n_members = n_members
        self.members = [Member(self, n) for n in range(n_members)]
        self.quiet = False
        self.calm_hook = None
        try:
            with concurrent.futures.ThreadPoolExecutor(n_members) as pool:
                list(pool.map(Member.start, self.members))
        except BaseException:
            self.abandon()
            raise

    def models(self):
        out = {name: {"targets": [{"target": t, "model": there} for t in where]}
               for name, (_, where, there, _, _) in demand.MODELS.items()}
        copied = out.pop("copied")
        out["hedged"]["hedge"] = {"after": "40ms", "share": "20%"}
        out["small"] = {"targets": [{"target": "keep", "model": book.SMALL}]}
        out["lab"] = {"targets": [{"target": "lab", "model": book.LAB}]}
        for lab in self.labs:
            out[demand.copied(lab.name)] = {**copied, "shadow": {"to": "lab", "key": lab.name, "share": "60%"}}
        return out

    def config(self, member):
        target = {"base_url": f"http://{self.sim.listen}", "key": PROVIDER_KEY}
        out = {
            "workers": 2,
            "listen": [{"address": "127.0.0.1:0"}],
            "admin": {"address": "127.0.0.1:0"},
            "prices": [str(self.folder / "prices.json")],
            "ledger": {"path": str(member.ledger), "segment": "1m", "indeterminate": "bound"},
            "client_abort": {"drain_time": "5s"},
            "upstream": {"connect": "2s", "first_byte": "4s", "between_bytes": "2s", "keep_alive": "30s"},
            "targets": {
                "keep": {"provider": "openai", "on_client_abort": "drain", **target},
                "keep-claude": {"provider": "anthropic", "on_client_abort": "drain", **target},
                # nothing is sent there first
                "spare": {"provider": "openai", "on_client_abort": "cancel_estimate", "weight": 0, **target},
                # by its key the simulator's ledger tells copies
                "lab": {"provider": "openai", "on_client_abort": "drain", **target, "key": LAB_KEY},
                "cut": {"provider": "openai", "on_client_abort": "cancel_estimate", **target},
                "free": {"provider": "openai", "on_client_abort": "cancel_free", **target},
            },
            "models": self.models(),
            "rules": [{"name": "canary", "when_model": "canary", "use": "small", "share": "30%", "stick": "tenant"}],
            "tiers": {"guarded": {"may_degrade": True}},
            "guardrails": [{"tier": "guarded", "at": ["40%", "60%", "100%"], "do": ["notify", "degrade", "block"],
                            "degrade": {"from": "chat", "to": "small"}}],
            "orgs": {o.name: {"limits": {"cost": f"{book.usd(o.cost)} usd/{o.period}"}} for o in self.orgs},
            "tenants": {t.name: self.tenant(t) for t in [*self.labs, *(t for o in self.orgs for t in o.tenants)]},
            "log": {"access": "off"},
        }
        if self.centre is not None:
            out["member"] = member.name
            out["redis"] = {"url": self.centre.url(member.n), "members": [m.name for m in self.members]}
        return out

    @staticmethod
    def tenant(t):
        return {**({"org": t.org} if t.org else {}), **({"tier": "guarded"} if t.guarded else {}), "limits": t.limits(),
                "keys": [{"id": t.name, "sha256": harness.sha256(t.key)}]}

    def up(self):
        """Members that clients may go to: a stopped one is one of them, nobody can know."""
        return [m.n for m in self.members if m.up]

    def address(self, n):
        process = self.members[n].process
        return harness.split_address(process.listen) if process is not None else ("127.0.0.1", 9)

    async def calm(self):
        """The faults end."""
        self.quiet = True
        if self.calm_hook is not None:
            await self.calm_hook()

    def check(self):
        for m in self.members:
            if m.process is not None and not m.process.alive():
                raise Trouble(f"{m.name} died by itself: {m.process.errors()[-3000:]}")
        if not self.sim.alive():
            raise Trouble(f"the simulator died: {self.sim.errors()[-3000:]}")

    def settle(self):
        """Everything that still runs ends: drains, twins and copies too."""
        for m in self.members:
            for what in ("requests_in_flight", "drained_requests", "shadows_in_flight"):
                harness.wait_for(lambda: m.process.metric(f"tollgate_{what}") == 0, f"{m.name}: {what} to end", 60)
        harness.wait_for(lambda: self.sim.ledger(0)["in_flight"] == 0, "the simulator's requests to end", 60)

    def stop(self):
        """In order; says what a process complained of."""
        out = []
        for process in [*(m.process for m in self.members), self.sim]:
            code = process.end()
            if code != 0:
                out.append(f"{process.name} ended with {code}: {process.errors()[-2000:]}")
            out += [f"{process.name}: {process.errors()[-4000:]}" for word in REPORTS if word in process.errors()]
        return out

    def abandon(self):
        for process in [*(m.process for m in self.members), self.sim]:
            if process is not None and process.alive():
                process.child.kill()
                process.child.wait()


def quota_verify(member):
    """What a running gateway's own check of its promises finds; nothing when all hold."""
    code, out, err = tgctl("quota", "verify", "-c", member.process.config_path, "--admin", member.process.admin, "--json")
    try:
        findings = json.loads(out)["findings"]
    except (ValueError, KeyError):
        return [f"{member.name}: tgctl quota verify: {code}: {(out + err)[:1500]}"]
    return [f"{member.name}: tgctl quota verify: {json.dumps(findings)[:1500]}"] if findings else []
