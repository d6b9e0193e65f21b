/* Responses: their heads, and the bodies of refusals. */
#ifndef NB_REPLY_H
#define NB_REPLY_H

#include "nb_output.h"
#include "nb_request.h"

#define NB_JSON_TYPE "application/json"
#define NB_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* What a response depends on besides its status and body. */
typedef struct {
    int is_head;       /* of a HEAD request: without the body */
    int is_old;        /* to a client of HTTP/1.0 */
    int closes;        /* the connection ends after it */
    nb_text id;        /* the request's, or without text for a new one */
    const char *allow; /* methods that the path takes, or NULL */
} nb_reply_form;

/* Note the time for Date, in seconds since 1970, and random bytes for the ids of requests. */
void nb_reply_set_time(uint64_t seconds);
void nb_reply_set_random(const unsigned char random[6]);
/* Write a whole response, and count it. */
void nb_reply(nb_output *output, const nb_reply_form *form, int status, const char *type,
              nb_text body);
/* Write a refusal: a problem document (RFC 9457) with this sentence. */
void nb_reply_problem(nb_output *output, const nb_reply_form *form, int status, nb_text detail);
/* Write how many responses of each status there were, for Prometheus. */
void nb_reply_counts(nb_output *output);

#endif
