"""Prints the usage of the builder image: its default command, and the help of each script."""

import textwrap

from nb_scorer.common.settings_table import grouped

from nb_builder.common.settings import KNOBS

TEXT = """\
nb-builder turns a git repository with a Jupyter notebook into a prediction service.

  s2i build <git repository> nb-builder my-service
  docker run -p 8080:8080 my-service
  curl -d '[0.2, 0.7]' -H 'Content-Type: application/json' localhost:8080/predict

The same image scores files and streams (docker run my-service batch --help):

  docker run -i my-service batch < in.csv > out.csv

Before a build, what would be refused (about a second, no cell is run):

  docker run --rm -v "$PWD:/src:ro" nb-builder check /src

The notebook has a cell 'requirements = [["numpy", "1.26.4"]]', a function 'predictor(x)' that answers
one sample, and perhaps 'validator(x)', which says whether a sample can be answered, and
'examples = [...]', samples that prove the service.

Settings of a build (s2i build -e NAME=value, or lines of .s2i/environment):
"""
FILLED = textwrap.TextWrapper(100, initial_indent=" " * 6, subsequent_indent=" " * 6, break_on_hyphens=False)


def show() -> None:
    """Print the purpose of the image, its usage, and all build settings."""
    print(TEXT)
    for title, knobs in grouped(KNOBS):
        print(f"{title}:")
        for knob in knobs:
            facts = [knob.values and f"Values: {knob.values}.", knob.default_text and f"Default: {knob.default_text}."]
            print(f"  {knob.env}")
            print(FILLED.fill(" ".join(filter(None, [knob.help, *facts]))))
        print()
