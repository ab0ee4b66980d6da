"""tgctl prices: a LiteLLM price map becomes a price file exactly and nothing is dropped in silence; what is shown of books,
and that the shipped file is what the converter writes. Prices are worked out here a second time, with fractions."""

import json
import pathlib
import re
import subprocess
from fractions import Fraction as F

import pytest

from harness import BUILD

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAP = ROOT.parent / "shared" / "data" / "prices" / "litellm-model-prices-2026-08-01.json"
CORRECTIONS = ROOT / "conf" / "prices.corrections.json"
SHIPPED = ROOT / "conf" / "prices.json"


def tgctl(*args, code=0):
    done = subprocess.run([BUILD / "tgctl", "prices", *map(str, args)], capture_output=True, text=True)
    assert done.returncode == code, done.stderr + done.stdout
    return done


def convert(tmp_path, models, *args, name="map-2026-08-01.json", code=0):
    """The entries by (provider, model, valid_from), and the report. `models`: JSON text, so that numbers stay as written."""
    path = tmp_path / name
    path.write_text(models if isinstance(models, str) else json.dumps(models))
    out = tmp_path / "out.json"
    done = tgctl("import", "litellm", path, "-o", out, "--report", *args, code=code)
    if code:
        return None, done.stderr
    book = json.loads(out.read_text())
    assert book["format"] == "tollgate-prices/3" and book["currency"] == "USD"
    return {(e["provider"], e["model"], e.get("valid_from")): e for e in book["prices"]}, done.stdout


def one(tmp_path, attrs, name="m", provider="openai", mode="chat", *args):
    """What a single model of the map becomes."""
    entries, report = convert(tmp_path, '{"%s": {"litellm_provider": "%s", "mode": "%s", %s}}'
                              % (name, provider, mode, attrs), *args)
    assert len(entries) <= 1
    return next(iter(entries.values()), None), report


@pytest.mark.parametrize("per_token, per_mtok", [
    ("1.5e-07", "0.15"), ("7.5e-08", "0.075"), ("2.5e-09", "0.0025"), ("0.00018", "180"),
    ("1e-12", "0.000001"), ("3.6250e-09", "0.003625"), ("1E-3", "1000"), ("0.000", None),
    # a double would not hold these digits
    ("0.123456789012", "123456.789012"), ("1.23456789012e-1", "123456.789012"),
])
def test_figures_are_exact(tmp_path, per_token, per_mtok):
    entry, _ = one(tmp_path, '"input_cost_per_token": %s, "output_cost_per_token": 1' % per_token)
    assert entry["per_mtok"].get("input") == per_mtok
    assert entry["date"] == "2026-08-01" and entry["source"].startswith("litellm")


def test_what_is_finer_than_a_pico_is_rounded_up_and_named(tmp_path):
    entry, report = one(tmp_path, '"input_cost_per_second": 0.00028333333333333333', mode="audio_transcription")
    assert entry["per_unit"] == {"input_seconds": "0.000283333334"}
    assert "m: input_cost_per_second is finer than a pico-USD: rounded up to 0.000283333334" in report


UNITS = {
    "input_cost_per_character": ("audio_speech", "input_characters"), "output_cost_per_character": ("chat", "output_characters"),
    "input_cost_per_second": ("audio_transcription", "input_seconds"), "output_cost_per_second": ("video_generation", "output_seconds"),
    "input_cost_per_audio_per_second": ("embedding", "input_seconds"), "output_cost_per_image": ("image_generation", "images"),
    "input_cost_per_video_per_second": ("embedding", "input_video_seconds"), "input_cost_per_image": ("embedding", "input_images"),
    "output_cost_per_video_per_second": ("video_generation", "output_seconds"), "ocr_cost_per_page": ("ocr", "pages"),
    "annotation_cost_per_page": ("ocr", "annotated_pages"), "input_cost_per_query": ("rerank", "queries"),
    "code_interpreter_cost_per_session": ("chat", "code_sessions"),
}


@pytest.mark.parametrize("key", UNITS)
def test_units(tmp_path, key):
    mode, bucket = UNITS[key]
    entry, _ = one(tmp_path, '"%s": 0.0125' % key, mode=mode)
    assert entry["per_unit"] == {bucket: "0.0125"} and "per_mtok" not in entry


def test_requests_and_searches(tmp_path):
    entry, _ = one(tmp_path, '"input_cost_per_request": 0.005, "file_search_cost_per_1k_calls": 2.5,'
                   '"search_context_cost_per_query": {"search_context_size_low": 0.03, "search_context_size_medium": 0.035,'
                   '"search_context_size_high": 0.05}')
    assert entry["per_request"] == "0.005"
    assert entry["per_unit"] == {"web_searches": "0.03", "web_searches_medium": "0.035", "web_searches_high": "0.05",
                                 "file_searches": "0.0025"}


def test_long_context_and_service_tiers_and_both(tmp_path):
    entry, report = one(tmp_path, """
        "input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6, "cache_read_input_token_cost": 5e-7,
        "input_cost_per_token_above_272k_tokens": 4e-6, "output_cost_per_token_above_272k_tokens": 12e-6,
        "input_cost_per_token_priority": 4e-6, "output_cost_per_token_priority": 16e-6,
        "input_cost_per_token_above_272k_tokens_priority": 9e-6, "output_cost_per_token_above_272k_tokens_priority": 20e-6,
        "input_cost_per_token_batches": 1e-6, "output_cost_per_token_batches": 4e-6,
        "input_cost_per_token_flex": 1e-6, "output_cost_per_token_flex": 4e-6, "cache_read_input_token_cost_flex": 2e-7
        """)
    # what the map leaves open grows with input, or stays where that is dearer
    assert entry["tiers"] == [{"above": 272000, "per_mtok": {"input": "4", "input_cache_read": "1", "output": "12"}}]
    assert entry["priority"] == {"per_mtok": {"input": "4", "input_cache_read": "1", "output": "16"}, "tiers": [
        {"above": 272000, "per_mtok": {"input": "9", "input_cache_read": "2", "output": "20"}}]}
    assert entry["batch"] == {"per_mtok": {"input": "1", "output": "4"}, "tiers": [
        {"above": 272000, "per_mtok": {"input": "2", "input_cache_read": "1", "output": "6"}}]}
    assert entry["flex"] == {"per_mtok": {"input": "1", "input_cache_read": "0.2", "output": "4"}, "tiers": [
        {"above": 272000, "per_mtok": {"input": "2", "input_cache_read": "0.4", "output": "6"}}]}
    assert "m: above 272000: input_cache_read set to 1, as input grows" in report
    assert "m: priority: input_cache_read set to 1, as input grows" in report
    assert "m: flex: above 272000: completed in proportion" in report


def test_ranges_are_long_context_prices(tmp_path):
    entry, _ = one(tmp_path, '"tiered_pricing": [{"range": [0, 32000], "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},'
                   '{"range": [32000, 128000], "input_cost_per_token": 3e-6, "output_cost_per_token": 4e-6}]')
    assert entry["per_mtok"] == {"input": "1", "output": "2"}
    assert entry["tiers"] == [{"above": 32000, "per_mtok": {"input": "3", "output": "4"}}]


def test_claude(tmp_path):
    entry, report = one(tmp_path, """
        "input_cost_per_token": 3e-6, "cache_read_input_token_cost": 3e-7, "output_cost_per_token": 1.5e-5,
        "cache_creation_input_token_cost": 3.75e-6, "cache_creation_input_token_cost_above_1hr": 5e-6,
        "input_cost_per_token_above_200k_tokens": 6e-6, "output_cost_per_token_above_200k_tokens": 2.25e-5,
        "search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_high": 0.01},
        "provider_specific_entry": {"us": 1.1, "fast": 6.0}""", name="claude-x", provider="anthropic")
    base = {"input": "3", "input_cache_read": "0.3", "input_cache_write_5m": "3.75", "input_cache_write_1h": "6", "output": "15"}
    assert entry["per_mtok"] == base and entry["per_unit"] == {"web_searches": "0.01"}
    assert entry["tiers"] == [{"above": 200000, "per_mtok": {
        "input": "6", "input_cache_read": "0.6", "input_cache_write_5m": "7.5", "input_cache_write_1h": "12",
        "output": "22.5"}}]
    assert entry["priority"]["per_mtok"] == {k: str(F(v) * 6) for k, v in base.items() if k != "input_cache_write_5m"
                                             and k != "input_cache_read"} | {"input_cache_write_5m": "22.5",
                                                                             "input_cache_read": "1.8"}
    assert entry["uplift"] == {"us": "1.1"}
    assert "twice the input; the map says 5" in report and "claude-x: `fast` becomes" in report


def test_uplifts_and_what_is_filed_under_the_wrong_key(tmp_path):
    entry, report = one(tmp_path, """
        "input_cost_per_token": 4e-6, "output_cost_per_token": 16e-6, "input_cost_per_image": 5e-6,
        "cache_creation_input_token_cost": 4e-7, "cache_creation_input_audio_token_cost": 4e-7,
        "input_cost_per_audio_token": 32e-6, "regional_processing_uplift_multiplier_eu": 1.1,
        "output_cost_per_pixel": 0.0, "some_new_cost": 1""", mode="realtime")
    assert entry["per_mtok"] == {"input": "4", "input_cache_read": "0.4", "input_audio": "32",
                                 "input_audio_cache_read": "0.4", "input_image": "5", "output": "16"}
    assert entry["uplift"] == {"eu": "1.1"} and "per_unit" not in entry
    for text in ("taken for a price of image tokens", "taken for cache reads", "taken for reads of cached audio",
                 "m: not understood: some_new_cost"):
        assert text in report


def test_sizes_become_variants(tmp_path):
    row = '"%s": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_%s": %s}'
    entries, _ = convert(tmp_path, "{%s}" % ", ".join([
        row % ("i", "image", "0.04"), row % ("hd/1024-x-1792/i", "pixel", "6.539e-8"),
        row % ("standard/1024-x-1024/i", "pixel", "3.81469E-8"), row % ("256-x-256/i", "pixel", "2.4414e-07"),
        row % ("low/1024-x-1024/only-sizes", "image", "0.011")]))
    assert entries["openai", "i", None]["per_unit"] == {"images": "0.04"}
    assert {k: v["per_unit"]["images"] for k, v in entries["openai", "i", None]["variants"].items()} == {
        "hd/1024x1792": "0.12", "standard/1024x1024": "0.04", "256x256": "0.016"}
    only = entries["openai", "only-sizes", None]
    assert "per_unit" not in only and only["variants"] == {"low/1024x1024": {"per_unit": {"images": "0.011"}}}


def test_names_and_regions(tmp_path):
    def row(name, provider, value=1e-6, out=2e-6, **more):
        return {name: {"litellm_provider": provider, "mode": "chat", "input_cost_per_token": value,
                       "output_cost_per_token": out} | more}
    entries, report = convert(tmp_path, row("azure/g", "azure") | row("azure/eu/g", "azure", 1.1e-6, 2.2e-6)
                              | row("azure/global/g", "azure") | row("azure/us/g", "azure", 1.2e-6, 2.2e-6)
                              | row("bedrock/eu-west-3/a.b-v1:0", "bedrock", 3e-6) | row("a.b-v1:0", "bedrock")
                              | row("us.a.b-v1:0", "bedrock_converse") | row("bedrock/us-east-1/1-month-commitment/a.b", "bedrock")
                              | row("vertex_ai/meta/l", "vertex_ai-llama_models") | row("fireworks_ai/accounts/f/m", "fireworks_ai")
                              | row("openrouter/openai/g", "openrouter") | row("together-ai-4.1b-8b", "together_ai")
                              | row("deepseek/d", "deepseek") | row("d", "deepseek", 3e-6) | row("x", "perplexity"))
    assert sorted(k[:2] for k in entries) == [
        ("azure", "g"), ("bedrock", "a.b-v1:0"), ("bedrock", "us.a.b-v1:0"), ("deepseek", "d"),
        ("fireworks", "accounts/f/m"), ("openrouter", "openai/g"), ("vertex", "meta/l")]
    azure = entries["azure", "g", None]
    assert azure["uplift"] == {"eu": "1.1"}
    assert azure["regions"] == {"us": {"per_mtok": {"input": "1.2", "output": "2.2"}}}
    assert entries["bedrock", "a.b-v1:0", None]["regions"]["eu-west-3"]["per_mtok"]["input"] == "3"
    # the same model twice: the dearer one, and it is said
    assert entries["deepseek", "d", None]["per_mtok"]["input"] == "3"
    assert "deepseek/d: not used: d is the same model and dearer" in report
    assert "refused, 1: capacity that is reserved" in report and "refused, 1: a class of models" in report
    assert "15 models in the map, 14 of the providers known here: 12 converted, 2 refused" in report


def test_nothing_is_free_by_being_0(tmp_path):
    zero = '"input_cost_per_token": 0.0, "output_cost_per_token": 0'
    assert one(tmp_path, zero, mode="moderation")[0]["free"] is True
    assert one(tmp_path, zero, name="openrouter/a/b:free", provider="openrouter")[0]["free"] is True
    entry, report = one(tmp_path, zero)
    assert entry is None and "refused, 1: every price is 0 or missing" in report and "\n  m\n" in report


def test_what_is_no_figure_is_named(tmp_path):
    entry, report = one(tmp_path, '"input_cost_per_token": -1, "output_cost_per_token": "dear", "input_cost_per_query": 0.002')
    assert entry["per_unit"] == {"queries": "0.002"} and "per_mtok" not in entry
    assert "m: not converted: input_cost_per_token is no figure" in report
    assert "m: not converted: output_cost_per_token is no figure" in report
    entry, report = one(tmp_path, '"input_cost_per_token_flex": 1')
    assert entry is None and "refused, 1: prices of service tiers or long contexts, and no plain one" in report


def test_a_price_that_cannot_be_told_is_left_out_with_the_rest_of_its_bucket(tmp_path):
    entry, report = one(tmp_path, '"input_cost_per_token": 8e-7, "input_cost_per_video_per_second": 0.0005,'
                        '"input_cost_per_video_per_second_above_15s_interval": 0.002', mode="embedding")
    assert entry["per_mtok"] == {"input": "0.8"} and "per_unit" not in entry
    assert "not converted: input_cost_per_video_per_second_above_15s_interval: the price of a second depends" in report


def test_a_dated_name_with_the_same_price_is_not_repeated(tmp_path):
    same = {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1}
    entries, report = convert(tmp_path, {"m": same, "m-2026-01-02": same,
                                         "m-2025-01-02": same | {"input_cost_per_token": 2}})
    assert sorted(k[1] for k in entries) == ["m", "m-2025-01-02"]
    assert "1 entries have a date" in report


def test_corrections(tmp_path):
    corrections = tmp_path / "c.json"
    head = {"provider": "openai", "source": "a page", "date": "2026-09-09", "why": "because"}
    def write(*items):
        corrections.write_text(json.dumps({"format": "tollgate-price-corrections/1", "corrections": items}))
    models = {name: {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 0.5,
                     "output_cost_per_token": 1} for name in ("m", "n-2026-01-02")}
    write(head | {"models": ["m"], "patch": {"per_mtok": {"output": None, "input": "7"}}},
          head | {"models": ["n"], "patch": {"valid_from": "2027-01-01", "per_mtok": {"input": "9"}}},
          head | {"models": ["*"], "modes": ["chat"], "fill": {"per_unit": {"web_searches": "0.01"}, "per_mtok": {"input": "1"}}},
          head | {"models": ["nobody"], "patch": {"free": True}})
    entries, report = convert(tmp_path, models, "--corrections", corrections)
    assert entries["openai", "m", None]["per_mtok"] == {"input": "7"}
    assert entries["openai", "m", None]["source"].endswith("; a page 2026-09-09")
    assert entries["openai", "n-2026-01-02", None]["per_mtok"]["input"] == "500000"
    later = entries["openai", "n-2026-01-02", "2027-01-01"]
    assert later["per_mtok"] == {"input": "9", "output": "1000000"}
    assert all(e["per_unit"] == {"web_searches": "0.01"} for e in entries.values())
    assert "m: corrected: because" in report and "nobody: a correction finds no entry" in report
    write({"provider": "openai", "models": ["m"], "patch": {}, "why": "x", "date": "2026-09-09"})
    _, error = convert(tmp_path, models, "--corrections", corrections, code=1)
    assert 'corrections[0] needs "source"' in error
    # a correction that makes no price: the result is read back before it is written
    write(head | {"models": ["m"], "patch": {"per_mtok": {"input": "seven"}}})
    _, error = convert(tmp_path, models, "--corrections", corrections, code=1)
    assert '(openai m): input: "seven" is not a decimal' in error


def test_what_cannot_be_read(tmp_path):
    _, error = convert(tmp_path, "{}", name="map.json", code=2)
    assert "--date" in error
    assert "no models" in convert(tmp_path, "{}", code=1)[1]
    assert "line 1" in convert(tmp_path, '{"m": ', code=1)[1]
    assert "No such file" in tgctl("import", "litellm", tmp_path / "none-2026-08-01.json", code=1).stderr
    assert "import litellm FILE" in tgctl("import", "csv", "x", code=2).stderr
    assert "did you mean `list`" in tgctl("lst", code=2).stderr


# --- the public map and what ships

needs_map = pytest.mark.skipif(not MAP.exists(), reason="the public price map is not beside this checkout (../shared/data/prices)")


@needs_map
def test_the_shipped_file_is_what_the_converter_writes(tmp_path):
    out = tmp_path / "prices.json"
    done = tgctl("import", "litellm", MAP, "--corrections", CORRECTIONS, "-o", out)
    assert out.read_text() == SHIPPED.read_text()
    assert re.search(r"1826 of the providers known here: 1748 converted, 78 refused", done.stderr), done.stderr


TOKENS = {"input_cost_per_token": "input", "output_cost_per_token": "output", "input_cost_per_audio_token": "input_audio",
          "output_cost_per_audio_token": "output_audio", "output_cost_per_image_token": "output_image",
          "input_cost_per_image_token": "input_image", "output_cost_per_reasoning_token": "output_reasoning",
          "cache_read_input_token_cost": "input_cache_read"}
PROVIDERS = {"openai": "openai", "anthropic": "anthropic", "gemini": "gemini", "groq": "groq", "xai": "xai", "mistral": "mistral",
             "together_ai": "together", "fireworks_ai": "fireworks", "bedrock_converse": "bedrock", "cohere_chat": "cohere"}


@needs_map
def test_each_token_price_of_the_public_map_against_fractions(tmp_path):
    out = tmp_path / "prices-2026-08-01.json"
    report = tgctl("import", "litellm", MAP, "-o", out, "--report").stdout
    twice = set(re.findall(r"^  (\S+): not used", report, re.MULTILINE))  # the dearer one is kept
    entries = {(e["provider"], e["model"]): e for e in json.loads(out.read_text())["prices"]}
    source = json.loads(MAP.read_text(), parse_float=str, parse_int=str)
    compared = 0
    for name, attrs in source.items():
        provider = PROVIDERS.get(attrs.get("litellm_provider"))
        model = name.removeprefix(f"{attrs.get('litellm_provider')}/")
        entry = entries.get((provider, model)) or entries.get((provider, re.sub(r"-(20\d\d-\d\d-\d\d|20\d{6})$", "", model)))
        if entry is None or name in twice:
            continue
        for tier, ending in (("", ""), ("flex", "_flex"), ("priority", "_priority"), ("batch", "_batches")):
            plan = entry.get(tier, {}) if tier else entry
            for key, bucket in TOKENS.items():
                if F(attrs.get(key + ending, 0)) > 0:
                    # a service tier restates only what differs
                    got = plan.get("per_mtok", {}).get(bucket) or entry["per_mtok"][bucket]
                    assert F(got) == F(attrs[key + ending]) * 10**6, (name, key, ending)
                    compared += 1
                for above in (128, 200, 256, 272):
                    long = f"{key}_above_{above}k_tokens{ending}"
                    if F(attrs.get(long, 0)) > 0:
                        got = [t["per_mtok"][bucket] for t in plan["tiers"] if t["above"] == above * 1000]
                        assert [F(g) for g in got] == [F(attrs[long]) * 10**6], (name, long)
                        compared += 1
    assert compared > 2000


# --- looking at books

def test_list_and_show(tmp_path):
    lines = tgctl("list", "--provider", "openai", "--model", "gpt-5.4").stdout.splitlines()
    assert lines[0].split() == ["provider", "model", "input", "cached", "output", "also"]
    assert any(line.split()[:5] == ["openai", "gpt-5.4", "2.5", "0.25", "15"] and "above-272000" in line for line in lines)
    assert len(json.loads(tgctl("list", "--json").stdout)) == len(json.loads(SHIPPED.read_text())["prices"])
    page = tgctl("show", "gpt-5.4-2026-03-05", "--provider", "openai").stdout
    assert re.search(r"input +2\.5 +1\.25 +5 +1\.25", page) and "above 272000 input tokens" in page
    assert "in eu 10.00% more" in page and "version" in page
    (entry,) = json.loads(tgctl("show", "gpt-4o-mini", "--provider", "openai", "--json").stdout)
    assert entry["per_mtok"]["input"] == "0.15" and re.fullmatch(r"[0-9a-f]{16}", entry["version"])
    # at every provider that has it
    everywhere = {e["provider"] for e in json.loads(tgctl("show", "gpt-4o-mini", "--json").stdout)}
    assert {"openai", "azure"} <= everywhere
    assert "no price for nothing-like-it" in tgctl("show", "nothing-like-it", code=1).stderr


def book(tmp_path, name, *entries):
    path = tmp_path / name
    path.write_text(json.dumps({"format": "tollgate-prices/2", "prices": [
        {"provider": "openai", "source": "s", "date": "2026-08-01"} | e for e in entries]}))
    return path


def test_diff_and_history(tmp_path):
    old = book(tmp_path, "old.json", {"model": "a", "per_mtok": {"input": "1", "output": "2"}}, {"model": "gone", "free": True})
    new = book(tmp_path, "new.json", {"model": "a", "per_mtok": {"input": "0.9", "output": "2"}, "uplift": {"eu": "1.1"}},
               {"model": "new", "per_request": "0.5"},
               {"model": "a", "valid_from": "2026-12-01", "per_mtok": {"input": "0.8", "output": "2"}})
    text = tgctl("diff", old, new).stdout
    assert re.search(r"changed +openai a\n +per_mtok\.input +1 -> 0\.9 \(-10\.0%\)\n +uplift\.eu +- -> 1\.1\n", text), text
    assert re.search(r"removed +openai gone\n", text) and re.search(r"added +openai new\n", text)
    assert text.endswith("2 added, 1 removed, 1 changed\n")
    changes = {(c["what"], c["model"]): c for c in json.loads(tgctl("diff", old, new, "--json").stdout)}
    assert changes["changed", "a"]["changes"] == {"per_mtok.input": ["1", "0.9"], "uplift.eu": [None, "1.1"]}
    assert tgctl("diff", old, old).stdout == "0 added, 0 removed, 0 changed\n"
    assert tgctl("diff", "-", SHIPPED).stdout == "0 added, 0 removed, 0 changed\n"
    text = tgctl("history", "a", new).stdout
    assert "openai a from 2026-12-01" in text and "0.9 -> 0.8 (-11.1%)" in text
    assert [e.get("valid_from") for e in json.loads(tgctl("history", "claude-sonnet-5", "--provider", "anthropic",
                                                           "--json").stdout)] == [None, "2026-09-01"]


def test_prices_of_a_configuration(tmp_path):
    conf = tmp_path / "tollgate.yaml"
    conf.write_text("""
listen: 127.0.0.1:0
targets: { a: { provider: openai, base_url: "http://127.0.0.1:9" } }
models: { m: { targets: a } }
price_overrides:
  - { provider: openai, model: gpt-4o, per_mtok: { input: 1, output: 4 } }
""")
    (entry,) = json.loads(tgctl("show", "gpt-4o-2024-05-13", "-c", conf, "--provider", "openai", "--json").stdout)
    assert entry["per_mtok"] == {"input": "1", "output": "4"} and entry["source"] == "configuration"
    conf.write_text(conf.read_text().replace("input: 1", "inptu: 1"))
    assert "tollgate.yaml:6:5: price of openai gpt-4o: unknown key" in tgctl("list", "-c", conf, code=1).stderr
    assert "or -c CONFIG" in tgctl("list", SHIPPED, "-c", conf, code=2).stderr
