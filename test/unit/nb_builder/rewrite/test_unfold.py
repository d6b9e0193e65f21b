"""What magics run and bind, by the calls that they become."""

import ast

import pytest
from nb_builder.rewrite.unfold import unfold


@pytest.mark.parametrize(
    "written",
    [
        "get_ipython().run_line_magic('time', 1)",
        "get_ipython().run_line_magic('time', 'x = 1', 2)",
        "get_ipython().run_cell_magic('time', '', 'x = 1', 'more')",
    ],
)
def test_a_call_of_a_magic_that_the_author_wrote_may_have_any_arguments(written):
    statements = ast.parse(written).body
    assert unfold(statements).statements[:1] == statements
