/* From a sample in JSON to its prediction in JSON, with the statuses and messages of the service.
   */
#ifndef NB_SCORE_H
#define NB_SCORE_H

#include "nb_output.h"

/* The message for a prediction that is too large, both while writing and before sending it. */
#define NB_ANSWER_TOO_LARGE "The answer is larger than this image sends; send less at a time."

/* The result for a text: a status as in HTTP, 200 with the prediction, or another with a sentence
   in `detail`. */
typedef struct {
    int status;
    nb_output answer;
    nb_output detail;
} nb_scored;

/* Return the result for one sample; it is valid until the next call. `noun` is the name of the text
   in messages. */
nb_scored *nb_score(const char *text, size_t length, const char *noun);
/* The same for an array of up to `most` samples: all predictions, or the result of the first
   failure. */
nb_scored *nb_score_many(const char *text, size_t length, uint32_t most);
/* Release the memory that a large text used. */
void nb_score_rest(void);
/* Return the number of predicted samples. */
uint64_t nb_predictions(void);

#endif
