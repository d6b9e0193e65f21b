"""The entry point of the service, and the only module that converts a problem to text and an exit status.

`python -m nb_service`, with or without the argument `serve`, serves the model with the back end in S2I_BACKEND. If the
first argument is the name of a back end, that one serves the model and gets the other arguments. `python -m nb_service
prove` sends the golden rows to the model, and prints the outcome as JSON. `python -m nb_service selftest` starts a
service and tests it as a client; `python -m nb_service ready` exits with 0 if the running service is ready. `words`
before a back end's name only checks the arguments after it, for programs that first build a model.
"""

import contextlib
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from nb_scorer.common.problem import Problem
from nb_scorer.common.settings_table import misspelt
from nb_scorer.protocol import log_forms

from nb_service import backends, image_env, model_folder, repository_variables, settings, stdio_capture
from nb_service.log import FACTS, READY, as_object, visible

COMMANDS = ("serve", "prove", "ready", "selftest", "app", "words", "weights")


def serve(
    environ: dict,
    call: "Call",
    facts: int | None = None,
    *,
    ignored: Sequence[str] = (),
    quiet: bool = True,
    checks_arguments: bool = False,
) -> int:
    """Serve the model with the back end of `call`, or only check its arguments; return the exit status.

    `ignored` are variables that have no effect, which are logged. `facts` is a descriptor inherited from the program
    that started this service; it and `quiet` are as in Log.
    """
    # Container engines run `ready` every few seconds; without these imports, it takes half as long.
    from nb_service.pool import Pool, make_plan
    from nb_service.pool.turns import TurnLoop

    values = settings.Settings(environ)
    backend = call.find(values)
    if not backends.give(call.name, backend, call.arguments) or checks_arguments:
        return 0
    model = model_folder.read(Path(values.app_root).absolute(), values.trust)
    if model.manifest.get("predictors"):
        from nb_service import served_names

        served_names.check(model, values, call.name)
    if facts is not None:
        # Not inherited by scorers, because its end of file tells the reader that this process has exited.
        os.set_inheritable(facts, False)
    with stdio_capture.opened_log(values.log_format, facts, quiet=quiet, to_stderr=call.keeps_stdout) as log:
        if ignored:
            log.say(repository_variables.note(ignored))
        for variable, name in misspelt(environ, {knob.env for knob in settings.KNOBS}):
            # A name that resembles no setting of the service may be a build setting, which images keep.
            if name:
                log.say(f"{variable} is not a setting. Did you mean {name}?")
        loop = TurnLoop()
        try:
            pool = Pool(loop, model, make_plan(model, values, environ), log.say)
            return backend.serve(loop, pool, log, values, environ)
        finally:
            loop.close()


class Call:
    """The requested back end and its arguments; by default, the back end in the settings.

    Raise BackendUnknown for a name that is not a back end's.
    """

    def __init__(self, name: str = "", arguments: Sequence[str] = ()) -> None:
        self.name = name
        self.arguments = arguments
        # Before the settings are read, if possible: a back end may reserve stdout, where problems with settings must
        # not appear.
        self._backend = backends.find(name) if name else None
        self.keeps_stdout = self._backend is not None and backends.keeps_stdout(self._backend)

    def find(self, values: settings.Settings) -> Any:
        """Return the back end; raise BackendUnknown."""
        if self._backend is None:
            self.name = values.backend
            self._backend = backends.find(self.name)
            self.keeps_stdout = backends.keeps_stdout(self._backend)
        return self._backend

    def end(self, exit_status: int, problem: Problem | None = None) -> int:
        """Notify the back end, if any, of the outcome, and return the exit status; raise its own problem."""
        if self._backend is not None:
            backends.end(self._backend, exit_status, problem)
        return exit_status


def main(args: list[str], environ: dict) -> int:
    """Run the command in `args`; return the exit status."""
    stdio_capture.open_closed_streams()
    call = Call()
    try:
        environ = image_env.complete(environ)
        ignored = repository_variables.ignore(environ)
        if args in (["prove"], ["ready"], ["weights", "start"], ["weights", "build"]):
            return _ask(args, environ)
        if args[:1] == ["selftest"] and (args[1:2], len(args)) in (([], 1), (["--verdict"], 3)):
            from nb_service import selftest
            from nb_service.backends.bus import brokers
            from nb_service.backends.grpc_service import trial

            return selftest.main(args[1:], environ, lambda: brokers.broken() + trial.broken())
        if args[:1] == ["app"] and len(args) == 3:
            from nb_service.app import process

            return process.main(args[1:], environ)
        facts = int(args[2]) if args[:1] == ["serve"] and args[1:2] in ([FACTS], [READY]) and len(args) == 3 else None
        # SageMaker starts its containers with the argument serve.
        checks_arguments = args[:1] == ["words"] and len(args) > 1
        if facts is None and args not in ([], ["serve"]):
            name, *arguments = args[1:] if checks_arguments else args
            if name in COMMANDS or name not in backends.names():
                _show_usage()
                return 2
            call = Call(name, arguments)
        status = serve(
            environ, call, facts, ignored=ignored, quiet=READY not in args, checks_arguments=checks_arguments
        )
        return status if checks_arguments else call.end(status)
    except Problem as problem:
        _print_last(_text_of(problem, args, environ), sys.stderr if call.keeps_stdout else sys.stdout)
        # The first problem has been reported; a second one would add little.
        with contextlib.suppress(Problem):
            call.end(problem.exit_status, problem)
        return problem.exit_status


def _ask(arguments: list[str], environ: dict) -> int:
    """Query the model (`prove`) or the service (`ready`), or provide weights; return the exit status."""
    if arguments[0] == "weights":
        from nb_service.weights import process

        return process.main(arguments[1], environ)
    if arguments == ["prove"]:
        from nb_service import prove

        return prove.main(environ)
    from nb_service import ready

    return ready.main(environ)


def _show_usage() -> None:
    own = ("serve", "prove", "ready", "selftest [--verdict FILE]")
    choices = " | ".join([*own, *(f"{name} …" for name in backends.names())])
    print(f"Usage: python -m nb_service [{choices}]", file=sys.stderr)


def _print_last(text: str, stream: TextIO) -> None:
    """Print `text`, whatever its characters, even if the reader of the stream has exited."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    with contextlib.suppress(OSError):
        stdio_capture.print_once(visible(text), stream)


def _text_of(problem: Problem, args: list[str], environ: dict) -> str:
    if args == ["prove"]:
        # A build parses this output.
        return json.dumps({"problem": problem.as_json()})
    if settings.log_format(environ) == log_forms.JSON:
        return as_object(f"ERROR: {problem.what}", why=problem.why, fix=problem.fix, problem=problem.code)
    return str(problem)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
