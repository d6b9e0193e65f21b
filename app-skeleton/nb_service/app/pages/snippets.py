"""Example requests for the page: with curl, in Python and in JavaScript.

None contains a key: if the service requires one, they read it from a file called `key`.
"""

import json
import re
import shlex
from typing import NamedTuple

from nb_scorer.common import json_depth

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|true|false|null')
_PYTHON = {"true": "True", "false": "False", "null": "None"}


class Snippet(NamedTuple):
    """Code around the sample, and how the sample is written in it."""

    title: str
    language: str
    before: str
    sample: str
    after: str


def write_snippets(url: str, sample: str, *, key: bool) -> list[Snippet]:
    """Return code that requests a prediction from `url` for a sample (its JSON), with a key if `key`."""
    line = one_line(sample)
    url_text = json.dumps(url)
    by_curl = '-H "X-API-Key: $(cat key)" ' if key else ""
    by_python = ', "X-API-Key": open("key").read().strip()' if key else ""
    by_script = ', "X-API-Key": (await readFile("key", "utf8")).trim()' if key else ""
    reading = 'import { readFile } from "node:fs/promises";\n\n' if key else ""
    return [
        Snippet(
            "curl",
            "curl",
            f"curl -H 'Content-Type: application/json' {by_curl}-d ",
            shlex.quote(line),
            f" {shlex.quote(url)}",
        ),
        Snippet(
            "Python",
            "python",
            "import json\nimport urllib.request\n\nsample = ",
            python_literal(line),
            f'\nheaders = {{"Content-Type": "application/json"{by_python}}}\n'
            f"request = urllib.request.Request({url_text}, json.dumps(sample).encode(), headers)\n"
            "with urllib.request.urlopen(request) as response:\n"
            "    print(json.load(response))",
        ),
        Snippet(
            "JavaScript",
            "javascript",
            f"{reading}const sample = ",
            line,
            f';\nconst response = await fetch({url_text}, {{\n  method: "POST",\n'
            f'  headers: {{"Content-Type": "application/json"{by_script}}},\n'
            "  body: JSON.stringify(sample),\n});\nconsole.log(await response.json());",
        ),
    ]


def one_line(sample: str) -> str:
    """Return a sample on one line if it is JSON."""
    try:
        value = json_depth.loads(sample)
        text = json.dumps(value, ensure_ascii=False)
        # A page can contain a lone surrogate only as an escape.
        return text if text.encode("utf-8", "replace").decode("utf-8") == text else json.dumps(value)
    except (ValueError, RecursionError):
        return sample


def python_literal(text: str) -> str:
    """Return JSON as a Python literal, in which null, true and false differ."""
    return _TOKENS.sub(lambda match: _PYTHON.get(match[0], match[0]), text)
