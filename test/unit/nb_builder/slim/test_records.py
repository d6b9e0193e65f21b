"""RECORD files that say what is there."""

from nb_builder.slim import records
from nb_builder.slim.tree import Tree

SITE = "/venv/lib/python3.11/site-packages"
RECORD = """\
../../../bin/f2py,sha256=a,1
one/__init__.py,sha256=b,2
one/tests/test_a.py,sha256=c,3
one/_c.cpython-311-x86_64-linux-gnu.so,sha256=d,4
"one/with, comma.csv",sha256=e,5
one-1.dist-info/RECORD,,
"""


def test_what_is_gone_is_not_listed_and_what_was_made_anew_has_no_digest(tmp_path):
    tree = Tree(tmp_path)
    for name in ("__init__.pyc", "_c.cpython-311-x86_64-linux-gnu.so", "with, comma.csv"):
        tree.write(f"{SITE}/one/{name}", "")
    tree.write(f"{SITE}/one-1.dist-info/RECORD", RECORD)
    records.correct(tree, "/venv")
    assert tree.at(f"{SITE}/one-1.dist-info/RECORD").read_text().splitlines() == [
        "one/__init__.pyc,,",
        "one/_c.cpython-311-x86_64-linux-gnu.so,,",
        '"one/with, comma.csv",sha256=e,5',
        "one-1.dist-info/RECORD,,",
    ]
