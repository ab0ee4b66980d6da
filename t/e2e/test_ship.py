"""The ledger, shipped to a Redis stream of the member's own: whatever is killed in between, in the end each charge is in the
stream exactly once, in the ledger's order."""
import json
import signal
import subprocess
import threading

from harness import BUILD, Broken, chat, merged, wait_for
from redis_servers import RedisError
from test_quota_redis import billing, member, redis, redis_word, together # noqa: F401, fixtures

LIMITS = {"cost": "100 usd/day"}
STREAM = "tg:{l:gw-1}"


def stream(server):
    """The records in it, and their ids."""
    entries = server.ask("XRANGE", STREAM, "-", "+")
    return [json.loads(fields[1]) for _, fields in entries], [i for i, _ in entries]


def exported(gw):
    done = subprocess.run([str(BUILD / "tgctl"), "export", "jsonl", "-c", str(gw.config_path)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def text(records):
    return sorted(json.dumps(r, sort_keys=True) for r in records)


def all_there(server, gw, least=1):
    """The stream has what the ledger has, each record once."""
    wait_for(lambda: len(exported(gw)) >= least, "all are in the ledger")
    wait_for(lambda: text(stream(server)[0]) == text(exported(gw)),
             lambda: f"{len(stream(server)[0])} of {len(exported(gw))} are there; {gw.errors()[-2000:]}", 30)
    ids = [tuple(map(int, i.split("-"))) for i in stream(server)[1]]
    assert ids == sorted(set(ids))


def settled(member, server, config=None):
    return member("gw-1", ["gw-1"], server, LIMITS, ship=True, **(config or {}))


def asks(gw, n):
    """From four clients; whatever comes of them."""
    def one():
        for _ in range(n // 4):
            try:
                chat(gw.listen, max_tokens=20)
            except (OSError, Broken):
                return

    threads = [threading.Thread(target=one) for _ in range(4)]
    for t in threads:
        t.start()
    return threads


def joined(threads):
    for t in threads:
        t.join(60)


def test_every_charge_once(member, redis):
    server = redis()
    gw = settled(member, server)
    together([gw])
    for _ in range(5):
        assert chat(gw.listen, max_tokens=20).status == 200
    all_there(server, gw, 5)
    records, _ = stream(server)
    assert len(records) == 5 and {r["tenant"] for r in records} == {"acme"}
    wait_for(lambda: gw.metric("tollgate_ledger_shipped_total") == 5, "it knows")
    gw.metric_is(0, "tollgate_ledger_unshipped_records")
    gw.metric_is(0, "tollgate_ledger_ship_lag_seconds")


def test_kills_in_between(member, redis):
    """The gateway and Redis are killed under load, in turn; Redis keeps what it has written of the last second, or not."""
    server = redis()
    gw = settled(member, server)
    for turn in range(3):
        together([gw])
        shipped = int(server.ask("XLEN", STREAM))
        threads = asks(gw, 400)
        wait_for(lambda shipped=shipped: int(server.ask("XLEN", STREAM)) >= shipped + 30, "some were shipped")
        server.stop(signal.SIGKILL)
        joined(asks(gw, 20))
        wait_for(lambda gw=gw: gw.metric("tollgate_ledger_ship_failures_total") > 0, "it has noticed")
        gw.signal(signal.SIGKILL)
        gw.wait()
        joined(threads)
        server.start()
        gw = member.launch(gw.config, name=f"again-{turn}")
    together([gw])
    all_there(server, gw, 90)


def test_a_stream_that_has_forgotten(member, redis):
    """FLUSHALL under a living connection, and an end that was lost: both are mended from the journal."""
    server = redis()
    gw = settled(member, server)
    together([gw])
    joined(asks(gw, 20))
    all_there(server, gw, 20)
    server.ask("FLUSHALL")
    wait_for(lambda: chat(gw.listen, max_tokens=20).status == 200, "it is served again")
    all_there(server, gw)
    last = stream(server)[1][-5]
    records = server.ask("XRANGE", STREAM, "-", "+")
    server.ask("DEL", STREAM) # and as a copy of earlier has it
    for i, fields in records:
        server.ask("XADD", STREAM, i, "r", fields[1])
        if i == last:
            break
    server.stop(signal.SIGKILL)
    server.start()
    together([gw])
    assert chat(gw.listen, max_tokens=20).status == 200
    all_there(server, gw)


def test_off_and_on_by_a_reload(member, redis):
    """What was charged meanwhile is sent when it is on again; segments that were compressed meanwhile, too."""
    server = redis()
    gw = settled(member, server)
    together([gw])
    joined(asks(gw, 20))
    all_there(server, gw, 20)
    gw.reload(merged(gw.config, {"redis": {"ship": False}}))
    joined(asks(gw, 40))
    assert len(stream(server)[0]) < len(exported(gw))
    gw.reload(merged(gw.config, {"redis": {"ship": True}}))
    all_there(server, gw, 60)
    gw.signal(signal.SIGTERM) # what comes last is sent before the end
    gw.wait()
    assert text(stream(server)[0]) == text(exported(gw))


def compared(gw, code=0):
    """What `tgctl ledger shipped` says."""
    done = subprocess.run([str(BUILD / "tgctl"), "ledger", "shipped", "--json", "-c", str(gw.config_path)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def rewritten(server, records):
    server.ask("DEL", STREAM)
    for i, r in records:
        assert not isinstance(server.ask("XADD", STREAM, i, "r", r), RedisError)


def test_the_stream_is_held_against_the_journal(member, redis):
    server = redis()
    gw = settled(member, server)
    together([gw])
    assert "no such key" in compared(gw, 1)
    joined(asks(gw, 300)) # more than one piece
    all_there(server, gw, 250)
    n = len(stream(server)[0])
    said = compared(gw)
    assert (said["ok"], said["stream"], said["entries"], said["same"]) == (True, STREAM, n, n), said
    gw.signal(signal.SIGTERM)
    gw.wait()
    said = compared(gw)
    assert said["same"] == n and said["trimmed"] == said["missing"] == 0, said
    all_of = [(i, fields[1]) for i, fields in server.ask("XRANGE", STREAM, "-", "+")]
    # what was trimmed at the beginning is no fault, nor what a version of before did not say
    def before(r):
        return r[:r.index(',"rule":')] + "}"
    rewritten(server, [(i, before(r)) for i, r in all_of[100:]])
    said = compared(gw)
    assert (said["trimmed"], said["same"]) == (100, n - 100), said
    # one is missing, one says something else, one is none of the journal's
    lie = all_of[20][1].replace('"billed_usd":"0.', '"billed_usd":"1.')
    assert lie != all_of[20][1]
    segment, offset = all_of[30][0].split("-")
    extra = (f"{segment}-{int(offset) + 1}", all_of[30][1])
    rewritten(server, all_of[:10] + all_of[11:20] + [(all_of[20][0], lie)] + all_of[21:31] + [extra] + all_of[31:])
    said = compared(gw, 1)
    assert (said["ok"], said["missing"], said["different"], said["foreign"], said["same"]) == (False, 1, 1, 1, n - 2), said
    assert said["findings"][0] == f"{all_of[10][0]} is not in the stream", said
    assert any(f.startswith(all_of[20][0]) and "something else" in f for f in said["findings"]), said
    done = subprocess.run([str(BUILD / "tgctl"), "ledger", "shipped", "-c", str(gw.config_path)], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 1 and "NOT as the journal" in done.stdout, done
    server.stop(signal.SIGKILL)
    assert "redis cannot be reached" in compared(gw, 1)


def test_entries_that_are_too_old_are_taken_out(member, redis):
    """By their own time, from the front, while new ones come; what comes next is behind what was there."""
    server = redis()
    gw = settled(member, server)
    together([gw])
    joined(asks(gw, 300)) # more than one piece
    all_there(server, gw, 250)
    last = stream(server)[1][-1]
    gw.reload(merged(gw.config, {"redis": {"ship_retain": "1h"}}))
    assert chat(gw.listen, max_tokens=20).status == 200
    all_there(server, gw, 251) # none is that old
    gw.reload(merged(gw.config, {"redis": {"ship_retain": "1s"}}))
    wait_for(lambda: int(server.ask("XLEN", STREAM)) == 0, lambda: server.ask("XLEN", STREAM), 30)
    gw.reload(merged(gw.config, {"redis": {"ship_retain": None}}))
    assert chat(gw.listen, max_tokens=20).status == 200
    wait_for(lambda: int(server.ask("XLEN", STREAM)) == 1, "the newest one")
    def place(i):
        return tuple(map(int, i.split("-")))
    assert place(stream(server)[1][0]) > place(last)
    said = compared(gw)
    assert said["ok"] and said["same"] == 1 and said["trimmed"] >= 251, said


def test_a_user_that_may_not_trim_ships(member, redis):
    server = redis()
    server.ask("ACL", "SETUSER", "default", "-xtrim")
    gw = settled(member, server, {"ship_retain": "1s"})
    together([gw])
    assert chat(gw.listen, max_tokens=20).status == 200
    wait_for(lambda: "old entries stay" in gw.errors(), "it is said")
    assert chat(gw.listen, max_tokens=20).status == 200
    all_there(server, gw, 2)
