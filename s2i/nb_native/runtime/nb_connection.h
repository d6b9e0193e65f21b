/* A client's connection: the received part of its next request, and the unsent part of its
   responses. */
#ifndef NB_CONNECTION_H
#define NB_CONNECTION_H

#include "nb_request.h"
#include "nb_settings.h"

/* An idle connection is only this struct, without buffers. */
typedef struct nb_connection nb_connection;
struct nb_connection {
    int fd;               /* -1 if free */
    uint8_t is_lingering; /* all is sent; further input from the client is discarded */
    uint8_t closes;       /* no more responses */
    uint8_t is_broken;    /* to be closed immediately */
    int64_t since;        /* when it became idle, began a request or moved (milliseconds) */
    char *in;             /* of an incomplete request */
    uint32_t in_length, in_room;
    uint32_t wanted;    /* bytes of head and body, once the head has been read; or 0 */
    uint32_t looked_at; /* bytes of an incomplete head */
    nb_chunks chunks;
    char *out; /* not yet accepted by the client */
    uint32_t out_room, out_at, out_length;
    uint32_t events;     /* events requested from the kernel */
    nb_connection *next; /* of those that are free */
};

/* What all connections share. */
typedef struct {
    const nb_settings *settings;
    int64_t now;   /* milliseconds */
    int is_ending; /* after SIGTERM: responses close their connections */
    uint32_t connections;
} nb_service;

/* Read the received data, and respond to the requests in it. */
void nb_connection_read(const nb_service *service, nb_connection *connection);
/* Send what the client hasn't accepted, and continue once it has. */
void nb_connection_write(const nb_service *service, nb_connection *connection);
/* Reject a request, or close a connection, that exceeds the configured timeouts. */
void nb_connection_expire(const nb_service *service, nb_connection *connection);
/* Release its buffers. */
void nb_connection_forget(nb_connection *connection);

#endif
