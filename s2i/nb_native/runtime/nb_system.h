/* All system calls that the runtime uses; they are also listed in system_calls.txt. A result below
   0 is a negated error number of <linux/errno.h>. */
#ifndef NB_SYSTEM_H
#define NB_SYSTEM_H

#include <asm/unistd.h>
#include <linux/errno.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __x86_64__
#include "nb_system_x86_64.h"
#else
#include "nb_system_aarch64.h"
#endif

/* From kernel headers that the compiler image lacks: their values are part of the kernel's binary
   interface. */
enum {
    NB_AF_INET = 2,
    NB_AF_INET6 = 10,
    NB_SOCK_STREAM = 1,
    NB_NONBLOCK = 04000,
    NB_CLOEXEC = 02000000,
    NB_SOL_SOCKET = 1,
    NB_SO_REUSEADDR = 2,
    NB_TCP = 6,
    NB_TCP_NODELAY = 1,
    NB_MSG_NOSIGNAL = 0x4000,
    NB_SHUT_WR = 1,
    NB_CLOCK_REALTIME = 0,
    NB_CLOCK_MONOTONIC = 1,
    NB_SIGINT = 2,
    NB_SIGTERM = 15,
    NB_RLIMIT_NOFILE = 7,
    NB_PROT_READ_WRITE = 3,
    NB_MAP_PRIVATE_ANONYMOUS = 0x22,
    NB_MAP_NORESERVE = 0x4000,
    NB_MADV_DONTNEED = 4,
    NB_EPOLL_CTL_ADD = 1,
    NB_EPOLL_CTL_DEL = 2,
    NB_EPOLL_CTL_MOD = 3,
    NB_EPOLLIN = 1,
    NB_EPOLLOUT = 4
};

/* The kernel's layout: without padding on x86-64, with padding on other processors. */
struct nb_event {
    uint32_t events;
    uint64_t data;
}
#ifdef __x86_64__
__attribute__((packed))
#endif
;

struct nb_time {
    int64_t seconds, nanoseconds;
};

static inline long nb_read(int fd, void *data, size_t size)
{
    return nb_call3(__NR_read, fd, (long)data, (long)size);
}

static inline long nb_write_to(int fd, const void *data, size_t size)
{
    return nb_call3(__NR_write, fd, (long)data, (long)size);
}

/* Send on a socket; a disconnected client is an error, without a signal. */
static inline long nb_send(int fd, const void *data, size_t size)
{
    return nb_call6(__NR_sendto, fd, (long)data, (long)size, NB_MSG_NOSIGNAL, 0, 0);
}

static inline long nb_close(int fd)
{
    return nb_call3(__NR_close, fd, 0, 0);
}

/* Return the address of new zeroed pages; values from -4095 to -1 are errors. */
static inline long nb_map(size_t size)
{
    return nb_call6(__NR_mmap, 0, (long)size, NB_PROT_READ_WRITE,
                    NB_MAP_PRIVATE_ANONYMOUS | NB_MAP_NORESERVE, -1, 0);
}

static inline long nb_unmap(void *pages, size_t size)
{
    return nb_call3(__NR_munmap, (long)pages, (long)size, 0);
}

/* Release the memory of whole pages, which are zero when used again. Address and size must be
   multiples of NB_LARGEST_PAGE: the kernel also releases anything else on their last page. */
static inline long nb_forget(void *pages, size_t size)
{
    return nb_call3(__NR_madvise, (long)pages, (long)size, NB_MADV_DONTNEED);
}

static inline long nb_socket(int family)
{
    return nb_call3(__NR_socket, family, NB_SOCK_STREAM | NB_NONBLOCK | NB_CLOEXEC, 0);
}

static inline long nb_set_option(int fd, int level, int option)
{
    int on = 1;
    /* __NR_setsockopt takes five. */
    return nb_call6(__NR_setsockopt, fd, level, option, (long)&on, sizeof(on), 0);
}

static inline long nb_bind(int fd, const void *address, size_t size)
{
    return nb_call3(__NR_bind, fd, (long)address, (long)size);
}

static inline long nb_listen(int fd, int waiting)
{
    return nb_call3(__NR_listen, fd, waiting, 0);
}

static inline long nb_socket_name(int fd, void *address, uint32_t *size)
{
    return nb_call3(__NR_getsockname, fd, (long)address, (long)size);
}

static inline long nb_accept(int fd)
{
    return nb_call4(__NR_accept4, fd, 0, 0, NB_NONBLOCK | NB_CLOEXEC);
}

static inline long nb_end_sending(int fd)
{
    return nb_call3(__NR_shutdown, fd, NB_SHUT_WR, 0);
}

static inline long nb_poll_create(void)
{
    return nb_call3(__NR_epoll_create1, NB_CLOEXEC, 0, 0);
}

static inline long nb_poll_change(int poll, int operation, int fd, struct nb_event *event)
{
    return nb_call4(__NR_epoll_ctl, poll, operation, fd, (long)event);
}

/* Wait for at most this many milliseconds, -1 means forever; return the number of events. */
static inline long nb_poll_wait(int poll, struct nb_event *events, int most, int milliseconds)
{
    return nb_call6(__NR_epoll_pwait, poll, (long)events, most, milliseconds, 0, 0);
}

/* Return a descriptor that is readable once one of these signals (bits, from signal 1) has arrived,
   or an error. */
static inline long nb_signals(uint64_t signals)
{
    enum { SIG_BLOCK = 0 };
    long error = nb_call4(__NR_rt_sigprocmask, SIG_BLOCK, (long)&signals, 0, sizeof(signals));
    return error < 0 ? error
                     : nb_call4(__NR_signalfd4, -1, (long)&signals, sizeof(signals), NB_CLOEXEC);
}

static inline long nb_clock(int clock, struct nb_time *time)
{
    return nb_call3(__NR_clock_gettime, clock, (long)time, 0);
}

/* Read this process's soft and hard limits of open files, and change them if `change` is not NULL.
   */
static inline long nb_file_limits(const uint64_t *change, uint64_t *limits)
{
    return nb_call4(__NR_prlimit64, 0, NB_RLIMIT_NOFILE, (long)change, (long)limits);
}

#endif
