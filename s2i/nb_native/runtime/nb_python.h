/* What Python means by numbers, texts and lists, for the C that is made of a notebook's functions.
 *
 * A whole number is held in a double, which is exact up to 2^53; what goes beyond is NB_BEYOND,
 * never a rounded answer. Statuses are those of nb_native.h: NB_FAILED where Python raises.
 */
#ifndef NB_PYTHON_H
#define NB_PYTHON_H

#include "nb_math.h"
#include "nb_native.h"
#include "nb_numbers.h"

#define NB_WHOLE 9007199254740992.0

/* What Python would have: the order is that of its promotions. OTHER is a text, a list or a
 * complex number. */
enum nb_form {
    NB_AS_BOOL, NB_AS_INTEGER, NB_AS_FLOAT, NB_AS_OTHER
};

typedef struct {
    double value;
    enum nb_form form;
    int failed;               /* NB_OK, NB_FAILED or NB_BEYOND */
} nb_number;

/* Return a number of this form; NB_BEYOND for a whole number that a double may have rounded. */
static inline nb_number nb_made(double value, enum nb_form form)
{
    nb_number number = {value, form, NB_OK};

    if (form != NB_AS_FLOAT) {
        number.value = value + 0.0; /* Python's 0 has no sign. */
        if (form == NB_AS_INTEGER && !(value < NB_WHOLE && value > -NB_WHOLE))
            number.failed = NB_BEYOND;
    }
    return number;
}

/* Return a number of this form that is known to be exact. */
static inline nb_number nb_as(double value, enum nb_form form)
{
    nb_number number = {value, form, NB_OK};

    return number;
}

/* Return a number that failed. */
static inline nb_number nb_not_made(int failed)
{
    nb_number number = {0.0, NB_AS_FLOAT, failed};

    return number;
}

/* Return a value of Python's that is no number. */
static inline nb_number nb_other(void)
{
    nb_number number = {0.0, NB_AS_OTHER, NB_OK};

    return number;
}

/* Return a half float of numpy's, OTHER with its value. */
static inline nb_number nb_half(double value)
{
    nb_number number = {value, NB_AS_OTHER, NB_OK};

    return number;
}

/* Return the number in a sample's value, true and false too, as Python computes with them; else
 * NB_FAILED. */
static inline nb_number nb_number_of(const nb_value *value)
{
    nb_number number = {0.0, NB_AS_FLOAT, NB_OK};

    switch (value->type) {
    case NB_FALSE:
    case NB_TRUE:
        number.form = NB_AS_BOOL;
        number.value = value->type == NB_TRUE;
        break;
    case NB_INTEGER:
        number.form = NB_AS_INTEGER;
        number.value = (double)value->integer;
        break;
    case NB_NUMBER:
        number.value = value->number;
        break;
    default:
        number.failed = NB_FAILED;
    }
    return number;
}

/* As nb_number_of, but a text or a list is OTHER: what Python repeats by *, or formats by %. */
static inline nb_number nb_number_or_other(const nb_value *value)
{
    return value->type == NB_STRING || value->type == NB_ARRAY ? nb_other() : nb_number_of(value);
}

/* Return the form of a sum of two numbers. */
static inline enum nb_form nb_common(nb_number a, nb_number b)
{
    enum nb_form larger = a.form > b.form ? a.form : b.form;

    return larger < NB_AS_INTEGER ? NB_AS_INTEGER : larger;
}

/* Return a + b. */
static inline nb_number nb_plus(nb_number a, nb_number b)
{
    return nb_made(a.value + b.value, nb_common(a, b));
}

/* Return a - b. */
static inline nb_number nb_minus(nb_number a, nb_number b)
{
    return nb_made(a.value - b.value, nb_common(a, b));
}

/* Return a * b. */
static inline nb_number nb_times(nb_number a, nb_number b)
{
    return nb_made(a.value * b.value, nb_common(a, b));
}

/* Return text * number, or list * number: OTHER, or NB_FAILED as Python for a factor that is not
 * whole. */
static inline nb_number nb_repeated(nb_number a, nb_number b)
{
    if (a.form != NB_AS_OTHER && b.form != NB_AS_OTHER)
        return nb_times(a, b);
    if (a.form == b.form || a.form == NB_AS_FLOAT || b.form == NB_AS_FLOAT)
        return nb_not_made(NB_FAILED);
    return nb_other();
}

/* Return a / b. */
static inline nb_number nb_divided(nb_number a, nb_number b)
{
    if (b.value == 0.0 && b.form != NB_AS_OTHER)
        return nb_not_made(NB_FAILED);
    return nb_made(a.value / b.value, nb_common(a, b) == NB_AS_OTHER ? NB_AS_OTHER : NB_AS_FLOAT);
}

/* Return `size` with the sign of `sign`. */
static inline double nb_signed(double size, double sign)
{
    uint64_t mask = (uint64_t)1 << 63;

    return nb_from_bits((nb_bits(size) & ~mask) | (nb_bits(sign) & mask));
}

/* Return a nonzero double's mantissa, and its exponent there: mantissa * 2^exponent is its size. */
static inline uint64_t nb_mantissa(double number, int *exponent)
{
    uint64_t bits = nb_bits(number) & ~((uint64_t)1 << 63);
    uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
    int biased = (int)(bits >> 52);

    *exponent = (biased ? biased : 1) - 1075;
    return biased ? fraction | (uint64_t)1 << 52 : fraction;
}

/* Return a - n * b for whole n, exactly, with the sign of a: C's fmod, by long division. */
static inline double nb_remainder(double a, double b)
{
    int of_a, of_b;
    uint64_t rest, divisor;
    double size;

    if (a != a || b != b || b == 0.0 || a - a != 0.0)
        return NB_NAN;
    if (b - b != 0.0 || a == 0.0)
        return a;
    rest = nb_mantissa(a, &of_a);
    divisor = nb_mantissa(b, &of_b);
    if (of_a < of_b)
        return a;
    rest %= divisor;
    for (; of_a > of_b; of_a--)
        rest = (rest << 1) % divisor;
    /* A whole multiple of b's last place: no product here is rounded. */
    size = (double)rest;
    for (; of_b > 0; of_b--)
        size *= 2.0;
    for (; of_b < 0; of_b++)
        size *= 0.5;
    return nb_signed(size, a);
}

/* Return a // b of two floats, b not 0, and a % b there, as CPython's and numpy's divmod. */
static inline double nb_float_divmod(double a, double b, double *modulo)
{
    double rest = nb_remainder(a, b);
    double quotient = (a - rest) / b;
    double whole;

    if (rest != 0.0) {
        if ((b < 0.0) != (rest < 0.0)) {
            rest += b;
            quotient -= 1.0;
        }
    } else {
        rest = nb_signed(0.0, b);
    }
    if (quotient != 0.0) {
        whole = nb_floor(quotient);
        if (quotient - whole > 0.5)
            whole += 1.0;
    } else {
        whole = nb_signed(0.0, a / b);
    }
    *modulo = rest;
    return whole;
}

/* Return a // b of two whole numbers, b not 0, and a % b there. */
static inline double nb_whole_divmod(double a, double b, double *modulo)
{
    int64_t quotient = (int64_t)a / (int64_t)b;
    int64_t rest = (int64_t)a % (int64_t)b;

    if (rest != 0 && (rest < 0) != (b < 0.0)) {
        rest += (int64_t)b;
        quotient -= 1;
    }
    *modulo = (double)rest;
    return (double)quotient;
}

/* Return a // b, or a % b where `wants_modulo`. */
static inline nb_number nb_floor_divided(nb_number a, nb_number b, int wants_modulo)
{
    double quotient, modulo;
    enum nb_form form = nb_common(a, b);

    if (b.value == 0.0)
        return nb_not_made(NB_FAILED);
    if (form == NB_AS_INTEGER)
        quotient = nb_whole_divmod(a.value, b.value, &modulo);
    else
        quotient = nb_float_divmod(a.value, b.value, &modulo);
    return nb_made(wants_modulo ? modulo : quotient, form);
}

/* Return a // b, or a % b where `wants_modulo`, as numpy: it does not raise where b is 0. */
static inline nb_number nb_numpy_floor_divided(nb_number a, nb_number b, int wants_modulo)
{
    enum nb_form form = nb_common(a, b);

    if (b.value != 0.0)
        return nb_floor_divided(a, b, wants_modulo);
    if (form == NB_AS_INTEGER)
        return nb_made(0.0, form);
    return nb_made(wants_modulo ? NB_NAN : a.value / b.value, form);
}

/* Return a / b as numpy: it does not raise where b is 0. */
static inline nb_number nb_numpy_divided(nb_number a, nb_number b)
{
    return nb_made(a.value / b.value, NB_AS_FLOAT);
}

/* Return whether a float is a whole number. */
static inline int nb_is_whole(double number)
{
    return number - number == 0.0 && nb_floor(number) == number;
}

/* Return a whole number raised to a whole power that is not negative; NB_BEYOND past 2^53. */
static inline nb_number nb_whole_power(double base, double power)
{
    double result = 1.0;

    if (base == 0.0 || base == 1.0)
        return nb_made(power == 0.0 ? 1.0 : base, NB_AS_INTEGER);
    if (base == -1.0)
        return nb_made(nb_remainder(power, 2.0) == 0.0 ? 1.0 : -1.0, NB_AS_INTEGER);
    for (; power > 0.0; power -= 1.0) {
        result *= base;
        if (!(result < NB_WHOLE && result > -NB_WHOLE))
            return nb_not_made(NB_BEYOND);
    }
    return nb_made(result, NB_AS_INTEGER);
}

/* Return a ** b; OTHER where that is a complex number. */
static inline nb_number nb_power(nb_number a, nb_number b)
{
    double result;
    int finite;

    if (a.form == NB_AS_OTHER || b.form == NB_AS_OTHER)
        return nb_other();
    if (nb_common(a, b) == NB_AS_INTEGER && b.value >= 0.0)
        return nb_whole_power(a.value, b.value);
    if (a.value == 0.0 && b.value < 0.0)
        return nb_not_made(NB_FAILED);
    finite = nb_is_finite(a.value) && nb_is_finite(b.value);
    if (a.value < 0.0 && finite && !nb_is_whole(b.value))
        return nb_other();
    result = nb_pow(a.value, b.value);
    /* OverflowError, unless it was infinite before. */
    if (nb_is_infinite(result) && finite)
        return nb_not_made(NB_FAILED);
    return nb_made(result, NB_AS_FLOAT);
}

/* Return a ** b as numpy: whole numbers have no negative powers, floats no errors. */
static inline nb_number nb_numpy_power(nb_number a, nb_number b)
{
    if (nb_common(a, b) != NB_AS_INTEGER)
        return nb_made(nb_pow(a.value, b.value), NB_AS_FLOAT);
    return b.value < 0.0 ? nb_not_made(NB_FAILED) : nb_whole_power(a.value, b.value);
}

/* Return -a. */
static inline nb_number nb_negative(nb_number a)
{
    return nb_made(-a.value, a.form < NB_AS_INTEGER ? NB_AS_INTEGER : a.form);
}

/* Return +a, which makes a whole number of true and false. */
static inline nb_number nb_positive(nb_number a)
{
    return nb_made(a.value, a.form < NB_AS_INTEGER ? NB_AS_INTEGER : a.form);
}

/* Return abs(a). */
static inline nb_number nb_absolute(nb_number a)
{
    return nb_made(nb_fabs(a.value), a.form < NB_AS_INTEGER ? NB_AS_INTEGER : a.form);
}

/* Return int(a): towards zero; NB_FAILED for what is not finite. */
static inline nb_number nb_integer_of(nb_number a)
{
    if (a.value - a.value != 0.0)
        return nb_not_made(NB_FAILED);
    return nb_made(a.value < 0.0 ? -nb_floor(-a.value) : nb_floor(a.value), NB_AS_INTEGER);
}

/* Return an integer adjacent to a finite float, rounded up or down. */
static inline nb_number nb_floor_of(nb_number a, int upwards)
{
    if (a.value - a.value != 0.0)
        return nb_not_made(NB_FAILED);
    return nb_made(upwards ? -nb_floor(-a.value) : nb_floor(a.value), NB_AS_INTEGER);
}

/* Return the whole number nearest to a float, the even one of two. */
static inline double nb_nearest(double number)
{
    double below = nb_floor(number);
    double over = number - below;

    if (number - number != 0.0 || over == 0.0)
        return number;
    if (over > 0.5 || (over == 0.5 && nb_remainder(below, 2.0) != 0.0))
        below += 1.0;
    return nb_signed(below, number);
}

/* Return round(a), a whole number; NB_FAILED for what is not finite. */
static inline nb_number nb_rounded_to_whole(nb_number a)
{
    if (a.value - a.value != 0.0)
        return nb_not_made(NB_FAILED);
    return nb_made(nb_nearest(a.value), NB_AS_INTEGER);
}

/* Return rounded / scale, `rounded` below 2^127 and `scale` below 2^74: the nearest double, the
 * even one of two. */
static inline double nb_quotient(unsigned __int128 rounded, unsigned __int128 scale)
{
    uint64_t mantissa = 0;
    unsigned __int128 rest = 0;
    double size;
    int exponent = 0;

    if (rounded == 0)
        return 0.0;
    /* By hand, because gcc's 128-bit division is a library function. Non-integers are below 2^52,
       so the quotient fits. */
    for (int bit = 127; bit >= 0; bit--) {
        rest = rest << 1 | (rounded >> bit & 1);
        mantissa = mantissa << 1 | (rest >= scale);
        if (rest >= scale)
            rest -= scale;
    }
    while (mantissa < (uint64_t)1 << 53) {
        rest <<= 1;
        mantissa = mantissa << 1 | (rest >= scale);
        if (rest >= scale)
            rest -= scale;
        exponent--;
    }
    /* 54 bits: the last one is the half, and the remainder is anything beyond it. */
    size = (double)(mantissa >> 1);
    if ((mantissa & 1) && (rest != 0 || (mantissa >> 1 & 1)))
        size += 1.0;
    for (exponent++; exponent < 0; exponent++)
        size *= 0.5;
    return size;
}

/* Return round(number, digits) for 0 to 22 digits, as CPython: the exact decimal value is
 * rounded, half to even. */
static inline double nb_rounded(double number, int digits)
{
    unsigned __int128 scale = 1, product, rounded, rest;
    uint64_t mantissa;
    int exponent;

    if (number - number != 0.0 || nb_is_whole(number))
        return number;
    mantissa = nb_mantissa(number, &exponent);
    for (int digit = 0; digit < digits; digit++)
        scale *= 10;
    /* Not whole, so the exponent is negative; of a product below 2^127, a quotient by 2^128 is
     * less than a half. */
    product = scale * mantissa;
    if (exponent < -127)
        return nb_signed(0.0, number);
    rounded = product >> -exponent;
    rest = product - (rounded << -exponent);
    if (rest > (unsigned __int128)1 << (-exponent - 1) ||
        (rest == (unsigned __int128)1 << (-exponent - 1) && (rounded & 1)))
        rounded += 1;
    return nb_signed(nb_quotient(rounded, scale), number);
}

/* Return the number of characters in UTF-8. */
static inline size_t nb_characters(const char *text, size_t length)
{
    size_t count = 0;

    for (size_t place = 0; place < length; place++)
        count += ((unsigned char)text[place] & 0xC0) != 0x80;
    return count;
}

/* Return whether two texts are the same. */
static inline int nb_same_text(const char *one, size_t one_length,
                               const char *other, size_t other_length)
{
    if (one_length != other_length)
        return 0;
    for (size_t place = 0; place < one_length; place++)
        if (one[place] != other[place])
            return 0;
    return 1;
}

/* Return whether a value is this text. */
static inline int nb_is_text(const nb_value *value, const char *text, size_t length)
{
    return value->type == NB_STRING && nb_same_text(value->text, value->length, text, length);
}

/* Return whether a value is a number, including true and false, that equals this one. */
static inline int nb_is_number(const nb_value *value, double number)
{
    nb_number own = nb_number_of(value);

    return !own.failed && own.value == number;
}

/* Return whether Python considers a value true. */
static inline int nb_truth(const nb_value *value)
{
    switch (value->type) {
    case NB_TRUE:
        return 1;
    case NB_INTEGER:
        return value->integer != 0;
    case NB_NUMBER:
        return value->number != 0.0;
    case NB_STRING:
        return value->length != 0;
    case NB_ARRAY:
    case NB_OBJECT:
        return value->count != 0;
    default:
        return 0;
    }
}

/* Return len() of text, a list or an object; -1 for values without a length. */
static inline double nb_length(const nb_value *value)
{
    switch (value->type) {
    case NB_STRING:
        return (double)nb_characters(value->text, value->length);
    case NB_ARRAY:
    case NB_OBJECT:
        return (double)value->count;
    default:
        return -1.0;
    }
}

/* Make a value of `count` characters of a text, from the one at `start` on. */
static inline void nb_cut_text(const nb_value *value, size_t start, size_t count, nb_value *made)
{
    size_t place = 0;
    size_t begin;

    for (size_t character = 0; character < start; character++)
        for (place++; place < value->length && ((unsigned char)value->text[place] & 0xC0) == 0x80;)
            place++;
    begin = place;
    for (size_t character = 0; character < count; character++)
        for (place++; place < value->length && ((unsigned char)value->text[place] & 0xC0) == 0x80;)
            place++;
    *made = (nb_value){.type = NB_STRING, .text = value->text + begin, .length = place - begin};
}

/* Return value[index] of a list, or of a text, whose character `made` holds then; NULL where
 * Python raises. */
static inline const nb_value *nb_at(const nb_value *value, int64_t index, nb_value *made)
{
    int64_t length;

    if (value->type != NB_ARRAY && value->type != NB_STRING)
        return NULL;
    length = (int64_t)nb_length(value);
    if (index < 0)
        index += length;
    if (index < 0 || index >= length)
        return NULL;
    if (value->type == NB_ARRAY)
        return nb_item(value, (size_t)index);
    nb_cut_text(value, (size_t)index, 1, made);
    return made;
}

/* Return value[name] of an object; NULL where Python raises. */
static inline const nb_value *nb_field(const nb_value *value, const char *name, size_t length)
{
    return value->type == NB_OBJECT ? nb_member(value, name, length) : NULL;
}

/* Return a slice's bound, limited to a length. */
static inline int64_t nb_bound(int64_t bound, int64_t length)
{
    if (bound < 0)
        bound = bound + length < 0 ? 0 : bound + length;
    return bound > length ? length : bound;
}

/* Make value[start:stop], bounds below 0 counted from the end; return NB_FAILED for what is no
 * list or text. */
static inline int nb_slice(const nb_value *value, int64_t start, int64_t stop, nb_value *made)
{
    int64_t length;

    if (value->type != NB_ARRAY && value->type != NB_STRING)
        return NB_FAILED;
    length = (int64_t)nb_length(value);
    start = nb_bound(start, length);
    stop = nb_bound(stop, length);
    stop = stop < start ? start : stop;
    if (value->type == NB_STRING) {
        nb_cut_text(value, (size_t)start, (size_t)(stop - start), made);
        return NB_OK;
    }
    *made = (nb_value){.type = NB_ARRAY, .count = (size_t)(stop - start)};
    if (stop > start)
        made->first = nb_item(value, (size_t)start);
    return NB_OK;
}

/* Where an iteration is: over the items of a list, the characters of a text, or the keys of an
 * object. */
typedef struct {
    const nb_value *of;
    const nb_value *next;
    size_t left;
    size_t place;
    nb_value made;
} nb_cursor;

/* Return a cursor at the start; `left` is counted only for lists and text. */
static inline nb_cursor nb_begin(const nb_value *value)
{
    nb_cursor cursor = {.of = value, .next = value->first};

    if (value->type == NB_ARRAY)
        cursor.left = value->count;
    else if (value->type == NB_STRING)
        cursor.left = nb_characters(value->text, value->length);
    return cursor;
}

/* Return whether Python can iterate over a value. */
static inline int nb_is_iterable(const nb_value *value)
{
    return value->type == NB_ARRAY || value->type == NB_STRING || value->type == NB_OBJECT;
}

/* Return the next item of an iteration, or NULL after the last. */
static inline const nb_value *nb_next(nb_cursor *cursor)
{
    const nb_value *found = cursor->next;

    if (cursor->of->type == NB_OBJECT) {
        if (!found)
            return NULL;
        cursor->next = found->next;
        cursor->made = (nb_value){
            .type = NB_STRING, .text = found->key, .length = found->key_length};
        return &cursor->made;
    }
    if (cursor->left == 0)
        return NULL;
    cursor->left--;
    if (cursor->of->type == NB_ARRAY) {
        cursor->next = found->next;
        return found;
    }
    /* The rest of the text, of which one character is next. */
    cursor->made = (nb_value){.type = NB_STRING,
                              .text = cursor->of->text + cursor->place,
                              .length = cursor->of->length - cursor->place};
    nb_cut_text(&cursor->made, 0, 1, &cursor->made);
    cursor->place += cursor->made.length;
    return &cursor->made;
}

/* Return an item of an iteration, stored where the next step doesn't overwrite it. */
static inline const nb_value *nb_kept(const nb_value *item, const nb_cursor *cursor, nb_value *copy)
{
    if (item != &cursor->made)
        return item;
    *copy = *item;
    return copy;
}

/* Return whether a character is white space to Python's float() and int(). */
static inline int nb_is_space(char character)
{
    return character == ' ' || (character >= '\t' && character <= '\r');
}

/* Return whether a character is a digit. */
static inline int nb_is_digit(char character)
{
    return character >= '0' && character <= '9';
}

/* A position in a text, without surrounding white space. */
typedef struct {
    const char *at;
    const char *end;
} nb_text_reader;

/* Return a reader without white space and sign, and whether the sign was a minus; NB_BEYOND in
 * `status` for characters past ASCII, which may be digits of other scripts. */
static inline nb_text_reader nb_read_sign(const char *text, size_t length,
                                          int *is_negative, int *status)
{
    nb_text_reader reader = {text, text + length};

    *status = NB_OK;
    *is_negative = 0;
    for (size_t place = 0; place < length; place++)
        if ((unsigned char)text[place] >= 0x80)
            *status = NB_BEYOND;
    while (reader.at < reader.end && nb_is_space(*reader.at))
        reader.at++;
    while (reader.at < reader.end && nb_is_space(reader.end[-1]))
        reader.end--;
    if (reader.at < reader.end && (*reader.at == '-' || *reader.at == '+'))
        *is_negative = *reader.at++ == '-';
    return reader;
}

/* Return whether the rest is this word, ignoring case. */
static inline int nb_reads_word(nb_text_reader reader, const char *word)
{
    for (; *word && reader.at < reader.end; word++, reader.at++)
        if ((*reader.at | 0x20) != *word)
            return 0;
    return !*word && reader.at == reader.end;
}

/* A number's text without what the runtime's reader does not take: "_1" of "1_1", "+", "." at
 * either end. */
enum { NB_LONGEST_NUMBER = 1024 };

typedef struct {
    char text[NB_LONGEST_NUMBER];
    size_t length;
} nb_digits;

/* Copy digits, with single _ between them; return their number, or 0 where there are none or a _
 * stands alone. */
static inline size_t nb_copy_digits(nb_text_reader *reader, nb_digits *copy)
{
    size_t count = 0;

    while (reader->at < reader->end) {
        if (*reader->at == '_') {
            if (!count || reader->at + 1 == reader->end || !nb_is_digit(reader->at[1]))
                return 0;
        } else if (nb_is_digit(*reader->at)) {
            if (copy->length < NB_LONGEST_NUMBER)
                copy->text[copy->length++] = *reader->at;
            count++;
        } else {
            break;
        }
        reader->at++;
    }
    return count;
}

/* Append a character to a copy that has room. */
static inline void nb_copy(nb_digits *copy, char character)
{
    if (copy->length < NB_LONGEST_NUMBER)
        copy->text[copy->length++] = character;
}

/* Parse text like Python's float(); return NB_FAILED if it isn't a number. */
static inline int nb_float_of_text(const char *text, size_t length, double *number)
{
    nb_digits copy = {.length = 0};
    size_t before = 0, after = 0;
    int is_negative, status;
    nb_text_reader reader = nb_read_sign(text, length, &is_negative, &status);

    if (status)
        return status;
    if (nb_reads_word(reader, "inf") || nb_reads_word(reader, "infinity")) {
        *number = is_negative ? -NB_INFINITY : NB_INFINITY;
        return NB_OK;
    }
    if (nb_reads_word(reader, "nan")) {
        *number = NB_NAN;
        return NB_OK;
    }
    nb_copy(&copy, '0');
    if (reader.at < reader.end && *reader.at != '.') {
        before = nb_copy_digits(&reader, &copy);
        if (!before)
            return NB_FAILED;
    }
    if (reader.at < reader.end && *reader.at == '.') {
        reader.at++;
        nb_copy(&copy, '.');
        if (reader.at < reader.end && nb_is_digit(*reader.at)) {
            after = nb_copy_digits(&reader, &copy);
            if (!after)
                return NB_FAILED;
        }
        nb_copy(&copy, '0');
    }
    if (before + after == 0)
        return NB_FAILED;
    if (reader.at < reader.end && (*reader.at | 0x20) == 'e') {
        reader.at++;
        nb_copy(&copy, 'e');
        if (reader.at < reader.end && (*reader.at == '-' || *reader.at == '+'))
            nb_copy(&copy, *reader.at++);
        if (!nb_copy_digits(&reader, &copy))
            return NB_FAILED;
    }
    if (reader.at != reader.end)
        return NB_FAILED;
    if (copy.length == NB_LONGEST_NUMBER)
        return NB_BEYOND;
    *number = nb_signed(nb_double_of(copy.text, copy.length), is_negative ? -1.0 : 1.0);
    return NB_OK;
}

/* Read a value as Python's float() does: a number, true, false, or a text. */
static inline int nb_float_of(const nb_value *value, double *number)
{
    nb_number own = nb_number_of(value);

    if (value->type == NB_STRING)
        return nb_float_of_text(value->text, value->length, number);
    *number = own.value;
    return own.failed;
}

/* Return a value as Python's int() does: a number without its fraction, true, false, or a text of
 * digits. */
static inline nb_number nb_integer_of_value(const nb_value *value)
{
    nb_digits copy = {.length = 0};
    double number = 0.0;
    int is_negative, status;
    nb_text_reader reader;

    if (value->type != NB_STRING) {
        nb_number own = nb_number_of(value);

        if (own.failed)
            return own;
        return own.form == NB_AS_FLOAT ? nb_integer_of(own) : nb_as(own.value, NB_AS_INTEGER);
    }
    reader = nb_read_sign(value->text, value->length, &is_negative, &status);
    if (status)
        return nb_not_made(status);
    if (!nb_copy_digits(&reader, &copy) || reader.at != reader.end)
        return nb_not_made(NB_FAILED);
    if (copy.length == NB_LONGEST_NUMBER)
        return nb_not_made(NB_BEYOND);
    for (size_t place = 0; place < copy.length && number < NB_WHOLE; place++)
        number = number * 10.0 + (copy.text[place] - '0');
    return nb_made(is_negative ? -number : number, NB_AS_INTEGER);
}

/* Whether a row contains values other than numbers: numpy converts null to NaN, and parses text
   next to null. */
enum { NB_SEEN_NULL = 1, NB_SEEN_TEXT = 2 };

/* Put an item of a row there and note null and texts in `seen`; return NB_FAILED for a list or an
 * object. */
static inline int nb_seen(const nb_value *item, double *number, int *seen)
{
    nb_number own = nb_number_of(item);

    *number = own.value;
    if (item->type == NB_NULL) {
        *number = NB_NAN;
        *seen |= NB_SEEN_NULL;
    } else if (item->type == NB_STRING) {
        *seen |= NB_SEEN_TEXT;
    } else if (own.failed) {
        return NB_FAILED;
    }
    return NB_OK;
}

/* Store an item of a float array: a number, null as NaN, or text that float() parses. */
static inline int nb_float_or_null_of(const nb_value *value, double *number)
{
    *number = NB_NAN;
    return value->type == NB_NULL ? NB_OK : nb_float_of(value, number);
}

/* Store the next number of a row; `reads_texts` as for a float array. */
static inline int nb_put(const nb_value *item, int reads_texts, double *number, int *seen)
{
    int status = nb_seen(item, number, seen);

    if (!status && reads_texts && item->type == NB_STRING)
        return nb_float_of(item, number);
    return status;
}

/* Store the numbers of a list of `count` items, and record null and text in `seen`. */
static inline int nb_fill(const nb_value *list, size_t count, int reads_texts, double *row,
                          int *seen)
{
    const nb_value *item = list->first;

    if (list->type != NB_ARRAY || list->count != count)
        return NB_FAILED;
    for (size_t place = 0; place < count; place++, item = item->next) {
        int status = nb_put(item, reads_texts, &row[place], seen);

        if (status)
            return status;
    }
    return NB_OK;
}

/* Put the numbers of a list of `count` there, as numpy makes an array of it: texts are numbers
 * beside a null alone, or where the array is one of floats and `reads_texts`. */
static inline int nb_row(const nb_value *list, size_t count, int reads_texts, double *row)
{
    int seen = 0;
    int status = nb_fill(list, count, reads_texts, row, &seen);

    if (status || reads_texts || !(seen & NB_SEEN_TEXT))
        return status;
    return seen & NB_SEEN_NULL ? nb_fill(list, count, 1, row, &seen) : NB_FAILED;
}

/* Maximum dimensions of a numpy array. */
enum { NB_MOST_DIMENSIONS = 64 };

/* As nb_fill, of lists in lists, or of one number. Without a `row`, only look whether all have
 * one shape. */
static inline int nb_flatten(const nb_value *value, size_t count, int reads_texts, double *row,
                             int *seen)
{
    /* At each depth, the list that is read and how many of its items are left. */
    const nb_value *item[NB_MOST_DIMENSIONS + 1];
    size_t left[NB_MOST_DIMENSIONS + 1];
    size_t length[NB_MOST_DIMENSIONS + 1];
    size_t depth = 0, deepest = 0, place = 0;

    item[0] = value;
    left[0] = 1;
    for (;;) {
        const nb_value *next = item[depth];

        if (left[depth] == 0) {
            if (depth == 0)
                break;
            depth--;
            continue;
        }
        left[depth]--;
        item[depth] = next->next;
        if (next->type == NB_ARRAY) {
            if (depth == NB_MOST_DIMENSIONS || (place && depth == deepest))
                return NB_FAILED;
            depth++;
            /* The first list at each depth determines the length of the others. */
            if (depth > deepest) {
                deepest = depth;
                length[depth] = next->count;
            }
            if (next->count != length[depth])
                return NB_FAILED;
            item[depth] = next->first;
            left[depth] = next->count;
        } else {
            double number;
            int status;

            if (depth != deepest || (row && place == count))
                return NB_FAILED;
            status = nb_put(next, reads_texts, row ? &row[place] : &number, seen);
            if (status && (row || reads_texts))
                return status;
            place++;
        }
    }
    return row && place != count ? NB_FAILED : NB_OK;
}

/* As nb_row, of lists in lists that numpy's reshape(1, -1) makes one row of, or of one number.
 * Without a `row`, return only whether numpy makes an array of it; `count` does not matter then.
 * */
static inline int nb_flat_row(const nb_value *value, size_t count, int reads_texts, double *row)
{
    int seen = 0;
    int status = nb_flatten(value, count, reads_texts, row, &seen);

    if (status || !row || reads_texts || !(seen & NB_SEEN_TEXT))
        return status;
    return seen & NB_SEEN_NULL ? nb_flatten(value, count, 1, row, &seen) : NB_FAILED;
}

/* Return whether an object's key at this position is this text. */
static inline int nb_is_key(const nb_value *object, size_t place, const char *name, size_t length)
{
    const nb_value *member = object->first;

    while (member && place--)
        member = member->next;
    return member && nb_same_text(member->key, member->key_length, name, length);
}

/* Return what a table of one row has in a column: of a list the item at its place, of an object
 * the member. */
static inline const nb_value *nb_column(const nb_value *row, size_t place, const char *name,
                                        size_t length, const nb_value *missing)
{
    const nb_value *found = nb_item(row, place);

    if (!found)
        found = nb_member(row, name, length);
    return found ? found : missing;
}

/* A sum computed like CPython's: since 3.12, with compensation for the rounding errors of floats.
   */
typedef struct {
    nb_number sum;
    double lost;
    int keeps_lost;
} nb_total;

/* Return an empty sum. */
static inline nb_total nb_no_total(int keeps_lost)
{
    nb_total total = {{0.0, NB_AS_INTEGER, NB_OK}, 0.0, keeps_lost};

    return total;
}

/* Add a number to a sum; return its status. */
static inline int nb_add(nb_total *total, nb_number number)
{
    nb_number before = total->sum;

    total->sum = nb_plus(before, number);
    if (total->keeps_lost && before.form == NB_AS_FLOAT && number.form == NB_AS_FLOAT) {
        double sum = total->sum.value;

        if (nb_fabs(before.value) >= nb_fabs(number.value))
            total->lost += (before.value - sum) + number.value;
        else
            total->lost += (number.value - sum) + before.value;
    }
    return total->sum.failed;
}

/* Return the sum. */
static inline nb_number nb_total_of(const nb_total *total)
{
    nb_number sum = total->sum;

    if (total->lost != 0.0 && total->lost - total->lost == 0.0)
        sum.value += total->lost;
    return sum;
}

/* Return sum() of a value. */
static inline nb_number nb_sum(const nb_value *value, int keeps_lost)
{
    nb_total total = nb_no_total(keeps_lost);
    nb_cursor cursor = nb_begin(value);

    if (!nb_is_iterable(value))
        return nb_not_made(NB_FAILED);
    for (const nb_value *item = nb_next(&cursor); item; item = nb_next(&cursor)) {
        nb_number number = nb_number_of(item);
        int status = number.failed ? number.failed : nb_add(&total, number);

        if (status)
            return nb_not_made(status);
    }
    return nb_total_of(&total);
}

/* Return max() or min() of a value: OTHER where it is no number, NB_FAILED where Python can't
 * compare its items. */
static inline nb_number nb_extreme(const nb_value *value, int wants_largest)
{
    nb_cursor cursor = nb_begin(value);
    nb_number found = nb_other();
    enum nb_type type = NB_NULL;
    size_t count = 0;

    if (!nb_is_iterable(value))
        return nb_not_made(NB_FAILED);
    for (const nb_value *item = nb_next(&cursor); item; item = nb_next(&cursor)) {
        nb_number number = nb_number_of(item);

        if (number.failed)
            number = nb_other();
        if (count++ == 0) {
            found = number;
            type = item->type;
        } else if (number.form == NB_AS_OTHER || found.form == NB_AS_OTHER) {
            if (item->type != type || (type != NB_STRING && type != NB_ARRAY))
                return nb_not_made(NB_FAILED);
        } else if (wants_largest ? number.value > found.value : number.value < found.value) {
            found = number;
        }
    }
    return count ? found : nb_not_made(NB_FAILED);
}

/* Return the index of the first of the largest, or the first NaN, as numpy's argmax; of the
 * smallest likewise. */
static inline int nb_argument(const double *numbers, int count, int wants_largest)
{
    int found = 0;

    for (int place = 1; place < count && numbers[found] == numbers[found]; place++) {
        double one = wants_largest ? numbers[place] : numbers[found];
        double other = wants_largest ? numbers[found] : numbers[place];

        /* Not `one > other`: of a NaN neither holds, and it wins. */
        if (!(one <= other))
            found = place;
    }
    return found;
}

/* Return the sum of up to 128 numbers in the order in which numpy adds them. */
static inline double nb_pairwise(const double *numbers, int count)
{
    double parts[8];
    double sum = 0.0;
    int place = 0;

    if (count >= 8) {
        for (; place < 8; place++)
            parts[place] = numbers[place];
        for (; place + 8 <= count; place += 8)
            for (int part = 0; part < 8; part++)
                parts[part] += numbers[place + part];
        sum = ((parts[0] + parts[1]) + (parts[2] + parts[3]))
              + ((parts[4] + parts[5]) + (parts[6] + parts[7]));
    }
    for (; place < count; place++)
        sum += numbers[place];
    return sum;
}

/* Return round(a, digits) of a number whose form is known only at run time. */
static inline nb_number nb_rounded_number(nb_number a, int digits)
{
    return a.form == NB_AS_FLOAT ? nb_as(nb_rounded(a.value, digits), NB_AS_FLOAT) : nb_positive(a);
}

/* Return the float that a function of numpy's takes: NB_BEYOND for true and false, of which it
 * makes half floats. */
static inline nb_number nb_argument_of_numpy(nb_number a)
{
    return a.form == NB_AS_BOOL ? nb_not_made(NB_BEYOND) : a;
}

/* Write true or false. */
static inline void nb_write_bool(nb_output *output, int truth)
{
    nb_write(output, truth ? "true" : "false", truth ? 4 : 5);
}

/* Write a number whose form is known only at run time. */
static inline void nb_write_form(nb_output *output, nb_number number)
{
    if (number.form == NB_AS_BOOL)
        nb_write_bool(output, number.value != 0.0);
    else if (number.form == NB_AS_INTEGER)
        nb_write_integer(output, (int64_t)number.value);
    else
        nb_write_double(output, number.value);
}

/* Write null, a text or a number of the sample. */
static inline void nb_write_scalar(nb_output *output, const nb_value *value)
{
    if (value->type == NB_NULL)
        nb_write(output, "null", 4);
    else if (value->type == NB_STRING)
        nb_write_string(output, value->text, value->length);
    else
        nb_write_form(output, nb_number_of(value));
}

/* Maximum nesting that the runtime reads. */
enum { NB_MOST_LEVELS = 1000 };

/* Write a part of the sample as Python would serialise it. */
static inline void nb_write_value(nb_output *output, const nb_value *value)
{
    /* The open lists and objects, each with its next item and the number of items left. */
    const nb_value *open[NB_MOST_LEVELS + 1];
    const nb_value *next[NB_MOST_LEVELS + 1];
    size_t left[NB_MOST_LEVELS + 1];
    size_t depth = 0;

    open[0] = NULL;
    next[0] = value;
    left[0] = 1;
    for (;;) {
        const nb_value *item = next[depth];

        if (left[depth] == 0) {
            if (depth == 0)
                return;
            nb_write(output, open[depth]->type == NB_ARRAY ? "]" : "}", 1);
            depth--;
            continue;
        }
        if (depth && left[depth] != open[depth]->count)
            nb_write(output, ", ", 2);
        if (depth && open[depth]->type == NB_OBJECT) {
            nb_write_string(output, item->key, item->key_length);
            nb_write(output, ": ", 2);
        }
        next[depth] = item->next;
        left[depth]--;
        if ((item->type == NB_ARRAY || item->type == NB_OBJECT) && depth < NB_MOST_LEVELS) {
            nb_write(output, item->type == NB_ARRAY ? "[" : "{", 1);
            depth++;
            open[depth] = item;
            next[depth] = item->first;
            left[depth] = item->count;
        } else {
            nb_write_scalar(output, item);
        }
    }
}

/* Where the proof counts which sides of the notebook's conditions have run: [condition][whether
 * it held]. */
#ifdef NB_BRANCHES
extern uint32_t nb_branches[][2];

static inline int nb_branch(size_t index, int truth)
{
    nb_branches[index][truth != 0]++;
    return truth;
}
#define NB_BRANCH(index, truth) nb_branch(index, truth)
#else
#define NB_BRANCH(index, truth) (truth)
#endif

/* Return 1 where a text is in a value as Python's `in` has it, 0 where not, -1 where Python
 * raises. */
static inline int nb_contains_text(const nb_value *value, const char *text, size_t length)
{
    const nb_value *item = value->first;

    switch (value->type) {
    case NB_OBJECT:
        return nb_member(value, text, length) != NULL;
    case NB_ARRAY:
        for (size_t place = 0; place < value->count; place++, item = item->next)
            if (nb_is_text(item, text, length))
                return 1;
        return 0;
    case NB_STRING:
        for (size_t place = 0; place + length <= value->length; place++)
            if (nb_same_text(value->text + place, length, text, length))
                return 1;
        return 0;
    default:
        return -1;
    }
}

#endif
