/* For tests: for each line with a number, its double's bits and the text that the runtime makes of it. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "nb_numbers.h"

int main(void)
{
    static char line[1 << 16];
    while (fgets(line, sizeof(line), stdin)) {
        double number = nb_double_of(line, strcspn(line, "\n"));
        uint64_t bits;
        memcpy(&bits, &number, sizeof(bits));
        char text[NB_LONGEST_DOUBLE];
        int length = number - number == 0 ? (int)nb_text_of(number, text) : 0;
        printf("%016llx %.*s\n", (unsigned long long)bits, length, text);
    }
    return 0;
}
