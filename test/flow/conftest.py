"""Builds the selected fixtures two at a time in the background: they wait more than they compute."""

import os
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from cases import Case
from flow import stage

collect_ignore = [] if os.environ.get("PYTORCH") else ["test_pytorch.py"]


class Outcomes:
    """The outcome of each case, worked out once: `build(case)` and, for ok cases, `service(case)`."""

    def __init__(self, folder, cases: list[Case]):
        self.folder = folder
        self.pool = ThreadPoolExecutor(2)
        self.futures: dict[str, Future] = {case.name: self.pool.submit(self._work, case) for case in cases}

    def _work(self, case: Case) -> tuple[stage.Build, stage.Service | None]:
        folder = self.folder / case.name
        folder.mkdir()
        build, env = stage.assemble(case, folder)
        return build, stage.serve(case, env) if build.status == 0 and not case.fails else None

    def build(self, case: Case) -> stage.Build:
        """Return what assemble did with the case."""
        return self._result(case)[0]

    def service(self, case: Case) -> stage.Service:
        """Return what the service did that assemble made of the case."""
        build, service = self._result(case)
        assert service is not None, f"no service, as the build ended with {build.status}:\n{build.stdout}"
        return service

    def _result(self, case: Case):
        if case.disk and not stage.can_mount():
            pytest.skip("a small disk needs the right to mount: run as root")
        if case.name not in self.futures:
            self.futures[case.name] = self.pool.submit(self._work, case)
        return self.futures[case.name].result()

    def close(self) -> None:
        """Forget what has not begun, and wait for the rest."""
        self.pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def outcomes(request, tmp_path_factory):
    """Return the outcomes of the cases: those of selected tests are begun at once, others when asked for."""
    selected = {}
    for item in request.session.items:
        case = item.callspec.params.get("case") if hasattr(item, "callspec") else None
        if isinstance(case, Case) and "outcomes" in item.fixturenames:
            selected.setdefault(case.name, case)
    made = Outcomes(tmp_path_factory.mktemp("flow"), list(selected.values()))
    yield made
    made.close()
