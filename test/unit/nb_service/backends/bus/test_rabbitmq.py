from urllib.parse import urlsplit

import pika
import pytest
from nb_service.backends.bus.brokers import Outcome, producers_id, rabbitmq
from nb_service.backends.bus.brokers.rabbitmq import Came, RabbitMQ
from nb_service.backends.bus.place import Place
from pika import exceptions


def delivery_of(again=False, body=b"1", **properties):
    broker = RabbitMQ(Place((urlsplit("amqp://h"),), "in", "out", "err", "g"))
    return broker.delivery_of(Came(7, again, pika.BasicProperties(**properties), body))


def published(delivery, is_error=False, **headers):
    reported = {name.replace("_", "-"): value for name, value in headers.items()}
    return rabbitmq.properties_of(Outcome(delivery, is_error, b"2", reported))


def test_properties_and_headers_of_any_type_are_headers_and_the_server_s_own_are_not():
    headers = {
        "Key": "k",
        "cloudEvents:type": "t",
        "cloudEvents_id": "e",
        "n": 5,
        "yes": True,
        "raw": b"b",
        "x-death": [{"count": 1}],
        "x-first-death-queue": "q",
        "x-delivery-count": 3,
        "x-bus-deliveries": 9,
    }
    delivery = delivery_of(headers=headers, content_type="application/json", correlation_id="c", reply_to="r")
    assert delivery.headers == {
        "key": "k",
        "ce-type": "t",
        "ce-id": "e",
        "n": "5",
        "yes": "true",
        "raw": "b",
        "content-type": "application/json",
        "correlation-id": "c",
        "reply-to": "r",
    }
    assert (delivery.key, delivery.lane, delivery.deliveries) == ("k", "k", 4)


@pytest.mark.parametrize(
    ("headers", "deliveries"), [(None, 1), ({"x-delivery-count": 0}, 1), ({"x-bus-deliveries": 3}, 3), ({"key": 1}, 1)]
)
def test_deliveries_are_counted_by_the_server_or_by_us(headers, deliveries):
    assert delivery_of(headers=headers).deliveries == deliveries


def test_a_message_has_its_producer_s_id_or_one_that_no_one_else_has():
    assert delivery_of(message_id="m").id == "m"
    event = {"cloudEvents:source": "/s", "cloudEvents:id": "e"}
    assert delivery_of(headers=event).id == "/s#e"
    first, second = delivery_of(), delivery_of()
    assert first.id.startswith("in.") and first.id != second.id
    # Longer than AMQP has room for.
    assert delivery_of(headers={**event, "cloudEvents:id": "e" * 300}).id.startswith("in.")
    assert producers_id({"ce-id": "e"}) == ""


def test_an_answer_is_persistent_and_has_what_came_with_its_sample():
    sample = delivery_of(message_id="m", correlation_id="ü" * 100, reply_to="r")
    reported = published(sample, content_type="application/json", correlation_id="\\xfc", ce_type="t", x_model_name="n")
    assert (reported.delivery_mode, reported.message_id, reported.correlation_id, reported.reply_to) == (
        2,
        "m",
        "ü" * 100,
        "r",
    )
    assert reported.content_type == "application/json" and reported.timestamp > 1e9
    assert reported.headers == {"cloudEvents:type": "t", "x-model-name": "n"}


def test_an_answer_has_the_id_under_which_its_sample_was_taken():
    sample = delivery_of()
    assert published(sample).message_id == sample.id


def test_headers_that_fill_more_than_a_frame_lose_the_longest():
    reported = published(delivery_of(), x_error_reason="refused", **{f"h{number}": "x" * 1000 for number in range(200)})
    assert reported.headers["x-error-reason"] == "refused"
    assert 50 < len(reported.headers) < 70


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            exceptions.ProbableAuthenticationError("ConnectionClosedByBroker: 403"),
            "it rejects the user or the password",
        ),
        (
            exceptions.ProbableAccessDeniedError("530"),
            "this user may not access the virtual host, or it does not exist",
        ),
        (exceptions.ChannelClosedByBroker(404, "NOT_FOUND - no queue"), "it says NOT_FOUND - no queue"),
        (exceptions.StreamLostError("Stream connection lost: 104"), "the connection is lost"),
        (exceptions.AMQPHeartbeatTimeout("No activity"), "the connection is lost"),
        (exceptions.AMQPConnectionError(ConnectionRefusedError(111, "h:5")), "connection refused"),
        (exceptions.AMQPConnectionError(), "no answer"),
    ],
)
def test_why_it_can_t_be_used_is_part_of_a_sentence(error, words):
    assert rabbitmq.reason_of(error) == words


def test_headers_whose_names_amqp_has_no_room_for_or_that_are_not_text_hold_no_one():
    grown = {"ce-" + "x" * 252: "v", "\u0130" * 127: "v"}
    delivery = delivery_of(headers={b"\xff\xfe": b"\xff", **grown})
    assert delivery.headers["\\xff\\xfe"] == "\\xff"
    properties = rabbitmq.properties_of(Outcome(delivery, True, b"2", delivery.headers))
    assert properties.headers == {"\\xff\\xfe": "\\xff"}
    assert b"".join(properties.encode())
