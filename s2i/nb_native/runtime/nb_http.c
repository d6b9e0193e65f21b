/* The service: its socket, its connections, and its shutdown. */

#include "nb_http.h"

#include "nb_complaint.h"
#include "nb_connection.h"
#include "nb_memory.h"
#include "nb_reply.h"
#include "nb_system.h"

enum {
    MOST_CONNECTIONS = 1 << 14,
    /* Descriptors for everything else. */
    SPARE_DESCRIPTORS = 16,
    WAITING = 4096,
    /* After accepting this many in a row, open connections get a turn. */
    ACCEPTED_AT_ONCE = 64,
    EVENTS = 256,
    /* Interval for checking waiting connections, at most (milliseconds). */
    LONGEST_TICK = 1000,
    TICK_AT_END = 20,
    /* During shutdown, a connection that has been idle for less time stays open: its next request
       may be on its way. */
    FRESH = 200,
    STANDARD_ERROR = 2
};

/* In the kernel's events: one of these, or a connection. */
static char listening, signalled;

static nb_connection connections[MOST_CONNECTIONS];
static nb_connection *free_connections;
static uint32_t used_connections, most_connections; /* this many were used at some time */
static nb_service service;
static int poll, listener, is_accepting;
static int64_t ends_accepting, ends; /* time after SIGTERM */

/* --- time --- */

/* Store the time; the date is updated once a second. */
static void look_at_clock(void)
{
    static int64_t second = -1;
    struct nb_time time;
    nb_clock(NB_CLOCK_MONOTONIC, &time);
    service.now = time.seconds * 1000 + time.nanoseconds / 1000000;
    if (time.seconds != second) {
        second = time.seconds;
        nb_clock(NB_CLOCK_REALTIME, &time);
        nb_reply_set_time((uint64_t)time.seconds);
    }
}

/* --- listening --- */

/* Store a dotted IPv4 address in network byte order; return 0 if the text isn't one. */
static int read_address(const char *text, unsigned char address[4])
{
    for (int i = 0; i < 4; i++) {
        unsigned number = 0;
        const char *begin = text;
        while (*text >= '0' && *text <= '9' && number < 256)
            number = 10 * number + (unsigned)(*text++ - '0');
        if (text == begin || number > 255 || *text != (i < 3 ? '.' : 0))
            return 0;
        address[i] = (unsigned char)number;
        text++;
    }
    return 1;
}

/* A socket address in the kernel's form: IPv4 uses the first 8 bytes and 8 zero bytes, IPv6 all. */
typedef struct {
    uint16_t family;
    unsigned char port[2];
    unsigned char ipv4[4];
    unsigned char ipv6[20];
} socket_address;
enum { IPV4_SIZE = 16, IPV6_SIZE = 28 };

/* Return a listening socket, or a kernel error. */
static long try_to_listen(socket_address *address, uint32_t *size)
{
    long fd = nb_socket(address->family), error;
    if (fd < 0)
        return fd;
    nb_set_option((int)fd, NB_SOL_SOCKET, NB_SO_REUSEADDR);
    /* Inherited by connections: a response must not wait for the acknowledgement of the previous
       one. */
    nb_set_option((int)fd, NB_TCP, NB_TCP_NODELAY);
    error = nb_bind((int)fd, address, *size);
    if (error >= 0)
        error = nb_listen((int)fd, WAITING);
    if (error >= 0)
        error = nb_socket_name((int)fd, address, size);
    return error < 0 ? error : fd;
}

/* Listen on the configured address, and report it; return 0 with an error message on failure. */
static int begin_listening(const nb_settings *settings)
{
    socket_address address = {0};
    uint32_t size = IPV4_SIZE;
    address.port[0] = (unsigned char)(settings->port >> 8);
    address.port[1] = (unsigned char)settings->port;
    address.family = NB_AF_INET;
    if (settings->host[0] == ':' && settings->host[1] == ':' && !settings->host[2]) {
        /* Any IPv6 or IPv4 address. */
        address.family = NB_AF_INET6;
        size = IPV6_SIZE;
    } else if (!read_address(settings->host, address.ipv4)) {
        nb_output *complaint = nb_complaint();
        nb_print(complaint, "S2I_HOST='%s' is neither an IPv4 address nor ::.", settings->host);
        nb_complain("A native program does not resolve host names.",
                    "Set it to an address, or unset it.");
        return 0;
    }
    long fd = try_to_listen(&address, &size);
    nb_output *text = nb_complaint();
    if (fd < 0) {
        nb_print(text, "Can't listen on %s port %u: %s.", settings->host, (uint64_t)settings->port,
                 fd == -EADDRINUSE ? "Address already in use"
                 : fd == -EACCES   ? "Permission denied"
                                   : "it is no address of this machine");
        nb_complain("A service needs a free port that this user may listen on.",
                    "Set PORT to a free port above 1023, or stop the process that listens there.");
        return 0;
    }
    listener = (int)fd;
    text->length = 0;
    nb_print(text, "Listening on %s port %u.\n", settings->host,
             (uint64_t)(address.port[0] << 8 | address.port[1]));
    nb_write_to(STANDARD_ERROR, text->text, text->length);
    return 1;
}

/* Raise the limit of descriptors as far as allowed; set the maximum number of connections. */
static void allow_descriptors(void)
{
    uint64_t limits[2], wanted = MOST_CONNECTIONS + SPARE_DESCRIPTORS;
    most_connections = MOST_CONNECTIONS;
    if (nb_file_limits(NULL, limits) < 0 || limits[0] >= wanted)
        return;
    limits[0] = limits[1] < wanted ? limits[1] : wanted;
    nb_file_limits(limits, NULL);
    nb_file_limits(NULL, limits);
    if (limits[0] < wanted)
        most_connections = limits[0] > 2 * SPARE_DESCRIPTORS
                               ? (uint32_t)limits[0] - SPARE_DESCRIPTORS
                               : SPARE_DESCRIPTORS;
}

/* --- connections --- */

static void watch(int operation, int fd, uint32_t events, void *what)
{
    struct nb_event event = {events, (uint64_t)(uintptr_t)what};
    nb_poll_change(poll, operation, fd, &event);
}

/* Start or stop accepting connections. */
static void set_accepting(int accepts)
{
    if (accepts != is_accepting)
        watch(accepts ? NB_EPOLL_CTL_ADD : NB_EPOLL_CTL_DEL, listener, NB_EPOLLIN, &listening);
    is_accepting = accepts;
}

/* Accept one connection; return whether another may be waiting. */
static int accept_one(void)
{
    if (service.connections == most_connections) {
        set_accepting(0);
        return 0;
    }
    long fd = nb_accept(listener);
    if (fd < 0) {
        /* If descriptors or memory are short, retry after a tick; otherwise this would loop
           forever. */
        if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM)
            set_accepting(0);
        /* With other errors, the client has already disconnected. */
        return is_accepting && fd != -EAGAIN;
    }
    nb_connection *c = free_connections;
    if (c)
        free_connections = c->next;
    else
        c = &connections[used_connections++];
    memset(c, 0, sizeof(*c));
    c->fd = (int)fd;
    c->since = service.now;
    c->events = NB_EPOLLIN;
    service.connections++;
    watch(NB_EPOLL_CTL_ADD, c->fd, c->events, c);
    return 1;
}

static void close_connection(nb_connection *c)
{
    nb_connection_forget(c);
    nb_close(c->fd);
    c->fd = -1;
    c->next = free_connections;
    free_connections = c;
    service.connections--;
}

/* Update the kernel's events after a connection's last action. */
static void settle(nb_connection *c)
{
    if (c->is_broken) {
        close_connection(c);
        return;
    }
    /* Requests of a client that doesn't read its responses are not read. */
    uint32_t events = c->out ? NB_EPOLLOUT : NB_EPOLLIN;
    if (events != c->events)
        watch(NB_EPOLL_CTL_MOD, c->fd, events, c);
    c->events = events;
}

/* --- shutdown --- */

/* Start a graceful shutdown, or stop immediately if one has already started. */
static void begin_end(void)
{
    int is_second = service.is_ending;
    service.is_ending = 1;
    ends_accepting = service.now + (is_second ? 0 : service.settings->linger);
    ends = ends_accepting + (is_second ? 0 : service.settings->grace);
}

/* Close idle connections, except those that may just have started a request. */
static void end_idle(void)
{
    /* Connections that the kernel has already accepted get responses, too. */
    while (is_accepting && accept_one())
        ;
    set_accepting(0);
    if (listener >= 0)
        nb_close(listener);
    listener = -1;
    for (uint32_t i = 0; i < used_connections; i++) {
        nb_connection *c = &connections[i];
        if (c->fd >= 0 && !c->in && !c->out && !c->is_lingering && service.now - c->since >= FRESH)
            close_connection(c);
    }
}

/* Do what is due; return the milliseconds until the next deadline. */
static int tick(int64_t *last)
{
    int64_t every = service.settings->receive_timeout / 4;
    if (every > LONGEST_TICK)
        every = LONGEST_TICK;
    if (service.is_ending)
        every = TICK_AT_END;
    if (service.now - *last >= every) {
        *last = service.now;
        for (uint32_t i = 0; i < used_connections; i++) {
            nb_connection *c = &connections[i];
            if (c->fd < 0)
                continue;
            nb_connection_expire(&service, c);
            settle(c);
        }
        if (service.is_ending && service.now >= ends_accepting)
            end_idle();
        else if (service.connections < most_connections)
            set_accepting(1);
    }
    /* Without connections, nothing can become due. */
    return service.connections || service.is_ending || !is_accepting ? (int)every : -1;
}

int nb_serve(const nb_settings *settings, const unsigned char *random)
{
    struct nb_event events[EVENTS];
    int64_t last = 0;
    service.settings = settings;
    nb_reply_set_random(random);
    look_at_clock();
    allow_descriptors();
    /* As PID 1 of a container, it gets only signals that it handles. */
    long signals = nb_signals(1ull << (NB_SIGTERM - 1) | 1ull << (NB_SIGINT - 1));
    poll = (int)nb_poll_create();
    if (!begin_listening(settings))
        return 1;
    set_accepting(1);
    watch(NB_EPOLL_CTL_ADD, (int)signals, NB_EPOLLIN, &signalled);
    for (;;) {
        int wait = tick(&last);
        if (service.is_ending && service.now >= ends_accepting
            && (!service.connections || service.now >= ends))
            return 0;
        long count = nb_poll_wait(poll, events, EVENTS, wait);
        look_at_clock();
        for (long i = 0; i < count; i++) {
            void *what = (void *)(uintptr_t)events[i].data;
            if (what == &listening) {
                for (int n = 0; n < ACCEPTED_AT_ONCE && accept_one(); n++)
                    ;
            } else if (what == &signalled) {
                char signal[128];
                nb_read((int)signals, signal, sizeof(signal));
                begin_end();
            } else {
                nb_connection *c = what;
                if (c->out)
                    nb_connection_write(&service, c);
                else
                    nb_connection_read(&service, c);
                settle(c);
            }
        }
    }
}
