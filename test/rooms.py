"""Print the tests of one room, for `make test ROOM=s2i/nb_builder/requirements`: unit tests and others.

python test/rooms.py ROOM
"""

import sys
from fnmatch import fnmatch
from pathlib import Path

from cases import all_of

ROOT = Path(__file__).parents[1]
# Where a room's unit tests are not laid out as the room is.
UNIT = {
    "s2i/nb_builder/problems": ("nb_builder/test_problems.py",),
    "s2i/nb_builder/platforms": ("nb_builder/test_platforms.py",),
    "s2i/nb_builder/images": (),
    "s2i/nb_builder/registry": (),
    "app-skeleton/nb_service/export": (),
}
# The contract and flow tests that exercise a room: files, and fixtures after a colon.
EXERCISED_BY = {
    "s2i/nb_builder": ("flow/test_conformance.py",),
    "s2i/nb_builder/ab_report": ("contract/test_ab_report.py", "flow/test_ab_report.py"),
    "s2i/nb_builder/analysis": (":ok-closure*", ":ok-batched-helper", ":fail-name-*", ":fail-predictor-*"),
    "s2i/nb_builder/cli": ("flow/test_first_step.py",),
    "s2i/nb_builder/commands": ("flow/test_check.py::test_a_good_notebook_is_reported_what_it_defines",),
    "s2i/nb_builder/common": (":ok-pure-python", ":fail-setting-*"),
    "s2i/nb_builder/comparison": ("flow/test_diff.py", "contract/test_report_page.py"),
    "s2i/nb_builder/execute": ("flow/test_cells.py", ":fail-cell-*", ":ok-magics", ":ok-background-process"),
    "s2i/nb_builder/fix": ("flow/test_first_step.py",),
    "s2i/nb_builder/images": ("contract/test_strangers_images.py",),
    "s2i/nb_builder/incremental": ("flow/test_builds.py",),
    "s2i/nb_builder/install": (":ok-python-not-there", ":fail-version-*", ":fail-wheel-*", ":fail-python-*"),
    "s2i/nb_builder/magics": ("flow/test_magics.py",),
    "s2i/nb_builder/native": ("contract/test_native.py",),
    "s2i/nb_builder/platforms": (":ok-colab", ":ok-databricks-*"),
    "s2i/nb_builder/preflight": (":fail-predictor-*", ":fail-requirements-missing*", ":fail-notebook-*"),
    "s2i/nb_builder/problems": (":fail-notebook-missing",),
    "s2i/nb_builder/registry": ("contract/test_registry.py",),
    "s2i/nb_builder/report": ("flow/test_report.py", "flow/test_seen_from_outside.py"),
    "s2i/nb_builder/repository": (":fail-source-missing", ":fail-notebook-*", ":ok-several-notebooks"),
    "s2i/nb_builder/requirements": ("flow/test_requirements.py", ":fail-requirement*", ":ok-declared-*"),
    "s2i/nb_builder/rewrite": (":ok-markdown-*", ":ok-r-markdown", ":ok-quarto", ":ok-marimo", ":ok-script-*"),
    "s2i/nb_builder/signing": ("flow/test_signed.py",),
    "s2i/nb_builder/slim": (),
    "s2i/nb_native": ("contract/test_native.py",),
    "s2i/nb_native/estimators": ("contract/test_native.py",),
    "s2i/nb_native/runtime": ("contract/test_native.py",),
    "s2i/nb_native/translate": ("contract/test_native.py",),
    "app-skeleton/nb_scorer": ("contract/test_answers.py",),
    "app-skeleton/nb_scorer/batching": (
        "contract/test_batches.py",
        "contract/test_derived_batches.py",
        ":ok-batched-*",
    ),
    "app-skeleton/nb_scorer/common": ("contract/test_answers.py",),
    "app-skeleton/nb_scorer/kernel": (":ok-recorded-calls", ":ok-not-deterministic", ":fail-not-serializable*"),
    "app-skeleton/nb_scorer/model": ("contract/test_hints.py", "contract/test_kept_models.py"),
    "app-skeleton/nb_scorer/protocol": ("contract/test_number_blocks.py",),
    "app-skeleton/nb_scorer/signature": ("contract/test_forged_models.py",),
    "app-skeleton/nb_scorer/worker": ("contract/test_pool.py", "contract/test_surroundings.py"),
    "app-skeleton/nb_scorer/zipapp": ("contract/test_zipapp.py",),
    "app-skeleton/nb_service": ("contract/test_life.py", "contract/test_refused_starts.py"),
    "app-skeleton/nb_service/app": ("contract/test_app.py", "contract/test_gate.py"),
    "app-skeleton/nb_service/backends": ("contract/test_backends.py", "contract/test_batch.py"),
    "app-skeleton/nb_service/drift": ("contract/test_drift.py",),
    "app-skeleton/nb_service/export": ("flow/test_export.py",),
    "app-skeleton/nb_service/feedback": ("contract/test_feedback.py",),
    "app-skeleton/nb_service/front": (
        "contract/test_edge_framing.py",
        "contract/test_edge_key.py",
        "contract/test_edge_odds.py",
    ),
    "app-skeleton/nb_service/http": ("contract/test_bodies.py", "contract/test_gate.py"),
    "app-skeleton/nb_service/jobs": (),
    "app-skeleton/nb_service/observability": ("contract/test_seen.py",),
    "app-skeleton/nb_service/pool": ("contract/test_pool.py", "contract/test_trouble.py"),
    "app-skeleton/nb_service/protocols": ("contract/test_protocols.py", "contract/test_tf_serving.py"),
    "app-skeleton/nb_service/signature": ("contract/test_forged_models.py",),
    "app-skeleton/nb_service/weights": ("contract/test_weights.py", ":ok-weights-*", ":fail-weights-*"),
    "app-skeleton/nb_spark": ("contract/test_spark_scorers.py",),
}


def find_tests(room: str) -> list[str]:
    """Return what pytest is given for a room, or for a room within one."""
    exercised = next(EXERCISED_BY[name] for name in (room, *map(str, Path(room).parents)) if name in EXERCISED_BY)
    fixtures = [words[1:] for words in exercised if words.startswith(":")]
    return [
        *(f"test/unit/{path}" for path in UNIT.get(room, (room.partition("/")[2],))),
        *(f"test/{words}" for words in exercised if not words.startswith(":")),
        *(
            f"test/flow/test_fixtures.py::{test}[{case.name}]"
            for case in all_of()
            if case.runs_in("flow") and any(fnmatch(case.name, pattern) for pattern in fixtures)
            for test in TESTS[case.fails]
        ),
    ]


# Which tests of test/flow/test_fixtures.py ask a fixture for its outcome: of those that fail, and of those that build.
TESTS = {
    True: ("test_a_bad_repository_is_rejected_in_the_words_of_its_fixture",),
    False: ("test_a_good_repository_builds", "test_a_service_answers_as_its_fixture_says"),
}


def main() -> None:
    """Print the tests, or exit with the list of rooms."""
    room = sys.argv[1].strip("/")
    if room not in EXERCISED_BY and not (ROOT / "test/unit" / room.partition("/")[2]).is_dir():
        sys.exit(f"ERROR: {room} is not a room.\n  Fix: Use one of {', '.join(EXERCISED_BY)}.")
    print(*find_tests(room), sep="\n")


if __name__ == "__main__":
    main()
