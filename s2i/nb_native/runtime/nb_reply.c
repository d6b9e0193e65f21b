/* Responses, with the header fields of the service. */

#include "nb_reply.h"

/* Header lines of every response, such as the model's name; a build defines them. */
#ifndef NB_MODEL_FIELDS
#define NB_MODEL_FIELDS ""
#endif

enum {
    PROBLEM_ROOM = 1 << 14,
    MARCH_2000 = 11017 /* days since 1970 until the first of March */
};

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};
enum { STATUSES = sizeof(reasons) / sizeof(reasons[0]) };

static uint64_t counts[STATUSES];
static char date_text[30];
/* Random for this process, followed by a number. */
static char id_text[21] = "            -";
static uint64_t last_id;

/* Return the row of a status. */
static int row_of(int status)
{
    int row = 0;
    while (reasons[row].status != status)
        row++;
    return row;
}

void nb_reply_set_time(uint64_t seconds)
{
    uint32_t days = (uint32_t)(seconds / 86400), second = (uint32_t)(seconds % 86400);
    /* A clock that was never set shows 1970. */
    if (days < MARCH_2000)
        days = MARCH_2000;
    /* Years that begin with March have their leap day at the end. One of every four has one until
       2100. */
    uint32_t day = days - MARCH_2000, year = (4 * day + 3) / 1461, of_year = day - 1461 * year / 4;
    /* From March on, months of 31, 30, 31, 30 and 31 days are 153 days, twice and in part. */
    uint32_t month = (5 * of_year + 2) / 153, of_month = of_year - (153 * month + 2) / 5 + 1;
    nb_output date = {.text = date_text, .room = sizeof(date_text) - 1};
    nb_text weekday = {&"ThuFriSatSunMonTueWed"[3 * (days % 7)], 3};
    nb_text name = {&"MarAprMayJunJulAugSepOctNovDecJanFeb"[3 * month], 3};
    nb_print(&date, "%t, %2 %t %u %2:%2:%2 GMT", &weekday, (uint64_t)of_month, &name,
             (uint64_t)(2000 + year + (month >= 10)), (uint64_t)(second / 3600),
             (uint64_t)(second / 60 % 60), (uint64_t)(second % 60));
}

/* Return a hexadecimal digit. */
static char digit16(uint64_t number)
{
    return "0123456789abcdef"[number & 15];
}

void nb_reply_set_random(const unsigned char random[6])
{
    for (int i = 0; i < 12; i++)
        id_text[i] = digit16(random[i / 2] >> 4 * (i & 1));
}

/* Return a unique request ID. */
static const nb_text *new_id(void)
{
    static const nb_text text = {id_text, sizeof(id_text)};
    uint64_t id = ++last_id;
    for (int i = 20; i > 12; i--, id >>= 4)
        id_text[i] = digit16(id);
    return &text;
}

void nb_reply(nb_output *output, const nb_reply_form *form, int status, const char *type,
              nb_text body)
{
    int row = row_of(status);
    counts[row]++;
    /* No browser must guess that JSON, which contains clients' data, is a page. */
    nb_print(output,
             "HTTP/1.1 %u %s\r\nContent-Length: %u\r\nContent-Type: %s\r\nDate: %s\r\n"
             "X-Content-Type-Options: nosniff\r\nX-Request-ID: %t%s%s%s%s\r\n%s\r\n",
             (uint64_t)status, reasons[row].reason, (uint64_t)body.length, type, date_text,
             form->id.length ? &form->id : new_id(), form->allow ? "\r\nAllow: " : "",
             form->allow ? form->allow : "", status == 503 ? "\r\nRetry-After: 1" : "",
             form->closes   ? "\r\nConnection: close"
             : form->is_old ? "\r\nConnection: Keep-Alive"
                            : "",
             NB_MODEL_FIELDS);
    if (!form->is_head)
        nb_write(output, body.text, body.length);
}

void nb_reply_problem(nb_output *output, const nb_reply_form *form, int status, nb_text detail)
{
    static char text[PROBLEM_ROOM];
    nb_output problem = {.text = text, .room = PROBLEM_ROOM};
    nb_print(&problem,
             "{\"type\": \"about:blank\", \"title\": \"%s\", \"status\": %u, \"detail\": ",
             reasons[row_of(status)].reason, (uint64_t)status);
    nb_write_string(&problem, detail.text, detail.length);
    nb_print(&problem, "}\n");
    nb_text body = {problem.text, problem.length};
    nb_reply(output, form, status, "application/problem+json", body);
}

void nb_reply_counts(nb_output *output)
{
    nb_print(output,
             "# HELP nb_http_requests_total Requests answered.\n"
             "# TYPE nb_http_requests_total counter\n");
    for (int row = 0; row < STATUSES; row++)
        if (counts[row])
            nb_print(output, "nb_http_requests_total{status=\"%u\"} %u\n", (uint64_t)reasons[row].status,
                     counts[row]);
}
