/* The settings of a native program: those of its service, with the same names. */
#ifndef NB_SETTINGS_H
#define NB_SETTINGS_H

#include <stdint.h>

typedef struct {
    const char *host;
    uint32_t port;
    uint32_t max_body;       /* bytes */
    uint64_t max_held;       /* bytes of incomplete requests and unsent responses */
    uint32_t max_samples;    /* of one body */
    int64_t receive_timeout; /* milliseconds, as the two below */
    int64_t linger;
    int64_t grace;
} nb_settings;

/* Read the settings from the environment; return 1, or 0 after an error message on standard error.
   */
int nb_read_settings(nb_settings *settings, char **environment);

#endif
