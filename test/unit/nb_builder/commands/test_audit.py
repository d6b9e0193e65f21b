"""What an audit finds, and what it must not report as clean."""

import http.server
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from nb_builder.commands import audit
from nb_scorer.common.problem import Problem

import pypi

# One vulnerability of Jinja2 2.10, as OSV reports it.
KNOWN = {
    ("jinja2", "2.10"): [
        {
            "id": "PYSEC-2019-217",
            "aliases": ["CVE-2019-10906"],
            "summary": "sandbox escape",
            "affected": [
                {
                    "package": {"name": "jinja2", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.10.1"}]}],
                }
            ],
        }
    ]
}
DEB = "pkg:deb/debian/libc6@2.36-9+deb12u13?arch=amd64&distro=debian-12"


class Osv(http.server.BaseHTTPRequestHandler):
    """Answers queries as api.osv.dev does, from KNOWN."""

    def do_POST(self):
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        vulnerabilities = KNOWN.get((query["package"]["name"], query["version"]))
        body = json.dumps({"vulns": vulnerabilities} if vulnerabilities else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


@pytest.fixture
def service(monkeypatch, tmp_path):
    """Yield the options for a service that knows one vulnerable version, without a cache."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Osv) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1/query"
        yield ["--vulnerability-service", "osv", "--osv-url", url, "--cache-dir", str(tmp_path / "cache")]
        server.shutdown()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Use this environment as the audit's."""
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "bin").symlink_to(Path(sys.executable).parent)
    monkeypatch.setenv("NB_BUILDER_HOME", str(tmp_path))


def sbom(folder, *purls):
    components = [
        {"type": "library", "name": "named", "version": "1", **({"purl": purl} if purl else {})} for purl in purls
    ]
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components}
    (folder / "sbom.json").write_text(json.dumps(document))
    return str(folder / "sbom.json")


def audited(capsys, *words):
    """Return exit status and stdout of an audit, whose problems are part of its status."""
    with pytest.raises(SystemExit) as left:
        audit.main(words)
    return left.value.code, capsys.readouterr().out


def test_a_known_vulnerability_is_named_with_the_version_that_has_it_no_more(capsys, tmp_path, service):
    path = sbom(tmp_path, "pkg:pypi/jinja2@2.10", "pkg:pypi/cloudpickle@3.1.2", DEB)
    status, output = audited(capsys, path, *service)
    assert status == 1
    assert (
        output
        == f"""\
---> Auditing {path}: 2 Python distributions, 1 Debian package
     jinja2 2.10: PYSEC-2019-217, CVE-2019-10906; fixed in 2.10.1
---> Audited: 2 of 3. Known vulnerabilities: 1
---> Not audited, so vulnerabilities are unknown: 1 Debian package
     libc6 2.36-9+deb12u13
"""
    )


def test_nothing_known_of_what_was_looked_up_is_a_success(capsys, tmp_path, service):
    status, output = audited(capsys, sbom(tmp_path, "pkg:pypi/jinja2@3.1.6"), *service)
    assert status == 0
    assert output.endswith("---> Audited: 1 of 1. Known vulnerabilities: 0\n")


def test_a_distribution_that_two_environments_hold_in_two_versions_is_looked_up_twice(capsys, tmp_path, service):
    path = sbom(tmp_path, "pkg:pypi/jinja2@3.1.6", "pkg:pypi/Jinja2@2.10")
    status, output = audited(capsys, path, *service)
    assert status == 1
    assert "Jinja2 2.10: PYSEC-2019-217" in output and "Audited: 2 of 2." in output


def test_what_can_not_be_looked_up_is_not_audited_and_hides_nothing_else(capsys, tmp_path, service):
    path = sbom(tmp_path, "pkg:pypi/jinja2@2.10", "pkg:pypi/torch@nightly", "pkg:generic/python@3.11.2", None)
    status, output = audited(capsys, path, *service)
    assert status == 1
    assert output.splitlines()[2:] == [
        "---> Audited: 1 of 4. Known vulnerabilities: 1",
        "---> Not audited, so vulnerabilities are unknown: 2 other components, 1 Python distribution",
        "     named 1",
        "     python 3.11.2",
        "     torch nightly: its version is not valid (PEP 440).",
    ]


def test_the_index_itself_is_asked_where_no_other_service_is_named(capsys, tmp_path, monkeypatch):
    path = sbom(tmp_path, "pkg:pypi/jinja2@2.10", "pkg:pypi/Jinja2@3.1.6", "pkg:pypi/our-own@1.0", DEB)
    with pypi.behind_a_proxy(tmp_path) as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        status, output = audited(capsys, path, "--cache-dir", str(tmp_path / "cache"))
    assert status == 1
    assert output.splitlines()[1:] == [
        "     jinja2 2.10: PYSEC-2019-217, CVE-2019-10906; fixed in 2.10.1",
        "---> Audited: 2 of 4. Known vulnerabilities: 1",
        "---> Not audited, so vulnerabilities are unknown: 1 Debian package, 1 Python distribution",
        "     libc6 2.36-9+deb12u13",
        "     our-own 1.0: Dependency not found on PyPI and could not be audited: our-own (1.0)",
    ]


def test_what_the_index_does_not_know_is_not_called_clean(tmp_path, capsys, monkeypatch):
    tool = tmp_path / "tools" / "pip-audit"
    tool.parent.mkdir()
    # As pip-audit answers where the index has no page for a version; it says "No known vulnerabilities found".
    report = {"dependencies": [{"name": "jinja2", "skip_reason": "Dependency not found on PyPI"}]}
    tool.write_text(f"#!/bin/sh\necho '{json.dumps(report)}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("NB_BUILDER_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "audit").mkdir(parents=True)
    (tmp_path / "home" / "audit" / "bin").symlink_to(tool.parent)
    with pytest.raises(Problem, match="was audited: Dependency not found on PyPI"):
        audit.main([sbom(tmp_path, "pkg:pypi/jinja2@2.10")])
    assert "     jinja2 2.10: Dependency not found on PyPI\n" in capsys.readouterr().out


def test_without_a_network_nothing_is_audited_and_that_is_a_failure(capsys, tmp_path, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(Problem) as caught:
        audit.main([sbom(tmp_path, "pkg:pypi/jinja2@3.1.6", DEB), "--cache-dir", str(tmp_path / "cache")])
    assert "was audited: " in caught.value.what and "pypi.org" in caught.value.what
    output = capsys.readouterr().out
    assert "---> Audited: 0 of 2. Known vulnerabilities: 0\n" in output
    assert "     jinja2 3.1.6: " in output


def test_an_image_without_python_distributions_is_not_called_clean(tmp_path):
    with pytest.raises(Problem, match="was audited: it has no Python distributions"):
        audit.main([sbom(tmp_path, DEB)])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no json", "it is not JSON as CycloneDX"),
        ("[]", "it is not JSON as"),
        ('{"bomFormat": "SPDX"}', "is 'SPDX' and"),
        ("[" * 100_000, "it is not JSON as"),
        ('{"bomFormat": "CycloneDX", "components": [{"name": "' + "a" * 301 + '"}]}', "it is not JSON as"),
        ('{"bomFormat": "CycloneDX", "components": [{"purl": "pkg:pypi/' + "a" * 301 + '@1"}]}', "it is not JSON as"),
        ('{"bomFormat": "CycloneDX", "components": [{"name": "a", "version": 1}]}', "it is not JSON as"),
    ],
)
def test_a_file_that_is_no_sbom_is_rejected(tmp_path, text, reason):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(Problem, match=reason):
        audit.main([str(tmp_path / "other.json")])


def test_an_engine_that_can_t_be_run_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Problem, match="'no-such-engine' is not installed"):
        audit.main(["--engine=no-such-engine", "some-image"])
    (tmp_path / "no-program").touch()
    with pytest.raises(Problem, match=r"'no-program' can't be run \(Permission denied\)"):
        audit.main(["--engine=no-program", "some-image"])


def test_the_engine_s_own_words_say_why_an_image_can_not_be_read(tmp_path):
    engine = tmp_path / "engine"
    for said, reason in (
        ("Error: No such image: my-image.", "has no such image"),
        ("Cannot connect to the daemon.", "failed: Cannot connect to the daemon"),
    ):
        engine.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
        engine.chmod(0o755)
        with pytest.raises(Problem, match=reason):
            audit.main([f"--engine={engine}", "my-image"])


def test_the_sbom_comes_out_of_an_image_that_is_never_started(capsys, tmp_path, service):
    path = sbom(tmp_path, "pkg:pypi/jinja2@2.10")
    tar = shutil.which("tar")
    engine = tmp_path / "engine"
    engine.write_text(
        f'#!/bin/sh\necho "$1" >> {tmp_path}/calls\n'
        f'[ "$1" != image ] || echo \'[{{"Id": "sha256:1"}}]\'\n'
        f'[ "$1" != cp ] || {tar} -C {tmp_path} -c {Path(path).name}\n'
    )
    engine.chmod(0o755)
    status, _ = audited(capsys, f"--engine={engine}", "my-image", *service)
    assert status == 1
    assert (tmp_path / "calls").read_text().split() == ["image", "create", "cp", "rm"]


def test_a_call_without_an_image_is_reported_how_to_call(capsys):
    assert audited(capsys) == (2, audit.USAGE + "\n")


def test_purls_are_read_as_they_are_written():
    text = json.dumps(
        {
            "bomFormat": "CycloneDX",
            "components": [
                {"name": "x", "purl": "pkg:pypi/torch@2.1.0%2Bcpu#sub"},
                {"name": "x", "purl": DEB},
                {"name": "own", "version": "1"},
            ],
        }
    ).encode()
    kinds = [(component.kind, str(component)) for component in audit.read("image", text)]
    assert kinds == [("", "own 1"), ("deb", "libc6 2.36-9+deb12u13"), ("pypi", "torch 2.1.0+cpu")]


def test_make_asks_for_an_image():
    root = Path(__file__).parents[4]
    completed = subprocess.run(["make", "-n", "audit", "IMAGE=my-image"], cwd=root, capture_output=True, text=True)
    assert "nb-builder audit my-image" in completed.stdout


def test_a_name_that_would_be_a_line_of_its_own_is_not_looked_up(tmp_path):
    """pip-audit would read it as an option of its requirements file."""
    purl = "pkg:pypi/a%0A--index-url%20evil@1"
    document = {"bomFormat": "CycloneDX", "components": [{"name": "a", "purl": purl}]}
    components = audit.read("sbom.json", json.dumps(document).encode())
    findings = audit.look_up(components, tmp_path / "nowhere", [])
    assert list(findings.skipped.values()) == ["its name is not valid (PEP 508)."]


def test_a_distribution_of_many_versions_does_not_start_a_look_up_for_each(tmp_path, monkeypatch):
    """Each version is a call of pip-audit, and a stranger's image may list a million."""
    calls = []

    def clean(_program, components, _options):
        calls.append(1)
        return {component.name: {"name": component.name, "vulns": []} for component in components}, ""

    monkeypatch.setattr(audit, "_run_pip_audit", clean)
    components = [audit.Component("pypi", "a", f"1.{number}") for number in range(1000)]
    findings = audit.look_up(components, tmp_path / "nowhere", [])
    assert (len(calls), len(findings.clean), len(findings.skipped)) == (10, 10, 990)
    assert set(findings.skipped.values()) == {"it is listed with more than 10 versions."}


def test_a_version_with_a_line_break_is_one_line():
    assert str(audit.Component("", "a", "1\n::error::")) == r"a 1\n::error::"


def test_a_file_that_is_larger_than_any_sbom_is_not_read_whole(tmp_path):
    with (tmp_path / "sbom.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(audit.SbomMissing, match="it has more than 67108864 bytes"):
        audit.main([str(tmp_path / "sbom.json")])
