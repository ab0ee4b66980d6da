"""The safety rules that --prove leaves out, and what then has to go wrong.

Rules of the gateway have a switch in builds that are configured with --enable-test-switches (src/base/test_switch.h); those of
quota.lua are taken out of its text, which such builds read from a file. What takes an order of messages that chance does not
bring about in a minute (a late call of an earlier process, an assertion in between two calls, ...) is left to the model (t/model)
and to the simulation (t/simulate), which have those rules, too.
"""

import dataclasses
import os

import harness

LUA = harness.ROOT / "src" / "quota" / "lua" / "quota.lua"


@dataclasses.dataclass
class Rule:
    name: str
    without: str                # what happens without it
    switch: str = None          # in TG_TEST_OFF
    lua: tuple = ()             # ((text, its replacement), ...): each must be there once
    faults: tuple = ("kill", "stop")
    gateways: int = 4
    every: float = 1.2          # seconds from one fault to the next


SET_BACK = ("redis_stale", "flushall", "promote")
RULES = (
    Rule("hold_first", "billed and in no journal, after a kill", switch="hold_first", gateways=1),
    Rule("crash_settle", "what was open at a kill is billed and settled at nothing", switch="crash_settle", gateways=1),
    Rule("restore", "a restart forgets what was spent", switch="restore", gateways=1),
    Rule("learning", "a new epoch opens at once: what Redis lost is granted again",
         lua=(("run, epoch_name(n, incarnation, member, run, time), true", "run, epoch_name(n, incarnation, member, run, time), false"),
              ("put(b, 'ln', '1')", "put(b, 'ln', '0')")), faults=SET_BACK),
    Rule("all_asserted", "a new epoch opens when the first member has said what it has",
         lua=(("and #bucket_awaited(b) == 0 then", "and #bucket_awaited(b) < #b.names then"),), faults=SET_BACK),
    Rule("epoch", "another server's bucket is taken for the one that was",
         lua=(("not b.epoch or b.run ~= call.run or", "not b.epoch or"),), faults=SET_BACK),
    Rule("learning_grants", "while it is not known who has what, it is granted",
         lua=(("if status == 'ok' and not b.learning and not op.tells", "if status == 'ok' and not op.tells"),), faults=SET_BACK),
    Rule("reclaim", "what others have and did not spend is granted again",
         lua=(("return math.max(m.g, m.s)\nend", "return m.s\nend"),), faults=("delay",)),
    Rule("lease_return", "what is given back is used until Redis has it", switch="lease_return", faults=("delay",), every=.4),
    Rule("op_seq", "what comes late counts: it takes away what is in use",
         lua=(("if op.seq <= m.q then", "if false then"),), faults=("late",), every=.2),
)


def find(name):
    return next((r for r in RULES if r.name == name), None)


def environment(rule, folder):
    """Of the gateways, without that rule."""
    if b"TG_TEST_OFF" not in harness.TOLLGATE.read_bytes():
        raise AssertionError(f"{harness.TOLLGATE} has no test switches: configure with --enable-test-switches")
    env = {**os.environ}
    if rule.switch:
        env["TG_TEST_OFF"] = rule.switch
    if rule.lua:
        text = LUA.read_text()
        for old, new in rule.lua:
            assert text.count(old) == 1, f"quota.lua has {text.count(old)} times: {old}"
            text = text.replace(old, new)
        (folder / "quota.lua").write_text(text)
        env["TG_TEST_LUA"] = str(folder / "quota.lua")
    return env
