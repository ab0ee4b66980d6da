"""Guardrails: what is told at a threshold, and requests that a cheaper model serves, never in silence."""

import json
import subprocess

import pytest

from harness import BUILD, MODEL, chat, merged, standard_config, wait_for

TGCTL = BUILD / "tgctl"
GUARD = {"budget": "all", "at": ["50%", "75%", "100%"], "do": ["notify", "degrade", "block"],
         "degrade": {"from": MODEL, "to": "small"}}


@pytest.fixture
def guarded(launch, tmp_path, simulator):
    def start(**tenant):
        sim = simulator()
        config = standard_config(sim.listen, tmp_path)
        config["models"] = {MODEL: {"targets": "openai"}, "small": {"targets": [{"target": "openai", "model": "gpt-4.1-nano"}]}}
        config["budgets"] = [{"name": "all", "limits": {"requests": "4/day"}}]
        config["guardrails"] = [GUARD]
        config["tenants"]["acme"].update(tenant)
        return launch(config), sim

    return start


def spent(gw, n):
    def used():
        for row in gw.admin_get("/admin/v1/quota").json["limits"]:
            if row["scope"] == "budget:all":
                return str(row["used"]) == str(n)

    wait_for(used, f"{n} requests to be spent")


def ask(gw, n, **more):
    response = chat(gw.listen, **more)
    assert response.status == 200, response
    spent(gw, n)
    return response


def test_a_cheaper_model_serves(guarded):
    gw, sim = guarded(may_degrade=True)
    for n in (1, 2, 3):
        assert ask(gw, n).get("x-tollgate-degraded") is None
    wait_for(lambda: gw.errors().count("limit has come to a threshold") == 2, "both thresholds to be told")
    assert 'guardrail="budget all" at=50.00% do=notify account=budget:all/requests/day/' in gw.errors()
    page = gw.admin_get(f"/admin/v1/route/explain?tenant=acme&model={MODEL}").json
    assert page["model"] == "small" and page["degraded"] == "small: budget all 75%"
    run = subprocess.run([TGCTL, "route", "explain", "--tenant", "acme", "--model", MODEL, "--admin", gw.admin],
                         capture_output=True, text=True)
    assert run.returncode == 0 and "model small (degraded: small: budget all 75%)" in run.stdout, run
    response = ask(gw, 4, headers={"x-tollgate-explain": "1"})
    assert response.get("x-tollgate-degraded") == "small: budget all 75%"
    assert "degraded (small: budget all 75%)" in response.get("x-tollgate-route")
    assert [json.loads(r["body"])["model"] for r in sim.requests(4)] == [MODEL] * 3 + ["gpt-4.1-nano"]
    line = gw.line_of(response.id)
    assert line["model"] == MODEL and line["degraded"] == "small: budget all 75%"
    def exported():
        run = subprocess.run([TGCTL, "export", "jsonl", "--ledger", gw.config["ledger"]["path"]], capture_output=True, text=True)
        rows = [json.loads(text) for text in run.stdout.splitlines()]
        return rows if len(rows) == 4 else None

    rows = wait_for(exported, "four charges in the ledger")
    assert rows[-1]["model"] == MODEL and rows[-1]["target_model"] == "gpt-4.1-nano" and "degraded" in rows[-1]["flags"], rows
    assert all("degraded" not in row["flags"] for row in rows[:-1])
    # the limit itself
    assert chat(gw.listen).status == 429
    gw.metric_is(1 + 1, "tollgate_degraded_total")
    gw.metric_is(3, "tollgate_guardrail_crossed_total")
    # a reload tells nothing again
    gw.reload(merged(gw.config, {"tags": {"optional": ["team"]}}))
    assert gw.errors().count("limit has come to a threshold") == 3


def test_never_without_consent(guarded):
    gw, sim = guarded()
    for n in (1, 2, 3, 4):
        assert ask(gw, n).get("x-tollgate-degraded") is None
    assert {json.loads(r["body"])["model"] for r in sim.requests(4)} == {MODEL}
