"""Prometheus's own tool, of Debian's package."""

import subprocess

import yaml

from engine import provide


def promtool(*words, given=""):
    """Return (exit status, whole output)."""
    command = [provide.program("promtool", "prometheus"), *words]
    ran = subprocess.run(command, input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return ran.returncode, ran.stdout


def asked(rules, folder, given, *queries, at="90m"):
    """Return what promtool says against (expression, [(labels, value)]) at a time, "" for nothing.

    `rules` is a file; `given` has {"series", "values"}, of which there is one value a minute.
    """
    tests = [
        {
            "expr": expression,
            "eval_time": at,
            "exp_samples": [{"labels": key, "value": value} for key, value in samples],
        }
        for expression, samples in queries
    ]
    group = {"interval": "1m", "input_series": given, "promql_expr_test": tests}
    (folder / "tests.yml").write_text(yaml.safe_dump({"rule_files": [str(rules)], "tests": [group]}))
    status, said = promtool("test", "rules", folder / "tests.yml")
    return said if status else ""
