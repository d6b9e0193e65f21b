/* All settings, one row each. */

#include "nb_settings.h"

#include "nb_complaint.h"
#include "nb_json.h"
#include "nb_memory.h"

/* Those before WHOLE are integers. */
enum {
    PORT,
    MAX_BODY,
    MAX_HELD,
    MAX_SAMPLES,
    RECEIVE_TIMEOUT,
    LINGER,
    GRACE,
    COUNT,
    WHOLE = RECEIVE_TIMEOUT
};

static const struct {
    const char *name, *least, *most, *standard;
} rows[COUNT] = {
    [PORT] = {"PORT", "0", "65535", "8080"},
    [MAX_BODY] = {"S2I_MAX_BODY", "1", "1073741824", "1048576"},
    [MAX_HELD] = {"S2I_MAX_HELD", "1", "1099511627776", "0"},
    [MAX_SAMPLES] = {"S2I_MAX_SAMPLES", "1", "1073741824", "524288"},
    [RECEIVE_TIMEOUT] = {"S2I_RECEIVE_TIMEOUT", "0.2", "86400", "120"},
    [LINGER] = {"S2I_LINGER", "0", "3600", "1"},
    [GRACE] = {"S2I_GRACE", "0", "3600", "10"},
};
/* By default, this many bodies of the maximum size are held. */
enum { LARGEST_BODIES = 16 };

static size_t length_of(const char *text)
{
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

/* Return the value of a variable, or NULL if it is unset or empty: templates pass empty ones. */
static const char *variable(char **environment, const char *name)
{
    size_t length = length_of(name);
    for (; *environment; environment++)
        if (length_of(*environment) > length + 1 && !memcmp(*environment, name, length)
            && (*environment)[length] == '=')
            return *environment + length + 1;
    return NULL;
}

/* Return the number in a text, or NaN. */
static double number_in(const char *text)
{
    double number = NB_NAN;
    nb_value room;
    nb_reader reader = {.room = (char *)&room, .room_end = (char *)(&room + 1)};
    nb_json_begin(&reader, text, length_of(text));
    nb_as_number(nb_json_read(&reader), &number);
    nb_json_end(&reader);
    return reader.trouble == NB_NO_TROUBLE ? number : NB_NAN;
}

/* Store the value of a row; return 0 with an error message if it is invalid. */
static int read_row(int row, char **environment, double *number)
{
    const char *text = variable(environment, rows[row].name);
    int is_whole = row < WHOLE;
    *number = number_in(text ? text : rows[row].standard);
    if (!text
        || (*number >= number_in(rows[row].least) && *number <= number_in(rows[row].most)
            && (!is_whole || *number == (double)(int64_t)*number)))
        return 1;
    nb_print(nb_complaint(), "%s='%s' is not a %snumber from %s to %s.", rows[row].name, text,
             is_whole ? "whole " : "", rows[row].least, rows[row].most);
    nb_complain("The program does not guess the meaning of an invalid value.",
                "Correct it, or unset it to use its default.");
    return 0;
}

int nb_read_settings(nb_settings *settings, char **environment)
{
    double numbers[COUNT];
    if (variable(environment, "S2I_API_KEY_FILE")) {
        nb_print(nb_complaint(), "S2I_API_KEY_FILE is set.");
        nb_complain("A native program can't check API keys.",
                    "Unset it and restrict access to the port, or serve the slim image.");
        return 0;
    }
    for (int row = 0; row < COUNT; row++)
        if (!read_row(row, environment, &numbers[row]))
            return 0;
    settings->host = variable(environment, "S2I_HOST");
    if (!settings->host)
        settings->host = "0.0.0.0";
    settings->port = (uint32_t)numbers[PORT];
    settings->max_body = (uint32_t)numbers[MAX_BODY];
    settings->max_held = (uint64_t)numbers[MAX_HELD];
    if (!settings->max_held)
        settings->max_held = (uint64_t)settings->max_body * LARGEST_BODIES;
    settings->max_samples = (uint32_t)numbers[MAX_SAMPLES];
    settings->receive_timeout = (int64_t)(numbers[RECEIVE_TIMEOUT] * 1000);
    settings->linger = (int64_t)(numbers[LINGER] * 1000);
    settings->grace = (int64_t)(numbers[GRACE] * 1000);
    return 1;
}
