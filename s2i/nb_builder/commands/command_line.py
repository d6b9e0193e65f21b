"""Parsers for commands, and JSON output of problems for commands with `--json`."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from nb_scorer.common.problem import Problem

from nb_builder.common.visible import json_text
from nb_builder.problems.build_problem import BuildProblem


class UsageParser(argparse.ArgumentParser):
    """Parses the arguments of a command; prints its usage and exits with status 2 if they are invalid."""

    def __init__(self, how: str) -> None:
        super().__init__(add_help=False, allow_abbrev=False)
        self._how = how

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Return the parsed arguments; print the usage and exit if they ask for help."""
        if {"-h", "--help"} & set(arguments):
            print(self._how)
            sys.exit()
        return self.parse_args(list(arguments))

    def error(self, message: str) -> NoReturn:
        """Print the usage and the error, and exit with status 2."""
        print(f"{self._how}\n{message}")
        sys.exit(2)


class ProblemParser(argparse.ArgumentParser):
    """Parses the arguments of the command `name`; raises `problem` with a reason if they are invalid."""

    def __init__(self, name: str, usage: str, problem: type[BuildProblem]) -> None:
        super().__init__(prog=name, add_help=False, allow_abbrev=False, usage=usage)
        self._problem = problem

    def error(self, message: str) -> NoReturn:
        """Raise the problem."""
        raise self._problem(reason=f"{self.prog} can't be called like this: {message}")


def require(usage: str, arguments: Sequence[str], count: int) -> None:
    """Raise SystemExit with the usage unless there are `count` non-empty arguments."""
    if len(arguments) != count or not all(arguments):
        print(usage, file=sys.stderr)
        raise SystemExit(2)


@contextmanager
def problem_as_json(*, is_wanted: bool) -> Iterator[None]:
    """If `is_wanted`, print a problem raised in the block as JSON, and exit with its status."""
    try:
        yield
    except Problem as problem:
        if not is_wanted:
            raise
        print(json_text({"problem": problem.code, "what": problem.what, "why": problem.why, "fix": problem.fix}))
        sys.exit(problem.exit_status)


def run(parser: ProblemParser, arguments: Sequence[str], make: Callable[[argparse.Namespace], dict[str, Any]]) -> None:
    """Call `make`, which prints and returns a report and may raise SystemExit; or print the help.

    A problem is raised; if stdout is reserved for JSON, it is printed as JSON instead.
    """
    if {"-h", "--help"} & set(arguments):
        print(parser.format_help(), end="")
        return
    with problem_as_json(is_wanted="--json" in arguments):
        made = make(parser.parse_args(list(arguments)))
    sys.exit(made["exit_status"])
