"""Many quiet clients at once: each sends one request and keeps its connection (or its stream) open."""
import resource
import selectors
import socket
import sys
import time

IP_BIND_ADDRESS_NO_PORT = 24
AT_ONCE = 100  # requests under way at the same time while the crowd comes in


def raise_file_limit():
    """Children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def file_limit():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Crowd:
    """`number` connections to address, spread over source addresses 127.0.0.x so that ports do not run out."""

    def __init__(self, address, number, body, key, streaming):
        self.address, self.number, self.streaming = address, number, streaming
        self.request = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n"
                        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()
        self.sockets, self.selector = [], selectors.DefaultSelector()

    def __enter__(self):
        while len(self.sockets) < self.number:
            batch = [self.connect() for _ in range(min(AT_ONCE, self.number - len(self.sockets)))]
            self.sockets += batch
            for sock in batch:
                sock.sendall(self.request)
            for sock in batch:
                self.read_answer(sock)
        for sock in self.sockets:
            sock.setblocking(False)
            self.selector.register(sock, selectors.EVENT_READ)
        return self

    def connect(self):
        sock = socket.socket()
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((f"127.0.0.{2 + len(self.sockets) // 2000}", 0))
        sock.settimeout(30)
        sock.connect(self.address)
        return sock

    def read_answer(self, sock):
        """The whole answer, or of a stream its head and first event."""
        data = b""
        while True:
            got = sock.recv(65536)
            if not got:
                sys.exit(f"bench: a connection was closed: {data[:300]!r}")
            data += got
            head, found, rest = data.partition(b"\r\n\r\n")
            if not found:
                continue
            if not head.startswith(b"HTTP/1.1 200"):
                sys.exit(f"bench: {data[:300]!r}")
            if self.streaming:
                if b"data: " in rest:
                    return
            else:
                length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                              if line.lower().startswith(b"content-length:"))
                if len(rest) >= length:
                    return

    def check_alive(self):
        """Take what came in meanwhile. Nothing may have been closed; a quiet connection says nothing, a stream
        goes on."""
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            for key, _ in self.selector.select(0.1):
                got = key.fileobj.recv(65536)
                if not got:
                    sys.exit("bench: a connection was closed while it should have stayed open")

    def __exit__(self, *_):
        for sock in self.sockets:
            sock.close()
        self.selector.close()
