"""Fixtures of the end to end tests; what they are made of is in harness.py."""

import pytest

import harness


def pytest_report_header():
    return f"tollgate from {harness.BUILD}, sanitizer {harness.SANITIZER}"


@pytest.fixture(scope="session")
def certs(tmp_path_factory):
    return harness.Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def simulator(tmp_path):
    """A function that starts a simulator: simulator("--ttft", "1s")."""
    started = []

    def start(*options, **more):
        more.setdefault("name", f"sim{len(started)}")
        started.append(harness.Simulator(tmp_path, *options, **more))
        return started[-1]

    yield start
    for sim in started:
        assert sim.alive(), f"the simulator was ended by someone else: {sim.errors()[-3000:]}"
        code = sim.end()
        assert code == 0, f"the simulator ended with {code}: {sim.errors()[-3000:]}"


@pytest.fixture
def sim(simulator):
    return simulator()


@pytest.fixture
def launch(tmp_path):
    """A function that starts a gateway with exactly this configuration. At the end of the test each must still be
    there, or have been awaited, and end with 0."""
    started = []

    def start(config, **more):
        more.setdefault("name", f"gateway{len(started)}" if started else "gateway")
        if len(started) > 0 and isinstance(config, dict) and config.get("ledger", {}).get("path") == str(tmp_path / "ledger"):
            config = harness.merged(config, {"ledger": {"path": str(tmp_path / f"ledger-{more['name']}")}})
        started.append(harness.Gateway(tmp_path, config, **more))
        return started[-1]

    yield start
    for gw in started:
        if gw.child.returncode is None:
            assert gw.alive(), f"the gateway ended by itself with {gw.child.returncode}: {gw.errors()[-3000:]}"
            code = gw.end()
            assert code == 0, f"the gateway ended with {code}: {gw.errors()[-3000:]}"
        for bad in ("panic", "ERROR: AddressSanitizer", "runtime error:", "WARNING: ThreadSanitizer"):
            assert bad not in gw.errors(), gw.errors()[-6000:]
        # nobody's key may be in what the gateway writes
        for path in (gw.err_path, gw.access_path() if isinstance(gw.config, dict) else gw.err_path):
            if path.exists():
                text = path.read_text(errors="replace")
                assert harness.KEY not in text and harness.PROVIDER_KEY not in text


@pytest.fixture
def gateway(sim, launch, tmp_path):
    """A function that starts a gateway in front of the simulator: gateway({"limits": {...}})."""

    def start(changes=None, **more):
        return launch(harness.merged(harness.standard_config(sim.listen, tmp_path), changes or {}), **more)

    return start


@pytest.fixture
def gw(gateway):
    return gateway()


@pytest.fixture
def connect():
    """A function that opens a client connection which the test need not close."""
    opened = []

    def start(address, **more):
        opened.append(harness.Client(address, **more))
        return opened[-1]

    yield start
    for client in opened:
        client.close()


@pytest.fixture
def peer():
    """A function that starts a provider or proxy written in the test."""
    started = []

    def start(serve, **more):
        started.append(harness.Peer(serve, **more))
        return started[-1]

    yield start
    for p in started:
        p.close()
