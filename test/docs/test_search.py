"""People find each how-to with terms that they would type into the site's search.

The search shows pages that contain all terms of a query, in the order of a score: most for terms of the title, then of
other headings. This computes the same from the pages; the site's own search reduces terms to their stems, too.
"""

import re
from collections import Counter
from functools import cache

import pytest

from commands import ROOT, pages

DOCS = ROOT / "docs"
FIRST_RESULTS = 6
QUERIES = {
    "check notebook errors": "how-to/check-before-the-build",
    "check notebook": "how-to/check-before-the-build",
    "train notebook no predictor": "how-to/serve-a-training-notebook",
    "training notebook": "how-to/serve-a-training-notebook",
    "notebook without predictor": "how-to/serve-a-training-notebook",
    "live reload": "how-to/develop",
    "jupyter magic": "how-to/work-in-jupyter",
    "jupyter magics": "how-to/work-in-jupyter",
    "python version": "how-to/choose-the-python",
    "papermill parameters": "how-to/parameters",
    "several notebooks": "how-to/several-notebooks",
    "several predictors": "how-to/several-predictors",
    "weights": "how-to/keep-weights-out",
    "request parameters": "how-to/request-parameters",
    "pictures": "how-to/serve-pictures-and-files",
    "open database connection": "how-to/open-connections-at-start",
    "mlflow saved model": "how-to/model-trained-elsewhere",
    "mlflow model": "how-to/model-trained-elsewhere",
    "joblib": "how-to/model-trained-elsewhere",
    "private index": "how-to/private-index",
    "company proxy certificate": "how-to/behind-a-company-proxy",
    "company proxy": "how-to/behind-a-company-proxy",
    "certificate_verify_failed": "how-to/behind-a-company-proxy",
    "build without network": "how-to/offline-build",
    "air-gapped": "how-to/offline-build",
    "air-gapped install": "how-to/install-without-a-network",
    "install offline": "how-to/install-without-a-network",
    "apt system packages": "how-to/system-packages",
    "apt packages": "how-to/system-packages",
    "compiler wheel source": "how-to/build-from-source",
    "compiler wheel": "how-to/build-from-source",
    "pytorch cpu": "how-to/pytorch-on-cpu",
    "old package versions date": "how-to/resolve-as-of-a-date",
    "old notebook": "how-to/resolve-as-of-a-date",
    "s2i build": "how-to/use-s2i",
    "s2i": "how-to/use-s2i",
    "source-to-image": "how-to/use-s2i",
    "publish builder image registry": "how-to/builder-images",
    "publish builder image": "how-to/builder-images",
    "database credentials": "how-to/data-and-credentials",
    "database password": "how-to/data-and-credentials",
    "s3 credentials": "how-to/data-and-credentials",
    "incremental build": "how-to/incremental-builds",
    "smaller image": "how-to/slim-image",
    "native image": "how-to/native-image",
    "github actions": "how-to/ci",
    "gitlab": "how-to/ci",
    "gitlab ci": "how-to/ci",
    "reproducible build": "how-to/check-that-a-build-is-repeatable",
    "curl request": "how-to/call-from-python-curl-tritonclient",
    "curl": "how-to/call-from-python-curl-tritonclient",
    "grpc": "how-to/serve-grpc",
    "batch csv parquet": "how-to/score-files",
    "score csv": "how-to/score-files",
    "kafka": "how-to/score-from-a-bus",
    "rabbitmq": "how-to/score-from-a-bus",
    "spark": "how-to/score-with-spark",
    "zipapp single file": "how-to/run-a-model-directly",
    "single file": "how-to/run-a-model-directly",
    "gpu cuda": "how-to/serve-on-a-gpu",
    "gpu": "how-to/serve-on-a-gpu",
    "out of memory": "how-to/troubleshoot-a-service",
    "oomkilled": "how-to/troubleshoot-a-service",
    "service slow": "how-to/troubleshoot-a-service",
    "haproxy": "how-to/rollouts-behind-haproxy-and-nginx",
    "nginx": "how-to/rollouts-behind-haproxy-and-nginx",
    "503 error": "how-to/troubleshoot",
    "503": "how-to/troubleshoot",
    "api key": "how-to/protect-with-a-key",
    "cors": "how-to/protect-with-a-key",
    "sign model": "how-to/sign-and-verify",
    "kubernetes": "how-to/deploy-on-kubernetes",
    "shipwright": "how-to/build-in-the-cluster",
    "tekton": "how-to/build-in-the-cluster",
    "deploy one command": "how-to/deploy-with-one-command",
    "rollback": "how-to/deploy-on-kubernetes",
    "openshift": "how-to/deploy-on-openshift",
    "openshift webhook": "how-to/openshift-templates-and-webhooks",
    "docker swarm": "how-to/deploy-in-a-swarm",
    "swarm": "how-to/deploy-in-a-swarm",
    "zero downtime rollout": "how-to/roll-out-without-lost-requests",
    "zero downtime": "how-to/roll-out-without-lost-requests",
    "path prefix ingress": "how-to/behind-a-path-prefix",
    "path prefix": "how-to/behind-a-path-prefix",
    "reverse proxy": "how-to/behind-a-path-prefix",
    "schedule retrain": "how-to/retrain-on-a-schedule",
    "retrain schedule": "how-to/retrain-on-a-schedule",
    "cron": "how-to/retrain-on-a-schedule",
    "compare versions": "how-to/compare-two-versions",
    "canary": "how-to/ab-and-canary",
    "mirror traffic": "how-to/shadow",
    "shadow": "how-to/shadow",
    "upgrade": "how-to/upgrade",
    "prometheus alerts": "how-to/watch-with-prometheus",
    "prometheus": "how-to/watch-with-prometheus",
    "grafana dashboard": "how-to/watch-with-prometheus",
    "drift": "how-to/watch-for-drift",
    "opentelemetry": "how-to/trace-with-opentelemetry",
    "failed build": "how-to/debug-a-failed-build",
    "build fails": "how-to/debug-a-failed-build",
    "uninstall disk space": "how-to/disk-and-removal",
    "disk space": "how-to/disk-and-removal",
    "uninstall": "how-to/disk-and-removal",
    "mac": "how-to/use-a-mac",
    "apple silicon": "how-to/use-a-mac",
    "getting started": "tutorial/first-service",
    "first service": "tutorial/first-service",
    "workers memory": "how-to/tune-workers-and-memory",
    "podman": "deploy/podman/README",
    "docker compose": "deploy/compose/README",
    "multiple predictors": "how-to/several-predictors",
    "named predictors": "how-to/several-predictors",
    "several models": "how-to/several-predictors",
    "huggingface weights": "how-to/keep-weights-out",
    "hugging face": "how-to/keep-weights-out",
    "s3 bucket": "how-to/keep-weights-out",
    "weights.lock": "how-to/keep-weights-out",
    "image": "how-to/serve-pictures-and-files",
    "upload file": "how-to/serve-pictures-and-files",
    "audio": "how-to/serve-pictures-and-files",
    "base64": "how-to/serve-pictures-and-files",
    "headers": "how-to/request-parameters",
    "query parameters": "how-to/request-parameters",
    "status code": "how-to/request-parameters",
    "startup function": "how-to/open-connections-at-start",
    "setup function": "how-to/open-connections-at-start",
    "connection pool": "how-to/open-connections-at-start",
    "dry run": "how-to/serve-a-training-notebook",
    "rate limit": "how-to/protect-with-a-key",
    "helm": "how-to/retrain-on-a-schedule",
    "stream predictions": "how-to/stream-predictions",
    "streaming": "how-to/stream-predictions",
    "how many replicas": "how-to/size-a-deployment",
}
HOW_TOS = sorted(str(page.relative_to(DOCS).with_suffix("")) for page in (DOCS / "how-to").glob("*.md"))


def words(text):
    """Return the words of a text, without the most common endings."""
    return [re.sub(r"(ing|ed|es|s)$", "", word) if len(word) > 4 else word for word in re.findall(r"\w+", text.lower())]


@cache
def indexed():
    """Return {page: (words of the title, words of headings, how often each word occurs)}."""
    found = {}
    for page in pages():
        if page.is_relative_to(DOCS) and "decisions" not in page.parts:
            text = page.read_text(encoding="utf-8")
            title, *headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
            plain = re.sub(r"\]\([^)]*\)", "]", text)
            name = str(page.relative_to(DOCS).with_suffix(""))
            found[name] = (set(words(title)), set(words(" ".join(headings))), Counter(words(plain)))
    return found


def results(query):
    """Return the pages that a query finds, best first."""
    wanted = words(query)
    scores = {}
    for page, (title, headings, text) in indexed().items():
        if all(text[word] for word in wanted):
            in_title, in_headings = (sum(word in part for word in wanted) for part in (title, headings))
            scores[page] = (15 * in_title + 5 * in_headings, sum(text[word] for word in wanted))
    return sorted(scores, key=lambda page: scores[page], reverse=True)


@pytest.mark.parametrize(("query", "page"), QUERIES.items())
def test_a_query_finds_its_page_among_the_first_results(query, page):
    assert page in results(query)[:FIRST_RESULTS]


def test_each_how_to_has_a_query():
    assert [page for page in HOW_TOS if page not in QUERIES.values()] == []
