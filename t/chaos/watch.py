"""Looks at Redis while everything goes on: is more granted anywhere than the limit? (I1)

An account is looked at together with its bucket, in one transaction. While the bucket learns, nothing is said: what the
members have not asserted yet is not known. And shares() is what judge.py adds up at the end.
"""

import asyncio
import random
import time

import centre

EVERY_S = .3
AT_ONCE = 40


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def keys(account):
    bucket = f"tg:{{b{crc32c(account.encode()) % 64}}}"
    return f"{bucket}:b", f"{bucket}:a:{account}"


def account_name(scope, dim, period):
    return f"{scope}/{dim}/{period}" + ("" if period == "lifetime" else time.strftime("/%Y-%m", time.gmtime()))


def members(account):
    return sorted(f[2:] for f in account if f.startswith("s:"))


def shares(bucket, account):
    """What each member has, {member: units}; None while that is not known."""
    if not bucket or bucket.get("ln") != "0":
        return None
    out = {}
    for m in members(account):
        g, s = int(account.get(f"g:{m}", 0)), int(account[f"s:{m}"])
        gone = account.get(f"e:{m}") != bucket["ep"] and bucket.get(f"a:{m}") == bucket["ep"]
        out[m] = s if gone else max(g, s)
    return out


class Watch:
    def __init__(self, c, demand):
        self.centre, self.demand = c, demand
        self.rng = random.Random(0)
        self.highest = {}               # account -> (granted, what Redis had)
        self.looks = self.known = 0

    def accounts(self):
        """Of rounds that go on, and some of those that are over."""
        rounds = list(self.demand.active)
        if self.demand.done:
            rounds += [self.rng.choice(self.demand.done) for _ in range(4)]
        out = []
        for r in rounds:
            out.append(account_name(f"org:{r.org.name}", "cost", r.org.period))
            out += [account_name(f"tenant:{s.tenant.name}", "cost", s.tenant.period) for s in r.states]
        return out[:AT_ONCE]

    async def look(self, accounts):
        commands = []
        for name in accounts:
            b, a = keys(name)
            commands += [("MULTI",), ("HGETALL", b), ("HGETALL", a), ("EXEC",)]
        replies = await asyncio.wait_for(centre.talk(self.centre.primary.port, *commands), 5)
        for name, reply in zip(accounts, replies[3::4]):
            if not isinstance(reply, list) or len(reply) != 2:
                continue                # it has no more than begun
            bucket, account = (dict(zip(h[::2], h[1::2])) for h in reply)
            self.looks += 1
            each = shares(bucket, account)
            if each is None or not account:
                continue
            self.known += 1
            if sum(each.values()) > self.highest.get(name, (-1,))[0]:
                self.highest[name] = sum(each.values()), account

    async def run(self):
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.look(self.accounts())
            except (OSError, EOFError, asyncio.TimeoutError, AttributeError):
                pass                    # it is away: that is what we are here for
