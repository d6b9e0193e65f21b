/* The service: HTTP/1.1 on one port, by one thread. */
#ifndef NB_HTTP_H
#define NB_HTTP_H

#include "nb_settings.h"

/* Answer requests until SIGTERM or SIGINT; return 0, or 1 with a complaint where the address can't
   be had. `random` are 16 bytes. */
int nb_serve(const nb_settings *settings, const unsigned char *random);

#endif
