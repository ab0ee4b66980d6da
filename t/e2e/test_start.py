"""The command line, the configuration's errors, the ready file, and starting again after a kill."""

import json
import os
import pathlib
import signal
import socket
import subprocess

import pytest

from harness import KEY, MODEL, PROVIDER_KEY, TOLLGATE, Client, chat, merged, sha256, standard_config, wait_for


def run(*args, env=None):
    return subprocess.run([str(TOLLGATE), *map(str, args)], capture_output=True, text=True, timeout=60,
                          env=None if env is None else {**os.environ, **env})


def write(path, config):
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    return path


@pytest.fixture
def good(tmp_path):
    return write(tmp_path / "good.yaml", standard_config("127.0.0.1:9", tmp_path))


def test_check_of_a_good_file_exits_0_and_binds_nothing(good, tmp_path):
    # -t may run beside the live gateway: a taken address is no error
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = standard_config("127.0.0.1:9", tmp_path)
        config["listen"] = ["127.0.0.1:%d" % taken.getsockname()[1]]
        done = run("-t", "-c", write(tmp_path / "c.yaml", config))
    assert done.returncode == 0 and "good" in done.stderr and done.stdout == ""
    assert run("--test", "--config", good).returncode == 0


@pytest.mark.parametrize("text, line, col, words", [
    # what, where (line:column), and what would be right, for each kind of mistake
    ("listen: 127.0.0.1:0\nmodles: {}\n", 2, 1, ["modles", "models"]),
    ("listen: 127.0.0.1:0\nworkers: many\n", 2, 10, ["workers"]),
    ("listen: 127.0.0.1:0\nworkers: 2\nworkers: 3\n", 3, 1, ["workers"]),
    ("workers: 2\n", 1, 1, ["listen"]),
    ("listen: 127.0.0.1:0\ntimeouts:\n  head: fast\n", 3, 9, ["fast"]),
    ("listen: 127.0.0.1:0\nlimits: { head: 1g }\n", 2, 17, ["64k", "65535"]),
    ("listen: 127.0.0.1:0\nmodels:\n  m: { targets: nowhere }\n", 3, 17, ["nowhere"]),
    ("listen: 127.0.0.1:0\ntargets:\n  a: { provider: opnai, base_url: 'http://127.0.0.1:1' }\n", 3, 18, ["opnai", "openai"]),
    ("listen: 127.0.0.1:0\ntargets:\n  a: { provider: openai, base_url: 'http://example.com', key: x }\n", 3, None, ["allow_plaintext"]),
    ("listen: 127.0.0.1:0\nadmin: { address: '0.0.0.0:0' }\n", 2, None, ["token"]),
    ("listen: 127.0.0.1:0\ntenants:\n  a: { keys: [ { id: k, sha256: abc } ] }\n", 3, None, ["sha256", "64"]),
    # absent is all models; an empty list is not taken for that
    ("listen: 127.0.0.1:0\ntiers:\n  free: { models: [] }\n", 3, 19, ["leave it out"]),
    ("listen: [ 127.0.0.1:0\n", None, None, []),
    ("listen: 127.0.0.1:0\ntargets: { a: { provider: openai, base_url: 'http://127.0.0.1:1', key: '${env:E2E_NOT_SET}' } }\n", 2, None, ["E2E_NOT_SET"]),
])
def test_a_bad_file_is_refused_with_its_place(tmp_path, text, line, col, words):
    path = write(tmp_path / "bad.yaml", text)
    for args in (["-t", "-c", path], ["-c", path], ["-T", "-c", path]):
        done = run(*args)
        assert done.returncode == 1, done
        assert done.stdout == ""
        place = f"{path}:" if line is None else f"{path}:{line}:" if col is None else f"{path}:{line}:{col}: "
        assert place in done.stderr, done.stderr
        assert not words or any(w in done.stderr for w in words), done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    done = run("-t", "-c", tmp_path / "none.yaml")
    assert done.returncode == 1 and "none.yaml" in done.stderr and "No such file" in done.stderr


def test_wrong_usage_exits_2():
    for args in (["--no-such"], ["-c"], ["-t", "stray"]):
        done = run(*args)
        assert done.returncode == 2 and done.stderr and done.stdout == ""


def test_dump_is_whole_masks_secrets_and_loads_again(tmp_path):
    config = standard_config("127.0.0.1:9", tmp_path)
    config["targets"]["openai"]["key"] = "${env:E2E_KEY}"
    config["admin"]["token"] = "e2e-admin-token"
    done = run("-T", "-c", write(tmp_path / "c.yaml", config), env={"E2E_KEY": "sk-from-the-environment"})
    assert done.returncode == 0
    for secret in (PROVIDER_KEY, "sk-from-the-environment", "e2e-admin-token"):
        assert secret not in done.stdout + done.stderr
    # defaults are filled in
    for word in ("held_response:", "between_bytes:", MODEL, sha256(KEY)):
        assert word in done.stdout, word
    again = run("-T", "-c", write(tmp_path / "again.yaml", done.stdout))
    assert again.returncode == 0, again.stderr
    assert again.stdout == done.stdout


def test_version_names_the_libraries():
    done = run("-V")
    assert done.returncode == 0
    for word in ("tollgate ", "libevent ", "OpenSSL ", "libyaml "):
        assert word in done.stdout


def test_schema_is_json_and_knows_every_top_level_directive():
    done = run("--schema")
    schema = json.loads(done.stdout)
    assert done.returncode == 0
    assert {"listen", "admin", "targets", "models", "tenants", "log", "limits"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False


def test_reference_is_the_shipped_page():
    done = run("--reference")
    page = pathlib.Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
    assert done.returncode == 0 and done.stdout == page.read_text()


def test_help_names_every_option_and_exit_code():
    done = run("--help")
    assert done.returncode == 0 and done.stderr == ""
    for word in ("-t", "-T", "-V", "--schema", "--reference", "--ready-file", "HUP", "USR1", "exit codes"):
        assert word in done.stdout


def test_ready_file_has_pid_and_bound_addresses(gateway, tmp_path):
    gw = gateway({"listen": ["127.0.0.1:0", "[::1]:0", f"unix:{tmp_path}/gw.sock"]})
    assert gw.ready["pid"] == gw.pid and len(gw.listens) == 3
    for address in gw.listens:
        assert not address.endswith(":0")
        assert chat(address).status == 200
    assert gw.admin_get("/livez").status == 200


def test_a_taken_address_exits_1_and_names_it(sim, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        config = merged(standard_config(sim.listen, tmp_path), {"listen": [address]})
        done = run("-c", write(tmp_path / "c.yaml", config), "--ready-file", tmp_path / "never")
        assert done.returncode == 1 and address in done.stderr
        assert not (tmp_path / "never").exists()
        config = merged(standard_config(sim.listen, tmp_path), {"admin": {"address": address}})
        done = run("-c", write(tmp_path / "c.yaml", config))
        assert done.returncode == 1 and address in done.stderr


def test_a_log_that_cannot_be_written_is_a_start_error(sim, tmp_path):
    config = merged(standard_config(sim.listen, tmp_path), {"log": {"access": str(tmp_path / "no" / "dir.jsonl")}})
    done = run("-c", write(tmp_path / "c.yaml", config))
    assert done.returncode == 1 and "dir.jsonl" in done.stderr


def test_after_kill_9_it_starts_again_on_the_same_unix_socket(gateway, tmp_path):
    address = f"unix:{tmp_path}/gw.sock"
    first = gateway({"listen": [address]})
    assert chat(address).status == 200
    first.signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert (tmp_path / "gw.sock").exists()   # left behind, nobody listens
    second = gateway({"listen": [address]})
    assert chat(address).status == 200
    assert second.end() == 0
    assert not (tmp_path / "gw.sock").exists()


def test_a_unix_socket_in_use_is_not_stolen(gateway, tmp_path):
    address = f"unix:{tmp_path}/gw.sock"
    first = gateway({"listen": [address]})
    done = run("-c", write(tmp_path / "second.yaml", merged(first.config, {"ledger": {"path": str(tmp_path / "second")}})))
    assert done.returncode == 1 and "gw.sock" in done.stderr
    assert chat(address).status == 200


def test_access_log_to_stdout(gateway):
    gw = gateway({"log": {"access": "stdout"}})
    answer = chat(gw.listen)
    wait_for(lambda: answer.id in gw.errors(), "the line on standard output")


def test_error_log_to_a_file(gateway, tmp_path):
    gw = gateway({"log": {"error": str(tmp_path / "error.log")}})
    gw.signal(signal.SIGHUP)
    wait_for(lambda: "generation=2" in (tmp_path / "error.log").read_text(), "the reload in the error log")


def test_included_files_and_secrets_from_files(sim, launch, tmp_path):
    """include: merges, ${file:} is read: the merged whole serves a request."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "provider.key").write_text(PROVIDER_KEY + "\n")
    config = standard_config(sim.listen, tmp_path)
    config["targets"]["openai"]["key"] = f"${{file:{tmp_path}/provider.key}}"
    (tmp_path / "conf.d" / "tenants.yaml").write_text(json.dumps({"tenants": config.pop("tenants")}))
    config["include"] = ["conf.d/*.yaml"]
    gw = launch(config)
    with Client(gw.listen) as c:
        assert c.request("GET", "/v1/models", key=KEY).status == 200
    assert chat(gw.listen).status == 200
