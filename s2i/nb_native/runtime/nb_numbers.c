/* Decimal text to double and back. What is simple is done with doubles, the rest exactly, with big
   integers. */

#include "nb_numbers.h"

#include <stdint.h>

#include "nb_memory.h"

enum {
    /* A double has 53 bits, and a value exactly between two doubles has at most this many digits
       (767). After these, all that matters is whether there are digits other than zeros. */
    PRECISION = 53,
    MOST_DIGITS = 768,
    /* Decimal exponents of the first digit beyond which all numbers are 0 or infinite. */
    LEAST_EXPONENT = -330,
    MOST_EXPONENT = 310,
    /* Powers of ten up to this one are exact as doubles. */
    EXACT_POWER = 22,
    /* The exponent of the last bit of the smallest double, 2^-1074. */
    LAST_BIT = -1074
};
#define EXACT_INTEGER (1ull << PRECISION)

/* The largest numbers here are 10^769 and 5^1100: 2,560 bits. */
enum { WORDS = 48 };

/* A natural number: the least word first, and no zeros at the end. */
typedef struct {
    uint32_t count;
    uint64_t words[WORDS];
} natural;

static void set(natural *n, uint64_t value)
{
    n->words[0] = value;
    n->count = value != 0;
}

/* Multiply by a factor, and add. */
static void multiply(natural *n, uint64_t factor, uint64_t carry)
{
    for (uint32_t i = 0; i < n->count; i++) {
        unsigned __int128 product = (unsigned __int128)n->words[i] * factor + carry;
        n->words[i] = (uint64_t)product;
        carry = (uint64_t)(product >> 64);
    }
    if (carry)
        n->words[n->count++] = carry;
}

static void multiply_by_power_of_5(natural *n, uint32_t exponent)
{
    /* 5^27 is the largest power of 5 that a word holds. */
    for (; exponent >= 27; exponent -= 27)
        multiply(n, 7450580596923828125u, 0);
    uint64_t power = 1;
    while (exponent--)
        power *= 5;
    multiply(n, power, 0);
}

/* Multiply by 2^bits. */
static void shift(natural *n, uint32_t bits)
{
    uint32_t words = bits / 64;
    if (words && n->count) {
        memmove(n->words + words, n->words, n->count * sizeof(n->words[0]));
        memset(n->words, 0, words * sizeof(n->words[0]));
        n->count += words;
    }
    multiply(n, 1ull << bits % 64, 0);
}

static void multiply_by_power_of_10(natural *n, uint32_t exponent)
{
    multiply_by_power_of_5(n, exponent);
    shift(n, exponent);
}

/* Return the number of bits of a number that is not 0. */
static int32_t bits_of(const natural *n)
{
    return (int32_t)(64 * n->count) - __builtin_clzll(n->words[n->count - 1]);
}

/* Return less than 0, 0 or more than 0, as a is less than b, equal or more. */
static int compare(const natural *a, const natural *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (uint32_t i = a->count; i--;)
        if (a->words[i] != b->words[i])
            return a->words[i] < b->words[i] ? -1 : 1;
    return 0;
}

/* Subtract b, which is not larger than a. */
static void subtract(natural *a, const natural *b)
{
    unsigned borrow = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        uint64_t taken = i < b->count ? b->words[i] : 0;
        uint64_t rest = a->words[i] - taken - borrow;
        borrow = borrow ? rest >= a->words[i] : rest > a->words[i];
        a->words[i] = rest;
    }
    while (a->count && !a->words[a->count - 1])
        a->count--;
}

static void add(natural *a, const natural *b)
{
    unsigned carry = 0;
    for (uint32_t i = 0; i < b->count || carry; i++) {
        if (i == a->count)
            a->words[a->count++] = 0;
        uint64_t more = i < b->count ? b->words[i] : 0;
        uint64_t sum = a->words[i] + more + carry;
        carry = carry ? sum <= more : sum < more;
        a->words[i] = sum;
    }
}

/* --- text to double --- */

/* Return 10^exponent, for exponents up to EXACT_POWER: no step of it is rounded. */
static double power_of_10(int64_t exponent)
{
    double power = 1;
    while (exponent--)
        power *= 10;
    return power;
}

static double double_of_bits(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

/* Return the double nearest to n / m * 2^exponent, where n is not 0. Changes n and m. */
static double nearest_ratio(natural *n, natural *m, int32_t exponent)
{
    int32_t difference = bits_of(n) - bits_of(m);
    shift(difference > 0 ? m : n, (uint32_t)(difference > 0 ? difference : -difference));
    exponent += difference;
    if (compare(n, m) < 0) {
        shift(n, 1);
        exponent--;
    }
    /* Now m <= n < 2m, and the number's first bit stands for 2^exponent. Small numbers have fewer
       bits. */
    int32_t least = LAST_BIT + PRECISION - 1;
    int32_t precision = exponent < least ? PRECISION - (least - exponent) : PRECISION;
    if (precision < 0)
        return 0;
    uint64_t bits = 0;
    for (int32_t i = 0; i < precision; i++) {
        bits <<= 1;
        if (compare(n, m) >= 0) {
            subtract(n, m);
            bits |= 1;
        }
        shift(n, 1);
    }
    /* What is left is half of the last bit where n is m. */
    int rest = compare(n, m);
    if (rest > 0 || (rest == 0 && (bits & 1)))
        bits++;
    /* The first of 53 bits is not stored but adds one to the exponent, as does a carry out of
       them. */
    if (precision == PRECISION)
        bits += (uint64_t)(exponent - least) << (PRECISION - 1);
    uint64_t infinite = 0x7ffull << (PRECISION - 1);
    return double_of_bits(bits < infinite ? bits : infinite);
}

/* Return the double nearest to all digits in a text without its sign, times 10^exponent. */
static double nearest(const char *text, const char *end, int64_t exponent)
{
    natural n, m;
    set(&n, 0);
    int64_t used = 0, dropped = 0;
    int is_more = 0;
    for (; text < end && (*text | 0x20) != 'e'; text++) {
        if (*text == '.')
            continue;
        uint64_t digit = (uint64_t)(*text - '0');
        if (used == MOST_DIGITS) {
            is_more |= digit != 0;
            dropped++;
        } else {
            multiply(&n, 10, digit);
            used += n.count != 0;
        }
    }
    exponent += dropped;
    if (is_more) {
        multiply(&n, 10, 1);
        exponent--;
        used++;
    }
    if (!n.count || used + exponent < LEAST_EXPONENT)
        return 0;
    if (used + exponent > MOST_EXPONENT)
        return __builtin_inf();
    set(&m, 1);
    multiply_by_power_of_5(exponent < 0 ? &m : &n, (uint32_t)(exponent < 0 ? -exponent : exponent));
    return nearest_ratio(&n, &m, (int32_t)exponent);
}

double nb_double_of(const char *text, size_t length)
{
    const char *end = text + length, *at;
    int is_negative = *text == '-';
    text += is_negative;
    /* The digits as an integer, as long as they fit; and the resulting shift of the decimal point.
       */
    uint64_t digits = 0;
    int64_t exponent = 0;
    int fits = 1, is_fraction = 0;
    for (at = text; at < end && (*at | 0x20) != 'e'; at++) {
        if (*at == '.') {
            is_fraction = 1;
            continue;
        }
        fits = fits && digits < EXACT_INTEGER / 10 - 1;
        digits = 10 * digits + (uint64_t)(*at - '0');
        exponent -= is_fraction;
    }
    if (at < end) {
        at++;
        int is_below = *at == '-';
        at += *at == '-' || *at == '+';
        int64_t written = 0;
        /* Larger exponents are out of range in any case, but must not overflow. */
        for (; at < end; at++)
            written = written < (1ll << 40) ? 10 * written + (*at - '0') : written;
        exponent += is_below ? -written : written;
    }
    double number;
    if (fits && exponent >= 0 && exponent <= EXACT_POWER)
        /* Both are exact, so a single operation rounds once. */
        number = (double)digits * power_of_10(exponent);
    else if (fits && exponent < 0 && exponent >= -EXACT_POWER)
        number = (double)digits / power_of_10(-exponent);
    else
        number = nearest(text, end, exponent);
    return is_negative ? -number : number;
}

/* --- double to text --- */

/* What is left to write of a number: r / s, which is less than 1; gap / s is half the distance to
   the next double. Text is read as the even double where it is at the end of an interval. Below a
   power of two, doubles are twice as dense: the gap above is twice the gap below (is_narrow). */
typedef struct {
    natural r, s, gap;
    int is_even, is_narrow;
} remainder;

/* Put r and the gap above it there. */
static void add_gap(natural *sum, const remainder *left)
{
    *sum = left->r;
    for (int i = 0; i <= left->is_narrow; i++)
        add(sum, &left->gap);
}

/* Write the shortest digits of what is left; return their number. This is the algorithm of Steele
   and White: digits are written until what is left is smaller than the gap. */
static size_t write_digits(remainder *left, char *digits)
{
    natural sum, *r = &left->r, *s = &left->s, *gap = &left->gap;
    for (size_t count = 0;;) {
        int digit = 0;
        multiply(r, 10, 0);
        multiply(gap, 10, 0);
        for (; compare(r, s) >= 0; digit++)
            subtract(r, s);
        add_gap(&sum, left);
        int may_stay = compare(r, gap) < left->is_even;
        int may_rise = compare(&sum, s) > -left->is_even;
        if (may_stay && may_rise) {
            /* Of two that are equally short, the nearer one, or the even one. */
            shift(r, 1);
            may_rise = compare(r, s) > -(digit & 1);
        }
        digits[count++] = (char)('0' + digit + may_rise);
        if (may_stay || may_rise)
            return count;
    }
}

typedef unsigned __int128 wide;
/* Four bits are free for the tenfold. */
enum { MOST_WIDE_BITS = 120 };

static wide wide_of(const natural *n)
{
    return n->words[0] | (n->count > 1 ? (wide)n->words[1] << 64 : 0);
}

/* The same for numbers of which s has up to MOST_WIDE_BITS: those from 10^-19 to 10^35. */
static size_t write_wide_digits(const remainder *left, char *digits)
{
    wide r = wide_of(&left->r), s = wide_of(&left->s), gap = wide_of(&left->gap);
    for (size_t count = 0;;) {
        unsigned digit = 0;
        r *= 10;
        gap *= 10;
        for (; r >= s; digit++)
            r -= s;
        int may_stay = r < gap + (unsigned)left->is_even;
        int may_rise = r + (gap << left->is_narrow) + (unsigned)left->is_even > s;
        if (may_stay && may_rise)
            may_rise = 2 * r + (digit & 1) > s;
        digits[count++] = (char)('0' + digit + (unsigned)may_rise);
        if (may_stay || may_rise)
            return count;
    }
}

/* Write the shortest digits that no other double is nearer to than mantissa * 2^exponent, which is
   not 0; return their number. The first of them stands for 10^*point. */
static size_t shortest_digits(uint64_t mantissa, int32_t exponent, char *digits, int32_t *point)
{
    remainder left;
    natural sum;
    left.is_even = !(mantissa & 1);
    left.is_narrow = mantissa == EXACT_INTEGER / 2 && exponent > LAST_BIT;
    uint32_t more = 1 + (uint32_t)left.is_narrow, up = exponent > 0 ? (uint32_t)exponent : 0,
             down = exponent < 0 ? (uint32_t)-exponent : 0;
    set(&left.r, mantissa);
    set(&left.s, 1);
    set(&left.gap, 1);
    shift(&left.r, up + more);
    shift(&left.s, down + more);
    shift(&left.gap, up);
    /* 315653 / 2^20 is log10(2); the estimate is right or too small by one. */
    int32_t bits = 64 - __builtin_clzll(mantissa) + exponent - 1;
    int32_t power = (int32_t)(((int64_t)bits * 315653) >> 20) + 1;
    uint32_t size = (uint32_t)(power < 0 ? -power : power);
    if (power >= 0) {
        multiply_by_power_of_10(&left.s, size);
    } else {
        multiply_by_power_of_10(&left.r, size);
        multiply_by_power_of_10(&left.gap, size);
    }
    add_gap(&sum, &left);
    if (compare(&sum, &left.s) > -left.is_even) {
        multiply(&left.s, 10, 0);
        power++;
    }
    *point = power - 1;
    return bits_of(&left.s) <= MOST_WIDE_BITS ? write_wide_digits(&left, digits)
                                              : write_digits(&left, digits);
}

/* Write zeros; return the end. */
static char *zeros(char *at, int32_t count)
{
    while (count-- > 0)
        *at++ = '0';
    return at;
}

size_t nb_text_of(double number, char text[NB_LONGEST_DOUBLE])
{
    char digits[17], *at = text;
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    if (bits >> 63)
        *at++ = '-';
    uint64_t mantissa = bits & (EXACT_INTEGER / 2 - 1);
    int32_t exponent = (int32_t)(bits >> (PRECISION - 1) & 0x7ff);
    size_t count = 1;
    int32_t point = 0;
    digits[0] = '0';
    if (exponent)
        count =
            shortest_digits(mantissa | EXACT_INTEGER / 2, exponent - 1 + LAST_BIT, digits, &point);
    else if (mantissa)
        count = shortest_digits(mantissa, LAST_BIT, digits, &point);
    /* Python writes numbers from 0.0001 to 10^16 without an exponent. */
    int is_plain = point >= -4 && point < 16;
    int32_t before = is_plain ? point + 1 : 1; /* digits before the point */
    if (before <= 0) {
        *at++ = '0';
        *at++ = '.';
        at = zeros(at, -before);
    }
    for (size_t i = 0; i < count; i++) {
        if (i && (int32_t)i == before)
            *at++ = '.';
        *at++ = digits[i];
    }
    if (is_plain) {
        if ((int32_t)count <= before) {
            at = zeros(at, before - (int32_t)count);
            *at++ = '.';
            *at++ = '0';
        }
        return (size_t)(at - text);
    }
    *at++ = 'e';
    *at++ = point < 0 ? '-' : '+';
    uint32_t size = (uint32_t)(point < 0 ? -point : point);
    if (size >= 100)
        *at++ = (char)('0' + size / 100);
    *at++ = (char)('0' + size / 10 % 10);
    *at++ = (char)('0' + size % 10);
    return (size_t)(at - text);
}
