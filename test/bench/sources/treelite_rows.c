/* Rows a second of the C that tl2cgen has written. Arguments: a file of rows, four numbers each, and seconds. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "header.h"

enum { COLUMNS = 4, MOST_ROWS = 1000 };

static union Entry rows[MOST_ROWS][COLUMNS];

/* Return the time in seconds. */
static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Put the probabilities of a row there: predict adds to what it finds. */
static void predict_anew(union Entry *row, float shares[MAX_N_CLASS])
{
    memset(shares, 0, MAX_N_CLASS * sizeof(*shares));
    predict(row, 0, shares);
}

int main(int count, char **arguments)
{
    float shares[MAX_N_CLASS];
    FILE *file = count == 3 ? fopen(arguments[1], "r") : NULL;
    int length = 0;
    if (!file)
        return 2;
    while (length < MOST_ROWS * COLUMNS && fscanf(file, "%f", &rows[length / COLUMNS][length % COLUMNS].fvalue) == 1)
        length++;
    double seconds = atof(arguments[2]), begin = now(), passed = 0, predicted = 0;
    for (; passed < seconds; passed = now() - begin) {
        for (int row = 0; row < length / COLUMNS; row++)
            predict_anew(rows[row], shares);
        predicted += length / COLUMNS;
    }
    predict_anew(rows[0], shares);
    printf("{\"rate\": %f, \"answer\": [%.9g, %.9g, %.9g]}\n", predicted / passed, shares[0], shares[1], shares[2]);
    return 0;
}
