"""The table of what was kept and what was left out."""

from nb_builder.common.installed import Distribution
from nb_builder.slim.attest import plan_table
from nb_builder.slim.plan.planner import DISTRIBUTIONS, Choice, Plan


def choice(name, size, reason):
    """Return a choice for a distribution of `size` bytes."""
    return Choice(Distribution(name, "1.0", (), size, False), reason)


def test_each_row_has_megabytes_name_version_and_reason_the_biggest_first():
    kept = (choice("small", 200_000, "in use"), choice("big-one", 61_400_000, "S2I_KEEP names it"))
    plan = Plan(DISTRIBUTIONS, kept, (choice("gone", 80_700_000, "not used"),), notes=("So it is.",))
    assert plan_table.lines(plan) == [
        "kept: 2 distributions, 61.6 MB before tests, headers and symbols were removed",
        "    61.4 MB  big-one 1.0  S2I_KEEP names it",
        "     0.2 MB  small 1.0    in use",
        "left out: 1 distribution, 80.7 MB before tests, headers and symbols were removed",
        "    80.7 MB  gone 1.0  not used",
        "note: So it is.",
    ]


def test_nothing_is_said_of_nothing():
    assert plan_table.lines(Plan(DISTRIBUTIONS, ())) == []
