"""Who may ask for what: keys in all their forms, tiers, tags; and that nobody's key goes where it must not."""

import json
import signal
import subprocess

import pytest

from harness import BUILD, CLAUDE, KEY, MODEL, PROVIDER_KEY, Client, chat, chat_body, merged, sha256, wait_for

FORMS = {
    "bearer": ({"authorization": f"Bearer {KEY}"}, ""),
    "bearer, other case": ({"authorization": f"bearer {KEY}"}, ""),
    "x-api-key": ({"x-api-key": KEY}, ""),
    "api-key": ({"api-key": KEY}, ""),
    "x-goog-api-key": ({"x-goog-api-key": KEY}, ""),
    "query": ({}, f"?key={KEY}"),
    "query, encoded, among others": ({}, "?a=1&key=" + "".join(f"%{ord(c):02x}" for c in KEY) + "&b=2"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path, body", [
    ("/v1/chat/completions", chat_body()),
    ("/v1/messages", {"model": CLAUDE, "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}),
])
def test_every_form_is_taken_and_none_is_passed_on(gw, sim, connect, form, path, body):
    headers, query = FORMS[form]
    response = connect(gw.listen).request("POST", path + query, body, headers)
    assert response.status == 200, response
    seen = sim.requests()
    assert len(seen) == 1
    text = json.dumps(seen)
    assert KEY not in text and "key=" not in seen[0]["target"]
    assert "".join(f"%{ord(c):02x}" for c in KEY) not in text
    sent = [v for n, v in seen[0]["headers"] if n.lower() in ("authorization", "x-api-key", "api-key")]
    assert sent == ([f"Bearer {PROVIDER_KEY}"] if "chat" in path else [PROVIDER_KEY])
    assert gw.last_line(1)["key"] == "laptop"
    assert PROVIDER_KEY not in repr(response.headers) + response.body.decode()


def test_without_a_key_it_is_a_401_in_the_callers_dialect(gw, sim, connect):
    response = connect(gw.listen).request("POST", "/v1/chat/completions", chat_body())
    assert response.status == 401 and response.get("www-authenticate") == "Bearer"
    assert response.json["error"]["code"] == "invalid_api_key" and response.get("x-should-retry") == "false"
    response = connect(gw.listen).request("POST", "/v1/messages", {"model": CLAUDE})
    assert response.status == 401 and response.json["type"] == "error"
    assert response.json["error"]["type"] == "authentication_error"
    response = connect(gw.listen).request("POST", "/v1/messages", {"model": CLAUDE},
                                          {"accept": "application/problem+json"})
    assert response.status == 401 and response.get("content-type") == "application/problem+json"
    assert response.json["status"] == 401
    assert sim.requests() == []


@pytest.mark.parametrize("key", ["nobody", KEY + "x", KEY[:-1], KEY.upper(), " ", "Bearer", PROVIDER_KEY, sha256(KEY)])
def test_other_keys_are_refused(gw, sim, key):
    response = chat(gw.listen, key=key)
    assert response.status == 401
    assert sim.requests() == [] and gw.last_line(1)["error"] == "invalid_api_key"
    if key.strip() and key != "Bearer":
        assert key not in response.body.decode() + gw.access_path().read_text() + gw.errors()


def keys(*rows):
    return {"tenants": {"acme": {"keys": [{"id": "laptop", "sha256": sha256(KEY)},
                                          *({"id": f"k{i}", **row} for i, row in enumerate(rows))]}}}


@pytest.mark.parametrize("row, status, word", [
    ({"expires": "2020-01-01"}, 401, "expired"),
    ({"expires": "2020-01-01T00:00:00Z"}, 401, "expired"),
    ({"expires": "2099-01-01"}, 200, None),
    ({"disabled": True}, 401, "disabled"),
    ({"models": [MODEL]}, 200, None),
    ({"models": [CLAUDE]}, 403, MODEL),
])
def test_a_keys_own_rules(gateway, sim, row, status, word):
    gw = gateway(keys({"sha256": sha256("tg-other"), **row}))
    response = chat(gw.listen, key="tg-other")
    assert response.status == status, response
    assert chat(gw.listen).status == 200
    if status == 200:
        return
    assert word in response.json["error"]["message"]
    assert response.json["error"]["code"] == ("invalid_api_key" if status == 401 else "model_not_allowed")
    line = gw.line_of(response.id)
    assert line["key"] == "k0" and line["status"] == status
    assert len(sim.requests()) == 1


def test_tier_and_key_together(gateway, connect):
    """The tier bounds its tenants, the key bounds itself: a model must be in both; /v1/models shows what is."""
    gw = gateway({
        "tiers": {"free": {"models": [MODEL, "text-embedding-3-small"]}},
        "tenants": {"poor": {"tier": "free", "keys": [
            {"id": "all", "sha256": sha256("tg-all")},
            {"id": "one", "sha256": sha256("tg-one"), "models": [MODEL, CLAUDE]}]}}})
    message = {"model": CLAUDE, "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    for key, models in (("tg-all", {MODEL, "text-embedding-3-small"}), ("tg-one", {MODEL})):
        client = connect(gw.listen)
        assert client.request("POST", "/v1/chat/completions", chat_body(), key=key).status == 200
        refused = client.request("POST", "/v1/messages", message, key=key)
        assert refused.status == 403 and refused.json["error"]["type"] == "permission_error"
        listed = client.request("GET", "/v1/models", key=key)
        assert {m["id"] for m in listed.json["data"]} == models
    assert len(connect(gw.listen).request("GET", "/v1/models", key=KEY).json["data"]) == 5


def test_a_disabled_tenant(gateway):
    gw = gateway({"tenants": {"acme": {"disabled": True},
                              "other": {"keys": [{"id": "o", "sha256": sha256("tg-other")}]}}})
    assert chat(gw.listen).status == 401
    assert chat(gw.listen, key="tg-other").status == 200
    assert {(l["tenant"], l["status"]) for l in gw.wait_lines(2)} == {("acme", 401), ("other", 200)}


def test_tgctl_makes_a_key_that_works(gw):
    """The key is printed once; the line goes into the file as it is."""
    done = subprocess.run([str(BUILD / "tgctl"), "keys", "create", "--id", "made", "--json"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    text = json.dumps({k: v for k, v in gw.config.items() if k != "tenants"})[1:-1]
    gw.config_path.write_text("{ " + text + ", \"tenants\": { \"acme\": { \"keys\": [ " +
                              made["yaml"].strip().removeprefix("- ") + " ] } } }")

    gw.signal(signal.SIGHUP)
    wait_for(lambda: gw.metric("tollgate_config_generation") == 2, "the reload")
    assert chat(gw.listen, key=made["key"]).status == 200
    assert made["key"] not in gw.config_path.read_text() + gw.errors() + gw.access_path().read_text()


def test_nobodys_key_is_anywhere(gw, sim, connect):
    """Successes, refusals, provider errors: both keys stay where they belong."""
    seen = []
    for headers in ({}, {"x-sim-fault": "401"}, {"x-sim-fault": "500"}, {"x-sim-fault": "reset"}):
        response = chat(gw.listen, headers=headers)
        seen.append(repr(response.headers) + response.body.decode())
    client = connect(gw.listen)
    seen.append(repr(client.request("GET", f"/v1/nothing?key={KEY}")))
    metrics = gw.admin_get("/metrics").body.decode()
    gw.wait_lines(5)
    log = gw.access_path().read_text() + gw.errors()
    assert PROVIDER_KEY not in "".join(seen) + metrics + log
    assert KEY not in metrics
    assert KEY not in json.dumps(sim.requests())
    assert KEY not in log


def test_a_provider_that_refuses_our_credentials(gw):
    """The client is told 502, not 401: its own key is good. The operator finds it in the log."""
    response = chat(gw.listen, headers={"x-sim-fault": "401"})
    assert response.status == 502 and response.json["error"]["code"] == "upstream_error"
    assert "credentials" in gw.errors() and "openai" in gw.errors()


# ---- tags

TAGS = {"tags": {"required": ["team", "environment"], "optional": ["feature"], "on_missing": "reject"}}


def tagged(tags):
    return {"x-tollgate-tags": tags}


def test_a_client_adds_tags_and_the_provider_does_not_see_them(gw, sim):
    response = chat(gw.listen, headers={**tagged("feature=chat, customer=c-1"), "x-tollgate-session": "s",
                                        "x-tollgate-end-user": "u"})
    assert response.status == 200
    assert gw.last_line(1)["tags"] == {"team": "x", "feature": "chat", "customer": "c-1"}
    assert not [n for n, _ in sim.requests()[0]["headers"] if n.lower().startswith("x-tollgate")]


@pytest.mark.parametrize("tags", ["team=y", "team=x", "feature=a,team=y"])
def test_a_client_cannot_change_its_tenants_tags(gw, sim, tags):
    response = chat(gw.listen, headers=tagged(tags))
    assert response.status == 400 and response.json["error"]["code"] == "invalid_tags"
    assert "team" in response.json["error"]["message"]
    assert sim.requests() == []
    assert gw.last_line(1)["tags"] == {"team": "x"}


def test_a_keys_tags_go_over_its_tenants(gateway):
    gw = gateway(keys({"sha256": sha256("tg-other"), "tags": {"team": "z", "feature": "f"}}))
    assert chat(gw.listen, key="tg-other", headers=tagged("customer=c")).status == 200
    assert gw.last_line(1)["tags"] == {"team": "z", "feature": "f", "customer": "c"}
    assert chat(gw.listen, key="tg-other", headers=tagged("feature=g")).status == 400


@pytest.mark.parametrize("tags", ["feature", "=a", "fe/ature=a", "feature=a,feature=b", "fe ature=a", "feature=a=b,,c"])
def test_malformed_tags(gw, sim, tags):
    response = chat(gw.listen, headers=tagged(tags))
    assert response.status == 400 and response.json["error"]["code"] == "invalid_tags"
    assert sim.requests() == []


def test_tags_are_rejected_when_required_or_unknown(gateway, sim):
    gw = gateway(TAGS)
    missing = chat(gw.listen)
    assert missing.status == 400 and "environment" in missing.json["error"]["message"]
    unknown = chat(gw.listen, headers=tagged("environment=test,colour=red"))
    assert unknown.status == 400 and "colour" in unknown.json["error"]["message"]
    assert sim.requests() == []
    assert chat(gw.listen, headers=tagged("environment=test,feature=f")).status == 200


@pytest.mark.parametrize("on_missing, warned", [("warn", True), ("ignore", False)])
def test_a_missing_tag_may_be_let_through(gateway, on_missing, warned):
    gw = gateway({"tags": {**TAGS["tags"], "on_missing": on_missing}})
    response = chat(gw.listen)
    assert response.status == 200
    assert ("tag missing" in gw.errors() and response.id in gw.errors()) is warned
