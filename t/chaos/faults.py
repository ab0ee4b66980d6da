"""What goes wrong, when: a list that follows from a seed. Every fault is written down with its time.

    Faults(world, seed, log).run() ends when world.calm() was called; then everything is as it should be again.
"""

import asyncio
import contextlib
import random
import time


class Faults:
    # name: (weight, needs Redis)
    KINDS = {
        "kill": (30, False), "kill_two": (6, True), "stop": (12, False),
        "redis_stale": (14, True), "flushall": (8, True), "promote": (7, True),
        "redis_sleep": (5, True), "redis_pause": (5, True),
        "cut": (8, True), "delay": (6, True), "half_open": (6, True), "late": (8, True), "late_kill": (6, True),
    }

    def __init__(self, world, seed, log, mean_s, only=None):
        self.world, self.log, self.mean_s = world, log, mean_s
        self.rng = random.Random(f"{seed}/faults")
        self.kinds = {k: w for k, (w, redis) in self.KINDS.items()
                      if (world.centre is not None or not redis) and (only is None or k in only)}
        self.began = time.monotonic()
        self.counts = {}

    def note(self, text):
        print(f"{time.monotonic() - self.began:9.3f} {text}", file=self.log, flush=True)

    @contextlib.contextmanager
    def away(self, who):
        """Whom others cannot hear meanwhile: a member, or Redis ("all")."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.world.away.append((began, time.monotonic(), who))

    async def blocking(self, f, *args):
        return await asyncio.get_running_loop().run_in_executor(None, f, *args)

    async def run(self):
        """One after the other; those that last overlap with the next ones."""
        running = set()
        while not self.world.quiet and self.kinds:
            await asyncio.sleep(self.rng.expovariate(1 / self.mean_s))
            if self.world.quiet:
                break
            kind = self.rng.choices(list(self.kinds), list(self.kinds.values()))[0]
            self.counts[kind] = self.counts.get(kind, 0) + 1
            task = asyncio.create_task(getattr(self, kind)())
            running.add(task)
            for t in [t for t in running if t.done()]:
                running.discard(t)
                t.result()
        while not self.world.quiet:
            await asyncio.sleep(.1)
        for t in running:
            await t
        await self.all_back()

    async def all_back(self):
        for m in self.world.members:
            m.resume()
            if not m.up:
                await self.start(m)
        if self.world.centre is not None:
            await self.world.centre.calm()
        self.note("calm")

    # ---- gateways

    def alive(self):
        return [m for m in self.world.members if m.up and not m.stopped and not getattr(m, "busy", False)]

    async def start(self, m):
        began = time.monotonic()
        await self.blocking(m.start)
        self.note(f"{m.name} started in {time.monotonic() - began:.2f} s")

    async def kill(self, m=None):
        """SIGKILL, and after a while a new one on the same ledger."""
        m = m or (self.rng.choice(self.alive()) if self.alive() else None)
        if m is None:
            return
        down = self.rng.choice((0, 0, .3, 1.5))
        m.busy = True
        self.note(f"SIGKILL {m.name}, for {down} s")
        with self.away(m.n):
            await self.blocking(m.kill)
            await asyncio.sleep(down)
            await self.start(m)
        m.busy = False

    async def kill_two(self):
        two = self.rng.sample(self.alive(), 2) if len(self.alive()) >= 2 else self.alive()
        await asyncio.gather(*(self.kill(m) for m in two))

    async def stop(self):
        if not self.alive():
            return
        m = self.rng.choice(self.alive())
        pause = self.rng.choice((.05, .3, 1, 2.5))
        m.busy = True
        self.note(f"SIGSTOP {m.name} for {pause} s")
        with self.away(m.n):
            m.pause()
            await asyncio.sleep(pause)
            if self.rng.random() < .3:
                self.note(f"SIGKILL of the stopped {m.name}")
                await self.blocking(m.kill)
                await self.start(m)
            else:
                m.resume()
        m.busy = False

    # ---- Redis

    async def redis_stale(self):
        """SIGKILL, and a restart from a copy of the append-only file: what it acknowledged since then is lost."""
        with self.away("all"):
            age = await self.world.centre.restart_stale(self.rng)
        self.note(f"redis killed; restarted from a file {age:.2f} s old")

    async def flushall(self):
        self.note("FLUSHALL")
        await self.world.centre.command("FLUSHALL")

    async def promote(self):
        lag, stagger = self.rng.choice((0, .2, .7)), self.rng.choice((0, 0, .2, .6))
        with self.away("all"):
            done = await self.world.centre.promote(lag, stagger, self.rng)
        if done:
            self.note(f"replica promoted, {lag} s behind, members moved over within {stagger} s")

    async def redis_sleep(self):
        pause = self.rng.choice((.02, .15, .8))
        self.note(f"DEBUG SLEEP {pause}")
        with self.away("all"):
            await self.world.centre.command("DEBUG", "SLEEP", str(pause))

    async def redis_pause(self):
        pause = self.rng.choice((50, 300, 1500))
        self.note(f"CLIENT PAUSE {pause} ms")
        with self.away("all"):
            await self.world.centre.command("CLIENT", "PAUSE", str(pause), self.rng.choice(("WRITE", "ALL")))
            await asyncio.sleep(pause / 1000)

    # ---- the way there: one member's, or all

    async def way(self, word, seconds, *args):
        who = self.rng.choice(["all", *range(self.world.n_members)])
        self.note(f"way of {who if who == 'all' else f'gw-{who + 1}'}: {word} {' '.join(map(str, args))} for {seconds} s")
        with self.away(who):
            await self.world.centre.way(who, word, *args)
            await asyncio.sleep(seconds)
            await self.world.centre.way(who, "open")

    async def cut(self):
        await self.way("cut", self.rng.choice((0, .2, 1.5)))

    async def delay(self):
        await self.way("delay", self.rng.choice((.5, 2)), self.rng.choice((.01, .06, .15, .4)))

    async def half_open(self):
        await self.way(self.rng.choice(("hold_up", "hold_down", "hold_both")), self.rng.choice((.3, 2)))

    async def late_kill(self):
        """What a killed process had sent arrives after the next one's."""
        m = self.rng.choice(self.alive()) if self.alive() else None
        if m is not None:
            seconds = self.rng.choice((.2, 1, 3))
            m.busy = True
            self.note(f"way of {m.name}: late {seconds}, and")
            await self.world.centre.way(m.n, "late", seconds)
            await asyncio.sleep(.08)
            await self.kill(m)

    async def late(self):
        """The connection is cut for the gateway; what it sent arrives later all the same."""
        await self.way("late", self.rng.choice((0, .2)), self.rng.choice((.2, 1, 3)))
