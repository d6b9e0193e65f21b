"""The words of commands that make a report, as text or by `--json` as JSON alone on stdout; each has its problems."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from nb_scorer.common.problem import Problem

from nb_builder.common.visible import json_text
from nb_builder.problems.build_problem import BuildProblem


class Parser(argparse.ArgumentParser):
    """Reads the words of the command `name`; raises `refusal`, with a reason, for what it does not understand."""

    def __init__(self, name: str, usage: str, refusal: type[BuildProblem]) -> None:
        super().__init__(prog=name, add_help=False, allow_abbrev=False, usage=usage)
        self._refusal = refusal

    def error(self, message: str) -> NoReturn:
        """Raise the refusal."""
        raise self._refusal(reason=f"The words of {self.prog} are not understood: {message}")


def run(parser: Parser, arguments: Sequence[str], make: Callable[[argparse.Namespace], dict[str, Any]]) -> None:
    """Have `make` print and return a report, and raise SystemExit with its exit status; or show the help.

    A problem is raised, or printed as JSON where stdout is for that.
    """
    if {"-h", "--help"} & set(arguments):
        print(parser.format_help(), end="")
        return
    try:
        made = make(parser.parse_args(list(arguments)))
    except Problem as problem:
        if "--json" not in arguments:
            raise
        # stdout is for JSON alone.
        print(json_text({"problem": problem.code, "what": problem.what, "why": problem.why, "fix": problem.fix}))
        sys.exit(problem.exit_status)
    sys.exit(made["exit_status"])
