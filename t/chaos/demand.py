"""The demand: clients that drive one round of tenants after the other to their limits, and past them.

    Demand(rounds, seed, world).run(seconds) -> notes

A tenant's requests begin large and shrink when one is refused, so that it comes to a rest a thousandth below its limit; it
is *spent* once every gateway refuses the smallest request, twice, half a second apart, while none of its requests is under
way. A round whose tenants are spent makes room for the next one. A few requests go to tenants that are spent: whatever a
fault frees in them is taken. When the time is over, what is not yet spent is brought to its end without faults (`finish`).
"""

import asyncio
import dataclasses
import random
import time

import book
import client

AT_ONCE = 5             # rounds
PATIENCE_S = 12         # then a round is put aside for `finish`
PASS_S = .5
PASSES = 2
SMALL = 30              # max_tokens; so small requests use all of it
# Of 1,000 requests: what the provider does wrong. {e}: an event, {b}: a byte behind the answer's head.
WRONG = {"no-usage": 40, "wrong-usage": 20, "truncate@{e}": 15, "stall@{e}": 4, "reset@{b}": 8, "stream-error@{e}": 8,
         "500": 8, "429": 8, "close-idle": 8}
STREAMS_ONLY = ("truncate", "stall", "reset", "stream-error")
# Model as asked for: (dialect, targets, name there, share of the requests, what a client's leaving leads to at its provider).
# chat: a guardrail's; hedged: with a second try; canary: a rule has some of it served by `small`; copied: one for each lab.
BILLED = ("partial", "full")
MODELS = {"chat": ("openai", ("keep",), book.CHAT, 25, BILLED),
          "claude": ("anthropic", ("keep-claude",), book.CLAUDE, 20, BILLED),
          "chat-cut": ("openai", ("cut",), book.CHAT, 10, ("partial",)),
          "chat-free": ("openai", ("free",), book.CHAT, 8, ("free",)),
          "hedged": ("openai", ("keep", "spare"), book.CHAT, 15, ("partial",)),
          "canary": ("openai", ("keep",), book.CHAT, 7, BILLED),
          "copied": ("openai", ("keep",), book.CHAT, 15, BILLED)}


def copied(lab):
    """The model whose requests that lab gets copies of."""
    return f"copied-{lab}"


@dataclasses.dataclass
class State:
    """One tenant of a round."""
    tenant: book.Tenant
    level: int = book.MOST_TOKENS
    in_flight: int = 0
    next_try: float = 0.0
    denied: dict = dataclasses.field(default_factory=dict)      # member -> by which account, the smallest request
    pass_began: float = 0.0
    passes: int = 0
    spent_by: str = None                                        # the account by which all gateways refused at last
    asked: int = 0

    @property
    def spent(self):
        return self.passes >= PASSES

    def again(self):
        self.denied, self.passes = {}, 0


@dataclasses.dataclass
class Round:
    org: book.Org
    states: list
    began: float

    @property
    def spent(self):
        return all(s.spent for s in self.states)


class Demand:
    def __init__(self, orgs, seed, world, clients):
        self.world, self.seed = world, seed
        self.rng = random.Random(f"{seed}/demand")
        self.waiting = list(reversed(orgs))
        self.active, self.aside, self.done = [], [], []
        self.notes, self.clients = [], clients
        self.numbers = 0
        self.stopping = self.finishing = False
        self.unavailable, self.calm_at = 0, 0.0
        self.complaints = []            # of tgctl, when all is at rest

    # ---- rounds

    def turn(self):
        now = time.monotonic()
        for r in list(self.active):
            if r.spent:
                self.active.remove(r)
                self.done.append(r)
            elif now - r.began > PATIENCE_S and not self.finishing:
                self.active.remove(r)
                self.aside.append(r)
        while len(self.active) < AT_ONCE and self.waiting and not self.finishing:
            org = self.waiting.pop()
            self.active.append(Round(org, [State(t) for t in org.tenants], now))
        while self.finishing and len(self.active) < 4 * AT_ONCE and self.aside:
            self.active.append(self.aside.pop())

    def pick(self):
        """A tenant to ask for, or None."""
        self.turn()
        if self.done and not self.finishing and self.rng.random() < .05:
            return self.rng.choice(self.rng.choice(self.done).states)
        now = time.monotonic()
        ready = [s for r in self.active for s in r.states if s.next_try <= now and not s.spent
                 and not (s.level == 1 and s.in_flight)]
        return self.rng.choice(ready) if ready else None

    # ---- one request

    def ask(self, state):
        rng = self.rng
        self.numbers += 1
        model = rng.choices(list(MODELS), [m[3] for m in MODELS.values()])[0]
        dialect, _, _, _, cancelled = MODELS[model]
        tokens = rng.randint((state.level + 3) // 4, state.level)
        output = rng.randint(0, tokens) if rng.random() < .7 and tokens > SMALL else tokens
        stream = rng.random() < .6
        events = rng.randint(1, 12)
        fields = [("x-sim-output-tokens", output), ("x-sim-ttft", f"{rng.choice((0, 0, 5, 20, 80))}ms")]
        if model == "copied":
            model = copied(state.tenant.lab)
        if model == "hedged":
            fields[1] = ("x-sim-ttft", f"{rng.choice((0, 60, 90, 200))}ms")
        if stream:
            fields.append(("x-sim-events", min(events, max(output, 1))))
            if rng.random() < .5 and output:
                fields.append(("x-sim-tps", max(10, int(output / rng.choice((.05, .2, .6))))))
        out = client.Ask(f"c{self.seed}-{self.numbers}", state.tenant, tokens, dialect, model, stream, fields)
        if not self.finishing:
            self.spoil(rng, out, events)
        fields.append(("x-sim-on-cancel", rng.choice(cancelled)))
        return out

    def spoil(self, rng, ask, events):
        """The provider fails, or the client goes."""
        x = rng.randint(0, 999)
        for name, share in WRONG.items():
            x -= share
            if x < 0:
                if ask.stream or name.split("@")[0] not in STREAMS_ONLY:
                    ask.headers.append(("x-sim-fault", name.format(e=rng.randint(0, events), b=rng.randint(700, 3000))))
                return
        if rng.random() < .2:
            ask.rst = rng.random() < .5
            ask.abort = ("event", rng.randint(0, events)) if ask.stream else ("wait", rng.choice((0, .002, .02)))

    # ---- what came of it

    def heard(self, state, note):
        now = time.monotonic()
        if note.status == 200 or note.aborted:
            state.again()
            state.level = min(book.MOST_TOKENS, max(state.level, note.ask.tokens) + 1)
        elif note.status == 429 and note.denied_by:
            if note.ask.tokens > 1:
                state.level = max(1, min(state.level, note.ask.tokens // 2, note.affordable or state.level))
                state.next_try = now + .01
                return
            state.next_try = now + .06
            self.denied(state, note, now)
        else:
            self.unavailable += note.status == 503
            state.next_try = now + .05

    def denied(self, state, note, now):
        """The smallest request was refused. Where one gateway lacks money and another requests, neither is used up."""
        if state.in_flight:
            state.again()
            return
        if not state.denied:
            state.pass_began = now
        state.denied[note.member] = note.denied_by
        if len(state.denied) == self.world.n_members and now - state.pass_began >= PASS_S:
            state.passes += 1
            names = set(state.denied.values())
            state.spent_by = names.pop() if len(names) == 1 else None
            state.denied = {}

    def member_for(self, state):
        """Any gateway; for a tenant that is nearly spent one that has not refused it yet."""
        members = [m for m in self.world.up() if m not in state.denied] if state.denied and self.rng.random() < .8 else []
        members = members or self.world.up()
        return self.rng.choice(members) if members else None

    async def client(self):
        c = client.Client(8)
        while not self.stopping:
            state = self.pick()
            member = self.member_for(state) if state else None
            if member is None:
                await asyncio.sleep(.01)
                continue
            ask = self.ask(state)
            state.in_flight += 1
            state.asked += 1
            note = await c.run(member, self.world.address(member), ask)
            state.in_flight -= 1
            self.notes.append(note)
            self.heard(state, note)
            if note.broken and not note.status:
                await asyncio.sleep(.01)
        c.close()

    async def run(self, seconds, faults):
        """`faults`: a coroutine that ends when it is told to by world.calm()."""
        clients = [asyncio.create_task(self.client()) for _ in range(self.clients)]
        director = asyncio.create_task(faults)
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                await asyncio.sleep(.1)
                watch_tasks([director, *clients])
            self.calm_at = time.monotonic()
            await self.world.calm()
            await director
            await self.finish(clients, 30 + seconds / 2)
        finally:
            self.stopping = True
            await asyncio.gather(director, *clients, return_exceptions=True)
        return self.notes

    async def finish(self, clients, seconds):
        """Everybody is back: what was begun is brought to its limit."""
        self.finishing = True
        end = time.monotonic() + seconds
        self.turn()
        while (self.active or self.aside) and time.monotonic() < end:
            await asyncio.sleep(.1)
            watch_tasks(clients)
            self.turn()

    def unfinished(self):
        return [s for r in self.active + self.aside for s in r.states if not s.spent]


def watch_tasks(tasks):
    for t in tasks:
        if t.done() and t.exception() is not None:
            raise t.exception()
