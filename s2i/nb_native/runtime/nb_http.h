/* The service: HTTP/1.1 on one port, single-threaded. */
#ifndef NB_HTTP_H
#define NB_HTTP_H

#include "nb_settings.h"

/* Serve requests until SIGTERM or SIGINT; return 0, or 1 with an error message if the address is
   not available. `random` are 16 bytes. */
int nb_serve(const nb_settings *settings, const unsigned char *random);

#endif
