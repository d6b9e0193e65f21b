/* A strict reader of JSON, which takes and refuses what Python's json does, in the same words.

   Text comes out as UTF-8. Half of a surrogate pair, which JSON may hold as an escape (\ud800), has
   no form in UTF-8; it comes out as the three bytes that the same rule would give, and
   nb_write_string makes the escape of them again. */
#ifndef NB_JSON_H
#define NB_JSON_H

#include "nb_output.h"

/* What values and texts are made in. It bounds what a sample can cost. */
enum { NB_MOST_VALUES = 1 << 16 };

enum nb_trouble {
    NB_NO_TROUBLE,
    NB_NOT_JSON,
    NB_TOO_MUCH, /* values, or members of one object, or text */
    NB_NOT_EXACT /* a whole number beyond 2^53 in size, which a double does not hold */
};

typedef struct {
    const char *begin, *at, *end;
    char *room, *room_end;  /* what is free for values and texts */
    enum nb_trouble trouble;  /* NB_NOT_EXACT does not end the reading: not being JSON goes first */
    const char *words;  /* why it is not JSON */
    const char *place;  /* where, or NULL where the words say all */
} nb_reader;

/* Begin with a text, passing over a byte order mark; note a trouble where it is not UTF-8. */
void nb_json_begin(nb_reader *reader, const char *text, size_t length);
/* Pass over whitespace; return whether the next byte is this one, and pass over it then. */
int nb_json_take(nb_reader *reader, char byte);
/* Note that the text is not JSON at the place where the reader is, unless a trouble is noted
   already. */
void nb_json_refuse(nb_reader *reader, const char *words);
/* Return the next value, made in `room`, or NULL with a trouble. */
const nb_value *nb_json_read(nb_reader *reader);
/* Note a trouble where something other than whitespace is left. */
void nb_json_end(nb_reader *reader);
/* Write why a text is not JSON, without a full stop. */
void nb_json_explain(const nb_reader *reader, nb_output *output);

#endif
