"""https://: a single file. Also contains the code for all sources read over HTTP."""

import http.client
import ipaddress
import os
import posixpath
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from nb_service.addresses import is_public
from nb_service.weights.sources import Remote, Restarted

BLOCK = 1 << 20
# Headers that are not sent to another host after a redirect.
_PRIVATE_HEADERS = ("authorization", "cookie")


class Refused(OSError):
    """A redirect leads to an address that a public server may not redirect to."""


class Reader:
    """Opens addresses; a redirect may neither leave HTTPS nor lead from a public host to a private address."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._first_is_private: bool | None = None
        self._opener = urllib.request.build_opener(*handlers(self._check))

    def open(self, url: str, headers: Mapping[str, str], method: str = "GET") -> Any:
        """Return the response of an address; raise OSError, for an HTTP status an HTTPError."""
        self._first_is_private = None
        request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", **headers}, method=method)
        try:
            return self._opener.open(request, timeout=self._seconds)
        except http.client.HTTPException as error:
            raise OSError(f"{type(error).__name__}: {error}") from error
        except urllib.error.HTTPError as error:
            # The error is also a response with an open connection.
            error.close()
            raise
        except urllib.error.URLError as error:
            if isinstance(error.reason, Refused):
                raise error.reason from error
            raise

    def blocks(self, remote: Remote, offset: int, headers: Mapping[str, str]) -> Iterator[bytes]:
        """Yield a file from `offset` on; raise Restarted if the server sends another part, or another file."""
        asked = dict(headers)
        if offset:
            asked["Range"] = f"bytes={offset}-"
            if remote.version and not remote.version.startswith("W/"):
                asked["If-Range"] = remote.version
        with self.open(remote.address, asked) as response:
            if offset and not _continues(response, offset):
                raise Restarted("the server can't resume a download")
            try:
                # Unlike read(), this keeps the data received before a connection closes.
                while block := response.read1(BLOCK):
                    yield block
            except http.client.HTTPException as error:
                raise OSError(f"the connection ended early: {type(error).__name__}") from error

    def _check(self, host: str, peer: str) -> None:
        """Raise Refused if a redirect leads from a public address to a private one."""
        is_private = not is_public(peer)
        if self._first_is_private is None:
            self._first_is_private = is_private
        elif is_private and not self._first_is_private:
            raise Refused(f"a redirect leads to {host}, which has the private address {peer}")


class Source:
    """The single file at an address."""

    def __init__(self, address: str, revision: str, seconds: float) -> None:
        self.revision = revision
        self._address = address
        self._reader = Reader(seconds)

    def files(self) -> list[Remote]:
        """Return the file; raise OSError."""
        try:
            response = self._reader.open(self._address, _login(self._address), "HEAD")
        except urllib.error.HTTPError as error:
            # Some servers sign addresses for one method only, or support only GET.
            if error.code not in (403, 404, 405, 501):
                raise
            response = self._reader.open(self._address, _login(self._address))
        with response:
            size = response.headers.get("Content-Length")
            version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        name = unquote(posixpath.basename(urlsplit(self._address).path)) or "file"
        return [Remote(name, int(size) if size and size.isdecimal() else None, version, self._address)]

    def blocks(self, remote: Remote, offset: int) -> Iterator[bytes]:
        """Yield the bytes from `offset` on; raise OSError or Restarted."""
        return self._reader.blocks(remote, offset, _login(self._address))


def handlers(check: Callable[[str, str], object]) -> tuple[urllib.request.BaseHandler, ...]:
    """Return the handlers that restrict redirects; `check` receives the host and the address of each connection."""
    return _Redirects(), _Http(check), _Https(check)


def _continues(response: Any, offset: int) -> bool:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range") or "")
    return response.status == 206 and match is not None and int(match[1]) == offset


def _login(url: str) -> dict[str, str]:
    """Return a header with the host's login from a netrc file; {} if it has none."""
    import base64
    import netrc

    path = os.environ.get("NETRC") or os.path.expanduser("~/.netrc")
    try:
        login = netrc.netrc(path).authenticators(urlsplit(url).hostname or "")
    except (OSError, netrc.NetrcParseError):
        return {}
    if not login:
        return {}
    pair = f"{login[0]}:{login[2]}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        try:
            _check_redirect(req.full_url, newurl)
        except Refused:
            # urllib closes the response only if it follows the redirect.
            fp.close()
            raise
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is None:
            return None
        new.method = req.get_method()
        if urlsplit(req.full_url).netloc != urlsplit(newurl).netloc:
            for name in list(new.headers):
                if name.lower() in _PRIVATE_HEADERS:
                    new.remove_header(name)
        return new


def _check_redirect(from_url: str, to_url: str) -> None:
    """Raise Refused if a redirect leaves HTTPS, or leads from a name to a private address."""
    before, after = urlsplit(from_url), urlsplit(to_url)
    if after.scheme not in ("https", before.scheme):
        raise Refused(f"a redirect leads from {before.scheme}:// to {after.scheme}://{after.hostname or ''}")
    # With a proxy, the connection does not show the server's address.
    if _is_address(after.hostname) and not _is_address(before.hostname) and not is_public(str(after.hostname)):
        raise Refused(f"a redirect leads to the private address {after.hostname}")


def _is_address(host: str | None) -> bool:
    """Return whether a host is an IP address."""
    try:
        ipaddress.ip_address(host or "")
    except ValueError:
        return False
    return True


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, check: Any) -> None:
        super().__init__()
        self._check_peer = check

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_connection(http.client.HTTPSConnection, self._check_peer, req), req)


class _Http(urllib.request.HTTPHandler):
    def __init__(self, check: Any) -> None:
        super().__init__()
        self._check_peer = check

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_connection(http.client.HTTPConnection, self._check_peer, req), req)


def _connection(kind: Any, check: Any, request: urllib.request.Request) -> Any:
    """Return a connection class that checks the peer's address before it sends any part of a request."""
    host = urlsplit(request.full_url).hostname or ""
    # With a proxy, the peer is the proxy.
    is_direct = urlsplit(f"//{request.host}").hostname == host and not getattr(request, "_tunnel_host", None)

    class Connection(kind):  # type: ignore[misc]
        def connect(self) -> None:
            super().connect()
            if is_direct:
                try:
                    check(host, self.sock.getpeername()[0])
                except Refused:
                    self.close()
                    raise

    return Connection
