"""The two cells that script two gets from us: one before the author's first, one after the last."""

from pathlib import Path

from nb_builder.cells import Cell

BEGIN = """\
# Samples that the notebook itself hands to predictor become golden rows.
import nb_scorer.recorder
nb_scorer.recorder.install(get_ipython())
del nb_scorer
"""

END = """\
# Saves predictor and what it needs, for the service.
import nb_scorer.model, nb_scorer.recorder
nb_scorer.model.save(
    globals(),
    folder={folder!r},
    notebook={notebook!r},
    recorded=nb_scorer.recorder.recorded(get_ipython()),
    tolerance={tolerance!r},
    complaint={complaint!r},
)
"""


def begin() -> Cell:
    """Return the cell that runs before the author's first."""
    return Cell(BEGIN, title="nb-builder: note the notebook's own calls of predictor")


def end(*, folder: Path, notebook: str, tolerance: float, complaint_file: Path) -> Cell:
    """Return the cell that saves the model into `folder`, or says in `complaint_file` why it can't.

    `notebook` is its path relative to the repository.
    """
    source = END.format(
        folder=str(folder.absolute()),
        notebook=notebook,
        tolerance=tolerance,
        complaint=str(complaint_file.absolute()),
    )
    return Cell(source, title="nb-builder: save predictor")
