"""Nothing is lost and nothing doubled where the services and the broker are killed at any moment.

STORM=1 asks for 10,000 samples, ten kills and two restarts of the broker (`make test-bus`), which takes minutes;
without it is a thousand, two and one.
"""

import json
import os
import random
import signal
import time

import pytest

from contract.brokers import SERVERS, count_until, kill_bus
from contract.services import Service, wait_until

STORM = bool(os.environ.get("STORM"))
SAMPLES, KILLS, RESTARTS = (10_000, 10, 2) if STORM else (1000, 2, 1)
NOTEBOOK = """
    import time

    def validator(x):
        return x["id"] % 50 != 13

    def predictor(x):
        time.sleep(0.001)
        if x["id"] % 100 == 77:
            raise ValueError("seventy-seven")
        return {"id": x["id"], "double": 2 * x["id"]}

    examples = [{"id": 1}]
"""


def _is_wrong(number):
    return number % 50 == 13 or number % 100 == 77


@pytest.mark.timeout(900 if STORM else 180)
@pytest.mark.parametrize("name", SERVERS)
def test_each_sample_gets_its_answer_or_its_error_anyone_who_is_killed(name, model_cache, tmp_path):
    chance = random.Random(SAMPLES)
    server = SERVERS[name](tmp_path).start()
    settings = {
        **server.settings,
        "S2I_BUS_RECLAIM": "2",
        # Killed by the test, instead of a sample.
        "S2I_BUS_TRIES": "100",
    }
    services = []

    def begin():
        services.append(Service(model_cache(NOTEBOOK), **settings))
        return services[-1].ready()

    def publish():
        for start in range(0, SAMPLES, 500):
            samples = range(start, start + 500)
            server.put((json.dumps({"id": number}).encode(), {"message-id": f"m{number}"}) for number in samples)

    try:
        server.make()
        service = begin()
        # A broker that has just started may have had a moment in which it could not be used.
        service.wait_for("taking samples|is available again")
        # All before the first restart: what a producer does when the broker is away is its own business.
        publish()
        deeds = ["bus"] * (KILLS // 2) + ["service"] * (KILLS - KILLS // 2) + ["broker"] * RESTARTS
        chance.shuffle(deeds)
        for number, deed in enumerate(deeds):
            # At any moment, but with something between the deeds.
            count_until(server, SAMPLES * (number + 1) // (len(deeds) + 1), 30)
            time.sleep(chance.random() * 0.2)
            if deed == "broker":
                server.kill()
                time.sleep(chance.random())
                server.start()
            elif deed == "service":
                service.process.send_signal(signal.SIGKILL)
                service.close()
                service = begin()
            else:
                kill_bus(service)
        count_until(server, SAMPLES, 60)
        assert wait_until(lambda: server.unsettled() == 0, 60)
        assert service.stop() == 0
        assert server.unsettled() == 0
        messages = server.everything()
    finally:
        for service in services:
            service.close()
        server.close()
    answers = [message for message in messages if not message.is_error]
    errors = [message for message in messages if message.is_error]
    wrong = {number for number in range(SAMPLES) if _is_wrong(number)}
    answered = [json.loads(message.body) for message in answers]
    # None lost, each answer its sample's own, and each error the sample as it came.
    assert {answer["id"] for answer in answered} == set(range(SAMPLES)) - wrong
    assert all(answer["double"] == 2 * answer["id"] for answer in answered)
    assert {json.loads(message.body)["id"] for message in errors} == wrong
    reasons = {json.loads(message.body)["id"]: message.headers["x-error-reason"] for message in errors}
    assert reasons == {number: "refused" if number % 50 == 13 else "failed" for number in wrong}
    # What came twice has one id by which a reader knows it.
    assert {message.headers["x-sample-id"] for message in messages} == {f"m{number}" for number in range(SAMPLES)}
    if server.once:
        assert len(messages) == SAMPLES
    print(f"{name}: {SAMPLES} samples, {KILLS} kills, {RESTARTS} restarts, {len(messages) - SAMPLES} twice")
