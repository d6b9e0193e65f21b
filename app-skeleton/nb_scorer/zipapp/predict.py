"""The second process of a single-file model, in the model's own Python: loads the model and scores.

It is only started with the command line of nb_scorer.zipapp.command.
"""

import io
import json
import os
import signal
import sys

from nb_scorer.common import paths
from nb_scorer.common.problem import Problem
from nb_scorer.model import manifest
from nb_scorer.protocol import answer_words, frames
from nb_scorer.worker import entry, scorer

# Imported before the repository, which may have a module of that name, is on sys.path.
from nb_scorer.zipapp import serve


def main(args):
    """Score the samples in `args` after the options, or those on stdin, or serve; return the exit status."""
    options, samples = json.loads(args[0]), args[1:]
    # stdout contains only predictions; the notebook's output goes to stderr.
    answers = io.open(os.dup(1), "wb")  # noqa: SIM115 - closed once all are written
    sys.stdout.flush()
    os.dup2(2, 1)
    try:
        loaded = _load(options)
        loaded.set_up()
        status = _use(loaded, options, samples, answers)
        loaded.tear_down()
    except Problem as problem:
        sys.stderr.write("{}\n".format(problem))
        return problem.exit_status
    except OSError as error:
        # Errors of stdin or stdout; the model's own are handled earlier.
        sys.stderr.write("ERROR: Samples can't be read, or predictions can't be written: {}.\n".format(error.strerror))
        return 1
    return status


def _use(loaded, options, samples, answers):
    if options["serve"] is not None:
        return serve.serve(loaded, options["host"], options["serve"], options["name"])
    # Ctrl-C must stop this at once, because the notebook's code could catch an exception.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    bodies = [sample.encode("utf-8", "surrogateescape") for sample in samples] if samples else _lines()
    with answers:
        return _answer_all(loaded, bodies, answers)


def _load(options):
    folder = os.path.join(options["app_root"], paths.MODEL)
    notebook = manifest.read(folder, options["digests"]).get("folder", ".")
    src = os.path.realpath(os.path.join(options["app_root"], paths.SRC, notebook))
    os.makedirs(src, exist_ok=True)
    return entry.load_scorer(folder, src, options["digests"])


def _lines():
    return (line for line in sys.stdin.buffer if line.strip())


def _answer_all(loaded, bodies, answers):
    """Write one prediction per line, an empty line for a failed sample; return 1 if any failed, else 0."""
    failed = 0
    for number, body in enumerate(bodies, 1):
        status, payload = loaded.answer(body)
        scorer.flush()
        if status != frames.OK:
            failed = 1
            message = answer_words.of_row(status, json.loads(payload.decode("ascii")))[1]
            sys.stderr.write("Sample {}: {}\n".format(number, message))
            payload = b""
        answers.write(payload.strip() + b"\n")
        # A caller may wait for each prediction before it sends the next sample.
        answers.flush()
    return failed
