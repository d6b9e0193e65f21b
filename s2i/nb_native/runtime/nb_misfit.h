/* Whether an object has the fields that the notebook's function takes by name, with the service's
   messages. */
#ifndef NB_MISFIT_H
#define NB_MISFIT_H

#include "nb_native.h"

/* A parameter of the function: its name, and whether it is required. */
typedef struct {
    nb_text name;
    int is_needed;
} nb_parameter;

/* Return NB_OK for an object that has all fields that are needed and no others; else NB_MISFIT,
   with what is wrong in `reason`, which is valid until the next call. */
int nb_fits(const nb_value *sample, const nb_parameter *parameters, size_t count, nb_text *reason);

#endif
