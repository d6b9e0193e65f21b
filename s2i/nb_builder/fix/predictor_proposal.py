"""Proposes a predictor for a notebook that fits a model but has none, with samples in the form of its data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nb_builder.analysis import fitted_models, notebook_contract, undefined_names
from nb_builder.analysis.fitted_models import (
    ARRAY,
    BARE_TABLE,
    COLUMN,
    FORECAST,
    LIST,
    MODULE,
    NETWORK,
    OLD_SERIES,
    SERIES,
    TABLE,
    TEXTS,
    WORDS,
    FittedModel,
)
from nb_builder.analysis.needed_cells import CHECK
from nb_builder.common import syntax_trees
from nb_builder.common.cell import Cell
from nb_builder.fix import own_function, proposal_check

_MARK = "# Proposed by nb-builder: one sample in, one answer out. Change it as you like."
# {kind of data: its first three rows, as a client would send them}
_ROWS = {
    TABLE: '{}.head(3).to_dict("records")',
    BARE_TABLE: "{}.head(3).values.tolist()",
    COLUMN: "{}.head(3).tolist()",
    ARRAY: "{}[:3].tolist()",
    LIST: "{}[:3]",
}


# For models that don't take rows: {kind of model: (parameter, lines of predictor, samples)}. {model} is the model's
# name, and {texts} are the texts that the notebook passed to it.
_BY_BODY = {
    FORECAST: (
        "periods",
        [
            "future = {model}.make_future_dataframe(periods=int(periods), include_history=False)",
            'return {model}.predict(future)[["ds", "yhat"]].astype({{"ds": str}}).to_dict("records")',
        ],
        "[3]",
    ),
    SERIES: ("periods", ["return [float(value) for value in {model}.forecast(int(periods))]"], "[3]"),
    # The method also returns the standard errors.
    OLD_SERIES: ("periods", ["return [float(value) for value in {model}.forecast(int(periods))[0]]"], "[3]"),
    WORDS: (
        "word",
        ["return [[other, float(nearness)] for other, nearness in {model}.wv.most_similar(word)]"],
        'list(getattr({model}.wv, "index_to_key", None) or {model}.wv.index2word)[:3]',
    ),
    TEXTS: (
        "text",
        [
            "document = {model}(text)",
            "entities = [[entity.text, entity.label_] for entity in document.ents]",
            'return {{"entities": entities, "categories": dict(document.cats)}}',
        ],
        "{texts}",
    ),
}

# The first days after the data, as the notebook predicts them.
_CHECK_OF_FORECAST = """\
# Compares the predictor above with the notebook's own forecast. It is not part of the notebook.
def compare_with_own_forecast(forecast, last):
    rows = forecast[forecast["ds"] > last].head(3)[["ds", "yhat"]].astype({{"ds": str}}).to_dict("records")
    if not rows:
        raise ValueError("The proposed predictor can't be compared: the notebook predicts no day after its data.")
    for own, proposed in zip(rows, predictor(len(rows))):
        if own["ds"] != proposed["ds"] or abs(own["yhat"] - proposed["yhat"]) > 1e-6 * (1 + abs(own["yhat"])):
            text = "The proposed predictor answers {{!r}}, and the notebook's own model {{!r}}."
            raise ValueError(text.format(proposed, own))
    text = "The proposed predictor and the notebook's own model give the same predictions for {{}} samples."
    print(text.format(len(rows)))
    return len(rows)


{check} = compare_with_own_forecast({own}, {model}.history["ds"].max())"""


@dataclass(frozen=True)
class Proposal:
    """The source of a cell that defines predictor and examples, and of one that compares it with the notebook's model.

    `check` is None if nothing can be compared; `uncompared` is then the reason as a clause. `is_own` is True for a
    function of the notebook.
    """

    source: str
    check: str | None = None
    is_own: bool = False
    uncompared: str = "none of that model's inputs is left"


def propose(cells: Sequence[Cell], notebook: Path, python: Path) -> Proposal | None:
    """Return a predictor for a notebook that fits a model; None if no fitted model is recognised.

    `cells` are the notebook's. The proposal has no undefined names, and fulfils the contract as far as that can be
    checked before a run.
    """
    model = fitted_models.find(cells)
    return next(_proposals([model] if model else [], cells, notebook, python), None)


def propose_all(cells: Sequence[Cell], notebook: Path, python: Path) -> list[Proposal]:
    """Return a predictor for each recognised model, most recently used first; see `propose`."""
    return list(_proposals(fitted_models.find_all(cells), cells, notebook, python))


def _proposals(
    models: Sequence[FittedModel], cells: Sequence[Cell], notebook: Path, python: Path
) -> Iterator[Proposal]:
    defined = undefined_names.Uses(cells).defined
    proposals = [
        _by_body(model, defined) if model.model_class in _BY_BODY else _proposal(model, defined, cells)
        for model in models
    ]
    # A function that wraps a model also prepares the sample and names the prediction, so it comes first.
    own = own_function.propose(cells, _MARK, [model.name for model in models])
    for proposal in [*([Proposal(own, is_own=True)] if own else []), *proposals]:
        if _is_right(proposal.source, cells, notebook, python):
            yield proposal


def _by_body(model: FittedModel, defined: set[str]) -> Proposal:
    """Return a predictor for a model that doesn't take rows."""
    parameter, body, examples = _BY_BODY[model.model_class]
    lines = [_MARK, f"def predictor({parameter}):", *(f"    {line.format(model=model.name)}" for line in body)]
    if "examples" not in defined:
        lines += ["", "", f"examples = {examples.format(model=model.name, texts=model.samples)}"]
    own = model.own[0].answered if model.model_class == FORECAST and model.own else ""
    # Otherwise, the call gets the training data, and the result isn't a forecast.
    own = own if own.isidentifier() else ""
    check = _CHECK_OF_FORECAST.format(check=CHECK, model=model.name, own=own) if own else None
    if model.model_class == FORECAST:
        return Proposal("\n".join(lines), check, uncompared="the notebook keeps no forecast of it")
    return Proposal("\n".join(lines), check, uncompared="only models that take rows, and Prophet, are compared")


def _proposal(model: FittedModel, defined: set[str], cells: Sequence[Cell]) -> Proposal:
    imports: list[str] = []
    above: list[str] = []
    rows = "[x]"
    columns = ""
    if model.kind == TABLE:
        pandas = _module("pandas", "pd", model, imports)
        columns = _free("columns", defined)
        above.append(f"{columns} = list({model.samples}.columns)")
        # By column name, so that order doesn't matter and a missing name is an error.
        rows = f"{pandas}.DataFrame([x])[{columns}]"
    for step in model.steps:
        rows = step.replace("{}", rows, 1)
    if model.model_class == MODULE:
        return _of_module(model, defined, cells, rows)
    answer = f"{model.name}.predict({_as_input(model, rows, imports)})"
    decoded = "{}"
    if model.scaler:
        numpy = _module("numpy", "np", model, imports)
        scaled_back = f"{model.scaler}.inverse_transform({{}}.reshape({{}}, (1, -1)))[0][0]"
        # The cell with the check imports numpy itself.
        answer, decoded = scaled_back.format(numpy, answer), scaled_back.format("np", "{}")
    elif model.model_class == NETWORK and model.classes:
        decoded = f"{model.classes}[int({{}}.argmax())]"
        answer = decoded.format(f"{answer}[0]")
    elif model.model_class == NETWORK:
        ending = ".argmax()" if any("softmax" in cell.source for cell in cells) else ".tolist()"
        answer, decoded = f"{answer}[0]{ending}", f"{{}}{ending}"
    elif model.encoder:
        answer = f"{model.encoder}.inverse_transform({answer})[0]"
        decoded = f"{model.encoder}.inverse_transform([{{}}])[0]"
    elif model.classes:
        names = _free("class_names", defined)
        above.append(f"{names} = {model.classes}")
        answer = f"{names}[{answer}[0]]"
        decoded = f"{names}[{{}}]"
    else:
        answer += "[0]"
    head = [_MARK, *imports, *([""] if imports and above else []), *above, *(["", ""] if imports or above else [])]
    parts = [*head, "def predictor(x):", f"    return {answer}"]
    if "examples" not in defined:
        parts += ["", "", f"examples = {_ROWS[model.kind].format(model.samples)}"]
    return Proposal("\n".join(parts), proposal_check.cell(model, columns, decoded))


def _as_input(model: FittedModel, rows: str, imports: list[str]) -> str:
    """Return the expression `rows` in the form that the model takes."""
    if model.model_class == NETWORK and model.kind == TABLE and not model.steps:
        rows = f"{rows}.values"
    if model.dtype:
        rows = f"{_module('numpy', 'np', model, imports)}.asarray({rows}, {model.dtype!r})"
    elif model.arrays_only and not model.steps and model.kind != TABLE:
        rows = f"{_module('numpy', 'np', model, imports)}.asarray({rows})"
    return model.wrapper.replace("{}", rows, 1) if model.wrapper else rows


def _of_module(model: FittedModel, defined: set[str], cells: Sequence[Cell], rows: str) -> Proposal:
    """Return a predictor for a PyTorch model in evaluation mode."""
    imports: list[str] = []
    torch = _module("torch", "torch", model, imports)
    dtype = _free("sample_type", defined)
    ending = ".argmax()" if any("CrossEntropyLoss" in cell.source for cell in cells) else ""
    decoded = f"{model.classes}[int({{}}.argmax())]" if model.classes else f"{{}}{ending}.tolist()"
    answer = decoded.format(f"{model.name}({torch}.as_tensor({rows}, dtype={dtype}))[0]")
    lines = [
        _MARK,
        *imports,
        f"{dtype} = {model.samples}.dtype",
        "",
        "",
        "def predictor(x):",
        f"    {model.name}.eval()",
        f"    with {torch}.no_grad():",
        f"        return {answer}",
    ]
    if "examples" not in defined:
        lines += ["", "", f"examples = {_ROWS[model.kind].format(model.samples)}"]
    return Proposal("\n".join(lines), proposal_check.cell(model, "", decoded))


def _module(name: str, usual: str, model: FittedModel, imports: list[str]) -> str:
    """Return the notebook's name of a module; if it isn't imported, add the import to `imports`."""
    own = next((own for own, dotted in model.imports.items() if dotted == name), None)
    if own is None:
        imports.append(f"import {name} as {usual}")
    return own or usual


def _free(name: str, defined: set[str]) -> str:
    while name in defined:
        name += "_"
    return name


def _is_right(source: str, cells: Sequence[Cell], notebook: Path, python: Path) -> bool:
    if syntax_trees.tree(source) is None:
        return False
    position = 1 + max((cell.position or 0 for cell in cells), default=0)
    whole = [*cells, Cell(source, len(cells) + 1, position)]
    problems, notes = undefined_names.findings(whole, notebook, python)
    return not problems and not notes and not list(notebook_contract.findings(whole, notebook, python))
