#!/usr/bin/env python3
"""Convert a LiteLLM-format price map into tollgate's price format (docs/reference/prices.md).

	build-aux/prices_import.py model-prices-2026-08-01.json > conf/prices.json

Figures are decimal text from end to end: no float takes part. What could not be converted, and every figure
that this script corrected or derived, is listed on standard error. --compare checks the result against a
genai-prices data file and lists where the two disagree; it changes nothing.
"""

import argparse
import json
import re
import sys
from decimal import Decimal, localcontext

SOURCE = "litellm model_prices_and_context_window.json"
GENAI = "genai-prices data_slim.json"

# LiteLLM's provider -> our dialect
PROVIDERS = {"openai": "openai", "text-completion-openai": "openai", "anthropic": "anthropic"}

# Modes whose usage comes in the tokens our buckets count, over the paths we serve
MODES = {"chat", "responses", "completion", "embedding", "moderation", "image_generation",
	 "audio_transcription", "audio_speech"}

BUCKETS = {
	"input_cost_per_token": "input",
	"cache_read_input_token_cost": "input_cache_read",
	"cache_creation_input_token_cost": "input_cache_write",
	"cache_creation_input_token_cost_above_1hr": "input_cache_write_1h",
	"input_cost_per_audio_token": "input_audio",
	"input_cost_per_image_token": "input_image",
	"output_cost_per_token": "output",
	"output_cost_per_reasoning_token": "output_reasoning",
	"output_cost_per_audio_token": "output_audio",
	"output_cost_per_image_token": "output_image",
}
ORDER = ["input", "input_cache_read", "input_cache_write_5m", "input_cache_write_1h", "input_cache_write",
	 "input_audio", "input_image", "output", "output_reasoning", "output_audio", "output_image"]

# Prices of other ways to ask (service tiers, batches): not the plain request's price
VARIANT = re.compile(r"_(flex|priority|batches)$")
TIER = re.compile(r"^(.*)_above_(\d+)k_tokens$")
DATED = re.compile(r"[-@](20\d{2}-\d{2}-\d{2}|20\d{6})$")

# Names the vendor accepts for a model that the map lists under its dated name only
ALIASES = {
	"claude-opus-4-20250514": ["claude-opus-4", "claude-opus-4-0"],
	"claude-sonnet-4-20250514": ["claude-sonnet-4", "claude-sonnet-4-0"],
	"claude-3-7-sonnet-20250219": ["claude-3-7-sonnet", "claude-3-7-sonnet-latest"],
	"claude-3-opus-20240229": ["claude-3-opus", "claude-3-opus-latest"],
	"claude-3-haiku-20240307": ["claude-3-haiku"],
}

# Figures of the map that a second data set contradicts and that do not fit the vendor's own scheme:
# model without date -> buckets to replace, from genai-prices 2026-08-21. None removes one.
CORRECTIONS_FROM = (GENAI, "2026-08-21")
CORRECTIONS = {
	"gpt-4o-mini-tts": {"input": "0.6", "output": "12", "output_audio": "12"},
	"gpt-4o-transcribe": {"input_audio": "6"},
	"gpt-4o-transcribe-diarize": {"input_audio": "6"},
	"gpt-4o-mini-transcribe": {"input_audio": "3"},
	# a cache read price filed as a write price
	"ft:gpt-4o": {"input_cache_write": None},
}

# A vendor's flat price per web search that the map has for its other models only
WEB_SEARCH = {"claude-haiku-4-5": "0.01"}

# Price changes with a date, that a map of current prices cannot say: entries in force from that day on
STEPS = {
	"claude-sonnet-5": [("2026-09-01", {"input": "3", "input_cache_read": "0.3",
					    "input_cache_write_5m": "3.75", "output": "15"})],
}

notes = []


def note(model, text):
	notes.append(f"{model}: {text}")


def plain(d):
	"""A Decimal as digits without exponent and without trailing zeros."""
	s = format(d, "f")
	return s.rstrip("0").rstrip(".") if "." in s else s


def per_mtok(per_token):
	"""USD per token -> USD per million tokens; None when finer than a pico-USD per token."""
	pico = per_token.scaleb(12)
	if pico != pico.to_integral_value():
		return None
	return per_token.scaleb(6)


def undated(model):
	return DATED.sub("", model)


def token_prices(model, attrs):
	"""The base prices and the tiers: ({bucket: Decimal}, {above: {bucket: Decimal}})."""
	base, tiers = {}, {}
	for key, value in attrs.items():
		if VARIANT.search(key) or isinstance(value, (str, bool, dict, list)) or value is None:
			continue
		m = TIER.match(key)
		bucket = BUCKETS.get(m.group(1) if m else key)
		value = Decimal(value)
		if bucket is None:
			if "cost" in key and value != 0:
				note(model, f"not converted: {key} = {plain(value)}")
			continue
		price = per_mtok(value)
		if price is None:
			note(model, f"not converted: {key} = {plain(value)} is finer than a pico-USD")
			continue
		into = tiers.setdefault(int(m.group(2)) * 1000, {}) if m else base
		into[bucket] = price
	return base, tiers


def anthropic_cache_writes(model, prices, where):
	"""The vendor's scheme: a write for 5 minutes is in the map, one for an hour costs twice the input."""
	if "input_cache_write" not in prices:
		return
	prices["input_cache_write_5m"] = prices.pop("input_cache_write")
	hour = prices["input"] * 2
	if prices.get("input_cache_write_1h") != hour:
		old = prices.get("input_cache_write_1h")
		note(model, f"{where}input_cache_write_1h set to {plain(hour)}, twice the input"
		     + (f" (the map says {plain(old)})" if old is not None else ""))
		prices["input_cache_write_1h"] = hour


def complete_tier(model, above, base, tier):
	"""A tier restates every bucket: one it lacks grows like the input (or output) price does."""
	for bucket in base:
		if bucket in tier:
			continue
		like = "output" if bucket.startswith("output") else "input"
		if like not in tier:
			raise ValueError(f"{model}: the tier above {above} has no {like} price")
		tier[bucket] = base[bucket] * tier[like] / base[like]
		note(model, f"tier above {above}: {bucket} set to {plain(tier[bucket])}, in proportion to {like}")
	for bucket in [b for b in tier if b not in base]:
		note(model, f"tier above {above}: {bucket} dropped, the base price has none")
		del tier[bucket]


def correct(model, base):
	"""Apply CORRECTIONS; the source to name when something was changed."""
	changed = False
	for bucket, value in CORRECTIONS.get(undated(model), {}).items():
		old = base.get(bucket)
		new = Decimal(value) if value is not None else None
		if old == new:
			continue
		changed = True
		note(model, f"{bucket} corrected from {plain(old) if old is not None else 'nothing'} to {value}")
		if new is None:
			del base[bucket]
		else:
			base[bucket] = new
	return changed


def web_search(model, attrs):
	sizes = attrs.get("search_context_cost_per_query") or {}
	figures = {Decimal(v) for v in sizes.values()}
	if len(figures) == 1:
		return figures.pop()
	if undated(model) in WEB_SEARCH:
		note(model, f"web_search set to {WEB_SEARCH[undated(model)]}, as for the vendor's other models")
		return Decimal(WEB_SEARCH[undated(model)])
	if figures:
		note(model, "not converted: a web search price that depends on the context size")
	return None


def table(prices):
	return {b: plain(prices[b]) for b in ORDER if b in prices}


def convert(model, attrs, date):
	"""One entry, or None when its price is not in tokens."""
	provider = PROVIDERS[attrs["litellm_provider"]]
	base, tiers = token_prices(model, attrs)
	entry = {"provider": provider, "model": model}
	if model in ALIASES:
		entry["aliases"] = ALIASES[model]
	if attrs["mode"] == "moderation" and base and not any(base.values()):
		return entry | {"free": True, "source": SOURCE, "date": date}
	if not any(base.values()):
		return None
	base = {b: p for b, p in base.items() if p != 0}
	if attrs["mode"] == "image_generation" and "output_image" in base:
		# what these models put out is image tokens, also when the usage does not itemise it
		base.setdefault("output", base["output_image"])
	source = f"{SOURCE}; corrected by {CORRECTIONS_FROM[0]} {CORRECTIONS_FROM[1]}" if correct(model, base) \
		else SOURCE
	if provider == "anthropic":
		anthropic_cache_writes(model, base, "")
	entry["per_mtok"] = table(base)
	search = web_search(model, attrs)
	if search:
		entry["per_unit"] = {f"web_searches{size}": plain(search) for size in ("", "_medium", "_high")}
	for above in sorted(tiers):
		if provider == "anthropic":
			anthropic_cache_writes(model, tiers[above], f"tier above {above}: ")
		complete_tier(model, above, base, tiers[above])
		entry.setdefault("tiers", []).append({"above": above, "per_mtok": table(tiers[above])})
	return entry | {"source": source, "date": date}


def dated_steps(entry):
	"""The later versions of an entry, newest figures last."""
	for day, prices in STEPS.get(entry["model"], []):
		prices = {b: Decimal(p) for b, p in prices.items()}
		if "input_cache_write_5m" in prices:
			prices["input_cache_write_1h"] = prices["input"] * 2
		yield {k: v for k, v in entry.items() if k not in ("per_mtok", "tiers", "source", "date")} | {
			"per_mtok": table(prices), "valid_from": day,
			"source": CORRECTIONS_FROM[0], "date": CORRECTIONS_FROM[1]}


def same_price(a, b):
	ignore = ("model", "aliases", "date", "source")
	return {k: v for k, v in a.items() if k not in ignore} == {k: v for k, v in b.items() if k not in ignore}


def convert_all(data, date):
	entries = {}
	for model, attrs in sorted(data.items()):
		if not isinstance(attrs, dict) or attrs.get("litellm_provider") not in PROVIDERS:
			continue
		if "/" in model or attrs.get("mode") not in MODES:
			note(model, f"left out: {attrs.get('mode')}, priced in units or served on paths the buckets do not cover")
			continue
		entry = convert(model, attrs, date)
		if entry is None:
			note(model, f"left out: {attrs.get('mode')} without a price per token")
			continue
		entries[model] = entry
	out = []
	for model, entry in entries.items():
		base = entries.get(undated(model))
		# a dated name finds the undated entry by itself
		if base is not None and base is not entry and same_price(base, entry):
			continue
		out.append(entry)
		out.extend(dated_steps(entry))
	return sorted(out, key=lambda e: (e["provider"], e["model"], e.get("valid_from", "")))


def render(entries):
	lines = ["{", '"format": "tollgate-prices/2",', '"currency": "USD",',
		 '"note": "Written by build-aux/prices_import.py. USD per million tokens; check against the '
		 'provider\'s price page before you charge anybody.",',
		 '"prices": [']
	lines += [json.dumps(e, ensure_ascii=False) + "," for e in entries]
	lines[-1] = lines[-1].rstrip(",")
	return "\n".join(lines + ["]", "}"]) + "\n"


def genai_match(rule, model):
	kind, value = next(iter(rule.items()))
	if kind == "or":
		return any(genai_match(r, model) for r in value)
	if kind == "and":
		return all(genai_match(r, model) for r in value)
	return {"equals": model == value, "starts_with": model.startswith(value) if kind == "starts_with" else False,
		"ends_with": model.endswith(value) if kind == "ends_with" else False,
		"contains": value in model if kind == "contains" else False,
		"regex": bool(re.search(value, model)) if kind == "regex" else False}[kind]


GENAI_BUCKETS = {"input_mtok": "input", "output_mtok": "output", "cache_read_mtok": "input_cache_read",
		 "input_audio_mtok": "input_audio", "output_audio_mtok": "output_audio"}


def compare(entries, path):
	"""List on stderr where a genai-prices file has another figure for one of the entries."""
	with open(path, encoding="utf-8") as f:
		providers = {p["id"]: p for p in json.load(f, parse_float=Decimal)}
	for e in entries:
		models = providers.get(e["provider"], {}).get("models", [])
		known = next((m for m in models if genai_match(m["match"], e["model"])), None)
		if known is None or "per_mtok" not in e:
			continue
		prices = known["prices"]
		if isinstance(prices, list):
			versions = [p for p in prices
				    if p.get("constraint", {}).get("start_date", "") <= e.get("valid_from", e["date"])]
			prices = versions[-1]["prices"]
		for key, bucket in GENAI_BUCKETS.items():
			theirs = prices.get(key)
			if isinstance(theirs, dict):
				theirs = theirs["base"]
			ours = e["per_mtok"].get(bucket)
			if theirs is not None and ours is not None and Decimal(theirs) != Decimal(ours):
				print(f"differs: {e['model']} {bucket}: {ours} here, {plain(Decimal(theirs))} there",
				      file=sys.stderr)


def main():
	args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
	args.add_argument("file", help="a LiteLLM-format price map")
	args.add_argument("--date", help="the day the map was taken (default: from the file's name)")
	args.add_argument("--compare", metavar="FILE", help="a genai-prices data file to compare with")
	args = args.parse_args()
	day = args.date or next(iter(re.findall(r"20\d{2}-\d{2}-\d{2}", args.file)), None)
	if day is None or not re.fullmatch(r"20\d{2}-\d{2}-\d{2}", day):
		sys.exit("prices_import.py: say --date YYYY-MM-DD, the day the map was taken")
	with open(args.file, encoding="utf-8") as f, localcontext() as ctx:
		ctx.prec = 60
		entries = convert_all(json.load(f, parse_float=Decimal), day)
		sys.stdout.write(render(entries))
		if args.compare:
			compare(entries, args.compare)
	for line in notes:
		print(line, file=sys.stderr)


if __name__ == "__main__":
	main()
