"""CountVectorizer, TfidfVectorizer and TfidfTransformer: text as a row of word or n-gram counts."""

import re

import numpy as np

from nb_native.estimators import characters
from nb_native.estimators.registry import form
from nb_native.estimators.rows import reject_other_output
from nb_native.estimators.tables import indexed_table
from nb_native.refusal import Refusal
from nb_native.values import Sparse, Text, Vector

VECTORIZERS = ("CountVectorizer", "TfidfVectorizer")
# All that accept text: HashingVectorizer has no native form.
TEXT_READERS = (*VECTORIZERS, "HashingVectorizer")
_UNITS = {"word": "NB_WORDS", "char": "NB_LETTERS", "char_wb": "NB_LETTERS_WITHIN_WORDS"}
# Words with a minimum number of characters: r"(?u)\b\w\w+\b" and similar.
_PATTERN = re.compile(r"(?:\(\?u\))?\\b((?:\\w)+)\+\\b")
# More would take too long for text of a megabyte.
_MAX_UNITS = 16
# In bytes: longer strings aren't words, and take memory.
_MAX_TERM = 1 << 14
_MAX_TERMS = 1 << 20
# A larger idf would make the weight of a very frequent term infinite.
_MAX_IDF = 1e100
_BLOCK = 16
_MAX_SHARED, _SIZE_FOLLOWS = 15, 15

_NORMS = {
    "l1": "sum += nb_fabs(row[i].number);",
    "l2": "sum += row[i].number * row[i].number;",
}
_NORMALIZE = """\
/* Divide a row by its {norm} norm. */
static void $name(nb_entry *row, uint32_t count)
{{
    double sum = 0.0;
    for (uint32_t i = 0; i < count; i++)
        {step}
    {root}if (sum != 0.0)
        for (uint32_t i = 0; i < count; i++)
            row[i].number /= sum;
}}"""
_REVERSE = """\
/* Turn a row round. */
static void $name(nb_entry *row, uint32_t count)
{
    for (uint32_t i = 0; i < count / 2; i++) {
        nb_entry entry = row[i];
        row[i] = row[count - 1 - i];
        row[count - 1 - i] = entry;
    }
}"""


# --- counts ---


@form("sklearn", ["CountVectorizer"], "transform")
def _count(code, vectorizer, rows):
    kind = {"int64": "int64", "float64": "float64"}.get(np.dtype(vectorizer.dtype).name)
    if kind is None:
        raise Refusal(f"CountVectorizer with dtype {np.dtype(vectorizer.dtype).name}")
    return _counted(code, vectorizer, rows, kind)


@form("sklearn", ["TfidfVectorizer"], "transform")
def _count_and_weigh(code, vectorizer, rows):
    if np.dtype(vectorizer.dtype).name != "float64":
        raise Refusal(f"TfidfVectorizer with dtype {np.dtype(vectorizer.dtype).name}")
    return _weighed(code, getattr(vectorizer, "_tfidf", vectorizer), _counted(code, vectorizer, rows, "float64"))


def _counted(code, vectorizer, rows, kind):
    """Write the term counts of a text; return the Sparse."""
    kind_of_vectorizer = type(vectorizer).__name__
    reject_other_output(vectorizer)
    if not (isinstance(rows, Vector) and len(rows.items) == 1 and isinstance(rows.items[0], Text)):
        raise Refusal(f"a {kind_of_vectorizer} gets something other than one string")
    (text,) = rows.items
    vocabulary = _vocabulary(vectorizer)
    width = len(vectorizer.vocabulary_)
    tables = _tables(code, vectorizer, vocabulary)
    counts, row, count = code.name("n"), code.name("r"), code.name("c")
    code.line(f"static uint32_t {counts}[{width}];")
    code.line(f"static nb_entry {row}[{width}];")
    code.line(f"nb_count_terms(&{tables}, {text.pointer}, {text.length}, {counts});")
    code.line(f"uint32_t {count} = nb_take_counts({counts}, {width}, {row});")
    if vectorizer.binary:
        with code.block(f"for (uint32_t i = 0; i < {count}; i++)"):
            code.line(f"{row}[i].number = 1.0;")
    return Sparse(row, count, width, kind)


def _vocabulary(vectorizer):
    vocabulary = getattr(vectorizer, "vocabulary_", None)
    if not isinstance(vocabulary, dict) or not vocabulary:
        raise Refusal(f"a {type(vectorizer).__name__} without a vocabulary: it was not fitted")
    if sorted(vocabulary.values()) != list(range(len(vocabulary))):
        raise Refusal(f"a {type(vectorizer).__name__} whose vocabulary indexes don't start at 0 without gaps")
    if len(vocabulary) > _MAX_TERMS:
        raise Refusal(f"a {type(vectorizer).__name__} of more than {_MAX_TERMS} words")
    # Input that isn't text contains no word.
    return {str(term): int(place) for term, place in vocabulary.items() if isinstance(term, str)}


def _tables(code, vectorizer, vocabulary):
    """Write the tables of an nb_vectorizer; return its name."""
    name = type(vectorizer).__name__
    _reject_own_functions(vectorizer, name)
    if vectorizer.analyzer not in _UNITS:
        raise Refusal(f"{name} with analyzer={vectorizer.analyzer!r}")
    is_words = vectorizer.analyzer == "word"
    shortest = _shortest(vectorizer, name) if is_words else 1
    least, most = vectorizer.ngram_range
    if is_words and most == 1:
        least = 1
    if not 1 <= least <= most <= _MAX_UNITS:
        raise Refusal(f"{name} with ngram_range={vectorizer.ngram_range!r}")
    left_out = {word for word in (vectorizer.get_stop_words() or () if is_words else ()) if isinstance(word, str)}
    terms = _encoded(name, vocabulary)
    words = _encoded(name, left_out)
    order = sorted(terms, key=terms.__getitem__)
    # Near misses of words: verification uses them as input.
    code.note_words(order)
    code.note_words(sorted(left_out))
    longest = max(4 * shortest, *map(len, terms.values()), *map(len, words.values()))
    marked = characters.spans(r"\w" if is_words else r"\s")
    changes = characters.Changes(
        set().union(*terms, *words),
        marked,
        is_words=is_words,
        shortest=shortest if most > 1 else 1,
        lowercase=vectorizer.lowercase,
        accents=vectorizer.strip_accents,
    )
    places = [vocabulary[term] for term in order]
    features = "NULL" if places == list(range(len(places))) else code.table("int32_t", places)
    within = {number for begin, end in marked for number in range(begin, min(end, 128))}
    ascii_table = code.table("uint8_t", [ord(letter) | (ord(letter) in within) << 7 for letter in changes.ascii])
    sigma = "NULL, NULL"
    if changes.has_sigma:
        cased, ignorable = characters.cased_and_ignorable()
        sigma = f"&{_set(code, cased)}, &{_set(code, ignorable)}"
    room, begins, tables = code.name("b"), code.name("b"), code.name("w")
    code.tables.append(
        f"static unsigned char {room}[NB_ROOM({longest})];\n"
        f"static uint64_t {begins}[{most}];\n"
        f"static const nb_vectorizer {tables} = {{\n"
        f"    {_UNITS[vectorizer.analyzer]}, {shortest}, {least}, {most}, {longest},\n"
        f"    {_terms(code, [terms[term] for term in order])},\n"
        f"    {_terms(code, sorted(words.values()))},\n"
        f"    {features}, {_characters(code, marked)}, {ascii_table},\n"
        f"    {_changes(code, changes.runs)},\n"
        f"    {sigma}, {room}, {begins},\n}};"
    )
    return tables


def _reject_own_functions(vectorizer, name):
    if vectorizer.input != "content":
        raise Refusal(f"{name} with input={vectorizer.input!r}")
    for setting in ("preprocessor", "tokenizer"):
        if getattr(vectorizer, setting) is not None:
            raise Refusal(f"{name} with a {setting} of your own")
    for setting in ("analyzer", "strip_accents"):
        if callable(getattr(vectorizer, setting)):
            raise Refusal(f"{name} with a custom function for {setting}")
    if vectorizer.strip_accents not in (None, "ascii", "unicode"):
        raise Refusal(f"{name} with strip_accents={vectorizer.strip_accents!r}")


def _shortest(vectorizer, name):
    """Return the minimum number of characters of a word."""
    matched = _PATTERN.fullmatch(vectorizer.token_pattern or "")
    if matched is None:
        raise Refusal(f"{name} with token_pattern={vectorizer.token_pattern!r}")
    return len(matched.group(1)) // len(r"\w")


# --- C tables ---


def _encoded(name, texts):
    encoded = {text: text.encode("utf-8", "surrogatepass") for text in texts}
    if max(map(len, encoded.values()), default=0) > _MAX_TERM:
        raise Refusal(f"{name} with a word longer than {_MAX_TERM} bytes")
    return encoded


def _terms(code, encoded):
    """Return the C code of an nb_terms of sorted bytes."""
    if not encoded:
        return "{ 0, NULL, NULL }"
    blocks, coded, before = [], bytearray(), b""
    for number, term in enumerate(encoded):
        if number % _BLOCK == 0:
            blocks.append(len(coded))
            before = b""
        shared = 0
        while shared < min(_MAX_SHARED, len(before), len(term)) and before[shared] == term[shared]:
            shared += 1
        size = len(term) - shared
        if size < _SIZE_FOLLOWS:
            coded.append(shared << 4 | size)
        else:
            coded += bytes([shared << 4 | _SIZE_FOLLOWS, size & 0xFF, size >> 8])
        coded += term[shared:]
        before = term
    return f"{{ {len(encoded)}, {code.table('int32_t', blocks)}, {code.table('unsigned char', coded)} }}"


def _characters(code, spans):
    """Return the C code of an nb_character_set."""
    edges, planes = characters.edges_of(spans)
    return f"{{ {code.table('uint16_t', edges)}, {{ {', '.join(map(str, planes))} }} }}"


def _set(code, spans):
    name = code.name("u")
    code.tables.append(f"static const nb_character_set {name} = {_characters(code, spans)};")
    return name


def _changes(code, runs):
    """Return the C code of an nb_changes."""
    if not runs:
        return "{ 0, NULL, NULL, NULL, NULL, NULL, NULL }"
    texts = list(dict.fromkeys(run.becomes for run in runs if not run.step))
    number = {text: place for place, text in enumerate(texts)}
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    begins = [sum(map(len, encoded[:place])) for place in range(len(encoded) + 1)]
    fields = (
        code.table("int32_t", [run.first for run in runs]),
        code.table("uint16_t", [run.last - run.first for run in runs]),
        code.table("uint8_t", [run.step for run in runs]),
        code.table("int32_t", [run.becomes if run.step else number[run.becomes] for run in runs]),
        code.table("uint16_t", begins),
        code.table("unsigned char", b"".join(encoded) or b"\0"),
    )
    return f"{{ {len(runs)}, {', '.join(fields)} }}"


# --- weights ---


@form("sklearn", ["TfidfTransformer"], "transform")
def _weigh(code, transformer, rows):
    reject_other_output(transformer)
    if not isinstance(rows, Sparse):
        raise Refusal("a TfidfTransformer gets something other than word counts")
    # The counts are kept for other code that reads them.
    row = code.name("r")
    code.line(f"static nb_entry {row}[{rows.width}];")
    with code.block(f"for (uint32_t i = 0; i < {rows.length}; i++)"):
        code.line(f"{row}[i] = {rows.code}[i];")
    return _weighed(code, transformer, rows._replace(code=row))


def _weighed(code, transformer, row):
    """Write the result of a TfidfTransformer for counts, in place; return the Sparse."""
    if transformer.norm not in (*_NORMS, None):
        raise Refusal(f"{type(transformer).__name__} with norm={transformer.norm!r}")
    steps = []
    if transformer.sublinear_tf:
        steps.append(f"{row.code}[i].number = nb_log({row.code}[i].number) + 1.0;")
    if transformer.use_idf:
        weights = np.asarray(transformer.idf_, dtype=float)
        if len(weights) != row.width or not (np.abs(weights) < _MAX_IDF).all():
            raise Refusal(f"{type(transformer).__name__} with more or fewer weights than words")
        weight = indexed_table(code, "double", weights.tolist())
        steps.append(f"{row.code}[i].number *= {weight(f'{row.code}[i].feature')};")
    if steps:
        with code.block(f"for (uint32_t i = 0; i < {row.length}; i++)"):
            for step in steps:
                code.line(step)
    if transformer.use_idf and "_idf_diag" in vars(transformer):
        # scikit-learn before 1.5 used a matrix product, which makes scipy return such a row in reverse order.
        code.line(f"{code.function(_REVERSE)}({row.code}, {row.length});")
    if transformer.norm is not None:
        root = "sum = nb_sqrt(sum);\n    " if transformer.norm == "l2" else ""
        text = _NORMALIZE.format(norm=transformer.norm, step=_NORMS[transformer.norm], root=root)
        code.line(f"{code.function(text)}({row.code}, {row.length});")
    return row._replace(kind="float64")
