"""quota.lua and the model's Redis (t/model/lease_redis.c), of which the proof is, are told the same and must have the
same afterwards: random calls of two members that keep the protocol, late ones among them, crashes, power cuts,
FLUSHALL and one failover to an older copy."""

import copy
import random
import subprocess

import pytest

import harness
import quota_reference
import redis_pipe
import test_quota_lua

pytestmark = test_quota_lua.pytestmark

SYNC, RETURN, ASSERT = 1, 2, 3
LIMIT, ACCOUNTS, MEMBERS = 3, ("x", "y"), ("n1", "n2")


class Model:
    """t/model/serve. Epochs are small numbers there, whose order alone counts; here each has the text that Redis
    has for it."""

    def __init__(self):
        self.child = subprocess.Popen([harness.BUILD / "t" / "model" / "serve"], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)

    def tell(self, *words):
        self.child.stdin.write(" ".join(str(int(w) if isinstance(w, bool) else w) for w in words) + "\n")
        self.child.stdin.flush()
        n = [int(x) for x in self.child.stdout.readline().split()]
        self.done, self.run, self.learning, self.epoch, self.asserted = n[:5]
        self.accounts = [{"synced": n[5 + 5 * a], "g": n[6 + 5 * a:8 + 5 * a], "s": n[8 + 5 * a:10 + 5 * a]} for a in range(2)]
        self.saved, self.late = n[15::2], n[16::2]

    def end(self):
        self.child.stdin.close()
        assert self.child.wait(30) == 0


class Beside:
    def __init__(self, redis, form, seed):
        self.rng, self.lua, self.model = random.Random(seed), test_quota_lua.Caller(redis, form), Model()
        self.server, self.copied = 0, False
        self.q, self.q_copy = {}, {}
        self.highest = {}  # incarnation that the bucket has seen
        self.incarnation, self.counter, self.flushed = [1, 1], [0, 0], False
        self.saved = ["", ""]
        self.late = [None, None]
        self.figures = [[{"g": 0, "s": 0} for _ in ACCOUNTS] for _ in MEMBERS]
        self.epoch, self.learning, self.synced, self.asserted = "", False, [0, 0], 0
        self.counts = {"granted": 0, "late": 0, "stale": 0, "learn": 0, "barred": 0}
        self.model.tell("flush", 0)

    def new_call(self, m):
        """What member m may send, as it is now: kind, account and figures."""
        rng, kind, a = self.rng, self.rng.choice([SYNC, SYNC, SYNC, RETURN, ASSERT]), self.rng.randrange(2)
        mine = self.figures[m][a]
        here = self.saved[m] and self.saved[m] == self.epoch
        if kind == RETURN and not (here and self.synced[a] >> m & 1 and mine["g"] > mine["s"]):
            kind = SYNC
        if kind == ASSERT and not (here and all(self.synced[i] >> m & 1 or not f["g"] for i, f in enumerate(self.figures[m]))):
            kind = SYNC
        self.counter[m] += 1
        if kind == RETURN:
            mine["g"] = rng.randint(mine["s"], mine["g"])
        return {"kind": kind, "a": a, "g": mine["g"], "s": mine["s"], "want": kind == SYNC and rng.random() < 0.7,
                "known": self.saved[m], "incarnation": self.incarnation[m],
                "seq": self.incarnation[m] * 2**32 + self.counter[m], "server": self.server}

    def order_is_open(self, m, call):
        """Would a new epoch have the number of one that others know? Then the order of the names decides, and the model
        has another one."""
        known = quota_reference.Epoch(call["known"]) if call["known"] else None
        here = quota_reference.Epoch(self.epoch) if self.epoch else None
        begins = not here or self.lua_run() != self.bucket_run or (known and known > here)
        n = 1 + max(known.n if known else 0, here.n if here else 0)
        others = self.saved + [c["known"] for c in self.late if c]
        return begins and any(text and quota_reference.Epoch(text).n >= n for text in others)

    def lua_run(self):
        return f"srv{self.server}"

    def number(self, text):
        """The model's number of the epoch that Redis calls so."""
        if not text:
            return 0
        for mine, theirs in [(self.epoch, self.model.epoch)] + list(zip(self.saved, self.model.saved)) + \
                [(c["known"], n) for c, n in zip(self.late, self.model.late) if c]:
            if mine == text:
                return theirs
        raise AssertionError(text)

    def lua_call(self, m, call, need):
        lua = self.lua
        op = lua.op(ACCOUNTS[call["a"]], seq=call["seq"], s=call["s"], g=call["g"], need=need, limit=LIMIT,
                    flags="r" if call["kind"] == RETURN else "" if need else "p")
        return lua.sync(MEMBERS[m], *([] if call["kind"] == ASSERT else [op]), asserts=call["kind"] == ASSERT,
                        incarnation=call["incarnation"], known=call["known"], run=self.lua_run())

    def send(self, m, call, late=False):
        a, barred = call["a"], call["incarnation"] < self.highest.get(m, 0)
        stale = call["seq"] <= self.q.get((a, m), 0)
        row = self.model.accounts[a]
        unheard = self.unheard(row["g"][m], row["s"][m], call) if row["synced"] >> m & 1 else 0
        before = [r["g"][:] for r in self.model.accounts]
        if not barred:
            self.model.tell("serve", m, call["kind"], a, self.server, call["want"], call["g"], call["s"],
                            self.number(call["known"]), stale)
        reply = self.lua_call(m, call, call["want"] + unheard if call["want"] else 0)
        self.highest[m] = max(self.highest.get(m, 0), call["incarnation"])
        self.counts["barred"] += barred
        self.counts["stale"] += stale and not barred
        assert (reply[0] == "stale") == barred, (reply, call)
        if not barred:
            assert (reply[0] == "ok") == bool(self.model.done), (reply, call)
            self.bucket_run = self.lua_run()
        if reply[0] == "ok" and call["kind"] != ASSERT and not stale:
            self.q[a, m] = call["seq"]
        self.epoch = reply[1]
        self.counts["granted"] += self.model.accounts[a]["g"][m] > max(before[a][m], call["g"]) and reply[0] == "ok"
        self.compare(reply)
        if reply[0] == "ok" and call["kind"] != ASSERT and not self.learning:
            row = self.model.accounts[a]
            assert int(reply[5][3]) == sum(row["g" if row["synced"] >> i & 1 else "s"][i] for i in range(2)), (reply, call)
        if not late:
            self.hear(m, call, reply)

    @staticmethod
    def unheard(g, s, call):
        """What quota.lua takes as the first part of a grant; in the model a grant is one more."""
        s = max(s, call["s"])
        return max(0, max(g, call["g"], s) - s - max(0, call["g"] - call["s"]))

    def compare(self, reply):
        """All that both have."""
        model, lua = self.model, self.lua
        bucket = lua.hash()
        assert reply[2] == str(model.learning)
        assert bucket["run"] == f"srv{model.run - 1}"
        self.learning, self.asserted = bool(model.learning), model.asserted
        for m, name in enumerate(MEMBERS):
            assert (bucket.get(f"a:{name}") == self.epoch) == bool(model.asserted >> m & 1), name
        for a, account in enumerate(ACCOUNTS):
            fields, row = lua.hash(account), model.accounts[a]
            self.synced[a] = row["synced"]
            for m, name in enumerate(MEMBERS):
                here = fields.get(f"e:{name}") == self.epoch
                assert here == bool(row["synced"] >> m & 1), (account, name)
                assert int(fields.get(f"s:{name}", 0)) == row["s"][m]
                if here:
                    assert int(fields[f"g:{name}"]) == row["g"][m], (account, name)
        self.look_at_order()

    def look_at_order(self):
        texts = [self.epoch] + self.saved + [c["known"] if c else "" for c in self.late]
        numbers = [self.model.epoch] + self.model.saved + [n if c else 0 for c, n in zip(self.late, self.model.late)]
        pairs = [(quota_reference.Epoch(t), n) for t, n in zip(texts, numbers) if t]
        for x, i in pairs:
            for y, j in pairs:
                assert (x < y) == (i < j) and (x == y) == (i == j), (texts, numbers)

    def hear(self, m, call, reply):
        if reply[0] == "learn":
            self.counts["learn"] += 1
            self.model.tell("know", m, self.model.epoch)
            self.saved[m] = reply[1]
        elif reply[0] == "ok" and call["kind"] != ASSERT:
            mine = self.figures[m][call["a"]]
            mine["g"] = max(mine["g"], int(reply[5][1]))
            mine["s"] = max(mine["s"], int(reply[5][2]))

    def step(self):
        rng, r, m = self.rng, self.rng.random(), self.rng.randrange(2)
        if r < 0.2:
            mine = self.figures[m][rng.randrange(2)]
            mine["s"] += mine["s"] < mine["g"]
        elif r < 0.23:
            self.incarnation[m] += 1
            self.counter[m] = 0
            lost = rng.random() < 0.4  # by a power cut: all that was settled
            for mine in self.figures[m]:
                mine["s"] = 0 if lost else mine["s"]
                mine["g"] = mine["s"]
        elif r < 0.25 and self.server == 0:
            self.model.tell("copy")
            self.copied, self.q_copy = True, (copy.copy(self.q), copy.copy(self.highest), self.epoch, self.bucket_run)
            self.copy_keys("", ":copy")
        elif r < 0.26 and self.server == 0 and self.copied:
            self.model.tell("promote")
            self.q, self.highest, self.epoch, self.bucket_run = self.q_copy
            self.copy_keys(":copy", "")
            self.server, self.late = 1, [None, None]
        elif r < 0.262 and not self.flushed:
            self.model.tell("flush", self.server)
            self.lua.redis("DEL", *[self.lua.key(a) for a in (None, *ACCOUNTS)])
            self.q, self.highest, self.epoch, self.flushed, self.bucket_run = {}, {}, "", True, None
        elif r < 0.32 and not self.late[m]:
            self.late[m] = self.new_call(m)
            self.model.tell("late", m, self.number(self.late[m]["known"]))
        elif r < 0.37 and self.late[m]:
            self.counts["late"] += 1
            call = self.late[m]
            if not self.is_lost(m, call):
                self.send(m, call, late=True)
            self.late[m] = None
        else:
            call = self.new_call(m)
            if not self.is_lost(m, call):
                self.send(m, call)

    bucket_run = None

    def is_lost(self, m, call):
        """Calls of which both would make something else on purpose: what begins an epoch is a sync in the model alone."""
        here = bool(call["known"]) and call["known"] == self.epoch and self.bucket_run == self.lua_run()
        return (call["kind"] != SYNC and not here) or self.order_is_open(m, call)

    def copy_keys(self, of, to):
        for key in (self.lua.key(a) for a in (None, *ACCOUNTS)):
            self.lua.redis("DEL", key + to)
            self.lua.redis("COPY", key + of, key + to)


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = redis_pipe.Redis(tmp_path_factory.mktemp("redis"))
    test_quota_lua.load(server)
    yield server
    server.end()


@pytest.mark.parametrize("form", [test_quota_lua.fcall, test_quota_lua.evalsha], ids=["fcall", "evalsha"])
def test_steps(redis, form):
    print(f"TG_QUOTA_LUA_SEED={test_quota_lua.SEED}")
    counts = dict.fromkeys(["granted", "late", "stale", "learn", "barred"], 0)
    for i in range(max(1, test_quota_lua.OPS // 2500)):
        both = Beside(redis, form, f"{test_quota_lua.SEED} {i}")
        for _ in range(150):
            both.step()
        both.model.end()
        for what, n in both.counts.items():
            counts[what] += n
    print(counts)
    assert test_quota_lua.OPS < 50000 or all(n > 5 for n in counts.values()), counts
