"""The command line of the processes of the model Python.

On sys.path, the repository's folder comes before the installed packages (see runtime_paths), and the notebook may put
other folders first, any of which may contain a cloudpickle.py or a socket.py. So our own imports come first.
"""

import os

# Set for another Python, these would change what the notebook's code imports or how it runs. With the first one,
# packages would be compiled again at each start.
NOT_FOR_THE_NOTEBOOK = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSAFEPATH",
    "PYTHONSTARTUP",
    "PYTHONNOUSERSITE",
    "__PYVENV_LAUNCHER__",
)

# Uses only the syntax of CPython 3.6. '' is the working directory, from which no module may be imported.
_PROGRAM = """\
import sys
sys.path[:] = [entry for entry in sys.path if entry]
sys.path.append(sys.argv.pop(1))
from {} import main
sys.exit(main(sys.argv[1:]))
"""

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def command(python, *args, home=HOME, entry="nb_scorer.worker.entry"):
    """Return the argv that runs a module's main with `args` in the interpreter `python`; `home` contains nb_scorer."""
    return [str(python), "-c", _PROGRAM.format(entry), home] + [str(arg) for arg in args]


def environment(environ):
    """Return a copy of `environ` without variables meant for another Python than the notebook's."""
    return {key: value for key, value in environ.items() if key not in NOT_FOR_THE_NOTEBOOK}
