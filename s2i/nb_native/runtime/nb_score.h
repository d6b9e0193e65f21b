/* From the JSON of a sample to the JSON of its answer, with the statuses and words of the
   service. */
#ifndef NB_SCORE_H
#define NB_SCORE_H

#include "nb_output.h"

/* Said of an answer that has no room, whether while it is written or before it is sent. */
#define NB_ANSWER_TOO_LARGE "The answer is larger than this image sends; send less at a time."

/* What came of a text: its status as in HTTP, 200 with the answer, or another with a sentence in
   `detail`. */
typedef struct {
    int status;
    nb_output answer;
    nb_output detail;
} nb_scored;

/* Return what comes of one sample; it is valid until the next call. `noun` is what the text is
   called. */
nb_scored *nb_score(const char *text, size_t length, const char *noun);
/* The same for an array of up to `most` samples: all answers, or what the first that failed gets.
   */
nb_scored *nb_score_many(const char *text, size_t length, uint32_t most);
/* Give back the memory that a large text took. */
void nb_score_rest(void);
/* Return how many samples were answered. */
uint64_t nb_predictions(void);

#endif
