/* A strict JSON parser without recursion: its stack is an array. */

#include "nb_json.h"

#include "nb_memory.h"
#include "nb_numbers.h"

enum {
    DEEPEST = 1000,
    /* Python's json rejects longer integers, because reading them takes quadratic time. */
    MOST_DIGITS = 4300,
    /* Each key is compared with those before it. */
    MOST_MEMBERS = 1024
};
#define MOST_EXACT (1ll << 53)

/* The open arrays and objects, outermost first, each with its last item so far. */
static struct {
    nb_value *holder, *last;
} levels[DEEPEST];

/* --- the model's view of values --- */

const nb_value *nb_item(const nb_value *array, size_t index)
{
    if (array->type != NB_ARRAY || index >= array->count)
        return NULL;
    const nb_value *item = array->first;
    while (index--)
        item = item->next;
    return item;
}

const nb_value *nb_member(const nb_value *object, const char *key, size_t length)
{
    if (object->type != NB_OBJECT)
        return NULL;
    const nb_value *member = object->first;
    while (member && (member->key_length != length || memcmp(member->key, key, length)))
        member = member->next;
    return member;
}

int nb_as_number(const nb_value *value, double *number)
{
    if (!value || (value->type != NB_INTEGER && value->type != NB_NUMBER))
        return 0;
    *number = value->number;
    return 1;
}

/* --- errors --- */

/* Record the first error; return 0 so that a caller can return it. */
static int refuse_at(nb_reader *reader, const char *words, const char *place)
{
    if (reader->trouble == NB_NO_TROUBLE || reader->trouble == NB_NOT_EXACT) {
        reader->trouble = NB_NOT_JSON;
        reader->words = words;
        reader->place = place;
    }
    return 0;
}

void nb_json_refuse(nb_reader *reader, const char *words)
{
    refuse_at(reader, words, reader->at);
}

void nb_json_explain(const nb_reader *reader, nb_output *output)
{
    /* A position is a line, a column and a character count: none of these counts bytes. */
    uint64_t line = 1, column = 1, characters = 0;
    nb_print(output, "%s", reader->words);
    if (!reader->place)
        return;
    for (const char *at = reader->begin; at < reader->place; at++) {
        int begins = (*at & 0xc0) != 0x80;
        characters += begins;
        column = *at == '\n' ? 1 : column + begins;
        line += *at == '\n';
    }
    nb_print(output, ": line %u column %u (char %u)", line, column, characters);
}

/* --- UTF-8 --- */

/* Return the position of the first byte that is not UTF-8, or the end. */
static const char *end_of_utf8(const char *at, const char *end)
{
    while (at < end) {
        uint32_t code = (unsigned char)*at;
        if (code < 0x80) {
            at++;
            continue;
        }
        /* The first byte says how many follow: 110xxxxx one, 1110xxxx two, 11110xxx three. */
        int more = code < 0xc0 ? 0 : code < 0xe0 ? 1 : code < 0xf0 ? 2 : code < 0xf8 ? 3 : 0;
        if (!more || more >= end - at)
            return at;
        code &= 0x3fu >> more;
        for (int i = 1; i <= more; i++) {
            if ((at[i] & 0xc0) != 0x80)
                return at;
            code = code << 6 | (at[i] & 0x3fu);
        }
        /* No longer than needed, no surrogate, and not beyond Unicode. */
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        if (code < least[more] || code >> 11 == 0xd800 >> 11 || code > 0x10ffff)
            return at;
        at += more + 1;
    }
    return end;
}

void nb_json_begin(nb_reader *reader, const char *text, size_t length)
{
    if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
        text += 3;
        length -= 3;
    }
    reader->begin = reader->at = text;
    reader->end = text + length;
    reader->trouble = NB_NO_TROUBLE;
    reader->place = NULL;
    const char *wrong = end_of_utf8(text, reader->end);
    if (wrong < reader->end) {
        /* The message contains a number, so it is the only one that is formatted here. */
        static char words[48];
        nb_output output = {.text = words, .room = sizeof(words) - 1};
        nb_print(&output, "it is not UTF-8 (byte %u)", (uint64_t)(wrong - text));
        words[output.length] = 0;
        refuse_at(reader, words, NULL);
    }
}

/* --- values --- */

static void pass_space(nb_reader *reader)
{
    while (reader->at < reader->end
           && (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\r'
               || *reader->at == '\t'))
        reader->at++;
}

int nb_json_take(nb_reader *reader, char byte)
{
    pass_space(reader);
    if (reader->at == reader->end || *reader->at != byte)
        return 0;
    reader->at++;
    return 1;
}

/* Return whether the text continues with a word, and skip it if so. */
static int take_word(nb_reader *reader, const char *word, size_t length)
{
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length))
        return 0;
    reader->at += length;
    return 1;
}

static int is_digit(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

static const char *behind_digits(const char *at, const char *end)
{
    while (is_digit(at, end))
        at++;
    return at;
}

/* Read a number; return 0 and record an error if there is none. */
static int read_number(nb_reader *reader, nb_value *value)
{
    const char *begin = reader->at, *end = reader->end, *at = begin;
    int is_negative = *at == '-';
    const char *digits = at += is_negative;
    int64_t integer = 0;
    if (!is_digit(at, end))
        return refuse_at(reader, "Expecting value", begin);
    if (*at == '0')
        at++;
    else
        for (; is_digit(at, end); at++)
            /* Beyond the limit, it stays there without growing. */
            integer = integer > MOST_EXACT ? integer : 10 * integer + (*at - '0');
    const char *whole = at;
    if (at < end && *at == '.' && is_digit(at + 1, end))
        at = behind_digits(at + 1, end);
    if (at < end && (*at | 0x20) == 'e') {
        const char *exponent = at + 1;
        if (exponent < end && (*exponent == '+' || *exponent == '-'))
            exponent++;
        if (is_digit(exponent, end))
            at = behind_digits(exponent, end);
    }
    reader->at = at;
    value->type = at == whole ? NB_INTEGER : NB_NUMBER;
    value->integer = 0;
    if (at != whole) {
        value->number = nb_double_of(begin, (size_t)(at - begin));
        return 1;
    }
    if (whole - digits > MOST_DIGITS)
        return refuse_at(reader, "it has a number of more than 4300 digits", NULL);
    if (integer > MOST_EXACT)
        reader->trouble = NB_NOT_EXACT;
    value->integer = is_negative ? -integer : integer;
    value->number = (double)value->integer;
    return 1;
}

/* Return four hexadecimal digits as a number, or -1. */
static int32_t hexadecimal(const char *at)
{
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int letter = at[i] | 0x20;
        int digit = at[i] >= '0' && at[i] <= '9'     ? at[i] - '0'
                    : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10
                                                     : -1;
        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    return code;
}

/* Write a character as UTF-8; return the end. */
static char *put(char *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    *out++ = (char)((0x780u >> more & 0xf0) | code >> 6 * more);
    while (more--)
        *out++ = (char)(0x80 | (code >> 6 * more & 0x3f));
    return out;
}

/* Read an escape after its backslash; return its character, or -1 with an error. */
static int32_t read_escape(nb_reader *reader, const char *quote)
{
    static const char letters[] = "\"\\/bfnrt", characters[] = "\"\\/\b\f\n\r\t";
    const char *backslash = reader->at - 1;
    if (reader->at == reader->end) {
        refuse_at(reader, "Unterminated string starting at", quote);
        return -1;
    }
    char letter = *reader->at++;
    if (letter == 'u') {
        /* Like Python, which requires at least the closing quote to follow. */
        int32_t code = reader->end - reader->at > 4 ? hexadecimal(reader->at) : -1;
        if (code < 0)
            refuse_at(reader, "Invalid \\uXXXX escape", backslash + 1);
        reader->at += 4;
        return code;
    }
    for (int i = 0; letters[i]; i++)
        if (letters[i] == letter)
            return characters[i];
    refuse_at(reader, "Invalid \\escape", backslash);
    return -1;
}

/* Read the text after a quote, and store its position; return 0 on error. Text without escapes,
   which is nearly all, stays in place; other text is built in the reader's room. */
static int read_text(nb_reader *reader, const char **text, size_t *length)
{
    const char *quote = reader->at - 1, *plain = reader->at;
    char *out = reader->room;
    int32_t high = 0; /* the first half of a surrogate pair, if the last escape was one */
    for (;; reader->at++) {
        if (reader->at == reader->end)
            return refuse_at(reader, "Unterminated string starting at", quote);
        unsigned char byte = (unsigned char)*reader->at;
        if (byte < ' ')
            return refuse_at(reader, "Invalid control character at", reader->at);
        if (byte != '"' && byte != '\\')
            continue;
        size_t size = (size_t)(reader->at - plain);
        if (byte == '"' && out == reader->room) {
            *text = plain;
            *length = size;
            reader->at++;
            return 1;
        }
        /* No escape is longer than 4 bytes, and the next value must be aligned. */
        if ((size_t)(reader->room_end - out) < size + 16) {
            reader->trouble = NB_TOO_MUCH;
            return 0;
        }
        memcpy(out, plain, size);
        out += size;
        reader->at++;
        if (byte == '"')
            break;
        int32_t code = read_escape(reader, quote);
        if (code < 0)
            return 0;
        if (high && !size && code >> 10 == 0xdc00 >> 10) {
            out -= 3;
            code = 0x10000 + ((high & 0x3ff) << 10) + (code & 0x3ff);
        }
        high = code >> 10 == 0xd800 >> 10 ? code : 0;
        out = put(out, (uint32_t)code);
        plain = reader->at--;
    }
    *text = reader->room;
    *length = (size_t)(out - reader->room);
    reader->room += (*length + 7) & ~(size_t)7;
    return 1;
}

/* Return a new empty value, or NULL if there is no room. */
static nb_value *new_value(nb_reader *reader)
{
    if ((size_t)(reader->room_end - reader->room) < sizeof(nb_value)) {
        reader->trouble = NB_TOO_MUCH;
        return NULL;
    }
    nb_value *value = (nb_value *)reader->room;
    reader->room += sizeof(nb_value);
    memset(value, 0, sizeof(nb_value));
    return value;
}

/* Return the next item of the innermost open array, or the member of the object whose key comes
   next. */
static nb_value *new_item(nb_reader *reader, size_t depth)
{
    nb_value *holder = levels[depth - 1].holder;
    const char *key = NULL;
    size_t key_length = 0;
    if (holder->type == NB_OBJECT) {
        if (!nb_json_take(reader, '"')) {
            nb_json_refuse(reader, "Expecting property name enclosed in double quotes");
            return NULL;
        }
        if (!read_text(reader, &key, &key_length))
            return NULL;
        if (!nb_json_take(reader, ':')) {
            nb_json_refuse(reader, "Expecting ':' delimiter");
            return NULL;
        }
        /* Of duplicate keys the last value counts, at the position of the first, as in a dict. */
        nb_value *same = (nb_value *)nb_member(holder, key, key_length);
        if (same) {
            same->first = NULL;
            same->count = 0;
            return same;
        }
        if (holder->count == MOST_MEMBERS) {
            reader->trouble = NB_TOO_MUCH;
            return NULL;
        }
    }
    nb_value *item = new_value(reader);
    if (!item)
        return NULL;
    item->key = key;
    item->key_length = key_length;
    if (holder->count++)
        levels[depth - 1].last->next = item;
    else
        holder->first = item;
    levels[depth - 1].last = item;
    return item;
}

/* Read a scalar value; return 0 on error. */
static int read_scalar(nb_reader *reader, nb_value *value)
{
    if (take_word(reader, "\"", 1)) {
        value->type = NB_STRING;
        return read_text(reader, &value->text, &value->length);
    }
    value->type = NB_NULL;
    if (take_word(reader, "null", 4))
        return 1;
    value->type = NB_FALSE;
    if (take_word(reader, "false", 5))
        return 1;
    value->type = NB_TRUE;
    if (take_word(reader, "true", 4))
        return 1;
    if (take_word(reader, "NaN", 3))
        return refuse_at(reader, "NaN is not JSON; null is", NULL);
    if (take_word(reader, "Infinity", 8))
        return refuse_at(reader, "Infinity is not JSON; null is", NULL);
    if (take_word(reader, "-Infinity", 9))
        return refuse_at(reader, "-Infinity is not JSON; null is", NULL);
    if (reader->at == reader->end)
        return refuse_at(reader, "Expecting value", reader->at);
    return read_number(reader, value);
}

/* Close finished arrays and objects; return 1 if the outermost value is complete, 0 if an item
   follows or on error. */
static int close_levels(nb_reader *reader, size_t *depth)
{
    while (*depth) {
        if (nb_json_take(reader, levels[*depth - 1].holder->type == NB_ARRAY ? ']' : '}')) {
            --*depth;
            continue;
        }
        if (!nb_json_take(reader, ','))
            nb_json_refuse(reader, "Expecting ',' delimiter");
        return 0;
    }
    return 1;
}

const nb_value *nb_json_read(nb_reader *reader)
{
    size_t depth = 0;
    nb_value *root = reader->trouble == NB_NO_TROUBLE ? new_value(reader) : NULL;
    for (nb_value *value = root; value; value = new_item(reader, depth)) {
        int is_array = nb_json_take(reader, '[');
        if (is_array || nb_json_take(reader, '{')) {
            if (depth == DEEPEST) {
                refuse_at(reader, "it is nested too deeply", NULL);
                return NULL;
            }
            value->type = is_array ? NB_ARRAY : NB_OBJECT;
            levels[depth++].holder = value;
            /* An empty one may close immediately. */
            if (!nb_json_take(reader, is_array ? ']' : '}'))
                continue;
            depth--;
        } else if (!read_scalar(reader, value)) {
            return NULL;
        }
        if (close_levels(reader, &depth))
            return root;
        if (reader->trouble == NB_NOT_JSON)
            return NULL;
    }
    return NULL;
}

void nb_json_end(nb_reader *reader)
{
    pass_space(reader);
    if (reader->at < reader->end)
        nb_json_refuse(reader, "Extra data");
}
