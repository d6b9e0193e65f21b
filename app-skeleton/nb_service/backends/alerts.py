"""The back end `alerts`: writes Prometheus alert rules for problems that the service can't fix by itself."""

from typing import TYPE_CHECKING

from nb_service.backends.stdout_page import StdoutPage
from nb_service.observability import files

if TYPE_CHECKING:
    from nb_service.model_folder import ModelFolder
    from nb_service.settings import Settings

HELP = """\
Usage: alerts > my-service.rules.yml

Write rules for Prometheus (rule_files): alerts on instances that are not ready or can't be reached, errors, a full
queue, scorers that end, a bus without a broker and drift over all replicas, each with what to look at and what to do.
They are on metrics that begin with S2I_APP_METRICS_PREFIX.

docs/how-to/watch-with-prometheus.md describes them."""


class Alerts(StdoutPage):
    """Writes the alert rules to stdout."""

    name = "alerts"
    help = HELP

    def page(self, model: "ModelFolder", settings: "Settings") -> str:
        """Return the alert rules as YAML."""
        return files.rules(settings.app_metrics_prefix)
