import pytest
from nb_service import problems
from nb_service.backends.bus import brokers, place
from nb_service.settings import Settings


def read_place(**env):
    reported = {"S2I_BUS_URL": "nats://h:1", "S2I_BUS_IN": "a", "S2I_BUS_OUT": "b"}
    return place.read_place(
        Settings({**reported, **{f"S2I_BUS_{name}": value for name, value in env.items()}}), "model"
    )


def test_what_is_not_said_has_defaults():
    where = read_place()
    assert (where.source, where.target, where.errors, where.group) == ("a", "b", "b.errors", "model")
    assert (where.scheme, str(where), where.user, where.tls()) == ("nats", "nats://h:1", "", None)


def test_a_password_is_taken_out_of_the_address_and_decoded():
    where = read_place(URL="redis://me:p%40ss%2F@[::1]:7/2,redis://other")
    assert (where.user, where.password) == ("me", "p@ss/")
    assert str(where) == "redis://[::1]:7/2,redis://other"


def test_files_go_before_the_address(tmp_path):
    (tmp_path / "user").write_text("file\n")
    where = read_place(URL="redis://me:secret@h", USER_FILE=str(tmp_path / "user"))
    assert (where.user, where.password) == ("file", "secret")


@pytest.mark.parametrize("name", ["URL", "IN", "OUT"])
def test_what_is_needed_is_asked_for_by_name(name):
    with pytest.raises(problems.BusUnset, match=f"S2I_BUS_{name} is not set"):
        read_place(**{name: ""})


@pytest.mark.parametrize(
    "url", ["nats:", "host:4222", "nats://a:s3cret@h:x", "nats://h,redis://s3cret@h", "redis://s3cret@h/a", "//s3cret"]
)
def test_no_address_is_rejected_without_being_shown(url):
    with pytest.raises(problems.BusUrl) as rejected:
        read_place(URL=url)
    assert "s3cret" not in str(rejected.value)
    assert all(words.endswith(".") for words in (rejected.value.what, rejected.value.why, rejected.value.fix))


def test_files_that_can_t_be_used_are_named(tmp_path):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "no.pem").write_text("no certificate")
    for name, path, reason in (
        ("USER_FILE", tmp_path / "none", "No such file or directory"),
        ("PASSWORD_FILE", tmp_path / "empty", "it is empty"),
        ("CA_FILE", tmp_path / "none", "No such file or directory"),
        ("CA_FILE", tmp_path / "no.pem", "NO_CERTIFICATE_OR_CRL_FOUND"),
        ("CERT_FILE", tmp_path / "none", "No such file or directory"),
    ):
        with pytest.raises(problems.BusFile) as rejected:
            read_place(**{name: str(path)})
        assert f"S2I_BUS_{name}" in rejected.value.what and reason in rejected.value.what


def test_tls_where_the_scheme_or_a_file_asks_for_it():
    assert read_place(URL="rediss://h").tls() is not None
    assert read_place(URL="tls://h").tls() is not None


def test_a_broker_is_found_by_its_scheme():
    brokers.check("nats")
    with pytest.raises(
        problems.BusUrl, match="the scheme pigeon is not a broker's; valid ones: nats, tls, redis, rediss"
    ):
        brokers.check("pigeon")
    assert type(brokers.make(read_place(URL="redis://h"))).__name__ == "RedisStreams"


def test_a_library_that_is_missing_is_reported_with_what_to_build(monkeypatch):
    kind = brokers.Kind("Pigeon Post", "pigeon", "Pigeon", "no_such_library", "pigeon")
    monkeypatch.setitem(brokers.KINDS, "pigeon", kind)
    with pytest.raises(problems.BusNeedsMore) as rejected:
        brokers.check("pigeon")
    assert "Pigeon Post needs the library no_such_library" in rejected.value.what
    assert "nb-builder builder --bus pigeon" in rejected.value.fix
    assert "pigeon" not in brokers.here()
    assert "nats" in rejected.value.why
