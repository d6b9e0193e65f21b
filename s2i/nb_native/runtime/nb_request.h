/* Strict parsing of requests according to RFC 9112: ambiguous ones are rejected. */
#ifndef NB_REQUEST_H
#define NB_REQUEST_H

#include "nb_native.h"

enum { NB_LONGEST_HEAD = 1 << 15, NB_LONGEST_FIRST_LINE = 1 << 13 };

enum nb_method { NB_GET, NB_HEAD, NB_POST, NB_OTHER };

/* A head. Its parts point into the received bytes. */
typedef struct {
    size_t size;        /* bytes, with the empty line */
    int status;         /* of its refusal, or 0 */
    const char *reason; /* what is wrong: "it has no Host header" */
    enum nb_method method;
    nb_text method_name, path;
    nb_text type, id; /* Content-Type; X-Request-ID where it is fit for a head; without text if
                         there is none */
    uint64_t length;  /* of the body; large ones are all UINT64_MAX / 2 */
    int is_chunked, is_coded; /* Transfer-Encoding; Content-Encoding but for identity */
    int is_old;               /* HTTP/1.0 */
    int keeps_alive;
    int expects; /* Expect: 100-continue */
} nb_head;

/* Return whether a part is exactly this text. */
int nb_is(nb_text part, const char *text);
/* Return the end of the first head, 0 if it is incomplete, or -1 if a line ends without CR. The
   bytes before `from` have already been checked. */
long nb_head_end(const char *data, size_t from, size_t length);
/* Read the head in `size` bytes, of which the last four are CR LF CR LF. */
void nb_head_read(nb_head *head, const char *data, size_t size);
/* Return whether a Content-Type is JSON in UTF-8. */
int nb_is_json_type(nb_text type);

/* A chunked body, of which `size` bytes have been read. */
typedef struct {
    uint32_t size;
    uint32_t left;     /* remaining bytes of the chunk */
    uint32_t overhead; /* bytes of extensions and trailers */
    uint32_t state;
    size_t end; /* where the next request starts, once the body is complete */
} nb_chunks;

/* Read the received part of a chunked body, which is joined in place: `data` starts with the bytes
   already read, and `*length` shrinks by those that aren't content. Return 1 if the body is
   complete, 0 if more must arrive, or the status with which it is rejected. */
int nb_chunks_read(nb_chunks *chunks, char *data, size_t *length, uint32_t max_body);

#endif
