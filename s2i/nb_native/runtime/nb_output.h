/* Text that grows up to a limit: predictions, error messages, response heads. */
#ifndef NB_OUTPUT_H
#define NB_OUTPUT_H

#include "nb_native.h"

struct nb_output {
    char *text;
    size_t length;
    size_t room;    /* its maximum number of bytes */
    int overflowed; /* something did not fit, and was dropped */
};

/* Write a pattern, in which %s stands for text that ends with NUL, %t for a nb_text (its address),
   %u for an unsigned number (uint64_t), and %2 for one of at least two digits. */
void nb_print(nb_output *output, const char *pattern, ...);

#endif
