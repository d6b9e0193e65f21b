import pytest
from nb_service.backends.bus.brokers import Delivery, Outcome, mqtt
from nb_service.backends.bus.brokers.mqtt import Came
from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def message_of(*user, **properties):
    message = paho.MQTTMessage(topic=b"in")
    message.properties = Properties(PacketTypes.PUBLISH)
    for name, value in properties.items():
        setattr(message.properties, name, value)
    if user:
        message.properties.UserProperty = list(user)
    return message


def published(message, **headers):
    reported = {name.replace("_", "-"): value for name, value in headers.items()}
    delivery = Delivery(b"1", "m.7", claim=Came(message, "m"))
    return mqtt.properties_of(Outcome(delivery, False, b"2", reported))


def test_properties_are_headers():
    message = message_of(("Key", "k"), ("id", "i"), ContentType="application/json", ResponseTopic="r")
    assert mqtt.headers_of(message) == {"key": "k", "id": "i", "content-type": "application/json", "reply-to": "r"}
    assert mqtt.headers_of(message_of()) == {}


def test_an_event_s_attributes_are_known_by_those_that_each_event_has():
    event = [("specversion", "1.0"), ("id", "e"), ("source", "/s"), ("type", "t"), ("mine", "x")]
    headers = mqtt.headers_of(message_of(*event, ("x-request-id", "r")))
    assert headers == {**{f"ce-{name}": value for name, value in event}, "x-request-id": "r"}
    # One that lacks its type is none.
    assert "ce-id" not in mqtt.headers_of(message_of(*event[:3]))


def test_an_answer_has_what_came_with_its_sample_and_its_id():
    message = message_of(CorrelationData=b"\xff", ResponseTopic="r")
    reported = published(
        message, content_type="application/json", correlation_id="\\xff", ce_type="t", x_model_name="n"
    )
    assert (reported.CorrelationData, reported.ResponseTopic, reported.ContentType) == (
        b"\xff",
        "r",
        "application/json",
    )
    assert reported.UserProperty == [("message-id", "m"), ("type", "t"), ("x-model-name", "n")]


@pytest.mark.parametrize("name", ["CorrelationData", "ResponseTopic", "ContentType"])
def test_an_answer_has_nothing_that_its_sample_had_not(name):
    assert not hasattr(published(message_of()), name)
