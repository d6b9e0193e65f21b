"""RECORD files that list what is there."""

from nb_builder.slim.rootfs import dist_info
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


def test_what_is_gone_is_not_listed_and_what_was_made_again_has_no_digest(tmp_path):
    tree = Tree(tmp_path)
    for name, text in {
        "__init__.pyc": "",
        "_c.cpython-311-x86_64-linux-gnu.so": "cut",
        "with, comma.csv": "a,b,c",
    }.items():
        tree.write(f"{SITE}/one/{name}", text)
    tree.write(f"{SITE}/one-1.dist-info/RECORD", RECORD)
    dist_info.correct(tree, "/venv")
    assert tree.at(f"{SITE}/one-1.dist-info/RECORD").read_text().splitlines() == [
        "one/__init__.pyc,,",
        "one/_c.cpython-311-x86_64-linux-gnu.so,,",
        '"one/with, comma.csv",sha256=e,5',
        "one-1.dist-info/RECORD,,",
    ]


def test_the_description_goes_and_the_fields_stay(tmp_path):
    tree = Tree(tmp_path)
    fields = "Metadata-Version: 2.1\nName: one\nVersion: 1\nLicense: first line\n        \n        third line\n"
    tree.write(f"{SITE}/one-1.dist-info/METADATA", fields + "\n# One\n\nIt does this.\n")
    tree.write(f"{SITE}/two-1.dist-info/METADATA", fields)
    dist_info.shorten(tree, "/venv")
    assert tree.at(f"{SITE}/one-1.dist-info/METADATA").read_text() == fields
    assert tree.at(f"{SITE}/two-1.dist-info/METADATA").read_text() == fields
