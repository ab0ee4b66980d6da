"""build-aux/prices_import.py: exact decimals, what it leaves out, and that the shipped file is what it writes."""

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "build-aux" / "prices_import.py"


def run(tmp_path, models, name="map-2026-08-01.json", *args):
    path = tmp_path / name
    # the numbers as text, as a price map has them
    path.write_text(models if isinstance(models, str) else json.dumps(models))
    done = subprocess.run([sys.executable, SCRIPT, path, *args], capture_output=True, text=True)
    prices = {(e["model"], e.get("valid_from")): e for e in json.loads(done.stdout)["prices"]} if done.returncode == 0 else {}
    return prices, done


def model(attrs, provider="openai", mode="chat"):
    return '{"m": {"litellm_provider": "%s", "mode": "%s", %s}}' % (provider, mode, attrs)


@pytest.mark.parametrize("per_token, per_mtok", [
    ("1.5e-07", "0.15"), ("7.5e-08", "0.075"), ("2.5e-09", "0.0025"), ("0.00018", "180"),
    ("1e-12", "0.000001"), ("3.6250e-09", "0.003625"), ("1", "1000000"),
    # a double would not hold these digits
    ("0.123456789012", "123456.789012"),
])
def test_prices_are_exact(tmp_path, per_token, per_mtok):
    prices, _ = run(tmp_path, model('"input_cost_per_token": %s' % per_token))
    assert prices["m", None]["per_mtok"] == {"input": per_mtok}
    assert prices["m", None]["date"] == "2026-08-01"


def test_what_is_finer_than_a_pico_is_named_not_rounded(tmp_path):
    prices, done = run(tmp_path, model('"input_cost_per_token": 1e-6, "output_cost_per_token": 1.5e-12'))
    assert prices["m", None]["per_mtok"] == {"input": "1"}
    assert "m: not converted: output_cost_per_token = 0.0000000000015 is finer" in done.stderr


def test_units_that_are_not_tokens_are_left_out_and_listed(tmp_path):
    prices, done = run(tmp_path, model('"input_cost_per_second": 0.0001', mode="audio_transcription"))
    assert prices == {}
    assert "m: not converted: input_cost_per_second = 0.0001" in done.stderr
    assert "m: left out" in done.stderr


def test_zero_is_free_only_for_moderation(tmp_path):
    prices, _ = run(tmp_path, model('"input_cost_per_token": 0.0, "output_cost_per_token": 0.0', mode="moderation"))
    assert prices["m", None]["free"] is True and "per_mtok" not in prices["m", None]
    prices, done = run(tmp_path, model('"input_cost_per_token": 0.0, "output_cost_per_token": 0.0'))
    assert prices == {} and "m: left out" in done.stderr


def test_tiers_restate_every_bucket(tmp_path):
    prices, done = run(tmp_path, model(
        '"input_cost_per_token": 3e-6, "cache_read_input_token_cost": 3e-7, "output_cost_per_token": 1.5e-5,'
        '"cache_creation_input_token_cost": 3.75e-6, "cache_creation_input_token_cost_above_1hr": 5e-6,'
        '"input_cost_per_token_above_200k_tokens": 6e-6, "output_cost_per_token_above_200k_tokens": 2.25e-5,'
        '"input_cost_per_token_flex": 1', provider="anthropic"))
    entry = prices["m", None]
    assert entry["per_mtok"] == {"input": "3", "input_cache_read": "0.3", "input_cache_write_5m": "3.75",
                                 "input_cache_write_1h": "6", "output": "15"}
    assert entry["tiers"] == [{"above": 200000, "per_mtok": {
        "input": "6", "input_cache_read": "0.6", "input_cache_write_5m": "7.5", "input_cache_write_1h": "12",
        "output": "22.5"}}]
    assert "the map says 5" in done.stderr and "in proportion to input" in done.stderr


def test_a_dated_name_with_the_same_price_is_not_repeated(tmp_path):
    same = {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1}
    prices, _ = run(tmp_path, {"m": same, "m-2026-01-02": same,
                               "m-2025-01-02": same | {"input_cost_per_token": 2}})
    assert sorted(prices) == [("m", None), ("m-2025-01-02", None)]


def test_the_day_must_be_known(tmp_path):
    _, done = run(tmp_path, "{}", "map.json")
    assert done.returncode != 0 and "--date" in done.stderr


def test_the_shipped_file_is_what_the_script_writes():
    source = ROOT.parent / "shared" / "data" / "prices" / "litellm-model-prices-2026-08-01.json"
    if not source.exists():
        pytest.skip("the public price map is not beside this checkout (../shared/data/prices)")
    done = subprocess.run([sys.executable, SCRIPT, source], capture_output=True, text=True, check=True)
    assert done.stdout == (ROOT / "conf" / "prices.json").read_text()
