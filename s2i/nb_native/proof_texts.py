"""Text for verifying models that count words: their words and near misses, in all scripts and cases."""

import functools
import json
import sys
import unicodedata

_SEPARATORS = (" ", " ", " ", ", ", ". ", "\n", "  ", "-", "_", "\t", "'", "\u3000", "/", "", "\r\n ", "\u00a0", "\x1f")
# Characters in other people's and machines' text that are treated differently: surrogates, zero width, non-letters.
_PIECES = (
    "\U0001f600", "\U0001f469\u200d\U0001f52c", "\u2764\ufe0f", "\U0001f44d\U0001f3fd", "\U0001f1e9\U0001f1ea",
    "1\ufe0f\u20e3", "\u0301", "\u0345", "\u0307", "\xad", "\u200b", "\u200d", "\ufeff", "\u202e", "\xb7", "\u2019",
    "\x00", "\x1c", "\x85", "\ud800", "\udc00", "\udfff\ud800", "\U0010ffff", "\ufffe", "\u0130", "\u212a", "\u212b",
    "\u1e9e", "\ufb03", "\u01c5", "\xb2", "\xbd", "\u2167", "\u0664", "\u09ef", "\uff21", "\U0001d400", "\u3392",
    "\ufdfa", "\ud55c\uae00", "\u4e2d\u6587", "\u0e01\u0e34\u0e19", "\u0928\u092e\u0938\u094d\u0924\u0947",
    "\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05dc\u05d5\u05dd", "\u10d0\u10d1", "\u1c90\u1c91", "\u13a0\u13a1",
    "\uab70", "\u0531\u0582", "\u0587", "\U00010400", "\U0001e900", "\u1e30", "x" * 300, "_", "__", "_a", "a_", "7",
    "42", "3.14", "1e5", "a1", "1a", "#tag", "@name", "e-mail@host.org", "http://a.b/c?d=e", "don't",
)  # fmt: skip
# A sigma at the end of a word has another lower case.
_SIGMAS = (
    "\u03a3", "\u0391\u03a3", "\u03a3\u0391", "\u0391\u03a3\u0391", "\u0391\u03a3\u03a3", "\u0391\u0345\u03a3",
    "\u0391\u03a3\u0345", "\u0391\u03a3\xad\u0391", "\u0391.\u03a3", "\u0391\u03a3.", "\u0391\u03a3.\u0392",
    ".\u03a3", "1\u03a3", "\u0391\u0301\u03a3 \u0391", "\u0391\u03a3'", "\u0391\u03a3'\u0392", "\u0391\u03a31",
    "\u4e2d\u03a3", "\u02b0\u03a3", "\u039f\u0394\u039f\u03a3", "\u039f\u0394\u039f\u03a3 \u039f\u0394\u039f\u03a3",
    "a\u03a3b", "\u0391\U0001d400\u03a3", "\u0391:\u03a3:",
)  # fmt: skip
_MAX_WORDS = 30
_LONG = (3000, 20_000)
# Probabilities that text is a mixture of words, has special characters, is random, or is very long.
_MIXED, _SPECIAL, _RANDOM = 0.45, 0.45, 0.09
# Probability that a word is one of the model's, unchanged.
_KNOWN, _AS_IT_IS = 0.8, 0.5
# Probability that a mixture has at most three words.
_ONE_SIDED = 0.3


@functools.lru_cache(maxsize=1)
def special_characters():
    """Return all characters whose class differs from the previous one's, or that lower case or NFKD changes."""
    found: list = []
    before: tuple = ()
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        plain = unicodedata.normalize("NFKD", letter)
        is_hangul = 0xAC00 < code < 0xD7A3
        kind = letter.isalnum(), letter.isspace(), letter.lower() == letter, unicodedata.combining(letter) == 0
        if kind != before or letter.lower() != letter or (plain != letter and not is_hangul):
            found.append(letter)
            if code:
                found.append(chr(code - 1))
        before = kind
    return list(dict.fromkeys(found))


class Texts:
    """Draws text: `words` are those that a model knows, `texts` are possible inputs."""

    def __init__(self, words, texts, dice):
        """Store them; `dice` is a random.Random."""
        self._dice = dice
        self._words = [word for word in words if word] or ["word"]
        self._others = [word for text in texts for word in text.split()] or ["other"]
        self._special = special_characters()
        dice.shuffle(self._special)
        self._turn = 0
        self._golden = list(texts)

    def drawn(self):
        """Return text; reproducible with the same dice."""
        # Two adjacent surrogate halves become one character in JSON.
        return json.loads(json.dumps(self._any()))

    def _any(self):
        kind = self._dice.random()
        for share, draw in (
            (_MIXED, self._mixture),
            (_SPECIAL, self._with_special_characters),
            (_RANDOM, self._odd),
        ):
            if kind < share:
                return draw()
            kind -= share
        return self._long()

    def _word(self):
        dice = self._dice
        word = dice.choice(self._words if dice.random() < _KNOWN else self._others)
        return word if dice.random() < _AS_IT_IS else self._altered(word)

    def _altered(self, word):
        """Return a word in another case, or a near miss."""
        dice = self._dice
        at = dice.randrange(len(word) + 1)
        letter = dice.choice(dice.choice(self._words))
        return dice.choice(
            (
                str.upper,
                str.title,
                str.swapcase,
                lambda word: word[:at].upper() + word[at:],
                lambda word: word[:at] + word[at + 1 :],
                lambda word: word[:at] + letter + word[at:],
                lambda word: word[:at] + letter + word[at + 1 :],
                lambda word: word[:at] + dice.choice(_PIECES) + word[at:],
                lambda word: word + word[-1:],
                lambda word: word[::-1],
                lambda word: unicodedata.normalize(dice.choice(("NFD", "NFKC")), word),
                lambda word: word[:at] + dice.choice(("\u0301", "\u0308", "\u0323\u0302")) + word[at:],
                lambda word: word + dice.choice("0123456789_-'."),
            )
        )(word)

    def _mixture(self):
        dice = self._dice
        separator = dice.choice(_SEPARATORS)
        words = [self._word() for _ in range(dice.randint(0, _MAX_WORDS))]
        if dice.random() < _ONE_SIDED:
            # A model is confident about text that repeats a few words.
            words = [dice.choice(words[:3]) for _ in words]
        if dice.random() < 0.3:
            return "".join(word + dice.choice(_SEPARATORS) for word in words)
        return separator.join(words)

    def _with_special_characters(self):
        """Return words with characters between, before and after them, each of which is used in turn."""
        parts = [self._word()]
        for _ in range(self._dice.randint(1, 8)):
            parts += [self._special[self._turn % len(self._special)], self._dice.choice(("", "", " ")), self._word()]
            self._turn += 1
        return "".join(parts)

    def _odd(self):
        dice = self._dice
        kind = dice.randrange(5)
        if kind == 0:
            return "".join(chr(dice.randrange(sys.maxunicode + 1)) for _ in range(dice.randint(0, 40)))
        if kind == 1:
            return "".join(
                dice.choice(_PIECES) + dice.choice(("", " ", self._word())) for _ in range(dice.randint(0, 10))
            )
        if kind == 2:
            return dice.choice((" ", "")).join(
                dice.choice(_SIGMAS) + dice.choice(("", self._word().upper())) for _ in range(dice.randint(1, 6))
            )
        if kind == 3:
            return dice.choice(("", " ", "\n", " \t\n ", "\u3000", ".", "...", "\0", *self._golden))
        return self._word()

    def _long(self):
        dice = self._dice
        kind, size = dice.randrange(4), dice.randint(*_LONG)
        if kind == 0:
            return "".join(dice.choice(self._words) for _ in range(size // 8))
        if kind == 1:
            return " ".join([self._word()] * (size // 8))
        if kind == 2:
            return (self._word() + " ") * 3 + dice.choice("aZ\u00e9\u4e2d_") * size + " " + self._word()
        return " ".join(self._word() for _ in range(size // 8))
