"""The money test's comparer finds what is wrong between two ledgers, and nothing in what is right."""

import sys

import pytest

from harness import ROOT

sys.path.insert(0, str(ROOT / "t" / "money"))

import book         # noqa: E402
import compare      # noqa: E402
import traffic      # noqa: E402

F = compare.F
USAGE = {"input": 10, "output": 20}


def usd(value):
    pico = value * 10 ** 12
    assert pico.denominator == 1
    return f"{int(pico) // 10 ** 12}.{int(pico) % 10 ** 12:012d}"


def line(**more):
    """What the simulator wrote of a whole answer: 10 tokens in, 20 out."""
    return {"seq": 1, "t": "2026-11-28T00:00:00.000000Z", "tag": "t", "id": "0", "dialect": "openai",
            "path": "/v1/chat/completions", "key": "sk-money-east"[-8:], "model": book.CHAT, "model_served": book.CHAT,
            "service_tier": "default", "status": 200, "served": True, "stream": False, "input": 10, "cached_read": 0,
            "cache_write": 0, "cache_write_1h": 0, "output": 20, "reasoning": 0, "characters": 0, "seconds": 0,
            "images": 0, "web_searches": 0, "input_image": 0, "input_audio": 0, "reported_input": 10,
            "reported_output": 20, "cost": None, "cost_ticks": None, "received": 100, "sent": 500, "head": 200, "delivered_events": 0,
            "delivered_tokens": 0, "completed": True, "cancelled": False, "usage_delivered": True, "fault": "", **more}


def record(usage=None, which=book.FIRST, target="east", **more):
    """A line of the export that fits it."""
    usage = USAGE if usage is None else usage
    cost = usd(which.cost("openai", book.CHAT, usage))
    pays = usd(compare.up(F(cost) * F(7, 8))) if target == "west" else cost
    more = {"contracted_usd": pays, **more}
    more = {"billed_usd": more["contracted_usd"], **more}
    return {"type": "settle", "id": "req_1", "segment": 1, "seq": 5, "org": "corp", "tenant": "acme", "tier": "",
            "key": "acme-1", "model": "chat", "model_served": book.CHAT, "target_model": book.CHAT, "provider": "openai",
            "target": target, "region": "", "endpoint": "chat", "stream": False, "leg": 1, "legs": 1, "status": 200,
            "end": "ok", "quality": "exact", "usage": usage, "service_tier": "default", "price_version": "1",
            "list_usd": cost, "reported_usd": None, "flags": [],
            "bound_usd": "1.000000000000", "session": "t", "end_user": "u", "tags": {"team": "red"}, **more}


def note(model="chat", **more):
    ask = traffic.Ask("t", "chat", "POST", "/v1/chat/completions", model, b"", [], "acme-1", {"team": "red"}, "u")
    return traffic.Note("t", ask, begun=100.0, ended=100.5, status=200, complete=True, **more)


def outcome(lines, records, notes, kills=()):
    c = compare.Compare(lines, records, notes, [book.FIRST, book.SECOND])
    c.kills = list(kills)
    return c.run()


def found(*args, **more):
    return sorted({f.what for f in outcome(*args, **more).findings})


WEST = {"key": "ey-west", "seq": 2}
CUT = {"completed": False, "cancelled": True, "usage_delivered": False, "output": 7, "stream": True}
BOUND = {"quality": "estimated", "end": "client_gone"}

RIGHT = {
    "one request": ([line()], [record()], [note()], ()),
    "the other prices": ([line()], [record(which=book.SECOND, price_version="2")], [note()], ()),
    "told": ([line()], [record()], [note(cost=record()["list_usd"], id="req_1")], ()),
    "never came": ([], [], [traffic.Note("t", note().ask, 1.0, 2.0, broken=True)], ()),
    "void": ([], [record({}, type="void", quality="exact")], [note()], ()),
    "a fault and another target": (
        [line(status=500, usage_delivered=False, input=0, output=0, fault="500"), line(**WEST)],
        [record(target="west", legs=2, leg=2)], [note()], ()),
    "a charged leg": ([line(completed=False, usage_delivered=False, sent=0, cancelled=True), line(**WEST)],
                      [record({"input": 99, "output": 99}, type="leg", status=0, quality="estimated", seq=4),
                       record(target="west", legs=2, leg=2)], [note()], ()),
    "sent again for free": ([line(status=0, served=False, input=0, output=0, usage_delivered=False, sent=0), line(seq=2)],
                            [record(legs=2)], [note()], ()),
    "the client went": ([line(**CUT)], [record({"input": 10, "output": 6}, quality="partial", end="client_gone")],
                        [note(aborted=True)], ()),
    "killed": ([line(**CUT)], [record({"input": 50, "output": 100}, quality="crash_worst")], [note()], [(100.4, 100.6)]),
    "killed, and the estimate is low, but nobody had named a bound": (
        [line(**CUT)], [record({"input": 1}, quality="crash_worst", flags=["default_bound"])], [note()], [(100.4, 100.6)]),
    "wrong usage is what the provider says": (
        [line(fault="wrong-usage", reported_input=27, reported_output=71)], [record({"input": 27, "output": 71})],
        [note()], ()),
    "a reported cost": ([line(cost="1.25e-05")],
                        [record(reported_usd="0.0000125", contracted_usd="0.000012500000")], [note()], ()),
}


@pytest.mark.parametrize("case", RIGHT)
def test_what_is_right(case):
    lines, records, notes, kills = RIGHT[case]
    c = outcome(lines, records, notes, kills)
    assert not c.findings, [str(f) for f in c.findings]


cheap = usd(F(record()["list_usd"]) - F(1, 10 ** 12))
WRONG = {
    "missing": ([line()], [], [note()], (), ["missing"]),
    "missing, and the provider had failed": ([line(status=500, usage_delivered=False)], [], [note()], (), ["missing"]),
    "missing on both sides, though answered": ([], [], [note()], (), ["missing"]),
    "a leg and no end": ([line()], [record(type="leg")], [note()], (), ["missing"]),
    "twice": ([line()], [record(), record(seq=6)], [note()], (), ["duplicated"]),
    "twice, in another segment": ([line()], [record(), record(segment=2)], [note()], (), ["duplicated"]),
    "two charges for one account": ([line()], [record(type="leg", seq=4), record(legs=2)], [note()], (), ["unseen"]),
    "a stranger": ([line()], [record()], [], (), ["stranger"]),
    "void although it was seen": ([line()], [record({}, type="void")], [note()], (), ["void"]),
    "a void that costs": ([], [record(type="void")], [note()], (), ["void"]),
    "a pico too little": ([line()], [record(list_usd=cheap, contracted_usd=cheap)], [note()], (), ["cost"]),
    "another usage": ([line()], [record({"input": 10, "output": 19})], [note()], (), ["cost"]),
    "another bucket": ([line()], [record({"input": 10, "output_reasoning": 20})], [note()], (), ["cost"]),
    "nothing for something": ([line()], [record({})], [note()], (), ["cost"]),
    "something for nothing": ([line(status=500, usage_delivered=False, input=0, output=0)], [record()], [note()], (),
                              ["cost"]),
    "an estimate of what was delivered": ([line()], [record(quality="partial")], [note()], (), ["cost"]),
    "one price version, two prices": (
        [line(), line(tag="u", seq=9)],
        [record(), record(which=book.SECOND, session="u", id="req_2", seq=7)],
        [note(), traffic.Note("u", note().ask, 1.0, 2.0)], (), ["cost"]),
    "a discount that was not given": ([line(**WEST)], [record(target="west", contracted_usd=record()["list_usd"])],
                                      [note()], (), ["cost"]),
    "a markup that nobody asked for": ([line()], [record(billed_usd="0.1")], [note()], (), ["cost"]),
    "a model without a price, in silence": ([line(model_served=book.NOBODYS)], [record(model_served=book.NOBODYS)],
                                            [note()], (), ["cost"]),
    "another request of the provider's": ([line()], [record(provider_request_id="req_f")], [note()], (), ["leg"]),
    "told otherwise": ([line()], [record()], [note(cost="0.000001")], (), ["cost"]),
    "another id": ([line()], [record()], [note(id="req_2")], (), ["attribution"]),
    "another tenant": ([line()], [record(tenant="beta")], [note()], (), ["attribution"]),
    "no tags": ([line()], [record(tags={})], [note()], (), ["attribution"]),
    "a crash without one": ([line(**CUT)], [record({"input": 50, "output": 100}, quality="crash_worst")], [note()], (),
                            ["crash"]),
    "a crash below the truth": ([line(**CUT)], [record({"input": 9}, quality="crash_worst")], [note()], [(100.4, 100.6)],
                                ["below the truth"]),
    "a bound below the truth": ([line(**CUT, delivered_tokens=7)],
                                [record({"input": 9}, **BOUND, bound_usd=record({"input": 9})["list_usd"])],
                                [note(aborted=True)], (), ["below the truth"]),
    "an answer given up and not charged": ([line(**CUT), line(**WEST)], [record(target="west", legs=2)], [note()], (),
                                           ["leg"]),
    "less than the bound where the bound is promised": (
        [line(completed=False, usage_delivered=False, sent=0)],
        [record({"input": 9}, quality="indeterminate", bound_usd=record({"input": 9})["list_usd"])], [note()], (),
        ["below the truth"]),
    "an answer broken off and not charged": (
        [line(completed=False, usage_delivered=False), line(**WEST)], [record(target="west", legs=2)], [note()], (),
        ["leg"]),
    "legs that cannot be": ([line()], [record(legs=5)], [note()], (), ["legs"]),
    "lines that are not legs": ([line(status=500, input=0, output=0, usage_delivered=False), line(**WEST)],
                                   [record(target="west", legs=1)], [note()], (), ["legs"]),
    "asked again after a head": ([line(usage_delivered=False, completed=False, sent=200), line(seq=2)],
                                 [record(legs=2)], [note()], (), ["leg", "legs"]),
    "charged exact, and never seen": ([], [record()], [note()], (), ["unseen"]),
    "a reported cost that is not used": ([line(cost="0.5")], [record(reported_usd="0.5")], [note()], (), ["cost"]),
    "a reported cost that is lost": ([line(cost="0.5")], [record()], [note()], (), ["cost"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong(case):
    lines, records, notes, kills, want = WRONG[case]
    assert found(lines, records, notes, kills) == want


def test_the_counts():
    c = outcome([line(), line(tag="u", seq=3)], [record(), record(seq=6)],
                [note(), traffic.Note("u", note().ask, 1.0, 2.0)])
    assert (c.counts["requests"], c.counts["duplicated"], c.counts["missing"]) == (2, 1, 1)


def test_a_report_is_the_sum_of_its_records():
    a, b = record(), record({"input": 3}, type="leg")
    row = {"tenant": "acme", "key": "acme-1", "tag:team": "red", "requests": 1, "units": {"input": 13, "output": 20},
           **{name: usd(F(a[name]) + F(b[name])) for name in ("list_usd", "contracted_usd", "billed_usd")}}
    assert compare.reported_otherwise([a, b], [row]) == []
    assert len(compare.reported_otherwise([a, b], [{**row, "requests": 2}])) == 1
    assert len(compare.reported_otherwise([a, b], [{**row, "list_usd": cheap}])) == 1
    assert len(compare.reported_otherwise([a, b], [row, {**row, "key": "other"}])) == 1
    assert len(compare.reported_otherwise([a, b, record(tenant="beta")], [row])) == 1
    assert len(compare.reported_otherwise([a], [])) == 1


@pytest.mark.parametrize("text,other", [("0.123457", "0.185187"), ("1.000", "1.502"), ("39.999989", "59.999985")])
def test_the_other_prices_are_as_long(text, other):
    assert book.dearer(text) == other


def test_both_books_price_everything():
    assert set(book.FIRST.models) == set(book.SECOND.models)
    for provider, model in book.FIRST.models:
        for bucket in ("input", "output"):
            entry = book.FIRST.models[provider, model]
            if entry.get("free") or "per_mtok" not in entry or bucket not in entry["per_mtok"]:
                continue
            first, second = (b.cost(provider, model, {bucket: 7}) for b in (book.FIRST, book.SECOND))
            assert 0 < first < second


def test_a_mix_is_its_seed():
    a, b = traffic.Mix(3), traffic.Mix(3)
    assert [a.request(i) for i in range(300)] == [b.request(i) for i in reversed(range(300))][::-1]
    assert a.request(1) != traffic.Mix(4).request(1)
    kinds = {a.request(i).kind for i in range(2000)}
    assert kinds == {k for k, _ in traffic.Mix.KINDS}
