/* Rows a second of a native program's own function, in the place of nb_main.c. The argument is
   {"rows": [...], "seconds": n}. A model that calls nb_keep_double for nb_write_double has its numbers kept, the
   others write their answers as JSON. */
#include "nb_json.h"
#include "nb_system.h"

enum { OUTPUT = 1, ANSWER = 1 << 12, MOST_KEPT = 64 };

static char room[NB_MOST_VALUES * sizeof(nb_value)];
static char answer_text[ANSWER], said_text[2 * ANSWER];
static nb_output answer = {.text = answer_text, .room = ANSWER};
static nb_output said = {.text = said_text, .room = 2 * ANSWER};

static double kept[MOST_KEPT];
static unsigned kept_count;

/* Keep a number of an answer. */
__attribute__((noinline)) void nb_keep_double(nb_output *output, double number)
{
    (void)output;
    kept[kept_count++ % MOST_KEPT] = number;
}

/* Write the kept numbers of one answer as JSON. */
static void write_kept(nb_output *output)
{
    for (unsigned i = 0; i < kept_count; i++) {
        nb_write(output, i ? ", " : "[", i ? 2 : 1);
        nb_write_double(output, kept[i]);
    }
    nb_write(output, "]", 1);
}

/* Return the time in seconds. */
static double now(void)
{
    struct nb_time time;
    nb_clock(NB_CLOCK_MONOTONIC, &time);
    return (double)time.seconds + 1e-9 * (double)time.nanoseconds;
}

/* Predict for all rows; return 1 where one fails. */
static int predict_all(const nb_value *rows)
{
    int failed = 0;
    for (const nb_value *row = rows->first; row; row = row->next) {
        answer.length = kept_count = 0;
        failed |= nb_predict(row, &answer) != NB_OK;
    }
    return failed;
}

__attribute__((used)) int main(int count, char **arguments, char **environment)
{
    nb_reader reader = {.room = room, .room_end = room + sizeof(room)};
    size_t length = 0;
    (void)environment;
    if (count != 2)
        return 2;
    while (arguments[1][length])
        length++;
    nb_json_begin(&reader, arguments[1], length);
    const nb_value *asked = nb_json_read(&reader);
    if (!asked)
        return 2;
    const nb_value *rows = nb_member(asked, "rows", 4);
    double seconds = nb_member(asked, "seconds", 7)->number, begin = now(), passed = 0, predicted = 0;
    for (; passed < seconds; passed = now() - begin) {
        if (predict_all(rows))
            return 1;
        predicted += (double)rows->count;
    }
    answer.length = kept_count = 0;
    nb_predict(rows->first, &answer);
    nb_write(&said, "{\"rate\": ", 9);
    nb_write_double(&said, predicted / passed);
    nb_write(&said, ", \"answer\": ", 12);
    if (kept_count)
        write_kept(&said);
    else
        nb_write(&said, answer.text, answer.length);
    nb_write(&said, "}\n", 2);
    nb_write_to(OUTPUT, said.text, said.length);
    return 0;
}
