"""TLS towards clients (versions, SNI, ALPN, renewal) and towards providers (trust, names, resumption, CONNECT)."""

import os
import signal
import socket
import ssl
import threading

import pytest

from harness import (KEY, PROVIDER_KEY, Client, answer, chat, chat_body, free_port, merged, read_request,
                     standard_config, wait_for)


def common_name(client):
    return dict(pair[0] for pair in client.sock.getpeercert()["subject"])["commonName"]


@pytest.fixture
def tls_gateway(gateway, certs):
    """Two certificates: the first, for tollgate.test, is also what others get; the second has a wildcard."""
    cert, key = certs.make("first", "DNS:tollgate.test", "IP:127.0.0.1")
    cert2, key2 = certs.make("second", "DNS:*.wild.test", "DNS:second.test")
    return gateway({"listen": [{"address": "127.0.0.1:0", "tls": [
        {"certificate": str(cert), "key": str(key)}, {"certificate": str(cert2), "key": str(key2)}]}]})


@pytest.mark.parametrize("version, name", [
    (ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
def test_listener_speaks_both_versions(tls_gateway, certs, version, name):
    """Whole answers, streams, and a second request on the connection."""
    with Client(tls_gateway.listen, tls=certs.client(version=version), server_name="tollgate.test") as c:
        assert c.sock.version() == name
        assert c.request("POST", "/v1/chat/completions", chat_body(), key=KEY).status == 200
        c.send_request("POST", "/v1/chat/completions", chat_body(stream=True), {"x-sim-events": "300"}, KEY)
        response = c.read_head()
        events = list(c.events(response))
        assert len(events) > 300 and events[-2] == "data: [DONE]" and response.complete


def test_old_versions_are_refused(tls_gateway, certs):
    context = certs.client()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, OSError)):
        Client(tls_gateway.listen, tls=context, server_name="tollgate.test")
    assert chat(tls_gateway.listen, tls=certs.client(), server_name="tollgate.test").status == 200


@pytest.mark.parametrize("name, expected", [
    ("tollgate.test", "first"), ("second.test", "second"), ("a.wild.test", "second"), ("A.WILD.test", "second")])
def test_sni_chooses_the_certificate(tls_gateway, certs, name, expected):
    with Client(tls_gateway.listen, tls=certs.client(), server_name=name) as c:
        assert common_name(c) == expected
        assert c.request("GET", "/v1/models", key=KEY).status == 200


@pytest.mark.parametrize("name", [None, "unknown.test", "wild.test", "a.b.wild.test"])
def test_other_names_get_the_first_certificate(tls_gateway, certs, name):
    context = certs.client()
    context.check_hostname = False
    with Client(tls_gateway.listen, tls=context, server_name=name) as c:
        assert common_name(c) == "first"


def test_alpn_is_http_1_1(tls_gateway, certs):
    for offered in (["http/1.1"], ["h2", "http/1.1"]):
        with Client(tls_gateway.listen, tls=certs.client(alpn=offered), server_name="tollgate.test") as c:
            assert c.sock.selected_alpn_protocol() == "http/1.1"


def test_plain_http_and_garbage_on_a_tls_listener_do_no_harm(tls_gateway, certs):
    for junk in (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"A" * 100, b""):
        with Client(tls_gateway.listen) as c:
            c.send(junk)
            c.sock.shutdown(socket.SHUT_WR)
            assert c.ended()
    assert chat(tls_gateway.listen, tls=certs.client(), server_name="tollgate.test").status == 200


def test_a_silent_handshake_is_ended(gateway, certs):
    cert, key = certs.make("silent", "DNS:tollgate.test")
    gw = gateway({"listen": [{"address": "127.0.0.1:0", "tls": [{"certificate": str(cert), "key": str(key)}]}],
                  "timeouts": {"idle": "200ms", "head": "200ms"}})
    with Client(gw.listen) as c:
        assert c.ended()
    with Client(gw.listen) as c:
        c.send(b"\x16\x03\x01")
        assert c.ended()


def test_clients_sessions_are_resumed(tls_gateway, certs):
    context = certs.client(version=ssl.TLSVersion.TLSv1_2)
    first = Client(tls_gateway.listen, tls=context, server_name="tollgate.test")
    assert first.request("GET", "/v1/models", key=KEY).status == 200
    session = first.sock.session
    first.close()
    raw = socket.create_connection(("127.0.0.1", int(tls_gateway.listen.rsplit(":", 1)[1])))
    again = context.wrap_socket(raw, server_hostname="tollgate.test", session=session)
    assert again.session_reused
    again.close()


def test_a_renewed_certificate_is_served_after_reload(gateway, certs, connect):
    """New connections get it; a connection from before goes on."""
    cert, key = certs.make("renewed", "DNS:tollgate.test")
    gw = gateway({"listen": [{"address": "127.0.0.1:0", "tls": [{"certificate": str(cert), "key": str(key)}]}]})
    old = connect(gw.listen, tls=certs.client(), server_name="tollgate.test")
    serial = old.sock.getpeercert()["serialNumber"]
    certs.make("renewed", "DNS:tollgate.test")
    gw.reload(gw.config)
    wait_for(lambda: connect(gw.listen, tls=certs.client(), server_name="tollgate.test").sock.getpeercert()[
        "serialNumber"] != serial, "the new certificate")
    assert old.request("GET", "/v1/models", key=KEY).status == 200


def test_a_certificate_whose_key_does_not_fit_refuses_the_reload(gateway, certs):
    cert, key = certs.make("fits", "DNS:tollgate.test")
    other, other_key = certs.make("other", "DNS:tollgate.test")
    gw = gateway({"listen": [{"address": "127.0.0.1:0", "tls": [{"certificate": str(cert), "key": str(key)}]}]})
    failures = gw.metric("tollgate_config_reload_failures_total")
    gw.write(merged(gw.config, {"listen": [
        {"address": "127.0.0.1:0", "tls": [{"certificate": str(cert), "key": str(other_key)}]}]}))
    gw.signal(signal.SIGHUP)
    wait_for(lambda: gw.metric("tollgate_config_reload_failures_total") > failures, "the refusal")
    assert str(cert) in gw.errors() or str(other_key) in gw.errors()
    assert chat(gw.listen, tls=certs.client(), server_name="tollgate.test").status == 200


# ---- towards providers

@pytest.fixture
def tls_sim(simulator, certs):
    cert, key = certs.make("provider", "DNS:localhost", "IP:127.0.0.1")
    return simulator("--tls-cert", cert, "--tls-key", key)


@pytest.fixture
def tls_target(tls_sim, launch, tmp_path, certs):
    """A gateway whose target is the simulator over TLS; changes to the target as keywords."""

    def start(config=None, **target):
        target = {"base_url": f"https://localhost:{tls_port(tls_sim)}", "ca": str(certs.authority("ca")), **target}
        changes = {"targets": {"openai": target}}
        return launch(merged(merged(standard_config(tls_sim.listen, tmp_path), changes), config or {}))

    return start


def tls_port(sim):
    return [v for k, v in sim.ready.items() if "tls" in k][0].rsplit(":", 1)[1]


def test_provider_with_a_given_ca(tls_target):
    gw = tls_target()
    assert chat(gw.listen).status == 200
    with Client(gw.listen) as c:
        c.send_request("POST", "/v1/chat/completions", chat_body(stream=True), {"x-sim-events": "300"}, KEY)
        response = c.read_head()
        assert len(list(c.events(response))) > 300 and response.complete
    assert gw.metric("tollgate_upstream_connects_total") <= 2     # one for each worker at most: kept alive


def test_a_provider_of_an_unknown_authority_is_not_talked_to(tls_target, certs, tls_sim):
    """502 with the reason; the key was not sent."""
    gw = tls_target(ca=str(certs.authority("stranger")))
    response = chat(gw.listen)
    assert response.status == 502
    message = response.json["error"]["message"]
    assert "TLS" in message and ("issuer" in message or "verify" in message or "self" in message), message
    assert tls_sim.requests() == []
    assert "certificate" in gw.errors()


def test_the_system_authorities_do_not_know_it_either(tls_target, tls_sim):
    gw = tls_target(ca=None, base_url=f"https://localhost:{tls_port(tls_sim)}")
    assert chat(gw.listen).status == 502
    assert tls_sim.requests() == []


@pytest.mark.parametrize("names, url", [
    (["DNS:elsewhere.test"], "https://localhost:{port}"),
    (["DNS:elsewhere.test", "DNS:localhost"], "https://127.0.0.1:{port}"),
])
def test_a_provider_with_another_name_is_not_talked_to(simulator, launch, certs, tmp_path, names, url):
    cert, key = certs.make("elsewhere", *names)
    sim = simulator("--tls-cert", cert, "--tls-key", key)
    config = standard_config(sim.listen, tmp_path)
    config["targets"]["openai"].update(base_url=url.format(port=tls_port(sim)), ca=str(certs.authority("ca")))
    gw = launch(config)
    response = chat(gw.listen)
    assert response.status == 502
    assert "mismatch" in response.json["error"]["message"], response
    assert sim.requests() == []


def test_tls_verify_off_is_warned_about_and_works(tls_target, certs):
    gw = tls_target(ca=None, tls_verify=False)
    assert chat(gw.listen).status == 200
    assert "tls_verify" in gw.errors()


def test_a_plain_provider_behind_https_is_a_502(tls_target, tls_sim):
    gw = tls_target(base_url=f"https://localhost:{tls_sim.port}")
    response = chat(gw.listen)
    assert response.status == 502 and "TLS" in response.json["error"]["message"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_provider_sessions_are_resumed(launch, peer, certs, tmp_path, version):
    """A second connection to the provider resumes the first one's session."""
    cert, key = certs.make("resumed", "DNS:localhost")
    context = certs.server(cert, key)
    context.minimum_version = context.maximum_version = version
    reused = []

    def serve(sock):
        reused.append(sock.session_reused)
        read_request(sock)
        sock.sendall(answer(more="connection: close\r\n"))

    provider = peer(serve, tls=context)
    config = standard_config("127.0.0.1:9", tmp_path)
    config["workers"] = 1
    config["targets"]["openai"].update(base_url=f"https://localhost:{provider.port}", ca=str(certs.authority("ca")))
    gw = launch(config)
    for _ in range(3):
        assert chat(gw.listen).status == 200
    assert reused == [False, True, True]


def test_sni_names_the_provider(launch, peer, certs, tmp_path):
    cert, key = certs.make("named", "DNS:localhost")
    context = certs.server(cert, key)
    names = []
    context.sni_callback = lambda sock, name, ctx: names.append(name)

    def serve(sock):
        while read_request(sock):
            sock.sendall(answer())

    provider = peer(serve, tls=context)
    config = standard_config("127.0.0.1:9", tmp_path)
    config["targets"]["openai"].update(base_url=f"https://localhost:{provider.port}", ca=str(certs.authority("ca")))
    assert chat(launch(config).listen).status == 200
    assert names == ["localhost"]


def test_a_cut_tls_stream_is_not_taken_for_its_end(launch, peer, certs, tmp_path, connect):
    """An answer framed by the end of the connection, cut without close_notify: truncation, not success."""
    cert, key = certs.make("cut", "DNS:localhost")

    def serve(sock):
        read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
                     b'data: {"id":"x","object":"chat.completion.chunk","choices":[]}\n\n')
        # no close_notify: the raw socket is closed underneath
        raw = socket.socket(fileno=os.dup(sock.fileno()))
        raw.shutdown(socket.SHUT_RDWR)
        raw.close()

    provider = peer(serve, tls=certs.server(cert, key))
    config = standard_config("127.0.0.1:9", tmp_path)
    config["targets"]["openai"].update(base_url=f"https://localhost:{provider.port}", ca=str(certs.authority("ca")))
    gw = launch(config)
    client = connect(gw.listen)
    client.send_request("POST", "/v1/chat/completions", chat_body(stream=True), key=KEY)
    client.ended()
    assert b"event: error" in client.buffer and b"[DONE]" not in client.buffer
    assert gw.last_line(1)["end"] == "truncated"


# ---- through a proxy

class Proxy:
    """An HTTP CONNECT proxy: counts its tunnels, notes what it was asked, or refuses."""

    def __init__(self, refuse=None):
        self.refuse, self.heads, self.first_bytes = refuse, [], []

    def serve(self, sock):
        data = b""
        while b"\r\n\r\n" not in data:
            data += sock.recv(4096)
        self.heads.append(data.decode("latin-1"))
        if self.refuse is not None:
            sock.sendall(self.refuse)
            return
        method, authority, _ = data.decode("latin-1").split("\r\n")[0].split(" ")
        host, port = authority.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as there:
            sock.sendall(b"HTTP/1.1 200 Connection established\r\nproxy-agent: e2e\r\n\r\n")
            back = threading.Thread(target=self.pump, args=(there, sock), daemon=True)
            back.start()
            self.pump(sock, there, self.first_bytes)
            back.join(10)

    @staticmethod
    def pump(a, b, note=None):
        try:
            while data := a.recv(65536):
                if note is not None and not note:
                    note.append(data[:3])
                b.sendall(data)
        except OSError:
            pass
        finally:
            for s in (a, b):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def test_provider_through_a_connect_proxy(tls_target, tls_sim, peer):
    """The proxy sees host and port, TLS goes end to end, the tunnel is kept alive."""
    proxy = Proxy()
    front = peer(proxy.serve)
    gw = tls_target({"workers": 1}, proxy=f"http://{front.address}")
    for _ in range(3):
        assert chat(gw.listen).status == 200
    assert len(proxy.heads) == 1
    lines = proxy.heads[0].split("\r\n")
    assert lines[0] == f"CONNECT localhost:{tls_port(tls_sim)} HTTP/1.1"
    assert f"host: localhost:{tls_port(tls_sim)}" in [l.lower() for l in lines[1:]]
    assert PROVIDER_KEY not in proxy.heads[0]
    assert proxy.first_bytes[0][:2] == b"\x16\x03"


@pytest.mark.parametrize("refusal", [
    b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\nnope",
    b"HTTP/1.1 200 OK\r\n\r\nbytes behind the head",
    b"SSH-2.0-OpenSSH\r\n\r\n",
    b"",
])
def test_a_proxy_that_refuses_is_a_502_that_says_so(tls_target, tls_sim, peer, refusal):
    proxy = Proxy(refusal)
    gw = tls_target(proxy=f"http://{peer(proxy.serve).address}")
    response = chat(gw.listen)
    assert response.status == 502
    assert "proxy" in response.json["error"]["message"]
    if b" 407 " in refusal:
        assert "407" in response.json["error"]["message"]
    assert tls_sim.requests() == []


def test_a_proxy_that_is_not_there_is_a_502(tls_target):
    response = chat(tls_target(proxy=f"http://127.0.0.1:{free_port()}").listen)
    assert response.status == 502 and "refused" in response.json["error"]["message"]


def test_a_silent_proxy_is_ended_by_the_connect_clock(tls_target, peer):
    proxy = peer(lambda sock: sock.recv(1 << 20) and sock.recv(1))
    gw = tls_target({"upstream": {"connect": "200ms"}}, proxy=f"http://{proxy.address}")
    response = chat(gw.listen)
    assert response.status == 504, response
