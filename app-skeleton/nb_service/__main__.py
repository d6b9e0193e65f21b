"""The one door of the service: a problem becomes text and an exit code.

`python -m nb_service` serves, with the word `serve` too; `python -m nb_service prove` asks the golden rows
and prints JSON; `python -m nb_service selftest` asks a service of this very environment as a client does.
"""

import os
import sys
from pathlib import Path

from nb_scorer import prints
from nb_scorer.problem import Problem

from nb_service import backends, baked, model_folder, settings
from nb_service.log import as_object
from nb_service.loop import Loop
from nb_service.scoring import Pool, make_plan
from nb_service.strays import opened_log


def serve(environ: dict) -> int:
    """Serve the model with the back end that the settings name; return the exit code."""
    got = settings.read(environ)
    backend = backends.find(got["S2I_BACKEND"])
    model = model_folder.read(Path(got["APP_ROOT"]).absolute())
    with opened_log(got["S2I_LOG_FORMAT"]) as log:
        loop = Loop()
        return backend.serve(loop, Pool(loop, model, make_plan(model, got, environ), log.say), log, got)


def main(args: list[str], environ: dict) -> int:
    """Do what `args` say; return the exit code."""
    environ = baked.complete(environ)
    try:
        if args == ["prove"]:
            from nb_service import prove

            return prove.main(environ)
        if args[:1] == ["selftest"] and (args[1:2], len(args)) in (([], 1), (["--verdict"], 3)):
            from nb_service import selftest

            return selftest.main(args[1:], environ)
        # SageMaker starts its containers with the word serve.
        if args not in ([], ["serve"]):
            print("Usage: python -m nb_service [serve | prove | selftest [--verdict FILE]]", file=sys.stderr)
            return 2
        return serve(environ)
    except Problem as problem:
        as_json = args != ["prove"] and settings.log_format(environ) == prints.JSON
        print(_object_of(problem) if as_json else problem, flush=True)
        return 1


def _object_of(problem: Problem) -> str:
    return as_object(f"ERROR: {problem.what}", why=problem.why, fix=problem.fix, problem=problem.code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
