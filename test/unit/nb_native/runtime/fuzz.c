/* Everything that reads what a client or user sends, for a fuzzer. The first byte of an input says where the rest goes: to
   a connection as requests, to the reader of samples, to the command line as lines or arguments, to numbers, to settings.

   `make fuzz-native` builds it with libFuzzer, compiled with -Dmain=nb_main for the program's own main. Without libFuzzer,
   test_fuzz.py mutates on its own: -DFROM_STDIN has a main that reads inputs, each after its length on a line. */
#undef main
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nb_connection.h"
#include "nb_numbers.h"
#include "nb_score.h"

/* Where the first bytes of each end, in their order; settings have the rest. */
enum { REQUESTS = 0x60, MANY = 0x70, SAMPLE = 0xa0, LINES = 0xc0, ARGUMENTS = 0xd0, NUMBER = 0xf0 };
enum { MOST_ARGUMENTS = 16, MOST_PIECES = 200 };

static const nb_settings settings = {.max_body = 2048, .max_held = 1 << 16, .max_samples = 8, .receive_timeout = 1000};
static const size_t pieces[] = {1 << 16, 1, 7, 100};

int nb_main(int count, char **arguments, char **environment);

/* Throw away what was answered, after a look whether it is a response. */
static void take(int fd)
{
    static char said[1 << 16];
    long size;
    while ((size = recv(fd, said, sizeof(said), MSG_DONTWAIT)) > 0)
        if (size < 9)
            abort();
}

/* Let a connection read these bytes, `piece` at a time. */
static void converse(const uint8_t *data, size_t size, size_t piece)
{
    nb_service service = {.settings = &settings, .connections = 1};
    nb_connection c = {0};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends))
        abort();
    c.fd = ends[0];
    /* Many system calls would only cost time. */
    if (piece < size / MOST_PIECES)
        piece = size / MOST_PIECES;
    while (size && !c.is_broken && !c.is_lingering) {
        size_t length = size < piece ? size : piece;
        if (write(ends[1], data, length) != (ssize_t)length)
            break;
        data += length;
        size -= length;
        nb_connection_read(&service, &c);
        take(ends[1]);
        while (c.out && !c.is_broken) {
            nb_connection_write(&service, &c);
            take(ends[1]);
        }
    }
    shutdown(ends[1], SHUT_WR);
    if (!c.is_broken)
        nb_connection_read(&service, &c);
    service.now = 5000;
    if (!c.is_broken)
        nb_connection_expire(&service, &c);
    nb_connection_forget(&c);
    close(ends[0]);
    close(ends[1]);
}

/* Score a text; what was answered, which is the sample itself, must be answered with itself. */
static void score(const char *text, size_t size)
{
    static char again[1 << 17];
    nb_scored *scored = nb_score(text, size, "body");
    if (scored->status != 200 && !scored->detail.length)
        abort();
    if (scored->status != 200 || scored->answer.length > sizeof(again))
        return;
    size_t length = scored->answer.length;
    memcpy(again, scored->answer.text, length);
    scored = nb_score(again, length, "body");
    /* An answer may be nested more deeply in other words, but never longer or other. */
    if (scored->status == 200 && (scored->answer.length != length || memcmp(again, scored->answer.text, length)))
        abort();
}

/* Let the program answer these bytes as lines of standard input, of which each read takes a piece. */
static void answer_lines(const uint8_t *data, size_t size, size_t piece)
{
    static char *arguments[] = {"model", "-", NULL}, *environment[] = {NULL};
    int ends[2];
    /* The reads see the pieces as they were sent. */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends))
        abort();
    /* So many fit into the socket's buffer; the rest of the text is not sent. */
    for (int sent = 0; size && sent < 64; sent++) {
        size_t length = size < piece ? size : piece;
        if (write(ends[1], data, length) != (ssize_t)length)
            abort();
        data += length;
        size -= length;
    }
    close(ends[1]);
    dup2(ends[0], 0);
    close(ends[0]);
    nb_main(2, arguments, environment);
}

/* Give the program words that end with NUL as arguments; it must end, and not serve. */
static void give_arguments(char *text, size_t size)
{
    static char *environment[] = {NULL};
    char *arguments[MOST_ARGUMENTS + 2] = {"model"};
    int count = 1;
    for (size_t at = 0; at < size && count <= MOST_ARGUMENTS; at += strlen(text + at) + 1)
        arguments[count++] = text + at;
    if (count > 2 || (count == 2 && strcmp(arguments[1], "serve") && strcmp(arguments[1], "-")))
        nb_main(count, arguments, environment);
}

/* Read a number as glibc reads it, and read what is written of it as the same number. The text has JSON's form or is left
   alone: others never come that far. */
static void read_number(const char *text, size_t size)
{
    const char *at = text + (*text == '-'), *digits = at;
    at += strspn(at, "0123456789");
    if (at == digits)
        return;
    if (*at == '.') {
        digits = ++at;
        at += strspn(at, "0123456789");
        if (at == digits)
            return;
    }
    if (*at == 'e' || *at == 'E') {
        at += at[1] == '+' || at[1] == '-' ? 2 : 1;
        digits = at;
        at += strspn(at, "0123456789");
        if (at == digits)
            return;
    }
    if (at != text + size)
        return;
    double number = nb_double_of(text, size), expected = strtod(text, NULL);
    if (memcmp(&number, &expected, sizeof(number)))
        abort();
    if (number - number != 0.0)
        return;
    char written[NB_LONGEST_DOUBLE];
    size_t length = nb_text_of(number, written);
    expected = nb_double_of(written, length);
    if (memcmp(&number, &expected, sizeof(number)))
        abort();
}

/* Read settings from variables that end with NUL. */
static void read_settings(char *text, size_t size)
{
    char *environment[MOST_ARGUMENTS + 1] = {NULL};
    nb_settings read;
    int count = 0;
    for (size_t at = 0; at < size && count < MOST_ARGUMENTS; at += strlen(text + at) + 1)
        environment[count++] = text + at;
    if (nb_read_settings(&read, environment) && (read.port > 65535 || !read.max_body || !read.max_held))
        abort();
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count;
    (void)arguments;
    /* What the program prints is of no interest. */
    int nowhere = open("/dev/null", O_RDWR);
    dup2(nowhere, 0);
    dup2(nowhere, 1);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    uint8_t kind = *data++;
    size--;
    if (kind < REQUESTS) {
        converse(data, size, pieces[kind % 4]);
        return 0;
    }
    if (kind >= SAMPLE && kind < LINES) {
        answer_lines(data, size, pieces[kind % 4]);
        return 0;
    }
    /* Of exactly this size, and one for NUL where there is one: so a sanitizer sees a byte too many. */
    int is_ended = kind >= LINES;
    char *text = malloc(size + (size_t)is_ended);
    if (size)
        memcpy(text, data, size);
    if (is_ended)
        text[size] = 0;
    if (kind < MANY) {
        nb_scored *scored = nb_score_many(text, size, 8);
        if (scored->status != 200 && !scored->detail.length)
            abort();
    } else if (kind < SAMPLE) {
        score(text, size);
    } else if (kind < ARGUMENTS) {
        give_arguments(text, size);
    } else if (kind < NUMBER) {
        read_number(text, size);
    } else {
        read_settings(text, size);
    }
    nb_score_rest();
    free(text);
    return 0;
}

#ifdef FROM_STDIN
int main(void)
{
    static uint8_t input[1 << 16];
    /* The program has others. */
    FILE *asked = fdopen(dup(0), "rb"), *said = fdopen(dup(1), "wb");
    size_t size, count = 0;
    LLVMFuzzerInitialize(NULL, NULL);
    /* Complaints of the program; sanitizers have a file of their own. */
    dup2(1, 2);
    while (fscanf(asked, "%zu", &size) == 1 && fgetc(asked) == '\n' && fread(input, 1, size, asked) == size) {
        uint8_t *exact = malloc(size);
        memcpy(exact, input, size);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
        count++;
    }
    fprintf(said, "%zu\n", count);
    return 0;
}
#endif
