"""Entry point of processes of the model Python: a `zygote` supervises, a `scorer` loads the model itself.

They are only started with the command line of nb_scorer.protocol.launch.
"""

import io
import json
import os
import socket
import sys

from nb_scorer.model import binary, manifest, process_state, runtime_paths
from nb_scorer.model.load import ModelProblem, load
from nb_scorer.protocol import log_forms
from nb_scorer.protocol.shared_counters import SharedCounters
from nb_scorer.worker import log_streams, scorer, zygote


def main(args):
    """Run the role that `args` name; return the exit status.

    `args`: role, inherited socket (of a scorer: its links and the file of their counters), the parent's pid, mode, form
    of the log, "1" if the notebook's setup should be called, model folder, notebook folder, digests ("", or a JSON
    object of those that the front has verified), and the limits for files as in nb_scorer.model.binary, in JSON.
    """
    role, fds, parent, mode = args[0], [int(fd) for fd in args[1].split(",")], int(args[2]), args[3]
    runs_setup, model_args = args[5] == "1", args[6:]
    zygote.die_with_parent(parent)
    _line_buffer(args[4])
    sock = socket.socket(fileno=fds[0])
    for fd in fds:
        os.set_inheritable(fd, False)
    if role == "zygote":
        return _zygote(sock, mode, args[3:6], model_args)
    return _lone_scorer(sock, fds, runs_setup, model_args)


def _zygote(control, mode, how, model_args):
    """Run the zygote; `how` is also passed to scorers: mode, form of the log, whether to call setup."""
    try:
        return zygote.Zygote(control, mode, lambda: _of_front(*model_args), [*how, *model_args], how[2] == "1").run()
    except ModelProblem as problem:
        zygote.send_event(control, dict(scorer.problem_facts(problem), event="failed"))
        return 1


def _lone_scorer(link, fds, runs_setup, model_args):
    try:
        try:
            model = _of_front(*model_args)
            return scorer.serve(link, SharedCounters(fds[-1]), model, runs_setup, scorer.lanes_of(fds))
        except ModelProblem as problem:
            scorer.report_problem(link, problem)
            return 1
    except OSError:
        # The front has closed its socket, for example because another scorer has reported the same problem.
        pass
    return 0


def _of_front(folder, notebook_folder, digests, limits):
    binary.limits.set(**json.loads(limits))
    return load_scorer(folder, notebook_folder, json.loads(digests) if digests else None)


def load_scorer(folder, notebook_folder, digests=None):
    """Return the Scorer of the model in `folder`, after switching to the notebook's folder.

    `digests` are those of a verified signature; raise ModelProblem as nb_scorer.model.load does.
    """
    pid = os.getpid()
    try:
        # Checked before anything in the manifest is used: it names folders of modules, which the pickle imports.
        model_manifest = manifest.read(folder, digests)
        runtime_paths.enter(notebook_folder, model_manifest)
        process_state.before_load(model_manifest.get("process_state"))
        model = load(folder, digests)
        process_state.after_load(model_manifest.get("process_state"))
        return scorer.Scorer(model, model.form)
    finally:
        # If the notebook's code forks while the model is loaded, the copy must not serve, too.
        if os.getpid() != pid:
            os._exit(1)


def _line_buffer(form):
    """Write the notebook's output to the log line by line, with any characters, in the log's `form`."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        stream.flush()
        if form == log_forms.PLAIN and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
            continue
        if form == log_forms.PLAIN:
            # On CPython 3.6, a stream can only be replaced.
            replacement = io.TextIOWrapper(stream.detach(), "utf-8", "backslashreplace", line_buffering=True)
        else:
            replacement = log_streams.Marked(stream, form, name)
        setattr(sys, name, replacement)
        setattr(sys, "__{}__".format(name), replacement)
