from nb_native.code import Code
from nb_native.estimators.forest import Forest, Leaf, Node, laid_out

STUMP = [Node(0, 1.0, 1, 2), Leaf(10.0), Leaf(20.0)]


def test_branches_of_a_node_are_neighbours():
    tree = [Node(0, 1.0, 1, 4), Node(1, 2.0, 2, 3), Leaf(1.0), Leaf(2.0), Leaf(3.0)]
    assert [step for step, _ in laid_out(tree)] == [1, 0 + 2, 0, 0, 0]
    assert [node for _, node in laid_out(tree)] == [tree[0], tree[1], tree[4], tree[2], tree[3]]


def test_trees_of_one_size_need_no_table_of_sizes():
    code = Code()
    loop = Forest([STUMP, STUMP], "float").loop(code, "row")
    assert loop.head == "for (int tree = 0, root = 0; tree < 2; root += 3, tree++)"


def test_trees_of_several_sums_take_turns():
    loop = Forest([STUMP, STUMP, STUMP, STUMP], "float").loop(Code(), "row", 2)
    assert loop.head == (
        "for (int tree = 0, root = 0, turn = 0; tree < 4; root += 3, tree++, turn = turn < 1 ? turn + 1 : 0)"
    )
    assert loop.turn == "turn"
    assert Forest([STUMP], "float").loop(Code(), "row").turn == "0"


def test_sizes_are_a_table_where_they_differ():
    code = Code()
    loop = Forest([STUMP, [Leaf(5.0)]], "float").loop(code, "row")
    assert any("uint8_t" in table and "3, 1," in table for table in code.tables)
    assert "tree++" in loop.head


def test_one_side_for_all_missing_values_takes_no_bit():
    walks = {}
    for side in (False, True):
        code = Code()
        Forest([[STUMP[0]._replace(missing_left=side), *STUMP[1:]]], "float").loop(code, "row")
        walks[side] = "\n".join(code.tables)
    assert "!(x < " in walks[False]
    assert "(x >= " in walks[True]
    assert "x != x" not in walks[False] + walks[True]


def test_repeated_values_become_an_index():
    code = Code()
    Forest([STUMP] * 40, "double").loop(code, "row")
    assert sum("double" in table and "[3]" in table.partition("=")[0] for table in code.tables) == 1
