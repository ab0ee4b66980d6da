"""What the money and the chaos test have in common: what gateways must never write, and what tgctl makes of a ledger."""

import json
import pathlib
import subprocess

import harness

REPORTS = ("panic", "ERROR: AddressSanitizer", "LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer")


class Trouble(Exception):
    """The test could not be carried out, or something died that must not."""


def tgctl(*arguments):
    run = subprocess.run([str(harness.BUILD / "tgctl"), *map(str, arguments)], capture_output=True, text=True)
    return run.returncode, run.stdout, run.stderr


def jsonl(path_or_text):
    text = path_or_text.read_text() if isinstance(path_or_text, pathlib.Path) else path_or_text
    return [json.loads(line) for line in text.splitlines()]


def export_of(ledger):
    code, out, err = tgctl("export", "jsonl", "--ledger", ledger)
    if code != 0:
        raise Trouble(f"tgctl export: {code}: {err[-2000:]}")
    return jsonl(out)


def verify(ledger):
    code, out, err = tgctl("ledger", "verify", "--json", "--ledger", ledger)
    try:
        return code == 0, json.loads(out)
    except ValueError:
        return False, {"error": (out + err)[-2000:]}
