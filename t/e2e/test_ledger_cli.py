"""The commands that read a ledger, over one made by hand (t/tools/ledger_make): what they add up, what they find broken,
and that nothing a disk can do to the files makes them crash."""

import collections
import csv
import datetime
import fcntl
import fractions
import io
import json
import random
import re
import shutil
import signal
import struct
import subprocess

import pytest

from harness import BUILD, ROOT, chat, wait_for

F = fractions.Fraction
MONTH = ("--month", "2025-11")
SEGMENT_HEAD = 256


def tgctl(*arguments, **more):
    return subprocess.run([str(BUILD / "tgctl"), *map(str, arguments)], capture_output=True, text=True, timeout=60, **more)


def run(*arguments):
    done = tgctl(*arguments)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def make(folder, *options):
    subprocess.run([str(BUILD / "t/tools/ledger_make"), str(folder), *options], check=True)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp("ledger") / "ledger")


@pytest.fixture
def ledger(made, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(made, tmp_path / "ledger")


def charges(ledger, *more):
    return [json.loads(line) for line in run("export", "jsonl", "--ledger", ledger, *more).splitlines()]


def usage(ledger, *more):
    return json.loads(run("usage", "--json", "--ledger", ledger, *MONTH, *more))


# ---- sums

def model_of(c):
    return c["model_served"] or c["target_model"]


GROUPS = {
    "tenant": lambda c: (c["tenant"],),
    "tenant,model,key": lambda c: (c["tenant"], c["key"], model_of(c)),
    "day,target,region": lambda c: (c["start"][:10], c["target"], c["region"]),
    "hour,org": lambda c: (c["start"][:13] + ":00:00Z", c["org"]),
    "tag:team,tag:env": lambda c: (c["tags"].get("team"), c["tags"].get("env")),
    "month,provider,tier,service_tier": lambda c: (c["start"][:7], c["tier"], c["provider"], c["service_tier"]),
}
USD = ("list_usd", "contracted_usd", "billed_usd")


@pytest.mark.parametrize("by", GROUPS)
def test_a_report_is_the_sum_of_the_export(made, by):
    want = collections.defaultdict(collections.Counter)
    for c in charges(made):
        group = want[GROUPS[by](c)]
        for name in USD:
            group[name] += F(c[name])
        if c["quality"] != "exact":
            group["estimated_usd"] += F(c["contracted_usd"])
        group["requests"] += c["type"] == "settle"
        group["voided"] += c["type"] == "void"
        group["failed"] += c["type"] == "settle" and not 200 <= c["status"] < 300
        group["unpriced"] += "unpriced" in c["flags"]
        for bucket, n in c["usage"].items():
            group["units." + bucket] += n
    answer = usage(made, "--by", by)
    # members come in the order of the table of texts, times first and tags last
    order = [n for n in ("hour", "day", "month", "org", "tenant", "tier", "key", "model", "provider", "target", "region",
                         "service_tier") if n in by.split(",")] + [w for w in by.split(",") if w.startswith("tag:")]
    got = {}
    for row in answer["rows"]:
        key = tuple(row[n] for n in order)
        assert key not in got
        got[key] = collections.Counter({n: F(row[n]) for n in (*USD, "estimated_usd")})
        got[key].update({n: row[n] for n in ("requests", "voided", "failed", "unpriced")})
        got[key].update({"units." + b: n for b, n in row["units"].items()})
    assert {k: +v for k, v in got.items()} == {k: +v for k, v in want.items()}
    for name in USD:
        assert F(answer["total"][name]) == sum(F(c[name]) for c in charges(made))


def test_time_and_conditions(made):
    lines = charges(made)
    sales = usage(made, "--tenant", "sales")["total"]
    assert F(sales["contracted_usd"]) == sum(F(c["contracted_usd"]) for c in lines if c["tenant"] == "sales")
    tagged = usage(made, "--tag", "team=café", "--tag", "env=prod", "--model", "gpt-4o-mini")["total"]
    want = [c for c in lines if c["tags"] == {"team": "café", "env": "prod"} and model_of(c) == "gpt-4o-mini"]
    assert want and F(tagged["billed_usd"]) == sum(F(c["billed_usd"]) for c in want)
    some = json.loads(run("usage", "--json", "--ledger", made, "--since", "2025-11-26T01:30:00+01:00", "--until", "2025-11-27"))
    want = [c for c in lines if "2025-11-26T00" <= c["start"] < "2025-11-27"]
    assert some["from"] == "2025-11-26T00:00:00Z" and some["to"] == "2025-11-27T00:00:00Z"
    assert some["total"]["requests"] == sum(c["type"] == "settle" for c in want) > 0
    assert usage(made, "--month", "2024-11")["rows"] == []


def test_the_table_and_the_csv_have_the_same_rows(made):
    rows = usage(made, "--by", "tenant,tag:team")["rows"]
    table = run("usage", "--ledger", made, *MONTH, "--by", "tenant,tag:team").splitlines()
    assert table[0].split()[:2] == ["tenant", "tag:team"] and len({len(line) for line in table}) == 1
    assert len(table) == len(rows) + 3 and set(table[-2]) == {"-"} and table[-1].startswith("total")
    for line, row in zip(table[1:], rows):
        assert line.startswith(row["tenant"]) and (row["tag:team"] or "(no tag)") in line
        assert F(line.split()[-4]) == F(row["contracted_usd"]) and F(line.split()[-3]) == F(row["billed_usd"])
    sheet = list(csv.DictReader(io.StringIO(run("usage", "--csv", "--ledger", made, *MONTH, "--by", "tenant,tag:team"))))
    assert [(r["tenant"], r["contracted_usd"], int(r["input"]), int(r["exact"])) for r in sheet] == \
        [(r["tenant"], r["contracted_usd"], r["units"]["input"], r["quality"]["exact"]) for r in rows]
    assert "'=cmd" in {r["tag:team"] for r in sheet}  # a spreadsheet must not run it


# ---- exports

def test_csv_and_jsonl_say_the_same(made, tmp_path):
    lines = charges(made)
    out = tmp_path / "export.csv"
    assert run("export", "csv", "--ledger", made, "-o", out) == ""
    with open(out, newline="", encoding="utf-8") as f:
        text = f.read()
    assert text.count("\r\n") == len(lines) + 1 and "\n" not in text.replace("\r\n", "")
    sheet = list(csv.DictReader(io.StringIO(text)))
    assert len(sheet) == len(lines) > 1900
    for row, line in zip(sheet, lines):
        units = {n: int(row[n]) for n in line["usage"]}
        assert units == line["usage"]
        for name, value in line.items():
            if name == "usage":
                continue
            if name == "flags":
                assert row[name].split() == value
            elif name == "tags":
                assert json.loads(row[name] or "{}") == value
            elif name in ("end_user", "provider_request_id"):
                assert row[name] == ("'" + value if value else "")
            elif isinstance(value, bool):
                assert row[name] == str(value).lower()
            else:
                assert row[name] == ("" if value is None else str(value))


def test_parts_of_an_export(made):
    lines = charges(made)
    assert charges(made, "--period", "2025-11") == lines and charges(made, "--period", "2025-10") == []
    assert charges(made, "--tenant", "lab") == [c for c in lines if c["tenant"] == "lab"]
    day = charges(made, "--since", "2025-11-27", "--until", "2025-11-28")
    assert day == [c for c in lines if c["start"].startswith("2025-11-27")] and day
    assert len({(c["segment"], c["seq"]) for c in lines}) == len(lines)
    ended = [c["id"] for c in lines if c["type"] != "leg"]
    assert len(set(ended)) == len(ended)


@pytest.mark.parametrize("arguments", [("export", "jsonl"), ("export", "csv"), ("usage", *MONTH, "--by", "hour,key", "--csv"),
                                       ("ledger", "dump")])
def test_a_full_disk_is_no_success(made, arguments):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([str(BUILD / "tgctl"), *arguments, "--ledger", str(made)], stdout=full, stderr=subprocess.PIPE,
                              text=True, timeout=60, check=False)
    assert done.returncode == 1 and "could not be written" in done.stderr


# ---- looking in

def test_dump_has_every_record(made):
    records = [json.loads(line) for line in run("ledger", "dump", "--json", "--ledger", made).splitlines()]
    kinds = collections.Counter(r["type"] for r in records)
    report = json.loads(run("ledger", "verify", "--json", "--ledger", made))
    assert len(records) == report["records"] == len(run("ledger", "dump", "--ledger", made).splitlines())
    assert kinds["hold"] == report["holds"] + report["carried"] and kinds["settle"] == report["settled"]
    assert kinds["void"] == report["voided"] and kinds["leg"] == report["legs"] and kinds["progress"] == report["progress"]
    one = [json.loads(line) for line in run("ledger", "dump", "--json", "--segment", "3", "--ledger", made).splitlines()]
    assert one == [r for r in records if r["segment"] == 3] and [r["seq"] for r in one] == list(range(1, len(one) + 1))
    assert tgctl("ledger", "dump", "--segment", "99", "--ledger", made).returncode == 1


def test_the_last_ones(made):
    lines = sorted(charges(made), key=lambda c: c["time"])
    for n in (0, 1, 10, 300, 5000):
        got = [json.loads(line) for line in run("ledger", "tail", "--json", "-n", n, "--ledger", made).splitlines()]
        assert [c["id"] for c in got] == [c["id"] for c in lines[len(lines) - min(n, len(lines)):]]
    assert run("ledger", "tail", "--ledger", made).count("\n") == 10


def test_tail_follows_what_is_written(made, tmp_path):
    name = "0000000000000003.tgj"
    whole = (made / "journal" / name).read_bytes()
    sealed = charges_of(made, 3)
    folder = tmp_path / "journal"
    folder.mkdir()
    growing = bytearray(whole[:SEGMENT_HEAD]) + bytes(len(whole) - SEGMENT_HEAD)
    growing[112:128] = struct.pack("<QQ", SEGMENT_HEAD, 0)  # synced, sealed
    (folder / name).write_bytes(growing)
    out = tmp_path / "out"
    with open(out, "w", encoding="utf-8") as f:
        tail = subprocess.Popen([str(BUILD / "tgctl"), "ledger", "tail", "-f", "-n", "5000", "--json", "--ledger", str(tmp_path)], stdout=f)
    try:
        with open(folder / name, "r+b") as f:
            for at in range(SEGMENT_HEAD, len(whole), 5000):  # in the middle of records, too
                f.seek(at)
                f.write(whole[at:at + 5000])
                f.flush()
        seen = lambda: out.read_text(encoding="utf-8").count("\n")
        wait_for(lambda: seen() == len(sealed), "the charges of the segment")
        shutil.copy(made / "journal" / "0000000000000004.tgj", folder)
        wait_for(lambda: seen() == len(sealed) + len(charges_of(made, 4)), "the next segment's")
    finally:
        tail.terminate()
        tail.wait()
    ids = [json.loads(line)["id"] for line in out.read_text(encoding="utf-8").splitlines()]
    assert ids[:len(sealed)] == [c["id"] for c in sealed]


def charges_of(ledger, segment):
    return [c for c in charges(ledger) if c["segment"] == segment]


# ---- promises

def verify(ledger, *more):
    done = tgctl("ledger", "verify", "--json", "--ledger", ledger, *more)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout) if done.stdout else None
    if report:
        assert report["ok"] == (done.returncode == 0) == all(r["ok"] for r in report["rules"].values())
    return report, done


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x40
    path.write_bytes(data)


def test_a_whole_ledger_verifies(made):
    report, _ = verify(made)
    lines = charges(made)
    assert report["ok"] and report["findings"] == [] and report["open"] == 2 and report["missing"] == 0
    assert sum(F(d["exports"]["billed_usd"]) for d in report["days"]) == sum(F(c["billed_usd"]) for c in lines)
    text = run("ledger", "verify", "--ledger", made)
    assert text.count("\nok ") == len(report["rules"]) and "BROKEN" not in text


def test_a_lost_record_is_missed(ledger):
    for at in range(5000, 7000, 400): # among them a record that counts
        flip(ledger / "journal" / "0000000000000004.tgj", at)
    report, _ = verify(ledger)
    assert not report["rules"]["readable"]["ok"] and not report["rules"]["rollups"]["ok"]
    assert "segment 4" in report["findings"][0]["what"] and report["lost_bytes"] > 0
    report, _ = verify(ledger, "--salvage")
    assert report["rules"]["readable"]["ok"] and not report["rules"]["rollups"]["ok"]
    done = tgctl("export", "jsonl", "--ledger", ledger)
    assert done.returncode == 1 and "segment 4 has an unreadable record" in done.stderr
    assert tgctl("export", "jsonl", "--salvage", "--ledger", ledger).returncode == 0
    done = tgctl("ledger", "dump", "--ledger", ledger)
    assert done.returncode == 1 and "damage: segment 4" in done.stdout


def test_a_damaged_day_is_made_anew(ledger):
    day = ledger / "rollup" / "2025-11-26.tgr"
    before = usage(ledger, "--by", "hour,tenant,key,model,tags")
    flip(day, day.stat().st_size // 2)
    done = tgctl("usage", "--ledger", ledger, *MONTH)
    assert done.returncode == 1 and "2025-11-26.tgr" in done.stderr and "verify --rebuild" in done.stderr
    report, _ = verify(ledger)
    assert not report["rules"]["files"]["ok"] and report["rules"]["rollups"]["ok"]
    with open(ledger / "lock", "w", encoding="utf-8") as lock:
        lock.write("4711\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        report, done = verify(ledger, "--rebuild")
        assert not report["ok"] and "process 4711" in done.stderr
    report, done = verify(ledger, "--rebuild")
    assert report["ok"] and "1 day made anew" in done.stderr
    assert usage(ledger, "--by", "hour,tenant,key,model,tags") == before


def test_a_day_whose_journal_is_gone_is_not_made_up(ledger):
    for name in ("0000000000000001.tgj.zst", "0000000000000003.tgj"):
        (ledger / "journal" / name).unlink()
    report, _ = verify(ledger)
    assert report["ok"] and report["missing"] == 2 and not report["days"][0]["complete"]
    flip(ledger / "rollup" / "2025-11-25.tgr", 300)
    report, done = verify(ledger, "--rebuild")
    assert not report["rules"]["files"]["ok"] and "segment 1 of the journal" in done.stderr


def test_rollups_can_be_made_from_nothing(ledger):
    before = usage(ledger, "--by", "day,tenant,tags")
    shutil.rmtree(ledger / "rollup")
    assert usage(ledger, "--by", "day,tenant,tags") == before
    assert verify(ledger)[0]["ok"]


# ---- a provider's figures

def bill(ledger):
    days = collections.defaultdict(collections.Counter)
    for c in charges(ledger):
        day = days[c["start"][:10], model_of(c), c["provider"]]
        if c["type"] == "settle" and c["status"] == 200:
            day["requests"] += 1
        day["cost"] += F(c["contracted_usd"])
        for bucket, n in c["usage"].items():
            if bucket.startswith(("input", "output")):
                day[bucket.split("_")[0]] += n
    return days


def usd(value):
    pico = int(value * 10 ** 12)
    return f"{pico // 10 ** 12}.{pico % 10 ** 12:012d}"


def test_reconcile_a_csv(made, tmp_path):
    path = tmp_path / "bill.csv"
    days = bill(made)
    rows = [[day, model, d["requests"], d["input"], d["output"], usd(d["cost"])] for (day, model, _), d in days.items()]

    def write():
        with open(path, "w", newline="", encoding="utf-8") as f:
            csv.writer(f).writerows([["day", "model", "requests", "input_tokens", "output_tokens", "cost_usd"], *rows])

    write()
    assert run("ledger", "reconcile", path, "--ledger", made) == f"0 of {len(days)} days and models differ\n"
    rows[0][5] = usd(F(rows[0][5]) * F(101, 100))
    del rows[1]
    write()
    done = tgctl("ledger", "reconcile", path, "--json", "--ledger", made)
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["differ"] == 2 and sorted(r["result"] for r in answer["rows"] if r["result"] != "same") == ["differs", "only ours"]
    done = tgctl("ledger", "reconcile", path, "--ledger", made, "--tolerance", "1%")
    assert done.returncode == 1 and "only ours" in done.stdout and "differs" not in done.stdout
    assert "1 of" in done.stdout


def test_reconcile_openai_and_anthropic(made, tmp_path):
    days = bill(made)
    stamp = lambda day: int(datetime.datetime.fromisoformat(day + "T00:00:00+00:00").timestamp())
    openai = {"object": "page", "has_more": False, "data": [
        {"object": "bucket", "start_time": stamp(day), "end_time": stamp(day) + 86400, "results": [
            {"object": "organization.usage.completions.result", "model": model, "num_model_requests": d["requests"],
             "input_tokens": d["input"], "input_cached_tokens": 1, "output_tokens": d["output"]}]}
        for (day, model, provider), d in days.items() if provider == "openai"]}
    anthropic = {"has_more": False, "data": [
        {"starting_at": day + "T00:00:00Z", "results": [
            {"model": model, "uncached_input_tokens": d["input"] - 7, "cache_read_input_tokens": 3,
             "cache_creation": {"ephemeral_1h_input_tokens": 2, "ephemeral_5m_input_tokens": 2}, "output_tokens": d["output"]}]}
        for (day, model, provider), d in days.items() if provider == "anthropic"]}
    for name, content in (("openai", openai), ("anthropic", anthropic)):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        assert "\n" not in run("ledger", "reconcile", path, "--ledger", made).strip()
        assert run("ledger", "reconcile", path, "--provider", name, "--ledger", made).startswith("0 of")
        content["data"][0]["results"][0]["output_tokens"] += 1
        path.write_text(json.dumps(content), encoding="utf-8")
        done = tgctl("ledger", "reconcile", path, "--ledger", made)
        assert done.returncode == 1 and "output_tokens" in done.stdout and "1 of" in done.stdout


# ---- what is wrong is said

def test_wrong_command_lines(made):
    for arguments in (("usage", "--by", "tenent"), ("usage", "--since", "yesterday"), ("usage", "extra"), ("usage", "--what"),
                      ("usage", "--json", "--csv"), ("usage", "--since", "2025-11-28", "--until", "2025-11-27"),
                      ("usage", "--month"), ("export",), ("export", "xml"), ("export", "jsonl", "--period", "november"),
                      ("ledger",), ("ledger", "tial"), ("ledger", "tail", "-n", "x"), ("ledger", "dump", "--segment", "0"),
                      ("ledger", "reconcile"), ("ledger", "reconcile", "x", "--tolerance", "lots"),
                      ("ledger", "reconcile", "x", "--provider", "acme"), ("ledger", "verify", "x")):
        done = tgctl(*arguments, "--ledger", made) if arguments[-1] != "--month" else tgctl(*arguments)
        assert done.returncode == 2 and done.stdout == "" and "tgctl help" in done.stderr, arguments
    assert "did you mean tenant" in tgctl("usage", "--by", "tenent").stderr
    assert "did you mean `tail`" in tgctl("ledger", "tial").stderr


def test_where_the_ledger_is(made, tmp_path):
    config = tmp_path / "tollgate.yaml"
    base = "listen: 127.0.0.1:0\n"
    config.write_text(base + f"ledger: {{ path: {made} }}\n", encoding="utf-8")
    assert run("usage", *MONTH, "--json", "-c", config) == run("usage", *MONTH, "--json", "--ledger", made)
    config.write_text(base + "ledger: { path: none }\n", encoding="utf-8")
    assert "keeps no ledger" in tgctl("usage", "-c", config).stderr
    config.write_text(base + "ledgre: {}\n", encoding="utf-8")
    done = tgctl("usage", "-c", config)
    assert done.returncode == 1 and f"{config}:2" in done.stderr and "--ledger" in done.stderr
    for command in (("usage",), ("export", "csv"), ("ledger", "tail"), ("ledger", "verify"), ("ledger", "dump")):
        done = tgctl(*command, "--ledger", tmp_path / "nothing")
        assert done.returncode == 1 and "is no ledger" in done.stderr


def test_no_damage_makes_them_crash(ledger, tmp_path):
    files = sorted(p for p in ledger.rglob("*") if p.is_file())
    choose = random.Random(5)
    bill_file = tmp_path / "bill.csv"
    bill_file.write_text("day,model,requests\n2025-11-28,gpt-4o-mini,1\n", encoding="utf-8")
    for _ in range(60):
        path = choose.choice(files)
        whole = path.read_bytes()
        data = bytearray(whole)
        how = choose.randrange(4)
        at = choose.randrange(len(data))
        if how == 0:
            del data[at:]
        elif how == 1:
            data[at] ^= 1 << choose.randrange(8)
        elif how == 2:
            data[at:at + 64] = bytes(64)
        else:
            data[at:at + 16] = choose.randbytes(16)
        path.write_bytes(data)
        for command in (("usage", *MONTH, "--by", "day,tags"), ("export", "jsonl"), ("export", "csv", "--salvage"),
                        ("ledger", "verify", "--salvage"), ("ledger", "verify"), ("ledger", "dump", "--json"),
                        ("ledger", "tail"), ("ledger", "reconcile", bill_file)):
            done = tgctl(*command, "--ledger", ledger)
            assert done.returncode in (0, 1), (path, how, at, command, done.returncode, done.stderr)
            assert done.returncode == 0 or done.stderr or command[1] in ("verify", "dump", "reconcile")
        path.write_bytes(whole)
    assert verify(ledger)[0]["ok"]


# ---- completion

def complete(line):
    """What bash offers for the last word of the line."""
    words = line.split(" ")
    script = f"""source {ROOT}/packaging/completion/tgctl.bash
COMP_WORDS=({' '.join(repr(w) for w in words)}) COMP_CWORD={len(words) - 1}
_tgctl; printf '%s\\n' "${{COMPREPLY[@]}}" """
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.split()


def test_completion_knows_the_commands_and_their_options(tmp_path):
    commands = complete("tgctl ")
    listed = re.findall(r"^  (\w+) +\S", run("help").split("commands:")[1].split("exit")[0], re.MULTILINE)
    assert commands == listed == complete("tgctl help ") + ["help"]
    zsh = (ROOT / "packaging/completion/_tgctl").read_text(encoding="utf-8")
    for command in complete("tgctl help "):
        subs = complete(f"tgctl {command} ") if command != "usage" else [""]
        offered = {o for sub in subs for o in complete(f"tgctl {command} {sub} -".replace("  ", " "))}
        options = set(re.findall(r"--[a-z][a-z-]+", run("help", command)))
        assert options <= offered, (command, options - offered)
        assert all(option[2:] in zsh for option in options)
    assert complete("tgctl usage --by day,te") == ["day,tenant"] and len(complete("tgctl usage --by t")) == 5
    assert complete("tgctl ledger reconcile x --provider o") == ["openai"]


# ---- beside a gateway that runs

def test_beside_a_running_gateway(gw, tmp_path):
    ledger = gw.config["ledger"]["path"]
    out = tmp_path / "tail"
    with open(out, "w", encoding="utf-8") as f:
        tail = subprocess.Popen([str(BUILD / "tgctl"), "ledger", "tail", "-f", "-n", "100", "--json", "--ledger", ledger], stdout=f)
    try:
        ids = [chat(gw.listen, headers={"x-tollgate-tags": f"feature=f{i % 2}"}).id for i in range(20)]
        # as soon as the journal has them, long before the sums are written: reports read it behind them
        wait_for(lambda: len(charges(ledger)) == 20, "20 charges on disk")
        answer = json.loads(run("usage", "--by", "tag:feature,key", "--json", "--ledger", ledger))
        assert [row["requests"] for row in answer["rows"]] == [10, 10]
        assert sum(F(row["billed_usd"]) for row in answer["rows"]) == sum(F(c["billed_usd"]) for c in charges(ledger)) > 0
        page = gw.admin_get("/admin/v1/usage?by=tag:feature,key")
        assert page.status == 200 and page.json["rows"] == answer["rows"]
        assert verify(ledger)[0]["ok"]
        wait_for(lambda: out.read_text(encoding="utf-8").count("\n") == 20, "20 lines of tail -f")
        assert {json.loads(line)["id"] for line in out.read_text(encoding="utf-8").splitlines()} == set(ids)
        done = tgctl("ledger", "verify", "--rebuild", "--ledger", ledger)
        assert done.returncode == 0  # nothing is wrong: nothing to make anew, no lock needed
    finally:
        tail.terminate()
        tail.wait()
    gw.signal(signal.SIGKILL)
    gw.wait()
    assert json.loads(run("usage", "--by", "tag:feature,key", "--json", "--ledger", ledger))["rows"] == answer["rows"]
    assert verify(ledger)[0]["ok"]
