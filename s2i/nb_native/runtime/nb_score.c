/* Processes one text after another: parse, validate, predict. All memory for that is here, and is
   reused. */

#include "nb_score.h"

#include "nb_json.h"
#include "nb_system.h"

enum {
    /* A validator's reason is a sentence for a client, not a document. */
    LONGEST_REASON = 500,
    LONGEST_ANSWER = 1 << 24,
    LONGEST_DETAIL = 1 << 12,
    /* More memory than this is released after use. */
    KEPT = 1 << 18
};

static char room[NB_MOST_VALUES * sizeof(nb_value)] __attribute__((aligned(NB_LARGEST_PAGE)));
static char answer_text[LONGEST_ANSWER] __attribute__((aligned(NB_LARGEST_PAGE)));
static char detail_text[LONGEST_DETAIL];
static nb_scored scored = {
    .answer = {.text = answer_text, .room = LONGEST_ANSWER},
    .detail = {.text = detail_text, .room = LONGEST_DETAIL},
};
static int is_refused; /* before predictor is called */
static uint64_t predictions;
static size_t most_used; /* bytes of `room` */

uint64_t nb_predictions(void)
{
    return predictions;
}

/* --- errors --- */

/* Store a status; return where to write its message. `number` is the sample's index in an array,
   from 1, or 0. */
static nb_output *refuse(int status, uint32_t number)
{
    scored.status = status;
    scored.detail.length = 0;
    if (number)
        nb_print(&scored.detail, "Sample %u: ", (uint64_t)number);
    return &scored.detail;
}

static void refuse_as_not_json(const nb_reader *reader, const char *noun)
{
    nb_output *detail = refuse(400, 0);
    nb_print(detail, "The %s is not JSON: ", noun);
    nb_json_explain(reader, detail);
    nb_print(detail, ".");
}

/* Reject a sample with our prefix, and a reason made of the notebook's or a client's text. */
static void refuse_in_words(const char *beginning, nb_text reason, uint32_t number)
{
    nb_output *detail = refuse(422, number);
    nb_print(detail, "%s%s", beginning, reason.length ? ": " : "");
    /* As much as the message has room for, without splitting a character. */
    size_t at = 0;
    for (int characters = 0; at < reason.length && characters < LONGEST_REASON; characters++)
        do
            at++;
        while (at < reason.length && (reason.text[at] & 0xc0) == 0x80);
    nb_write(detail, reason.text, at);
    if (at < reason.length)
        nb_print(detail, " …");
    else if (!at
             || (reason.text[at - 1] != '.' && reason.text[at - 1] != '!'
                 && reason.text[at - 1] != '?'))
        nb_print(detail, ".");
}

/* Reject text because of its parser's error; return 0 if there was none. */
static int refuse_by_reader(const nb_reader *reader, const char *noun)
{
    if (reader->trouble == NB_NOT_JSON)
        refuse_as_not_json(reader, noun);
    else if (reader->trouble == NB_TOO_MUCH)
        nb_print(
            refuse(413, 0),
            "A sample has more values, or an object in it more members, than this image accepts.");
    else
        return 0;
    return 1;
}

/* --- scoring --- */

static void begin(nb_reader *reader, const char *text, size_t length)
{
    scored.status = 200;
    is_refused = 0;
    scored.answer.length = 0;
    scored.answer.overflowed = 0;
    reader->room = room;
    reader->room_end = room + sizeof(room);
    nb_json_begin(reader, text, length);
}

/* Return the next sample, or NULL with an error. It reuses the memory of the previous sample. */
static const nb_value *read_sample(nb_reader *reader)
{
    reader->room = room;
    const nb_value *sample = nb_json_read(reader);
    size_t used = (size_t)(reader->room - room);
    most_used = used > most_used ? used : most_used;
    return sample;
}

/* Store why a sample has no prediction: `status` is the model's, and `reason` its text. */
static void refuse_by_model(int status, nb_text reason, uint32_t number)
{
    if (status == NB_FAILED)
        nb_print(refuse(500, number), "The notebook's predictor failed on this sample.");
    else if (status == NB_BEYOND)
        nb_print(refuse(422, number),
                 "The sample leads to a number that this image can't compute exactly, such as a "
                 "whole one beyond 2^53.");
    else
        refuse_in_words(status == NB_MISFIT ? "The sample does not match what the notebook accepts"
                                            : "The notebook's validator rejects this sample",
                        reason, number);
}

/* Write a sample's prediction, or store why there is none. Of several samples, the first that the
   validator rejects counts, otherwise the first without a prediction, as if all were validated
   first. */
static void score(const nb_value *sample, int is_exact, uint32_t number)
{
    nb_text reason = {"", 0};
    int status;
    if (is_refused)
        return;
    if (!is_exact) {
        is_refused = 1;
        nb_print(refuse(422, number),
                 "The sample has a whole number beyond 2^53, which this image can't represent.");
        return;
    }
    status = nb_validate(sample, &reason);
    if (status != NB_OK) {
        is_refused = 1;
        /* A validator that raises rejects the sample. */
        status = status == NB_FAILED ? NB_REFUSED : status;
    } else if (scored.status != 200) {
        return;
    } else {
        reason.text = scored.answer.text + scored.answer.length;
        status = nb_predict(sample, &scored.answer);
        reason.length = (size_t)(scored.answer.text + scored.answer.length - reason.text);
    }
    if (status == NB_OK)
        predictions++;
    else
        refuse_by_model(status, reason, number);
}

static nb_scored *finished(void)
{
    if (scored.status == 200 && scored.answer.overflowed)
        nb_print(refuse(413, 0), NB_ANSWER_TOO_LARGE);
    return &scored;
}

nb_scored *nb_score(const char *text, size_t length, const char *noun)
{
    nb_reader reader;
    begin(&reader, text, length);
    const nb_value *sample = read_sample(&reader);
    if (sample)
        nb_json_end(&reader);
    if (!refuse_by_reader(&reader, noun))
        score(sample, reader.trouble == NB_NO_TROUBLE, 0);
    return finished();
}

/* Predict the samples of an array whose bracket was read. */
static void score_items(nb_reader *reader, uint32_t most)
{
    for (uint32_t number = 1;; number++) {
        const nb_value *sample = read_sample(reader);
        if (!sample)
            return;
        if (number > most) {
            nb_output *detail = refuse(413, 0);
            nb_print(detail, "A body may have %u samples (S2I_MAX_SAMPLES).", (uint64_t)most);
            return;
        }
        if (number > 1)
            nb_write(&scored.answer, ", ", 2);
        int is_last = nb_json_take(reader, ']');
        /* A single sample needs no number. */
        score(sample, reader->trouble == NB_NO_TROUBLE, is_last && number == 1 ? 0 : number);
        reader->trouble = NB_NO_TROUBLE;
        if (is_last)
            break;
        if (!nb_json_take(reader, ',')) {
            nb_json_refuse(reader, "Expecting ',' delimiter");
            return;
        }
    }
    nb_json_end(reader);
}

nb_scored *nb_score_many(const char *text, size_t length, uint32_t most)
{
    nb_reader reader;
    begin(&reader, text, length);
    if (reader.trouble == NB_NO_TROUBLE) {
        if (!nb_json_take(&reader, '[')) {
            if (read_sample(&reader))
                nb_json_end(&reader);
            if (reader.trouble != NB_NOT_JSON) {
                nb_json_refuse(&reader, "it is not an array of samples");
                reader.place = NULL;
            }
        } else {
            nb_write(&scored.answer, "[", 1);
            if (nb_json_take(&reader, ']'))
                nb_json_end(&reader);
            else
                score_items(&reader, most);
            nb_write(&scored.answer, "]", 1);
        }
    }
    refuse_by_reader(&reader, "body");
    return finished();
}

void nb_score_rest(void)
{
    if (most_used > KEPT)
        nb_forget(room + KEPT, sizeof(room) - KEPT);
    if (scored.answer.length > KEPT)
        nb_forget(answer_text + KEPT, sizeof(answer_text) - KEPT);
    most_used = 0;
}
