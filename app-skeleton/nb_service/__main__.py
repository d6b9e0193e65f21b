"""The one door of the service: a problem becomes text and an exit code.

`python -m nb_service` serves, with the word `serve` too; `python -m nb_service prove` asks the golden rows
and prints JSON; `python -m nb_service selftest` asks a service of this very environment as a client does.
"""

import io
import os
import sys
from pathlib import Path

from nb_scorer.common.problem import Problem
from nb_scorer.protocol import log_forms

from nb_service import backends, image_env, model_folder, settings, stdio_capture
from nb_service.log import FACTS, as_object
from nb_service.pool import Pool, make_plan
from nb_service.pool.turns import TurnLoop


def serve(environ: dict, facts: int | None = None) -> int:
    """Serve the model with the back end that the settings name; return the exit code.

    `facts` is a descriptor that a program which asks this service has given it, as in Log.
    """
    values = settings.Settings(environ)
    backend = backends.find(values.backend)
    model = model_folder.read(Path(values.app_root).absolute())
    if facts is not None:
        # Not for scorers: the channel ends with this process.
        os.set_inheritable(facts, False)
    with stdio_capture.opened_log(values.log_format, facts) as log:
        loop = TurnLoop()
        try:
            pool = Pool(loop, model, make_plan(model, values, environ), log.say)
            return backend.serve(loop, pool, log, values, environ)
        finally:
            loop.close()


def main(args: list[str], environ: dict) -> int:
    """Do what `args` say; return the exit code."""
    stdio_capture.open_closed_streams()
    try:
        environ = image_env.complete(environ)
        if args == ["prove"]:
            from nb_service import prove

            return prove.main(environ)
        if args[:1] == ["selftest"] and (args[1:2], len(args)) in (([], 1), (["--verdict"], 3)):
            from nb_service import selftest

            return selftest.main(args[1:], environ)
        if args[:1] == ["app"] and len(args) == 3:
            from nb_service.app import process

            return process.main(args[1:], environ)
        facts = int(args[2]) if args[:2] == ["serve", FACTS] and len(args) == 3 else None
        # SageMaker starts its containers with the word serve.
        if facts is None and args not in ([], ["serve"]):
            print("Usage: python -m nb_service [serve | prove | selftest [--verdict FILE]]", file=sys.stderr)
            return 2
        return serve(environ, facts)
    except Problem as problem:
        as_json = args != ["prove"] and settings.log_format(environ) == log_forms.JSON
        _last_words(_object_of(problem) if as_json else str(problem))
        return 1


def _last_words(text: str) -> None:
    """Print `text`, whatever characters are in it and wherever stdout leads."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        print(text, flush=True)
    except OSError:
        # The interpreter tries once more in the end, and that would change the exit code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _object_of(problem: Problem) -> str:
    return as_object(f"ERROR: {problem.what}", why=problem.why, fix=problem.fix, problem=problem.code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
