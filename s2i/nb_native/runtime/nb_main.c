/* The command line: one sample as arguments, samples on standard input, or the service. */

#include "nb_complaint.h"
#include "nb_http.h"
#include "nb_memory.h"
#include "nb_score.h"
#include "nb_settings.h"
#include "nb_system.h"

enum { INPUT = 0, OUTPUT = 1 };
enum { DONE = 0, REFUSED = 1, WRONG_USE = 2 };
enum { LONGEST_LINE = 1 << 20, BUFFER = 1 << 16 };

static const char HELP[] =
    "Usage:\n"
    "  model 5.1 3.5 1.4 0.2   print the answer to a sample of these numbers\n"
    "  model '{\"a\": 1}'        the same for a sample as JSON\n"
    "  model -                 answer each line of standard input: JSON, or numbers with commas\n"
    "  model [serve]           answer HTTP: POST /predict, POST /predict/batch,\n"
    "                          GET /healthz, /readyz, /metrics\n"
    "Settings, in the environment: PORT, S2I_HOST, S2I_MAX_BODY, S2I_MAX_HELD, S2I_MAX_SAMPLES,\n"
    "S2I_RECEIVE_TIMEOUT, S2I_LINGER, S2I_GRACE.\n";

static char output_text[BUFFER];
static nb_output output = {.text = output_text, .room = BUFFER};
static int is_output_closed;

/* --- standard output --- */

static void print(const char *text, size_t length)
{
    while (length && !is_output_closed) {
        long size = nb_write_to(OUTPUT, text, length);
        if (size <= 0) {
            is_output_closed = 1;
            return;
        }
        text += size;
        length -= (size_t)size;
    }
}

/* Print the collected text. */
static void flush(void)
{
    print(output.text, output.length);
    output.length = 0;
}

/* Collect text, or print it if there is no room. */
static void put(const char *text, size_t length)
{
    if (length > output.room - output.length)
        flush();
    if (length > output.room)
        print(text, length);
    else
        nb_write(&output, text, length);
}

/* Return the exit status after everything was printed. */
static int ended(int status)
{
    flush();
    return is_output_closed ? REFUSED : status;
}

/* --- arguments --- */

/* Return whether text starts like JSON, as opposed to a number among others. */
static int is_json(char byte)
{
    return byte == '[' || byte == '{' || byte == '"' || (byte >= 'a' && byte <= 'z');
}

/* Predict the sample in the arguments; return the exit status. */
static int answer_arguments(int count, char **arguments)
{
    /* Shares the line buffer, which this mode doesn't use. */
    static char text[LONGEST_LINE];
    nb_output sample = {.text = text, .room = sizeof(text)};
    int is_array = count > 1;
    nb_write(&sample, "[", (size_t)is_array);
    for (int i = 0; i < count; i++) {
        nb_write(&sample, ", ", i ? 2 : 0);
        nb_print(&sample, "%s", arguments[i]);
    }
    nb_write(&sample, "]", (size_t)is_array);
    const nb_scored *scored = nb_score(sample.text, sample.length, "sample");
    if (scored->status == 200 && !sample.overflowed) {
        put(scored->answer.text, scored->answer.length);
        put("\n", 1);
        return ended(DONE);
    }
    nb_output *complaint = nb_complaint();
    if (sample.overflowed)
        nb_print(complaint, "The arguments are longer than a megabyte.");
    else
        nb_write(complaint, scored->detail.text, scored->detail.length);
    nb_complain("Several arguments are the numbers of one sample; a single argument is the sample as JSON.",
        "Correct the sample; --help shows all forms.");
    return REFUSED;
}

/* --- lines of standard input --- */

static void put_error(const char *text, size_t length)
{
    static char line[1 << 14];
    nb_output error = {.text = line, .room = sizeof(line)};
    nb_print(&error, "{\"error\": ");
    nb_write_string(&error, text, length);
    nb_print(&error, "}");
    put(error.text, error.length);
}

static int has_comma(const char *line, size_t length)
{
    while (length && line[length - 1] != ',')
        length--;
    return length > 0;
}

/* Write the prediction for a line, or the error, as a line; return the exit status. The bytes
   before and after the line may be overwritten. */
static int answer_line(char *line, size_t length)
{
    size_t begin = 0;
    while (begin < length && (line[begin] == ' ' || line[begin] == '\t'))
        begin++;
    if (begin < length && !is_json(line[begin]) && has_comma(line, length)) {
        /* Comma-separated numbers are an array without brackets. */
        line[-1] = '[';
        line[length] = ']';
        line--;
        length += 2;
    }
    const nb_scored *scored = nb_score(line, length, "line");
    if (scored->status == 200)
        put(scored->answer.text, scored->answer.length);
    else
        put_error(scored->detail.text, scored->detail.length);
    put("\n", 1);
    nb_score_rest();
    return scored->status == 200 ? DONE : REFUSED;
}

#ifdef NB_BRANCHES
/* Print a line for each of predictor's branches: how often its condition was false, and true. For
   verification. */
extern uint32_t nb_branches[][2];
extern const uint32_t nb_branch_count;

static void tell_branches(void)
{
    for (uint32_t index = 0; index < nb_branch_count; index++) {
        put("branch ", 7);
        nb_write_integer(&output, index);
        put(" ", 1);
        nb_write_integer(&output, nb_branches[index][0]);
        put(" ", 1);
        nb_write_integer(&output, nb_branches[index][1]);
        put("\n", 1);
    }
}
#endif

/* Respond to each line of standard input with a line; return the exit status. */
static int answer_lines(void)
{
    static char input[LONGEST_LINE + 2], too_long[] = "The line is longer than a megabyte.";
    char *const lines = input + 1;
    size_t length = 0;
    int status = DONE, is_skipping = 0;
    for (long size = 1; size > 0 && !is_output_closed;) {
        size = nb_read(INPUT, lines + length, LONGEST_LINE - length);
        size_t at = length, begin = 0;
        if (size > 0)
            length += (size_t)size;
        else if (length)
            /* The last line may lack a line end. */
            lines[length++] = '\n';
        for (; at < length; at++) {
            if (lines[at] != '\n')
                continue;
            if (!is_skipping)
                status |= answer_line(lines + begin, at - begin);
            is_skipping = 0;
            begin = at + 1;
        }
        length -= begin;
        memmove(lines, lines + begin, length);
        if (length == LONGEST_LINE) {
            if (!is_skipping) {
                put_error(too_long, sizeof(too_long) - 1);
                put("\n", 1);
            }
            status = REFUSED;
            is_skipping = 1;
            length = 0;
        }
        flush();
    }
#ifdef NB_BRANCHES
    tell_branches();
#endif
    return ended(status);
}

/* --- main --- */

static int is_same(const char *text, const char *other)
{
    while (*text && *text == *other) {
        text++;
        other++;
    }
    return *text == *other;
}

/* Return the 16 random bytes that the kernel passes to each program, in the auxiliary vector. */
static const unsigned char *random_bytes(char **environment)
{
    enum { AT_NULL = 0, AT_RANDOM = 25 };
    static const unsigned char none[16];
    while (*environment)
        environment++;
    for (unsigned long *entry = (unsigned long *)(environment + 1); *entry != AT_NULL; entry += 2)
        if (*entry == AT_RANDOM)
            return (const unsigned char *)entry[1];
    return none;
}

__attribute__((used)) int main(int count, char **arguments, char **environment)
{
    nb_settings settings;
    const char *first = count > 1 ? arguments[1] : "serve";
    if (count <= 2 && is_same(first, "serve"))
        return nb_read_settings(&settings, environment)
                   ? nb_serve(&settings, random_bytes(environment))
                   : WRONG_USE;
    if (count == 2 && is_same(first, "-"))
        return answer_lines();
    if (is_same(first, "--help") || is_same(first, "-h")) {
        put(HELP, sizeof(HELP) - 1);
        return ended(DONE);
    }
    if (first[0] == '-' && first[1] == '-') {
        nb_output *complaint = nb_complaint();
        nb_print(complaint, "%s is no option of this program.", first);
        nb_complain("The arguments are a sample, -, serve, or --help.",
                    "Remove it; --help shows all forms.");
        return WRONG_USE;
    }
    return answer_arguments(count - 1, arguments + 1);
}
