"""Our own cells of script two: the first watches the notebook's calls of predictor, the last saves the model."""

from nbconvert.preprocessors import Preprocessor
from traitlets import Dict

from nb_builder.rewrite.number_cells import own_cell

_WATCH = """\
import sys
sys.path.append({scorer_folder!r})
from nb_scorer import recorder
recorder.install(get_ipython())
del recorder, sys"""

_SAVE = """\
from nb_scorer import model as _model, recorder as _recorder
_model.save(
    globals(),
    {model_folder!r},
    notebook={notebook!r},
    notebook_folder={notebook_folder!r},
    recorded=_recorder.samples(),
    tolerance={tolerance!r},
    complaint={complaint!r},
)"""


class SaveModel(Preprocessor):
    """Puts our two cells around the author's; `facts` fills in folders, names and the tolerance."""

    facts = Dict(help="Values for the names in braces of both cells.").tag(config=True)

    def preprocess(self, nb, resources):
        """Return the notebook with a cell more at either end."""
        first = own_cell("nb-builder: watch the notebook's own calls of predictor", _WATCH.format(**self.facts))
        last = own_cell("nb-builder: save predictor and validator", _SAVE.format(**self.facts))
        nb.cells = [first, *nb.cells, last]
        return nb, resources

