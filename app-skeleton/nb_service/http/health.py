"""Health checks: their paths and their replies."""

from collections.abc import Callable
from functools import partial

from nb_service.http import replies
from nb_service.http.replies import Reply


class Health:
    """Handles the health checks of Kubernetes, SageMaker, MLflow, Open Inference and, at `vertex_route`, Vertex AI.

    `is_ready` returns whether the service is ready. `why_not` returns the reason if it isn't: a sentence that any
    client may see.
    """

    def __init__(
        self, is_ready: Callable[[], bool], vertex_route: str = "", why_not: Callable[[], str] = lambda: ""
    ) -> None:
        self.is_ready = is_ready
        self._why_not = why_not
        ready = partial(self._ready_as, replies.READY)
        pong = partial(self._ready_as, replies.PONG)
        self._checks: dict[str, Callable[[], Reply]] = {
            "/healthz": lambda: replies.HEALTHY,
            "/readyz": ready,
            "/ping": pong,
            "/health": pong,
            "/v2/health/live": lambda: replies.V2_LIVE,
            "/v2/health/ready": partial(self._ready_as, replies.V2_READY),
        }
        if vertex_route:
            self._checks[vertex_route] = ready

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the paths of all health checks."""
        return tuple(self._checks)

    def reply(self, path: str) -> Reply | None:
        """Return the reply of the check at `path`, None if there is none."""
        check = self._checks.get(path)
        return check() if check is not None else None

    def checked(self, path: str) -> Reply:
        """Return the reply of the check at `path`, which is one of `paths`."""
        return self._checks[path]()

    def _ready_as(self, reply: Reply) -> Reply:
        return reply if self.is_ready() else replies.unready(self._why_not())
