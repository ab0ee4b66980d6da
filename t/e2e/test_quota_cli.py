"""`tgctl quota`: what operators see of limits, and what they change by hand."""
import json
import os
import re
import shutil
import subprocess

import pytest

from harness import BUILD, KEY, chat, sha256

LIMITS = {"requests": ["4/day", "100/month"], "cost": "1 usd/day"}


@pytest.fixture
def start(gateway, tmp_path):
    """A gateway whose ledger the next one finds."""
    def begin(changes=None):
        gw = gateway({**limited(), "ledger": {"path": str(tmp_path / "kept")}, **(changes or {})})
        gw.ledger = tmp_path / "kept"
        return gw
    return begin


def limited(limits=LIMITS):
    return {"orgs": {"acme-inc": {"limits": {"cost": "20 usd/month"}}},
            "tenants": {"acme": {"org": "acme-inc", "limits": limits}}}


def tgctl(gw, *arguments, admin=True):
    where = ["--admin", gw.admin] if admin else []
    return subprocess.run([str(BUILD / "tgctl"), "quota", *map(str, arguments), *where, "-c", str(gw.config_path)],
                          capture_output=True, text=True, timeout=60)


def ok(gw, *arguments, **more):
    done = tgctl(gw, *arguments, **more)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def limits_of(gw, scope="tenant:acme"):
    page = json.loads(ok(gw, "show", "--scope", scope, "--json"))
    return {row["limit"].split("/", 1)[1] + " " + row["dimension"]: row for row in page["limits"]}


def changes(gw):
    return [json.loads(line) for line in (gw.ledger / "quota.changes").read_text().splitlines()]


def statuses(gw, n):
    return [chat(gw.listen).status for _ in range(n)]


def test_show_and_tree(start):
    gw = start()
    assert statuses(gw, 1) == [200]
    shown = ok(gw, "show")
    assert re.search(r"^tenant:acme +requests +4/day +1\b", shown, re.M), shown
    assert "org:acme-inc" in shown and "tenant:acme" not in ok(gw, "show", "--scope", "org:acme-inc")
    assert "requests" not in ok(gw, "show", "--dimension", "cost")
    tree = ok(gw, "tree")
    lines = [line.split()[0] for line in tree.splitlines() if line.strip().startswith(("org:", "tenant:", "key:"))]
    assert lines.index("org:acme-inc") < lines.index("tenant:acme"), tree
    assert re.search(r"^org:acme-inc", tree, re.M) and re.search(r"^  tenant:acme", tree, re.M)
    assert re.search(r"^    key:", tree, re.M), tree
    assert "no such limits" in ok(gw, "show", "--scope", "tenant:nobody")


def test_an_adjustment_is_in_force_and_stays(start):
    gw = start()
    assert statuses(gw, 5) == [200] * 4 + [429]
    ok(gw, "adjust", "tenant:acme", "requests", "-2/day", "--why", "two were ours")
    assert limits_of(gw)["day requests"]["used"] == 2 and limits_of(gw)["month requests"]["used"] == 4
    assert statuses(gw, 3) == [200, 200, 429]
    line = changes(gw)[0]
    assert (line["op"], line["why"], line["before"], line["after"], line["amount"]) == \
        ("adjust", "two were ours", "4", "2", -2)
    assert line["account"].startswith("tenant:acme/requests/day/") and line["who"] and line["time"]
    gw.signal(15)
    gw.wait()
    gw = start()
    assert limits_of(gw)["day requests"]["used"] == 4 and statuses(gw, 1) == [429]
    ok(gw, "adjust", "tenant:acme", "requests", "-1", "--why", "all periods")
    assert limits_of(gw)["day requests"]["used"] == 3 and limits_of(gw)["month requests"]["used"] == 5


def test_nothing_is_used_less_than_not_at_all(start):
    gw = start()
    assert statuses(gw, 1) == [200]
    ok(gw, "adjust", "tenant:acme", "requests", "-50", "--why", "too much")
    assert limits_of(gw)["day requests"]["used"] == 0
    ok(gw, "adjust", "tenant:acme", "cost", "+1.5", "--why", "a bill from elsewhere")
    assert limits_of(gw)["day cost"]["free"] == "0" and statuses(gw, 1) == [429]


def test_a_limit_that_was_set_stays_over_reload_and_restart(start):
    gw = start()
    assert statuses(gw, 5)[-1] == 429
    printed = ok(gw, "set", "tenant:acme", "requests", "6/day", "--why", "launch day")
    assert "6/day" in printed and "4/day" in printed
    assert statuses(gw, 3) == [200, 200, 429]
    gw.reload(gw.config)
    row = limits_of(gw)["day requests"]
    assert (row["limit"], row["configured"]) == ("6/day", "4/day")
    gw.signal(15)
    gw.wait()
    gw = start()
    assert limits_of(gw)["day requests"]["limit"] == "6/day" and statuses(gw, 1) == [429]
    ok(gw, "set", "tenant:acme", "requests", "configured", "--why", "it is over")
    assert limits_of(gw)["day requests"]["limit"] == "4/day"
    assert [c["after"] for c in changes(gw)] == ["6/day", "configured", "configured"]


@pytest.mark.parametrize("arguments, says", [
    (["adjust", "tenant:acme", "requests", "-1"], "--why"),
    (["adjust", "tenant:acme", "requests", "much", "--why", "x"], "amount"),
    (["adjust", "tenant:nobody", "requests", "-1", "--why", "x"], "no limit"),
    (["adjust", "tenant:acme", "cost", "-1 eur", "--why", "x"], "amount"),
    (["adjust", "tenant:acme", "wishes", "-1", "--why", "x"], "dimension"),
    (["set", "tenant:acme", "requests", "5/fortnight", "--why", "x"], "fortnight"),
    (["set", "tenant:acme", "requests", "5/week", "--why", "x"], "no limit"),
    (["show", "--dimension", "wishes"], "wishes"),
    (["show", "--colour"], "--colour"),
    (["shwo"], "show"),
    (["explain", "42"], "request id"),
    (["explain", "req_0123456789abcdef01234567"], "neither"),
])
def test_bad_words(start, arguments, says):
    gw = start()
    done = tgctl(gw, *arguments)
    assert done.returncode in (1, 2) and says in done.stderr, done.stderr
    assert not (gw.ledger / "quota.changes").read_text()


def test_explain(start):
    gw = start()
    good = chat(gw.listen)
    assert statuses(gw, 3) == [200] * 3
    refused = chat(gw.listen)
    assert refused.status == 429
    gw.line_of(refused.id)
    told = ok(gw, "explain", good.id, admin=False)
    assert "HOLD" in told.upper() and "SETTLE" in told.upper() and "acme" in told, told
    told = ok(gw, "explain", refused.id, admin=False)
    assert "nothing of it was held" in told and "by the limit tenant:acme/requests/day/" in told, told
    both = json.loads(ok(gw, "explain", refused.id, "--json", admin=False))
    assert both["ledger"] == [] and both["access_log"]["status"] == 429


def test_the_token_and_a_gateway_that_is_down(start):
    gw = start({"admin": {"token": "s3cret-token-of-the-admin"}})
    ok(gw, "show")
    bare = subprocess.run([str(BUILD / "tgctl"), "quota", "show", "--admin", gw.admin], capture_output=True, text=True,
                          timeout=60, env={**os.environ})
    assert bare.returncode == 1 and "401" in bare.stderr, bare.stderr
    gw.signal(15)
    gw.wait()
    done = tgctl(gw, "show")
    assert done.returncode == 1 and "admin listener" in done.stderr


def test_a_damaged_file_of_changes(start):
    """A line that was cut off by a power cut was never in force; anything else must be mended."""
    gw = start()
    ok(gw, "set", "tenant:acme", "requests", "6/day", "--why", "x")
    gw.signal(15)
    gw.wait()
    path = gw.ledger / "quota.changes"
    whole = path.read_text()
    path.write_text(whole + '{"op":"set","sco')
    gw = start()
    assert limits_of(gw)["day requests"]["limit"] == "6/day" and path.read_text() == whole
    gw.signal(15)
    gw.wait()
    path.write_text(whole + '{"op":"give"}\n')
    with pytest.raises(AssertionError, match="quota.changes:2"):
        start()
    path.write_text(json.dumps({**json.loads(whole), "op": "adjust", "amount": -2**63}) + "\n")
    with pytest.raises(AssertionError, match="quota.changes:1"):
        start()


def test_a_limit_is_not_less_than_what_is_kept_of_it(start):
    """Else the parts would be what the limit no longer is."""
    acme = {"acme": {"org": "acme-inc", "limits": LIMITS}}

    def org(part):
        return {"orgs": {"acme-inc": {"limits": {"requests": "10/month"}, "reserved": [
            {"tenant": "acme", "dimension": "requests", "limit": f"{part}/month"}]}}, "tenants": acme}

    def limits():
        page = json.loads(ok(gw, "show", "--scope", "org:acme-inc", "--json"))
        return sorted(row["limit"] for row in page["limits"])

    gw = start(org(3))
    done = tgctl(gw, "set", "org:acme-inc", "requests", "2/month", "--why", "x")
    assert done.returncode == 1 and "reserved" in done.stderr, done.stderr
    assert not (gw.ledger / "quota.changes").read_text()
    ok(gw, "set", "org:acme-inc", "requests", "4/month", "--why", "x")
    assert limits() == ["3/month", "4/month"]
    gw.reload({**gw.config, **org(5)})
    assert limits() == ["5/month"] * 2
    assert gw.metric("tollgate_quota_limit", scope="org:acme-inc", source="limit") == 0
    assert gw.metric("tollgate_quota_limit", scope="org:acme-inc", source="reserved", of="acme") == 5


def verify(gw, *arguments):
    done = tgctl(gw, "verify", "--json", *arguments)
    out = json.loads(done.stdout)
    assert done.returncode == (0 if out["ok"] else 1), done.stderr
    return out, {rule["rule"]: rule for rule in out["rules"]}


def test_verify(start, tmp_path):
    keys = [{"id": "laptop", "sha256": sha256(KEY), "limits": {"requests": "50/day"}}]
    gw = start({"tenants": {"acme": {**limited()["tenants"]["acme"], "keys": keys}}})
    assert statuses(gw, 5) == [200] * 4 + [429]
    ok(gw, "adjust", "tenant:acme", "requests", "-1/day", "--why", "x")
    assert statuses(gw, 1) == [200]
    gw.wait_lines(6)
    out, rules = verify(gw)
    assert out["ok"], out
    for name in ("holds", "books", "ledger", "limit", "parent", "explained"):
        assert rules[name]["checked"] > 0, (name, out)
    assert re.search(r"^ledger +holds", ok(gw, "verify"), re.M)
    # another ledger does not have what was used
    other = tmp_path / "other"
    shutil.copytree(gw.ledger, other)
    assert statuses(gw, 1) == [429]
    ok(gw, "set", "tenant:acme", "requests", "9/day", "--why", "x")
    assert statuses(gw, 1) == [200]
    out, rules = verify(gw, "--ledger", other)
    assert rules["ledger"]["broken"] > 0 and rules["limit"]["broken"] == 0, out
    assert any("tenant:acme/requests/day" in found["text"] for found in out["findings"])
    # a refusal that names no limit
    with open(gw.access_path(), "a") as log:
        log.write('{"id":"req_x","error":"insufficient_quota"}\n')
    out, rules = verify(gw)
    assert rules["explained"]["broken"] == 1 and rules["ledger"]["broken"] == 0, out
