"""Tracebacks as IPython 7, 8 and 9 write them (without colours), and the line that each points at."""

import pytest
from nb_builder.execute import traceback_parser

PYTHON_36 = """\
---------------------------------------------------------------------------
ZeroDivisionError                         Traceback (most recent call last)
<ipython-input-3-1e83cb792e53> in <module>
      1 import helper
----> 2 helper.f()

/app/src/helper.py in f()
      5 def f():
----> 6     1/0

ZeroDivisionError: division by zero"""

PYTHON_37 = """\
---------------------------------------------------------------------------
ZeroDivisionError                         Traceback (most recent call last)
/tmp/ipykernel_77/1234567.py in <module>
      1 import helper
----> 2 helper.f()

/tmp/ipykernel_77/7654321.py in f()
      8 def f():
----> 9     1/0

ZeroDivisionError: division by zero"""

NAMED_CELLS = """\
---------------------------------------------------------------------------
ZeroDivisionError                         Traceback (most recent call last)
my model.ipynb cell [3] in <module>
      1 import helper
----> 2 helper.f()

my model.ipynb cell [1] in f()
      8 def f():
----> 9     1/0

ZeroDivisionError: division by zero"""

IPYTHON_80 = """\
---------------------------------------------------------------------------
ZeroDivisionError                         Traceback (most recent call last)
Input In [3], in <cell line: 2>()
      1 import helper
----> 2 helper.f()

File /app/src/helper.py:6, in f()
----> 6     1/0

ZeroDivisionError: division by zero"""

IPYTHON_9 = """\
---------------------------------------------------------------------------
ZeroDivisionError                         Traceback (most recent call last)
Cell In[3], line 2
      1 import helper
----> 2 helper.f()

File /app/src/helper.py:6, in f()
----> 6     1/0

ZeroDivisionError: division by zero"""


@pytest.mark.parametrize("traceback", [PYTHON_36, PYTHON_37, NAMED_CELLS, IPYTHON_80, IPYTHON_9])
def test_the_line_is_the_cells_and_not_that_of_what_it_called(traceback):
    assert traceback_parser.line_of("import helper\nhelper.f()", error="division by zero", traceback=traceback) == 2


@pytest.mark.parametrize(
    ("traceback", "number"), [(PYTHON_36, 3), (PYTHON_37, None), (NAMED_CELLS, 3), (IPYTHON_80, 3), (IPYTHON_9, 3)]
)
def test_the_outermost_frame_has_its_cells_number(traceback, number):
    assert traceback_parser.number_of(traceback) == number


def test_empty_lines_at_the_top_of_a_cell_count_although_ipython_takes_them_off():
    assert traceback_parser.line_of("\n\nimport helper\nhelper.f()", error="", traceback=IPYTHON_9) == 4


TIME_7 = """\
---------------------------------------------------------------------------
ZeroDivisionError                         Traceback (most recent call last)
<timed exec> in <module>

ZeroDivisionError: division by zero"""

TIME_9 = """\
---------------------------------------------------------------------------
ZeroDivisionError                         Traceback (most recent call last)
Cell In[4], line 1
----> 1 get_ipython().run_cell_magic('time', '', 'x = 1\\n1/0\\n')

File <timed exec>:2
----> 1 'Could not get source, probably due dynamically evaluated source code.'

ZeroDivisionError: division by zero"""


@pytest.mark.parametrize(("traceback", "line"), [(TIME_7, None), (TIME_9, 3)])
def test_the_line_inside_a_cell_magic_counts_the_magics_own_line(traceback, line):
    source = "get_ipython().run_cell_magic('time', '', 'x = 1\\n1/0\\n')"
    assert traceback_parser.line_of(source, error="division by zero", traceback=traceback) == line


@pytest.mark.parametrize(
    ("error", "traceback"),
    [
        (
            "invalid syntax (<ipython-input-1-bb079b17e715>, line 2)",
            '  File "<ipython-input-1-bb079b17e715>", line 2\n    y=2',
        ),
        ("invalid syntax (my model.ipynb cell [1], line 2)", '  File "my model.ipynb cell [1]", line 2\n    y=2'),
        ("'(' was never closed (3285300537.py, line 2)", "  Cell In[1], line 2\n    x=(1"),
    ],
)
def test_a_syntax_error_has_its_line_in_its_words(error, traceback):
    assert traceback_parser.line_of("x = 0\nx=(1", error=error, traceback=traceback) == 2


def test_nothing_is_blamed_where_nothing_is_reported():
    assert traceback_parser.line_of("exit", error="", traceback="An exception has occurred, use %tb") is None


def test_colours_are_taken_off():
    assert traceback_parser.plain_traceback(["\x1b[0;31mA\x1b[0m", "\x1b[38;5;241;43mB\x1b[39;49m"]) == "A\nB"


@pytest.mark.parametrize("label", ["my model.ipynb cell [3]", "<ipython-input-3-1e83cb792e53>"])
def test_a_traceback_of_pythons_own_names_cell_line_and_error(label):
    text = f"""Traceback (most recent call last):
  File "a.py", line 1, in b
KeyError: 'first'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "{label}", line 7, in predictor
    read()
  File "/usr/lib/python3/lib.py", line 2, in read
lib.errors.Lost: No such file: 'a'
and more: words
"""
    assert traceback_parser.number_of(text) == 3
    assert traceback_parser.line_of("", error="", traceback=text) == 7
    assert traceback_parser.raised(text) == ("Lost", "No such file: 'a'\nand more: words")
    assert traceback_parser.raised("the process died") == ("", "")


@pytest.mark.parametrize(
    ("name", "traceback", "is_one"),
    [
        ("SyntaxError", "  Cell In[1], line 2", True),
        ("IndentationError", "", True),
        ("TabError", "", True),
        ("SyntaxError", IPYTHON_9, False),
        ("ValueError", "", False),
    ],
)
def test_a_syntax_error_is_the_cell_s_own_where_nothing_ran(name, traceback, is_one):
    assert traceback_parser.is_syntax_error(name, traceback) is is_one


def test_each_frame_of_a_cell_has_its_label_its_line_and_its_text():
    frames = [(each.label, each.line, each.text) for each in traceback_parser.cell_frames(IPYTHON_9)]
    assert frames == [("Cell In[3]", 2, "helper.f()")]
    frames = [(each.label, each.line, each.text) for each in traceback_parser.cell_frames(PYTHON_37)]
    assert frames == [
        ("/tmp/ipykernel_77/1234567.py", 2, "helper.f()"),
        ("/tmp/ipykernel_77/7654321.py", 9, "1/0"),
    ]
    assert list(traceback_parser.cell_frames("File /app/src/helper.py:6, in f()\n----> 6     1/0")) == []


def test_of_several_frames_of_one_cell_the_deepest_counts_and_none_of_another():
    frames = ("Cell In[3], line 4\n", "Cell In[1], line 9, in f()\n", "Cell In[3], line 2, in g()\n")
    reported = "\n".join(["Traceback (most recent call last)", *frames])
    assert traceback_parser.line_of("x", error="", traceback=reported) == 2
    assert traceback_parser.line_of("\n \n  x", error="", traceback=reported) == 4


def test_the_line_of_a_magic_s_call_is_no_fault():
    reported = TIME_9.partition("File <timed")[0]
    source = "%%time\nx = 1\n1/0"
    assert traceback_parser.line_of(source, error="", traceback=reported) is None
    assert traceback_parser.line_of(source, error="", traceback=TIME_9) == 3
    assert traceback_parser.line_of("\n" + source, error="bad (<unknown>, line 1)", traceback="") == 3


def test_empty_lines_around_a_traceback_go_and_those_in_it_stay():
    assert traceback_parser.plain_traceback(["", "a", "", "b", ""]) == "a\n\nb"


def test_an_error_without_words_is_its_class():
    reported = 'Traceback (most recent call last):\n  File "a", line 1\n    x\nKeyboardInterrupt'
    assert traceback_parser.raised(reported) == ("KeyboardInterrupt", "")
