import json
import shlex
import subprocess
import sys

import pytest
from nb_service.app.pages import snippets

SAMPLES = ['{"a": [true, null, "it\'s \\"true\\""]}', "[1.0, 12345678901234567890]", '"ü\\ud800"', "5"]


def texts(sample, **more):
    """Return the programs by language."""
    made = snippets.write_snippets("http://h:1/predict", sample, **{"key": False, **more})
    return {one.language: one.before + one.sample + one.after for one in made}


@pytest.mark.parametrize("sample", SAMPLES)
def test_each_program_sends_the_sample(sample):
    made = texts(sample)
    words = shlex.split(made["curl"])
    assert json.loads(words[words.index("-d") + 1]) == json.loads(sample)
    seen = "import urllib.request\ndef urlopen(request):\n    print(request.data.decode())\n    raise SystemExit\n"
    code = f"{seen}urllib.request.urlopen = urlopen\n{made['python']}"
    ran = subprocess.run([sys.executable, "-c", code.encode("utf-8")], capture_output=True, text=True, timeout=20)
    assert json.loads(ran.stdout) == json.loads(sample), ran.stderr
    assert f"const sample = {snippets.one_line(sample)};" in made["javascript"]


def test_a_key_is_read_from_a_file_and_stands_nowhere():
    made = texts("1", key=True)
    assert '-H "X-API-Key: $(cat key)"' in made["curl"]
    assert '"X-API-Key": open("key").read().strip()' in made["python"]
    assert '"X-API-Key": (await readFile("key", "utf8")).trim()' in made["javascript"]
    assert not any("X-API-Key" in text for text in texts("1").values())


def test_what_is_not_json_stays_as_it_is():
    assert texts("[1")["curl"].endswith("-d '[1' http://h:1/predict")
    assert snippets.one_line("[" * 100_000) == "[" * 100_000
