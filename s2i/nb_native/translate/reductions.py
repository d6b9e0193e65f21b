"""min, max, sum, all and any: unrolled for known items, loops over the sample."""

import ast
import sys

from nb_native.translate import choices, conditions, displays, iteration, labels, numbers, samples
from nb_native.translate.conditions import Condition
from nb_native.translate.context import Raised
from nb_native.translate.kinds import BOOL, EITHER, FLOAT, FLOAT32, INTEGER, PYTHON, TEXT, Lazy, Real
from nb_native.values import Known, Label, Sample

# Since Python 3.12, sum() compensates for rounding errors of float additions.
SUM_KEEPS_LOST = int(sys.version_info >= (3, 12))


def _values_of(context, node):
    """Return the arguments of min, max or sum: several values, the items of a single one, or a Sample."""
    if node.keywords:
        raise context.rejection("calls min, max or sum with keywords")
    positional = displays.items_of_display(context, node.args)
    if len(positional) != 1:
        return positional
    value = positional[0]
    if isinstance(value, Sample) and value.code not in context.facts.lengths:
        return value
    if isinstance(value, Lazy):
        iteration.require_known_length(context)
    return iteration.iterated(context, value)


def extreme(context, node, symbol):
    """Return max() for ">", min() for "<"."""
    values = _values_of(context, node)
    if isinstance(values, Sample):
        expression = f"nb_extreme({values.code}, {int(symbol == '>')})"
        return numbers.made(context, expression, None, PYTHON, TEXT)
    return extreme_of(context, values, symbol)


def extreme_of(context, values, symbol):
    """Return the largest value for ">" (smallest for "<"), the first one if equal, as Python does."""
    if not values:
        context.fail()
    if all(isinstance(value, (Known, Label)) for value in values):
        return labels.mapped(context, lambda *items: (max if symbol == ">" else min)(items), *values)
    if not all(isinstance(value, Sample) or numbers.is_number(value) for value in values):
        raise context.rejection("uses min or max of values that have no native form")
    sampled = [value for value in values if isinstance(value, Sample)]
    may_be = TEXT if len(sampled) == len(values) else None
    reals = [
        numbers.of_sample(context, value, may_be)
        if isinstance(value, Sample)
        else numbers.real_for(context, value, "compares")
        for value in values
    ]
    if len(values) == 1:
        return reals[0]
    if may_be and any(real.other for real in reals):
        first = sampled[0].code
        for value, real in zip(sampled[1:], reals[1:]):
            tests = [f"{one.struct}.form == NB_AS_OTHER" for one in (reals[0], real) if one.other]
            context.fail_if(f"({' || '.join(tests)}) && {first}->type != {value.code}->type")
    if sampled and any(real.owner != PYTHON for real in reals):
        if any("list" in samples.types_of(context, value) for value in sampled):
            raise context.rejection("compares a numpy number with a value that may be a list; convert it with float()")
    forms, owners = {real.form for real in reals}, {real.owner for real in reals}
    owner = owners.pop() if len(owners) == 1 else EITHER
    if len(forms) == 1 and forms <= {FLOAT, FLOAT32, INTEGER}:
        form = forms.pop()
        ctype = "float" if form == FLOAT32 else "double"
        name = context.name_of("v", f"{ctype} {{}} = {reals[0].code};")
        for real in reals[1:]:
            context.code.line(f"if ({real.code} {symbol} {name})")
            context.code.line(f"    {name} = {real.code};")
        return Real(name, form, owner)
    if FLOAT32 in forms:
        raise context.rejection("compares float32 with other numbers; convert it with float()")
    name = context.name_of("n", f"nb_number {{}} = {numbers.struct_of(reals[0])};")
    for real in reals[1:]:
        context.code.line(f"if ({real.code} {symbol} {name}.value)")
        context.code.line(f"    {name} = {numbers.struct_of(real)};")
    other = next((real.other for real in reals if real.other), None)
    return Real(f"{name}.value", f"{name}.form", owner, name, other)


def total(context, node):
    """Return sum()."""
    values = _values_of(context, node) if len(node.args) == 1 else None
    if values is None:
        raise context.rejection("calls sum with a start value value")
    if isinstance(values, Sample):
        return numbers.made(context, f"nb_sum({values.code}, {SUM_KEEPS_LOST})", None)
    if all(isinstance(value, Known) for value in values):
        return Known(labels.raised(context, sum, [value.value for value in values]))
    if not all(isinstance(value, Sample) or numbers.is_number(value) for value in values):
        context.fail()
    reals = [numbers.real_of(context, value) for value in values]
    if any(real.owner != PYTHON for real in reals):
        found = Known(0)
        for real in reals:
            found = numbers.binary(context, ast.Add(), found, real)
        return found
    name = context.name_of("a", f"nb_total {{}} = nb_no_total({SUM_KEEPS_LOST});")
    for real in reals:
        real = numbers.clean(context, real)
        context.return_if(f"nb_add(&{name}, {numbers.struct_of(real)})", f"{name}.sum.failed")
    forms = {real.form for real in reals}
    form = FLOAT if FLOAT in forms else INTEGER if forms <= {BOOL, INTEGER} else None
    return numbers.made(context, f"nb_total_of(&{name})", form)


def all_or_any(context, node, is_all):
    """Return the Condition of all(…) or any(…); over the sample, write a loop."""
    if len(node.args) != 1 or node.keywords:
        context.fail()
    argument = node.args[0]
    if isinstance(argument, (ast.GeneratorExp, ast.ListComp)) and len(argument.generators) == 1:
        return _all_of_comprehension(context, argument, is_all)
    return _all_of_items(context, context.evaluate(argument), is_all, lambda item: conditions.truth_of(context, item))


def all_of_mapped(context, value, make, is_all):
    """Return the Condition of all(map(…)) or any(map(…)); `make` computes the result for an item of `value`."""
    return _all_of_items(context, value, is_all, lambda item: conditions.truth_of(context, make(item)))


def _all_of_items(context, value, is_all, test):
    """Return the Condition that all or any of a value's items satisfy `test`, which returns an item's Condition."""
    if isinstance(value, Sample) and value.code not in context.facts.lengths:
        return _loop(context, value, is_all, test)
    found = Condition(is_all)
    for item in iteration.iterated_in_part(context, value):
        found = choices.joined(context, found, is_all, lambda item=item: test(item))
        if found.is_known and found.code is not is_all:
            break
    return found


def _all_of_comprehension(context, node, is_all):
    generator = node.generators[0]
    frame = context.frame
    saved = dict(frame.names)
    try:
        iterable = context.evaluate(generator.iter)

        def test(item):
            iteration.assign(context, generator.target, item)
            with context.at(node):
                parts = [*generator.ifs, node.elt]
                return _of_parts(context, parts, is_all)

        # A list is built completely before its first item is checked, so any item may raise.
        is_list = isinstance(node, ast.ListComp)
        if isinstance(iterable, Sample) and (not is_list or iterable.code not in context.facts.lengths):
            return _loop(context, iterable, is_all, test, stops=not is_list)
        if is_list:
            frame.names = saved
            made = context.evaluate(node)
            return _all_of_items(context, made, is_all, lambda item: conditions.truth_of(context, item))
        return _all_of_items(context, iterable, is_all, test)
    finally:
        frame.names = saved


def _of_parts(context, parts, is_all):
    """Return the Condition for one item; items that an `if` skips don't affect the outcome."""
    condition = context.truth(parts[0])
    if len(parts) == 1:
        return condition
    left_out = condition.negated() if is_all else condition
    return choices.joined(context, left_out, not is_all, lambda: _of_parts(context, parts[1:], is_all))


def _loop(context, sample, is_all, test, stops=True):
    samples.require(context, sample, frozenset(["list", "text", "object"]))
    name = context.name_of("c", f"int {{}} = {int(is_all)};")
    cursor = samples.cursor_over(context, sample)
    item = context.code.name("s")
    any_item = samples.any_item(context, sample)
    with context.captured() as lines:
        try:
            condition = test(Sample(item))
        except Raised:
            condition = None
        if condition is not None and condition.code is not is_all:
            code = int(condition.code) if condition.is_known else condition.code
            context.code.line(f"if ({'!' if is_all else ''}({code})) {{")
            context.code.line(f"    {name} = {int(not is_all)};")
            if stops:
                context.code.line("    break;")
            context.code.line("}")
    context.code.lines_in(samples.loop_over(cursor, item), lines)
    found = Condition(name)
    if is_all and condition is not None:
        # Facts that hold for each item hold for any item; but the items of text and objects are of another kind.
        reported = {(any_item, about): what for (code, about), what in condition.if_true.items() if code == item}
        if samples.types_of(context, sample) == {"list"}:
            found.if_true = reported
        elif "text" not in reported.get((any_item, "types"), {"text"}) and context.facts.lengths.get(sample.code):
            # The value is neither text nor an object, whose items are text; an empty one would be accepted.
            found.if_true = {**reported, (sample.code, "types"): frozenset(["list"])}
    return found
