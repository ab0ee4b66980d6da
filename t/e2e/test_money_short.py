"""The short form of ./dev money: some hundred mixed requests and a kill of the gateway, and the two ledgers agree. And the
test itself: a ledger that lacks a record, has one twice or one that is a pico-dollar too cheap is found out."""

import json
import os
import subprocess

import pytest

from harness import BUILD, PATIENCE, ROOT

MONEY = ROOT / "t" / "money" / "money.py"


def money(*options):
    run = subprocess.run(["/usr/bin/python3", str(MONEY), "--json", *options], capture_output=True, text=True,
                         timeout=120 * PATIENCE, env={**os.environ, "TG_BUILD": str(BUILD)})
    assert run.stdout.count("\n") == 1, run.stderr[-4000:]
    return run.returncode, json.loads(run.stdout), run.stderr


def test_every_request_is_in_the_ledger_once_with_its_price():
    code, told, err = money("--requests", "600", "--kill", "1")
    assert (code, told["problems"]) == (0, []), err[-4000:]
    assert told["requests"] == 600 and told["kills"] == told["restarts"] == 1 and told["verify_ok"]
    for name in ("missing", "duplicated", "cost_mismatch", "estimated_below_truth"):
        assert told[name] == 0, told
    assert told["settled"] > 400 and told["estimated"] > 20 and told["crash_worst"] >= 1 and told["voided"] >= 1
    assert told["aborted"] > 20 and told["legs"] > told["settled"]


@pytest.mark.parametrize("how,what", [("drop", "missing"), ("double", "duplicated"), ("cheap", "cost_mismatch")])
def test_a_ledger_that_was_tampered_with_is_found_out(how, what):
    code, told, _ = money("--requests", "150", "--kill", "0", "--sabotage", how)
    assert code == 1 and told[what] >= 1
    found = [p for p in told["problems"] if not p.startswith("not tested:")]
    assert found, told
