/* A model for tests: it answers with the sample itself. {"refuse": "words"} is refused, {"raise": 1} makes the validator
   raise, {"fail": 1} the predictor, {"long": n} has an answer of n bytes; {"beyond": 1} is beyond the predictor, and
   {"misfit": "words"} is none of its samples. */
#include "nb_native.h"

/* More than any answer may have: so a fuzzer can't make one that takes minutes. */
enum { LONGEST = 1 << 25 };

int nb_validate(const nb_value *sample, nb_text *reason)
{
    const nb_value *words = nb_member(sample, "refuse", 6);
    if (nb_member(sample, "raise", 5))
        return NB_FAILED;
    if (!words)
        return NB_OK;
    if (words->type == NB_STRING) {
        reason->text = words->text;
        reason->length = words->length;
    }
    return NB_REFUSED;
}

static void write_key(nb_output *answer, const nb_value *value)
{
    if (value->key) {
        nb_write_string(answer, value->key, value->key_length);
        nb_write(answer, ": ", 2);
    }
}

static void write_value(nb_output *answer, const nb_value *value)
{
    if (value->type <= NB_TRUE)
        nb_write(answer, &"null falsetrue "[5 * value->type], value->type == NB_FALSE ? 5 : 4);
    else if (value->type == NB_INTEGER)
        nb_write_integer(answer, value->integer);
    else if (value->type == NB_NUMBER)
        nb_write_double(answer, value->number);
    else if (value->type == NB_STRING)
        nb_write_string(answer, value->text, value->length);
    else {
        nb_write(answer, value->type == NB_ARRAY ? "[" : "{", 1);
        for (const nb_value *item = value->first; item; item = item->next) {
            write_key(answer, item);
            write_value(answer, item);
            if (item->next)
                nb_write(answer, ", ", 2);
        }
        nb_write(answer, value->type == NB_ARRAY ? "]" : "}", 1);
    }
}

int nb_predict(const nb_value *sample, nb_output *answer)
{
    const nb_value *size = nb_member(sample, "long", 4);
    const nb_value *misfit = nb_member(sample, "misfit", 6);
    if (nb_member(sample, "fail", 4))
        return NB_FAILED;
    if (nb_member(sample, "beyond", 6))
        return NB_BEYOND;
    if (misfit) {
        nb_write(answer, misfit->text, misfit->length);
        return NB_MISFIT;
    }
    if (!size) {
        write_value(answer, sample);
        return NB_OK;
    }
    nb_write(answer, "\"", 1);
    static const char many[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    int64_t left = size->integer < LONGEST ? size->integer - 2 : LONGEST;
    for (; left > 0; left -= 64)
        nb_write(answer, many, left < 64 ? (size_t)left : 64);
    nb_write(answer, "\"", 1);
    return NB_OK;
}
