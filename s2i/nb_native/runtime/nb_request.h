/* Requests as RFC 9112 has them, read strictly: what two readers could understand in two ways is
   refused. */
#ifndef NB_REQUEST_H
#define NB_REQUEST_H

#include "nb_native.h"

enum { NB_LONGEST_HEAD = 1 << 15, NB_LONGEST_FIRST_LINE = 1 << 13 };

enum nb_method { NB_GET, NB_HEAD, NB_POST, NB_OTHER };

/* A head. Its parts lie in the bytes that were read. */
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
/* Return where the first head ends, 0 where that has not arrived, or -1 where a line ends without
   CR. The bytes before `from` have been looked at. */
long nb_head_end(const char *data, size_t from, size_t length);
/* Read the head in `size` bytes, of which the last four are CR LF CR LF. */
void nb_head_read(nb_head *head, const char *data, size_t size);
/* Return whether a Content-Type is JSON in UTF-8. */
int nb_is_json_type(nb_text type);

/* A body in chunks, of which `size` bytes have been read. */
typedef struct {
    uint32_t size;
    uint32_t left;     /* bytes of the chunk that are still to come */
    uint32_t overhead; /* bytes of extensions and trailers */
    uint32_t state;
    size_t end; /* where the next request begins, once the body is whole */
} nb_chunks;

/* Read what has arrived of a body in chunks; it is put together in its place: `data` begins with
   the bytes that have been read, and `*length` shrinks by those that are no content. Return 1 where
   the body is whole, 0 where more is to come, or the status of its refusal. */
int nb_chunks_read(nb_chunks *chunks, char *data, size_t *length, uint32_t max_body);

#endif
