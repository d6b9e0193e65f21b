"""Decision trees as compact tables, and a C function that walks through them.

A tree is stored breadth first, so that the two branches of a node are adjacent, and trees follow one another. Each node
has two numbers: its branch (the offset of its left branch, 0 for a leaf; the feature; what NaN and 0 do) in as few bits
as possible, and a value, which is its threshold or a leaf's result.
"""

from typing import Any, NamedTuple

from nb_native.estimators.descriptions import counted
from nb_native.estimators.tables import indexed_table
from nb_native.refusal import Refusal

# More would mean 30 MB of tables and minutes of compilation.
MAX_NODES = 3_000_000


class Node(NamedTuple):
    """A node with two branches; `left` and `right` are their positions in the tree.

    A row goes left if its `feature` is less than (or equal to, depending on the forest) the `threshold`. NaN goes left
    if `missing_left`; 0 if `zero_left`, where None means like other numbers. If there are `categories`, a frozenset, a
    row goes left if its feature, truncated to an integer, is one of them.
    """

    feature: int
    threshold: float
    left: int
    right: int
    missing_left: bool = False
    zero_left: object = None
    categories: Any = None


class Leaf(NamedTuple):
    """A leaf, with its result: a number, or the index of an outcome."""

    value: float


class Loop(NamedTuple):
    """A loop over all trees: its `head` for Code.block, with the counter `tree`; in its body, `value` is a leaf's.

    `turn` is the index of the sum that the current tree is added to, in rotation.
    """

    head: str
    value: str
    turn: str


def laid_out(tree):
    """Return [(offset of the left branch, or 0, Node or Leaf)] of a tree, breadth first; `tree` starts at its root."""
    order: list = [tree[0]]
    nodes: list = []
    for node in order:
        nodes.append((len(order) - len(nodes) if isinstance(node, Node) else 0, node))
        if isinstance(node, Node):
            order += [tree[node.left], tree[node.right]]
    return nodes


class Forest:
    """The tables of several trees, each a sequence of Nodes and Leaves that starts at its root."""

    def __init__(self, trees, ctype, at_threshold="right"):
        """Take `trees`; rows and thresholds have `ctype`; a number equal to its threshold goes to `at_threshold`."""
        self._nodes = []
        self._sizes = []
        for tree in trees:
            nodes = laid_out(tree)
            self._nodes += nodes
            self._sizes.append(len(nodes))
            if len(self._nodes) > MAX_NODES:
                raise Refusal(f"trees of more than {MAX_NODES} nodes")
        self._ctype = ctype
        self._at_left = at_threshold == "left"
        inner = [node for _, node in self._nodes if isinstance(node, Node)]
        self._feature_bits = max([node.feature for node in inner], default=0).bit_length()
        self._category_places = _category_places(inner)
        self._flags = _flags(inner)
        # If all nodes send NaN to the same side, the comparison suffices: it is false for NaN.
        self._all_missing_left = "missing" not in self._flags and any(node.missing_left for node in inner)

    def loop(self, code, row, sums=1):
        """Write the tables to `code`; return the Loop for `row`, a C array; trees are added to `sums` in rotation."""
        inner = [node for _, node in self._nodes if isinstance(node, Node)]
        code.describe(f"{counted(len(self._sizes), 'tree')}, {counted(len(self._nodes), 'node')}")
        code.note_edges(node.threshold for node in inner if node.categories is None)
        code.note_edges(sorted({category for node in inner for category in node.categories or ()}))
        value_at = indexed_table(code, self._ctype, [self._value(node) for _, node in self._nodes])
        function = self._walk(code, value_at)
        count = len(self._sizes)
        size = str(self._sizes[0]) if len(set(self._sizes)) == 1 else f"{code.table('index', self._sizes)}[tree]"
        # Counted: optimised for size, `tree % sums` would be a division for each tree.
        turn, begin, step = "0", "", ""
        if sums > 1:
            turn, begin, step = "turn", ", turn = 0", f", turn = turn < {sums - 1} ? turn + 1 : 0"
        head = f"for (int tree = 0, root = 0{begin}; tree < {count}; root += {size}, tree++{step})"
        return Loop(head, value_at(f"{function}({row}, root)"), turn)

    def _value(self, node):
        if isinstance(node, Leaf):
            return node.value
        return node.threshold if node.categories is None else self._category_places[node.categories]

    def _walk(self, code, value_at):
        """Write the function that returns the index of a row's leaf, and return its name."""
        shift = self._feature_bits + len(self._flags)
        branches = [step and (step << shift | self._flag_bits(node) | node.feature) for step, node in self._nodes]
        if max(branches) >= 1 << 31:
            raise Refusal("a tree that is too wide for its table")
        lines = [
            "/* Return the place of the leaf that a row gets to, in the tree that begins at a node. */",
            f"static int $name(const {self._ctype} *row, int node)",
            "{",
            "    for (;;) {",
            f"        int branch = {code.table('index', branches)}[node], step = branch >> {shift};",
            "        if (step == 0) {",
            "            return node;",
            "        }",
            f"        {self._ctype} x = row[branch & {(1 << self._feature_bits) - 1}];",
            *self._decision(code, value_at("node")),
            "    }",
            "}",
        ]
        return code.function("\n".join(lines))

    def _decision(self, code, threshold):
        if not self._flags:
            # Written as !(x < t) for NaN, too; x >= t is the same for all other numbers.
            right = f"!(x {'<=' if self._at_left else '<'} {threshold})"
            if self._all_missing_left:
                right = f"(x {'>' if self._at_left else '>='} {threshold})"
            return [f"        node += step + {right};"]
        lines = [f"        int left = x {'<=' if self._at_left else '<'} {threshold};"]
        if "categories" in self._flags:
            table = code.table("uint32_t", _category_units(self._category_places))
            has = code.function(_HAS_CATEGORY)
            lines += [
                f"        if ({self._has('categories')}) {{",
                f"            left = {has}({table} + (int){threshold}, x);",
                "        }",
            ]
        for flag, test in (("missing", "x != x"), ("zero", "x == 0")):
            if flag in self._flags:
                lines += [f"        if ({test}) {{", f"            left = {self._has(flag)};", "        }"]
        return [*lines, "        node += step + !left;"]

    def _has(self, flag):
        return f"branch >> {self._feature_bits + self._flags.index(flag)} & 1"

    def _flag_bits(self, node):
        bits = {
            "missing": node.missing_left,
            "zero": self._zero_goes_left(node),
            "categories": node.categories is not None,
        }
        return sum(bool(bits[flag]) << self._feature_bits + place for place, flag in enumerate(self._flags))

    def _zero_goes_left(self, node):
        if node.zero_left is not None:
            return node.zero_left
        if node.categories is not None:
            return 0 in node.categories
        return node.threshold > 0 or (self._at_left and node.threshold == 0)


_HAS_CATEGORY = """\
/* Return 1 where a set of whole numbers, its count of words and then its bits, has x, cut to a whole number. */
static int $name(const uint32_t *set, double x)
{
    if (!(x > -1.0 && x < 32.0 * set[0])) {
        return 0;
    }
    unsigned category = (unsigned)(int)x;
    return set[1 + category / 32] >> category % 32 & 1;
}"""


def _flags(nodes):
    """Return the flags that the branches need: those that differ between nodes."""
    categories = any(node.categories is not None for node in nodes)
    missing = categories or len({node.missing_left for node in nodes}) > 1
    zero = any(node.zero_left is not None for node in nodes)
    # If 0 is treated specially, NaN needs its flag, too: the comparison handles the rest.
    wanted = {"missing": missing or zero, "zero": zero, "categories": categories}
    return [flag for flag, is_wanted in wanted.items() if is_wanted]


def _category_places(nodes):
    """Return {categories: index of its set in the table of words}."""
    places, end = {}, 0
    for node in nodes:
        if node.categories is not None and node.categories not in places:
            places[node.categories] = end
            end += 1 + _count_units(node.categories)
    return places


def _category_units(places):
    units = []
    for categories in places:
        count = _count_units(categories)
        units.append(count)
        units += [sum(1 << bit for bit in range(32) if 32 * unit + bit in categories) for unit in range(count)]
    return units


def _count_units(categories):
    return max(categories, default=-1) // 32 + 1
