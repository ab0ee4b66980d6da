"""Health checks: a target that fails them is left alone before requests meet it, and comes back by them."""

import json
import subprocess
import threading

import pytest

from harness import BUILD, MODEL, answer, chat, merged, read_request, standard_config, wait_for

TGCTL = BUILD / "tgctl"
CHECK = {"path": "/health?full=1", "interval": "100ms", "timeout": "2s", "healthy": 2, "unhealthy": 3}


class Checked:
    """A provider that answers checks as it is told to, and counts them and requests."""

    def __init__(self, peer):
        self.check, self.checks, self.requests, self.heads = answer({}), 0, 0, []
        self.stop = threading.Event()
        self.address = peer(self.serve).address

    def serve(self, sock):
        while True:
            request = read_request(sock)
            if request is None:
                return
            if request[0].startswith("GET /health?full=1 "):
                self.checks += 1
                self.heads.append(request[0])
                if self.check is None:
                    self.stop.wait(5)
                    return
                sock.sendall(self.check)
                return
            self.requests += 1
            sock.sendall(answer())


@pytest.fixture
def checked(launch, tmp_path, peer):
    """A function: (gateway, provider that is checked, another that is a spare)."""

    def start(changes=None):
        first, spare = Checked(peer), Checked(peer)
        config = standard_config("127.0.0.1:9", tmp_path)
        config["targets"] = {
            "first": {"provider": "openai", "base_url": f"http://{first.address}", "key": "sk-secret-0123456789",
                      "health_check": CHECK},
            "spare": {"provider": "openai", "base_url": f"http://{spare.address}", "weight": 0}}
        config["models"] = {MODEL: {"targets": ["first", "spare"]}}
        return launch(merged(config, changes or {})), first, spare

    return start


def target(gw, name="first"):
    return next(t for t in gw.admin_get("/admin/v1/targets").json["targets"] if t["name"] == name)


def becomes(gw, state):
    wait_for(lambda: target(gw)["state"] == state, f"the target to be {state}")


@pytest.mark.parametrize("bad", [answer({}, "503 x"), answer({}, "404 x"), b"no http\r\n\r\n", None])
def test_out_and_back(checked, bad):
    gw, first, spare = checked()
    assert chat(gw.listen).get("x-tollgate-target") == "first"
    first.check = bad
    becomes(gw, "down")
    assert chat(gw.listen).get("x-tollgate-target") == "spare"
    assert first.requests == 1 and target(gw)["health_check"]["failed"] >= 3
    gw.metric_is(0, "tollgate_target_health_check_up", target="first")
    gw.metric_is(0, "tollgate_target_up", target="first")
    assert gw.metric("tollgate_target_health_checks_failed_total", target="first") >= 3
    assert "target is not well" in gw.errors()
    listed = subprocess.run([TGCTL, "targets", "list", "--admin", gw.admin], capture_output=True, text=True, check=True)
    assert "down" in listed.stdout
    explained = gw.admin_get(f"/admin/v1/route/explain?model={MODEL}").json
    assert "health_check" in json.dumps(explained)
    first.check = answer({})
    becomes(gw, "up")
    assert chat(gw.listen).get("x-tollgate-target") == "first"
    assert "authorization: Bearer sk-secret-0123456789" in first.heads[0]
    assert "sk-secret-0123456789" not in gw.errors()


@pytest.mark.parametrize("status", ["204 x", "302 x", "401 x", "403 x", "429 x"])
def test_what_is_about_the_key_is_no_failure(checked, status):
    gw, first, _ = checked()
    first.check = answer({}, status)
    seen = first.checks
    wait_for(lambda: first.checks >= seen + 6, "some more checks")
    assert target(gw)["state"] == "up"
    assert target(gw)["health_check"]["failed"] == 0


def test_one_that_is_alone_is_asked_all_the_same(checked):
    gw, first, _ = checked({"models": {MODEL: {"targets": ["first"]}}})
    first.check = answer({}, "500 x")
    becomes(gw, "down")
    assert chat(gw.listen).status == 200 and first.requests == 1


def test_a_reload_ends_it_and_forgets(checked):
    gw, first, _ = checked()
    first.check = answer({}, "500 x")
    becomes(gw, "down")
    config = json.loads(json.dumps(gw.config))
    gw.reload(config)
    assert target(gw)["state"] == "down", "the same check goes on with what it knows"
    del config["targets"]["first"]["health_check"]
    gw.reload(config)
    becomes(gw, "up")
    assert "health_check" not in target(gw)
    assert chat(gw.listen).get("x-tollgate-target") == "first"
