"""The money test's own price book, in exact fractions: odd prices, so that a rounded or doubled figure shows.

Independent of the gateway's pricing on purpose: bucket families and lookup are written down here again.
"""

import fractions
import re

F = fractions.Fraction
DATE = re.compile(r"[-@]\d{4}-?\d\d-?\d\d$")

# The bucket whose price applies where a bucket has none.
PARENT = {
    "input_cache_read": "input", "input_cache_write_5m": "input", "input_cache_write_1h": "input_cache_write_5m",
    "input_cache_write": "input_cache_write_5m", "input_audio": "input", "input_image": "input",
    "output_reasoning": "output", "output_audio": "output", "output_image": "output",
    "web_searches_medium": "web_searches", "web_searches_high": "web_searches_medium",
}
INPUTS = {"input", *(bucket for bucket in PARENT if bucket.startswith("input_"))}
OPENAI, ANTHROPIC = "openai", "anthropic"
CHAT, OTHER, CLAUDE, EMBED, IMAGE = "gpt-4o-mini", "gpt-4o", "claude-sonnet-4-5", "text-embedding-3-small", "gpt-image-1"
TTS, HEAR, WHISPER, FREE = "gpt-4o-mini-tts", "gpt-4o-transcribe", "whisper-1", "omni-moderation-latest"
DALLE, SPEAK = "dall-e-3", "tts-1"
NOBODYS = "gpt-nobody-has-a-price"

# (provider, model): USD per million tokens, USD per unit, what other service tiers cost, and what the whole request costs
# when its input is longer than so many tokens
MODELS = {
    (OPENAI, CHAT): {
        "per_mtok": {"input": "0.123457", "input_cache_read": "0.061729", "output": "0.987653"},
        "per_unit": {"web_searches": "0.010000000007"},
        "service_tiers": {"flex": {"input": "0.061729", "input_cache_read": "0.030863", "output": "0.493827"},
                          "priority": {"input": "0.222223", "input_cache_read": "0.111119", "output": "1.777787"}},
    },
    (OPENAI, OTHER): {
        "per_mtok": {"input": "2.500003", "input_cache_read": "1.250007", "output": "10.000019"},
        "per_unit": {"web_searches": "0.010000000007"},
    },
    (ANTHROPIC, CLAUDE): {
        "per_mtok": {"input": "3.000001", "input_cache_read": "0.300007", "input_cache_write_5m": "3.750011",
                     "input_cache_write_1h": "6.000013", "output": "15.000017"},
        "per_unit": {"web_searches": "0.010000000003"},
        "tiers": [{"above": 60, "per_mtok": {"input": "6.000007", "input_cache_read": "0.600011",
                                             "input_cache_write_5m": "7.500023", "input_cache_write_1h": "12.000029",
                                             "output": "22.500031"}}],
    },
    (OPENAI, EMBED): {"per_mtok": {"input": "0.020001"}},
    (OPENAI, IMAGE): {"per_mtok": {"input": "5.000003", "input_image": "10.000009", "output": "39.999989",
                                   "output_image": "40.000007"}},
    (OPENAI, TTS): {"per_mtok": {"input": "0.600007", "output": "11.999983", "output_audio": "12.000011"}},
    (OPENAI, HEAR): {"per_mtok": {"input": "2.500009", "input_audio": "6.000017", "output": "10.000033"}},
    (OPENAI, WHISPER): {"per_unit": {"input_seconds": "0.000100000007"}},
    (OPENAI, DALLE): {"per_unit": {"images": "0.040000000003"}},
    (OPENAI, SPEAK): {"per_unit": {"input_characters": "0.000015000007"}},
    (OPENAI, FREE): {"free": True},
}
# What is charged where nothing is known: the gateway's defaults.
UNPRICED = {"per_mtok": {"input": "30", "output": "150"}}


def dearer(text):
    """The other version of a price: half as much again and an odd bit."""
    digits = len(text.partition(".")[2])
    units = int(F(text) * 10 ** digits * F(3, 2)) + 2
    whole = f"{units:0{digits + 1}d}"
    return f"{whole[:-digits]}.{whole[-digits:]}"


def raised(entry):
    """An entry with all its prices changed."""
    if isinstance(entry, str):
        return dearer(entry)
    if isinstance(entry, dict):
        return {k: raised(v) for k, v in entry.items()}
    return [raised(v) for v in entry] if isinstance(entry, list) else entry


class Book:
    """Prices of one version."""

    def __init__(self, name, models):
        self.name, self.models = name, models

    def entry(self, provider, model):
        for name in (model, DATE.sub("", model)):
            if (provider, name) in self.models:
                return self.models[provider, name]
        return None

    def cost(self, provider, model, usage, tier=None):
        """Exact USD of {bucket: n}; None when the tier or a bucket has no price."""
        entry = self.entry(provider, model) or UNPRICED
        if entry.get("free"):
            return F(0)
        per_mtok = dict(entry.get("per_mtok", {}))
        if tier in ("flex", "priority") and entry is not UNPRICED:
            if tier not in entry.get("service_tiers", {}):
                return None
            per_mtok.update(entry["service_tiers"][tier])
        long = sum(n for bucket, n in usage.items() if bucket in INPUTS)
        for step in entry.get("tiers", ()):
            if long > step["above"]:
                per_mtok = step["per_mtok"]
        prices = {bucket: F(price) / 1000000 for bucket, price in per_mtok.items()}
        prices |= {bucket: F(price) for bucket, price in entry.get("per_unit", {}).items()}
        total = F(0)
        for bucket, n in usage.items():
            while n and bucket not in prices:
                if bucket not in PARENT:
                    return None
                bucket = PARENT[bucket]
            total += n * prices[bucket] if n else 0
        return total

    def long_context(self, provider, model, usage):
        """Does another price apply because of the length of the input?"""
        entry = self.entry(provider, model) or {}
        return any(sum(n for b, n in usage.items() if b in INPUTS) > step["above"] for step in entry.get("tiers", ()))

    def file(self):
        """What the gateway reads."""
        prices = []
        for (provider, model), entry in self.models.items():
            out = {"provider": provider, "model": model, "source": "money test", "date": "2026-01-01"}
            for name, value in entry.items():
                if name == "service_tiers":
                    out.update({tier: {"per_mtok": per_mtok} for tier, per_mtok in value.items()})
                else:
                    out[name] = value
            prices.append(out)
        return {"format": "tollgate-prices/2", "currency": "USD", "prices": prices}


FIRST = Book("first", MODELS)
SECOND = Book("second", {key: raised(entry) for key, entry in MODELS.items()})
