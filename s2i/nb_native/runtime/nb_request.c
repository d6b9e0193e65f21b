/* The head of a request and bodies in chunks, read strictly. */

#include "nb_request.h"

#include "nb_memory.h"

enum {
    /* A chunk's size has a few digits. Extensions and trailers are ignored, and must not allow
       endless requests. */
    LONGEST_LINE = 4096,
    LONGEST_SIZE = 20,
    MOST_OVERHEAD = 1 << 14,
    LONGEST_ID = 128
};

/* --- characters --- */

static int is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Return whether the text is not empty, and each byte is a letter, a digit or one of some others.
   */
static int consists_of(nb_text part, const char *others)
{
    for (size_t i = 0; i < part.length; i++) {
        const char *other = others;
        if (is_alphanumeric(part.text[i]))
            continue;
        while (*other && *other != part.text[i])
            other++;
        if (!*other)
            return 0;
    }
    return part.length > 0;
}

static int is_token(nb_text part)
{
    return consists_of(part, "-_!#$%&'*+.^`|~");
}

int nb_is(nb_text part, const char *text)
{
    size_t i = 0;
    while (i < part.length && text[i] && part.text[i] == text[i])
        i++;
    return i == part.length && !text[i];
}

/* Return whether a part is this word, ignoring case; `lower` is in lower case. */
static int is_word(nb_text part, const char *lower)
{
    for (size_t i = 0; i < part.length; i++, lower++) {
        char c = part.text[i];
        if (c >= 'A' && c <= 'Z')
            c |= 0x20;
        if (!*lower || c != *lower)
            return 0;
    }
    return !*lower;
}

static int begins_with_word(nb_text part, size_t length, const char *lower)
{
    nb_text begin = {part.text, length};
    return part.length >= length && is_word(begin, lower);
}

static nb_text without_space(nb_text part)
{
    while (part.length && (*part.text == ' ' || *part.text == '\t')) {
        part.text++;
        part.length--;
    }
    while (part.length && (part.text[part.length - 1] == ' ' || part.text[part.length - 1] == '\t'))
        part.length--;
    return part;
}

/* Return the text before the first such byte, and remove it, with the byte, from the rest. */
static nb_text take_until(nb_text *rest, char byte)
{
    nb_text part = {rest->text, 0};
    while (part.length < rest->length && part.text[part.length] != byte)
        part.length++;
    size_t taken = part.length + (part.length < rest->length);
    rest->text += taken;
    rest->length -= taken;
    return part;
}

/* Return whether no byte is a control character other than tab. */
static int is_visible(nb_text part)
{
    for (size_t i = 0; i < part.length; i++)
        if (((unsigned char)part.text[i] < ' ' && part.text[i] != '\t') || part.text[i] == 0x7f)
            return 0;
    return 1;
}

/* --- heads --- */

long nb_head_end(const char *data, size_t from, size_t length)
{
    for (size_t at = from; at < length; at++) {
        if (data[at] != '\n')
            continue;
        if (!at || data[at - 1] != '\r')
            return -1;
        if (at >= 3 && data[at - 2] == '\n')
            return (long)at + 1;
    }
    return 0;
}

static void refuse(nb_head *head, int status, const char *reason)
{
    if (!head->status) {
        head->status = status;
        head->reason = reason;
    }
}

/* Return whether a part can be a host, with or without a port; it may be empty (RFC 9112,
   section 3.2). */
static int is_host(nb_text part)
{
    size_t name = part.length;
    while (name && part.text[name - 1] >= '0' && part.text[name - 1] <= '9')
        name--;
    if (name && part.text[name - 1] == ':' && part.length - name <= 5)
        part.length = name - 1;
    if (!part.length)
        return 1;
    if (part.text[0] != '[')
        return consists_of(part, "-._~%!$&'()*+;=");
    /* An IPv6 address (RFC 3986, section 3.2.2). */
    nb_text address = {part.text + 1, part.length - 2};
    return part.length > 2 && part.text[part.length - 1] == ']' && consists_of(address, ":.%");
}

/* Read a target: a path, or a URL of HTTP (RFC 9112, section 3.2). */
static void read_target(nb_head *head, nb_text target)
{
    size_t scheme = begins_with_word(target, 7, "http://")    ? 7
                    : begins_with_word(target, 8, "https://") ? 8
                                                              : 0;
    for (size_t i = 0; i < target.length; i++)
        if (target.text[i] <= ' ' || target.text[i] == 0x7f || target.text[i] == '#')
            refuse(head, 400, "its target has a byte that no target has");
    if (scheme) {
        nb_text host = {target.text + scheme, 0};
        while (scheme + host.length < target.length && host.text[host.length] != '/'
               && host.text[host.length] != '?')
            host.length++;
        if (!host.length || !is_host(host))
            refuse(head, 400, "its target contains no host");
        target.text = host.text + host.length;
        target.length -= scheme + host.length;
        if (!target.length || *target.text == '?') {
            target.text = "/";
            target.length = 1;
        }
    }
    if (!target.length || *target.text != '/')
        refuse(head, 400, "its target is neither a path nor an HTTP URL");
    head->path = take_until(&target, '?');
}

static void read_first_line(nb_head *head, nb_text line)
{
    static const char *const methods[] = {"GET",    "HEAD",    "POST",  "PUT",    "PATCH",
                                          "DELETE", "OPTIONS", "TRACE", "CONNECT"};
    if (line.length > NB_LONGEST_FIRST_LINE)
        refuse(head, 400, "its first line has more than 8192 bytes");
    head->method_name = take_until(&line, ' ');
    if (!is_token(head->method_name))
        refuse(head, 400, "it does not start with a method");
    nb_text target = take_until(&line, ' ');
    int is_http = line.length == 8 && !memcmp(line.text, "HTTP/", 5) && line.text[6] == '.';
    if (!is_http)
        refuse(head, 400, "its first line does not end with a version of HTTP");
    else if (line.text[5] != '1' || (line.text[7] != '1' && line.text[7] != '0'))
        refuse(head, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    size_t method = 0, count = sizeof(methods) / sizeof(methods[0]);
    while (method < count && !nb_is(head->method_name, methods[method]))
        method++;
    if (method == count)
        refuse(head, 501, "its method is not an HTTP method");
    head->method = method < NB_OTHER ? (enum nb_method)method : NB_OTHER;
    read_target(head, target);
    head->is_old = is_http && line.text[7] == '0';
}

/* Store a Content-Length, which must consist of digits. */
static void read_length(nb_head *head, nb_text value)
{
    if (!value.length)
        refuse(head, 400, "its Content-Length is no number");
    for (size_t i = 0; i < value.length; i++) {
        if (value.text[i] < '0' || value.text[i] > '9')
            refuse(head, 400, "its Content-Length is no number");
        if (head->length < 1ull << 40)
            head->length = 10 * head->length + (uint64_t)(value.text[i] - '0');
    }
}

/* Evaluate a Connection field. */
static void read_connection(nb_text value, int *closes, int *stays)
{
    while (value.length) {
        nb_text option = without_space(take_until(&value, ','));
        *closes |= is_word(option, "close");
        *stays |= is_word(option, "keep-alive");
    }
}

/* Split a line into name and value; return 0 if it isn't a field. */
static int read_field(nb_text line, nb_text *name, nb_text *value)
{
    const char *end = line.text + line.length;
    *name = take_until(&line, ':');
    *value = without_space(line);
    /* Without a colon, all of it would be the name. */
    return name->text + name->length < end && is_token(*name) && is_visible(*value);
}

enum { HOST, LENGTH, CODING, CONNECTION, TYPE, ENCODING, EXPECT, ID, FIELDS };
static const char *const names[FIELDS] = {"host",       "content-length", "transfer-encoding",
                                          "connection", "content-type",   "content-encoding",
                                          "expect",     "x-request-id"};

void nb_head_read(nb_head *head, const char *data, size_t size)
{
    nb_text rest = {data, size - 2};
    int seen[FIELDS + 1] = {0}, closes = 0, stays = 0;
    memset(head, 0, sizeof(*head));
    head->size = size;
    head->type.text = "";
    for (int is_first = 1; rest.length; is_first = 0) {
        nb_text line = take_until(&rest, '\n'), name, value;
        /* nb_head_end has seen that each LF follows a CR. */
        line.length--;
        if (is_first) {
            read_first_line(head, line);
            continue;
        }
        if (!read_field(line, &name, &value)) {
            refuse(head, 400, "a line of its head is no field");
            continue;
        }
        int field = 0;
        while (field < FIELDS && !is_word(name, names[field]))
            field++;
        int is_second = seen[field]++;
        if (field == HOST && is_second)
            refuse(head, 400, "it has two Host headers");
        else if (field == HOST && !is_host(value))
            refuse(head, 400, "its Host header contains no host");
        else if (field == LENGTH && is_second)
            refuse(head, 400, "it has two Content-Length fields");
        else if (field == LENGTH)
            read_length(head, value);
        else if (field == CODING && (is_second || !is_word(value, "chunked")))
            refuse(head, 501, "the only supported Transfer-Encoding is chunked");
        else if (field == CONNECTION)
            read_connection(value, &closes, &stays);
        else if (field == TYPE)
            head->type = value;
        else if (field == ENCODING)
            head->is_coded |= !is_word(value, "identity");
        else if (field == EXPECT)
            head->expects = is_word(value, "100-continue");
        else if (field == ID && !is_second && value.length <= LONGEST_ID
                 && consists_of(value, "-._:+/=@~"))
            head->id = value;
    }
    if (!head->is_old && !seen[HOST])
        refuse(head, 400, "it has no Host header");
    if (seen[CODING] && (seen[LENGTH] || head->is_old))
        refuse(head, 400,
               "its Transfer-Encoding goes with no Content-Length, and not with HTTP/1.0");
    head->is_chunked = seen[CODING];
    head->keeps_alive = !closes && (!head->is_old || stays);
    head->expects &= !head->is_old && (head->is_chunked || head->length);
}

int nb_is_json_type(nb_text type)
{
    nb_text kind = without_space(take_until(&type, ';'));
    while (type.length) {
        nb_text parameter = without_space(take_until(&type, ';'));
        if (!begins_with_word(parameter, 8, "charset="))
            continue;
        nb_text charset = {parameter.text + 8, parameter.length - 8};
        if (charset.length > 1 && *charset.text == '"') {
            charset.text++;
            charset.length -= 2;
        }
        if (!is_word(charset, "utf-8") && !is_word(charset, "utf8")
            && !is_word(charset, "us-ascii"))
            return 0;
    }
    if (!kind.length || is_word(kind, "application/json"))
        return 1;
    if (!begins_with_word(kind, 12, "application/") || kind.length <= 17)
        return 0;
    nb_text suffix = {kind.text + kind.length - 5, 5};
    return is_word(suffix, "+json");
}

/* --- bodies in chunks --- */

enum { SIZE, DATA, DATA_END, TRAILERS };

/* Read a chunk-size line; return 0, or the status with which the request is rejected. */
static int read_size(nb_chunks *chunks, nb_text line, uint32_t max_body)
{
    uint64_t size = 0;
    size_t digits = 0;
    for (; digits < line.length; digits++) {
        char c = line.text[digits], letter = c | 0x20;
        uint64_t digit = c >= '0' && c <= '9'             ? (uint64_t)(c - '0')
                         : letter >= 'a' && letter <= 'f' ? (uint64_t)(letter - 'a' + 10)
                                                          : 16;
        if (digit == 16)
            break;
        size = size < 1ull << 40 ? 16 * size + digit : size;
    }
    nb_text extensions = {line.text + digits, line.length - digits};
    if (!digits || (extensions.length && *extensions.text != ';') || !is_visible(extensions))
        return 400;
    if (size > max_body - chunks->size)
        return 413;
    chunks->left = (uint32_t)size;
    chunks->state = size ? DATA : TRAILERS;
    return 0;
}

int nb_chunks_read(nb_chunks *chunks, char *data, size_t *length, uint32_t max_body)
{
    size_t at = chunks->size;
    for (;;) {
        size_t here = *length - at;
        if (chunks->state == DATA) {
            size_t size = here < chunks->left ? here : chunks->left;
            memmove(data + chunks->size, data + at, size);
            chunks->size += (uint32_t)size;
            chunks->left -= (uint32_t)size;
            at += size;
            if (chunks->left)
                break;
            chunks->state = DATA_END;
            continue;
        }
        if (chunks->state == DATA_END) {
            if ((here > 0 && data[at] != '\r') || (here > 1 && data[at + 1] != '\n'))
                return 400;
            if (here < 2)
                break;
            chunks->state = SIZE;
            at += 2;
            continue;
        }
        nb_text rest = {data + at, here}, line = take_until(&rest, '\n'), name, value;
        if (line.length > LONGEST_LINE)
            return 400;
        if (line.length == here)
            break;
        if (!line.length || line.text[line.length - 1] != '\r')
            return 400;
        at += line.length + 1;
        line.length--;
        int status = 0;
        if (chunks->state == SIZE) {
            chunks->overhead +=
                line.length > LONGEST_SIZE ? (uint32_t)line.length - LONGEST_SIZE : 0;
            status = read_size(chunks, line, max_body);
        } else if (!line.length) {
            chunks->end = at;
            return 1;
        } else {
            chunks->overhead += (uint32_t)line.length;
            status = read_field(line, &name, &value) ? 0 : 400;
        }
        if (status || chunks->overhead > MOST_OVERHEAD)
            return status ? status : 400;
    }
    memmove(data + chunks->size, data + at, *length - at);
    *length -= at - chunks->size;
    return 0;
}
