/*
 * Exponentials, logarithms, power and hyperbolic tangent without libc.
 *
 * The plan of all: bring the argument near zero by a whole multiple of ln 2, add up the Taylor series
 * there, and keep what each rounding loses in a second double, so that the result is rounded about once.
 * Neither tables nor fused instructions are needed, so all processors get the same bits.
 */
#include "nb_math.h"

/* A number as the sum of two doubles, the second at most half a unit in the last place of the first. */
typedef struct {
    double high, low;
} sum2;

/* ln 2 in three parts: the first two end in 17 zero bits, so their multiples by an exponent are exact. */
static const double ln2_high = 0x1.62e42fefa0000p-1;
static const double ln2_middle = 0x1.cf79abc9e0000p-40;
static const double ln2_low = 0x1.d9cc01f97b57ap-79;
static const double one_by_ln2 = 0x1.71547652b82fep+0;
/* Added and taken away again it rounds to a whole number. */
static const double rounder = 0x1.8p52;

/* Return a + b without loss. */
static sum2 add(double a, double b)
{
    double high = a + b;
    double part = high - a;
    return (sum2){ high, (a - (high - part)) + (b - part) };
}

/* Return a + b without loss, where a is the larger one. */
static sum2 add_smaller(double a, double b)
{
    double high = a + b;
    return (sum2){ high, b - (high - a) };
}

/* Return a * b without loss, below 2^996: both cut into halves of 26 bits, whose products are exact. */
static sum2 multiply(double a, double b)
{
    double cut_a = a * 0x1.0000002p27;
    double cut_b = b * 0x1.0000002p27;
    double high_a = cut_a - (cut_a - a), low_a = a - high_a;
    double high_b = cut_b - (cut_b - b), low_b = b - high_b;
    double high = a * b;
    return (sum2){ high, ((high_a * high_b - high) + high_a * low_b + low_a * high_b) + low_a * low_b };
}

/* Return the product of two sums; its relative error is near 2^-102. */
static sum2 multiply2(sum2 a, sum2 b)
{
    sum2 product = multiply(a.high, b.high);
    return add_smaller(product.high, product.low + (a.high * b.low + a.low * b.high));
}

/* Return the quotient of two sums; its relative error is near 2^-100. */
static sum2 divide2(sum2 a, sum2 b)
{
    double first = a.high / b.high;
    sum2 product = multiply(first, b.high);
    double rest = ((a.high - product.high) - product.low) + a.low - first * b.low;
    return add_smaller(first, rest / b.high);
}

/* Return x * 2^exponent, rounded once; the exponent lies within -1991 and 2046. */
static double scale(double x, int exponent)
{
    if (exponent > 1023) {
        x *= 0x1p1023;
        exponent -= 1023;
    } else if (exponent < -1022) {
        /* So far that the last step alone leaves the normal numbers. */
        x *= 0x1p-969;
        exponent += 969;
    }
    return x * nb_from_bits((uint64_t)(exponent + 1023) << 52);
}

/*
 * Return e^r - 1, where e^(x.high + x.low) is 2^exponent * e^r and r lies within half of ln 2; x within 1000.
 * 14 terms: the first that is left out is below 2^-60 of the result.
 */
static sum2 exp_less_1(sum2 x, int *exponent)
{
    static const double inverse_factorials[] = {
        0x1.0000000000000p-1, 0x1.5555555555555p-3, 0x1.5555555555555p-5, 0x1.1111111111111p-7,
        0x1.6c16c16c16c17p-10, 0x1.a01a01a01a01ap-13, 0x1.a01a01a01a01ap-16, 0x1.71de3a556c734p-19,
        0x1.27e4fb7789f5cp-22, 0x1.ae64567f544e4p-26, 0x1.1eed8eff8d898p-29, 0x1.6124613a86d09p-33,
        0x1.93974a8c07c9dp-37,
    };
    double multiple = x.high * one_by_ln2 + rounder;
    multiple -= rounder;
    *exponent = (int)multiple;
    sum2 r = add(x.high - multiple * ln2_high, x.low - multiple * ln2_middle);
    r.low -= multiple * ln2_low;
    double series = inverse_factorials[12];
    for (int term = 11; term >= 0; term--) {
        series = series * r.high + inverse_factorials[term];
    }
    sum2 result = add(r.high, r.high * r.high * series);
    /* What r.low adds: the derivative there. */
    result.low += r.low + r.low * result.high;
    return add_smaller(result.high, result.low);
}

/* Return e^(x.high + x.low). */
static double exp_of_sum(sum2 x)
{
    if (x.high > 710.0) {
        return __builtin_inf();
    }
    if (x.high < -746.0) {
        return 0.0;
    }
    int exponent;
    sum2 less_1 = exp_less_1(x, &exponent);
    sum2 result = add_smaller(1.0, less_1.high);
    return scale(result.high + (result.low + less_1.low), exponent);
}

double nb_exp(double x)
{
    return x != x ? x : exp_of_sum((sum2){ x, 0.0 });
}

/*
 * Return the logarithm of a finite number above zero, with a relative error near 2^-65.
 * With x = 2^exponent * m and s = (m - 1) / (m + 1), it is exponent * ln 2 + 2 (s + s^3 / 3 + s^5 / 5 + …).
 */
static sum2 log_of(double x)
{
    int exponent = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        exponent = -54;
    }
    uint64_t bits = nb_bits(x);
    /* So that m lies between the root of 1/2 and the root of 2. */
    int64_t above = (int64_t)(bits - UINT64_C(0x3fe6a09e667f3bcd)) >> 52;
    exponent += (int)above;
    double m = nb_from_bits(bits - ((uint64_t)above << 52));
    sum2 s = divide2((sum2){ m - 1.0, 0.0 }, add(m, 1.0));
    sum2 square = multiply2(s, s);
    double series = 0.0;
    for (int term = 27; term >= 5; term -= 2) {
        series = series * square.high + 1.0 / term;
    }
    /* 1/3 to the full length: this term is up to a hundredth of the result. */
    sum2 third = add_smaller(0x1.5555555555555p-2, 0x1.5555555555555p-56 + square.high * series);
    sum2 rest = multiply2(square, third);
    sum2 factor = add_smaller(1.0, rest.high);
    factor.low += rest.low;
    sum2 result = multiply2((sum2){ 2.0 * s.high, 2.0 * s.low }, factor);
    if (exponent == 0) {
        return result;
    }
    sum2 whole = add_smaller(exponent * ln2_high, exponent * ln2_middle);
    sum2 total = add_smaller(whole.high, result.high);
    return add_smaller(total.high, total.low + (whole.low + result.low + exponent * ln2_low));
}

double nb_log(double x)
{
    if (!(x > 0.0)) {
        return x == 0.0 ? -__builtin_inf() : x != x ? x : __builtin_nan("");
    }
    return nb_is_finite(x) ? log_of(x).high : x;
}

/* Return the logarithm to a base whose natural logarithm has this inverse; exact where it is a
 * whole number. */
static double log_to_base(double x, sum2 inverse)
{
    if (!(x > 0.0) || !nb_is_finite(x)) {
        return nb_log(x);
    }
    return multiply2(log_of(x), inverse).high;
}

double nb_log2(double x)
{
    return log_to_base(x, (sum2){ 0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56 });
}

double nb_log10(double x)
{
    return log_to_base(x, (sum2){ 0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57 });
}

double nb_log1p(double x)
{
    /* Below, x^2 / 2 is less than half a unit. */
    if (!(x > -1.0) || !nb_is_finite(x) || nb_fabs(x) < 0x1p-54) {
        return x == -1.0 ? -__builtin_inf() : x < -1.0 ? __builtin_nan("") : x;
    }
    sum2 shifted = add(1.0, x);
    sum2 logarithm = log_of(shifted.high);
    /* What the addition lost adds as much as the derivative there. */
    return logarithm.high + (logarithm.low + shifted.low / shifted.high);
}

double nb_expm1(double x)
{
    if (x != x || nb_fabs(x) < 0x1p-54) {
        return x;
    }
    if (x > 710.0) {
        return __builtin_inf();
    }
    if (x < -40.0) {
        return -1.0;
    }
    int exponent;
    sum2 grown = exp_less_1((sum2){ x, 0.0 }, &exponent);
    /* 2^exponent * (grown + 1) - 1 = 2^exponent * (grown + (1 - 2^-exponent)). */
    sum2 result = add(1.0 - scale(1.0, -exponent), grown.high);
    return scale(result.high + (result.low + grown.low), exponent);
}

/* Return 0 where y is no whole number, 1 where it is odd, 2 where it is even. */
static int parity(double y)
{
    double size = nb_fabs(y);
    if (size >= 0x1p53) {
        return 2;
    }
    int64_t whole = (int64_t)size;
    return (double)whole != size ? 0 : whole & 1 ? 1 : 2;
}

/* Return |x|^y where x is zero or infinite, or y is infinite. */
static double pow_at_the_ends(double size, double y)
{
    if (!nb_is_finite(y)) {
        if (size == 1.0) {
            return 1.0;
        }
        return (size > 1.0) == (y > 0.0) ? __builtin_inf() : 0.0;
    }
    return (size > 1.0) == (y > 0.0) ? __builtin_inf() : 0.0;
}

double nb_pow(double x, double y)
{
    if (y == 0.0 || x == 1.0) {
        return 1.0;
    }
    if (x != x || y != y) {
        return x + y;
    }
    double size = nb_fabs(x);
    int whole = parity(y);
    int negative = (int)(nb_bits(x) >> 63);
    double result;
    if (size == 0.0 || !nb_is_finite(size) || !nb_is_finite(y)) {
        result = pow_at_the_ends(size, y);
    } else {
        if (negative && whole == 0) {
            return __builtin_nan("");
        }
        sum2 logarithm = log_of(size);
        if (logarithm.high == 0.0) {
            result = 1.0;
        } else if (nb_fabs(logarithm.high) * nb_fabs(y) > 800.0) {
            result = (logarithm.high > 0.0) == (y > 0.0) ? __builtin_inf() : 0.0;
        } else {
            sum2 product = multiply(logarithm.high, y);
            product.low += logarithm.low * y;
            result = exp_of_sum(add_smaller(product.high, product.low));
        }
    }
    return negative && whole == 1 ? -result : result;
}

double nb_tanh(double x)
{
    double size = nb_fabs(x);
    /* From 22 on the nearest double is 1; below 2^-28, x^3 / 3 is less than half a unit. */
    if (x != x || size < 0x1p-28) {
        return x;
    }
    double result = 1.0;
    if (size < 22.0) {
        int exponent;
        sum2 grown = exp_less_1((sum2){ 2.0 * size, 0.0 }, &exponent);
        /* e^(2x) - 1 = 2^exponent * (grown + 1) - 1 = 2^exponent * (grown + (1 - 2^-exponent)). */
        double power = scale(1.0, exponent);
        sum2 top = add(1.0 - 1.0 / power, grown.high);
        top = add_smaller(top.high, top.low + grown.low);
        top = (sum2){ top.high * power, top.low * power };
        sum2 bottom = add(top.high, 2.0);
        sum2 quotient = divide2(top, add_smaller(bottom.high, bottom.low + top.low));
        result = quotient.high;
    }
    return x < 0.0 ? -result : result;
}

/*
 * glibc's way since 2.27 (Szabolcs Nagy's, of Arm's optimized routines): in doubles, e^x = 2^(k / 32) * e^r with the
 * 32 powers from a table and a cubic for the rest. Another way would be as good and round a few in 10,000 otherwise.
 */
float nb_expf(float x)
{
    /* The bits of 2^(i / 32), less i << 47, which adding k << 47 brings back. */
    static const uint64_t powers[32] = {
        0x3ff0000000000000, 0x3fefd9b0d3158574, 0x3fefb5586cf9890f, 0x3fef9301d0125b51,
        0x3fef72b83c7d517b, 0x3fef54873168b9aa, 0x3fef387a6e756238, 0x3fef1e9df51fdee1,
        0x3fef06fe0a31b715, 0x3feef1a7373aa9cb, 0x3feedea64c123422, 0x3feece086061892d,
        0x3feebfdad5362a27, 0x3feeb42b569d4f82, 0x3feeab07dd485429, 0x3feea47eb03a5585,
        0x3feea09e667f3bcd, 0x3fee9f75e8ec5f74, 0x3feea11473eb0187, 0x3feea589994cce13,
        0x3feeace5422aa0db, 0x3feeb737b0cdc5e5, 0x3feec49182a3f090, 0x3feed503b23e255d,
        0x3feee89f995ad3ad, 0x3feeff76f2fb5e47, 0x3fef199bdd85529c, 0x3fef3720dcef9069,
        0x3fef5818dcfba487, 0x3fef7c97337b9b5f, 0x3fefa4afa2a490da, 0x3fefd0765b6e4540,
    };
    if (x != x) {
        return x;
    }
    if (x > 0x1.62e42ep6f) {
        return __builtin_inff();
    }
    if (x < -0x1.9fe368p6f) {
        return 0.0f;
    }
    double scaled = 0x1.71547652b82fep+5 * (double)x;
    double shifted = scaled + rounder;
    uint64_t k = nb_bits(shifted);
    double r = scaled - (shifted - rounder);
    double power = nb_from_bits(powers[k % 32] + (k << 47));
    double cubic = 0x1.c6af84b912394p-20 * r + 0x1.ebfce50fac4f3p-13;
    double linear = 0x1.62e42ff0c52d6p-6 * r + 1.0;
    return (float)((cubic * (r * r) + linear) * power);
}

/* Return the sum of two doubles rounded to odd: what a later rounding makes of it is what one rounding would. */
static double add_to_odd(double a, double b)
{
    sum2 sum = add(a, b);
    uint64_t bits = nb_bits(sum.high);
    if (sum.low != 0.0 && (bits & 1) == 0) {
        /* Towards the rest: one unit out where both have the same sign, else one unit in. */
        bits += (sum.low > 0.0) == (sum.high > 0.0) ? 1 : UINT64_MAX;
    }
    return nb_from_bits(bits);
}

/* Boldo and Melquiond's way, exact where nothing overflows and the product is above 2^-960 in size. */
double nb_fma(double x, double y, double z)
{
    double rough = x * y;
    double size = nb_fabs(rough);
    /* Beyond these the halves overflow or lose bits; far out, a model's sums need no last bit. */
    if (!(size < 0x1p960 && size > 0x1p-900 && nb_fabs(x) < 0x1p960 && nb_fabs(y) < 0x1p960)) {
        return rough + z;
    }
    sum2 product = multiply(x, y);
    sum2 lower = add(z, product.low);
    sum2 upper = add(product.high, lower.high);
    return upper.high + add_to_odd(lower.low, upper.low);
}

double nb_floor(double x)
{
    /* From 2^52 on all are whole, and NaN is not below. */
    if (!(nb_fabs(x) < 0x1p52)) {
        return x;
    }
    double whole = (double)(int64_t)x;
    return whole == x ? x : whole > x ? whole - 1.0 : whole;
}
