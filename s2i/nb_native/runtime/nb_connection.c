/* Requests of a connection are answered in order, the next one after the last response has been
   sent: a client that sends many requests and reads no responses costs no more memory than one
   read. */

#include "nb_connection.h"

#include "nb_memory.h"
#include "nb_reply.h"
#include "nb_score.h"
#include "nb_system.h"

enum {
    /* Maximum size of one read, and of one write of several responses. */
    BUFFER = 1 << 16,
    PAGE = 1 << 12,
    /* Bodies of rejected requests up to this size are read, so that the client can keep the
       connection. */
    SMALL_REFUSED = 1 << 16,
    /* Maximum length of an unknown path in an error message. */
    LONGEST_NAMED = 1000,
    /* The client may still be sending: closing immediately would reset the connection, and the
       client would lose the response. */
    LINGER_MILLISECONDS = 2000,
    LARGEST_ANSWER = 1 << 24,
    /* Maximum size of a response's head. */
    LARGEST_HEAD = 1 << 10,
    /* The kernel buffers at least this much for an idle connection. */
    LEAST_TAKEN = 1 << 14,
    /* Room for heads. */
    MOST_OUT = LARGEST_ANSWER + 2 * BUFFER
};

static const char TOO_BUSY[] = "Too many samples are waiting; try again later.";

static char buffer[BUFFER];
static char out_text[MOST_OUT] __attribute__((aligned(NB_LARGEST_PAGE)));
/* Responses of one connection until they are sent. */
static nb_output out = {.text = out_text, .room = MOST_OUT};

/* --- memory: whole pages from the kernel, counted --- */

static uint64_t held;
/* Free single pages are kept for reuse. */
enum { MOST_SPARE = 64 };
static void *spare[MOST_SPARE];
static uint32_t spares;

/* Return whole pages, or NULL if the limit is reached or memory is short. */
static char *take_pages(const nb_service *service, size_t size)
{
    if (held + size > service->settings->max_held)
        return NULL;
    char *pages = NULL;
    if (size == PAGE && spares) {
        pages = spare[--spares];
    } else {
        long address = nb_map(size);
        if (address < 0 && address > -4096)
            return NULL;
        pages = (char *)address;
    }
    held += size;
    return pages;
}

static void give_pages(char *pages, size_t size)
{
    held -= size;
    if (size == PAGE && spares < MOST_SPARE)
        spare[spares++] = pages;
    else
        nb_unmap(pages, size);
}

static size_t whole_pages(size_t size)
{
    return (size + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static void forget_in(nb_connection *c)
{
    if (c->in)
        give_pages(c->in, c->in_room);
    c->in = NULL;
    c->in_length = 0;
}

static void forget_out(nb_connection *c)
{
    if (c->out)
        give_pages(c->out, c->out_room);
    c->out = NULL;
}

void nb_connection_forget(nb_connection *c)
{
    forget_in(c);
    forget_out(c);
}

/* --- sending --- */

/* Send what has been written, and keep what the client doesn't accept yet. */
static void send_out(const nb_service *service, nb_connection *c)
{
    long sent = nb_send(c->fd, out.text, out.length);
    if (sent < 0 && sent != -EAGAIN) {
        c->is_broken = 1;
        sent = 0;
    }
    size_t rest = out.length - (size_t)(sent < 0 ? 0 : sent);
    if (rest && !c->is_broken) {
        c->out_room = (uint32_t)whole_pages(rest);
        c->out = take_pages(service, c->out_room);
        if (c->out) {
            memcpy(c->out, out.text + out.length - rest, rest);
            c->out_at = 0;
            c->out_length = (uint32_t)rest;
        } else {
            c->is_broken = 1;
        }
    }
    if (out.length > BUFFER)
        nb_forget(out_text + BUFFER, sizeof(out_text) - BUFFER);
    out.length = 0;
    c->since = service->now;
}

/* Return the status for a response of this size: a client may read nothing that was sent, so
   everything except what the kernel buffers must be held. Whether there is room must be known
   before the first byte is sent. */
static int status_of(const nb_service *service, const nb_connection *c, size_t size)
{
    uint64_t most = service->settings->max_held;
    size += out.length + LARGEST_HEAD;
    if (size <= LEAST_TAKEN)
        return 200;
    size = whole_pages(size);
    return size + (c->in ? c->in_room : 0) > most ? 413 : held + size > most ? 503 : 200;
}

/* --- answering --- */

enum route { PREDICT, BATCH, HEALTHZ, READYZ, METRICS, ROUTES };
static const char *const paths[ROUTES] = {"/predict", "/predict/batch", "/healthz", "/readyz",
                                          "/metrics"};

static nb_text part_of(const nb_output *output)
{
    nb_text part = {output->text, output->length};
    return part;
}

static nb_text text_part(const char *text)
{
    nb_text part = {text, 0};
    while (text[part.length])
        part.length++;
    return part;
}

static int route_of(const nb_head *head)
{
    int route = 0;
    while (route < ROUTES && !nb_is(head->path, paths[route]))
        route++;
    return route;
}

/* Return the form of the response to a request; if it closes the connection, later requests get no
   response. */
static nb_reply_form form_of(const nb_service *service, nb_connection *c, const nb_head *head)
{
    c->closes |= service->is_ending || !head->keeps_alive;
    nb_reply_form form = {head->method == NB_HEAD, head->is_old, c->closes, head->id, NULL};
    return form;
}

/* Reject a request without reading the rest of it. */
static void refuse(nb_connection *c, const nb_head *head, int status, nb_text detail)
{
    nb_reply_form form = {0};
    c->closes = 1;
    form.closes = 1;
    if (head) {
        form.is_head = head->method == NB_HEAD;
        form.id = head->id;
    }
    nb_reply_problem(&out, &form, status, detail);
}

static void refuse_as_unreadable(nb_connection *c, const nb_head *head, int status,
                                 const char *reason)
{
    static char text[128];
    nb_output detail = {.text = text, .room = sizeof(text)};
    if (status == 413)
        nb_print(&detail, "The body is larger than this service accepts (S2I_MAX_BODY).");
    else if (status == 431)
        nb_print(&detail, "The header fields are larger than this service accepts.");
    else
        nb_print(&detail, "The request could not be read: %s.", reason);
    refuse(c, head, status, part_of(&detail));
}

/* Return the status with which a request is rejected because of its head alone, with the message,
   or 0. */
static int refusal_of(const nb_head *head, nb_reply_form *form, nb_output *detail)
{
    int route = route_of(head), is_post = route == PREDICT || route == BATCH;
    nb_text path = {head->path.text,
                    head->path.length < LONGEST_NAMED ? head->path.length : LONGEST_NAMED};
    if (route == ROUTES) {
        nb_print(detail,
                 "There is no route %t; these are: POST /predict, POST /predict/batch, "
                 "GET /healthz, /readyz, /metrics.",
                 &path);
        return 404;
    }
    if (is_post ? head->method != NB_POST : head->method > NB_HEAD) {
        nb_print(detail, "%t does not take %t.", &path, &head->method_name);
        form->allow = is_post ? "POST" : "GET, HEAD";
        return 405;
    }
    if (is_post && head->is_coded) {
        nb_print(detail, "Compressed bodies are not supported.");
        return 415;
    }
    if (is_post && !nb_is_json_type(head->type)) {
        nb_print(detail,
                 "Send the sample as JSON: curl -H 'Content-Type: application/json'. "
                 "Other types are not supported.");
        return 415;
    }
    return 0;
}

static void write_metrics(const nb_service *service, nb_output *output)
{
    nb_reply_counts(output);
    nb_print(output,
             "# HELP nb_predictions_total Samples answered.\n# TYPE nb_predictions_total counter\n"
             "nb_predictions_total %u\n"
             "# HELP nb_connections Connections that are open.\n# TYPE nb_connections gauge\n"
             "nb_connections %u\n",
             nb_predictions(), (uint64_t)service->connections);
}

/* Respond to a request whose body is complete. */
static void answer(const nb_service *service, nb_connection *c, const nb_head *head, nb_text body)
{
    static char text[1 << 12];
    nb_output detail = {.text = text, .room = sizeof(text)};
    nb_reply_form form = form_of(service, c, head);
    int status = refusal_of(head, &form, &detail);
    if (!status) {
        int route = route_of(head);
        if (route == METRICS) {
            write_metrics(service, &detail);
            nb_reply(&out, &form, 200, NB_TEXT_TYPE, part_of(&detail));
            return;
        }
        if (route == HEALTHZ || (route == READYZ && !service->is_ending)) {
            nb_reply(&out, &form, 200, NB_JSON_TYPE,
                     text_part(route == HEALTHZ ? "{\"status\": \"alive\"}\n"
                                                : "{\"status\": \"ready\"}\n"));
            return;
        }
        status = 503;
        if (route == READYZ) {
            nb_print(&detail, "Not ready for predictions.");
        } else if (route == PREDICT && !body.length) {
            status = 400;
            nb_print(&detail, "The body is empty; send one sample as JSON.");
        } else {
            nb_scored *scored = route == PREDICT ? nb_score(body.text, body.length, "body")
                                                 : nb_score_many(body.text, body.length,
                                                                 service->settings->max_samples);
            status = scored->status;
            if (status == 200)
                status = status_of(service, c, scored->answer.length);
            if (status == 200)
                nb_reply(&out, &form, 200, NB_JSON_TYPE, part_of(&scored->answer));
            else
                nb_reply_problem(&out, &form, status,
                                 scored->status != 200 ? part_of(&scored->detail)
                                 : status == 413       ? text_part(NB_ANSWER_TOO_LARGE)
                                                       : text_part(TOO_BUSY));
            nb_score_rest();
            return;
        }
    }
    nb_reply_problem(&out, &form, status, part_of(&detail));
}

/* --- requests --- */

/* Record what a head implies about its body; return 0 if the request is rejected before the body
   arrives. */
static int begin_body(const nb_service *service, nb_connection *c, const nb_head *head,
                      size_t arrived)
{
    char text[1 << 8];
    nb_output detail = {.text = text, .room = sizeof(text)};
    nb_reply_form form = {0};
    if (head->status) {
        refuse_as_unreadable(c, head, head->status, head->reason);
        return 0;
    }
    if (head->length > service->settings->max_body) {
        refuse_as_unreadable(c, head, 413, NULL);
        return 0;
    }
    int is_large = head->is_chunked || head->expects || head->length > SMALL_REFUSED;
    if (is_large && refusal_of(head, &form, &detail)) {
        nb_text nothing = {"", 0};
        nb_head last = *head;
        last.keeps_alive = 0;
        answer(service, c, &last, nothing);
        return 0;
    }
    memset(&c->chunks, 0, sizeof(c->chunks));
    c->wanted = (uint32_t)(head->size + head->length);
    if (head->expects && arrived < c->wanted + head->is_chunked)
        nb_print(&out, "HTTP/1.1 100 Continue\r\n\r\n");
    return 1;
}

/* Respond to the first request in `data` if it is complete; return its length in bytes, or 0.
   `*length` may shrink. */
static size_t take_request(const nb_service *service, nb_connection *c, char *data, size_t *length)
{
    nb_head head;
    if (!c->wanted) {
        /* A server ignores empty lines before a request (RFC 9112, section 2.2). */
        if (*length >= 2 && data[0] == '\r' && data[1] == '\n')
            return 2;
        long end = nb_head_end(data, c->looked_at, *length);
        int is_alone = *length == 1 && data[0] == '\r';
        if (end < 0
            || (*length && !is_alone && ((data[0] | 0x20) < 'a' || (data[0] | 0x20) > 'z'))) {
            refuse_as_unreadable(c, NULL, 400,
                                 end < 0 ? "a line of its head does not end with CR and LF"
                                         : "it does not start with a method");
            return *length;
        }
        if (end > NB_LONGEST_HEAD || (!end && *length > NB_LONGEST_HEAD)) {
            refuse_as_unreadable(c, NULL, 431, NULL);
            return *length;
        }
        c->looked_at = (uint32_t)*length;
        if (!end)
            return 0;
        c->looked_at = 0;
        nb_head_read(&head, data, (size_t)end);
        if (!begin_body(service, c, &head, *length))
            return *length;
    } else {
        if (*length < c->wanted)
            return 0;
        /* It has already been parsed; but for a request that arrives in pieces, only its bytes are
           kept. */
        nb_head_read(&head, data, (size_t)nb_head_end(data, 0, *length));
    }
    nb_text body = {data + head.size, (size_t)head.length};
    size_t used = c->wanted;
    if (head.is_chunked) {
        size_t rest = *length - head.size;
        int status =
            nb_chunks_read(&c->chunks, data + head.size, &rest, service->settings->max_body);
        *length = head.size + rest;
        if (!status)
            return 0;
        if (status != 1) {
            refuse_as_unreadable(c, &head, status, "its chunks are malformed");
            return *length;
        }
        body.length = c->chunks.size;
        used = head.size + c->chunks.end;
    } else if (*length < c->wanted) {
        return 0;
    }
    c->wanted = 0;
    answer(service, c, &head, body);
    return used;
}

/* Keep the rest of an incomplete request, or of one that waits until the client has read responses.
   */
static void keep(const nb_service *service, nb_connection *c, const char *data, size_t length)
{
    if (!length || c->closes) {
        forget_in(c);
        return;
    }
    if (!c->in) {
        c->in_room = (uint32_t)whole_pages(length + 1);
        c->in = take_pages(service, c->in_room);
    }
    if (c->in) {
        memmove(c->in, data, length);
        c->in_length = (uint32_t)length;
    } else if (c->out) {
        c->is_broken = 1;
    } else {
        refuse(c, NULL, 503, text_part(TOO_BUSY));
    }
}

/* Send what has been written; after the last response shut down sending, and wait for the client to
   close. */
static void finish(const nb_service *service, nb_connection *c)
{
    if (out.length)
        send_out(service, c);
    if (c->closes && !c->out && !c->is_lingering) {
        forget_in(c);
        nb_end_sending(c->fd);
        c->is_lingering = 1;
        c->since = service->now;
    }
}

/* Respond to the complete requests in `data`, and keep the rest. */
static void take_requests(const nb_service *service, nb_connection *c, char *data, size_t length)
{
    size_t at = 0;
    while (at < length && !c->closes && !c->out && !c->is_broken) {
        size_t rest = length - at, used = take_request(service, c, data + at, &rest);
        length = at + rest;
        if (!used)
            break;
        at += used;
        if (out.length > BUFFER)
            send_out(service, c);
    }
    keep(service, c, data + at, length - at);
    finish(service, c);
}

/* Make room for more of a request; return 0 if there is none. */
static int grow(const nb_service *service, nb_connection *c)
{
    if (c->in_length < c->in_room)
        return 1;
    char *pages = take_pages(service, 2 * (size_t)c->in_room);
    if (!pages)
        return 0;
    memcpy(pages, c->in, c->in_length);
    give_pages(c->in, c->in_room);
    c->in = pages;
    c->in_room *= 2;
    return 1;
}

/* --- called by the service --- */

void nb_connection_read(const nb_service *service, nb_connection *c)
{
    if (c->in && !grow(service, c)) {
        refuse(c, NULL, 503, text_part(TOO_BUSY));
        finish(service, c);
        return;
    }
    char *data = c->in ? c->in + c->in_length : buffer;
    long size = nb_read(c->fd, data, c->in ? c->in_room - c->in_length : BUFFER);
    if (size == -EAGAIN)
        return;
    if (size < 0 || (size == 0 && (c->is_lingering || !c->in))) {
        c->is_broken = 1;
    } else if (size == 0) {
        refuse_as_unreadable(c, NULL, 400, "it ended too early");
        finish(service, c);
    } else if (!c->is_lingering) {
        if (!c->in)
            c->since = service->now;
        take_requests(service, c, c->in ? c->in : data, c->in_length + (size_t)size);
    }
}

void nb_connection_write(const nb_service *service, nb_connection *c)
{
    long sent = nb_send(c->fd, c->out + c->out_at, c->out_length - c->out_at);
    if (sent == -EAGAIN)
        return;
    if (sent < 0) {
        c->is_broken = 1;
        return;
    }
    c->since = service->now;
    c->out_at += (uint32_t)sent;
    if (c->out_at < c->out_length)
        return;
    forget_out(c);
    if (c->in)
        take_requests(service, c, c->in, c->in_length);
    else
        finish(service, c);
}

void nb_connection_expire(const nb_service *service, nb_connection *c)
{
    int64_t age = service->now - c->since;
    if (c->is_lingering ? age < LINGER_MILLISECONDS : age < service->settings->receive_timeout)
        return;
    if (!c->in || c->out) {
        c->is_broken = 1;
        return;
    }
    refuse(c, NULL, 408,
           text_part("The request took longer to arrive than this service allows "
                     "(S2I_RECEIVE_TIMEOUT)."));
    finish(service, c);
}
