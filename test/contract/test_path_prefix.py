"""A service that nginx and HAProxy publish under a path prefix, as the page about prefixes configures them."""

import re
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from contract.notebooks import PLUS_ONE
from contract.proxies import NGINX
from contract.services import free_port, wait_until
from engine import provide

PAGE = Path(__file__).parents[2] / "docs/how-to/behind-a-path-prefix.md"
PREFIX = "/models/flats/"
SERVER = "server {{ listen 127.0.0.1:{port}; {own} }}"
HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend main
    bind 127.0.0.1:{port}
    {own}
    default_backend service
backend service
    server one 127.0.0.1:{service}
"""


@pytest.fixture(params=["nginx", "haproxy"])
def published(request, start, tmp_path):
    """Return the address of a service behind a proxy, with the prefix."""
    service, port = start(PLUS_ONE).ready(), int(free_port())
    word = {"nginx": "location", "haproxy": "replace-path"}[request.param]
    (own,) = [text for text in re.findall(r"\n\n```\n(.*?)```\n", PAGE.read_text(), re.DOTALL) if word in text]
    own = own.replace("my-service:8080", f"127.0.0.1:{service.port}")
    config, program = tmp_path / "config", provide.program(request.param, request.param)
    if request.param == "nginx":
        text = NGINX.format(folder=tmp_path, own=SERVER.format(port=port, own=own))
    else:
        text = HAPROXY.format(port=port, own=own, service=service.port)
    config.write_text(text)
    options = ["-p", tmp_path, "-e", tmp_path / "log"] if request.param == "nginx" else ["-db"]
    option = "-c" if request.param == "nginx" else "-f"
    proxy = subprocess.Popen([program, *options, option, config], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}{PREFIX}"
    assert wait_until(lambda: opened(urllib.parse.urljoin(address, "readyz")))
    yield address
    proxy.terminate()
    proxy.wait()


def opened(address, form=None):
    """Return the text of the page at `address`, for a browser, or an empty text if there is no response."""
    data = urllib.parse.urlencode(form).encode() if form else None
    try:
        with urllib.request.urlopen(urllib.request.Request(address, data, {"Accept": "text/html"})) as response:
            return response.read().decode()
    except OSError:
        return ""


def test_pages_and_predictions_work_under_a_prefix(published):
    for path in ("docs", "drift", "v2/docs"):
        address = urllib.parse.urljoin(published, path)
        page = opened(address)
        links = {urllib.parse.urljoin(address, link) for link in re.findall(r'<a href="([^"#]+)"', page)}
        assert urllib.parse.urljoin(published, "openapi.json") in links
        assert [link for link in links if not opened(link)] == []
    page = opened(urllib.parse.urljoin(published, "v2/docs"))
    (action, *_) = re.findall(r'<form method="post" action="([^"#]+)', page)
    answered = opened(urllib.parse.urljoin(published + "v2/docs", action), {"sample": "41"})
    assert re.search(r"<pre[^>]*>42</pre>", answered)
