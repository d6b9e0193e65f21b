/* The fields that an object lacks of those that the notebook's function takes by name, and its
   unknown fields. */

#include "nb_misfit.h"

#include "nb_output.h"

enum {
    /* Maximum number of fields that the service reports. */
    MOST_ERRORS = 10,
    /* Longer than any message: a client's name may be as long as a body. */
    ROOM = 1 << 12
};

static char room[ROOM];
static nb_output words = {.text = room, .room = ROOM};

/* Write text, or as much of its start as there is room for. */
static void write_text(nb_text text)
{
    size_t left = words.room - words.length;
    nb_write(&words, text.text, text.length < left ? text.length : left);
}

/* Write that a field is invalid; `errors` counts those so far. */
static void write_error(nb_text name, const char *what, int errors)
{
    if (errors)
        nb_print(&words, "; ");
    write_text(name);
    nb_print(&words, "%s%s", name.length ? ": " : "", what);
}

/* Write the fields that a valid object has, and what the sample is instead. */
static void write_other_type(const nb_value *sample, const nb_parameter *parameters, size_t count)
{
    static const char *const NOUNS[] = {
        [NB_NULL] = "null",
        [NB_FALSE] = "true or false",
        [NB_TRUE] = "true or false",
        [NB_INTEGER] = "a whole number",
        [NB_NUMBER] = "a number",
        [NB_STRING] = "a text",
        [NB_ARRAY] = "a list",
        [NB_OBJECT] = "an object",
    };
    nb_print(&words, "must be an object with ");
    for (size_t i = 0; i < count; i++) {
        nb_print(&words, i == 0 ? "" : i + 1 == count ? " and " : ", ");
        write_text(parameters[i].name);
    }
    nb_print(&words, ", not %s", NOUNS[sample->type]);
}

/* Return whether two texts are the same. */
static int are_equal(nb_text one, nb_text other)
{
    size_t i = 0;
    while (i < one.length && i < other.length && one.text[i] == other.text[i])
        i++;
    return i == one.length && i == other.length;
}

/* Return whether one of the parameters has this name. */
static int is_known(nb_text name, const nb_parameter *parameters, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (are_equal(name, parameters[i].name))
            return 1;
    return 0;
}

int nb_fits(const nb_value *sample, const nb_parameter *parameters, size_t count, nb_text *reason)
{
    int errors = 0;
    words.length = 0;
    if (sample->type != NB_OBJECT) {
        write_other_type(sample, parameters, count);
        errors = 1;
    } else {
        for (size_t i = 0; i < count && errors < MOST_ERRORS; i++) {
            nb_text name = parameters[i].name;
            if (parameters[i].is_needed && !nb_member(sample, name.text, name.length))
                write_error(name, "is missing", errors++);
        }
        const nb_value *member = sample->first;
        for (; member && errors < MOST_ERRORS; member = member->next) {
            nb_text name = {member->key, member->key_length};
            if (!is_known(name, parameters, count))
                write_error(name, "is not expected", errors++);
        }
    }
    *reason = (nb_text){words.text, words.length};
    return errors ? NB_MISFIT : NB_OK;
}
