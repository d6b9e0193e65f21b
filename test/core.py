"""What `make test` runs of the contract, flow, docs and image tests; `make test-all` runs the rest, too.

The core has each route and protocol once, each kind of build outcome, each conformance point of s2i (in images; a few
of them without an engine, too), one plain, one slim and one native image, the README and the first tutorial. Every unit
test is part of it.
"""

import re
from functools import cache

import cases

# Beginnings of the names in a folder: whole files, or single tests.
CORE: dict[str, tuple[str, ...]] = {
    "contract": (
        "test_absence.py",
        "test_answers.py",
        "test_app.py",
        "test_backends.py",
        "test_batch.py::test_a_row_of_each_kind_of_trouble",
        "test_batch.py::test_a_signal_ends_it_and_the_same_words_go_on",
        "test_batch.py::test_a_stream_of_csv",
        "test_batch_files.py::test_a_column",
        "test_batches.py",
        "test_bodies.py",
        "test_bus.py::test_answers_and_errors_carry",
        "test_clients.py::test_the_openapi_document_is_valid",
        "test_clouds.py",
        "test_derived_batches.py",
        "test_drift.py",
        "test_edge_attacks.py",
        "test_edge_framing.py",
        "test_edge_key.py",
        "test_edge_odds.py",
        "test_explain.py",
        "test_feedback.py",
        "test_files.py",
        "test_forged_models.py",
        "test_gate.py",
        "test_grpc.py::test_what_other_clients_leave_out",
        "test_hints.py",
        "test_hostile_check.py::test_mutated_",
        "test_kept_models.py",
        "test_life.py",
        "test_native.py",
        "test_mcp.py",
        "test_number_blocks.py",
        "test_own_status.py",
        "test_parameters.py",
        "test_predictors.py",
        "test_pool.py",
        "test_protocols.py",
        "test_prove.py",
        "test_refused_starts.py",
        "test_reload.py::test_a_reload_under_load",
        "test_seen.py",
        "test_setup.py::test_cogs_health_check_reports",
        "test_streaming.py::test_a_client_that_leaves",
        "test_streaming.py::test_errors_before",
        "test_streaming.py::test_items_are",
        "test_streaming.py::test_named",
        "test_surroundings.py",
        "test_tf_serving.py",
        "test_trouble.py",
        "test_weights.py::test_a_file_with_another_digest",
        "test_weights.py::test_hugging_faces_own_library",
        "test_weights.py::test_they_are_fetched",
        "test_zipapp.py::test_a_signed_file_runs_by_its_key",
        "test_zipapp.py::test_it_serves",
        "test_zipapp.py::test_samples_of_the_command_line",
        "test_zipapp.py::test_what_was_forged",
    ),
    "flow": (
        "test_back_ends.py",
        "test_builds.py::test_a_build_that_is_stopped_in_a_cell",
        "test_builds.py::test_a_failed_build_takes_away",
        "test_builds.py::test_a_second_build",
        "test_builds.py::test_processes_and_threads",
        "test_builds.py::test_the_venv_holds",
        "test_cells.py",
        "test_check.py",
        "test_conformance.py::test_point_31_",
        "test_conformance.py::test_point_70_run_is",
        "test_conformance.py::test_points_59_",
        "test_first_step.py",
        "test_fixtures.py",
        "test_make_run.py",
        "test_report.py",
        "test_signed.py::test_the_key_is_in_no_file",
        "test_signed.py::test_the_service_of_a_signed_build",
        "test_starts.py",
        "test_weights.py::test_a_signed_build_records",
    ),
    "docs": (
        "test_architecture.py",
        "test_ci_page.py",
        "test_commands.py::test_a_",
        "test_commands.py::test_no_",
        "test_commands.py::test_the_commands_of_a_page_work_in_their_order[README.md]",
        "test_commands.py::test_the_commands_of_a_page_work_in_their_order[docs/tutorial/first-service.md]",
        "test_commands_page.py",
        "test_contract.py",
        "test_contributing.py",
        "test_deploy.py",
        "test_figures.py",
        "test_metric_pages.py",
        "test_pages.py",
        "test_reference.py",
        "test_shadow_compare.py",
    ),
    "image": (
        "test_absent.py",
        "test_cases.py",
        "test_native.py::test_it_",
        "test_native.py::test_the_build_says",
        "test_pages.py::test_the_engine_commands_of_a_page_work_in_their_order[README.md]",
        "test_point_",
        "test_slim_absent.py",
        "test_slim_service.py",
    ),
}
# Of the repositories that build, and of those that images are made of.
BUILT = {
    "ok-answer-without-json", "ok-async-predictor", "ok-batch-predictor", "ok-batched-scikit-learn", "ok-bound-method",
    "ok-chosen-notebook", "ok-closure-and-callable-object", "ok-declared-environment-yml", "ok-dot-files",
    "ok-environment", "ok-imported-validator", "ok-lock", "ok-magics", "ok-mixed-cells", "ok-not-batched-no-model",
    "ok-own-class", "ok-parameters", "ok-pip-in-a-cell", "ok-predictor-misbehaves", "ok-pure-python",
    "ok-requirement-folder", "ok-script-in-cells", "ok-several-arguments", "ok-several-notebooks",
    "ok-validator-reasons",
}  # fmt: skip
IN_IMAGES = {
    "fail-cell-failed", "fail-disk-full", "fail-requirements-missing", "ok-environment", "ok-predictor-misbehaves",
}  # fmt: skip
# Minutes for other ways to build what a test of the core has built.
SLOW = ("[buildah]", "[buildkit]")
FIXTURE = re.compile(r"\[((?:ok|fail)-[^\]]+)\]$")


def has(name: str) -> bool:
    """Return whether a test is part of the core, by its node ID such as `test/flow/test_check.py::test_fine`."""
    folder, _, rest = name.partition("/")[2].partition("/")
    if folder not in CORE:
        return True
    fixture = FIXTURE.search(rest)
    return (
        rest.startswith(CORE[folder])
        and not rest.endswith(SLOW)
        and (fixture is None or fixture[1] in _fixtures(folder))
    )


@cache
def _fixtures(folder: str) -> set[str]:
    """Return the names of the fixtures in a folder's core: the first of each problem, and the named ones."""
    if folder == "image":
        return IN_IMAGES
    problems = {case.problem: case.name for case in reversed(cases.all_of("fail-")) if case.runs_in("flow")}
    return BUILT | set(problems.values())
