"""What docs/internals/quota-redis.md says of the calls, once more, in Python: nothing is shared with quota.lua but that
page. Time and the SEQ of a new epoch come from the reply that is checked."""

import functools

GRACE_S, SKEW_S, RECALL_MS = 60, 60, 2000
MAX = 2**53 - 1  # where sums end


@functools.total_ordering
class Epoch:
    def __init__(self, text):
        self.text = text
        n, incarnation, seq, member = text.split(".", 3)
        self.order = (int(n), member.encode(), int(incarnation), int(seq))
        self.n, self.incarnation, self.member = int(n), int(incarnation), member

    def __eq__(self, other):
        return self.order == other.order

    def __lt__(self, other):
        return self.order < other.order


class Member:
    def __init__(self):
        self.g = self.s = self.q = 0
        self.e = None
        self.z = None  # (ms of the fence, amount, limit)


class Account:
    def __init__(self):
        self.cv, self.lim, self.ps, self.pe, self.rc = -1, 0, None, None, None
        self.members = {}
        self.G = self.S = 0

    def member(self, name):
        return self.members.setdefault(name, Member())


class Fence:
    def __init__(self, mode, epoch, ms):
        self.mode, self.epoch, self.ms = mode, epoch, ms


class Bucket:
    def __init__(self):
        self.run = self.epoch = self.names = None
        self.cv, self.learning = -1, False
        self.asserted, self.incarnation, self.fenced, self.accounts = {}, {}, {}, {}

    # --- sums

    def lost_of(self, account):
        """Who may have been granted what this Redis does not know of."""
        return {name for name, fence in self.fenced.items() if fence.mode == "spent" and fence.epoch == "-"
                and (account.pe == 0 or account.ps < fence.ms // 1000 + GRACE_S + SKEW_S)}

    def share(self, account, name):
        m = account.member(name)
        if name in self.fenced and self.fenced[name].mode == "settled":
            return m.s
        here = m.e == self.epoch.text
        said = self.asserted.get(name) == self.epoch.text
        return m.s if said and not here else max(m.g, m.s)

    def known(self, account):
        lost = self.lost_of(account)
        return min(MAX, sum(self.share(account, name) for name in list(account.members) if name not in lost))

    def sum(self, account):
        lost = [(account.member(name), self.fenced[name]) for name in self.lost_of(account)]
        kept = [m.z[1] for m, fence in lost if m.z and m.z[0] == fence.ms]
        return min(MAX, self.known(account) + max([sum(max(m.g, m.s) for m, _ in lost)] + kept))

    def awaited(self):
        return [n for n in self.names or [] if self.learning and n not in self.fenced
                and self.asserted.get(n) != self.epoch.text]

    def open_if_all(self):
        if self.learning and self.names and not self.awaited():
            self.learning = False

    def head(self, status, ms):
        return [status, self.epoch.text if self.epoch else "", str(int(self.learning)), ",".join(self.awaited()), str(ms)]

    def begin(self, known, run, incarnation, member, told):
        """A new epoch; told: its name in the reply, of which only SEQ is free."""
        n = 1 + max(self.epoch.n if self.epoch else 0, known.n if known else 0)
        new = Epoch(told)
        assert (new.n, new.incarnation, new.member) == (n, incarnation, member), told
        assert not self.epoch or new > self.epoch
        assert not known or new > known
        self.run, self.epoch, self.learning = run, new, True

    # --- tgq_sync_v1

    def admit(self, call, told):
        name = call["member"]
        if call["incarnation"] < self.incarnation.get(name, 0):
            return "stale"
        self.incarnation[name] = call["incarnation"]
        if call["version"] > self.cv:
            self.cv, self.names = call["version"], list(call["members"])
        elif self.names != call["members"]:
            return "members"
        if name in self.fenced:
            return "fenced"
        known = Epoch(call["known"]) if call["known"] else None
        if not self.epoch or self.run != call["run"] or (known and known > self.epoch):
            self.begin(known, call["run"], call["incarnation"], name, told)
            return "learn"
        return "ok" if known and known == self.epoch else "learn"

    def sync(self, call, told):
        """What the reply must be, given the one that came (told)."""
        status, ms = self.admit(call, told[1]), int(told[4])
        rows = [self.account_sync(call, op, ms) for op in call["ops"]] if status == "ok" else []
        if status == "ok" and call["asserts"]:
            self.asserted[call["member"]] = self.epoch.text
        self.open_if_all()
        return self.head(status, ms) + rows

    def account_sync(self, call, op, ms):
        account = self.accounts.setdefault(op["account"], Account())
        self.limit_and_period(account, call["version"], op)
        self.keep_lost(account)
        m = account.member(call["member"])
        m.s = max(m.s, op["s"])
        status = "dup" if op["seq"] <= m.q else "ok"
        if status == "ok":
            first = m.e != self.epoch.text
            m.g = max(op["g"], m.s) if first or op["flags"] == "r" else max(m.g, op["g"], m.s)
            m.q, m.e = op["seq"], self.epoch.text
            if account.pe and not account.ps - GRACE_S <= ms // 1000 < account.pe + GRACE_S:
                status = "closed"
        if status == "ok" and not self.learning and op["flags"] == "":
            self.grant(account, call["member"], op, ms)
        account.G, account.S = self.sum(account), min(MAX, sum(x.s for x in account.members.values()))
        recall = 0 if account.rc is None else min(RECALL_MS, max(0, account.rc - ms))
        return [status] + [str(x) for x in (max(m.g, m.s), m.s, account.G, account.S, account.lim, recall)]

    @staticmethod
    def limit_and_period(account, version, op):
        if version > account.cv or (version == account.cv and op["limit"] < account.lim):
            account.cv, account.lim = version, op["limit"]
        if account.ps is None:
            account.ps, account.pe = op["ps"], op["pe"]
            return
        account.ps = min(account.ps, op["ps"])
        account.pe = 0 if 0 in (account.pe, op["pe"]) else max(account.pe, op["pe"])

    def keep_lost(self, account):
        """In an open bucket: what of the limit nobody has asserted belongs to who may have lost it."""
        if self.learning:
            return
        known = self.known(account)
        for name in self.lost_of(account):
            m, ms = account.member(name), self.fenced[name].ms
            if not m.z or m.z[0] != ms:
                m.z = (ms, max(0, account.lim - known), account.lim)
            m.z = (ms, min(MAX, m.z[1] + max(0, account.lim - m.z[2])), max(account.lim, m.z[2]))

    def grant(self, account, name, op, ms):
        m, free = account.member(name), account.lim - self.sum(account)
        unheard = max(0, m.g - m.s - max(0, op["g"] - op["s"]))
        need = max(0, op["need"] - unheard)
        want = max(need, op["want"] - unheard)
        add = max(0, min(free, max(need, min(want, free // (2 * len(self.names))))))
        m.g += add
        others = (account.members[n] for n in self.names if n != name and n in account.members and n not in self.fenced)
        if add < need and any(x.g > x.s and x.e == self.epoch.text for x in others):
            account.rc = ms + RECALL_MS

    # --- tgq_fence_v1

    def fence(self, member, mode, run, told):
        ms = int(told[4])
        if mode == "off":
            if self.fenced.pop(member, None):
                self.begin(None, run, 0, member, told[1])
        elif member in self.fenced:
            self.fenced[member].mode = mode
        else:
            sure = self.epoch and self.run == run and not self.learning
            self.fenced[member] = Fence(mode, self.epoch.text if sure else "-", ms)
        if mode != "off" and self.run == run:
            self.open_if_all()
        return self.head("ok", ms)

    # --- tgq_read_v1

    def hashes(self, names):
        """The fields of the bucket and of these accounts."""
        bucket = {}
        if self.names is not None:
            bucket.update(cv=str(self.cv), ml=",".join(self.names))
        if self.epoch:
            bucket.update(run=self.run, ep=self.epoch.text, ln=str(int(self.learning)))
        bucket.update({f"a:{n}": e for n, e in self.asserted.items()})
        bucket.update({f"i:{n}": str(i) for n, i in self.incarnation.items()})
        bucket.update({f"f:{n}": f"{f.mode} {f.epoch} {f.ms}" for n, f in self.fenced.items()})
        return [bucket] + [self.account_hash(self.accounts[name]) if name in self.accounts else {} for name in names]

    @staticmethod
    def account_hash(account):
        out = {f: str(getattr(account, f)) for f in ("ps", "pe", "cv", "lim", "G", "S")}
        if account.rc is not None:
            out["rc"] = str(account.rc)
        for name, m in account.members.items():
            if m.e is not None:
                out.update({f"g:{name}": str(m.g), f"q:{name}": str(m.q), f"e:{name}": m.e})
            if m.e is not None or m.s:
                out[f"s:{name}"] = str(m.s)
            if m.z:
                out[f"z:{name}"] = " ".join(str(x) for x in m.z)
        return out
