"""What models can do: requests go where it can be done, and are refused with the reason where it cannot."""

import json
import subprocess
from decimal import Decimal

import pytest

from harness import BUILD, KEY, MODEL, Client, chat, chat_body, merged, standard_config, wait_for
from ledgers import export_of

TGCTL = BUILD / "tgctl"
IMAGE = "data:image/png;base64,iVBORw0KGgo="
OPENAI_IMAGE = [{"role": "user", "content": [{"type": "text", "text": "What is this?"},
                                             {"type": "image_url", "image_url": {"url": IMAGE}}]}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]


def price(model, **more):
    return {"provider": "openai", "model": model, "per_mtok": {"input": "1", "output": "2"}, "source": "test",
            "date": "2026-11-28", **more}


@pytest.fixture
def gw(launch, tmp_path, simulator):
    def start(*targets, **changes):
        sim = simulator()
        config = standard_config(sim.listen, tmp_path)
        config["models"] = {MODEL: {"targets": list(targets)}}
        config["price_overrides"] = [price("blind", capabilities={"vision": False}), price("sees"),
                                     price("mute", capabilities={"tools": False, "json_schema": False})]
        return launch(merged(config, changes)), sim

    return start


def ask(gw, **more):
    with Client(gw.listen) as c:
        return c.request("POST", "/v1/chat/completions", {"model": MODEL, "messages": OPENAI_IMAGE, **more}, (), KEY)


def test_a_request_goes_to_what_can_do_it(gw):
    gw, sim = gw({"target": "openai", "model": "blind", "weight": 1000}, {"target": "openai", "model": "sees", "weight": 1})
    for _ in range(5):
        assert ask(gw).status == 200
    assert {json.loads(r["body"])["model"] for r in sim.requests(5)} == {"sees"}
    with Client(gw.listen) as c:
        r = c.request("POST", "/v1/chat/completions", {"model": MODEL, "messages": OPENAI_IMAGE},
                      [("x-tollgate-explain", "1")], KEY)
    assert "not: capability (no vision)" in r.get("x-tollgate-route"), r
    page = gw.admin_get(f"/admin/v1/route/explain?model={MODEL}&needs=vision,tools").json
    assert page["candidates"][0]["lacks"] == ["vision"] and page["candidates"][0]["skipped"][0]["reason"] == "capability"
    assert "lacks" not in page["candidates"][1] and page["how"] == "the only one"
    assert gw.admin_get(f"/admin/v1/route/explain?model={MODEL}&needs=smell").status == 400
    run = subprocess.run([TGCTL, "route", "explain", "--model", MODEL, "--needs", "vision", "--admin", gw.admin],
                         capture_output=True, text=True)
    assert run.returncode == 0 and "capability (no vision)" in run.stdout, run


def test_none_can(gw):
    gw, sim = gw({"target": "openai", "model": "blind"}, {"target": "openai", "model": "mute", "capabilities": {"vision": False}})
    r = ask(gw)
    assert r.status == 400 and r.json["error"]["code"] == "unsupported_by_target", r
    text = r.json["error"]["message"]
    assert "images" in text and "'blind' at 'openai' lacks vision" in text and "'mute'" in text, text
    with Client(gw.listen) as c:
        r = c.request("POST", "/v1/messages", {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}]}]}, (), KEY)
        assert r.status == 400 and r.json["type"] == "error" and "lacks vision" in r.json["error"]["message"], r
        r = c.request("POST", f"/v1beta/models/{MODEL}:generateContent", {"contents": [{"role": "user", "parts": [
            {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]}]}, (), KEY)
        assert r.status == 400 and r.json["error"]["status"] == "INVALID_ARGUMENT" and "lacks vision" in r.json["error"]["message"], r
    assert not sim.requests(0)
    assert chat(gw.listen).status == 200


def test_tools_and_schemas(gw):
    gw, _ = gw({"target": "openai", "model": "mute"})
    assert chat(gw.listen).status == 200
    r = chat(gw.listen, tools=TOOLS)
    assert r.status == 400 and "lacks tools" in r.json["error"]["message"], r
    r = chat(gw.listen, response_format=SCHEMA, tools=TOOLS)
    assert r.status == 400 and "tools and a JSON schema for the answer" in r.json["error"]["message"], r
    # the operator knows better than the price book
    gw.reload(merged(gw.config, {"targets": {"openai": {"capabilities": {"tools": True, "json_schema": True}}}}))
    assert chat(gw.listen, response_format=SCHEMA, tools=TOOLS).status == 200


def test_the_fallback_serves(gw):
    gw, sim = gw({"target": "openai", "model": "blind"},
                 models={"other": {"targets": [{"target": "openai", "model": "sees"}]}, MODEL: {"fallback": ["other"]}})
    assert ask(gw).status == 200
    assert json.loads(sim.requests(1)[0]["body"])["model"] == "sees"


def test_what_is_certainly_too_much(gw):
    """More than any target gives or takes is refused in each vendor's words; a clamp, or who knows more, goes before."""
    gw, sim = gw({"target": "openai", "model": "small"}, {"target": "openai", "model": "larger"},
                 price_overrides=[price("small", max_output=100, max_input=2000),
                                  price("larger", max_output=200, max_input=3000), price("sees")])
    words = [{"role": "user", "content": "x" * 128 * 3100}]
    gemini = [{"role": "user", "parts": [{"text": "x" * 128 * 3100}]}]
    for path, body, code, says in (
            ("/v1/chat/completions", {"max_tokens": 201}, "invalid_value", "max_tokens: 201 > 200, "),
            ("/v1/chat/completions", {"max_completion_tokens": 300}, "invalid_value", "max_completion_tokens: 300 > 200, "),
            ("/v1/chat/completions", {"messages": words}, "context_length_exceeded",
             f"The maximum context length of model '{MODEL}' is 3000 tokens at its targets, and messages has at least 310"),
            ("/v1/responses", {"input": "x", "max_output_tokens": 201}, "invalid_value", "max_output_tokens: 201 > 200, "),
            ("/v1/messages", {"max_tokens": 201}, None, "max_tokens: 201 > 200, "),
            ("/v1/messages", {"max_tokens": 9, "messages": words}, None, "prompt is too long: 310"),
            (f"/v1beta/models/{MODEL}:generateContent", {"contents": [{"parts": [{"text": "x"}]}],
                                                         "generationConfig": {"maxOutputTokens": 201}}, None,
             "generationConfig.maxOutputTokens: 201 > 200, "),
            (f"/v1beta/models/{MODEL}:generateContent", {"contents": gemini}, None, "The input token count (310")):
        base = {} if "beta" in path else {"model": MODEL, "messages": [{"role": "user", "content": "x"}]}
        if path == "/v1/responses":
            del base["messages"]
        with Client(gw.listen) as c:
            r = c.request("POST", path, {**base, **body}, (), KEY)
        assert r.status == 400 and says in r.json["error"]["message"], (path, r)
        assert r.json["error"].get("type", "invalid_request_error") == "invalid_request_error"
        if code is not None:
            assert r.json["error"]["code"] == code, r
    assert not sim.requests(0)
    # what fits one of them goes there
    assert chat(gw.listen, max_tokens=200).status == 200
    assert json.loads(sim.requests(1)[0]["body"])["model"] == "larger"
    # the one that fits fails: that is what the client hears, not that the other one is too small
    r = chat(gw.listen, headers=(("x-sim-fault", "500"),), max_tokens=150)
    assert r.status == 500, r
    # a fallback that gives more serves
    models = {MODEL: {"fallback": ["other"]}, "other": {"targets": [{"target": "openai", "model": "sees"}]}}
    gw.reload(merged(gw.config, {"models": models}))
    assert chat(gw.listen, max_tokens=201).status == 200
    assert json.loads(sim.requests(3)[2]["body"])["model"] == "sees"
    gw.reload(merged(gw.config, {"models": {MODEL: {"on_unsupported": "drop", "fallback": None}}}))
    assert chat(gw.listen, max_tokens=201).status == 200
    assert json.loads(sim.requests(4)[3]["body"])["max_tokens"] == 201
    # the clamp makes it fit
    gw.reload(merged(gw.config, {"models": {MODEL: {"on_unsupported": "refuse"}}, "tenants": {"acme": {"max_tokens": 150}}}))
    r = chat(gw.listen, max_tokens=201)
    assert r.status == 200 and int(r.get("x-tollgate-max-tokens-clamped")) in (100, 150), r


def test_a_full_target_is_not_the_request_s_fault(gw):
    """The first model could serve it and is full, its fallback cannot: that is worth another try, and no 400."""
    gw, sim = gw({"target": "openai", "model": "sees"}, targets={"openai": {"limits": {"concurrency": 1}}},
                 models={MODEL: {"fallback": ["other"]}, "other": {"targets": [{"target": "openai", "model": "small"}]}},
                 price_overrides=[price("small", max_output=100), price("sees")])
    with Client(gw.listen) as busy:
        busy.send_request("POST", "/v1/chat/completions", chat_body(), [("x-sim-ttft", "2s")], KEY)
        wait_for(lambda: sim.requests(1), "the one that takes its time")
        r = chat(gw.listen, max_tokens=150)
        assert r.status == 503 and r.get("retry-after") == "1", r
        assert busy.response().status == 200


def test_what_is_asked_for_is_held(gw, tmp_path):
    """A book's max_output lowers nothing that is sent, so it lowers no hold; and an imported one refuses nothing."""
    gw, sim = gw({"target": "openai", "model": "small"},
                 price_overrides=[price("small", max_output=100, source="litellm map, of 2024"), price("sees")])
    assert chat(gw.listen, max_tokens=201).status == 200
    assert json.loads(sim.requests(1)[0]["body"])["max_tokens"] == 201
    charges = wait_for(lambda: export_of(tmp_path / "ledger"), "the charge")
    assert Decimal(charges[0]["bound_usd"]) >= 201 * Decimal("0.000002"), charges


def test_the_price_book_shows_it(tmp_path):
    book = tmp_path / "book.json"
    book.write_text(json.dumps({"format": "tollgate-prices/3", "prices": [price("m", capabilities={"vision": True, "audio": False})]}))
    run = subprocess.run([TGCTL, "prices", "show", "m", book], capture_output=True, text=True)
    assert "  can: vision\n" in run.stdout and "  cannot: audio\n" in run.stdout, run
