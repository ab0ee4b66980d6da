"""The admin listener: health, metrics, token, reload; and that no application reaches it by the other door."""

import threading

import pytest

from harness import KEY, MODEL, Client, chat, merged, wait_for

TOKEN = "e2e-admin-token"


@pytest.fixture
def guarded(gateway):
    gw = gateway({"admin": {"token": TOKEN}})
    gw.admin_headers = {"authorization": f"Bearer {TOKEN}"}
    return gw


def test_health_needs_no_token_and_the_rest_does(guarded):
    assert guarded.admin_get("/livez").json == {"status": "ok"}
    ready = guarded.admin_get("/readyz")
    assert ready.status == 200
    assert ready.json["status"] == "ready" and ready.json["targets"] == {"openai": "up", "claude": "up"}
    assert ready.json["config_generation"] == 1 and ready.json["workers"] == 2
    for method, path in (("GET", "/metrics"), ("POST", "/admin/v1/reload"), ("GET", "/nothing")):
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN},
                        {"authorization": f"Bearer {TOKEN}x"}, {"authorization": f"Bearer {KEY}"}):
            response = guarded.admin_get(path, method, headers)
            assert response.status == 401 and response.get("www-authenticate").startswith("Bearer"), response
            assert "path" not in response.body.decode()
    assert guarded.admin_get("/metrics", headers=guarded.admin_headers).status == 200
    assert TOKEN not in guarded.errors()


def test_the_tokens_change_on_reload(guarded):
    guarded.write(merged(guarded.config, {"admin": {"token": "another-token"}}))
    assert guarded.admin_get("/admin/v1/reload", "POST", guarded.admin_headers).status == 200
    assert guarded.admin_get("/metrics", headers=guarded.admin_headers).status == 401
    assert guarded.admin_get("/metrics", headers={"authorization": "Bearer another-token"}).status == 200


def test_metrics_are_prometheus_text(gw):
    chat(gw.listen)
    chat(gw.listen, stream=True)
    gw.metric_is(2, "tollgate_requests_total")
    page = gw.admin_get("/metrics")
    assert page.get("content-type").startswith("text/plain; version=0.0.4")
    types, helps = {}, set()
    for line in page.body.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types
            types[name] = kind
        elif line.startswith("# HELP "):
            helps.add(line.split(" ")[2])
    metrics = gw.metrics()
    assert helps == set(types)
    for (name, labels) in metrics:
        base = next(n for n in (name, name.rsplit("_", 1)[0]) if n in types)
        if types[base] == "counter":
            assert base.endswith("_total")
    # histograms: cumulative, +Inf is the count
    for base in [n for n, kind in types.items() if kind == "histogram"]:
        rows = {}
        for (name, labels), v in metrics.items():
            if name == base + "_bucket":
                d = dict(labels)
                le = d.pop("le")
                rows.setdefault(frozenset(d.items()), []).append((float(le), v))
        for labels, buckets in rows.items():
            values = [v for _, v in sorted(buckets)]
            assert values == sorted(values) and values[-1] == metrics[base + "_count", labels]
    assert metrics["tollgate_first_byte_seconds_count", frozenset({("target", "openai")})] == 2
    gw.metric_is(2, "tollgate_requests_total")


def test_gauges_follow_what_is_going_on(gw, connect):
    client = connect(gw.listen)
    client.send_request("POST", "/v1/chat/completions", {"model": MODEL, "stream": True, "messages": [
        {"role": "user", "content": "x"}]}, {"x-sim-events": "10000", "x-sim-tps": "50"}, KEY)
    assert client.read_head().status == 200
    gw.metric_is(1, "tollgate_requests_in_flight")
    gw.metric_is(1, "tollgate_upstream_active_connections")
    gw.metric_is(1, "tollgate_connections")
    client.close()
    for name in ("tollgate_requests_in_flight", "tollgate_upstream_active_connections", "tollgate_connections"):
        wait_for(lambda: gw.metric(name) == 0, f"{name} to be 0")
    assert chat(gw.listen).status == 200
    gw.metric_is(1, "tollgate_upstream_idle_connections")


def test_reload_by_request_says_what_is_wrong(gw):
    assert gw.admin_get("/admin/v1/reload", "POST").json == {"status": "reloaded"}
    gw.metric_is(2, "tollgate_config_generation")
    good = gw.config
    gw.write("listen: 127.0.0.1:0\nmodles: {}\n")
    bad = gw.admin_get("/admin/v1/reload", "POST")
    assert bad.status == 400 and f"{gw.config_path}:2:1: " in bad.json["error"]["message"]
    gw.metric_is(2, "tollgate_config_generation")
    gw.write(good)
    assert gw.admin_get("/admin/v1/reload", "POST").status == 200


def test_paths_and_methods(gw):
    missing = gw.admin_get("/metrix")
    assert missing.status == 404 and "/metrics" in missing.body.decode()
    wrong = gw.admin_get("/admin/v1/reload")
    assert wrong.status == 405 and "POST" in wrong.get("allow")
    with Client(gw.admin) as c:
        head = c.request("HEAD", "/livez")
        assert head.status == 200 and head.body == b""
        assert c.request("GET", "/livez").status == 200      # the connection goes on


def test_web_pages_are_kept_out_where_there_is_no_token(gw):
    """Another site's page in the operator's browser: an Origin, or a name that was rebound to 127.0.0.1."""
    assert gw.admin_get("/admin/v1/reload", "POST", {"origin": "https://evil.test"}).status == 403
    with Client(gw.admin) as c:
        c.host = "evil.test"
        assert c.request("GET", "/metrics").status == 403


def test_the_admins_paths_are_not_on_the_applications_listener(gw, connect):
    client = connect(gw.listen)
    for path in ("/metrics", "/admin/v1/reload", "/readyz"):
        assert client.request("GET", path, key=KEY).status == 404
    assert gw.admin_get("/v1/models").status == 404


def test_admin_on_a_unix_socket(gateway, tmp_path):
    gw = gateway({"admin": {"address": f"unix:{tmp_path}/admin.sock"}})
    assert gw.admin_get("/readyz").status == 200
    gw.metric_is(1, "tollgate_config_generation")


def test_slow_admin_clients_do_not_hold_up_reload_or_scrapes(gw, connect):
    """Half a request on many connections: the control thread goes on."""
    for _ in range(20):
        connect(gw.admin).send(b"GET /metrics HTTP/1.1\r\nhost: ")
    gw.reload(gw.config)
    gw.metric_is(2, "tollgate_config_generation")


def test_scrapes_under_load(gw):
    """Every scrape is whole and counters never go back."""
    stop = threading.Event()

    def load():
        while not stop.is_set():
            chat(gw.listen)

    threads = [threading.Thread(target=load, daemon=True) for _ in range(3)]
    for t in threads:
        t.start()
    last = {}
    for _ in range(30):
        now = {k: v for k, v in gw.metrics().items() if k[0].endswith("_total")}
        assert all(now[k] >= v for k, v in last.items())
        last = now
    stop.set()
    for t in threads:
        t.join()
