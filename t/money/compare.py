"""Two ledgers that must tell one story: the simulator's (the truth) and the gateway's (the claim), joined by tag.

    Compare(sim lines, export lines, notes, books).run() -> the same, with .counts, .classes and .findings

Every finding is a difference that nothing explains. What explains one is in EXPLAINED, class by class; the table at the
end says of each class whether its estimate is promised never to be below the truth.

What a simulator's line is:
  dropped    closed on reuse before it was read: status 0, not served, not cancelled. The gateway sends again for free.
  attempt    anything else: found by the end of the key of its target. The last one of a target is what its record
             charges; those before were sent again for free, since nothing of an answer had come.
Each line is a leg of the gateway's; it may have had more, that no provider read.
"""

import collections
import dataclasses
import fractions

import book
import traffic

F = fractions.Fraction
DRAIN_S = 6         # a little more than the configuration's drain_time
FIRST_BYTE_S = .6   # the configuration's upstream.first_byte, at least

# class: (a bound is promised, what it is)
CLASSES = {
    "exact": (True, "the provider's figures, all of them: equal to the digit"),
    "counted": (True, "billed in units that nobody needs to be told: images that came, characters that were sent"),
    "free": (True, "nothing was billed, and nothing is charged"),
    "refused": (True, "the provider answered with an error: nothing on both sides"),
    "whole, estimated": (True, "a whole answer without figures: not below its input and what it says"),
    "input, estimated": (True, "a stream that had not begun when the client went: not below the input"),
    "whole bound": (True, "an answer given up before its end that bills in full: the hold"),
    "free bound": (False, "the same, but nobody had said how long the answer may be: a stated default"),
    "partial": (True, "an answer broken off: not below its input and what had come of it"),
    "partial, cut": (False, "the same, where what had been sent may not have come: the connection was reset or given up"),
    "indeterminate": (False, "sent whole, and no status came: not charged"),
    "indeterminate, bound": (True, "the same, where the configuration says that the hold is charged"),
    "another model": (False, "an estimate where another model served than was asked for, before it could say so"),
    "crash, bound": (True, "the gateway was killed: the hold, or what its last progress left of it"),
    "crash, free bound": (False, "the same, but nobody had said how long the answer may be"),
    "unseen": (False, "the provider had closed the connection: it never read what was sent"),
}
COUNTS = ("requests", "seen", "settled", "voided", "missing", "duplicated", "cost_mismatch", "attribution", "told",
          "estimated", "estimated_below_truth", "below_without_promise", "crash_worst", "legs", "leg_lines",
          "free_retries", "unseen", "unseen_legs", "free_bound", "aborted", "broken", "wrong_usage", "reported_cost",
          "tiers", "unpriced",
          "long_context")


@dataclasses.dataclass
class Finding:
    what: str
    tag: str
    text: str

    def __str__(self):
        return f"{self.what}: {self.tag}: {self.text}"


@dataclasses.dataclass
class Sums:
    n: int = 0
    below: int = 0
    charged: F = F(0)
    truth: F = F(0)


def up(value):
    """In whole pico-dollars, rounded up."""
    return F(-(-value * 10 ** 12 // 1), 10 ** 12)


def dropped(line):
    return line["status"] == 0 and not line["served"] and not line["cancelled"]


def begun(line):
    """Had the head of an answer gone out?"""
    return line["sent"] >= line["head"] > 0


def late(note):
    """Did it take so long that the gateway may have given up on a provider while the answer was on its way?"""
    return note.ended - note.begun >= FIRST_BYTE_S


def sim_buckets(line, reported):
    """The line's usage in the gateway's words; what the answer said when `reported`, else what is billed."""
    out = collections.Counter()
    openai, path = line["dialect"] == book.OPENAI, line["path"]
    inputs, outputs = line["input"], line["output"]
    if reported:
        inputs, outputs = line["reported_input"], line["reported_output"]
    image, audio = min(line["input_image"], inputs), line["input_audio"]
    if audio:       # the text of it is what is told
        audio += inputs - line["input"]
    out["input_image"], out["input_audio"], out["input"] = image, audio, inputs - image - audio
    out["input_cache_read"] = line["cached_read"]
    if openai:
        out["input_cache_write"] = line["cache_write"] + line["cache_write_1h"]
    else:
        out["input_cache_write_5m"], out["input_cache_write_1h"] = line["cache_write"], line["cache_write_1h"]
    if path.startswith("/v1/images/"):
        out["output_image"] = outputs
    elif path == "/v1/audio/speech":
        out["output_audio"] = outputs
    else:
        out["output"] = outputs
    out["output_reasoning"] = line["reasoning"]
    out["input_seconds"] = line["seconds"]
    if line["model"] in (book.DALLE, book.SPEAK):
        out["images"], out["input_characters"] = line["images"], line["characters"]
    # OpenAI's cost by the size of the context, which is medium when nobody says
    out["web_searches_medium" if openai else "web_searches"] = line["web_searches"]
    return {bucket: n for bucket, n in out.items() if n}


def reported_otherwise(export, rows):
    """Does the report say what the records say, to the pico-dollar? Where not."""
    money, out = ("list_usd", "contracted_usd", "billed_usd"), []
    want, got = collections.defaultdict(collections.Counter), {}
    for record in export:
        if record["type"] == "void":
            continue
        sums = want[record["tenant"], record["key"], record["tags"].get("team")]
        sums["requests"] += record["type"] == "settle"
        sums.update({name: F(record[name]) for name in money})
        sums.update(record["usage"])
    for row in rows:
        names = row["tenant"], row["key"], row["tag:team"]
        got[names] = {"requests": row["requests"], **{name: F(row[name]) for name in money}, **row["units"]}
    for names in {*want, *got}:
        a, b = ({k: v for k, v in x.get(names, {}).items() if v} for x in (want, got))
        if a != b:
            out.append(f"report: {names}: records {dict(a)}, report {b}")
    return out


class Compare:
    def __init__(self, sim, export, notes, books):
        self.sim, self.export = collections.defaultdict(list), collections.defaultdict(list)
        self.notes, self.books = {n.tag: n for n in notes}, books
        for line in sorted(sim, key=lambda l: l["seq"]):
            self.sim[line["tag"]].append(line)
        for record in export:
            self.export[record["session"]].append(record)
        self.kills = []                 # (from, to): monotonic, the gateway was dead
        self.counts = collections.Counter({name: 0 for name in COUNTS})
        self.classes = collections.defaultdict(Sums)
        self.findings = []
        self.book_of = {}               # (provider, model, price version) -> book
        self.total = F(0)

    def finding(self, what, tag, text):
        self.findings.append(Finding(what, tag, text))

    def killed(self, tag):
        """Was the gateway killed while this request ran? It runs on when its client has gone and the answer is drained."""
        n = self.notes[tag]
        last = n.ended + (DRAIN_S if n.aborted else .5)
        return any(n.begun <= end and last >= start for start, end in self.kills)

    def run(self):
        self.learn_versions()
        for tag in sorted(set(self.sim) | set(self.export) | set(self.notes)):
            if tag not in self.notes:
                self.finding("stranger", tag, "nobody sent that")
                continue
            self.request(tag, self.sim.get(tag, []), self.export.get(tag, []), self.notes[tag])
        ids = collections.Counter(r["id"] for records in self.export.values() for r in records if r["type"] != "leg")
        for twice in [i for i, n in ids.items() if n > 1]:
            self.finding("duplicated", twice, "one id, two ends")
        places = collections.Counter((r["segment"], r["seq"]) for records in self.export.values() for r in records)
        for twice in [p for p, n in places.items() if n > 1]:
            self.finding("duplicated", str(twice), "one record, exported twice")
        return self

    # ---- one request

    def request(self, tag, lines, records, note):
        ends = [r for r in records if r["type"] != "leg"]
        legs = [r for r in records if r["type"] == "leg"]
        c = self.counts
        c["requests"] += 1
        c["seen"] += bool(lines)
        c["aborted"] += note.aborted
        c["broken"] += note.broken
        if len(ends) > 1:
            c["duplicated"] += len(ends) - 1
            self.finding("duplicated", tag, f"{len(ends)} ends: {[r['type'] for r in ends]}")
            return
        if not ends:
            if lines or legs:
                c["missing"] += 1
                self.finding("missing", tag, f"the provider saw it {len(lines)} times, the ledger has no end of it")
            elif note.status == 200 and note.ask.model != "moderation":
                c["missing"] += 1
                self.finding("missing", tag, "answered, and neither ledger knows")
            return
        end = ends[0]
        self.attribution(tag, records, note)
        if end["type"] == "void":
            self.voided(tag, lines, legs, end)
            return
        c["settled"] += 1
        c["legs"] += end["legs"]
        c["leg_lines"] += len(legs)
        self.match(tag, lines, legs, end, note)
        self.told(tag, records, end, note)

    def voided(self, tag, lines, legs, end):
        self.counts["voided"] += 1
        if lines:
            self.finding("void", tag, "nothing had reached a provider, says the ledger; the provider saw it")
        if legs or F(end["contracted_usd"]) != 0:
            self.finding("void", tag, "a void that is charged")

    def attribution(self, tag, records, note):
        ask = note.ask
        org, _, _ = traffic.TENANTS[ask.tenant]
        want = {"org": org, "tenant": ask.tenant, "key": ask.key, "end_user": ask.end_user, "session": tag,
                "tags": ask.tags, "model": ask.model}
        for record in records:
            wrong = {k: record[k] for k, v in want.items() if record[k] != v}
            if wrong or (note.id and record["id"] != note.id):
                self.counts["attribution"] += 1
                self.finding("attribution", tag, f"{wrong or record['id']} instead of {note.id or want}")

    def match(self, tag, lines, legs, end, note):
        """Each line of the provider's and the record that charges it. A target may have been asked twice: the request
        was sent again for free when nothing of an answer had come."""
        asked, charged = collections.defaultdict(list), collections.defaultdict(list)
        for line in lines:
            asked[self.target(line)].append(line)
        for record in sorted(legs, key=lambda r: r["leg"]):
            charged[record["target"]].append(record)
        for target in {*asked, *charged, end["target"]}:
            group, records = asked[target], charged[target]
            attempts = [line for line in group if not dropped(line)]
            if target == end["target"] and not attempts:
                self.unseen(tag, end, note)
            last = attempts[-1] if attempts else None
            for line in group:
                if line is last and target == end["target"]:
                    self.judge(tag, line, end, note)
                    continue
                if line is not last and begun(line):
                    self.finding("legs", tag, f"target {target} was asked again although it had begun to answer")
                self.counts["free_retries"] += line is not last
                status = line["status"] if begun(line) else 0
                record = next((r for r in records if r["status"] == status), None)
                if record is not None:
                    records.remove(record)
                if not dropped(line):
                    self.judge(tag, line, record, note)
                elif record is not None:
                    self.unseen(tag, record, note)
            for record in records:
                self.unseen(tag, record, note)
        seen, may = len(lines), 2 * len(traffic.MODELS[note.ask.model][0])
        if end["legs"] < seen and not self.killed(tag):
            self.finding("legs", tag, f"{end['legs']} legs, and the provider saw {seen}")
        elif end["legs"] > may:
            self.finding("legs", tag, f"{end['legs']} legs, and there could be {may}")
        self.counts["unseen_legs"] += max(0, end["legs"] - seen)

    @staticmethod
    def target(line):
        for name, (_, tail, _) in traffic.TARGETS.items():
            if line["key"].endswith(tail):
                return name
        return line["key"]

    def unseen(self, tag, record, note):
        """A record whose request the provider never read."""
        self.counts["unseen"] += 1
        charged = F(record["list_usd"])
        self.add("unseen", charged, F(0))
        if charged and record["quality"] == "exact":
            self.finding("unseen", tag, f"charged {charged}, exact, and the provider saw nothing")
        elif record["quality"] == "crash_worst":
            self.crash(tag, record)

    def crash(self, tag, record):
        self.counts["crash_worst"] += 1
        if not self.killed(tag):
            self.finding("crash", tag, "settled as if the gateway had been killed, and it was not")

    # ---- one leg

    def judge(self, tag, line, record, note):
        provider = line["dialect"]
        model = line["model_served"] or line["model"]
        truth_use, shown_use = sim_buckets(line, False), sim_buckets(line, True)
        if record is None:
            self.uncharged(tag, line, truth_use, note)
            return
        charged = F(record["list_usd"])
        self.unpriced(tag, record, provider)
        which = self.rated(tag, record, charged)
        truth = which.cost(provider, model, truth_use, line["service_tier"])
        shown = which.cost(provider, model, shown_use, line["service_tier"])
        if truth is None or shown is None:
            self.finding("price", tag, f"the test's own book has no price for {model} {line['service_tier']}")
            return
        self.total += charged
        self.margins(tag, record, charged, note)
        if record.get("provider_request_id") and not record["provider_request_id"].endswith(line["id"]):
            self.finding("leg", tag, f"the provider's id is {line['id']}, not {record['provider_request_id']}")
        quality = record["quality"]
        self.counts["reported_cost"] += record["reported_usd"] is not None
        self.counts["long_context"] += which.long_context(provider, model, shown_use)
        self.counts["tiers"] += line["service_tier"] in ("flex", "priority")
        if quality == "exact":
            self.exact(tag, line, record, charged, truth, shown, shown_use)
            return
        self.counts["estimated"] += 1
        self.flagged(tag, line, record, charged, truth, note, which)

    def exact(self, tag, line, record, charged, truth, shown, shown_use):
        usage = {k: v for k, v in record["usage"].items() if v}
        # a body that broke off behind its usage has told it
        if line["usage_delivered"] or (usage == shown_use and begun(line) and not line["completed"]):
            self.counts["wrong_usage"] += "wrong-usage" in line["fault"]
            if usage != shown_use:
                self.mismatch(tag, f"usage {usage}, the provider said {shown_use}")
            elif charged != shown:
                self.mismatch(tag, f"charged {charged}, the provider's figures cost {shown}")
            self.reported(tag, line, record)
            self.add("exact", charged, shown)
        elif line["model"] in (book.DALLE, book.SPEAK) and begun(line) and line["status"] == 200:
            self.add("counted", charged, truth)
            if charged != truth:
                self.mismatch(tag, f"charged {charged} for {record['usage']}; the provider bills {truth}")
        elif line["status"] >= 400 or not line["served"]:
            self.nothing(tag, "refused", charged, truth)
        else:
            self.nothing(tag, "free", charged, truth)

    def nothing(self, tag, name, charged, truth):
        self.add(name, charged, truth)
        if charged != 0 or truth != 0:
            self.mismatch(tag, f"charged {charged} exact and without figures; the provider bills {truth}")

    def mismatch(self, tag, text):
        self.counts["cost_mismatch"] += 1
        self.finding("cost", tag, text)

    def flagged(self, tag, line, record, charged, truth, note, which):
        """An estimate: is there a reason for it, and is it a bound where it is promised to be one?"""
        quality, free_bound = record["quality"], "default_bound" in record["flags"]
        went = line["cancelled"] or note.aborted or self.killed(tag) or quality == "indeterminate" and late(note)
        self.counts["free_bound"] += free_bound
        if quality == "crash_worst":
            self.crash(tag, record)
            name = "crash, free bound" if free_bound else "crash, bound"
        elif line["usage_delivered"] and not went:
            self.mismatch(tag, f"the provider's figures were delivered, the record is {quality}")
            return
        elif quality == "indeterminate":
            name = "refused" if line["status"] >= 500 and begun(line) and not late(note) else "indeterminate"
            if charged != 0:
                if name == "refused" or charged != F(record["list_usd"]):
                    self.mismatch(tag, f"indeterminate, and charged {charged}")
                name = "indeterminate, bound"
        elif quality == "partial":
            name = "partial, cut" if went or "reset" in line["fault"] else "partial"
            truth = truth if went else self.seen(line, which)
        elif line["completed"] and not went:
            name, truth = "whole, estimated", self.seen(line, which)
        elif charged == F(record["bound_usd"]) or record["type"] == "leg":
            name = "free bound" if free_bound else "whole bound"
        else:
            name = "input, estimated"
            truth = self.seen(line, which, input_only=True)
        if name != "indeterminate" and self.other(line, record):
            name = "another model"
        self.add(name, charged, truth)
        if charged < truth:
            self.below(tag, name, f"{quality}, {record['end'] if 'end' in record else 'leg'}: charged {charged}, "
                                  f"the provider bills {truth}: {line['output']} tokens out, "
                                  f"{line['delivered_tokens']} delivered; usage {record['usage']}")

    def seen(self, line, which, input_only=False):
        """What its input costs, and what could be read of its output: hidden reasoning could not."""
        use = {b: n for b, n in sim_buckets(line, False).items() if b in book.INPUTS}
        out = line["output"] if line["completed"] else max(0, line["delivered_tokens"] - line["reasoning"])
        bucket = [b for b in sim_buckets({**line, "output": 1}, False) if b in ("output", "output_image", "output_audio")]
        if not input_only and (line["completed"] or line["stream"]):
            use[bucket[0]] = out
        return which.cost(line["dialect"], line["model_served"] or line["model"], use, line["service_tier"])

    def other(self, line, record):
        """Did a model serve that has another price than the one that was asked for?"""
        served = line["model_served"]
        return served and record.get("model_served") != served and \
            self.books[0].entry(line["dialect"], served) is not self.books[0].entry(line["dialect"], record["target_model"])

    def below(self, tag, name, text):
        if CLASSES[name][0]:
            self.counts["estimated_below_truth"] += 1
            self.finding("below the truth", tag, f"{name}: {text}")
        else:
            self.counts["below_without_promise"] += 1
            self.classes[name].below += 1

    def uncharged(self, tag, line, use, note):
        """A leg without a charge: an error, or one that nothing came back from."""
        if not use:
            self.add("refused", F(0), F(0))
            return
        truth = self.books[0].cost(line["dialect"], line["model_served"] or line["model"], use, line["service_tier"])
        self.add("indeterminate", F(0), truth)
        self.counts["below_without_promise"] += 1
        self.classes["indeterminate"].below += 1
        if late(note):
            return
        if begun(line):
            self.finding("leg", tag, f"an answer had begun ({line['sent']} bytes, {line['fault']}), and it is not charged")
        elif line["cancelled"] and not self.killed(tag):
            self.finding("leg", tag, f"given up by the gateway, billed {truth}, and not charged")

    def add(self, name, charged, truth):
        s = self.classes[name]
        s.n += 1
        s.charged += charged
        s.truth += truth

    # ---- prices

    def learn_versions(self):
        """Which book a price version is of, from what is exact and has but one that fits."""
        for record in (r for records in self.export.values() for r in records):
            if record["type"] != "void" and record["quality"] == "exact" and any(record["usage"].values()):
                fits = [b for b, cost in zip(self.books, self.costs(record)) if cost == F(record["list_usd"])]
                if len(fits) == 1:
                    self.book_of.setdefault(self.version(record), fits[0])

    @staticmethod
    def version(record):
        served = record.get("model_served") or record["target_model"]
        return record["provider"], book.DATE.sub("", served), record["price_version"]

    def costs(self, record):
        """By each book; None where it has no price."""
        served = record.get("model_served") or record["target_model"]
        return [b.cost(record["provider"], served, record["usage"], record.get("service_tier")) for b in self.books]

    def unpriced(self, tag, record, provider):
        """A stated price stands in, and says so."""
        nobodys = self.books[0].entry(provider, record.get("model_served") or record["target_model"]) is None
        charged = F(record["list_usd"]) > 0
        self.counts["unpriced"] += nobodys and charged
        if charged and nobodys is not ("unpriced" in record["flags"]):
            self.mismatch(tag, f"flags {record['flags']} of a model that {'no' if nobodys else 'a'} price is known of")

    def rated(self, tag, record, charged):
        """The book that this record's usage was rated with: one for each price version. What is charged at its bound is
        charged at the dearest rates: at least at the book's."""
        costs, known = self.costs(record), self.book_of.get(self.version(record))
        fits = [b for b, cost in zip(self.books, costs) if cost == charged]
        if not fits and record["quality"] in ("crash_worst", "estimated", "indeterminate") and \
                charged >= min((cost for cost in costs if cost is not None), default=F(0)):
            return known or self.books[0]
        if not fits:
            self.mismatch(tag, f"{record['usage']} of {record.get('model_served')} ({record.get('service_tier')}) is listed "
                               f"at {charged}; the books say {[str(cost) for cost in costs]}")
            return known or self.books[0]
        if known is not None and known not in fits:
            self.mismatch(tag, f"price version {record['price_version']} is two prices")
        return known or fits[0]

    def reported(self, tag, line, record):
        """What the provider itself said it cost is what the operator pays."""
        want = F(line["cost"]) if line["cost"] is not None else \
            F(line["cost_ticks"], 10 ** 10) if line["cost_ticks"] is not None else None
        got = None if record["reported_usd"] is None else F(record["reported_usd"])
        if want != got:
            self.mismatch(tag, f"the provider reported {want}, the ledger says {got}")
        elif want is not None and F(record["contracted_usd"]) != want:
            self.mismatch(tag, f"the provider reported {want}, contracted is {record['contracted_usd']}")

    def margins(self, tag, record, charged, note):
        """From the list to what the operator pays and what the tenant pays; a pico-dollar's part is a whole one."""
        contracted, billed = F(record["contracted_usd"]), F(record["billed_usd"])
        pays = 1 - F(traffic.DISCOUNTS.get(record["target"], 0)) / 100
        _, markup, _ = traffic.TENANTS[note.ask.tenant]
        want = up(charged * pays) if record["reported_usd"] is None else F(record["reported_usd"])
        if contracted != want:
            self.mismatch(tag, f"contracted is {contracted}, not {want}")
        want = up(contracted * (1 + F(markup) / 100))
        if billed != want:
            self.mismatch(tag, f"billed is {billed}, not {want}")

    def told(self, tag, records, end, note):
        """The client's word against the ledger's."""
        if not note.complete or note.cost in (None, "unknown") or end["quality"] == "crash_worst":
            return
        self.counts["told"] += 1
        billed = sum((F(r["billed_usd"]) for r in records), F(0))
        if F(note.cost) != billed:
            self.mismatch(tag, f"the client was told {note.cost}, its bill is {billed}")
