"""What the end to end tests are made of: a simulator and a gateway as processes, raw HTTP clients, certificates.

Everything listens on ports of the kernel's choice, lives in the test's own folder, and is ended by its pid.
"""

import fractions
import hashlib
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TG_BUILD", ROOT / "build" / "default"))
TOLLGATE, SIM = BUILD / "tollgate", BUILD / "tollgate-sim"

KEY = "tg-e2e-client-key"
PROVIDER_KEY = "sk-e2e-provider-key"
MODEL, CLAUDE = "gpt-4o-mini", "claude-sonnet-4-5"
MB = 1024 * 1024


def sanitizer():
    """"asan", "tsan" or None: with which the binaries were built."""
    code = TOLLGATE.read_bytes()
    return "asan" if b"__asan_init" in code else "tsan" if b"__tsan_init" in code else None


SANITIZER = sanitizer()
# How much longer than usual things may take before they count as hanging.
PATIENCE = 4 if SANITIZER else 1


def wait_for(condition, what, seconds=15):
    """The condition's first true value. Polls, because what is waited for happens in another process."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"still not after {seconds * PATIENCE} s: {what() if callable(what) else what}")
        time.sleep(0.01)


def sha256(key):
    return hashlib.sha256(key.encode()).hexdigest()


def merged(base, changes):
    """base with changes laid over it; None takes a name out."""
    out = dict(base)
    for name, value in changes.items():
        if value is None:
            out.pop(name, None)
        elif isinstance(value, dict) and isinstance(out.get(name), dict):
            out[name] = merged(out[name], value)
        else:
            out[name] = value
    return out


class Process:
    """A daemon with a ready file. Its output goes to files in the test's folder."""

    def __init__(self, name, argv, folder, env=None):
        self.name, self.folder = name, folder
        self.err_path = folder / f"{name}.err"
        self.ready_path = folder / f"{name}.ready"
        self.ready_path.unlink(missing_ok=True)
        with open(self.err_path, "ab") as err:
            self.child = subprocess.Popen([str(a) for a in argv] + ["--ready-file", str(self.ready_path)],
                                          stdout=err, stderr=err, stdin=subprocess.DEVNULL, env=env)
        self.pid = self.child.pid
        try:
            wait_for(lambda: self.ready_path.exists() or self.child.poll() is not None, f"{name} ready")
        except AssertionError:
            self.child.kill()
            self.child.wait()
            raise
        if self.child.poll() is not None:
            raise AssertionError(f"{name} ended with {self.child.returncode} at start: {self.errors()}")
        self.ready = json.loads(self.ready_path.read_text())

    def errors(self):
        return self.err_path.read_text(errors="replace")

    def signal(self, number):
        self.child.send_signal(number)

    def wait(self, seconds=20):
        return self.child.wait(seconds * PATIENCE)

    def alive(self):
        return self.child.poll() is None

    def status(self, field):
        """A field of /proc/PID/status, in bytes: VmRSS, VmHWM."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no {field}")

    def reset_peak(self):
        """Let VmHWM begin anew at what is in use now."""
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def end(self):
        """The exit code; a daemon that does not end is killed and that is a failure."""
        for seconds in (0.5, 10):       # the second SIGTERM: at once, whatever still runs
            if not self.alive():
                break
            self.signal(signal.SIGTERM)
            try:
                self.child.wait(seconds * PATIENCE)
            except subprocess.TimeoutExpired:
                pass
        if self.alive():
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"{self.name} did not end on SIGTERM: {self.errors()[-2000:]}")
        return self.child.returncode


class Simulator(Process):
    def __init__(self, folder, *options, name="sim", key=PROVIDER_KEY):
        super().__init__(name, [SIM, "--quiet", "--key", key, *options], folder)
        self.listen = self.ready["listen"]
        self.port = int(self.listen.rsplit(":", 1)[1])

    def page(self, path, method="GET"):
        with Client(self.listen) as c:
            return json.loads(c.request(method, path).body)

    def requests(self, n=100):
        """Requests as the simulator saw them, oldest first: method, target, headers, body, body_sha256."""
        return self.page(f"/sim/requests?last={n}")["requests"]

    def ledger(self, n=512):
        return self.page(f"/sim/ledger?last={n}")


class Gateway(Process):
    def __init__(self, folder, config, name="gateway", env=None):
        self.config_path = folder / f"{name}.yaml"
        self.config = config
        self.write(config)
        super().__init__(name, [TOLLGATE, "-c", self.config_path], folder, env)
        self.listens = self.ready["listen"]
        self.listen = self.listens[0]
        self.admin = self.ready.get("admin")
        self.admin_headers = ()

    def write(self, config):
        """A dict, or the file's text; put in place whole."""
        self.config = config
        text = config if isinstance(config, str) else json.dumps(config, indent=1)
        tmp = self.config_path.with_suffix(".new")
        tmp.write_text(text)
        tmp.rename(self.config_path)

    def reload(self, config):
        """Write and SIGHUP; returns once it is in force."""
        before = self.metric("tollgate_config_generation")
        self.write(config)
        self.signal(signal.SIGHUP)
        wait_for(lambda: self.metric("tollgate_config_generation") > before, "the reload")

    def access_path(self):
        return pathlib.Path(self.config["log"]["access"])

    def access_lines(self):
        """Complete lines only: the last may be half written while we look."""
        try:
            text = self.access_path().read_text()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def wait_lines(self, n):
        """The access log once it has n lines; exactly n."""
        wait_for(lambda: len(self.access_lines()) >= n, f"{n} access log lines")
        lines = self.access_lines()
        assert len(lines) == n
        return lines

    def line_of(self, request_id):
        return wait_for(lambda: [l for l in self.access_lines() if l["id"] == request_id],
                        f"the access log line of {request_id}")[0]

    def last_line(self, n):
        return self.wait_lines(n)[-1]

    def admin_get(self, path, method="GET", headers=()):
        with Client(self.admin) as c:
            return c.request(method, path, headers=headers)

    def metrics(self):
        """{(name, frozenset of labels): Fraction}"""
        page = self.admin_get("/metrics", headers=self.admin_headers)
        assert page.status == 200, page
        return parse_metrics(page.body.decode())

    def metric(self, name, **labels):
        """The sum over all label sets that have these labels."""
        return sum((v for (n, l), v in self.metrics().items() if n == name and set(labels.items()) <= l),
                   fractions.Fraction(0))

    def metric_is(self, value, name, **labels):
        """Asserts it. A worker counts after its last byte is out: who has just read that byte may have to wait."""
        wait_for(lambda: self.metric(name, **labels) == value,
                 lambda: f"{name}{labels or ''} to be {value}; it is {self.metric(name, **labels)}")


def parse_metrics(text):
    out = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        series, value = line.rsplit(" ", 1)
        name, _, rest = series.partition("{")
        labels = []
        for pair in filter(None, rest.rstrip("}").split('",')):
            label, _, text = pair.partition("=")
            labels.append((label, text.strip('"')))
        key = (name, frozenset(labels))
        assert key not in out, f"series twice: {line}"
        out[key] = fractions.Fraction(value)
    return out


def standard_config(sim_address, folder):
    target = {"base_url": f"http://{sim_address}", "key": PROVIDER_KEY}
    return {
        "workers": 2,
        "listen": [{"address": "127.0.0.1:0"}],
        "admin": {"address": "127.0.0.1:0"},
        "ledger": {"path": str(folder / "ledger"), "segment": "1m"},
        "targets": {"openai": {"provider": "openai", **target}, "claude": {"provider": "anthropic", **target}},
        "models": {
            MODEL: {"targets": "openai"},
            "text-embedding-3-small": {"targets": "openai"},
            "gpt-4o-mini-transcribe": {"targets": "openai"},
            "gpt-4o-mini-tts": {"targets": "openai"},
            CLAUDE: {"targets": "claude"},
        },
        "tenants": {"acme": {"tags": {"team": "x"}, "keys": [{"id": "laptop", "sha256": sha256(KEY)}]}},
        "log": {"access": str(folder / "access.jsonl")},
    }


class Response:
    def __init__(self, status, headers):
        self.status, self.headers = status, headers
        self.body = b""
        self.trailers = []
        self.complete = False

    def all(self, name):
        return [v for n, v in self.headers if n == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    def trailer(self, name):
        return dict(self.trailers).get(name)

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def id(self):
        return self.get("x-tollgate-request-id")

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


class Broken(Exception):
    """The connection ended before the answer was complete; .response has what came."""

    def __init__(self, response, why):
        super().__init__(why)
        self.response = response


def split_address(address):
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


class Client:
    """One connection; sends bytes and reads answers strictly, with length, chunked or close framing."""

    def __init__(self, address, tls=None, server_name=None, timeout=20, rcvbuf=None, source=None):
        if address.startswith("unix:"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout * PATIENCE)
            self.sock.connect(address[5:])
        else:
            host, port = split_address(address)
            self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self.sock.settimeout(timeout * PATIENCE)
            if rcvbuf:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
            if source:
                self.sock.bind((source, 0))
            self.sock.connect((host, port))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            try:
                self.sock = tls.wrap_socket(self.sock, server_hostname=server_name)
            except Exception:
                self.sock.close()
                raise
        self.buffer = b""
        # the admin listener without a token takes no other names than this machine's
        self.host = "localhost" if address.startswith("unix:") else address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Close with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def send_head(self, method, path, headers=()):
        lines = [f"{method} {path} HTTP/1.1", f"host: {self.host}"]
        lines += [f"{n}: {v}" for n, v in (headers.items() if isinstance(headers, dict) else headers)]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n")

    def send_request(self, method, path, body=None, headers=(), key=None):
        fields = list(headers.items() if isinstance(headers, dict) else headers)
        if key is not None:
            fields.append(("authorization", f"Bearer {key}"))
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            fields.append(("content-type", "application/json"))
        if body is not None:
            fields.append(("content-length", str(len(body))))
        lines = [f"{method} {path} HTTP/1.1", f"host: {self.host}"] + [f"{n}: {v}" for n, v in fields]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))

    def recv(self, n=65536):
        """More bytes into the buffer; False at the end."""
        try:
            data = self.sock.recv(n)
        except (ConnectionResetError, ssl.SSLEOFError):
            data = b""
        self.buffer += data
        return bool(data)

    def ended(self):
        """Waits for the peer to close, dropping what comes before."""
        while self.recv():
            pass
        return True

    def closed_now(self):
        """Did the peer close already? Does not wait, does not read data away."""
        if not select.select([self.sock], [], [], 0)[0]:
            return False
        try:
            return self.sock.recv(1, socket.MSG_PEEK) == b""
        except ConnectionResetError:
            return True

    def read_head(self, expect_100=False):
        while True:
            while b"\r\n\r\n" not in self.buffer:
                if not self.recv():
                    raise Broken(None, f"connection ended before an answer: {self.buffer[:200]!r}")
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            version, status, _ = lines[0].split(" ", 2)
            assert version == "HTTP/1.1", lines[0]
            headers = [(n.lower(), v.strip()) for n, _, v in (line.partition(":") for line in lines[1:])]
            response = Response(int(status), headers)
            if response.status >= 200 or expect_100:
                return response

    def line(self, response):
        while b"\r\n" not in self.buffer:
            if not self.recv():
                raise Broken(response, "ended in a chunk line")
        text, self.buffer = self.buffer.split(b"\r\n", 1)
        return text.decode("latin-1")

    def take(self, response, n):
        """n bytes in pieces as they come."""
        while n > 0:
            if not self.buffer and not self.recv():
                raise Broken(response, f"ended {n} bytes early")
            piece, self.buffer = self.buffer[:n], self.buffer[n:]
            n -= len(piece)
            yield piece

    def pieces(self, response, method="POST"):
        """The body's bytes as they come, framing taken off. Sets response.complete and the trailers."""
        if method == "HEAD" or response.status in (204, 304):
            pass
        elif response.get("transfer-encoding") == "chunked":
            while True:
                size = int(self.line(response).split(";")[0], 16)
                if size == 0:
                    break
                yield from self.take(response, size)
                assert self.line(response) == ""
            while (text := self.line(response)) != "":
                name, _, value = text.partition(":")
                response.trailers.append((name.lower(), value.strip()))
        elif response.get("content-length") is not None:
            yield from self.take(response, int(response.get("content-length")))
        else:
            while self.buffer or self.recv():
                piece, self.buffer = self.buffer, b""
                yield piece
        response.complete = True

    def response(self, method="POST"):
        response = self.read_head()
        for piece in self.pieces(response, method):
            response.body += piece
        return response

    def request(self, method, path, body=None, headers=(), key=None):
        self.send_request(method, path, body, headers, key)
        return self.response(method)

    def events(self, response, border=b"\n\n"):
        """The events of a stream (comments too) as text, as they come. Gemini ends them with CRLF twice."""
        text = b""
        for piece in self.pieces(response):
            text += piece
            while border in text:
                event, text = text.split(border, 1)
                if event:
                    yield event.decode()
        assert text == b"", f"the stream ends in the middle of an event: {text!r}"


def chat_body(model=MODEL, stream=False, content="Tell me about toll gates, please.", **more):
    if stream:
        more["stream"] = True
    return {"model": model, "messages": [{"role": "user", "content": content}], **more}


def chat(address, key=KEY, headers=(), tls=None, server_name=None, **body):
    """One chat request on a connection of its own."""
    with Client(address, tls=tls, server_name=server_name) as c:
        return c.request("POST", "/v1/chat/completions", chat_body(**body), headers, key)


def multipart(fields, boundary="----e2eboundary"):
    """fields: (name, value) or (name, filename, bytes). Returns content type and body."""
    out = b""
    for name, *rest in fields:
        out += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        if len(rest) == 2:
            out += f'; filename="{rest[0]}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode() + rest[1]
        else:
            out += b"\r\n\r\n" + rest[0].encode()
        out += b"\r\n"
    return f"multipart/form-data; boundary={boundary}", out + f"--{boundary}--\r\n".encode()


def free_port():
    """A port nobody listens on (until someone takes it: hold it with a bound socket where that matters)."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Peer:
    """A provider or proxy made of a function of a connected socket; a thread for each connection."""

    def __init__(self, serve, backlog=128, tls=None, family=socket.AF_INET, address="127.0.0.1", port=0):
        self.serve, self.tls = serve, tls
        self.sock = socket.socket(family)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((address, port))
        self.sock.listen(backlog)
        self.port = self.sock.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.connections, self.failures, self.accepted = [], [], 0
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.closing.is_set():
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            self.accepted += 1
            self.connections.append(sock)
            threading.Thread(target=self.one, args=(sock,), daemon=True).start()

    def one(self, sock):
        try:
            sock.settimeout(30 * PATIENCE)
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
            self.serve(sock)
        except (OSError, ssl.SSLError) as why:
            self.failures.append(why)
        finally:
            sock.close()

    def close(self):
        self.closing.set()
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        for sock in self.connections:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()


def read_request(sock):
    """Head and (length-framed) body of one request; None at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return None
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    length = 0
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    body = bytearray(body)
    while len(body) < length:
        piece = sock.recv(1 << 20)
        if not piece:
            return None
        body += piece
    return head.decode("latin-1"), bytes(body)


CHAT_ANSWER = {"id": "x", "object": "chat.completion", "created": 1, "model": MODEL,
               "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
               "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}


def answer(value=CHAT_ANSWER, status="200 OK", more=""):
    body = json.dumps(value).encode()
    return (f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{more}content-length: {len(body)}\r\n\r\n"
            .encode() + body)


class Certificates:
    """Authorities and certificates made with the openssl command."""

    def __init__(self, folder):
        self.folder = folder
        self.openssl = shutil.which("openssl")

    def run(self, *args):
        done = subprocess.run([self.openssl, *map(str, args)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def authority(self, name):
        key, cert = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        if not cert.exists():
            self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30,
                     "-subj", f"/CN={name}", "-keyout", key, "-out", cert)
        return cert

    def make(self, name, *names, authority="ca"):
        """(certificate, key) for these names, DNS:... or IP:...; a new one each time."""
        self.authority(authority)
        key, cert = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30,
                 "-subj", f"/CN={name}", "-addext", "subjectAltName=" + ",".join(names),
                 "-addext", "basicConstraints=critical,CA:FALSE",
                 "-CA", self.folder / f"{authority}.pem", "-CAkey", self.folder / f"{authority}.key",
                 "-keyout", key, "-out", cert)
        return cert, key

    def client(self, authority="ca", version=None, alpn=None):
        c = ssl.create_default_context(cafile=str(self.authority(authority)))
        if version is not None:
            c.minimum_version = c.maximum_version = version
        if alpn:
            c.set_alpn_protocols(alpn)
        return c

    def server(self, cert, key):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(cert, key)
        return c
