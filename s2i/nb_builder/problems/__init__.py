"""Every failure that a build can explain: a code and three sentences (what, why, fix).

A class holds the words, with the facts in braces; whoever raises it passes the facts by name. The
page docs/reference/problems.md has a row for each, and each has a fixture in test/fixtures.
"""

from nb_builder.problems.base import BuildProblem, CellProblem
from nb_builder.problems.cells import (
    CellAsksInput,
    CellExits,
    CellFailed,
    CellSyntax,
    CellTimeout,
    ImportUndeclared,
    KernelDied,
    NotebookTimeout,
)
from nb_builder.problems.contract import ExampleFails, NotCallable, ParameterUnknown, PredictorMissing, WrongArguments
from nb_builder.problems.model import AnswersDiffer, BatchDiffers, DiskFull, ModelDoesNotLoad, NotSerializable
from nb_builder.problems.repository import (
    LanguageWrong,
    NotebookAmbiguous,
    NotebookChosenTwice,
    NotebookConflict,
    NotebookMissing,
    NotebookNotANotebook,
    NotebookNotFound,
    NotebookNotJson,
    Python2Code,
    PythonMissing,
    SourceMissing,
)
from nb_builder.problems.requirements import (
    GitFailed,
    GitMissing,
    IndexNotAllowed,
    IndexUnreachable,
    InstallFailed,
    LockOutdated,
    RequirementIsOption,
    RequirementsConflict,
    RequirementsMalformed,
    RequirementsMissing,
    RequirementsNeedPackages,
    VersionMissing,
    WheelMissing,
)

__all__ = [
    "AnswersDiffer",
    "BatchDiffers",
    "BuildProblem",
    "CellAsksInput",
    "CellExits",
    "CellFailed",
    "CellProblem",
    "CellSyntax",
    "CellTimeout",
    "DiskFull",
    "ExampleFails",
    "GitFailed",
    "GitMissing",
    "ImportUndeclared",
    "IndexNotAllowed",
    "IndexUnreachable",
    "InstallFailed",
    "KernelDied",
    "LanguageWrong",
    "LockOutdated",
    "ModelDoesNotLoad",
    "NotCallable",
    "NotSerializable",
    "NotebookAmbiguous",
    "NotebookChosenTwice",
    "NotebookConflict",
    "NotebookMissing",
    "NotebookNotANotebook",
    "NotebookNotFound",
    "NotebookNotJson",
    "NotebookTimeout",
    "ParameterUnknown",
    "PredictorMissing",
    "Python2Code",
    "PythonMissing",
    "RequirementIsOption",
    "RequirementsConflict",
    "RequirementsMalformed",
    "RequirementsMissing",
    "RequirementsNeedPackages",
    "SourceMissing",
    "VersionMissing",
    "WheelMissing",
    "WrongArguments",
]
