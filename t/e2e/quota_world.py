"""Random worlds around one bucket: members that keep the protocol and suffer what members suffer, and callers that keep
to nothing. A world says one command after the other and looks at each reply; it knows what must come by quota_reference."""

import copy

import quota_reference

SYNC, FENCE, READ = "tgq_sync_v1", "tgq_fence_v1", "tgq_read_v1"


def sync_args(call):
    args = [call["member"], call["incarnation"], call["run"], call["known"], ",".join(call["members"]), call["version"],
            "a" if call["asserts"] else ""]
    for op in call["ops"]:
        args += [op[f] for f in ("seq", "s", "g", "need", "want", "limit", "ps", "pe", "flags")]
    return args


class World:
    """One bucket. `command` makes a Redis command of (function, keys, args); step() is the next one, or None."""

    checked = True  # by the reference

    def __init__(self, number, rng, command):
        self.rng, self.command = rng, command
        self.tag = f"tg:{{w{number}}}"
        self.bucket = quota_reference.Bucket()
        self.copied = None
        self.runs, self.run = 1, "run1"
        self.expect = None
        self.granted_above = 0

    def key(self, account=None):
        return f"{self.tag}:b" if account is None else f"{self.tag}:a:{account}"

    def call(self, function, accounts, args):
        return self.command(function, [self.key()] + [self.key(a) for a in accounts], args)

    def say_sync(self, call):
        self.expect = ("sync", call)
        return self.call(SYNC, [op["account"] for op in call["ops"]], sync_args(call))

    def say_fence(self, member, mode, run):
        self.expect = ("fence", (member, mode, run))
        return self.call(FENCE, [], [member, mode, run])

    def say_read(self):
        self.expect = ("read", list(self.accounts))
        return self.call(READ, self.accounts, [])

    def all_keys(self):
        return [self.key()] + [self.key(a) for a in self.accounts]

    def shadow(self, to_copy):
        """The copy that a failover leaves behind: the same keys under other names. Returns commands."""
        pairs = [(key, key + ":copy") for key in self.all_keys()]
        commands = []
        for key, other in pairs if to_copy else [(b, a) for a, b in pairs]:
            commands += [["DEL", other], ["COPY", key, other]]
        return commands

    def copy_made(self):
        self.copied = copy.deepcopy(self.bucket)

    def failed_over(self):
        self.bucket = copy.deepcopy(self.copied)
        self.runs += 1
        self.run = f"run{self.runs}"

    def look(self, reply):
        """Compares the reply with what must come."""
        kind, what = self.expect
        if not self.checked:
            return kind, what, reply
        if kind == "sync":
            before = {op["account"]: self.known_of(what["member"], op["account"]) for op in what["ops"]}
            must = self.bucket.sync(what, reply)
            assert reply == must, f"{self.tag} {what}\n got {reply}\nmust {must}"
            self.look_at_grants(what, reply, before)
        elif kind == "fence":
            must = self.bucket.fence(*what, reply)
            assert reply == must, f"{self.tag} {what}\n got {reply}\nmust {must}"
        else:
            got = [dict(zip(flat[::2], flat[1::2])) for flat in reply]
            must = self.bucket.hashes(what)
            assert got == must, f"{self.tag}\n got {got}\nmust {must}"
        return kind, what, reply

    def known_of(self, member, account):
        known = self.bucket.accounts.get(account)
        return known.members[member].g if known and member in known.members else 0

    def look_at_grants(self, call, reply, before):
        """Where a member was told more than it and Redis knew, no more than the limit is spoken for."""
        for op, row in zip(call["ops"], reply[5:]):
            if int(row[1]) > max(op["g"], int(row[2]), before[op["account"]]):
                self.granted_above += 1
                assert int(row[3]) <= int(row[5]), f"granted above the limit: {call} {reply}"


class Noise(World):
    """Callers that keep to nothing but the form of a call."""

    LISTS = [["n1", "n2"], ["n1", "n2", "n3"], ["n2"], ["n-1", "n1", "n2"]]
    accounts = ["x", "y", "z"]

    def __init__(self, number, rng, command, now_s):
        super().__init__(number, rng, command)
        self.big = rng.choice([5, 100, 10**9, 2**53 - 1])
        self.periods = {a: rng.choice([(0, 0), (0, 0), (now_s - 3600, now_s + 3600), (now_s - 3600, now_s - 30),
                                       (now_s + 30, now_s + 3600), (now_s - 7200, now_s - 3600),
                                       (now_s + 3600, now_s + 7200)]) for a in self.accounts}
        self.epochs = [""]
        self.seq, self.version = 0, 7

    def amount(self):
        return self.rng.choice([0, 1, self.rng.randint(0, self.big), self.big])

    def op(self, account):
        rng = self.rng
        self.seq += rng.choice([1, 1, 1, 3])
        need = rng.choice([0, rng.randint(0, self.big // 8)])
        flags = rng.choice(["", "", "", "", "r", "p"])
        ps, pe = self.periods[account]
        if rng.random() < 0.03:
            ps, pe = (ps - 5, pe + 5) if pe else (0, 0)
        return {"account": account, "seq": max(1, self.seq - rng.choice([0, 0, 0, 0, 5])), "s": self.amount() // 40,
                "g": self.amount() // rng.choice([3, 30]), "need": 0 if flags == "r" else need,
                "want": 0 if flags == "r" else min(2**53 - 1, need + self.amount()), "limit": self.amount() if rng.random() < 0.02 else self.big, "ps": ps,
                "pe": pe, "flags": flags}

    def step(self):
        rng, r = self.rng, self.rng.random()
        known = [n for n in ("n1", "n2") # others are refused: a case of its own
                 if not self.bucket.names or n in self.bucket.names or n in self.bucket.incarnation]
        if r < 0.04 and known:
            return self.say_fence(rng.choice(known), rng.choice(["spent", "settled", "off", "off"]),
                                  rng.choice([self.run, self.run, "runX"]))
        if r < 0.07:
            return self.say_read()
        self.version += rng.random() < 0.02
        if r < 0.08:
            self.runs += 1
            self.run = f"run{self.runs}"
        members = self.LISTS[0] if rng.random() < 0.9 else rng.choice(self.LISTS)
        known = self.bucket.epoch.text if self.bucket.epoch and rng.random() < 0.93 else rng.choice(self.epochs)
        return self.say_sync({
            "member": rng.choice(members), "incarnation": rng.choice([3, 3, 3, 3, 3, 3, 4, 2]) if rng.random() < 0.3 else 4,
            "run": self.run if rng.random() < 0.98 else "runY", "known": known, "members": members,
            "version": self.version - (rng.random() < 0.1), "asserts": rng.random() < 0.5,
            "ops": [self.op(a) for a in self.accounts if rng.random() < 0.6]})

    def heard(self, reply):
        kind, _, reply = self.look(reply)
        if kind != "read" and reply[1]:
            self.epochs = (self.epochs + [reply[1]])[-4:]
            n = int(reply[1].split(".")[0])
            if self.rng.random() < 0.01:
                self.epochs.append(f"{n + self.rng.randint(0, 2)}.{self.rng.randint(1, 3)}.77.{self.rng.choice(['a', 'n1', 'z'])}")


class Node:
    """A member that keeps the protocol: src/quota/lease.h in a few lines."""

    def __init__(self, name, accounts, version):
        self.name, self.version = name, version
        self.incarnation, self.counter, self.saved, self.run = 1, 0, "", None
        self.synced, self.asserted, self.open = set(), False, False
        self.g, self.s, self.h = ({a: 0 for a in accounts} for _ in range(3))

    def connect(self, run):
        self.run, self.asserted, self.open = run, False, False
        self.synced = set()  # on another server: of another epoch; on the same: said once more

    def crash(self, run):
        self.incarnation += 1
        self.counter = 0
        for a in self.g:
            self.s[a] += self.h[a]
            self.h[a], self.g[a] = 0, self.s[a]
        self.connect(run)

    def settle(self, a, cost):
        if self.h[a]:
            amount = min(self.h[a], cost + 1)
            self.h[a] -= amount
            self.s[a] += min(amount, cost)


class Members(World):
    """Members that keep the protocol, while messages are late or lost, members die, limits change, Redis forgets,
    and an operator fences. What all have committed is never above the highest limit that there ever was."""

    accounts = ["x", "y"]

    def __init__(self, number, rng, command, now_s):
        super().__init__(number, rng, command)
        names = ["n1", "n2", "n3"][:rng.choice([2, 2, 3])]
        self.limits = [rng.choice([3, 10, 1000, 9_000_000_000_000_000])]
        self.nodes = [Node(n, self.accounts, 1) for n in names]
        self.names, self.late, self.waiting = names, [], []
        self.period = rng.choice([(0, 0), (now_s - 3600, now_s + 36000)])
        self.spent = 0

    def committed(self, a):
        return sum(n.s[a] + n.h[a] for n in self.nodes)

    def look_at_money(self):
        for a in self.accounts:
            assert self.committed(a) <= max(self.limits), \
                f"{self.tag} {a}: overspent: {[(n.name, n.g[a], n.s[a], n.h[a]) for n in self.nodes]} of {self.limits}"
            self.spent = max(self.spent, self.committed(a))

    def work(self):
        """What members do by themselves."""
        node, a = self.rng.choice(self.nodes), self.rng.choice(self.accounts)
        unit = max(1, max(self.limits) // 10)
        free = node.g[a] - node.s[a] - node.h[a]
        r = self.rng.random()
        if r < 0.5 and free > 0:
            node.h[a] += self.rng.randint(1, min(free, unit))
        elif r < 0.9:
            node.settle(a, self.rng.choice([0, 1, unit // 3, unit]))
        self.look_at_money()

    def op(self, node, a):
        rng, c = self.rng, node.s[a] + node.h[a]
        node.counter += 1
        limit, (ps, pe) = self.limits[node.version - 1], self.period
        op = {"account": a, "seq": node.incarnation * 2**32 + node.counter, "s": node.s[a], "g": node.g[a], "need": 0,
              "want": 0, "limit": limit, "ps": ps, "pe": pe, "flags": ""}
        if rng.random() < 0.2 and node.g[a] > c and a in node.synced:
            node.g[a] = op["g"] = rng.randint(c, node.g[a])
            op["flags"] = "r"
        elif rng.random() < 0.9:
            op["need"] = rng.choice([0, 1, max(1, limit // 7)])
            op["want"] = op["need"] + rng.choice([0, limit // 3])
        else:
            op["flags"] = "p"
        return op

    def sync(self, node):
        ops = [self.op(node, a) for a in self.accounts if self.rng.random() < 0.7]
        said = node.synced | {op["account"] for op in ops}
        asserts = all(a in said or (node.g[a] == 0 and node.s[a] == 0) for a in self.accounts)
        return {"member": node.name, "incarnation": node.incarnation, "run": node.run, "known": node.saved,
                "members": self.names, "version": node.version, "asserts": asserts, "ops": ops}

    def misfortune(self):
        """Commands of something that goes wrong, or None."""
        r, rng = self.rng.random(), self.rng
        if r < 0.02:
            rng.choice(self.nodes).crash(self.run)
        elif r < 0.035:
            self.copy_made()
            return self.shadow(True)
        elif r < 0.045 and self.copied:
            self.failed_over()
            self.late = []
            return self.shadow(False)
        elif r < 0.05:
            self.bucket = quota_reference.Bucket()
            return [["DEL", *self.all_keys()]]
        elif r < 0.055:
            self.limits.append(max(1, rng.choice([self.limits[0], self.limits[-1] // 2, self.limits[-1] * 2])))
            self.limits[-1] = min(self.limits[-1], 9_000_000_000_000_000)
        elif r < 0.08:
            node = rng.choice(self.nodes)
            node.version = min(len(self.limits), node.version + 1)
        return None

    def step(self):
        """A command, or a list of them that nobody looks at."""
        self.work()
        wrong = self.misfortune()
        if wrong:
            self.expect = None
            return wrong
        r, rng = self.rng.random(), self.rng
        if self.late and r < 0.1:
            self.waiting = None
            return self.say_sync(self.late.pop(rng.randrange(len(self.late))))
        if r < 0.115:
            self.waiting = None
            return self.say_fence(rng.choice(self.names), rng.choice(["spent", "spent", "off"]), self.run)
        if r < 0.13:
            return self.say_read()
        node = rng.choice(self.nodes)
        if node.run != self.run:
            node.connect(self.run)
        call = self.sync(node)
        if rng.random() < 0.05:  # late: its connection is closed before it arrives
            self.late.append(call)
            node.connect(self.run)
            call = self.sync(node)
        self.waiting = node
        if rng.random() < 0.03:  # the reply is lost with its connection
            node.connect(self.run)
            self.waiting = None
        return self.say_sync(call)

    def heard(self, reply):
        if not self.expect:
            return
        kind, call, reply = self.look(reply)
        node = self.waiting
        if kind != "sync" or not node:
            return
        if reply[0] == "learn":
            node.saved, node.synced, node.asserted = reply[1], set(), False
        if reply[0] != "ok":
            return
        node.synced |= {op["account"] for op in call["ops"]}
        for op, row in zip(call["ops"], reply[5:]):
            a = op["account"]
            assert op["flags"] == "r" or int(row[1]) >= node.g[a], f"a reply takes g away: {call} {reply}"
            node.s[a] = max(node.s[a], int(row[2]))
            node.g[a] = max(node.g[a], int(row[1]))
        self.look_at_money()


class MoneyAlone(Members):
    """The same, and nobody knows what a reply must be."""

    checked = False
