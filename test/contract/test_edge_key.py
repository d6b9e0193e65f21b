"""The key, on every route that there is: only GET and HEAD of the health checks are free.

The requests are made of the URL map, so that a new route is among them: each route by each method, spelt in each odd
way, under each protocol's setting. A predictor that notes what it is asked shows that nothing got behind the key.
"""

import base64
import re
from itertools import product

import pytest
from nb_service.http import routes

import route_contexts
from contract.services import Service
from contract.wire import Wire, ask, get, post

KEY = "schlüssel-ключ"
PLAIN_KEY = "another-of-ours"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CHECKS = frozenset(route.path for route in routes.TABLE if route.is_check)
BATCH = 64
SETTINGS = {
    "as it is": {},
    "KServe": {"S2I_KSERVE": "1", "S2I_DEBUG": "1"},
    "predictions elsewhere": {"AIP_PREDICT_ROUTE": "/v1/pred"},
    "checks at the root": {"AIP_HEALTH_ROUTE": "/"},
    "checks where predictions are": {"AIP_HEALTH_ROUTE": "/predict", "AIP_PREDICT_ROUTE": "/predict"},
    "predictions where checks are": {"AIP_PREDICT_ROUTE": "/ping", "S2I_CORS_ORIGINS": "https://app.example"},
}
WRONG_BASIC = b"Authorization: Basic " + base64.b64encode(b"me:wrong")
RIGHT_BASIC = b"Authorization: Basic " + base64.b64encode(f"me:{PLAIN_KEY}".encode())
STRANGERS = {
    "none": (),
    "a wrong bearer": (b"Authorization: Bearer wrong",),
    "a wrong password": (WRONG_BASIC,),
    "a wrong key": (b"X-API-Key: " + PLAIN_KEY[:-1].encode(),),
}
FORGED = (RIGHT_BASIC, b"Sec-Fetch-Site: cross-site", b"Origin: https://evil.example")
EVENT = (b"ce-specversion: 1.0", b"ce-id: 1", b"ce-source: here", b"ce-type: sample")


def odd(path: str) -> list[str]:
    """Return other ways to write a path, by which some part of a server may take it for this one."""
    first = path[1:2]
    ways = [f"//{path[1:]}", f"/.{path}", f"/x/..{path}", f"{path}/", f"{path};x=y", f"{path}?x=/healthz", f"{path}/."]
    ways += [f"/%2e{path}", f"/healthz/..{path}", f"/healthz;{path}", f"/healthz%2f..{path}", f"http://x{path}"]
    ways += [f"http://x:1/healthz/..{path}", path.upper(), f"{path}%00", f"{path}%20", path.replace("/", "\\")]
    if first:
        ways += [f"/%{ord(first):02x}{path[2:]}", f"/%25{ord(first):02x}{path[2:]}"]
    return [way for way in ways if way != path]


def body_for(path: str) -> bytes:
    """Return a body that the route of this path takes, so that only the key keeps it from being served."""
    if "v2" in path.lower():
        return b'{"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP64", "data": [77]}]}'
    if "batch" in path.lower() and "aip" not in path:
        return b"[77]"
    return b'{"instances": [77]}'


def routes_of(root, settings: dict) -> list[str]:
    """Return a path for each route of the application under these settings, and for each that it lists."""
    values = {name: value for name, value in settings.items() if not name.startswith(("S2I_KSERVE", "S2I_D", "S2I_C"))}
    client = route_contexts.client_of(folder=root / "model", **values)
    rules = [rule.rule for rule in client.application.url_map.iter_rules()]
    listed = client.get("/", headers={"Accept": "application/json"}).get_json() or {}
    rules += [route.split()[-1] for route in listed.get("routes", ()) if "/" in route]
    rules += [*CHECKS, *(value for value in values.values() if value.startswith("/"))]
    return sorted({re.sub(r"<[^>]*>", "model", rule) for rule in rules})


class Request:
    """One request, and whether it may pass without a key."""

    def __init__(self, method: str, path: str, fields: tuple) -> None:
        self.method, self.path, self.fields = method, path, fields

    def sent(self, *fields: bytes) -> bytes:
        """Return its bytes, with these fields instead of a stranger's."""
        path = self.path.encode("latin-1")
        given = fields or self.fields
        if self.method in ("POST", "PUT", "PATCH"):
            return post(body_for(self.path), *EVENT, *given, path=path).replace(b"POST", self.method.encode(), 1)
        return get(path, *given, method=self.method.encode())

    def __repr__(self) -> str:
        return f"{self.method} {self.path} {list(self.fields)}"


def answers_to(service, requests) -> list[tuple]:
    """Return (request, status) for each, pipelined; what is behind a connection's end is asked on the next one."""
    seen = []
    left = list(requests)
    while left:
        batch = left[:BATCH]
        with Wire(service) as wire:
            wire.send(b"".join(request.sent() for request in batch))
            done = 0
            for request in batch:
                try:
                    answer = wire.answer(bodiless=request.method == "HEAD")
                except ConnectionResetError:
                    break
                if answer is None:
                    break
                seen.append((request, answer.status))
                done += 1
        assert done, f"no answer to {batch[0]}"
        left = left[done:]
    return seen


@pytest.fixture(scope="module")
def guard(model_cache, tmp_path_factory):
    """Return a function that starts a service with a key, whose predictor notes each sample, once for its settings."""
    running = {}
    folder = tmp_path_factory.mktemp("key")
    noted, keys = folder / "asked", folder / "keys"
    keys.write_text(f"{KEY}\n{PLAIN_KEY}\n")
    code = f"""
        def predictor(x):
            if x != [1]:
                with open({str(noted)!r}, "a") as file:
                    file.write("asked" + chr(10))
            return 1
        examples = [[1]]
    """
    root = model_cache(code)

    def begin(name: str):
        if name not in running:
            settings = {"S2I_MODEL_NAME": "model", **SETTINGS[name]}
            running[name] = Service(root, S2I_API_KEY_FILE=str(keys), **settings).ready()
            running[name].noted, running[name].root = noted, root
        noted.write_text("")
        return running[name]

    yield begin
    for service in running.values():
        service.close()


def strangers(paths, spelt) -> list[Request]:
    """Return requests of those who have no key: all kinds of them for each path, by turns for its odd spellings."""
    requests = [Request(*one) for one in product(METHODS, paths, STRANGERS.values())]
    kinds = list(STRANGERS.values())
    for turn, path in enumerate(spelt):
        methods = ("GET", "POST", METHODS[turn % len(METHODS)])
        requests += [Request(method, path, kinds[(turn + at) % len(kinds)]) for at, method in enumerate(methods)]
    return requests


@pytest.mark.parametrize("name", SETTINGS)
def test_no_route_by_no_method_in_no_spelling_is_served_without_the_key(guard, name):
    service = guard(name)
    paths = routes_of(service.root, SETTINGS[name])
    spelt = sorted({way for path in paths for way in odd(path)} - set(paths))
    free = CHECKS | {value for key, value in SETTINGS[name].items() if key == "AIP_HEALTH_ROUTE"}
    asked = strangers(paths, spelt)
    asked += [Request(method, path, FORGED) for method in METHODS[2:] for path in paths]
    asked += [Request("POST", path, FORGED) for path in spelt]
    passed = []
    others = []
    for request, status in answers_to(service, asked):
        if request.method in ("GET", "HEAD") and plain(request.path) in free:
            if (status != 200) if request.path in free else (status not in (200, 400, 401, 404)):
                passed.append((request, status))
        elif status not in (401, 403 if request.fields is FORGED else 401):
            (others if status in (400, 404, 405, 501) else passed).append((request, status))
    assert passed == []
    # Whatever is refused for another reason is refused to those with the key, too.
    for request, status in others:
        with Wire(service) as wire:
            answer = wire.send(request.sent(RIGHT_BASIC)).answer(bodiless=request.method == "HEAD")
        assert answer.status in (400, 404, 405, 501), (request, status, answer.status)
    assert service.noted.read_text() == ""
    assert "Traceback" not in service.log


def plain(path: str) -> str:
    """Return the path that a target names where a server makes it as plain as it can."""
    path = re.sub(r"^http://[^/]*", "", path).partition("?")[0].partition(";")[0].replace("\\", "/").lower()
    path = re.sub(r"%(?:25)?([0-9a-f]{2})", lambda code: chr(int(code[1], 16)), path)
    parts = []
    for part in path.strip("\x00 ").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_same_requests_reach_the_predictor_with_the_key(guard, name):
    # Or the test above would show nothing.
    service = guard(name)
    paths = ["/predict", "/predict/batch", "/v1/models/model:predict", "/v2/models/model/infer", "/invocations", "/"]
    paths += [path for key, path in SETTINGS[name].items() if key == "AIP_PREDICT_ROUTE"]
    for path in paths:
        service.noted.write_text("")
        answer = ask(service, Request("POST", path, ()).sent(f"X-API-Key: {PLAIN_KEY}".encode()))
        assert (answer.status, service.noted.read_text()) == (200, "asked\n"), (path, answer)


@pytest.mark.parametrize("key", [KEY, PLAIN_KEY])
def test_a_key_of_any_letters_works_in_each_of_the_three_ways(guard, key):
    service = guard("as it is")
    sent = key.encode()
    for field in (
        b"Authorization: Bearer " + sent,
        b"authorization: bearer  " + sent,
        b"X-API-Key: " + sent,
        b"Authorization: Basic " + base64.b64encode(b"me:" + sent),
    ):
        for path, status in (("/predict", 200), ("/invocations", 200), ("/no", 404)):
            assert ask(service, Request("POST", path, ()).sent(field)).status == status, (field, path)
        assert ask(service, get(b"/docs", field)).status == 200
    for field in (b"Authorization: Bearer " + sent[:-1], b"X-API-Key: " + sent + b"\xff", b"X-API-Key: \xff\xfe"):
        assert ask(service, Request("POST", "/predict", (field,)).sent()).status == 401


def test_one_of_two_keys_that_is_right_does_not_make_the_other_right(guard):
    service = guard("as it is")
    right, wrong = f"X-API-Key: {PLAIN_KEY}".encode(), b"X-API-Key: wrong"
    bearer = b"Authorization: Bearer wrong"
    for fields in ((wrong, right), (right, wrong), (wrong, f"Authorization: Bearer {PLAIN_KEY}".encode())):
        assert ask(service, get(b"/docs", *fields)).status in (400, 401)
    # What is sent as the key is looked at first.
    assert ask(service, get(b"/docs", right, bearer)).status == 200


@pytest.mark.parametrize("path", ["/predict", "/v1/models/model:predict", "/", "/v1/pred", "/no"])
def test_a_rejection_comes_before_the_body_and_asks_for_none(guard, path):
    service = guard("predictions elsewhere")
    head = b"Host: x\r\nContent-Type: application/json\r\nContent-Length: 15000000\r\n"
    for fields in (b"", b"Expect: 100-continue\r\n"):
        with Wire(service, timeout=3) as wire:
            wire.send(b"POST " + path.encode() + b" HTTP/1.1\r\n" + head + fields + b"\r\n")
            answer = wire.answer(interim=True)
            assert (answer.status, len(answer.headers.get_all("WWW-Authenticate"))) == (401, 2)


def test_a_listed_origin_s_question_is_answered_without_the_key_and_nothing_else_is(guard):
    service = guard("predictions where checks are")
    asking = (b"Access-Control-Request-Method: POST",)
    for path in (b"/predict", b"/ping", b"/docs", b"/no"):
        with Wire(service) as wire:
            answer = wire.send(get(path, b"Origin: https://app.example", *asking, method=b"OPTIONS")).answer()
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, "https://app.example")
            # Others are not asked, neither is this one by another method, nor without its question.
            for method, fields in (
                (b"OPTIONS", (b"Origin: https://evil.example", *asking)),
                (b"OPTIONS", (b"Origin: https://app.example",)),
                (b"OPTIONS", asking),
                (b"DELETE", (b"Origin: https://app.example", *asking)),
            ):
                answer = ask(service, get(path, *fields, method=method))
                assert answer.status == 401, (path, method, fields)
    assert service.noted.read_text() == ""
