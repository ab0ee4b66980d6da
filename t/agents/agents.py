#!/usr/bin/env python3
"""Coding agents as their vendors ship them, through the gateway, on models of their own provider and of another one's.

Installs them with npm into build/agents, in a home of their own and without a login; the provider is the simulator.
An agent that cannot be installed here is skipped, and says so.

usage: agents.py [--keep]
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "t/e2e"))
from harness import CLAUDE, KEY, PROVIDER_KEY, Gateway, Simulator, sha256, wait_for  # noqa: E402

HERE = ROOT / "build/agents"
PACKAGES = {"claude": "@anthropic-ai/claude-code@2.1.332", "codex": "@openai/codex@0.171.0"}
# agent, the model it asks for, the target that serves it, the model there
CASES = (("claude", "claude-own", "anthropic", CLAUDE), ("claude", "claude-crossed", "openai", "gpt-4o-mini"),
         ("codex", "gpt-own", "openai", "gpt-4o-mini"), ("codex", "gpt-crossed", "anthropic", CLAUDE))
PATIENCE = 180
QUESTION = "Say hello. Do nothing else."


def install(name):
    """None, or why not."""
    done = HERE / name / ".installed"
    if done.exists() and done.read_text() == PACKAGES[name]:
        return None
    shutil.rmtree(HERE / name, ignore_errors=True)
    (HERE / name).mkdir(parents=True)
    print(f"==> installing {PACKAGES[name]}", flush=True)
    run = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(HERE / name), PACKAGES[name]],
                         capture_output=True, text=True, timeout=600)
    if run.returncode != 0:
        return f"npm cannot install it here: {run.stderr.strip().splitlines()[-1] if run.stderr.strip() else run.returncode}"
    done.write_text(PACKAGES[name])
    return None


def config(sim, folder):
    target = {"base_url": f"http://{sim.listen}", "key": PROVIDER_KEY}
    small = {"targets": {"target": "openai", "model": "gpt-4o-mini"}, "on_unsupported": "drop"}
    return {
        "listen": [{"address": "127.0.0.1:0"}], "admin": {"address": "127.0.0.1:0"}, "workers": 1,
        "ledger": {"path": str(folder / "ledger"), "segment": "1m"},
        "targets": {"openai": {"provider": "openai", **target}, "anthropic": {"provider": "anthropic", **target}},
        "models": {"small": small, **{asked: {"targets": {"target": target, "model": model}, "on_unsupported": "drop"}
                                      for _, asked, target, model in CASES}},
        "tenants": {"acme": {"keys": [{"id": "agent", "sha256": sha256(KEY)}]}},
        "log": {"access": str(folder / "access.jsonl")},
    }


def command(agent, model, gw, home):
    program = HERE / agent / "node_modules/.bin" / agent
    env = {"HOME": str(home), "PATH": os.environ["PATH"], "NO_COLOR": "1"}
    if agent == "claude":
        env |= {"ANTHROPIC_BASE_URL": f"http://{gw.listen}", "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_DEFAULT_HAIKU_MODEL": "small",
                "DISABLE_TELEMETRY": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}
        return [program, "-p", QUESTION, "--model", model], env
    (home / ".codex").mkdir()
    (home / ".codex/config.toml").write_text(
        f'model = "{model}"\nmodel_provider = "tollgate"\n[model_providers.tollgate]\nname = "tollgate"\n'
        f'base_url = "http://{gw.listen}/v1"\nenv_key = "TOLLGATE_KEY"\nwire_api = "responses"\n')
    return [program, "exec", "--skip-git-repo-check", QUESTION], env | {"TOLLGATE_KEY": KEY}


def attempt(agent, model, target, gw, folder):
    """None, or what went wrong."""
    home = folder / f"home-{model}"
    home.mkdir()
    argv, env = command(agent, model, gw, home)
    before = len(gw.access_lines())
    run = subprocess.run([str(a) for a in argv], cwd=home, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         timeout=PATIENCE)
    lines = wait_for(lambda: [l for l in gw.access_lines()[before:] if l.get("model") == model], "a request of the agent's")
    good = [l for l in lines if l["status"] == 200 and l["end"] == "ok"]
    if run.returncode != 0:
        return f"it ended with {run.returncode}: {(run.stdout + run.stderr)[-600:]}"
    if not good or any(l["target"] != target or l["quality"] != "exact" or float(l["cost_usd"]) <= 0 for l in good):
        return f"its requests: {json.dumps(lines)[:600]}"
    # The simulator answers in words of three letters, and nothing else does.
    if not any(len(w) == 3 and w.isalpha() for w in run.stdout.split()):
        return f"no answer in what it printed: {run.stdout[-300:]!r} {run.stderr[-300:]!r}"
    return None


def main():
    passed = failed = skipped = 0
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tollgate-agents."))
    sim = Simulator(folder)
    gw = Gateway(folder, config(sim, folder))
    try:
        for agent, model, target, _ in CASES:
            name = f"{agent}: {model} served by {target}"
            why = install(agent)
            if why is not None:
                skipped += 1
                print(f"skip {name}: {why}", flush=True)
                continue
            wrong = attempt(agent, model, target, gw, folder)
            passed, failed = passed + (wrong is None), failed + (wrong is not None)
            print(f"ok {name}" if wrong is None else f"not ok {name}: {wrong}", flush=True)
    finally:
        gw.end()
        sim.end()
        if "--keep" not in sys.argv:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


sys.exit(main())
