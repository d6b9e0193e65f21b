/* A client's connection: what has arrived of its next request, and what it has not taken of its
   responses. */
#ifndef NB_CONNECTION_H
#define NB_CONNECTION_H

#include "nb_request.h"
#include "nb_settings.h"

/* While nothing is half done, a connection is all of this and no buffer. */
typedef struct nb_connection nb_connection;
struct nb_connection {
    int fd;               /* -1 where it is free */
    uint8_t is_lingering; /* all is sent; what the client still sends is thrown away */
    uint8_t closes;       /* nothing more is answered */
    uint8_t is_broken;    /* to be closed at once */
    int64_t since;        /* when it became idle, began a request or moved (milliseconds) */
    char *in;             /* of a request that is not whole */
    uint32_t in_length, in_room;
    uint32_t wanted;    /* bytes of head and body, once the head has been read; or 0 */
    uint32_t looked_at; /* bytes of a head that is not whole */
    nb_chunks chunks;
    char *out; /* what the client has not taken */
    uint32_t out_room, out_at, out_length;
    uint32_t events;     /* what the kernel is asked for */
    nb_connection *next; /* of those that are free */
};

/* What all connections share. */
typedef struct {
    const nb_settings *settings;
    int64_t now;   /* milliseconds */
    int is_ending; /* after SIGTERM: responses end their connections */
    uint32_t connections;
} nb_service;

/* Read what has arrived, and answer the requests in it. */
void nb_connection_read(const nb_service *service, nb_connection *connection);
/* Send what the client has not taken, and go on once it has. */
void nb_connection_write(const nb_service *service, nb_connection *connection);
/* Refuse a request, or close a connection, that has taken longer than the settings allow. */
void nb_connection_expire(const nb_service *service, nb_connection *connection);
/* Release its buffers. */
void nb_connection_forget(nb_connection *connection);

#endif
