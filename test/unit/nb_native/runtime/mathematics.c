/* A model for tests: what nb_math.h and rounding make of two numbers, in double and in single precision. */
#include "nb_math.h"
#include "nb_native.h"
#include "nb_python.h"

int nb_validate(const nb_value *sample, nb_text *reason)
{
    (void)reason;
    return sample->type == NB_ARRAY && sample->count == 2 ? NB_OK : NB_REFUSED;
}

int nb_predict(const nb_value *sample, nb_output *answer)
{
    double x, y;
    if (!nb_as_number(nb_item(sample, 0), &x) || !nb_as_number(nb_item(sample, 1), &y))
        return NB_FAILED;
    float a = (float)x, b = (float)y;
    /* Of a product and a sum, each is rounded: a machine that has one instruction for both must not use it. */
    const double results[] = {nb_exp(x), nb_log(x), nb_pow(x, y), nb_tanh(x), nb_expf(a), nb_fma(x, y, x),
                              nb_floor(x), nb_sqrt(y), x * y + x, a * b + a, x / y, a / b,
                              nb_rounded(x, 3), nb_rounded(y, 17)};
    for (uint32_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        nb_write(answer, i ? ", " : "[", i ? 2 : 1);
        nb_write_double(answer, results[i]);
    }
    nb_write(answer, "]", 1);
    return NB_OK;
}
