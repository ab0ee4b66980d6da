"""What a single request may be: the clamp on its answer's tokens, and the ceiling of its cost."""
import fractions
import json

import pytest

from harness import CLAUDE, KEY, MODEL, Client, chat, merged, multipart, sha256

F = fractions.Fraction


def post(gw, path, body, headers=()):
    with Client(gw.listen) as c:
        return c.request("POST", path, body if isinstance(body, bytes) else json.dumps(body).encode(),
                         {"content-type": "application/json", **dict(headers)}, KEY)


def seen(sim):
    """The body of the last request as the provider saw it, as text."""
    return sim.requests()[-1]["body"]


def clamped(most, scope="tenant"):
    if scope == "tier":
        return {"tiers": {"free": {"max_tokens": most}}, "tenants": {"acme": {"tier": "free"}}}
    if scope == "key":
        return {"tenants": {"acme": {"keys": [{"id": "laptop", "sha256": sha256(KEY), "max_tokens": most}]}}}
    return {"tenants": {"acme": {"max_tokens": most}}}


MESSAGES = [{"role": "user", "content": "x"}]
APIS = {
    "chat": ("/v1/chat/completions", {"model": MODEL, "messages": MESSAGES}, "max_tokens"),
    "responses": ("/v1/responses", {"model": MODEL, "input": "x"}, "max_output_tokens"),
    "completions": ("/v1/completions", {"model": MODEL, "prompt": "x"}, "max_tokens"),
    "messages": ("/v1/messages", {"model": CLAUDE, "messages": MESSAGES}, "max_tokens"),
}


@pytest.mark.parametrize("scope", ["tier", "tenant", "key"])
def test_more_than_allowed_is_clamped(gateway, sim, scope):
    gw = gateway(clamped(40, scope))
    r = chat(gw.listen, max_tokens=1000)
    assert r.status == 200 and r.get("x-tollgate-max-tokens-clamped") == "40"
    assert json.loads(seen(sim))["max_tokens"] == 40
    assert r.json["usage"]["completion_tokens"] <= 40
    assert gw.line_of(r.id)["max_tokens_clamped"] == 40
    r = chat(gw.listen, max_tokens=40)
    assert r.status == 200 and r.get("x-tollgate-max-tokens-clamped") is None
    assert "max_tokens_clamped" not in gw.line_of(r.id)


@pytest.mark.parametrize("api", APIS)
def test_where_no_limit_is_given_one_is_put_in(gateway, sim, api):
    gw = gateway(clamped(33))
    path, body, member = APIS[api]
    r = post(gw, path, body)
    assert r.status == 200 and r.get("x-tollgate-max-tokens-clamped") == "33"
    assert json.loads(seen(sim)) == {**body, member: 33}
    r = post(gw, path, {**body, member: 34, "stream": True})
    assert r.status == 200 and r.get("x-tollgate-max-tokens-clamped") == "33"
    assert json.loads(seen(sim))[member] == 33


def test_the_least_of_all_counts(gateway, sim):
    gw = gateway({"tiers": {"free": {"max_tokens": 50}},
                  "tenants": {"acme": {"tier": "free", "max_tokens": 30,
                                       "keys": [{"id": "laptop", "sha256": sha256(KEY), "max_tokens": 70}]}}})
    assert chat(gw.listen, max_tokens=1000).get("x-tollgate-max-tokens-clamped") == "30"


def test_all_other_bytes_stay(gateway, sim):
    gw = gateway(clamped(7))
    head, tail = b'{ "messages" : [{"role":"user","content":"caf\\u00e9 1e5"}],\n "max_completion_tokens":', b' ,"model":"gpt-4o-mini", "x": 1.50 }'
    for given in (b"100", b"1e5", b'"100"', b"-1", b"null", b"100.0"):
        assert post(gw, "/v1/chat/completions", head + given + tail).status == 200
        assert seen(sim).encode() == head + b"7" + tail
    assert post(gw, "/v1/chat/completions", head + b"6" + tail).status == 200
    assert seen(sim).encode() == head + b"6" + tail


def test_both_members_are_clamped_each(gateway, sim):
    gw = gateway(clamped(7))
    post(gw, "/v1/chat/completions", {"model": MODEL, "messages": MESSAGES, "max_tokens": 9, "max_completion_tokens": 5})
    body = json.loads(seen(sim))
    assert (body["max_tokens"], body["max_completion_tokens"]) == (7, 5)


def test_what_a_target_calls_it(gateway, sim):
    gw = gateway(merged(clamped(7), {"targets": {"openai": {"output_limit": "max_completion_tokens"}}}))
    assert chat(gw.listen).status == 200
    body = json.loads(seen(sim))
    assert body["max_completion_tokens"] == 7 and "max_tokens" not in body


def test_no_more_than_the_model_can_write_is_put_in(gateway, sim):
    gw = gateway(clamped(900000))
    r = chat(gw.listen)
    assert r.status == 200
    n = json.loads(seen(sim))["max_tokens"]
    assert 0 < n < 900000 and r.get("x-tollgate-max-tokens-clamped") == str(n)


def test_what_has_no_output_stays_as_it_is(gateway, sim):
    gw = gateway(clamped(7))
    body = {"model": "text-embedding-3-small", "input": "x"}
    r = post(gw, "/v1/embeddings", body)
    assert r.status == 200 and r.get("x-tollgate-max-tokens-clamped") is None and json.loads(seen(sim)) == body


def test_a_clamped_request_holds_less(gateway):
    """The bound is closed: what would not fit unlimited does fit with the clamp."""
    gw = gateway(merged(clamped(100), {"tenants": {"acme": {"limits": {"tokens": "1000/day"}}}}))
    assert chat(gw.listen).status == 200
    gw.reload(merged(gw.config, {"tenants": {"acme": {"max_tokens": None}}}))
    assert chat(gw.listen).status == 429


# ---- what it may cost


def costly(usd, scope="tenant"):
    value = f"{usd} usd"
    if scope == "tier":
        return {"tiers": {"free": {"max_cost": value}}, "tenants": {"acme": {"tier": "free"}}}
    if scope == "key":
        return {"tenants": {"acme": {"keys": [{"id": "laptop", "sha256": sha256(KEY), "max_cost": value}]}}}
    return {"tenants": {"acme": {"max_cost": value}}}


@pytest.mark.parametrize("scope", ["request", "tier", "tenant", "key"])
def test_a_request_that_may_be_too_dear_is_not_sent(gateway, sim, scope):
    gw = gateway(costly("0.0005", scope) if scope != "request" else {})
    own = {"x-tollgate-max-cost": "0.0005"} if scope == "request" else {}
    assert chat(gw.listen, headers=own, max_tokens=100).status == 200
    n = len(sim.requests())
    r = chat(gw.listen, headers=own, max_tokens=10000)
    assert r.status == 402 and r.json["error"]["code"] == "cost_ceiling" and r.json["error"]["type"] == "invalid_request_error"
    assert "0.0005 usd" in r.json["error"]["message"] and len(sim.requests()) == n
    line = gw.line_of(r.id)
    assert line["status"] == 402 and line["error"] == "cost_ceiling" and "cost_usd" not in line
    fits = int(r.get("x-tollgate-max-affordable-tokens"))
    assert 100 < fits < 10000
    assert chat(gw.listen, headers=own, max_tokens=fits + 20).status == 402 # (two digits less are two bytes less)
    r = chat(gw.listen, headers=own, max_tokens=fits)
    assert r.status == 200 and F(r.get("x-tollgate-cost-usd")) <= F("0.0005")


def test_the_lower_ceiling_counts(gateway):
    gw = gateway(costly("0.0005"))
    for own, status in (("0.00001", 402), ("0.0005", 200), ("5", 200), ("1e-9", 402), ("0", 402)):
        assert chat(gw.listen, headers={"x-tollgate-max-cost": own}, max_tokens=100).status == status, own
    assert chat(gw.listen, headers={"x-tollgate-max-cost": "5"}, max_tokens=10000).status == 402


@pytest.mark.parametrize("bad", ["", "x", "-1", "0.05 usd", "1,5", "0.0000000000001", "99999999999999999999"])
def test_a_malformed_ceiling(gateway, sim, bad):
    gw = gateway()
    r = chat(gw.listen, headers={"x-tollgate-max-cost": bad})
    assert r.status == 400 and r.json["error"]["code"] == "invalid_max_cost" and not sim.requests()


def test_two_ceilings_are_none(gateway):
    gw = gateway()
    with Client(gw.listen) as c:
        r = c.request("POST", "/v1/chat/completions", b'{"model":"%s","messages":[]}' % MODEL.encode(),
                      [("content-type", "application/json"), ("x-tollgate-max-cost", "1"), ("x-tollgate-max-cost", "2")], KEY)
    assert r.status == 400 and r.json["error"]["code"] == "invalid_max_cost"


def test_the_header_stays_here(gateway, sim):
    gw = gateway()
    assert chat(gw.listen, headers={"x-tollgate-max-cost": "1"}).status == 200
    assert "max-cost" not in json.dumps(sim.requests()[-1]["headers"]).lower()


def test_anthropic_clients_are_told_in_their_words(gateway):
    gw = gateway(costly("0.0001"))
    r = post(gw, "/v1/messages", {"model": CLAUDE, "max_tokens": 1000, "messages": MESSAGES})
    assert r.status == 402 and r.json["type"] == "error" and r.json["error"]["type"] == "invalid_request_error"


def two_targets(first, second):
    """The model at two targets, the second a spare; with prices of a million output tokens."""
    def price(model, usd):
        return {"provider": "openai", "model": model, "per_mtok": {"input": "0.1", "output": usd}}
    return {"models": {MODEL: {"targets": [{"target": "openai", "model": "first", "weight": 1000},
                                            {"target": "spare", "model": "second", "weight": 1}]}},
            "price_overrides": [price("first", first), price("second", second)]}


def with_spare(gateway, sim, changes):
    return gateway(merged(changes, {"targets": {"spare": {"provider": "openai", "base_url": f"http://{sim.listen}",
                                                          "key": "sk-e2e-provider-key"}}}))


def test_a_target_that_fits_is_taken_instead(gateway, sim):
    gw = with_spare(gateway, sim, two_targets("10", "1"))
    for own, target in (("0.002", "spare"), ("1", "openai")):
        answers = [chat(gw.listen, headers={"x-tollgate-max-cost": own}, max_tokens=1000) for _ in range(3)]
        assert [r.status for r in answers] == [200] * 3
        if target == "spare":
            assert {r.get("x-tollgate-target") for r in answers} == {"spare"}
        else:
            assert "openai" in {r.get("x-tollgate-target") for r in answers}
    r = chat(gw.listen, headers={"x-tollgate-max-cost": "0.0005"}, max_tokens=1000)
    assert r.status == 402 and "'spare'" in r.json["error"]["message"] # of the cheapest it is told
    assert 0 < int(r.get("x-tollgate-max-affordable-tokens")) < 500


def test_a_second_leg_counts_with_the_first(gateway, simulator, sim):
    """The first target's failure leaves room for another leg or not, by what it may have cost."""
    gw = with_spare(gateway, sim, merged(two_targets("1", "1"), {"ledger": {"indeterminate": "bound"}}))
    # the first leg is sent whole and its connection dies without a status: charged at its bound
    fault = {"x-sim-fault": "reset@0"}
    r = chat(gw.listen, headers={**fault, "x-tollgate-max-cost": "0.0015"}, max_tokens=1000)
    assert r.status == 402 and r.json["error"]["code"] == "cost_ceiling"
    line = gw.wait_lines(1)[0]
    assert F("0.0010") <= F(line["cost_usd"]) <= F("0.0015")


@pytest.mark.parametrize("size", [1000, 200_000])
@pytest.mark.parametrize("model_first", [True, False])
def test_a_form_whose_model_comes_late(gateway, sim, size, model_first):
    """Its price is known when its model is; until then nothing complete has gone out."""
    gw = gateway()
    fields = [("model", "gpt-4o-mini-transcribe"), ("file", "a.wav", b"x" * size)]
    kind, body = multipart(fields if model_first else fields[::-1])
    for most, status in (("0.000001", 402), ("50", 200)):
        with Client(gw.listen) as c:
            r = c.request("POST", "/v1/audio/transcriptions", body, {"content-type": kind, "x-tollgate-max-cost": most}, KEY)
        assert r.status == status
        if status == 402:
            assert r.json["error"]["code"] == "cost_ceiling"
            # of a long form the provider may have seen a beginning, which it bills nothing for
            assert not any(e["billed_input"] or e["billed_output"] for e in sim.ledger()["entries"])
