"""Pictures, sound and other files in requests: raw bodies, forms and JSON, on both fronts."""

import base64
import io
import json
import re
import shutil
import struct
import subprocess
import sys
import urllib.error
import urllib.request
import zlib
from pathlib import Path

import pytest
from PIL import Image

from contract import clients
from contract.services import Service, module_service, wait_until
from engine import provide

PICTURE = """
import PIL.Image

def predictor(picture: PIL.Image.Image):
    "Describe a picture."
    left_top = picture.getpixel((0, 0))
    return {"size": list(picture.size), "mode": picture.mode, "format": picture.format, "first": left_top,
            "frames": getattr(picture, "n_frames", 1), "turned": picture.getexif().get(274)}

examples = [PIL.Image.new("RGB", (3, 2), (255, 0, 0))]
"""
SEVERAL = """
import io, pathlib, typing
import numpy, PIL.Image

def validator(sample):
    return len(sample["sound"]) < 100

def predictor(sound: bytes, path: pathlib.Path, pixels: numpy.ndarray, stream: io.BytesIO, note: str = "none",
              pages: typing.List[PIL.Image.Image] = ()):
    return {"sound": len(sound), "suffix": path.suffix, "text": path.read_text(), "shape": list(pixels.shape),
            "stream": stream.read().decode(), "note": note, "pages": [page.width for page in pages], "path": str(path)}
"""
SOUND = """
def predictor(sound: bytes) -> int:
    return len(sound)

examples = [b"abc"]
"""


def png(width=3, height=2, color=(255, 0, 0), mode="RGB", form="PNG", **options) -> bytes:
    """Return the bytes of a picture of one colour."""
    stream = io.BytesIO()
    Image.new(mode, (width, height), color).save(stream, form, **options)
    return stream.getvalue()


def url(content: bytes, media_type: str = "image/png") -> str:
    """Return a data: URL."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def form(*parts: tuple) -> tuple[bytes, dict]:
    """Return (body, headers) of a form with parts of (name, content, file name or None, media type or None)."""
    lines = b""
    for name, content, file_name, media_type in parts:
        lines += f'--edge\r\nContent-Disposition: form-data; name="{name}"'.encode()
        lines += f'; filename="{file_name}"'.encode() if file_name else b""
        lines += f"\r\nContent-Type: {media_type}".encode() if media_type else b""
        lines += b"\r\n\r\n" + content + b"\r\n"
    return lines + b"--edge--\r\n", {"Content-Type": "multipart/form-data; boundary=edge"}


@pytest.fixture(scope="module", params=["asyncio", "waitress"])
def front(request):
    """Return the name of a front."""
    return request.param


@pytest.fixture(scope="module")
def pictures(model_cache, front):
    """Return a service of PICTURE."""
    running = Service(model_cache(PICTURE), S2I_FRONT=front, S2I_MAX_PIXELS="10000", S2I_MAX_FRAMES="5").ready()
    yield running
    running.close()


several = module_service(SEVERAL)


RED = {"size": [3, 2], "mode": "RGB", "format": "PNG", "first": [255, 0, 0], "frames": 1, "turned": None}


def test_a_picture_is_the_body(pictures):
    for media_type in ("image/png", "application/octet-stream", "IMAGE/PNG; name=x", "image/jpeg"):
        assert pictures.ask(png(), headers={"Content-Type": media_type})[:2] == (200, RED)


def test_a_picture_is_a_part_of_a_form(pictures):
    for part in (
        ("picture", png(), "red.png", "image/png"),
        ("data", png(), "red", None),
        ("x", png(), None, "image/png"),
    ):
        body, headers = form(part)
        assert pictures.ask(body, headers=headers)[:2] == (200, RED)


def test_a_picture_is_in_json(pictures):
    text = base64.b64encode(png()).decode()
    for sample in (url(png()), text, {"b64": text}, url(png()).replace(";base64", ";name=a.png;base64")):
        assert pictures.predict(sample) == (200, RED)
        # Cog's and BentoML's clients name each argument, also an only one.
        assert pictures.predict({"picture": sample}) == (200, RED)
    for sample in ({"picture": text, "other": text}, {"a": {"b": {"c": text}}}, {}):
        assert pictures.predict(sample)[0] == 422


def test_several_arguments_come_in_a_form(several, tmp_path):
    body, headers = form(
        ("sound", b"\x00\xffabc", "a.wav", "audio/wav"),
        ("path", "Grüße".encode(), "../../etc/note.txt", "text/plain"),
        ("pixels", png(5, 4), "p.png", "image/png"),
        ("stream", b"xyz", "s", None),
        ("note", b"a text", None, None),
        ("pages", png(1), "1.png", "image/png"),
        ("pages", png(2), "2.png", "image/png"),
    )
    status, answer, _ = several.ask(body, headers=headers)
    path = Path(answer.pop("path"))
    expected = {"sound": 5, "suffix": ".txt", "text": "Grüße", "shape": [4, 5, 3], "stream": "xyz", "note": "a text"}
    assert (status, answer) == (200, {**expected, "pages": [1, 2]})
    # Under a name of the service's own, and only while the sample is scored.
    assert ".." not in path.parts
    assert path.name == f"{path.stem}.txt" and path.stem.isdecimal()
    assert wait_until(lambda: not path.exists())


def test_several_arguments_come_in_json(several):
    sample = {"sound": url(b"abc", "audio/wav"), "path": url(b"text", "application/pdf"), "pixels": [[1, 2], [3, 4]]}
    status, answer = several.predict({**sample, "stream": {"b64": "eHl6"}, "note": "n"})
    assert status == 200
    assert {**answer, "path": ""} == {
        "sound": 3,
        "suffix": ".pdf",
        "text": "text",
        "shape": [2, 2],
        "stream": "xyz",
        "note": "n",
        "pages": [],
        "path": "",
    }


def test_a_raw_body_is_the_first_argument_that_is_a_file(several):
    status, body, _ = several.ask(b"abc", headers={"Content-Type": "audio/wav"})
    assert status == 422
    assert {error["pointer"] for error in body["errors"]} == {"#/path", "#/pixels", "#/stream"}


def test_the_other_arguments_come_from_the_query(start, front):
    service = start(
        "import typing\n"
        "def predictor(name: str, sound: bytes, count: int, words: typing.List[str], *, top_k: int = 1):\n"
        "    return [name, len(sound), count, words, top_k]\n",
        S2I_FRONT=front,
    ).ready()
    query = "name=12&count=3&words=4&words=true&top_k=5"
    for headers in ({"Content-Type": "audio/wav"}, {"Content-Type": "application/octet-stream"}):
        for path in ("/predict", "/invocations"):
            assert service.ask(b"abc", f"{path}?{query}", headers=headers)[:2] == (200, ["12", 3, 3, ["4", "true"], 5])
    status, problem, _ = service.ask(b"abc", "/predict?name=a&words=b", headers={"Content-Type": "audio/wav"})
    assert (status, [error["pointer"] for error in problem["errors"]]) == (422, ["#/count"])
    status, problem, _ = service.ask(b"abc", f"/predict?{query}&other=1", headers={"Content-Type": "audio/wav"})
    assert (status, '"other" is not a parameter' in problem["detail"]) == (400, True)
    sample = {"name": "a", "sound": "", "count": 1, "words": []}
    assert service.ask(json.dumps(sample), "/predict?name=b")[0] == 400


def test_texts_in_forms_stay_texts(start, front):
    service = start(
        "import typing\n"
        "def predictor(sound: bytes, name: str, words: typing.List[str], count: int, anything):\n"
        "    return [name, words, count, anything]\n",
        S2I_FRONT=front,
    ).ready()
    for texts, expected in (
        (("123", "4", "5", "6"), ["123", ["4"], 5, 6]),
        (("null", '["7", "8"]', "5", "[1]"), ["null", ["7", "8"], 5, [1]]),
        (('"a"', "[", "5", "b"), ['"a"', ["["], 5, "b"]),
    ):
        named = zip(("name", "words", "count", "anything"), texts, strict=True)
        parts = [(name, text.encode(), None, None) for name, text in named]
        body, headers = form(("sound", b"abc", "a.wav", None), *parts)
        assert service.ask(body, headers=headers)[:2] == (200, expected)


def test_a_path_never_names_a_file_that_the_client_has_not_sent(several):
    sample = {"sound": "", "pixels": [1], "stream": ""}
    for path in ("/etc/passwd", "file:///etc/passwd", {"path": "/etc/passwd"}, {"b64": "/etc/passwd!"}):
        status, body = several.predict({**sample, "path": path})
        assert (status, [error["pointer"] for error in body["errors"]]) == (422, ["#/path"]), path
    body, headers = form(
        *(("sound", b"", "s", None), ("stream", b"", "s", None), ("pixels", b"[1]", None, None)),
        ("path", b"/etc/passwd", "/etc/passwd", None),
    )
    assert several.ask(body, headers=headers)[1]["text"] == "/etc/passwd"


def test_the_validator_gets_the_files_that_predictor_gets(several):
    sample = {"sound": url(b"a" * 100), "path": "", "pixels": [1], "stream": ""}
    status, body = several.predict({**sample, "note": "n"})
    assert (status, body["detail"]) == (422, "The notebook's validator rejects this sample.")


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data))


BOMB = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack("!IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(b"\0" * 1_000_000))
    + chunk(b"IEND", b"")
)


def animated(frames: int, form: str) -> bytes:
    """Return the bytes of a picture with that number of frames."""
    first, *others = [Image.new("RGB", (3, 2), (number * 40, 0, 0)) for number in range(frames)]
    stream = io.BytesIO()
    first.save(stream, form, save_all=True, append_images=others)
    return stream.getvalue()


UNDECODED = {
    "has more pixels than this service accepts, 10000 (S2I_MAX_PIXELS)": BOMB,
    "is a picture that is truncated or damaged: ": png(90, 90, form="JPEG", quality=100)[:-300],
    "is not a readable picture": b"%PDF-1.7\n%%EOF\n",
    "has more frames than this service accepts, 5 (S2I_MAX_FRAMES)": animated(6, "GIF"),
    "has more frames than this service accepts, 5 (S2I_MAX_FRAMES) ": animated(6, "TIFF"),
    "has more frames than this service accepts, 5 (S2I_MAX_FRAMES)  ": animated(6, "PNG"),
    "is not a readable picture ": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
}


@pytest.mark.parametrize("words", UNDECODED)
def test_what_is_not_decoded_is_422_with_a_pointer(pictures, words):
    content = UNDECODED[words]
    for body, headers in (
        (content, {"Content-Type": "image/png"}),
        (json.dumps(url(content)).encode(), {"Content-Type": "application/json"}),
        form(("picture", content, "x.png", "image/png")),
    ):
        status, problem, _ = pictures.ask(body, headers=headers)
        assert (status, problem["errors"][0]["pointer"]) == (422, "#")
        assert problem["errors"][0]["detail"].startswith(words.strip())
    # The scorer lives, and has decoded nothing.
    assert pictures.ask(png(), headers={"Content-Type": "image/png"})[:2] == (200, RED)


def turned() -> bytes:
    """Return a JPEG of a camera that was held upright."""
    exif = Image.Exif()
    exif[274] = 6
    return png(8, 4, form="JPEG", exif=exif.tobytes())


# As PIL.Image.open gives them, which is what the notebook has seen: neither turned nor converted.
DECODED = {
    "turned by EXIF": (turned(), {"size": [8, 4], "mode": "RGB", "format": "JPEG", "turned": 6}),
    "16 bits": (png(color=40000, mode="I;16"), {"mode": "I;16", "first": 40000}),
    "CMYK": (png(color=(0, 255, 255, 0), mode="CMYK", form="JPEG"), {"mode": "CMYK", "format": "JPEG"}),
    "palette": (png(color=7, mode="P"), {"mode": "P"}),
    "transparent": (png(color=(1, 2, 3, 4), mode="RGBA"), {"mode": "RGBA", "first": [1, 2, 3, 4]}),
    "one bit": (png(color=1, mode="1"), {"mode": "1", "first": 255}),
    "animated": (animated(5, "GIF"), {"format": "GIF", "frames": 5}),
    "pages": (animated(5, "TIFF"), {"format": "TIFF", "frames": 5}),
}


@pytest.mark.parametrize("kind", DECODED)
def test_a_picture_is_what_pillow_makes_of_its_file(pictures, kind):
    content, expected = DECODED[kind]
    status, answer, _ = pictures.ask(content, headers={"Content-Type": "image/*"})
    assert status == 200
    assert {name: answer[name] for name in expected} == expected


def test_other_types_are_415_with_those_that_are_accepted(pictures):
    for media_type in ("text/plain", "audio/wav", "application/pdf", "text/csv"):
        status, problem, headers = pictures.ask(png(), headers={"Content-Type": media_type})
        assert (status, headers["Accept"]) == (
            415,
            "image/*, application/octet-stream, multipart/form-data, application/json",
        )
        assert problem["detail"].startswith("Send the file itself with its Content-Type (image/*,")


def test_an_empty_body_and_a_form_that_is_none(pictures):
    assert pictures.ask(b"", headers={"Content-Type": "image/png"})[0] == 400
    for body, headers in (
        (b"--edge\r\n", {"Content-Type": "multipart/form-data; boundary=edge"}),
        (b"nothing", {"Content-Type": "multipart/form-data; boundary=edge"}),
        (b"nothing", {"Content-Type": "multipart/form-data"}),
        form(*((f"a{number}", b"", None, None) for number in range(1001))),
    ):
        assert pictures.ask(body, headers=headers)[0] in (400, 413, 415), body


def test_a_body_that_is_too_large_is_413(start, front):
    service = start(SOUND, S2I_FRONT=front, S2I_MAX_BODY="100000").ready()
    assert service.ask(b"a" * 100_000, headers={"Content-Type": "audio/wav"})[:2] == (200, 100_000)
    assert service.ask(b"a" * 100_001, headers={"Content-Type": "audio/wav"})[0] == 413
    body, headers = form(("sound", b"a" * 100_000, "a.wav", "audio/wav"))
    assert service.ask(body, headers=headers)[0] == 413


def test_a_url_is_fetched_only_from_a_host_that_is_listed_and_public(start, front):
    def said(service, url, path="/predict", wrapped=lambda url: url):
        status, answer, _ = service.ask(json.dumps(wrapped(url)), path)
        return status, json.dumps(answer)

    other = start(SOUND, S2I_FRONT=front).ready()
    status, text = said(other, "https://localhost:1/a")
    assert (status, "is a URL, and files are fetched only from the hosts of S2I_FETCH_HOSTS" in text) == (422, True)
    service = start(SOUND, S2I_FRONT=front, S2I_FETCH_HOSTS=f"http://localhost:{other.port}").ready()
    for path, wrapped in (
        ("/predict", lambda url: url),
        ("/predict/batch", lambda url: [url]),
        ("/v1/models/model:predict", lambda url: {"instances": [url]}),
    ):
        # TensorFlow Serving's clients get 400.
        rejected = 400 if path.startswith("/v1/") else 422
        own = f"http://localhost:{service.port}/"
        status, text = said(service, own, path, wrapped)
        assert (status, "does not fetch files from http://localhost" in text) == (rejected, True)
        status, text = said(service, f"http://localhost:{other.port}/", path, wrapped)
        assert (status, "its address is not public" in text) == (rejected, True)
        # Others are not delayed, and what is no URL is a file as before.
        assert service.ask(json.dumps(wrapped("AAAA")), path)[0] == 200


def test_a_service_fetches_files_at_public_addresses(model_cache, front):
    if sys.platform != "linux" or not all(map(shutil.which, ("unshare", "ip"))):
        raise provide.Missing("network namespaces", "install util-linux and iproute2 on Linux")
    program = Path(__file__).with_name("fetch_in_a_network.py")
    namespace = ["unshare", "--net", "--map-root-user"]
    done = subprocess.run(
        [*namespace, sys.executable, program, model_cache(SOUND), front], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["asked"] == [
        "93.184.216.34/file",
        *(f"93.184.216.34/{each}" for each in ("large", "other", "private")),
    ]
    assert found["predict"] == found["named"] == [200, 4]
    assert found["batch"] == [200, [4, 3]]
    assert found["v1"] == found["vertex"] == [200, {"predictions": [4]}]
    assert found["v2"] == [4]
    assert found["mcp"] == "4"
    assert found["large"] == [413, "The files of this request are larger than this service accepts (S2I_MAX_BODY)."]
    for case in ("private", "redirected to a private address"):
        assert found[case] == [422, "A file at 10.1.2.3 was not fetched: its address is not public."]
    for case in ("another host", "redirected to another host"):
        assert found[case][0] == 422 and "does not fetch files from http://93.184.216.35:" in found[case][1]


def test_large_files_beside_small_samples(start):
    service = start(SOUND, WEB_CONCURRENCY="1").ready()
    sizes = [3_000_000, 5, 15 << 20, 65_536, 65_535]
    for size in sizes * 2:
        assert service.ask(b"\x80" * size, headers={"Content-Type": "audio/wav"})[:2] == (200, size)
        assert service.predict("YWJj") == (200, 3)
        assert service.ask('["YWJj"]', "/predict/batch")[:2] == (200, [3])


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process's memory is in /proc")
def test_the_front_holds_a_large_file_once(start):
    service = start(SOUND, WEB_CONCURRENCY="1").ready()
    status = Path(f"/proc/{service.process.pid}/status")

    def peak() -> int:
        """Return the front's largest resident size so far, in bytes."""
        return int(re.search(r"VmHWM:\s+([0-9]+)", status.read_text())[1]) << 10

    content = b"\x80" * (15 << 20)
    assert service.ask(b"a" * 100_000, headers={"Content-Type": "audio/wav"})[0] == 200
    before = peak()
    assert service.ask(content, headers={"Content-Type": "audio/wav"})[:2] == (200, len(content))
    body, headers = form(("sound", content, "a.wav", "audio/wav"))
    assert service.ask(body, headers=headers)[:2] == (200, len(content))
    assert peak() - before < len(content) * 1.5


def test_golden_rows_with_files_are_files_of_the_model(pictures, model_cache):
    root = model_cache(PICTURE)
    (row,) = [json.loads(line) for line in (root / "model" / "golden.ndjson").read_text().splitlines()]
    assert row["sample"] is None
    assert row["files"] == {"/sample": ["golden/1.png", "image/png"]}
    assert Image.open(root / "model" / "golden" / "1.png").getpixel((0, 0)) == (255, 0, 0)


def test_a_sample_without_a_hint_is_a_file_if_the_notebook_passes_one(start):
    service = start(
        "import pathlib, PIL.Image\n"
        "pathlib.Path('a.txt').write_text('abc')\n"
        "def predictor(one, other):\n    return [one.size[0], other.read_text()]\n"
        "examples = [{'one': PIL.Image.new('L', (4, 4)), 'other': pathlib.Path('a.txt')}]\n"
    ).ready()
    body, headers = form(("one", png(7), "a", None), ("other", b"def", "b", None))
    assert service.ask(body, headers=headers)[:2] == (200, [7, "def"])


def test_a_notebook_without_files_takes_none(start):
    service = start("def predictor(x: str):\n    return x\nexamples = ['a']\n").ready()
    assert service.ask(png(), headers={"Content-Type": "image/png"})[0] == 415


def test_requests_and_the_client_of_hugging_face_send_pictures(start, front, tmp_path):
    code = """
        import PIL.Image

        def predictor(picture: PIL.Image.Image, *, top_k: int = 2):
            return [{"label": picture.format, "score": 0.75}, {"label": picture.mode, "score": 0.25}][:top_k]
    """
    service = start(code, S2I_FRONT=front).ready()
    (tmp_path / "a.png").write_bytes(png())
    found = clients.ask("files", "ask_files.py", f"http://127.0.0.1:{service.port}", tmp_path / "a.png")
    both = [["PNG", 0.75], ["RGB", 0.25]]
    answers = [dict(zip(("label", "score"), each, strict=True)) for each in both]
    assert found == {
        "open file": [200, answers],
        "bytes with name and type": [200, answers],
        "with a parameter": [200, answers[:1]],
        "form fields": [200, answers[:1]],
        "stream": [200, answers[:1]],
        "Hugging Face, file": both,
        "Hugging Face, bytes": both,
        "Hugging Face with a parameter, file": both[:1],
        "Hugging Face with a parameter, bytes": both[:1],
        "Hugging Face, damaged": 422,
    }


def test_curl_sends_files(pictures, tmp_path):
    (tmp_path / "red.png").write_bytes(png())
    address = f"http://127.0.0.1:{pictures.port}/predict"
    for options in (["-F", "picture=@red.png"], ["--data-binary", "@red.png", "-H", "Content-Type: image/png"]):
        done = subprocess.run(["curl", "-sS", *options, address], cwd=tmp_path, capture_output=True, check=True)
        assert json.loads(done.stdout) == RED


ANSWERS = """
import io, pathlib
import PIL.Image

pathlib.Path("a b.csv").write_text("x,y")
pathlib.Path("ü.png").write_bytes(b"image")

def predictor(kind: str):
    picture = PIL.Image.new("RGB", (3, 2), (0, 0, 255))
    stream = io.BytesIO()
    picture.save(stream, "JPEG")
    return {"picture": picture, "jpeg": PIL.Image.open(stream), "bytes": b"\\x00\\xff", "path": pathlib.Path("a b.csv"),
            "shown": pathlib.Path("ü.png"), "cmyk": PIL.Image.new("CMYK", (1, 1)), "number": 5,
            "inside": {"list": [b"abc", picture]}}[kind]

examples = ["picture", "bytes"]
"""


@pytest.fixture(scope="module")
def answers(model_cache, front):
    """Return a service of ANSWERS."""
    running = Service(model_cache(ANSWERS), S2I_FRONT=front).ready()
    yield running
    running.close()


def raw(service, sample, accept=None, path="/predict") -> tuple:
    """Return (status, body, headers) for a sample in JSON."""
    headers = {"Content-Type": "application/json", **({"Accept": accept} if accept else {})}
    request = urllib.request.Request(f"http://127.0.0.1:{service.port}{path}", json.dumps(sample).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read(), response.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


FILES = {
    "picture": ("image/png", None),
    "jpeg": ("image/jpeg", None),
    "bytes": ("application/octet-stream", None),
    "path": ("text/csv", "attachment; filename*=UTF-8''a%20b.csv"),
    "shown": ("image/png", "inline; filename*=UTF-8''%C3%BC.png"),
    "cmyk": ("image/tiff", None),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_prediction_that_is_a_file_is_the_response(answers, kind):
    media_type, disposition = FILES[kind]
    for accept in (None, "*/*", media_type, f"{media_type.partition('/')[0]}/*, application/json;q=0.5"):
        status, body, headers = raw(answers, kind, accept)
        assert (status, headers["Content-Type"], headers["Content-Disposition"]) == (200, media_type, disposition)
        assert headers["Vary"] == "Accept"
    if kind in ("picture", "jpeg", "cmyk"):
        assert Image.open(io.BytesIO(body)).size in ((3, 2), (1, 1))
    else:
        assert body == {"bytes": b"\x00\xff", "path": b"x,y", "shown": b"image"}[kind]
    status, in_json, headers = raw(answers, kind, "application/json")
    assert (status, headers["Content-Type"], json.loads(in_json)) == (200, "application/json", url(body, media_type))


def test_files_within_a_prediction_are_data_urls(answers):
    status, body, _ = raw(answers, "inside")
    assert status == 200
    first, second = json.loads(body)["list"]
    assert first == "data:application/octet-stream;base64,YWJj"
    assert second.startswith("data:image/png;base64,iVBOR")
    assert raw(answers, "number", "image/png")[:2] == (200, b"5")
    assert json.loads(raw(answers, ["bytes"], path="/predict/batch")[1]) == [
        url(b"\x00\xff", "application/octet-stream")
    ]


def test_what_the_client_does_not_accept_is_406(answers):
    for accept in ("text/html", "image/jpeg", "image/png;q=0, text/*"):
        status, body, _ = raw(answers, "picture", accept)
        assert status == 406
        assert json.loads(body)["detail"].startswith("The prediction is image/png; neither that nor JSON")
    assert raw(answers, "picture", "image/jpeg, application/json;q=0.1")[2]["Content-Type"] == "application/json"


def test_a_figure_of_plotly_is_a_picture_or_the_error_names_what_is_missing():
    ours = clients.ROOT / "app-skeleton"
    drawn = clients.ask("plotly", "draw_plotly.py", ours)
    assert drawn == {
        "is_file": True,
        "type": "image/png",
        "magic": "PNG",
        "size": [300, 200],
        "in json": "data:image/png;base64,",
    }
    without = clients.ask("plotly", "draw_plotly.py", ours, "without")
    assert without["error"].startswith("a plotly figure can only be drawn with the package kaleido")
    assert "requires the kaleido package" in without["error"]


def test_other_routes_send_a_prediction_that_is_a_file(answers):
    for path, wrapped in (
        ("/invocations", "jpeg"),
        ("/invocations", {"inputs": "jpeg", "parameters": {}}),
        ("/", {"inputs": "jpeg"}),
    ):
        for accept in (None, "image/*", "image/png, image/jpeg;q=0.1"):
            status, body, headers = raw(answers, wrapped, accept, path)
            assert (status, headers["Content-Type"], body[:2]) == (200, "image/jpeg", b"\xff\xd8"), (path, accept)
        status, body, headers = raw(answers, wrapped, "application/json", path)
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert json.loads(body).startswith("data:image/jpeg;base64,")
        assert raw(answers, wrapped, "image/png", path)[0] == 406
    assert raw(answers, "number", "text/csv", "/invocations")[:2] == (200, b"5\n")
    assert raw(answers, "number", "image/png", "/invocations")[0] == 406
    assert (
        json.loads(raw(answers, {"instances": ["jpeg"]}, "image/jpeg", "/invocations")[1])["predictions"][0][:5]
        == "data:"
    )


def test_pictures_are_content_of_their_own_in_mcp(answers):
    def content(sample):
        call = {"name": "model", "arguments": {"sample": sample}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
        result = answers.ask(body, "/mcp")[1]["result"]
        assert "prediction" in result["structuredContent"]
        return [(each["type"], each.get("mimeType"), each.get("text")) for each in result["content"]]

    assert content("picture") == [("image", "image/png", None)]
    inside = '{"list": ["data:application/octet-stream;base64,YWJj", null]}'
    assert content("inside") == [("text", None, inside), ("image", "image/png", None)]
    assert content("number") == [("text", None, "5")]


def test_an_explainer_takes_files(start, front):
    service = start(
        PICTURE + "def explainer(picture: PIL.Image.Image, *, factor: int = 1):\n    return picture.width * factor\n",
        S2I_FRONT=front,
        S2I_MODEL_NAME="m",
    ).ready()
    headers = {"Content-Type": "image/png"}
    for path in ("/explain", "/explanations/m"):
        assert service.ask(png(), path + "?factor=2", headers=headers)[:2] == (200, 6)
        body, form_headers = form(("picture", png(), "a.png", "image/png"), ("factor", b"3", None, None))
        assert service.ask(body, path, headers=form_headers)[:2] == (200, 9)
        status, problem, _ = service.ask(b"a", path, headers={"Content-Type": "text/plain"})
        assert (status, problem["detail"][:48]) == (415, "Send the file itself with its Content-Type (imag")
    assert service.ask(png(), "/explanations/other", headers=headers)[0] == 404
    paths = service.ask(None, "/openapi.json", "GET", {})[1]["paths"]
    for path in ("/predict", "/invocations", "/", "/explain", "/explanations/{name}"):
        content = paths[path]["post"]["requestBody"]["content"]
        assert content["image/*"] == {"schema": {"type": "string", "format": "binary"}}
        assert list(content["multipart/form-data"]["schema"]["properties"]) == ["picture"]


def test_a_picture_in_and_a_picture_out(start, front):
    service = start(
        "import PIL.Image\n"
        "def predictor(picture: PIL.Image.Image) -> PIL.Image.Image:\n    return picture.rotate(90, expand=True)\n"
        "examples = [PIL.Image.new('L', (5, 4))]\n",
        S2I_FRONT=front,
    ).ready()
    request = urllib.request.Request(
        f"http://127.0.0.1:{service.port}/predict", png(5, 4), {"Content-Type": "image/png"}
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        assert Image.open(io.BytesIO(response.read())).size == (4, 5)


def test_the_page_has_a_file_picker_and_shows_pictures(start):
    service = start(
        "import PIL.Image\n"
        "def predictor(picture: PIL.Image.Image, angle: int, notes: bytes = b'') -> PIL.Image.Image:\n"
        "    return picture.rotate(angle)\n"
        "examples = [{'picture': PIL.Image.new('L', (5, 4)), 'angle': 90}]\n"
    ).ready()
    page = service.ask(None, "/docs", "GET", {})[1]
    assert '<input type="file" id="file-1" name="picture" accept="image/*">' in page
    assert '<input type="file" id="file-2" name="notes">' in page
    assert '<input id="value-1" name="angle" autocomplete="off">' in page
    body, headers = form(("picture", png(), "a.png", "image/png"), ("angle", b"180", None, None))
    status, page, _ = service.ask(body, "/docs", headers=headers)
    assert (status, '<img src="data:image/png;base64,' in page) == (200, True)
    body, headers = form(("picture", b"nothing", "a.png", "image/png"), ("angle", b"180", None, None))
    status, page, _ = service.ask(body, "/docs", headers=headers)
    assert (status, "is not a readable picture" in page) == (422, True)


def test_openapi_names_files(several, answers):
    operation = several.ask(None, "/openapi.json", "GET", {})[1]["paths"]["/predict"]["post"]
    content = operation["requestBody"]["content"]
    binary = {"type": "string", "format": "binary"}
    assert content["audio/*"] == content["application/octet-stream"] == {"schema": binary}
    parts = content["multipart/form-data"]["schema"]
    assert parts["properties"]["sound"] == {**binary, "x-order": 0}
    assert parts["properties"]["pages"] == {"type": "array", "items": binary, "x-order": 5}
    assert parts["required"] == ["path", "pixels", "sound", "stream"]
    responses = answers.ask(None, "/openapi.json", "GET", {})[1]["paths"]["/predict"]["post"]["responses"]
    assert set(responses["200"]["content"]) == {"application/json", "*/*"}
    assert "406" in responses


def test_other_protocols_take_files(model_cache, start):
    service = start(model_cache(SOUND), AIP_PREDICT_ROUTE="/vertex", AIP_HEALTH_ROUTE="/vertex/health").ready()
    wav = {"Content-Type": "audio/wav"}
    assert service.ask(b"\xff" * 4, "/invocations", headers=wav)[:2] == (200, 4)
    assert service.ask(b"\xff" * 4, "/vertex", headers=wav)[:2] == (200, 4)
    body, headers = form(("sound", b"\xff" * 5, "a.wav", "audio/wav"))
    assert service.ask(body, "/invocations", headers=headers)[:2] == (200, 5)
    event = {"ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"}
    assert service.ask(b"\xff" * 6, "/", headers={**event, **wav})[:2] == (200, 6)
    structured = {"id": "1", "source": "s", "type": "t", "specversion": "1.0", "datacontenttype": "audio/wav"}
    structured["data_base64"] = base64.b64encode(b"\xff" * 7).decode()
    headers = {"Content-Type": "application/cloudevents+json"}
    assert service.ask(json.dumps(structured), "/", headers=headers)[1]["data"] == 7
    b64 = {"b64": base64.b64encode(b"\xff" * 8).decode()}
    assert service.ask(json.dumps({"instances": [b64]}), "/v1/models/model:predict")[1] == {"predictions": [8]}
    tensor = {"name": "input", "shape": [1], "datatype": "BYTES", "data": [b64["b64"]]}
    assert service.ask(json.dumps({"inputs": [tensor]}), "/v2/models/model/infer")[1]["outputs"][0]["data"] == [8]
    # As bytes after the JSON, it is the file itself.
    tensor = {"name": "input", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 8}}
    head = json.dumps({"inputs": [tensor]}).encode()
    length = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    body = head + struct.pack("<I", 4) + b"AA\xff\xff"
    assert service.ask(body, "/v2/models/model/infer", headers=length)[1]["outputs"][0]["data"] == [4]
    tensor["parameters"]["content_type"] = "base64"
    head = json.dumps({"inputs": [tensor]}).encode()
    length["Inference-Header-Content-Length"] = str(len(head))
    body = head + struct.pack("<I", 4) + b"AAAA"
    assert service.ask(body, "/v2/models/model/infer", headers=length)[1]["outputs"][0]["data"] == [3]
    assert service.ask(json.dumps({"instances": [b64]}), "/vertex")[1] == {"predictions": [8]}
    assert service.ask(b"\xff", "/", headers={**event, "Content-Type": "text/plain"})[0] == 415
