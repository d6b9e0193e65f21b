"""Finds files in samples of a notebook's calls and examples, and converts them to what a client would send."""

from nb_scorer.model import binary, call_arguments, signatures

# A client sends a file in JSON as base64, and the whole must fit into the default of S2I_MAX_BODY.
MAX_BYTES = 8 << 20


def in_json(predictor, sample):
    """Return (the sample in JSON form, the result of `facts`) for an argument of `predictor`.

    Files become data: URLs; a sample without files is returned unchanged. Raises ValueError for a file that can't be
    read.
    """
    facts_of_sample = facts(predictor, sample)
    hinted = (
        signatures.files_of(signatures.adapt_functions({"predictor": predictor})["predictor"])
        if _may_be_pixels(sample)
        else {}
    )
    if not hinted and not any(kind for kind, _ in facts_of_sample.values()):
        return sample, facts_of_sample
    if "" in facts_of_sample:
        return binary.json_value(sample, hinted.get("", (None,))[0]), facts_of_sample
    values = {name: binary.json_value(value, hinted.get(name, (None,))[0]) for name, value in sample.items()}
    return values, facts_of_sample


def known(predictor, examples, calls):
    """Return the result of `agreed` for a notebook's examples and its own calls of `predictor`."""
    samples = examples if isinstance(examples, (list, tuple)) else ()
    return agreed([facts(predictor, sample) for sample in samples] + [call.files for call in calls if call.current])


def facts(predictor, sample):
    """Return {argument: (kind of file or None, whether it is a list of them)}; a single argument is named ""."""
    named = call_arguments.inspect_arguments(predictor).named
    values = {"": sample} if not named else sample if isinstance(sample, dict) else {}
    return {name: _fact(value) for name, value in values.items()}


def agreed(all_facts):
    """Return {argument: (kind, whether it is a list)} for arguments that are files in all samples that have them."""
    found: dict = {}
    for facts_of_sample in all_facts:
        for name, fact in facts_of_sample.items():
            found.setdefault(name, set()).add(fact)
    single = {name: next(iter(each)) for name, each in found.items() if len(each) == 1}
    return {name: fact for name, fact in single.items() if fact[0] is not None}


def _fact(value):
    is_list = type(value) in (list, tuple) and bool(value)
    kinds = {binary.kind_of_value(item) for item in (value if is_list else [value])}
    kind = kinds.pop() if len(kinds) == 1 else None
    return kind, is_list and kind is not None


def _may_be_pixels(sample):
    values = sample.values() if isinstance(sample, dict) else sample if type(sample) in (list, tuple) else [sample]
    return any(hasattr(value, "dtype") for value in [sample, *values])
