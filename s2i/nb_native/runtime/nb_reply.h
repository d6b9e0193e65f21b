/* Responses: their heads, and the bodies of errors. */
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
    int closes;        /* the connection is closed after it */
    nb_text id;        /* the request's, or empty for a new one */
    const char *allow; /* methods that the path supports, or NULL */
} nb_reply_form;

/* Store the time for Date, in seconds since 1970, and random bytes for request IDs. */
void nb_reply_set_time(uint64_t seconds);
void nb_reply_set_random(const unsigned char random[6]);
/* Write a complete response, and count it. */
void nb_reply(nb_output *output, const nb_reply_form *form, int status, const char *type,
              nb_text body);
/* Write an error: a problem document (RFC 9457) with this sentence. */
void nb_reply_problem(nb_output *output, const nb_reply_form *form, int status, nb_text detail);
/* Write the number of responses by status, for Prometheus. */
void nb_reply_counts(nb_output *output);

#endif
