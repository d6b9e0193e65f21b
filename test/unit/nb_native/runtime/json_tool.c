/* For tests: reads texts, each after its length on a line, and writes each as JSON again, or why it is none. */
#include <stdio.h>
#include <stdlib.h>

#include "nb_json.h"

static char room[NB_MOST_VALUES * sizeof(nb_value)] __attribute__((aligned(8)));

static void write_value(nb_output *output, const nb_value *value)
{
    if (value->type == NB_NULL || value->type == NB_FALSE || value->type == NB_TRUE)
        nb_print(output, "%s", value->type == NB_NULL ? "null" : value->type == NB_TRUE ? "true" : "false");
    else if (value->type == NB_INTEGER)
        nb_write_integer(output, value->integer);
    else if (value->type == NB_NUMBER)
        nb_write_double(output, value->number);
    else if (value->type == NB_STRING)
        nb_write_string(output, value->text, value->length);
    else {
        int is_array = value->type == NB_ARRAY;
        size_t count = 0;
        nb_write(output, is_array ? "[" : "{", 1);
        for (const nb_value *item = value->first; item; item = item->next) {
            if (count++)
                nb_print(output, ", ");
            if (!is_array) {
                nb_write_string(output, item->key, item->key_length);
                nb_print(output, ": ");
            }
            write_value(output, item);
        }
        if (count != value->count)
            abort();
        nb_write(output, is_array ? "]" : "}", 1);
    }
}

int main(void)
{
    size_t length;
    while (scanf("%zu", &length) == 1 && getchar() == '\n') {
        /* Of exactly this size, so that a sanitizer sees a byte too many. */
        char *text = malloc(length);
        if (fread(text, 1, length, stdin) != length)
            return 1;
        static char made[1 << 22];
        nb_output output = {made, 0, sizeof(made), 0};
        nb_reader reader;
        reader.room = room;
        reader.room_end = room + sizeof(room);
        nb_json_begin(&reader, text, length);
        const nb_value *value = nb_json_read(&reader);
        if (value)
            nb_json_end(&reader);
        if (reader.trouble == NB_NO_TROUBLE)
            write_value(&output, value);
        else if (reader.trouble == NB_NOT_JSON)
            nb_json_explain(&reader, &output);
        printf("%d %zu\n%.*s\n", reader.trouble, output.length, (int)output.length, made);
        free(text);
    }
    return 0;
}
