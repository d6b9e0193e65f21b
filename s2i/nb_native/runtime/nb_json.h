/* A strict reader of JSON, which takes and refuses what Python's json does, in the same words.

   Text comes out as UTF-8. Half of a surrogate pair, which JSON may hold as an escape (\ud800), has
   no form in UTF-8; it comes out as the three bytes that the same rule would give, and
   nb_write_string makes the escape of them again. */
#ifndef NB_JSON_H
#define NB_JSON_H

#include "nb_output.h"

/* The memory for values and text. It limits the cost of a sample. */
enum { NB_MOST_VALUES = 1 << 16 };

enum nb_trouble {
    NB_NO_TROUBLE,
    NB_NOT_JSON,
    NB_TOO_MUCH, /* values, or members of one object, or text */
    NB_NOT_EXACT /* an integer beyond 2^53, which a double can't represent */
};

typedef struct {
    const char *begin, *at, *end;
    char *room, *room_end;  /* free memory for values and text */
    enum nb_trouble trouble;  /* NB_NOT_EXACT does not end the reading: not being JSON goes first */
    const char *words;  /* why it is not JSON */
    const char *place;  /* position, or NULL if the message suffices */
} nb_reader;

/* Start parsing text, skipping a byte order mark; record an error if it isn't UTF-8. */
void nb_json_begin(nb_reader *reader, const char *text, size_t length);
/* Skip whitespace; return whether the next byte is this one, and skip it if so. */
int nb_json_take(nb_reader *reader, char byte);
/* Record that the text is not JSON at the current position, unless an error is already recorded. */
void nb_json_refuse(nb_reader *reader, const char *words);
/* Return the next value, allocated in `room`, or NULL with an error. */
const nb_value *nb_json_read(nb_reader *reader);
/* Record an error if anything but whitespace is left. */
void nb_json_end(nb_reader *reader);
/* Write why a text is not JSON, without a full stop. */
void nb_json_explain(const nb_reader *reader, nb_output *output);

#endif
