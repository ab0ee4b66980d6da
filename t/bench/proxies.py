"""The processes of the benchmark: upstreams, and the three proxies with configurations that do the same work."""
import glob
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

CLIENT_KEY = "tg-bench-0123456789abcdefghijklmnopqrstuvwxyz"
UPSTREAM_KEY = "sk-upstream"
# Each upstream has a model of its own, because tollgate finds targets by model.
MODELS = {"json": "gpt-4o-mini", "stream": "gpt-4o", "slow": "gpt-4.1", "tls": "gpt-4.1-mini"}
PATH = "/v1/chat/completions"
STREAMS = ("stream", "slow")
_running = []


def key_hash(key):
    return hashlib.sha256(key.encode()).hexdigest()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, child, folder):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if condition():
            return
        if child.poll() is not None:
            break
        time.sleep(0.02)
    said = os.path.join(folder, f"{what}.out")
    with open(said) as f:
        sys.exit(f"bench: {what} did not start:\n{f.read()[-2000:]}")


def accepts(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def spawn(argv, folder, name):
    with open(os.path.join(folder, f"{name}.out"), "a") as out:
        child = subprocess.Popen(argv, stdout=out, stderr=out, cwd=folder, start_new_session=True)
    _running.append(child)
    return child


def end(child):
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def stop_all():
    for child in _running:
        end(child)


def certificate(folder):
    """A CA that is the server's certificate itself, for localhost."""
    pem, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", pem], check=True, capture_output=True)
    with open(pem) as c, open(key) as k:
        write(folder, "both.pem", c.read() + k.read())
    return pem, key


class Upstreams:
    def __init__(self, ports, pem, key):
        self.ports, self.pem, self.key = ports, pem, key

    def url(self, name):
        return f"{'https' if name == 'tls' else 'http'}://localhost:{self.ports[name]}{PATH}"


MOCK_ANSWER = ('{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,'
               '"model":"gpt-4.1-mini-2025-04-14","choices":[{"index":0,"message":{"role":"assistant","content":"'
               + "lorem ipsum dolor sit amet " * 19 + '","refusal":null},"logprobs":null,"finish_reason":"stop"}],'
               '"usage":{"prompt_tokens":210,"completion_tokens":50,"total_tokens":260}}')


def start_upstreams(mock, folder):
    """Three instances of mock.c, and nginx with a canned answer where TLS is wanted."""
    ports = {}
    for name, argv in {"json": ["json"], "stream": ["stream", "50", "1"], "slow": ["stream", "1000000", "250"]}.items():
        child = subprocess.Popen([mock, *argv], stdout=subprocess.PIPE, text=True, start_new_session=True)
        _running.append(child)
        ports[name] = int(child.stdout.readline())
    pem, key = certificate(folder)
    ports["tls"] = free_port()
    conf = write(folder, "mock-nginx.conf", f"""
daemon off; master_process off; pid {folder}/mock-nginx.pid; error_log {folder}/mock-nginx.err;
events {{ worker_connections 4096; multi_accept on; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; default_type application/json;
  client_body_temp_path {folder}/mock-body; client_body_buffer_size 256k;
  ssl_certificate {pem}; ssl_certificate_key {key};
  server {{ listen 127.0.0.1:{ports['tls']} ssl backlog=1024; location / {{ return 200 '{MOCK_ANSWER}'; }} }}
}}
""")
    child = spawn(["nginx", "-c", conf, "-p", folder], folder, "mock-nginx")
    wait_for("mock-nginx", lambda: accepts(ports["tls"]), child, folder)
    return Upstreams(ports, pem, key)


class Proxy:
    """A running proxy: its listeners by upstream, and what the kernel counts for it."""

    child = None
    ports = {}

    def address(self, upstream):
        return "127.0.0.1", self.ports[upstream]

    def url(self, upstream):
        return f"{'https' if upstream == 'tls' else 'http'}://localhost:{self.ports[upstream]}{PATH}"

    def cpu_ns(self):
        total = 0
        for name in glob.glob(f"/proc/{self.child.pid}/task/*/schedstat"):
            with open(name) as f:
                total += int(f.read().split()[0])
        return total

    def rss_kb(self):
        with open(f"/proc/{self.child.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))

    def stop(self):
        end(self.child)


class Tollgate(Proxy):
    # Nothing that the load comes near: eight accounts for each request.
    LIMITS = """
orgs: { house: { limits: { cost: 1000000 usd/month } } }
budgets:
  - { name: gateway, limits: { cost: 1000000 usd/day } }
  - { name: team, match: { tag.team: bench }, limits: { tokens: 1000000000000/day } }
"""
    TENANT_LIMITS = "cost: [ 100000 usd/day, 1000000 usd/month ], requests: 100000000/m, tokens: 1000000000000/m, concurrency: 100000"

    def __init__(self, folder, up, binary, ledger="group", limits=False, name="", more=None):
        """name tells several of them apart; more: the text of other tenants' block and what goes behind it."""
        targets = "".join(
            f"  {name}: {{ provider: openai, base_url: \"{'https' if name == 'tls' else 'http'}://localhost:{port}\", "
            f"key: {UPSTREAM_KEY}{', ca: ' + up.pem if name == 'tls' else ''} }}\n" for name, port in up.ports.items())
        models = "".join(f"  {MODELS[name]}: {{ targets: [ {name} ] }}\n" for name in up.ports)
        name = f"tollgate-{ledger}{limits}{name}"
        path = "none" if ledger == "none" else f"{folder}/ledger-{name}"
        conf = write(folder, f"{name}.yaml", f"""
workers: 1
listen:
  - address: 127.0.0.1:0
  - address: 127.0.0.1:{free_port()}
    tls: {{ certificate: {up.pem}, key: {up.key} }}
admin: {{ address: 127.0.0.1:0 }}
timeouts: {{ idle: 10m }}
upstream: {{ pool: 256, keep_alive: 10m }}
targets:
{targets}models:
{models}{self.LIMITS if limits else ""}tenants:
  bench:
    {"org: house" if limits else ""}
    {"limits: { " + self.TENANT_LIMITS + " }" if limits else ""}
    tags: {{ team: bench, environment: bench }}
    keys: [ {{ id: bench, sha256: {key_hash(CLIENT_KEY)} }} ]
{more or ""}
ledger: {{ path: {path} }}
log: {{ access: {folder}/tollgate-access.jsonl }}
""")
        ready = os.path.join(folder, f"{name}.ready")
        if os.path.exists(ready):
            os.unlink(ready)
        self.child = spawn([os.path.abspath(binary), "-c", conf, "--ready-file", ready], folder, "tollgate")
        wait_for("tollgate", lambda: os.path.exists(ready) and os.path.getsize(ready) > 0, self.child,
                 folder)
        with open(ready) as f:
            plain, tls = (int(address.rsplit(":", 1)[1]) for address in json.load(f)["listen"])
        self.ports = {name: tls if name == "tls" else plain for name in up.ports}


class Nginx(Proxy):
    def __init__(self, folder, up):
        self.ports = {name: free_port() for name in up.ports}
        upstreams = "".join(f"  upstream {name} {{ server localhost:{port}; keepalive 256; "
                            f"keepalive_requests 100000000; }}\n" for name, port in up.ports.items())
        servers = "".join(self.server(name, up) for name in up.ports)
        # master_process off: one process does all, as with one worker. The access log is on, in the default
        # combined format, because tollgate writes its own too. Bodies stay in memory.
        conf = write(folder, "nginx.conf", f"""
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 30000; multi_accept on; }}
http {{
  access_log {folder}/nginx-access.log combined;
  client_body_temp_path {folder}/nginx-body; proxy_temp_path {folder}/nginx-proxy;
  client_max_body_size 64m; client_body_buffer_size 256k;
  keepalive_requests 100000000; keepalive_timeout 600s;
  proxy_http_version 1.1; proxy_read_timeout 600s;
  proxy_set_header Connection ""; proxy_set_header Authorization "Bearer {UPSTREAM_KEY}";
{upstreams}{servers}}}
""")
        self.child = spawn(["nginx", "-c", conf, "-p", folder], folder, "nginx")
        wait_for("nginx", lambda: accepts(self.ports["json"]), self.child, folder)

    def server(self, name, up):
        if name == "tls":
            return (f"  server {{ listen 127.0.0.1:{self.ports[name]} ssl backlog=4096; ssl_certificate {up.pem}; "
                    f"ssl_certificate_key {up.key}; location / {{ proxy_pass https://{name}; proxy_ssl_verify on; "
                    f"proxy_ssl_trusted_certificate {up.pem}; proxy_ssl_name localhost; "
                    f"proxy_ssl_server_name on; }} }}\n")
        # a stream that is buffered is no stream
        buffering = "proxy_buffering off; " if name in STREAMS else ""
        return (f"  server {{ listen 127.0.0.1:{self.ports[name]} backlog=4096; "
                f"location / {{ {buffering}proxy_pass http://{name}; }} }}\n")


class HAProxy(Proxy):
    def __init__(self, folder, up):
        self.ports = {name: free_port() for name in up.ports}
        # Without it each event of a stream waits for the next one to be sent with it: 200 ms late, measured.
        no_delay = {name: "\n option http-no-delay" if name in STREAMS else "" for name in up.ports}
        ends = "".join(f"""
frontend f_{name}{no_delay[name]}
 bind 127.0.0.1:{self.ports[name]} backlog 4096{f' ssl crt {folder}/both.pem' if name == 'tls' else ''}
 default_backend b_{name}
backend b_{name}{no_delay[name]}
 http-reuse always
 http-request set-header Authorization "Bearer {UPSTREAM_KEY}"
 server s 127.0.0.1:{port} pool-max-conn 256{
    f' ssl verify required ca-file {up.pem} sni str(localhost) verifyhost localhost' if name == 'tls' else ''}
""" for name, port in up.ports.items())
        conf = write(folder, "haproxy.cfg", f"""
global
 nbthread 1
 maxconn 12000
 no strict-limits
 log stdout format raw local0 info
defaults
 mode http
 log global
 option httplog
 timeout client 600s
 timeout server 600s
 timeout http-keep-alive 600s
 timeout connect 5s
{ends}""")
        self.child = spawn(["haproxy", "-f", conf, "-db"], folder, "haproxy")
        wait_for("haproxy", lambda: accepts(self.ports["json"]), self.child, folder)
