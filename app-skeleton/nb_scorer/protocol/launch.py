"""How a process of the model Python starts: the one definition of its command line.

The repository's folder comes before the installed packages on sys.path (see runtime_paths), and the
notebook may put other folders first: they may hold a cloudpickle.py or a socket.py. So nothing of ours is
imported once they are there.
"""

import os

# Set for another Python, these would change what the notebook's code imports or how it runs; the first
# would have its packages compiled again at each start.
NOT_FOR_THE_NOTEBOOK = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSAFEPATH",
    "PYTHONSTARTUP",
    "PYTHONNOUSERSITE",
    "__PYVENV_LAUNCHER__",
)

# Kept to what CPython 3.6 reads. '' stands for the working directory, which is nobody's module folder.
_PROGRAM = """\
import sys
sys.path[:] = [entry for entry in sys.path if entry]
sys.path.append(sys.argv.pop(1))
from {} import main
sys.exit(main(sys.argv[1:]))
"""

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def command(python, *args, home=HOME, entry="nb_scorer.worker.entry"):
    """Return the argv that runs the main of a module with `args` in the interpreter `python`; `home` has nb_scorer."""
    return [str(python), "-c", _PROGRAM.format(entry), home] + [str(arg) for arg in args]


def environment(environ):
    """Return a copy of `environ` without what is meant for another Python than the notebook's."""
    return {key: value for key, value in environ.items() if key not in NOT_FOR_THE_NOTEBOOK}
