"""The short form of ./dev chaos: the cap holds while a gateway is killed and stopped. And no rule of it can be left out in
a program that is not built for that."""

import json
import os
import subprocess

import pytest

from harness import BUILD, PATIENCE, ROOT, TOLLGATE

CHAOS = ROOT / "t" / "chaos" / "chaos.py"


def chaos(*options):
    run = subprocess.run(["/usr/bin/python3", str(CHAOS), "--json", *options], capture_output=True, text=True,
                         timeout=300 * PATIENCE, env={**os.environ, "TG_BUILD": str(BUILD)})
    assert run.stdout.count("\n") == 1, run.stderr[-4000:]
    return run.returncode, json.loads(run.stdout), run.stderr


def holds(code, told, err):
    assert (code, told["findings"]) == (0, []), err[-4000:]
    assert told["overspend_nano"] == told["unjournaled"] == told["invariants_broken"] == 0
    assert told["requests"] > 300 and told["refused"] > 50 and told["accounts_spent"] >= 3, told


def test_one_gateway_and_its_journal():
    code, told, err = chaos("--seconds", "15", "--gateways", "1")
    holds(code, told, err)
    assert told["gateway_kills"] >= 2 and told["utilisation"] > .95, told


def test_without_faults_limits_are_used_up():
    code, told, err = chaos("--seconds", "8", "--gateways", "1", "--no-faults")
    holds(code, told, err)
    assert told["gateway_kills"] == 0 and told["utilisation"] >= .99, told


@pytest.mark.parametrize("word", [b"TG_TEST_OFF", b"TG_TEST_LUA", b"TEST BUILD"])
def test_no_rule_can_be_left_out_here(word):
    assert word not in TOLLGATE.read_bytes()


def test_four_gateways_and_a_redis():
    code, told, err = chaos("--seconds", "30")
    holds(code, told, err)
    assert told["gateway_kills"] >= 2 and told["redis_incarnations"] >= 1 and told["utilisation"] > .95, told
    assert told["redis_looks"] > 50, told
    assert all(told[kind] > 0 for kind in ("hedges", "shadows", "degraded", "canaries")), told
    assert sum(n["while"] + n["after"] for n in told["unavailable_by"].values()) <= told["unavailable"], told
