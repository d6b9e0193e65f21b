"""The first process of a single-file model: verifies it, creates its environment, and starts a process there."""

import argparse
import contextlib
import json
import os
import signal
import stat
import sys

from nb_scorer.common import paths
from nb_scorer.common.problem import Problem
from nb_scorer.protocol import launch
from nb_scorer.zipapp import environment, layout, trust
from nb_scorer.zipapp.carried import Carried, unpack_once
from nb_scorer.zipapp.problems import ZipappEnvironment

_ENTRY = "nb_scorer.zipapp.predict"
_KEY = "S2I_VERIFY_KEY_FILE"
_ABOUT = """\
Predict with the model in this file. A SAMPLE is JSON, as in '[0.2, 0.7]'; each prediction is a line of JSON on stdout.
Without SAMPLE, samples are read from stdin, one per line. A failed sample gives an empty line, and stderr shows why."""


def main(arguments):
    """Run the command line `arguments`; return the exit status.

    It is 1 if a sample has no prediction, and 130 after Ctrl-C.
    """
    # Handled even if the caller ignores SIGINT, as shells do for background jobs.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = _parser(arguments[0])
    parsed = parser.parse_args(arguments[1:])
    if parsed.verify and not parsed.key:
        parser.error("--verify needs --key with the public key to trust")
    try:
        with Carried(os.path.abspath(arguments[0])) as carried:
            return _verify(carried, parsed.key) if parsed.verify else _run(carried, parsed)
    except Problem as problem:
        sys.stderr.write("{}\n".format(problem))
        return problem.exit_status
    except KeyboardInterrupt:
        # The next run repeats unfinished steps.
        return 128 + signal.SIGINT


def _parser(name):
    parser = argparse.ArgumentParser(prog=os.path.basename(name), description=_ABOUT, allow_abbrev=False)
    parser.add_argument("samples", nargs="*", metavar="SAMPLE", help="a sample as JSON")
    parser.add_argument(
        "--key",
        type=_key,
        default=os.environ.get(_KEY) or None,
        metavar="FILE",
        help="run only a file that the key in FILE (public, PEM) has signed; by default " + _KEY,
    )
    parser.add_argument("--verify", action="store_true", help="verify all of the file with --key, and run nothing")
    parser.add_argument("--serve", type=port, metavar="PORT", help="serve HTTP: POST /predict")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on (%(default)s)")
    parser.add_argument("--cache", default=_cache(), metavar="FOLDER", help="folder for its packages (%(default)s)")
    return parser


def _key(text):
    if not text:
        raise argparse.ArgumentTypeError("it is empty; without --key, nothing is verified")
    return text


def port(text):
    """Return a port number; raise ValueError, for which argparse uses this function's name."""
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError(text)
    return port


def _cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    # Not the cache of builds, which the user's group may be able to write to: this code is executed.
    return os.path.join(base, "nb-builder-models")


def _run(carried, parsed):
    """Replace this process with the one that scores; raise the problem that prevents it."""
    if parsed.key:
        signed, signer, is_whole = _signed(carried, parsed.key)
        # All at once, so that a file is either valid or not, whichever parts this run needs. Packages can be large, so
        # they are verified during installation.
        _compare(carried, {name: signed[name] for name in signed if not layout.is_wheel(name)})
        whole = "" if is_whole else ", the program around it is not signed"
        sys.stderr.write("model verified by {}{}\n".format(signer, whole))
    else:
        signed = {}
        sys.stderr.write("signature not checked (--key names the signer's key)\n")
    digests = _complete(carried, signed)
    cache = os.path.abspath(parsed.cache)
    for folder in (cache, os.path.join(cache, "models"), os.path.join(cache, "venvs")):
        _require_own(folder)
    minor = environment.minor_of(carried, digests)
    python = environment.made(carried, digests, minor, cache)
    parts = (layout.PROGRAM, layout.MODEL, layout.SRC)
    names = [name for name in carried.names if name.startswith(parts)]
    try:
        folder = unpack_once(carried, names, digests, os.path.join(cache, "models"))
        # The notebook's folder may be empty, and neither git nor a zip file stores empty folders.
        os.makedirs(os.path.join(folder, paths.SRC), exist_ok=True)
    except OSError as error:
        raise ZipappEnvironment(cache, error.strerror or str(error))
    start = len(layout.MODEL)
    of_model = {name[start:]: digests[name] for name in signed if name.startswith(layout.MODEL)}
    options = {
        "app_root": folder,
        "digests": of_model or None,
        "serve": parsed.serve,
        "host": parsed.host,
        "name": carried.facts.get("name") or os.path.basename(carried.path),
    }
    command = launch.command(python, json.dumps(options), *parsed.samples, home=folder, entry=_ENTRY)
    sys.stderr.flush()
    try:
        os.execve(command[0], command, launch.environment(os.environ))  # noqa: S606 - no shell is needed
    except OSError as error:
        raise ZipappEnvironment(cache, "{}: {}".format(python, error.strerror))


def _require_own(folder):
    """Create a folder whose contents will be executed; raise ZipappEnvironment if other users can write to it."""
    try:
        os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
        # It may exist already, or be created at this moment by another process.
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        # The cache itself may be a link, because no other user can redirect a link of this user.
        about, link = os.stat(folder), os.lstat(folder)
    except OSError as error:
        raise ZipappEnvironment(folder, error.strerror or str(error))
    if {about.st_uid, link.st_uid} != {os.geteuid()}:
        raise ZipappEnvironment(folder, "it belongs to another user, who could change the code that runs")
    if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ZipappEnvironment(folder, "other users can write to it, and could change the code that runs")


def _verify(carried, key):
    """Verify everything in the file; return 0, or raise the problem found."""
    signed, signer, is_whole = _signed(carried, key)
    _compare(carried, signed)
    what = "The file" if is_whole else "The content of the file"
    print("{} is what {} has signed, {} files.".format(what, signer, len(signed)))
    return 0


def _signed(carried, key):
    """Return the result of trust.digests_of for the keys in a file; raise also for a foreign program."""
    signed, signer, is_whole = trust.digests_of(carried, trust.keys_of(key))
    if not is_whole:
        trust.check_program(carried)
    return signed, signer, is_whole


def _compare(carried, signed):
    """Raise ZipappUntrusted if a file's digest differs from that in `signed`."""
    for name in sorted(signed):
        carried.digest_of(name, signed[name])


def _complete(carried, signed):
    """Return `signed` with the other executed files, which no signature covers; the digests name the folders."""
    names = carried.names - set(signed)
    # Packages are verified when they are installed; in folder names, their list represents them.
    digests = {name: None if layout.is_wheel(name) else carried.digest_of(name) for name in names}
    digests.update(signed)
    return digests
