import json

import pytest
from nb_scorer.signature import statement

DIGESTS = {"b": "b" * 64, "a/c": "c" * 64, "a.d": "d" * 64}


def changed(change):
    reported = json.loads(statement.build_statement(DIGESTS, "model", "model.sig"))
    change(reported)
    return json.dumps(reported).encode()


def test_a_statement_is_read_back():
    assert statement.read(statement.build_statement(DIGESTS, "model", "model.sig")) == DIGESTS


def test_the_same_digests_make_the_same_bytes():
    again = dict(reversed(DIGESTS.items()))
    assert statement.build_statement(DIGESTS, "model", "model.sig") == statement.build_statement(
        again, "model", "model.sig"
    )


def test_files_are_in_the_order_of_paths():
    assert statement.in_order(DIGESTS) == ["a/c", "a.d", "b"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda reported: reported.update(_type="x"), "not created for a model"),
        (
            lambda reported: reported.update(predicateType="https://slsa.dev/provenance/v1"),
            "not created for a model",
        ),
        (lambda reported: reported["predicate"]["serialization"].update(method="shards"), "whole files"),
        (lambda reported: reported["predicate"]["serialization"].update(allow_symlinks=True), "without links"),
        (lambda reported: reported["predicate"]["serialization"].update(hash_type="blake3"), "with SHA-256"),
        (
            lambda reported: reported["predicate"]["resources"].append(reported["predicate"]["resources"][0]),
            "a file twice",
        ),
        (lambda reported: reported["predicate"]["resources"].pop(), "differs from that of its files"),
        (lambda reported: reported["subject"].append(reported["subject"][0]), "differs from that of its files"),
        (lambda reported: reported["predicate"]["resources"][0].update(algorithm="md5"), "other than SHA-256"),
        (lambda reported: reported["predicate"]["resources"][0].update(digest="D" * 64), "other than SHA-256"),
        (lambda reported: reported["predicate"]["resources"][0].update(name="../x"), "it names a file '../x'"),
        (lambda reported: reported["predicate"]["resources"][0].update(name="/x"), "it names a file '/x'"),
        (lambda reported: reported["predicate"]["resources"][0].update(name="a//x"), "it names a file 'a//x'"),
        (lambda reported: reported["predicate"]["resources"][0].update(name=""), "it names a file ''"),
        (lambda reported: reported["predicate"]["resources"][0].update(name=5), "it names a file 5"),
        (lambda reported: reported["predicate"].pop("resources"), "not about a model"),
        (lambda reported: reported.update(subject=None), "not about a model"),
    ],
)
def test_what_could_be_read_in_two_ways_is_rejected(change, reason):
    with pytest.raises(statement.Malformed, match=reason):
        statement.read(changed(change))


@pytest.mark.parametrize("payload", [b"", b"[]", b"5", b"\xff", b"[" * 100_000, b"9" * 5000])
def test_anything_else_is_no_statement(payload):
    with pytest.raises(statement.Malformed):
        statement.read(payload)
