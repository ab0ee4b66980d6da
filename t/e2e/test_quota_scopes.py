"""Limits by whom and by what: budgets by model and target, pools of tiers, increases, credits, sessions and end users."""
import signal

import pytest

from harness import KEY, MODEL, PROVIDER_KEY, Client, chat, free_port, multipart

TWO = {"models": {MODEL: {"targets": "openai"}, "other": {"targets": {"target": "openai", "model": MODEL}}}}


def statuses(gw, n, **more):
    return [chat(gw.listen, **more).status for _ in range(n)]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_budget_by_model_counts_what_the_client_asks_for(gateway, launch, tmp_path, how):
    """Both names lead to one model of the provider's; after a restart too only the client's name counts."""
    gw = gateway({**TWO, "ledger": {"path": str(tmp_path / "books")},
                  "budgets": [{"name": "dear", "match": {"model": "other"}, "limits": {"requests": "3/month"}}]})
    assert statuses(gw, 5) == [200] * 5
    assert statuses(gw, 2, model="other") == [200, 200]
    gw.signal(how)
    gw.wait()
    again = launch(gw.config)
    assert statuses(again, 1) == [200]
    assert statuses(again, 2, model="other") == [200, 429]
    r = chat(again.listen, model="other")
    assert r.get("x-tollgate-denied-by") == "budget/requests" and "above this tenant" in r.json["error"]["message"]
    assert statuses(again, 2) == [200, 200]


def test_a_budget_by_target(gateway, sim):
    """What is sent to a target counts there, also when another one had been tried first."""
    spare = {"provider": "openai", "base_url": f"http://{sim.listen}", "key": PROVIDER_KEY, "weight": 0}
    gw = gateway({"targets": {"spare": spare}, "models": {MODEL: {"targets": ["openai", "spare"]}},
                  "budgets": [{"name": "to-spare", "match": {"target": "spare"}, "limits": {"requests": "2/month"}}]})
    assert statuses(gw, 3) == [200] * 3
    dead = {**gw.config["targets"]["openai"], "base_url": f"http://127.0.0.1:{free_port()}"}
    gw.reload({**gw.config, "targets": {**gw.config["targets"], "openai": dead}})
    assert statuses(gw, 2) == [200, 200]
    r = chat(gw.listen)
    assert r.status == 429 and r.get("x-tollgate-denied-by") == "budget/requests"
    gw.reload({**gw.config, "budgets": [{"name": "to-spare", "match": {"target": "openai"}, "limits": {"requests": "4/month"}},
                                        {"name": "other", "match": {"target": "spare"}, "limits": {"requests": "3/month"}}]})
    assert statuses(gw, 2) == [200, 429]


def test_a_form_that_names_its_model_late_does_not_slip_past_a_budget(gateway):
    """The model is known when much has been sent already: such a form is refused where a budget asks for the model."""
    config = {"models": {"whisper-1": {"targets": "openai"}, MODEL: {"targets": "openai"}}}
    late = multipart([("file", "x.wav", b"x" * 300000), ("model", "whisper-1")])
    first = multipart([("model", "whisper-1"), ("file", "x.wav", b"x" * 300000)])

    def ask(gw, form):
        with Client(gw.listen) as c:
            return c.request("POST", "/v1/audio/transcriptions", form[1], {"content-type": form[0]}, KEY)

    gw = gateway({**config, "budgets": [{"name": "chat", "match": {"model": MODEL}, "limits": {"requests": "0/month"}}]})
    assert ask(gw, late).status == 200
    gw.reload({**gw.config, "budgets": [{"name": "speech", "match": {"model": "whisper-1"}, "limits": {"requests": "2/month"}}]})
    r = ask(gw, late)
    assert r.status == 400 and "before the file" in r.json["error"]["message"]
    assert [ask(gw, first).status for _ in range(2)] == [200, 429] # the first one of all is in the ledger
