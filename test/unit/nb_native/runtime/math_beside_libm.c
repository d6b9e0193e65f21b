/* Prints, a line a function, the largest distance of nb_math from libm in units in the last place. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nb_math.h"

static uint64_t state = 88172645463325252u;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Return a number between two, each equally probable. */
static double between(double least, double most)
{
    return least + (most - least) * ((double)(next() >> 11) * 0x1p-53);
}

/* Return any double, by its bits; of NaN the quiet ones. */
static double any(void)
{
    double x = nb_from_bits(next());
    return x != x ? NAN : x;
}

/* Return how many doubles lie between two, 0 for two NaNs. */
static uint64_t distance(double a, double b)
{
    if (a != a || b != b) {
        return a != a && b != b ? 0 : UINT64_MAX;
    }
    int64_t x = (int64_t)nb_bits(a), y = (int64_t)nb_bits(b);
    x = x < 0 ? INT64_MIN - x : x;
    y = y < 0 ? INT64_MIN - y : y;
    return x > y ? (uint64_t)x - (uint64_t)y : (uint64_t)y - (uint64_t)x;
}

static uint64_t worst;
static double worst_at;

static void compare(double ours, double theirs, double x)
{
    uint64_t units = distance(ours, theirs);
    if (units > worst) {
        worst = units;
        worst_at = x;
    }
}

static void say(const char *name)
{
    printf("%s %llu %.17g\n", name, (unsigned long long)worst, worst_at);
    worst = 0;
    worst_at = 0.0;
}

/* Those that are asked for the same numbers. */
static const struct {
    const char *name;
    double (*ours)(double), (*theirs)(double);
} logarithms[] = { { "log", nb_log, log }, { "log2", nb_log2, log2 }, { "log10", nb_log10, log10 } };

static uint32_t float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

int main(int count_of_arguments, char **arguments)
{
    long count = count_of_arguments > 1 ? atol(arguments[1]) : 1000000;
    uint32_t stride = count_of_arguments > 2 ? (uint32_t)atol(arguments[2]) : 997;
    const double ends[] = { 0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, -3.0, 0x1p-1074, -0x1p-1074, 0x1p-1022, 0x1.fffffffffffffp1023,
        -0x1.fffffffffffffp1023, INFINITY, -INFINITY, NAN, 709.78, -745.13, -745.2, 1e300, 1e-300, 0x1p53, 22.0 };
    const int all = (int)(sizeof ends / sizeof *ends);
    for (long i = 0; i < count; i++) {
        double x = i < all ? ends[i] : i % 2 ? between(-750.0, 712.0) : between(-2.0, 2.0);
        compare(nb_exp(x), exp(x), x);
    }
    say("exp");
    for (size_t f = 0; f < sizeof logarithms / sizeof *logarithms; f++) {
        for (long i = 0; i < count; i++) {
            double x = i < all ? ends[i] : i % 3 == 0 ? fabs(any()) : i % 3 == 1 ? between(0.0, 100.0) : between(0.9, 1.1);
            compare(logarithms[f].ours(x), logarithms[f].theirs(x), x);
        }
        say(logarithms[f].name);
    }
    for (long i = 0; i < count; i++) {
        double x = i < all ? ends[i] : i % 3 == 0 ? any() : i % 3 == 1 ? between(-1.0, 100.0) : between(-1e-3, 1e-3);
        compare(nb_log1p(x), log1p(x), x);
    }
    say("log1p");
    for (long i = 0; i < count; i++) {
        double x = i < all ? ends[i] : i % 3 == 0 ? any() : i % 3 == 1 ? between(-50.0, 712.0) : between(-1e-3, 1e-3);
        compare(nb_expm1(x), expm1(x), x);
    }
    say("expm1");
    /* A number's own power has a logarithm without a remainder. */
    for (int i = -300; i <= 300; i++) {
        compare(nb_log2(nb_from_bits((uint64_t)(i + 1023) << 52)), i, i);
    }
    double power = 1.0;
    for (int i = 0; i <= 22; i++, power *= 10.0) {
        compare(nb_log10(power), i, power);
    }
    say("powers");
    for (long i = 0; i < count; i++) {
        double x = i < all * all ? ends[i / all] : i % 2 ? between(0.0, 20.0) : fabs(any());
        double y = i < all * all ? ends[i % all] : i % 2 ? between(-30.0, 30.0) : between(-1.0, 1.0);
        if (i % 7 == 0 && i >= all * all) {
            x = -x;
            y = nearbyint(y);
        }
        compare(nb_pow(x, y), pow(x, y), x);
    }
    say("pow");
    for (long i = 0; i < count; i++) {
        double x = i < all ? ends[i] : i % 2 ? between(-23.0, 23.0) : between(-1.0, 1.0);
        /* libm's tanh itself errs by 2 units; that of long double does not. */
        compare(nb_tanh(x), (double)tanhl(x), x);
    }
    say("tanh");
    for (long i = 0; i < count; i++) {
        double x = i < all ? ends[i] : any();
        compare(nb_sqrt(x), sqrt(x), x);
        compare(nb_floor(x), floor(x), x);
        compare(nb_fabs(x), fabs(x), x);
        x = i % 2 ? between(-1e6, 1e6) : x;
        compare(nb_floor(x), floor(x), x);
        compare(nb_is_finite(x), isfinite(x) != 0, x);
        compare(nb_is_infinite(x), isinf(x) != 0, x);
        compare(nb_is_infinite(-INFINITY), 1.0, x);
    }
    say("exact");
    for (long i = 0; i < count; i++) {
        double x = between(-1e3, 1e3), y = between(-1e3, 1e3);
        double z = i % 3 == 0 ? -x * y : i % 3 == 1 ? between(-1e6, 1e6) : -x * y * (1.0 + between(-1e-15, 1e-15));
        /* Short numbers, whose sums are half way between two doubles. */
        if (i % 5 == 0) {
            x = nearbyint(x) + 0x1p-40;
            y = 1.0 + 0x1p-30;
            z = nearbyint(z) * 0x1p20;
        }
        compare(nb_fma(x, y, z), fma(x, y, z), x);
    }
    say("fma");
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += stride) {
        uint32_t narrow = (uint32_t)bits;
        float x;
        memcpy(&x, &narrow, sizeof x);
        float ours = nb_expf(x), theirs = expf(x);
        if (float_bits(ours) != float_bits(theirs) && !(ours != ours && theirs != theirs)) {
            worst++;
            worst_at = (double)x;
        }
    }
    say("expf");
    return 0;
}
