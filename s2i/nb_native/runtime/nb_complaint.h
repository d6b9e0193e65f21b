/* What those who run the program are told: what is wrong, why that matters, how it is put right. */
#ifndef NB_COMPLAINT_H
#define NB_COMPLAINT_H

#include "nb_output.h"

/* Return where to write what is wrong, a sentence. */
nb_output *nb_complaint(void);
/* Say that on standard error, with two more sentences. */
void nb_complain(const char *why, const char *fix);

#endif
