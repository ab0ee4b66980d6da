"""Why requests got 503 `quota_unavailable`, and whether something was out of reach just then.

Each has the gateway's reason (x-tollgate-unavailable). `away` is what the faults say: from when to when a member, or Redis for
all, could not be reached. While it lasts nothing can be known; what is refused after its end is how long the gateways take to
find back. Clients ask again at once, so their number says little: `share_of_time` is of tenths of a second of a gateway in
which it was asked for something that was not spent, those in which it could not say.
"""

import bisect
import collections
import json

BIN_S = .1
PARKED_S = .06


class Away:
    """Is anything out of reach at a time?"""

    def __init__(self, spans):
        self.spans = sorted(spans)
        self.ends = []                  # the latest end of all that began so far, of each reach
        for who in {w for _, _, w in spans}:
            self.ends.append((who, merged([(a, b) for a, b, w in self.spans if w == who])))

    def at(self, t, who=None):
        """Of everybody; who: of that member and Redis alone."""
        return any(covers(spans, t) for w, spans in self.ends if who is None or w in (who, "all"))

    def since(self, t, who=None):
        """Seconds since the last end before t."""
        ends = [last_end(spans, t) for w, spans in self.ends if who is None or w in (who, "all")]
        return t - max(ends)


def merged(spans):
    out = []
    for a, b in sorted(spans):
        if out and a <= out[-1][1]:
            out[-1] = (out[-1][0], max(b, out[-1][1]))
        else:
            out.append((a, b))
    return out


def covers(spans, t):
    i = bisect.bisect_right(spans, (t, float("inf"))) - 1
    return i >= 0 and spans[i][1] >= t


def last_end(spans, t):
    return max((b for _, b in spans if b <= t), default=float("-inf"))


def of(note):
    return note.status == 503 and note.error == "quota_unavailable"


def write(path, notes, began):
    """Each of them, with the time of faults.log."""
    with open(path, "w") as out:
        for n in filter(of, notes):
            print(json.dumps({"t": round(n.ended - began, 3), "took": round(n.ended - n.begun, 3), "member": f"gw-{n.member + 1}",
                              "why": n.unknown, "tenant": n.ask.tenant.name, "tokens": n.ask.tokens}), file=out)


def breakdown(notes, spans, until):
    """{reason: {"while": n, "after": n, "median_s", "p90_s"}}: before `until`, the end of the faults."""
    away = Away([*spans, (float("-inf"), notes[0].begun if notes else 0, "all")])       # it begins with nothing known
    counts, lags = collections.defaultdict(collections.Counter), collections.defaultdict(list)
    for n in filter(of, notes):
        if n.ended > until:
            continue
        # what has to be asserted waits for every member
        who = None if n.unknown == "learning" else n.member
        if away.at(n.ended, who) or away.at(n.ended - PARKED_S, who):
            counts[n.unknown]["while"] += 1
        else:
            counts[n.unknown]["after"] += 1
            lags[n.unknown].append(away.since(n.ended, who))
    out = {}
    for reason, c in sorted(counts.items()):
        late = sorted(lags[reason])
        out[reason] = {"while": c["while"], "after": c["after"]}
        if late:
            out[reason].update(median_s=round(late[len(late) // 2], 2), p90_s=round(late[len(late) * 9 // 10], 2))
    return out


def share_of_time(notes, spans, until):
    """(of all bins, of those in which all was in reach)"""
    away, unknown, known = Away(spans), set(), set()
    for n in notes:
        if n.ended <= until and (n.status in (200, 429) or of(n)):
            (unknown if of(n) else known).add((n.member, int(n.ended / BIN_S)))
    asked = unknown | known
    calm = {b for b in asked if not away.at(b[1] * BIN_S) and not away.at((b[1] + 1) * BIN_S)}
    of_all = [len(u) / len(a) if a else 0.0 for u, a in ((unknown - known, asked), ((unknown - known) & calm, calm))]
    return tuple(round(x, 3) for x in of_all)
