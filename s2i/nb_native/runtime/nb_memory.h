/* The C memory functions. Without libc, nb_memory.c provides them. */
#ifndef NB_MEMORY_H
#define NB_MEMORY_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *one, const void *other, size_t size);

#endif
