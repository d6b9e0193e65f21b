/* The interface between a model.c and the runtime: JSON input and output, and the math functions of
   models. */
#ifndef NB_NATIVE_H
#define NB_NATIVE_H

#include <stddef.h>
#include <stdint.h>

#define NB_NAN __builtin_nan("")
#define NB_INFINITY __builtin_inf()

/* JSON input. Text is UTF-8 without escapes, with its length: it may contain NUL. */
enum nb_type {
    NB_NULL, NB_FALSE, NB_TRUE, NB_INTEGER, NB_NUMBER, NB_STRING, NB_ARRAY, NB_OBJECT
};

typedef struct nb_value nb_value;
struct nb_value {
    enum nb_type type;
    int64_t integer;          /* NB_INTEGER: at most 2^53 in size; what is larger never gets to a model */
    double number;            /* NB_INTEGER and NB_NUMBER */
    const char *text;         /* NB_STRING */
    size_t length;
    const nb_value *first;    /* NB_ARRAY, NB_OBJECT: the first item or member */
    const nb_value *next;     /* the next item or member of its container, or NULL */
    size_t count;             /* of items or members */
    const char *key;          /* of a member */
    size_t key_length;
};

/* Return the item at an index, or the last member with that name; NULL if there is none. */
const nb_value *nb_item(const nb_value *array, size_t index);
const nb_value *nb_member(const nb_value *object, const char *key, size_t length);
/* Return 1 and store the number, or return 0 if the value isn't one (true and false aren't). */
int nb_as_number(const nb_value *value, double *number);

/* The output of a prediction. Text that doesn't fit is dropped, and the prediction becomes an
   error. */
typedef struct nb_output nb_output;
void nb_write(nb_output *output, const char *text, size_t length);
/* Like Python's repr of a float; null for non-finite values. */
void nb_write_double(nb_output *output, double number);
void nb_write_integer(nb_output *output, int64_t integer);
/* In quotes and with escapes, as JSON. */
void nb_write_string(nb_output *output, const char *text, size_t length);

enum nb_status {
    NB_OK,
    NB_REFUSED, /* the validator rejects the sample */
    NB_FAILED,  /* the notebook's function raises */
    NB_BEYOND,  /* Python has a prediction, but this program doesn't: an integer beyond 2^53 */
    NB_MISFIT   /* an object lacks a field that the function takes by name, or has an unknown one */
};

/* A validator's reason, UTF-8; length 0 if it gave none. */
typedef struct {
    const char *text;
    size_t length;
} nb_text;

/* Provided by the model: NB_OK, or another status; NB_REFUSED and NB_MISFIT set a reason. */
int nb_validate(const nb_value *sample, nb_text *reason);
/* Provided by the model: NB_OK with the prediction written, NB_MISFIT with the reason instead, or
   another status, whose output is ignored. */
int nb_predict(const nb_value *sample, nb_output *answer);

#endif
