"""Predictions, written as the service writes JSON."""

from nb_scorer.model import json_codec

from nb_native.translate import labels, numbers, samples
from nb_native.translate.kinds import BOOL, FLOAT, FLOAT32, INTEGER, Real
from nb_native.values import Known, Label, Number, Record, Sample, Vector


class Answer:
    """Writes values into the program's output; collects adjacent constant text into one write."""

    def __init__(self, context):
        """Start a prediction."""
        self.context = context
        self._text = b""

    def write(self, value):
        """Write a value; raise Refusal if it has no JSON form."""
        if isinstance(value, Known):
            self._text += self._encoded(value.value)
        elif isinstance(value, (Real, Number)):
            self._number(numbers.value_of(self.context, value))
        elif isinstance(value, Label):
            self._label(value)
        elif isinstance(value, Vector):
            self._list(value.items)
        elif isinstance(value, Record):
            self._record(value)
        elif isinstance(value, Sample):
            self._flush()
            self._sample(value)
        else:
            raise self.context.rejection("returns a value that has no native form")

    def end(self):
        """Flush the remaining text and mark the prediction as complete."""
        self._flush()
        self.context.code.line("return NB_OK;")

    def _encoded(self, value):
        return labels.raised(self.context, json_codec.encode, value)

    def _flush(self):
        if self._text:
            self.context.code.line(f"nb_write(answer, {samples.c_string(self._text)}, {len(self._text)});")
        self._text = b""

    def _number(self, real):
        context = self.context
        real = numbers.clean(context, numbers.sure(context, real, "answers with"))
        self._flush()
        if real.form in (FLOAT, FLOAT32):
            context.code.line(f"nb_write_double(answer, {real.code});")
        elif real.form == INTEGER:
            context.code.line(f"nb_write_integer(answer, (int64_t){real.code});")
        elif real.form == BOOL:
            context.code.line(f"nb_write_bool(answer, {real.code} != 0);")
        else:
            context.code.line(f"nb_write_form(answer, {real.struct});")

    def _label(self, label):
        encoded = [self._encoded(item) for item in label.table]
        self._flush()
        texts = self.context.code.name("t")
        items = ", ".join(f"{{{samples.c_string(text)}, {len(text)}}}" for text in encoded)
        self.context.code.tables.append(f"static const nb_text {texts}[{len(encoded)}] = {{{items}}};")
        self.context.code.line(f"nb_write(answer, {texts}[{label.code}].text, {texts}[{label.code}].length);")

    def _list(self, items):
        self._text += b"["
        for place, item in enumerate(items):
            self._text += b", " if place else b""
            self.write(item)
        self._text += b"]"

    def _record(self, record):
        keys = [labels.raised(self.context, _key, key) for key in record.fields]
        if len(set(keys)) < len(keys):
            self.context.fail()
        self._text += b"{"
        for place, (key, value) in enumerate(zip(keys, record.fields.values())):
            self._text += (b", " if place else b"") + key + b": "
            self.write(value)
        self._text += b"}"

    def _sample(self, sample):
        is_scalar = not samples.types_of(self.context, sample) & {"list", "object"}
        self.context.code.line(f"nb_write_{'scalar' if is_scalar else 'value'}(answer, {sample.code});")


def _key(key):
    """Return a key as JSON text, with its quotes."""
    return json_codec.encode({key: None})[1 : -len(b": null}")]
