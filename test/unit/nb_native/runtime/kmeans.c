/* A model for tests as the translation writes them: the nearest of seven centres in the plane. */
#include "nb_native.h"

static const double centres[7][2] = {{1, 2}, {3, 4}, {5, 6}, {-1, 2.5}, {0.25, -3}, {7, 7.125}, {-2, -2}};

int nb_validate(const nb_value *sample, nb_text *reason)
{
    (void)reason;
    return sample->type == NB_ARRAY && sample->count == 2 ? NB_OK : NB_REFUSED;
}

int nb_predict(const nb_value *sample, nb_output *answer)
{
    double x, y, least = NB_INFINITY;
    int nearest = 0;
    if (!nb_as_number(nb_item(sample, 0), &x) || !nb_as_number(nb_item(sample, 1), &y))
        return NB_FAILED;
    for (int i = 0; i < 7; i++) {
        double right = x - centres[i][0], up = y - centres[i][1], distance = right * right + up * up;
        if (distance < least) {
            least = distance;
            nearest = i;
        }
    }
    nb_write_integer(answer, nearest);
    return NB_OK;
}
