"""`nb-builder audit`, with the environment of its own: a vulnerable distribution is named and is a failure."""

import json
import os
import subprocess

import pypi
from commands import ROOT

PURLS = ("pkg:pypi/jinja2@2.10", "pkg:pypi/our-own@1.0", "pkg:deb/debian/libc6@2.36-9?arch=amd64")


def test_make_audit_names_what_is_vulnerable_counts_what_is_not_audited_and_fails(tmp_path):
    subprocess.run([ROOT / "s2i/install", ROOT / ".nb-builder", "--audit"], check=True, capture_output=True)
    bill = tmp_path / "sbom.json"
    components = [{"type": "library", "name": "a", "version": "1", "purl": purl} for purl in PURLS]
    bill.write_text(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components}))
    with pypi.behind_a_proxy(tmp_path) as variables:
        command = ["make", "audit", f"IMAGE={bill}", f"AUDIT_OPTIONS=--cache-dir {tmp_path}/cache"]
        ran = subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True)
    assert ran.returncode != 0
    assert "     jinja2 2.10: PYSEC-2019-217, CVE-2019-10906; fixed in 2.10.1\n" in ran.stdout
    assert "---> Audited: 1 of 3. Known vulnerabilities: 1\n" in ran.stdout
    assert "---> Not audited, so vulnerabilities are unknown: 1 Debian package, 1 Python distribution\n" in ran.stdout
