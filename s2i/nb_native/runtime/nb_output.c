/* How a model writes its predictions, and the runtime all its output. */

#include "nb_output.h"

#include <stdarg.h>

#include "nb_memory.h"
#include "nb_numbers.h"

void nb_write(nb_output *output, const char *text, size_t length)
{
    if (length > output->room - output->length) {
        output->overflowed = 1;
        return;
    }
    memcpy(output->text + output->length, text, length);
    output->length += length;
}

/* Write a number with at least this many digits. */
static void write_number(nb_output *output, uint64_t number, int digits)
{
    char text[20], *at = text + sizeof(text);
    while (number || digits > 0) {
        *--at = (char)('0' + number % 10);
        number /= 10;
        digits--;
    }
    nb_write(output, at, (size_t)(text + sizeof(text) - at));
}

void nb_write_integer(nb_output *output, int64_t integer)
{
    uint64_t size = (uint64_t)integer;
    if (integer < 0) {
        nb_write(output, "-", 1);
        size = -size;
    }
    write_number(output, size, 1);
}

/* Otherwise its prologue would save floating-point registers, which it doesn't use. */
#ifndef __clang__
__attribute__((target("general-regs-only")))
#endif
void nb_print(nb_output *output, const char *pattern, ...)
{
    va_list rest;
    va_start(rest, pattern);
    for (; *pattern; pattern++) {
        const char *text = pattern;
        size_t length = 0;
        char kind = *pattern == '%' ? *++pattern : 0;
        if (kind == 't') {
            const nb_text *part = va_arg(rest, const nb_text *);
            nb_write(output, part->text, part->length);
        } else if (kind == 'u' || kind == '2') {
            write_number(output, va_arg(rest, uint64_t), kind == '2' ? 2 : 1);
        } else {
            /* The pattern up to the next %, or the text that it stands for. */
            if (kind)
                text = va_arg(rest, const char *);
            while (text[length] && (kind || text[length] != '%'))
                length++;
            nb_write(output, text, length);
            pattern += kind ? 0 : length - 1;
        }
    }
    va_end(rest);
}

void nb_write_double(nb_output *output, double number)
{
    char text[NB_LONGEST_DOUBLE];
    /* Infinity less itself is not a number, and that is not equal to anything. */
    if (number - number != 0)
        nb_write(output, "null", 4);
    else
        nb_write(output, text, nb_text_of(number, text));
}

/* Write \u and four hexadecimal digits. */
static void write_escape(nb_output *output, uint32_t code)
{
    nb_write(output, "\\u", 2);
    for (int bits = 12; bits >= 0; bits -= 4)
        nb_write(output, &"0123456789abcdef"[code >> bits & 15], 1);
}

/* Characters with a short JSON escape, and the letters of these. */
static const char ESCAPED[] = "\"\\\b\f\n\r\t", LETTERS[] = "\"\\bfnrt";

void nb_write_string(nb_output *output, const char *text, size_t length)
{
    const char *end = text + length, *plain = text;
    nb_write(output, "\"", 1);
    for (; text < end; text++) {
        unsigned char byte = (unsigned char)*text;
        /* An unpaired surrogate, which a client may send as an escape, can only be written as one:
           see nb_json.h. */
        int is_lone = byte == 0xed && end - text > 2 && (unsigned char)text[1] >= 0xa0;
        if (byte >= ' ' && byte != '"' && byte != '\\' && !is_lone)
            continue;
        nb_write(output, plain, (size_t)(text - plain));
        int letter = 0;
        while (ESCAPED[letter] && ESCAPED[letter] != (char)byte)
            letter++;
        if (is_lone) {
            write_escape(output, 0xd000u | (text[1] & 0x3fu) << 6 | (text[2] & 0x3fu));
            text += 2;
        } else if (byte && ESCAPED[letter]) {
            nb_write(output, "\\", 1);
            nb_write(output, &LETTERS[letter], 1);
        } else {
            write_escape(output, byte);
        }
        plain = text + 1;
    }
    nb_write(output, plain, (size_t)(end - plain));
    nb_write(output, "\"", 1);
}
