"""Where `nb-builder dev` keeps its state."""

import asyncio

import pytest
from nb_builder.commands.dev import workbench
from nb_builder.commands.dev.builder import Outcome
from nb_builder.commands.dev.settings import Settings
from nb_builder.common.log import Log


def test_two_at_a_time_have_folders_of_their_own_and_the_next_takes_the_first_again(tmp_path):
    with workbench.state_folder(tmp_path) as one, workbench.state_folder(tmp_path) as other:
        assert (one.name, other.name) == ("1", "2")
    with workbench.state_folder(tmp_path) as again:
        assert again == one


def test_the_last_build_that_succeeded_is_known_in_the_next_run(tmp_path):
    assert workbench._last_of(tmp_path) is None
    for name in ("a", "b"):
        (tmp_path / name / "model").mkdir(parents=True)
        workbench._remember_last(tmp_path, tmp_path / name)
        assert workbench._last_of(tmp_path) == tmp_path / name
    (tmp_path / "b/model").rmdir()
    assert workbench._last_of(tmp_path) is None


def test_kernels_and_copies_of_an_earlier_run_are_removed_and_its_models_stay(tmp_path):
    for folder in ("jupyter/kernels", "lab/runtime", "lab/settings", "a/venv.next", "a/model"):
        (tmp_path / folder).mkdir(parents=True)
    workbench.clear(tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "a",
        "a/model",
        "lab",
        "lab/settings",
    ]


@pytest.mark.parametrize(
    ("host", "names"),
    [("127.0.0.1", "localhost"), ("localhost", "localhost"), ("127.0.0.2", "localhost"), ("0.0.0.0", None)],
)
def test_only_a_service_that_others_reach_answers_to_any_name(tmp_path, monkeypatch, host, names):
    async def built():
        bench = workbench.Workbench(tmp_path, None, tmp_path, Settings({"S2I_HOST": host}), {}, Log())
        environs = []

        async def build(environ, *_):
            environs.append(environ)
            return Outcome(1)

        monkeypatch.setattr(bench._builder, "build", build)
        monkeypatch.setattr(bench._builder, "prepare", lambda: None)
        await bench._build("")
        return environs[0].get("S2I_ALLOWED_HOSTS")

    assert asyncio.run(built()) == names
