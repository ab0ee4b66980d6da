"""Where clients are: their address behind proxies, countries and networks, lists, residency, and databases that
change or are broken."""

import json
import os
import pathlib
import signal
import socket
import struct
import subprocess

import pytest

import mmdb
from harness import (CLAUDE, KEY, MODEL, PROVIDER_KEY, ROOT, TOLLGATE, Client, chat, chat_body, merged, sha256,
                     wait_for)

SHARED = ROOT.parent / "shared" / "data" / "mmdb"
PLACES = {"127.0.0.0/8": mmdb.country("DE", True), "203.0.113.0/24": mmdb.country("US"),
          "198.51.100.0/24": mmdb.country("KP"), "198.51.100.128/25": mmdb.country("FR"),
          "2001:db8:1::/48": mmdb.country("CH")}
NETWORKS = {"203.0.113.0/25": mmdb.asn(64496), "198.51.100.0/24": mmdb.asn(64511)}
DE, US, KP, FR, CH, NOWHERE = "127.0.0.1", "203.0.113.5", "198.51.100.9", "198.51.100.200", "2001:db8:1::7", "192.0.2.1"
EU_KEY, US_KEY, TIER_KEY = "tg-e2e-eu", "tg-e2e-us", "tg-e2e-tier"


@pytest.fixture
def files(tmp_path):
    """Both databases, and `geoip` for them."""
    (tmp_path / "country.mmdb").write_bytes(mmdb.database(PLACES))
    (tmp_path / "asn.mmdb").write_bytes(mmdb.database(NETWORKS, kind="Test-ASN", size=28))
    return {"country": str(tmp_path / "country.mmdb"), "asn": str(tmp_path / "asn.mmdb")}


@pytest.fixture
def geo(gateway, files):
    """A gateway that knows places and believes this machine's X-Forwarded-For."""

    def start(changes=None):
        return gateway(merged({"geoip": files, "trusted_proxies": ["127.0.0.1", "10.0.0.0/8"]}, changes or {}))

    return start


def ask(gw, client=None, key=KEY, headers=(), **body):
    fields = list(headers)
    if client:
        fields.append(("x-forwarded-for", client))
    return chat(gw.listen, key=key, headers=fields, **body)


def line(gw, response):
    return gw.line_of(response.id)


# ---- whose address it is

@pytest.mark.parametrize("forwarded, client", [
    (US, US),
    ("1.2.3.4, " + US, US),                         # what the client itself had written
    ("1.2.3.4, " + US + ", 10.1.2.3", US),          # two proxies of ours
    (US + ":4711", US),
    ("[2001:db8:1::7]:443", CH),
    ("2001:DB8:1:0::7", CH),
    ("10.9.9.9, 10.1.2.3", "10.9.9.9"),             # nobody but ours: the first
    ("unknown", DE),                                # the proxy does not say: the proxy
    (US + ", _hidden, 10.1.2.3", "10.1.2.3"),
    (", ,", DE),
    ("'; DROP TABLE", DE),
])
def test_right_most_untrusted_address(geo, forwarded, client):
    gw = geo()
    assert line(gw, ask(gw, forwarded))["client"] == client


def test_lines_are_one_list(geo):
    gw = geo()
    r = chat(gw.listen, headers=[("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", US), ("X-Forwarded-For", "10.0.0.2")])
    assert line(gw, r)["client"] == US


def test_nobody_is_believed_unasked(gateway, files):
    """Without trusted proxies, and from one that is not, the headers are the client's own words."""
    gw = gateway({"geoip": files})
    spoofed = [("x-forwarded-for", US), ("forwarded", f"for={US}"), ("x-real-ip", US), ("true-client-ip", US)]
    assert line(gw, chat(gw.listen, headers=spoofed))["client"] == DE
    gw.reload(merged(gw.config, {"trusted_proxies": ["192.0.2.0/24", "::/0"]}))
    assert line(gw, chat(gw.listen, headers=spoofed))["client"] == DE
    gw.reload(merged(gw.config, {"trusted_proxies": ["127.0.0.0/8"]}))
    assert line(gw, chat(gw.listen, headers=spoofed))["client"] == US


def test_only_the_configured_header(geo):
    """The other one may be the client's own, passed on by a proxy that does not know it."""
    gw = geo()
    assert line(gw, chat(gw.listen, headers=[("forwarded", f"for={US}")]))["client"] == DE
    gw.reload(merged(gw.config, {"client_header": "forwarded"}))
    assert line(gw, chat(gw.listen, headers=[("x-forwarded-for", US)]))["client"] == DE
    for value, client in [(f"for={US};proto=https;by=10.0.0.1", US), (f'For="{US}:80", for=10.0.0.1', US),
                          ('for=1.2.3.4, for="[2001:db8:1::7]:4711"', CH), ("proto=https", DE), ("for=_gazonk", DE)]:
        assert line(gw, chat(gw.listen, headers=[("forwarded", value)]))["client"] == client, value
    # an open quote of the client's would swallow what the proxy wrote behind it
    for value in ('for="x, for=' + US, 'for=1.2.3.4;x="' + f', for={US};by="[::1]"', "for=a;for=b", "for"):
        r = chat(gw.listen, headers=[("forwarded", value)])
        assert (r.status, r.json["error"]["code"]) == (400, "bad_request"), value


def test_unix_socket_as_a_proxy(gateway, files, tmp_path):
    address = f"unix:{tmp_path}/gw.sock"
    gw = gateway({"geoip": files, "listen": [{"address": address}, {"address": "127.0.0.1:0"}]})
    assert line(gw, chat(address, headers=[("x-forwarded-for", US)]))["client"] == "unix"
    gw.reload(merged(gw.config, {"trusted_proxies": ["unix"]}))
    entry = line(gw, chat(address, headers=[("x-forwarded-for", US)]))
    assert (entry["client"], entry["country"]) == (US, "US")
    assert line(gw, chat(gw.listens[1], headers=[("x-forwarded-for", US)]))["client"] == DE


# ---- the PROXY protocol

def v2(client, command=0x21, tlvs=b"", family=None):
    if ":" in client:
        addresses = socket.inet_pton(socket.AF_INET6, client) + socket.inet_pton(socket.AF_INET6, "::1")
    else:
        addresses = socket.inet_aton(client) + socket.inet_aton("127.0.0.1")
    family = family if family is not None else 0x21 if ":" in client else 0x11
    body = addresses + struct.pack(">HH", 4711, 443) + tlvs
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, family]) + struct.pack(">H", len(body)) + body


TLV = b"\x01\x00\x02h2" + b"\x20\x00\x05\x01\0\0\0\0"
HEADERS = [
    (f"PROXY TCP4 {US} 127.0.0.1 4711 443\r\n".encode(), US),
    (f"PROXY TCP6 {CH} ::1 65535 0\r\n".encode(), CH),
    (b"PROXY UNKNOWN\r\n", DE),
    (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", DE),
    (v2(US), US), (v2(CH), CH), (v2(US, tlvs=TLV), US), (v2("::ffff:" + US), US),
    (v2(US, command=0x20), DE),         # LOCAL: the balancer itself
    (v2(US, family=0), DE),             # UNSPEC
]


@pytest.fixture
def behind(gateway, files, certs):
    """Listeners: plain and TLS behind a balancer, and a plain one."""
    cert, key = certs.make("proxied", "DNS:tollgate.test")
    return gateway({"geoip": files, "listen": [
        {"address": "127.0.0.1:0", "proxy_protocol": True},
        {"address": "127.0.0.1:0", "proxy_protocol": True, "tls": [{"certificate": str(cert), "key": str(key)}]},
        {"address": "127.0.0.1:0"}], "timeouts": {"head": "2s"}})


def test_proxy_header_names_the_client(behind):
    for header, client in HEADERS:
        with Client(behind.listen) as c:
            c.send(header)
            for _ in range(2):      # it holds for the whole connection
                r = c.request("POST", "/v1/chat/completions", chat_body(), [("x-forwarded-for", "9.9.9.9")], KEY)
                assert r.status == 200 and line(behind, r)["client"] == client, header


def test_proxy_header_in_pieces(behind):
    """Cut anywhere, together with the request or not: always the same, and nothing busy meanwhile."""
    request = f"GET /v1/models HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {KEY}\r\n\r\n".encode()
    for header, client in (HEADERS[0], HEADERS[6]):
        for at in range(1, len(header) + 1, 3):
            with Client(behind.listen) as c:
                c.send(header[:at])
                wait_for(lambda: behind.metric("tollgate_connections") >= 1, "the connection")
                c.send(header[at:] + request)
                r = c.response()
                assert r.status == 200 and line(behind, r)["client"] == client


def test_proxy_header_before_tls(behind, certs):
    """Exactly the header is read; the handshake behind it is OpenSSL's, also when both come in one segment."""
    for header, client in (HEADERS[0], HEADERS[6]):
        for cut in (len(header), 5):
            incoming, outgoing = ssl_pair(certs)
            with Client(behind.listens[1]) as raw:
                raw.send(header[:cut])
                tls = incoming(raw, header[cut:])
                tls.send(f"GET /v1/models HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {KEY}\r\n\r\n".encode())
                assert tls.status() == 200
            entry = wait_for(lambda: behind.access_lines()[-1:], "a line")[0]
            assert entry["client"] == client


def ssl_pair(certs):
    """TLS over memory, so that the first flight can be sent in one segment with what stands before it."""
    import ssl
    context = certs.client()

    class Tls:
        def __init__(self, raw, before):
            self.raw, self.i, self.o = raw, ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = context.wrap_bio(self.i, self.o, server_hostname="tollgate.test")
            self.pump(self.tls.do_handshake, before)

        def pump(self, what, before=b""):
            while True:
                try:
                    got = what()
                    self.raw.send(before + self.o.read())
                    return got
                except ssl.SSLWantReadError:
                    self.raw.send(before + self.o.read())
                    before = b""
                    self.raw.buffer = b""
                    assert self.raw.recv(), "closed in the handshake"
                    self.i.write(self.raw.buffer)

        def send(self, data):
            self.pump(lambda: self.tls.write(data))

        def status(self):
            return int(self.pump(lambda: self.tls.read(65536)).split()[1])

    return lambda raw, before: Tls(raw, before), None


@pytest.mark.parametrize("start", [
    b"GET /v1/models HTTP/1.1\r\nhost: gw\r\n\r\n", b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", b"PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"\x16\x03\x01",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n", b"PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n", b"PROXY TCP4 ::1 ::2 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n", b"PROXY " + b"x" * 110, b"PROXY UNKNOWN\n", b"PROXY UNKNOWN\0\r\n",
    v2(US, command=0x31), v2(US, command=0x22), v2(US, family=0x12), v2(US, family=0x31), v2(US, tlvs=b"\x01\x00\x09h2"),
    v2(US)[:14] + b"\xff\xff", v2(US)[:14] + b"\x00\x0b" + b"x" * 11,
])
def test_what_is_no_proxy_header_is_closed(behind, start):
    before = behind.metric("tollgate_proxy_header_refused_total")
    with Client(behind.listen) as c:
        c.send(start)
        assert c.ended() and c.buffer == b""
    behind.metric_is(before + 1, "tollgate_proxy_header_refused_total")
    assert chat(behind.listens[2]).status == 200


def test_half_a_proxy_header_runs_out_of_time(behind):
    with Client(behind.listen) as c:
        c.send(b"PROXY TCP4 ")
        assert c.ended() and c.buffer == b""
    behind.metric_is(1, "tollgate_client_timeouts_total")
    behind.metric_is(0, "tollgate_connections")


def test_proxy_header_where_none_is_asked_for(behind):
    """It is no request: nobody says there who he is."""
    for header in (HEADERS[0][0], HEADERS[4][0]):
        with Client(behind.listens[2]) as c:
            c.send(header + b"GET /v1/models HTTP/1.1\r\nhost: gw\r\n\r\n")
            assert c.response().status == 400


def test_switched_on_and_off_by_reload(behind):
    plain = {"listen": [{**l, "proxy_protocol": not l.get("proxy_protocol")} for l in behind.config["listen"]]}
    behind.reload(merged(behind.config, plain))
    assert chat(behind.listen).status == 200
    with Client(behind.listens[2]) as c:
        c.send(HEADERS[0][0])
        assert line(behind, c.request("POST", "/v1/chat/completions", chat_body(), key=KEY))["client"] == US


def test_connections_per_address(gateway, files):
    """Counted for the client, not for the balancer: of a PROXY header, and of requests behind a trusted proxy."""
    gw = gateway({"geoip": files, "limits": {"connections_per_address": 2},
                  "listen": [{"address": "127.0.0.1:0", "proxy_protocol": True}, {"address": "127.0.0.1:0"}],
                  "trusted_proxies": ["127.0.0.1"]})

    def connect(client):
        c = Client(gw.listen)
        c.send(f"PROXY TCP4 {client} 127.0.0.1 1 2\r\n".encode())
        c.send_request("GET", "/v1/models", key=KEY)
        return c

    held = [connect(US), connect(US), connect(KP)]
    assert [c.response().status for c in held] == [200] * 3
    with connect(US) as c:
        assert c.ended() and c.buffer == b""
    gw.metric_is(1, "tollgate_connections_refused_total")
    held.pop(0).close()
    gw.metric_is(2, "tollgate_connections")
    with connect(US) as c:
        assert c.response().status == 200
    for c in held:
        c.close()

    streams = []
    for _ in range(2):      # two at work, by one proxy's connections
        c = Client(gw.listens[1])
        c.send_request("POST", "/v1/chat/completions", chat_body(stream=True),
                       [("x-forwarded-for", US), ("x-sim-output-tokens", "500"), ("x-sim-tps", "5")], KEY)
        assert c.read_head().status == 200
        streams.append(c)
    r = chat(gw.listens[1], headers=[("x-forwarded-for", US)])
    assert (r.status, r.json["error"]["code"]) == (429, "too_many_connections") and r.get("retry-after") == "1"
    assert chat(gw.listens[1], headers=[("x-forwarded-for", KP)]).status == 200
    streams.pop().close()
    wait_for(lambda: chat(gw.listens[1], headers=[("x-forwarded-for", US)]).status == 200, "room for another")
    streams.pop().close()


# ---- attribution

def test_access_log_tags_and_reports(geo, files):
    gw = geo({"geoip": {**files, "tag": "country"}, "budgets": [
        {"name": "kp", "match": {"tag.country": "KP"}, "limits": {"requests": "1/day"}}]})
    for client, country, asn in [(US, "US", 64496), (KP, "KP", 64511), (FR, "FR", 64511), (CH, "CH", None), (NOWHERE, None, None)]:
        r = ask(gw, client)
        assert r.status == 200
        entry = line(gw, r)
        assert (entry["client"], entry.get("country"), entry.get("asn")) == (client, country, asn)
        assert entry["tags"] == {"team": "x", "country": country or "unknown"}
    assert ask(gw, KP).status == 429                 # budgets see the tag
    r = ask(gw, US, headers=[("x-tollgate-tags", "country=DE")])
    assert (r.status, r.json["error"]["code"]) == (400, "invalid_tags") and "gateway" in r.json["error"]["message"]
    assert line(gw, ask(gw, US, headers=[("x-tollgate-tags", "feature=y")]))["tags"] == {
        "team": "x", "country": "US", "feature": "y"}


def test_no_database_no_country(gw):
    entry = line(gw, chat(gw.listen))
    assert "country" not in entry and "asn" not in entry


# ---- lists

def denied(response):
    assert response.status == 403, response
    return response.json["error"]["message"]


def test_lists_of_everybody(geo):
    gw = geo({"geo": {"allow": ["EU", "US", "KP", "unknown"], "deny": ["KP", "AS64496"]}})
    assert ask(gw, DE).status == 200 and ask(gw, FR).status == 200 and ask(gw, NOWHERE).status == 200
    assert ask(gw, "203.0.113.200").status == 200    # the country's other network
    message = denied(ask(gw, US))
    assert "203.0.113.5 (US, network AS64496)" in message and "here" in message
    assert "(KP, network AS64511)" in denied(ask(gw, KP)) and "(CH)" in denied(ask(gw, CH))
    denied(ask(gw, US, key="wrong"))                 # before anybody is asked for a key
    with Client(gw.listen) as c:                     # whatever the path
        for method, path in (("GET", "/"), ("OPTIONS", "/v1/models"), ("GET", "/nowhere"), ("POST", "/openai/v1/x")):
            assert c.request(method, path, headers=[("x-forwarded-for", KP)]).status == 403
    gw.metric_is(8, "tollgate_geo_refused_total")
    assert line(gw, ask(gw, KP))["error"] == "country_not_allowed"


def test_refusal_in_the_callers_dialect(geo):
    gw = geo({"geo": {"deny": "KP"}})
    with Client(gw.listen) as c:
        fields = [("x-forwarded-for", KP)]
        r = c.request("POST", "/v1/messages", {"model": CLAUDE, "max_tokens": 5, "messages": []}, fields, KEY)
        assert r.status == 403 and r.json["error"]["type"] == "permission_error"
        r = c.request("POST", "/v1/chat/completions", chat_body(), fields, KEY)
        assert r.json["error"]["type"] == "invalid_request_error" and r.json["error"]["code"] == "country_not_allowed"
        r = c.request("GET", "/v1/models", None, fields + [("accept", "application/problem+json")], KEY)
        assert r.json["type"] == "urn:tollgate:error:country_not_allowed"


def test_lists_of_tier_tenant_and_key(geo):
    gw = geo({"tiers": {"near": {"geo": {"allow": ["EU", "CH"]}}},
              "tenants": {"acme": {"tier": "near", "geo": {"deny": "FR"}, "keys": [
                  {"id": "laptop", "sha256": sha256(KEY)},
                  {"id": "swiss", "sha256": sha256(US_KEY), "geo": {"allow": "CH"}}]},
                  "other": {"keys": [{"id": "free", "sha256": sha256(EU_KEY)}]}}})
    assert ask(gw, DE).status == 200 and ask(gw, CH).status == 200
    assert "for tier 'near'" in denied(ask(gw, US)) and "for tenant 'acme'" in denied(ask(gw, FR))
    assert "an unknown country" in denied(ask(gw, NOWHERE))
    assert ask(gw, CH, key=US_KEY).status == 200
    assert "for key 'swiss'" in denied(ask(gw, DE, key=US_KEY))
    assert ask(gw, KP, key=EU_KEY).status == 200


# ---- residency

@pytest.fixture
def resident(geo, sim):
    """Targets in two regions and one without, models on all of them."""

    def start(changes=None):
        base = {"provider": "openai", "base_url": f"http://{sim.listen}", "key": PROVIDER_KEY}
        return geo(merged({
            "targets": {"us": {**base, "region": "us"}, "eu": {**base, "region": "eu"}, "any": base, "openai": None,
                        "claude": {"region": "us"}},
            "models": {MODEL: {"targets": ["us", "eu", "any"]}, "only-us": {"targets": [{"target": "us", "model": MODEL}]},
                       "text-embedding-3-small": {"targets": ["any"]}, "gpt-4o-mini-transcribe": {"targets": ["us"]},
                       "gpt-4o-mini-tts": {"targets": ["us"]}},
            "tiers": {"pinned": {"regions": ["eu"]}},
            "tenants": {"acme": {"keys": [{"id": "laptop", "sha256": sha256(KEY)}]},
                        "bound": {"regions": ["eu"], "keys": [{"id": "eu-key", "sha256": sha256(EU_KEY)},
                                                              {"id": "us-key", "sha256": sha256(US_KEY), "regions": "us"}]},
                        "tiered": {"tier": "pinned", "keys": [{"id": "tier-key", "sha256": sha256(TIER_KEY)}]}},
            "geo": {"residency": [{"countries": ["FR", "unknown"], "regions": ["eu"]}]}}, changes or {}))

    return start


def targets_of(gw, n, **how):
    responses = [ask(gw, **how) for _ in range(n)]
    assert {r.status for r in responses} == {200}
    return {r.get("x-tollgate-target") for r in responses}


def test_no_other_target_ever(resident):
    gw = resident()
    assert targets_of(gw, 60, client=US) == {"us", "eu", "any"}
    for how in ({"client": FR}, {"client": NOWHERE}, {"client": US, "key": EU_KEY}, {"client": US, "key": TIER_KEY}):
        assert targets_of(gw, 40, **how) == {"eu"}


def refused(response, *names):
    assert response.status == 403 and response.json["error"]["code"] == "region_not_allowed", response
    for name in names:
        assert name in response.json["error"]["message"], response


def test_nothing_left_is_refused(resident):
    gw = resident()
    refused(ask(gw, US, key=EU_KEY, model="only-us"), "eu for tenant 'bound'")
    refused(ask(gw, US, key=TIER_KEY, model="only-us"), "eu for tier 'pinned'")
    refused(ask(gw, FR, model="only-us"), "eu for clients in 'FR'")
    refused(ask(gw, NOWHERE, model="only-us"), "unknown countries")
    refused(ask(gw, US, key=US_KEY), "us for key 'us-key'", "eu for tenant 'bound'")
    assert ask(gw, US, model="only-us").status == 200


def test_paths_of_a_target_and_without_a_model(resident):
    gw = resident()
    with Client(gw.listen) as c:
        def get(path, key, method="GET", body=None):
            return c.request(method, path, body, [("x-forwarded-for", US)], key)

        refused(get("/us/v1/models", EU_KEY), "eu for tenant 'bound'")
        refused(get("/any/v1/some/other/path", EU_KEY))
        refused(get("/us/v1/chat/completions", EU_KEY, "POST", chat_body()))
        r = get("/eu/v1/chat/completions", EU_KEY, "POST", chat_body())
        assert r.status == 200 and r.get("x-tollgate-target") == "eu"
        for _ in range(20):
            assert get("/v1/files", EU_KEY).get("x-tollgate-target") == "eu"
        refused(get("/v1/files", US_KEY), "us for key 'us-key'")
        r = c.request("POST", "/v1/messages", {"model": CLAUDE, "max_tokens": 5, "messages": []},
                      [("x-forwarded-for", US)], EU_KEY)
        assert r.status == 403 and r.json["error"]["type"] == "permission_error"


def test_a_target_that_fails_is_no_reason(resident, sim):
    """The region's only target is down: an error, and not a word to another one."""
    gw = resident({"targets": {"eu": {"base_url": "http://127.0.0.1:1"}}})
    before = len(sim.requests())
    for _ in range(8):      # it is taken out meanwhile
        assert ask(gw, US, key=EU_KEY).status in (502, 503)
    assert len(sim.requests()) == before
    assert targets_of(gw, 30, client=US) == {"us", "any"}


def test_models_of_other_regions_are_not_listed(resident):
    gw = resident()
    with Client(gw.listen) as c:
        def models(key):
            return {m["id"] for m in c.request("GET", "/v1/models", None, [("x-forwarded-for", US)], key).json["data"]}

        assert {MODEL, "only-us"} <= models(KEY)
        assert models(EU_KEY) == {MODEL} and models(US_KEY) == set()
        assert c.request("GET", "/v1/models/only-us", None, [("x-forwarded-for", US)], EU_KEY).status == 404


def test_rules_by_country(resident):
    gw = resident({"rules": [{"match": {"country": "CH"}, "use": "only-us"},
                             {"match": {"country": "AS64511"}, "when_model": "auto", "use": MODEL}]})
    assert ask(gw, CH).get("x-tollgate-target") == "us"
    assert ask(gw, KP, model="auto").status == 200 and ask(gw, US, model="auto").status == 404
    # where the rule leads to is not where the data may go
    gw.reload(merged(gw.config, {"rules": [{"match": {"country": "FR"}, "use": "only-us"}]}))
    refused(ask(gw, FR), "eu for clients in 'FR'")


# ---- databases that change

def replace(path, data):
    new = pathlib.Path(str(path) + ".new")
    new.write_bytes(data)
    new.rename(path)


def country_of(gw, client):
    return line(gw, ask(gw, client)).get("country")


def test_read_again_when_it_changes(geo, files):
    gw = geo({"geo": {"deny": "KP"}})
    with Client(gw.listen) as kept:     # a connection that stays sees it too
        fields = [("x-forwarded-for", US)]
        assert kept.request("POST", "/v1/chat/completions", chat_body(), fields, KEY).status == 200
        assert gw.metric("tollgate_geoip_built_timestamp_seconds", database="country") == 1700000000
        replace(files["country"], mmdb.database({"203.0.113.0/24": mmdb.country("KP")}, build=1800000000, size=32))
        wait_for(lambda: ask(gw, US).status == 403, "the new database")
        assert kept.request("POST", "/v1/chat/completions", chat_body(), fields, KEY).status == 403
    gw.metric_is(1800000000, "tollgate_geoip_built_timestamp_seconds", database="country")
    assert gw.metric("tollgate_config_generation") == 1
    replace(files["asn"], mmdb.database({"0.0.0.0/0": mmdb.asn(7)}, version=4))
    wait_for(lambda: line(gw, ask(gw, DE)).get("asn") == 7, "the new networks")


def broken():
    good = mmdb.database(PLACES)
    yield "empty", b""
    yield "text", b"not a database\n" * 100
    yield "half", good[:len(good) // 2]
    yield "no-end", good[:-1]
    yield "no-begin", good[100:]
    yield "marker", mmdb.MARKER
    yield "tail", good + b"\0" * 200000
    yield "version", mmdb.database(PLACES, metadata={"binary_format_major_version": mmdb.Number(3, mmdb.UINT16)})
    yield "records", mmdb.database(PLACES, metadata={"record_size": mmdb.Number(20, mmdb.UINT16)})
    yield "addresses", mmdb.database(PLACES, metadata={"ip_version": mmdb.Number(5, mmdb.UINT16)})
    yield "nodes", mmdb.database(PLACES, metadata={"node_count": mmdb.Number(0xffffffff)})
    yield "no-nodes", mmdb.database(PLACES, metadata={"node_count": mmdb.Number(0)})
    yield "meta-types", mmdb.database(PLACES, metadata={"node_count": "many"})
    yield "languages", mmdb.database(PLACES, metadata={"languages": ["en", 1]})
    yield "description", mmdb.database(PLACES, metadata={"description": "a text"})
    yield "gap", mmdb.database({"1.0.0.0/8": -3}, data=mmdb.encode(mmdb.country("DE")))
    yield "far", mmdb.database({"1.0.0.0/8": 100000}, data=mmdb.encode(mmdb.country("DE")))
    yield "far-pointer", mmdb.database({"1.0.0.0/8": {"country": mmdb.pointer(1 << 20)}})
    yield "pointer-chain", mmdb.database({"1.0.0.0/8": 5}, data=mmdb.pointer(0) + mmdb.pointer(0))
    yield "self", mmdb.database({"1.0.0.0/8": 0}, data=mmdb.encode({"country": mmdb.pointer(0)}))
    yield "deep", mmdb.database({"1.0.0.0/8": 0}, data=mmdb.head(mmdb.ARRAY, 1) * 5000 + mmdb.encode(1))
    yield "big-map", mmdb.database({"1.0.0.0/8": 0}, data=mmdb.head(mmdb.MAP, 16000000) + mmdb.encode("country"))
    yield "big-string", mmdb.database({"1.0.0.0/8": 0}, data=mmdb.head(2, 5000) + b"country")
    yield "number-key", mmdb.database({"1.0.0.0/8": 0}, data=mmdb.head(mmdb.MAP, 1) + mmdb.encode(1) + mmdb.encode(1))
    yield "bad-key", mmdb.database({"1.0.0.0/8": {"country": {"iso_code": "DE"}, "x": 1}}).replace(b"Ax", b"A\xff")
    yield "bad-type", mmdb.database({"1.0.0.0/8": 0}, data=b"\x00\x05")
    yield "long-number", mmdb.database({"1.0.0.0/8": 0}, data=mmdb.head(mmdb.UINT32, 5) + b"12345")
    yield "other-kind", mmdb.database(NETWORKS, kind="Test-ASN")
    yield "loop", loop(good)


def loop(good):
    """The root leads back to itself."""
    return b"\0" * 6 + good[6:]


BROKEN = dict(broken())


def check(folder, database, kind="country"):
    (folder / "check.yaml").write_text(json.dumps({"listen": "127.0.0.1:0", "geoip": {kind: str(database)}}))
    return subprocess.run([TOLLGATE, "-t", "-c", folder / "check.yaml"], capture_output=True, text=True)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_is_an_error(tmp_path, name):
    path = tmp_path / f"{name}.mmdb"
    path.write_bytes(BROKEN[name])
    run = check(tmp_path, path)
    assert run.returncode == 1, run
    assert f"check.yaml:1:" in run.stderr and f"geoip: {path}: " in run.stderr, run.stderr


def test_files_that_are_none(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path, why in ((tmp_path / "absent", "No such file"), (tmp_path, "no file of 1 byte"), (tmp_path / "fifo", "no file of 1 byte")):
        run = check(tmp_path, path)
        assert run.returncode == 1 and why in run.stderr, run.stderr


def test_broken_at_reload_keeps_the_old_one(geo, files):
    """By itself, by SIGHUP, written over in place, cut short under our feet, gone: the one in use stays, each told once."""
    gw = geo()
    assert country_of(gw, US) == "US"
    failures = 0
    for name in ("half", "text", "self", "deep", "loop", "other-kind"):
        replace(files["country"], BROKEN[name])
        failures += 1
        gw.metric_is(failures, "tollgate_geoip_reload_failures_total")
        assert country_of(gw, US) == "US"
    gw.signal(signal.SIGHUP)
    gw.metric_is(1, "tollgate_config_reload_failures_total")
    assert country_of(gw, US) == "US" and gw.metric("tollgate_config_generation") == 1
    with open(files["country"], "r+b") as f:
        f.truncate(10)
    gw.metric_is(failures + 1, "tollgate_geoip_reload_failures_total")
    os.unlink(files["country"])
    assert country_of(gw, US) == "US" and country_of(gw, CH) == "CH"
    assert gw.errors().count("geoip database refused, the old one stays") == failures + 1
    replace(files["country"], mmdb.database({"203.0.113.0/24": mmdb.country("NO")}))
    wait_for(lambda: country_of(gw, US) == "NO", "a good one again")


def test_databases_come_and_go_with_the_configuration(gateway, files):
    gw = gateway({"trusted_proxies": "127.0.0.1"})
    assert country_of(gw, US) is None
    gw.reload(merged(gw.config, {"geoip": {"country": files["country"]}}))
    assert country_of(gw, US) == "US"
    gw.reload(merged(gw.config, {"geoip": None}))
    assert country_of(gw, US) is None


def test_change_under_load(geo, files):
    """Databases swapped while requests are at work: every answer is by one of them."""
    gw = geo()
    seen = set()
    for n in range(6):
        replace(files["country"], mmdb.database({"203.0.113.0/24": mmdb.country("AB"[n % 2] + "T")}, build=n + 1))
        while gw.metric("tollgate_geoip_built_timestamp_seconds", database="country") != n + 1:
            seen.add(country_of(gw, US))
        assert country_of(gw, US) == "AB"[n % 2] + "T"
    assert seen <= {"US", "AT", "BT"}


# ---- with the databases that others made

@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there")
@pytest.mark.parametrize("path", sorted(SHARED.glob("bad/**/*.mmdb")) + sorted(SHARED.glob("decoder/*.mmdb")), ids=lambda p: p.name)
def test_broken_files_of_others(tmp_path, path):
    """Never a crash: an error that says why, and of sound ones that they know no countries."""
    run = check(tmp_path, path)
    assert run.returncode == 1 and f"geoip: {path}: " in run.stderr, run


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there")
def test_databases_of_others(gateway):
    gw = gateway({"trusted_proxies": "127.0.0.1", "geoip": {
        "country": str(SHARED / "GeoIP2-Country-Test.mmdb"), "asn": str(SHARED / "GeoLite2-ASN-Test.mmdb")}})
    for client, country, asn in [("81.2.69.160", "GB", None), ("2.125.160.216", "GB", None), ("89.160.20.112", "SE", 29518),
                                 ("216.160.83.56", "US", 209), ("2001:218::1", "JP", None), ("1.128.0.1", None, 1221)]:
        entry = line(gw, ask(gw, client))
        assert (entry.get("country"), entry.get("asn")) == (country, asn), client
