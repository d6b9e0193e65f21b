/* The words of a text, counted as scikit-learn's vectorizers count them: lower case by Python's
   rules, words by its regular expressions, n-grams of words or of characters.

   What differs from model to model is in tables, which nb_native/estimators/words.py makes with
   the model's own Python: it knows which characters are letters, and what becomes of each. */
#ifndef NB_TEXT_H
#define NB_TEXT_H

#include "nb_native.h"

/* A set of characters: in `edges` those that are in where the one before is not, or the other way
   round, in their order. Only 16 bits of each are there: of plane p, all that share the bits above,
   they are those from place planes[p] to planes[p + 1]. */
typedef struct {
    const uint16_t *edges;
    uint16_t planes[18];
} nb_character_set;

/* Characters that become others, as runs in their order. Of a run each character, or each second one,
   becomes the one that is `shift` further on; or all become a text, which may be empty. */
typedef struct {
    uint32_t runs;
    const int32_t *first;
    const uint16_t *span;  /* from the first to the last */
    const uint8_t *step;   /* 0: a text */
    const int32_t *shift;  /* or the number of the text */
    const uint16_t *texts; /* where each starts in `text`, and where the last one ends */
    const unsigned char *text;
} nb_changes;

enum { NB_TERMS_IN_BLOCK = 16 };

/* Texts in the order of their bytes. Each is a byte, whose high half says how many bytes it begins
   with that the one before begins with, too, and whose low half how many follow: 15 for as many as
   two more bytes say. The first of a block has none of the one before. */
typedef struct {
    uint32_t count;
    const int32_t *blocks; /* where each block starts in `coded` */
    const unsigned char *coded;
} nb_terms;

enum nb_unit {
    NB_WORDS,               /* n-grams of words */
    NB_LETTERS,             /* n-grams of characters */
    NB_LETTERS_WITHIN_WORDS /* the same within words, with a space on each side */
};

typedef struct {
    enum nb_unit unit;
    uint32_t shortest;    /* minimum characters of a word */
    uint32_t least, most; /* words or characters of an n-gram */
    uint32_t longest;     /* maximum bytes of a term or an excluded word; at least 4 */
    nb_terms terms;
    nb_terms left_out;        /* excluded words */
    const int32_t *features;  /* of the terms in their order; NULL where these are 0, 1, 2, … */
    nb_character_set marked;     /* of words, or white space where units are characters */
    const unsigned char *ascii; /* 128: what becomes of each, and 128 more where that is marked */
    nb_changes changes;
    /* A final sigma has its own lower-case form; NULL if not needed. */
    const nb_character_set *is_cased, *is_ignorable;
    /* Room of NB_ROOM(longest) bytes, and for `most` places in the text. */
    unsigned char *room;
    uint64_t *begins;
} nb_vectorizer;

#define NB_ROOM(longest) (4 * (longest) + 16)

/* A non-zero feature. */
typedef struct {
    double number;
    uint32_t feature;
} nb_entry;

/* Add the number of occurrences of each feature in a text to `counts`. The text is UTF-8, in which
   unpaired surrogates may be three bytes. */
void nb_count_terms(const nb_vectorizer *vectorizer, const char *text, size_t length,
                    uint32_t *counts);
/* Write the features with non-zero counts to `row`, which has room for all `width`, in order;
   return their number. All counts are zero afterwards. */
uint32_t nb_take_counts(uint32_t *counts, uint32_t width, nb_entry *row);

#endif
