"""What things cost here, in exact fractions, and what a round of tenants may spend.

The price book is the test's own, and round: a request of 500 output tokens holds half a cent, the smallest one some ten
micro-dollars. So a limit is some ten holds, and can be used up to a thousandth of it.
"""

import dataclasses
import fractions
import random

F = fractions.Fraction
CHAT, CLAUDE = "gpt-4o-mini", "claude-sonnet-4-5"
SMALL, LAB = "gpt-4.1-nano", "gpt-4o"                   # a guardrail's and a canary's cheaper one; what copies go to
PER_MTOK = {"input": F(1, 10), "output": F(10)}         # USD, all models but the small one, which costs half
SHARE = {SMALL: F(1, 2)}
ROUNDS_A_LAB = 3
MOST_TOKENS = 500                                       # the largest max_tokens that is asked for
HOLD = MOST_TOKENS * PER_MTOK["output"] / 10 ** 6       # USD of such a request, but for its input


def cost(model, inputs, outputs):
    return SHARE.get(model, 1) * (inputs * PER_MTOK["input"] + outputs * PER_MTOK["output"]) / 10 ** 6


def file():
    """What the gateways read."""
    entry = {"max_input": 200000, "max_output": 16384, "source": "chaos test", "date": "2026-01-01"}
    return {"format": "tollgate-prices/2", "currency": "USD",
            "prices": [{"provider": "anthropic" if m == CLAUDE else "openai", "model": m,
                        "per_mtok": {k: f"{float(v * SHARE.get(m, 1)):g}" for k, v in PER_MTOK.items()}, **entry}
                       for m in (CHAT, CLAUDE, SMALL, LAB)]}


@dataclasses.dataclass
class Tenant:
    name: str
    org: str
    key: str
    cost: F                     # USD
    period: str
    tokens: int = None
    requests: int = None
    guarded: bool = False       # of the tier with a guardrail, and may be served by the cheaper model
    lab: str = None             # who pays for the copies of its requests

    def limits(self):
        out = {"cost": f"{usd(self.cost)} usd/{self.period}"}
        if self.tokens:
            out["tokens"] = f"{self.tokens}/{self.period}"
        if self.requests:
            out["requests"] = f"{self.requests}/{self.period}"
        return out


@dataclasses.dataclass
class Org:
    name: str
    cost: F
    period: str
    tenants: list


def usd(value):
    """Exact decimal text, nano-dollars."""
    nano = value * 10 ** 9
    assert nano.denominator == 1, value
    return f"{int(nano) // 10 ** 9}.{int(nano) % 10 ** 9:09d}"


def labs(seed, orgs):
    """The tenants that pay for copies, with limits as near as all others': each for the tenants of some rounds."""
    rng = random.Random(f"{seed}/labs")
    return [Tenant(name, None, f"tg-chaos-{name}", HOLD * rng.randint(80, 140) / 10, "month")
            for name in sorted({t.lab for o in orgs for t in o.tenants})]


def rounds(seed, n):
    """N rounds: an org of three tenants each, with limits of eight to fourteen holds; the org's is now more, now less than
    theirs together, so that now it refuses and now they do."""
    out = []
    for i in range(n):
        rng = random.Random(f"{seed}/round/{i}")
        period = rng.choice(("month", "month", "lifetime"))
        org = f"o{i:04d}"
        tenants = [Tenant(f"{org}-{c}", org, f"tg-chaos-{org}-{c}", HOLD * rng.randint(80, 140) / 10, period) for c in "abc"]
        # Other dimensions ride along: now and then it is they that refuse.
        tenants[0].guarded = True
        for t in tenants:
            t.lab = f"lab-{i // ROUNDS_A_LAB:03d}"
        tenants[1].tokens = rng.randint(4000, 9000)
        tenants[2].requests = rng.randint(20, 60)
        whole = sum(t.cost for t in tenants)
        out.append(Org(org, whole * rng.choice((5, 7, 9, 20)) / 10, period, tenants))
    return out
