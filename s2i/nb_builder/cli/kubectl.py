"""kubectl or oc, through which `deploy` and `undeploy` talk to a cluster."""

import json
import shutil
from collections.abc import Mapping

from nb_builder.cli.problems import ClusterRejected, KubectlMissing
from nb_builder.common import programs

# {platform: programs that can talk to it, the preferred one first}
PROGRAMS = {"kubernetes": ("kubectl", "oc"), "openshift": ("oc", "kubectl")}
# For each request to the API server, so that an unreachable cluster does not block a command.
_REQUEST_TIMEOUT = "--request-timeout=30s"


class Kubectl:
    """The client of a cluster, for one namespace; "" is the namespace of the client's configuration."""

    def __init__(self, environ: Mapping[str, str], platform: str, namespace: str = "") -> None:
        """Find the program; raise KubectlMissing."""
        names = PROGRAMS[platform]
        found = next((name for name in names if shutil.which(name, path=environ.get("PATH"))), None)
        if found is None:
            raise KubectlMissing(names=" or ".join(names), platform=platform)
        self._environ = dict(environ)
        self.program = found
        self.options = [f"--namespace={namespace}"] if namespace else []

    def run(self, *arguments: str) -> str:
        """Return the output of a command; raise ClusterRejected if it fails."""
        ran = programs.run([self.program, *self.options, _REQUEST_TIMEOUT, *arguments], env=self._environ)
        if ran.returncode:
            command = " ".join([self.program, *self.options, *arguments])
            raise ClusterRejected(command=command, reason=programs.reason(ran).rstrip("."))
        return ran.stdout

    def output(self, *arguments: str) -> str:
        """Return the output of a command, "" if it fails."""
        ran = programs.run([self.program, *self.options, _REQUEST_TIMEOUT, *arguments], env=self._environ)
        return "" if ran.returncode else ran.stdout

    def items(self, *arguments: str) -> list[dict]:
        """Return the objects that `get` finds; raise ClusterRejected."""
        text = self.run("get", *arguments, "--ignore-not-found", "--output=json")
        found = json.loads(text) if text.strip() else {"items": []}
        items: list[dict] = found.get("items", [found])
        return items
