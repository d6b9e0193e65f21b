/* For tests: a model in a shared object, asked with one text of JSON after the other. */
#include "nb_json.h"
#include "nb_native.h"

static char room[1 << 22] __attribute__((aligned(16)));

/* Return the status of nb_validate, or nb_predict, with what it wrote; 100 and more for a text that is no sample. */
int ask(int is_validator, const char *body, size_t length, char *made, size_t *made_length)
{
    nb_output output = {made, 0, 1 << 20, 0};
    nb_text reason = {NULL, 0};
    nb_reader reader;
    reader.room = room;
    reader.room_end = room + sizeof(room);
    nb_json_begin(&reader, body, length);
    const nb_value *sample = nb_json_read(&reader);
    if (sample)
        nb_json_end(&reader);
    if (reader.trouble != NB_NO_TROUBLE)
        return 100 + (int)reader.trouble;
    int status = is_validator ? nb_validate(sample, &reason) : nb_predict(sample, &output);
    if (reason.length)
        nb_write(&output, reason.text, reason.length);
    *made_length = output.length;
    return status;
}
