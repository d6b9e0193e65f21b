/* The math functions that models need, without libc. Compile with -ffp-contract=off: each rounding
   is intended. */
#ifndef NB_MATH_H
#define NB_MATH_H

#include <stdint.h>

/* Return e^x, at most 1 unit in the last place from what libm returns. */
double nb_exp(double x);
/* Return the natural logarithm; NaN below zero, -infinity at zero. At most 1 unit from libm's. */
double nb_log(double x);
/* Return the logarithm to base 2, or 10, with nb_log's ends; exact where it is a whole number, else
   at most 1 unit in the last place from the true value. */
double nb_log2(double x);
double nb_log10(double x);
/* Return the logarithm of 1 + x, and e^x - 1: for small x, too, at most 1 unit from libm's. */
double nb_log1p(double x);
double nb_expm1(double x);
/* Return x^y, with C's rules for what is not finite. At most 1 unit from libm's. */
double nb_pow(double x, double y);
/* Return the hyperbolic tangent, at most 1 unit in the last place from the true value. */
double nb_tanh(double x);
/* Return e^x of single precision, bit by bit as glibc's expf: XGBoost's probabilities come from there. */
float nb_expf(float x);
/* Return x * y + z, rounded once: as the fused instruction with which BLAS adds up products. */
double nb_fma(double x, double y, double z);
/* Return the largest whole number that is not above x; -0.0 and what is not finite stay as they are. */
double nb_floor(double x);

/* Return the bits of a double. */
static inline uint64_t nb_bits(double x)
{
    union { double number; uint64_t bits; } both = { x };
    return both.bits;
}

/* Return the double that has these bits. */
static inline double nb_from_bits(uint64_t bits)
{
    union { uint64_t bits; double number; } both = { bits };
    return both.number;
}

/* Return x without its sign. */
static inline double nb_fabs(double x)
{
    return nb_from_bits(nb_bits(x) & INT64_MAX);
}

/* Return 1 where x is neither infinite nor NaN. A float becomes a double of the same value here. */
static inline int nb_is_finite(double x)
{
    return (nb_bits(x) >> 52 & 0x7ff) != 0x7ff;
}

/* Return 1 where x is infinite; NaN, which stands for a missing value, is not. */
static inline int nb_is_infinite(double x)
{
    return nb_bits(nb_fabs(x)) == UINT64_C(0x7ff) << 52;
}

/* Return the square root, rounded correctly: the instruction. gcc's builtin would call libm for negative numbers. */
static inline double nb_sqrt(double x)
{
    double root;
#if defined(__x86_64__)
    __asm__("sqrtsd %1, %0" : "=x"(root) : "x"(x));
#elif defined(__aarch64__)
    __asm__("fsqrt %d0, %d1" : "=w"(root) : "w"(x));
#else
#error "nb_sqrt knows x86-64 and aarch64"
#endif
    return root;
}

#endif
