"""The back end `dashboard`: writes a Grafana dashboard for all services with the same metrics prefix."""

from typing import TYPE_CHECKING

from nb_service.backends.stdout_page import StdoutPage
from nb_service.observability import files

if TYPE_CHECKING:
    from nb_service.model_folder import ModelFolder
    from nb_service.settings import Settings

HELP = """\
Usage: dashboard > board.json

Write a dashboard for Grafana, to be imported there: traffic, errors, latency, queue and scorers, batches, answers and
inputs over time, drift, the bus, memory and CPU. One is enough for all services whose metrics begin with the same
S2I_APP_METRICS_PREFIX; who looks chooses among them.

docs/how-to/watch-with-prometheus.md says more."""


class Dashboard(StdoutPage):
    """Writes the dashboard to stdout."""

    name = "dashboard"
    help = HELP

    def page(self, model: "ModelFolder", settings: "Settings") -> str:
        """Return the dashboard as JSON."""
        return files.text_of("board.json", settings.app_metrics_prefix)
