"""What flow tests share: the outcome of each fixture, built by the one worker that runs all its tests."""

import os
from concurrent.futures import Future

import pytest

from cases import Case
from flow import stage

collect_ignore = [] if os.environ.get("PYTORCH") else ["test_pytorch.py"]


class Outcomes:
    """The outcome of each case, worked out once: `build(case)` and, for ok cases, `service(case)`."""

    def __init__(self, folder):
        self.folder = folder
        self.done: dict[str, Future] = {}

    def _work(self, case: Case) -> tuple[stage.Build, stage.Service | None]:
        folder = self.folder / case.name
        folder.mkdir()
        build, env = stage.assemble(case, folder)
        return build, stage.serve(case, env) if build.status == 0 and not case.fails else None

    def build(self, case: Case) -> stage.Build:
        """Return what assemble did with the case."""
        return self._result(case)[0]

    def service(self, case: Case) -> stage.Service:
        """Return the result of the service that assemble made of the case."""
        build, service = self._result(case)
        assert service is not None, f"no service, as the build ended with {build.status}:\n{build.stdout}"
        return service

    def _result(self, case: Case):
        if case.disk and not stage.can_mount():
            pytest.skip("a small disk needs the right to mount: run as root")
        if case.name not in self.done:
            # A failure is kept, too: each test of the case then reports the same.
            outcome = self.done[case.name] = Future()
            try:
                outcome.set_result(self._work(case))
            except Exception as failure:  # noqa: BLE001 - raised again below
                outcome.set_exception(failure)
        return self.done[case.name].result()


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory):
    """Return the outcomes of the cases, each worked out when a test asks for it."""
    return Outcomes(tmp_path_factory.mktemp("flow"))
