"""What models can do: requests go where it can be done, and are refused with the reason where it cannot."""

import json
import subprocess

import pytest

from harness import BUILD, KEY, MODEL, Client, chat, merged, standard_config

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


def test_the_price_book_shows_it(tmp_path):
    book = tmp_path / "book.json"
    book.write_text(json.dumps({"format": "tollgate-prices/3", "prices": [price("m", capabilities={"vision": True, "audio": False})]}))
    run = subprocess.run([TGCTL, "prices", "show", "m", book], capture_output=True, text=True)
    assert "  can: vision\n" in run.stdout and "  cannot: audio\n" in run.stdout, run
