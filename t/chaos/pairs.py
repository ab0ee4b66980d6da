"""Which bill of the simulator is which request's: a tag is a client's request, of which a gateway may have made several.

A hedge is two requests of the same tenant with one tag. A copy is one of its lab; its record has no session, and so no tag: it is
found by the id that the simulator gave its answer. What was cut off before it had one is left over on both sides; of one
lab or tag it is put together by amount, the dearest bill with the dearest record: no bill of one account is lost so, nor
found twice.
"""

import collections
import fractions


LAB_KEY = "shadower"            # the end of the key of copies, by which the simulator calls it


def provider_id(line):
    return "req_" + line["id"]


def groups(export):
    """Records by their request's id."""
    out = collections.defaultdict(list)
    for r in export:
        out[r["id"]].append(r)
    return list(out.values())


def lab_of(records):
    """Its lab, which the model that it is a copy of tells; None: it is no copy."""
    return ((records[0].get("tags") or {}).get("shadow_of") or "").removeprefix("copied-") or None


def charged(records):
    return sum(fractions.Fraction(r.get("billed_usd") or 0) for r in records)


def legs(records):
    """To how many targets it went; one that failed and cost nothing has no record of its own."""
    return max((r.get("legs", 1) for r in records), default=0)


def size(line):
    return line["billed_output"], line["billed_input"], line["served"]


def join(records, lines):
    """[(records of one request, its lines)], and lines without one as a request without records."""
    ids = {r["provider_request_id"]: i for i, g in enumerate(records) for r in g if r.get("provider_request_id")}
    out = [(g, []) for g in records]
    left = []
    for line in lines:
        at = ids.get(provider_id(line))
        (out[at][1] if at is not None else left).append(line)
    if len(out) == 1:                   # its retries
        out[0][1].extend(left)
        return out
    out.sort(key=lambda o: charged(o[0]), reverse=True)
    for line in sorted(left, key=size, reverse=True):
        room = [o for o in out if len(o[1]) < legs(o[0])]
        if room:
            min(room, key=lambda o: len(o[1]) > 0)[1].append(line)
        else:
            out.append(([], [line]))
    return out


def matched(sim, exports, notes):
    """(tag, lines, records, lab, twin) of each request that a gateway has made."""
    records, lines = collections.defaultdict(list), collections.defaultdict(list)
    for export in exports.values():
        for g in groups(export):
            lab = lab_of(g)
            records[("lab", lab) if lab else ("tag", g[0]["session"])].append(g)
    for line in sim:
        note = notes.get(line["tag"])
        lab = note.ask.model.removeprefix("copied-") if note and line["key"] == LAB_KEY else None
        lines[("lab", lab) if lab else ("tag", line["tag"])].append(line)
    for kind, name in {*records, *lines}:
        for g, own in join(records[kind, name], lines[kind, name]):
            lab = name if kind == "lab" else None
            tag = own[0]["tag"] if own else None if lab else name
            yield tag, own, g, lab, kind == "tag" and len(records[kind, name]) > 1
