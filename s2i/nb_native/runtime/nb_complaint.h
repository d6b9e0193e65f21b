/* Error messages for users of the program: what is wrong, why it matters, and how to fix it. */
#ifndef NB_COMPLAINT_H
#define NB_COMPLAINT_H

#include "nb_output.h"

/* Return where to write what is wrong, as a sentence. */
nb_output *nb_complaint(void);
/* Print the message on standard error, with two more sentences. */
void nb_complain(const char *why, const char *fix);

#endif
