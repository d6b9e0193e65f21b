"""Where `nb-builder dev` keeps its state."""

from nb_builder.commands.dev import workbench


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
