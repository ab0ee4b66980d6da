"""quota.lua on a real Redis: beside a reference of its own over random calls, and each of its rules by name."""

import hashlib
import os
import random
import time

import pytest

import harness
import quota_world
import redis_pipe

pytestmark = pytest.mark.skipif(redis_pipe.PROGRAM is None, reason="redis-server is not installed")

TEXT = (harness.ROOT / "src" / "quota" / "lua" / "quota.lua").read_bytes()
EVAL_TEXT = TEXT.split(b"\n", 1)[1]
SHA = hashlib.sha1(EVAL_TEXT).hexdigest()

# Operations of all random tests together; more by TG_QUOTA_LUA_OPS, another course by TG_QUOTA_LUA_SEED
OPS = int(os.environ.get("TG_QUOTA_LUA_OPS", "100000"))
SEED = int(os.environ.get("TG_QUOTA_LUA_SEED", "0")) or random.randrange(1, 2**31)


def fcall(function, keys, args):
    return ["FCALL", function, len(keys), *keys, *args]


def evalsha(function, keys, args):
    return ["EVALSHA", SHA, len(keys), *keys, function, *args]


def load(redis):
    assert redis("FUNCTION", "LOAD", "REPLACE", TEXT) == "tgq"
    assert redis("SCRIPT", "LOAD", EVAL_TEXT) == SHA


@pytest.fixture(scope="module", params=["standalone", "cluster"])
def redis(request, tmp_path_factory):
    server = redis_pipe.Redis(tmp_path_factory.mktemp(request.param), cluster=request.param == "cluster")
    load(server)
    yield server
    server.end()


@pytest.fixture(params=[fcall, evalsha], ids=["fcall", "evalsha"])
def form(request):
    return request.param


# --- random

def run_worlds(redis, worlds, rounds):
    """One command of each world a round, in one pipeline."""
    for _ in range(rounds):
        steps = [world.step() for world in worlds]
        many = [step if isinstance(step[0], list) else [step] for step in steps]
        replies = iter(redis.connection.pipeline([command for commands in many for command in commands]))
        for world, commands in zip(worlds, many):
            got = [next(replies) for _ in commands]
            for command, reply in zip(commands, got):
                assert not isinstance(reply, redis_pipe.RedisError), f"{command}: {reply}"
            world.heard(got[-1])


@pytest.mark.parametrize("kind", [quota_world.Members, quota_world.Noise], ids=["members", "noise"])
def test_random(redis, form, kind):
    print(f"TG_QUOTA_LUA_SEED={SEED}")
    redis("FLUSHALL")
    now_s = int(time.time())
    worlds = [kind(i, random.Random(f"{SEED} {i} {kind.__name__}"), form, now_s) for i in range(128)]
    run_worlds(redis, worlds, OPS // 8 // len(worlds) + 1)
    for world in worlds:
        world.heard(redis(*world.say_read()))
    if OPS < 50000:  # too few to say more
        return
    assert sum(world.granted_above for world in worlds) > OPS // 8 // 200, "hardly anything was granted"
    if kind is quota_world.Members:
        full = sum(world.spent >= world.limits[0] * 9 // 10 for world in worlds)
        print(f"{full} of {len(worlds)} worlds used their limit up, or nearly")
        assert full > len(worlds) // 50


# --- each rule switched off: members that keep the protocol notice it by what they have spent

# rule: (what it is in the text, what it is without, a seed that finds it soon)
OFF = {
    "op seq": ("if op.seq <= m.q then", "if false then", 3),
    "epoch": ("not epoch_above(b.epoch, call.known) and 'ok' or 'learn'", "'ok' or 'learn'", 5),
    "run_id": ("not b.epoch or b.run ~= call.run or", "not b.epoch or", 3),
    "learning": ("member, run, time), true", "member, run, time), false", 4),
    "everybody asserts": ("if b.learning and #b.names > 0 and #bucket_awaited(b) == 0 then",
                          "if b.learning and #b.names > 0 and #bucket_awaited(b) < #b.names then", 1),
    "assertions are void": ("b.asserted[name] ~= b.ep and not b.fenced", "not b.asserted[name] and not b.fenced", 2),
    "first sync replaces": ("if op.returns or m.e ~= b.ep then", "if op.returns then", 2),
    "incarnation": ("if call.incarnation < highest then", "if false then", 1),
    "a fence keeps g": ("if fence and fence.mode == 'settled' then", "if fence then", 1),
    "a fence keeps the rest": ("return fence and fence.mode == 'spent' and fence.epoch == '-'", "return false", 1),
    "free": ("math.max(0, math.min(free, ", "math.max(0, math.min(acc.lim, ", 1),
    "asserted s": ("\t\treturn m.s -- it has said", "\t\treturn 0 -- it has said", 1),
}


def mutant(redis, rule):
    text = EVAL_TEXT.decode()
    if rule:
        assert text.count(OFF[rule][0]) == 1, rule
        text = text.replace(*OFF[rule][:2])
    sha = redis("SCRIPT", "LOAD", text)
    return lambda function, keys, args: ["EVALSHA", sha, len(keys), *keys, function, *args]


def run_money(redis, rule, rounds, seed):
    redis("FLUSHALL")
    form, now_s = mutant(redis, rule), int(time.time())
    worlds = [quota_world.MoneyAlone(i, random.Random(f"{seed} {i} {rule}"), form, now_s) for i in range(256)]
    run_worlds(redis, worlds, rounds)


@pytest.mark.parametrize("rule", OFF)
def test_without_a_rule_too_much_is_spent(redis, rule):
    if isinstance(redis.address, tuple):
        pytest.skip("one server is enough")
    with pytest.raises(AssertionError, match="overspent|takes g away"):
        run_money(redis, rule, 400, OFF[rule][2])


# --- by name

class Caller:
    """A bucket of the test's own, open or not, and calls to it by any member."""

    count = 0

    def __init__(self, redis, form):
        Caller.count += 1
        self.redis, self.form, self.tag = redis, form, f"tg:{{t{Caller.count}}}"
        self.run, self.version, self.members, self.ep, self.seq = "runA", 1, ["n1", "n2"], "", 0

    def key(self, account=None):
        return f"{self.tag}:a:{account}" if account else f"{self.tag}:b"

    def do(self, function, accounts, args):
        return self.redis(*self.form(function, [self.key()] + [self.key(a) for a in accounts], args))

    def op(self, account="x", **given):
        self.seq += 1
        op = {"account": account, "seq": self.seq, "s": 0, "g": 0, "need": 0, "limit": 100, "ps": 0, "pe": 0, "flags": ""}
        op.update(given)
        op.setdefault("want", op["need"])
        return op

    def sync(self, member, *ops, **given):
        ops = given.pop("ops", ops)
        call = {"member": member, "incarnation": 1, "run": self.run, "known": self.ep, "members": self.members,
                "version": self.version, "asserts": False, "ops": ops}
        call.update(given)
        return self.do(quota_world.SYNC, [op["account"] for op in ops], quota_world.sync_args(call))

    def one(self, member, **given):
        """A sync of account x alone: its row of the reply, with figures as numbers."""
        call = {k: given.pop(k) for k in ("incarnation", "run", "known", "members", "version", "asserts") if k in given}
        reply = self.sync(member, self.op(**given), **call)
        assert reply[0] == "ok", reply
        return [reply[5][0]] + [int(x) for x in reply[5][1:]]

    def learn(self, member="n1", **given):
        reply = self.sync(member, **given)
        assert reply[0] == "learn", reply
        self.ep = reply[1]
        return reply

    def open(self):
        """A first epoch, all members asserted with nothing."""
        self.learn()
        for member in self.members:
            reply = self.sync(member, asserts=True)
        assert reply[:4] == ["ok", self.ep, "0", ""]
        return self

    def fence(self, member, mode, run=None):
        return self.do(quota_world.FENCE, [], [member, mode, run or self.run])

    def hash(self, account=None):
        flat = self.redis("HGETALL", self.key(account))
        return dict(zip(flat[::2], flat[1::2]))

    def now_s(self):
        return int(self.redis("TIME")[0])


@pytest.fixture
def fresh(redis, form):
    return Caller(redis, form)


@pytest.fixture
def b(fresh):
    return fresh.open()


def test_learning_ends_by_membership_alone(fresh):
    assert fresh.learn()[2:4] == ["1", "n1,n2"]
    assert fresh.one("n1", need=10) == ["ok", 0, 0, 0, 0, 100, 0]
    assert fresh.sync("n1", asserts=True)[:4] == ["ok", fresh.ep, "1", "n2"]
    assert fresh.one("n1", need=10)[1] == 0
    assert fresh.sync("n2")[2:4] == ["1", "n2"], "a sync without the word asserts nothing"
    assert fresh.one("n2", need=10, asserts=True)[1] == 0, "the bucket opens behind the grants of the call"
    assert fresh.sync("n2")[2:4] == ["0", ""]
    assert fresh.one("n1", need=10)[1] == 10
    assert "ln" not in [f for f in fresh.hash("x")] and fresh.redis("TTL", fresh.key()) == -1


@pytest.mark.parametrize("others, need, want, add", [
    (0, 10, 10, 10), (0, 100, 100, 100), (0, 101, 101, 100), (0, 0, 10, 10), (0, 0, 26, 25), (0, 0, 1000, 25),
    (0, 30, 1000, 30), (0, 20, 22, 22), (60, 0, 100, 10), (60, 50, 50, 40), (97, 0, 50, 0), (97, 1, 50, 1), (100, 1, 1, 0),
])
def test_grant(b, others, need, want, add):
    assert b.one("n2", need=others)[1] == others
    assert b.one("n1", need=need, want=want)[1:4] == [add, 0, others + add]


def test_late_sync_brings_nothing_back(b):
    assert b.one("n1", need=60)[1] == 60
    late = b.op(g=60, s=5, need=30)
    assert b.one("n1", g=10, flags="r")[1:4] == [10, 0, 10]
    assert b.one("n2", need=90)[1] == 90
    row = b.sync("n1", late)[5]
    assert row == ["dup", "10", "5", "100", "5", "100", "0"], "s counts, g does not, nothing is granted"
    assert b.hash("x")["g:n1"] == "10"


def test_return_with_an_old_seq(b):
    old = b.op(g=0, flags="r")
    assert b.one("n1", need=60)[1] == 60
    assert b.sync("n1", old)[5][:2] == ["dup", "60"]
    again = b.op(g=60, need=5)
    assert b.sync("n1", again)[5][:2] == ["ok", "65"]
    assert b.sync("n1", again)[5][:2] == ["dup", "65"], "the same call twice"


def test_return_never_goes_below_what_is_settled(b):
    assert b.one("n1", need=60)[1] == 60
    assert b.one("n1", s=20, g=5, flags="r")[1:4] == [20, 20, 20]


def test_first_sync_of_an_epoch_replaces(b):
    assert b.one("n1", need=60)[1] == 60
    b.run = "runB"  # a copy takes over that has not heard of a RETURN to 10, nor of 30 to n2
    b.learn()
    assert b.one("n1", g=10, s=4, asserts=True)[1:4] == [10, 4, 10]
    assert b.one("n2", g=30, asserts=True)[1:4] == [30, 0, 40]
    assert b.one("n1", g=10, s=4, need=1)[1] == 11
    assert b.one("n1", g=10, s=4)[1] == 11, "from the second on the larger one counts"
    assert b.one("n1", g=12, s=4)[1] == 12


def test_first_sync_counts_what_redis_has_settled(b):
    assert b.one("n1", need=60)[1] == 60
    assert b.one("n1", s=50, g=60)[2] == 50
    b.run = "runB"
    b.learn()
    assert b.one("n1", s=20, g=20)[1:3] == [50, 50], "a member that has lost settles is told"


def test_unsynced_in_an_open_bucket_counts_as_settled(b):
    assert b.one("n1", need=60)[1] == 60
    assert b.one("n1", s=7, g=60)[2] == 7
    b.run = "runB"
    b.learn()
    for member in b.members:
        b.sync(member, asserts=True)
    assert b.one("n2", need=1)[1:5] == [1, 0, 8, 7]
    assert b.one("n2", g=1, need=100)[1] == 93


def test_epoch_order(b):
    first = b.ep
    n, incarnation, seq, member = first.split(".")
    assert (n, incarnation, member) == ("1", "1", "n1")
    for below in ("", "0.9.9.zz", "1.1.1.n0", "1.0.9999.n1", f"1.1.{int(seq) - 1}.n1"):
        assert b.sync("n1", b.op(g=99), known=below, asserts=True)[:4] == ["learn", first, "0", ""]
    assert b.hash("x") == {}
    for above, number in ((f"1.1.{int(seq) + 1}.n1", 2), ("2.9999.1.zz", 3), ("1000.0.0.n", 1001)):
        before = b.hash()["ep"]
        reply = b.sync("n2", b.op(g=99), known=above, asserts=True)
        assert reply[0] == "learn" and reply[2:4] == ["1", "n1,n2"]
        assert reply[1].split(".")[0] == str(number) and reply[1].endswith(".n2")
        assert b.sync("n1", known=before)[:2] == ["learn", reply[1]]
    assert b.sync("n1", known="1001.1.0.n1")[1] == reply[1], "the same number: the order of the members' names"
    assert b.sync("n1", known="1001.1.0.n3")[1].startswith("1002.")


def test_other_server_begins_an_epoch(b):
    assert b.one("n1", need=10)[1] == 10
    old, b.run = b.ep, "runB"
    reply = b.sync("n1", b.op(g=10, need=5), asserts=True)
    assert reply[0] == "learn" and reply[1] != old and reply[2:4] == ["1", "n1,n2"] and len(reply) == 5
    assert b.hash()["run"] == "runB"


def test_flushall_begins_an_epoch_and_late_calls_do_nothing(b):
    assert b.one("n1", need=10)[1] == 10
    late = b.op(g=10)
    b.redis("DEL", b.key(), b.key("x"))
    reply = b.sync("n1", late, asserts=True)
    assert reply[0] == "learn" and reply[1].startswith("2."), "above what the member knows"
    assert b.sync("n1", late, known=b.ep, asserts=True)[0] == "learn"
    assert b.hash("x") == {} and "a:n1" not in b.hash()


def test_older_incarnation_is_refused(b):
    assert b.one("n1", incarnation=5, need=10)[1] == 10
    before = b.hash(), b.hash("x")
    reply = b.sync("n1", b.op(g=99, s=9), incarnation=4, asserts=True)
    assert reply[:4] == ["stale", b.ep, "0", ""] and len(reply) == 5
    assert b.sync("n1", incarnation=4, run="runB")[0] == "stale"
    assert (b.hash(), b.hash("x")) == before
    assert b.one("n2", incarnation=1, need=1)[1] == 1, "it is each member's own"
    assert b.sync("n1", incarnation=6)[0] == "ok" and b.hash()["i:n1"] == "6"


def test_two_instances_of_one_incarnation(b):
    assert b.one("n1", incarnation="5-a", need=10)[1] == 10
    before = b.hash(), b.hash("x")
    assert b.sync("n1", b.op(g=99, s=9), incarnation="5-b", asserts=True)[0] == "stale" and (b.hash(), b.hash("x")) == before
    assert b.sync("n1", incarnation="4-a")[0] == "stale"
    assert b.sync("n1", incarnation="6-b")[0] == "ok" and (b.hash()["i:n1"], b.hash()["n:n1"]) == ("6", "b")
    assert b.sync("n1", incarnation="6-b")[0] == "ok" and b.sync("n1", incarnation="5-a")[0] == "stale"
    for wrong in "6-", "6-" + "a" * 17, "6-a.b", "-a":
        with pytest.raises(redis_pipe.RedisError, match="incarnation is"):
            b.sync("n1", incarnation=wrong)


def test_older_incarnation_after_a_crash_in_the_same_epoch(fresh):
    """The model's trace incarnation-off."""
    b = fresh
    b.learn("n2")
    b.sync("n2", asserts=True)
    late = b.op(g=1, limit=1)
    assert b.sync("n1", incarnation=2, asserts=True)[:3] == ["ok", b.ep, "0"]
    assert b.one("n2", need=1, limit=1)[1] == 1
    assert b.sync("n1", late, incarnation=1)[0] == "stale"
    assert b.one("n1", incarnation=2, need=1, limit=1)[1:4] == [0, 0, 1]


def test_members_list(b):
    before = b.hash()
    assert b.sync("n1", b.op(g=9), members=["n1", "n2", "n3"])[0] == "members"
    assert b.sync("n1", members=["n1"], version=0)[0] == "members"
    assert b.hash() == before and b.hash("x") == {}
    assert b.sync("n1", version=0)[0] == "ok", "an older configuration with the same members"
    assert b.sync("n1", members=["n1", "n2", "n3"], version=2)[0] == "ok"
    assert b.hash()["ml"] == "n1,n2,n3" and b.hash()["cv"] == "2"
    assert b.sync("n2")[0] == "members"


def test_who_has_left_the_list_still_counts(b):
    assert b.one("n2", need=30)[1] == 30
    assert b.one("n1", need=100, members=["n1"], version=2)[1:4] == [70, 0, 100]
    b.run, b.members, b.version = "runB", ["n1"], 2
    b.learn()
    assert b.one("n1", g=70, asserts=True)[3] == 100
    assert b.one("n1", g=70, need=1)[1] == 70


def test_limit_versions(b):
    assert b.one("n1", need=100)[1:6] == [100, 0, 100, 0, 100]
    b.version = 3
    assert b.one("n1", g=100, need=50, limit=120)[1:6] == [120, 0, 120, 0, 120], "raised"
    assert b.one("n2", version=2, need=50, limit=1000)[1:6] == [0, 0, 120, 0, 120], "an older version"
    assert b.one("n2", version=4, need=5, limit=10)[1:6] == [0, 0, 120, 0, 10], "cut: nothing is taken away"
    assert b.one("n1", version=3, g=8, s=8, flags="r", limit=120)[1:6] == [8, 8, 8, 8, 10]
    assert b.one("n2", version=4, need=5, limit=10)[1:4] == [2, 0, 10]
    assert b.one("n2", version=4, g=2, need=5, limit=20)[5] == 10, "of one version the lower"
    assert b.one("n2", version=4, g=2, limit=9)[5] == 9


def test_recall(b):
    assert b.one("n1", need=100)[1] == 100
    row = b.one("n2", need=5)
    assert row[1] == 0 and 0 < row[6] <= 2000
    assert 0 < b.one("n1", g=100)[6] <= 2000
    harness.wait_for(lambda: b.one("n1", g=100)[6] == 0, "the recall has no end")
    assert b.one("n1", g=100, s=100)[6] == 0
    assert b.one("n2", need=5)[6] == 0, "nobody has anything to give"
    assert b.one("n2", flags="p")[6] == 0


def test_no_recall_of_what_is_met(b):
    assert b.one("n1", need=60)[1] == 60
    assert b.one("n2", need=5, want=90)[1:] == [10, 0, 70, 0, 100, 0]


def test_only_telling(b):
    assert b.one("n1", need=10)[1] == 10
    assert b.one("n1", g=10, s=3, need=5, flags="p")[1:5] == [10, 3, 10, 3]


def test_an_unheard_reply_is_the_first_part_of_what_is_asked_for(b):
    assert b.one("n1", need=40)[1] == 40
    assert b.one("n1", need=40)[1] == 40
    assert b.one("n1", g=0, need=45)[1] == 45
    assert b.one("n1", g=45, s=45, need=5)[1] == 50


def test_closed_periods(b):
    now = b.now_s()
    for account, ps, pe, status in (("before", now + 90, now + 9999, "closed"), ("early", now + 30, now + 9999, "ok"),
                                    ("within", now - 9, now + 9999, "ok"), ("late", now - 9999, now - 1, "ok"),
                                    ("after", now - 9999, now - 61, "closed")):
        row = b.sync("n1", b.op(account, s=7, g=7, need=5, ps=ps, pe=pe))[5]
        assert row[:5] == [status] + (["7", "7", "7", "7"] if status == "closed" else ["12", "7", "12", "7"]), account


def test_keys_expire_behind_the_period_alone(b):
    now, day = b.now_s(), 86400
    b.sync("n1", b.op("ever"), b.op("month", ps=now, pe=now + 30 * day), b.op("old", ps=now - 9 * day, pe=now - 8 * day))
    assert b.redis("TTL", b.key()) == b.redis("TTL", b.key("ever")) == -1
    for account, days in (("month", 65), ("old", 27)):
        assert abs(b.redis("TTL", b.key(account)) - days * day) < 600
    b.sync("n1", b.op("month", ps=now, pe=now + 31 * day))
    assert abs(b.redis("TTL", b.key("month")) - 66 * day) < 600, "where members differ the longer one counts"
    b.sync("n1", b.op("month", ps=now, pe=now + 30 * day))
    assert abs(b.redis("TTL", b.key("month")) - 66 * day) < 600
    b.sync("n1", b.op("month"))
    assert b.redis("TTL", b.key("month")) == -1
    assert b.sync("n1", b.op("gone", s=1, ps=1, pe=day))[5][0] == "closed" and b.hash("gone") == {}


def test_exact_below_two_to_the_53(b):
    top = 2**53 - 1
    assert b.one("n1", need=2**52 + 1, limit=top)[1] == 2**52 + 1
    assert b.one("n2", need=top, limit=top)[1:4] == [top - 2**52 - 1, 0, top]
    assert b.one("n1", g=2**52 + 1, s=2**52 - 1, limit=top)[1:5] == [2**52 + 1, 2**52 - 1, top, 2**52 - 1]
    assert b.one("n1", g=2**52, s=2**52 - 1, flags="r", limit=top)[3] == top - 1
    assert b.one("n2", g=top - 2**52 - 1, need=5, limit=top)[1:4] == [top - 2**52, 0, top]
    last = b.op(seq=(2**20 - 1) * 2**32 + 2**32 - 1, limit=top, g=top, s=top)
    assert b.sync("n2", last)[5][:6] == ["ok"] + [str(top)] * 5, "sums end there"
    assert b.hash("x")["q:n2"] == str(2**52 - 1)


# --- fences

def test_fenced_spent_in_an_open_bucket(b):
    assert b.one("n2", need=30)[1] == 30
    assert b.one("n2", g=30, s=10)[2] == 10
    assert b.fence("n2", "spent")[:4] == ["ok", b.ep, "0", ""]
    reply = b.sync("n2", b.op(g=0, flags="r"), asserts=True)
    assert reply[0] == "fenced" and len(reply) == 5
    assert b.one("n1", need=100)[1:4] == [70, 0, 100]
    assert b.one("n1", g=70, need=1)[6] == 0, "it cannot be asked to give anything back"


def test_fenced_settled(b):
    assert b.one("n2", need=30)[1] == 30
    assert b.one("n2", g=30, s=10)[2] == 10
    b.fence("n2", "settled")
    assert b.one("n1", need=100)[1:4] == [90, 0, 100]
    b.fence("n2", "spent")
    assert b.one("n1", g=90, need=100)[1:4] == [90, 0, 120], "what was granted in the meantime stays"


def test_fence_ends_the_learning_and_keeps_the_rest(fresh):
    b = fresh
    b.learn()
    assert b.one("n1", g=20, asserts=True)[1] == 20
    assert b.fence("n2", "spent")[:4] == ["ok", b.ep, "0", ""]
    assert b.one("n1", g=20, need=5)[1:4] == [20, 0, 100], "n2 may have had all the rest"
    assert b.one("n1", g=12, s=2, flags="r")[1:4] == [12, 2, 92]
    assert b.one("n1", g=12, s=2, need=100)[1:4] == [20, 2, 100]
    b.version = 2
    assert b.one("n1", g=20, s=2, limit=150, need=100)[1:6] == [20, 2, 150, 2, 150], "nor is a raise free"
    assert b.one("n1", g=20, s=2, limit=150, version=1, need=9)[1] == 20
    later = b.sync("n1", b.op("next", need=9, ps=b.now_s() + 130, pe=b.now_s() + 999), b.op("this", need=9))
    assert later[5][1:4] == ["0", "0", "0"] and later[6][1:4] == ["0", "0", "100"], "of a period that begins later: none"
    b.fence("n2", "settled")
    assert b.one("n1", g=20, s=2, limit=150, need=130)[1:4] == [150, 2, 150]


def test_fenced_when_open_then_a_failover(b):
    """A copy that has the fence has all that was granted before it."""
    assert b.one("n2", need=30)[1] == 30
    b.fence("n2", "spent")
    assert b.one("n1", need=10)[1:4] == [10, 0, 40]
    b.run = "runB"
    assert b.learn()[3] == "n1"
    assert b.one("n1", g=10, asserts=True)[1:4] == [10, 0, 40]
    assert b.one("n1", g=10, need=100)[1:4] == [70, 0, 100] and "z:n2" not in b.hash("x")


def test_fenced_while_learning_then_a_failover(b):
    """What was kept for n2 is kept in later epochs."""
    assert b.one("n2", need=30)[1] == 30
    b.run = "runB"
    b.learn()
    b.fence("n2", "spent")
    assert b.one("n1", g=10, asserts=True)[1:4] == [10, 0, 40]
    assert b.one("n1", g=10, need=5)[1:4] == [10, 0, 100]
    z = b.hash("x")["z:n2"]
    assert z.split()[1:] == ["90", "100"]
    b.run = "runC"
    b.learn()
    assert b.one("n1", g=4, asserts=True)[1] == 4
    assert b.one("n1", g=4, need=99)[1:4] == [10, 0, 100] and b.hash("x")["z:n2"] == z


def test_fence_off_begins_an_epoch(b):
    assert b.one("n2", need=30)[1] == 30
    b.fence("n2", "spent")
    reply = b.fence("n2", "off")
    assert reply[0] == "ok" and reply[1].startswith("2.0.") and reply[1].endswith(".n2") and reply[2:4] == ["1", "n1,n2"]
    assert "f:n2" not in b.hash()
    assert b.fence("n2", "off")[1] == reply[1], "the second does nothing"
    b.ep = reply[1]
    assert b.one("n2", g=30, asserts=True)[1] == 30
    assert b.sync("n1", asserts=True)[2] == "0"


def test_fence_where_nothing_is_known(fresh):
    """After FLUSHALL the fence may come first."""
    b = fresh
    assert b.fence("n2", "spent")[:4] == ["ok", "", "0", ""]
    assert b.learn()[2:4] == ["1", "n1"]
    assert b.sync("n1", asserts=True)[2:4] == ["0", ""]
    assert b.one("n1", need=1)[1:4] == [0, 0, 100]
    assert b.sync("n2")[0] == "fenced"


# --- what is wrong

WRONG_HEAD = [
    ({"member": ""}, 'member ""'), ({"member": "a b"}, 'member "a b"'), ({"member": "n3"}, 'member "n3" is not one of'),
    ({"member": "n" * 65}, "is no name"), ({"incarnation": 0}, "incarnation"), ({"incarnation": 2**20}, "incarnation"),
    ({"incarnation": "-1"}, "incarnation"), ({"run": ""}, "run_id"), ({"run": "r" * 65}, "run_id"),
    ({"known": "1"}, "epoch_known"), ({"known": "1.2.3."}, "epoch_known"), ({"known": f"{2**40 + 1}.1.1.n1"}, "epoch_known"),
    ({"members": ["n2", "n1"]}, "byte order"), ({"members": ["n1", "n1"]}, "byte order"), ({"members": [""]}, "is no name"),
    ({"members": ["n1", "o,"]}, "is no name"), ({"members": [f"n{i:02}" for i in range(65)]}, "more than 64"),
    ({"members": ["a", "B", "n1"]}, "byte order"), ({"version": "x"}, "config_version"), ({"version": 2**53}, "config_version"),
]
WRONG_OP = [
    ({"seq": 0}, "seq is 0"), ({"seq": ""}, 'seq is ""'), ({"s": -1}, 's is "-1"'), ({"s": "1e3"}, 's is "1e3"'),
    ({"s": "0x10"}, 's is "0x10"'), ({"g": 2**53}, "below 2^53"), ({"g": "1.5"}, 'g is "1.5"'), ({"need": "nan"}, "need"),
    ({"want": "inf"}, "want"), ({"need": 2, "want": 1}, "want is below need"), ({"limit": 10**16}, "limit"),
    ({"ps": 5, "pe": 5}, "ends before it begins"), ({"flags": "rp"}, "flags"),
    ({"flags": "r", "need": 1}, "RETURN with need or want"), ({"flags": "r", "want": 1}, "RETURN with need or want"),
]


def refused(call, text):
    with pytest.raises(redis_pipe.RedisError) as error:
        call()
    assert text in str(error.value) and str(error.value).startswith("ERR tgq"), error.value


def test_wrong_arguments_do_nothing(b):
    assert b.one("n1", need=10)[1] == 10
    before = b.hash(), b.hash("x")
    for given, text in WRONG_HEAD:
        refused(lambda given=given: b.sync(**{"member": "n1", "run": "runB", "ops": [b.op(g=99), b.op("y")], **given}), text)
    for given, text in WRONG_OP:
        refused(lambda given=given: b.sync("n1", b.op("y", g=1), b.op(**given), run="runB"), text)
    head = ["n1", 1, "runA", b.ep, "n1,n2", 1]
    refused(lambda: b.do("tgq_sync_v1", [], head), "6 arguments; 0 accounts take 7")
    refused(lambda: b.do("tgq_sync_v1", [], head + ["b"]), 'flags are "b"')
    refused(lambda: b.do("tgq_sync_v1", ["x"], head + [""]), "7 arguments; 1 accounts take 16")
    refused(lambda: b.sync("n1", b.op(), b.op()), "is there twice")
    refused(lambda: b.sync("n1", *[b.op(f"a{i}") for i in range(65)]), "66 keys")
    refused(lambda: b.fence("n3", "spent"), 'there is no member "n3"')
    refused(lambda: b.fence("n 2", "spent"), "is no name")
    refused(lambda: b.fence("n2", "dead"), 'mode is "dead"')
    refused(lambda: b.do("tgq_fence_v1", [], ["n2", "spent", ""]), "run_id")
    refused(lambda: b.do("tgq_fence_v1", [], ["n2", "spent"]), "2 arguments")
    refused(lambda: b.do("tgq_fence_v1", ["x"], ["n2", "spent", "runA"]), "2 keys")
    refused(lambda: b.do("tgq_read_v1", [], ["x"]), "1 arguments")
    assert (b.hash(), b.hash("x")) == before and b.hash("y") == {}


def test_sixty_four_accounts(b):
    ops = [b.op(f"a{i}", need=i) for i in range(64)]
    assert [int(row[1]) for row in b.sync("n1", *ops)[5:]] == list(range(64))


def test_unknown_function(redis):
    refused(lambda: redis("EVALSHA", SHA, 1, "{t}", "tgq_sync_v2"), 'the first argument is "tgq_sync_v2"')
    refused(lambda: redis("EVALSHA", SHA, 0), 'the first argument is ""')


@pytest.mark.parametrize("field, value", [("s:n2", "x"), ("g:n1", "1e5"), ("q:n1", ""), ("lim", "-1"), ("z:n2", "1 2"),
                                          ("pe", "9" * 17)])
def test_damaged_account_stops_the_call_whole(b, field, value):
    b.sync("n1", b.op("x"), b.op("y"))
    b.redis("HSET", b.key("y"), field, value)
    before = b.hash(), b.hash("x"), b.hash("y")
    refused(lambda: b.sync("n1", b.op("x", g=5, s=5), b.op("y"), incarnation=2, asserts=True), f"{field} of {b.key('y')}")
    assert (b.hash(), b.hash("x"), b.hash("y")) == before


@pytest.mark.parametrize("field, value", [("ep", "1"), ("ml", "n1,,n2"), ("i:n1", "x"), ("f:n2", "spent")])
def test_damaged_bucket(b, field, value):
    b.redis("HSET", b.key(), field, value)
    refused(lambda: b.sync("n1", b.op()), f"of {b.key()}")
    refused(lambda: b.fence("n2", "spent"), f"of {b.key()}")
    assert b.hash("x") == {}


def test_key_of_another_type_stops_the_call_whole(b):
    b.redis("SET", b.key("y"), "text")
    before = b.hash()
    with pytest.raises(redis_pipe.RedisError, match="WRONGTYPE"):
        b.sync("n1", b.op("x", g=5), b.op("y"), incarnation=2)
    assert b.hash() == before and b.hash("x") == {}


def changes(redis):
    info = redis("INFO", "persistence").splitlines()
    return next(int(line.split(":")[1]) for line in info if line.startswith("rdb_changes_since_last_save:"))


def test_a_call_that_says_nothing_new_writes_nothing(b):
    b.one("n1", need=10)
    b.sync("n1", asserts=True)
    before = changes(b.redis)
    assert b.sync("n1", asserts=True)[0] == "ok"
    assert b.sync("n2", incarnation=1)[0] == "ok"
    assert b.do(quota_world.READ, ["x"], [])
    assert changes(b.redis) == before


def test_read(b, redis):
    b.one("n1", need=10)
    bucket, x, none = b.do(quota_world.READ, ["x", "none"], [])
    assert dict(zip(bucket[::2], bucket[1::2])) == b.hash() and dict(zip(x[::2], x[1::2])) == b.hash("x") and none == []
    assert redis("FCALL_RO", quota_world.READ, 1, b.key()) == [bucket]
    with pytest.raises(redis_pipe.RedisError, match="Can not execute a script with write flag"):
        redis("FCALL_RO", quota_world.SYNC, 1, b.key())
