/* The system calls that the runtime uses: all of them are here, and in system_calls.txt. A result
   below 0 is an error, the negative of its number in <linux/errno.h>. */
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

/* From the headers of the kernel that the compiler has no copy of: their values are part of its
   binary interface. */
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

/* As the kernel has it: without a gap on x86-64, and with one elsewhere. */
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

/* Send on a socket; a client that is gone is an error and no signal. */
static inline long nb_send(int fd, const void *data, size_t size)
{
    return nb_call6(__NR_sendto, fd, (long)data, (long)size, NB_MSG_NOSIGNAL, 0, 0);
}

static inline long nb_close(int fd)
{
    return nb_call3(__NR_close, fd, 0, 0);
}

/* Return the address of new pages full of zeros; from -4095 to -1 it is an error. */
static inline long nb_map(size_t size)
{
    return nb_call6(__NR_mmap, 0, (long)size, NB_PROT_READ_WRITE,
                    NB_MAP_PRIVATE_ANONYMOUS | NB_MAP_NORESERVE, -1, 0);
}

static inline long nb_unmap(void *pages, size_t size)
{
    return nb_call3(__NR_munmap, (long)pages, (long)size, 0);
}

/* Give the memory of whole pages back: they are full of zeros when next used. Where they begin and
   how many bytes they have must be multiples of NB_LARGEST_PAGE: the kernel takes what else is on
   their last page, too. */
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

/* Wait up to so many milliseconds, -1 for ever; return the number of events. */
static inline long nb_poll_wait(int poll, struct nb_event *events, int most, int milliseconds)
{
    return nb_call6(__NR_epoll_pwait, poll, (long)events, most, milliseconds, 0, 0);
}

/* Return a descriptor that can be read once one of these signals (bits, from signal 1 on) has come,
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

/* Read, and where `change` is not NULL change, this process's two limits of open files: the soft
   and the hard one. */
static inline long nb_file_limits(const uint64_t *change, uint64_t *limits)
{
    return nb_call4(__NR_prlimit64, 0, NB_RLIMIT_NOFILE, (long)change, (long)limits);
}

#endif
