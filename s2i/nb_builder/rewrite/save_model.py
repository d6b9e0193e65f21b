"""Adds nb-builder's cells of script two: the first records calls of predictor, the last saves the model."""

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from traitlets import Dict

from nb_builder.rewrite.number_cells import own_cell

_WATCH = """\
import nb_scorer.kernel.cell_names, nb_scorer.kernel.file_read_audit, nb_scorer.kernel.call_recorder
import nb_scorer.kernel.fit_recorder
nb_scorer.kernel.cell_names.install(get_ipython(), {notebook!r})
nb_scorer.kernel.call_recorder.install(get_ipython(), {known[predictors]!r}.values())
if {known[drift]!r}: nb_scorer.kernel.fit_recorder.install(get_ipython())
nb_scorer.kernel.file_read_audit.watch({src!r})
del nb_scorer"""

_SAVE = """\
import nb_scorer.kernel.save_model, nb_scorer.kernel.file_read_audit, nb_scorer.kernel.call_recorder
import nb_scorer.kernel.fit_recorder
nb_scorer.kernel.file_read_audit.write({reads!r})
nb_scorer.kernel.save_model.save(
    globals(),
    folder={folder!r},
    notebook={notebook!r},
    recorded=nb_scorer.kernel.call_recorder.recorded(get_ipython()),
    tolerance={tolerance!r},
    complaint={complaint!r},
    known=dict({known!r}, fits=nb_scorer.kernel.fit_recorder.recorded(get_ipython())),
)"""


class SaveModel(Preprocessor):
    """Adds a cell before and one after the author's cells; `facts` are the values for their placeholders."""

    facts = Dict(
        help="src and reads: see nb_scorer.kernel.file_read_audit; all others: see nb_scorer.kernel.save_model.save."
    ).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Return the notebook with an additional cell at either end."""
        first = own_cell("nb-builder: watch the notebook's own calls of predictor", _WATCH.format(**self.facts))
        last = own_cell("nb-builder: save predictor and validator", _SAVE.format(**self.facts))
        nb.cells = [first, *nb.cells, last]
        return nb, resources
