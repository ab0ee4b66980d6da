"""Numbers at a time, rates and rolling windows of several gateways: shares by demand, and even parts while Redis is away."""
import signal
import threading
import time

from harness import KEY, Broken, Client, chat, chat_body, wait_for
from test_quota_redis import billing, member, redis, together # noqa: F401, fixtures

NAMES = ["gw-1", "gw-2"]


def at_work(gw):
    return gw.metric("tollgate_requests_in_flight")


def ask(gw, answers):
    """One request that the provider takes long for, on a thread of its own."""
    def one():
        try:
            with Client(gw.listen, timeout=120) as c:
                answers.append(c.request("POST", "/v1/chat/completions", chat_body(max_tokens=20), {"x-sim-ttft": "90s"}, KEY).status)
        except (OSError, Broken):
            pass

    threading.Thread(target=one, daemon=True).start()


def press(gw, answers, n):
    """Asks until n are at work."""
    def more():
        if at_work(gw) < n:
            ask(gw, answers)
        time.sleep(.2)
        return at_work(gw) >= n

    wait_for(more, lambda: f"{n} are at work, not {at_work(gw)}", 60)


def test_a_busy_gateway_has_what_the_others_do_not_need(member, redis):
    server, limits = redis(), {"concurrency": "8"}
    gateways = [member(name, NAMES, server, limits) for name in NAMES]
    together(gateways)
    answers = []
    press(gateways[0], answers, 4) # its even part
    press(gateways[0], answers, 7) # and all but the other one's floor
    ask(gateways[0], answers)
    wait_for(lambda: 429 in answers, "the eighth is refused")
    press(gateways[1], [], 1)
    refused = []
    for _ in range(3):
        ask(gateways[1], refused)
    wait_for(lambda: refused == [429] * 3, "what is at work there is not given away")
    assert at_work(gateways[0]) == 7 and at_work(gateways[1]) == 1


def test_even_parts_without_redis(member, redis):
    server, limits = redis(), {"requests": "60/m"}
    gateways = [member(name, NAMES, server, limits) for name in NAMES]
    together(gateways)

    def served(gw, seconds):
        end, n = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            n += chat(gw.listen, max_tokens=20).status == 200
        return n

    first = served(gateways[0], 1)
    assert 28 <= first <= 32 # its part at once
    # alone: 53 a minute rather than 30 (7 is the other one's floor)
    wait_for(lambda: served(gateways[0], 5) >= 4, "it refills faster", 60)
    server.stop(signal.SIGKILL)
    wait_for(lambda: served(gateways[0], 6) <= 3, "half of it again", 60)
