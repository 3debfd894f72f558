/* Finds the end of one HTTP/1.1 message in a growing buffer; shared by the load generator and the fake upstream.
 *
 * The scan resumes where it stopped, so a message that arrives in many pieces is read once. Bodies are either of a
 * stated length or chunked; a message with neither has no body, which is right for requests and is treated as broken
 * by the load generator for answers.
 */
#ifndef HTTP_MESSAGE_H
#define HTTP_MESSAGE_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MESSAGE_INCOMPLETE = 0, MESSAGE_COMPLETE = 1, MESSAGE_BROKEN = -1 };

struct http_message {
    size_t head_length;    /* bytes up to and with the empty line; 0 until it has arrived */
    size_t scanned;        /* where the next chunk header begins */
    size_t total_length;   /* of the whole message, once complete */
    long content_length;   /* -1 when not stated */
    bool is_chunked;
    bool closes;           /* the sender will close the connection after this message */
};

/* Copies the value of header `name` into `value`; returns false when the head has no such header. */
static bool http_header(const char *head, size_t head_length, const char *name, char *value, size_t capacity) {
    size_t name_length = strlen(name);
    const char *end = head + head_length;
    const char *line = memchr(head, '\n', head_length);
    while (line != NULL && ++line < end) {
        const char *line_end = memchr(line, '\r', (size_t)(end - line));
        if (line_end == NULL)
            return false;
        if ((size_t)(line_end - line) > name_length && line[name_length] == ':' &&
            strncasecmp(line, name, name_length) == 0) {
            const char *start = line + name_length + 1;
            while (start < line_end && *start == ' ')
                start++;
            size_t length = (size_t)(line_end - start);
            if (length >= capacity)
                length = capacity - 1;
            memcpy(value, start, length);
            value[length] = '\0';
            return true;
        }
        line = memchr(line_end, '\n', (size_t)(end - line_end));
    }
    return false;
}

static int http_scan_head(struct http_message *message, const char *buffer, size_t length) {
    const char *empty_line = memmem(buffer, length, "\r\n\r\n", 4);
    if (empty_line == NULL)
        return MESSAGE_INCOMPLETE;
    char value[64];
    message->head_length = (size_t)(empty_line - buffer) + 4;
    message->scanned = message->head_length;
    message->content_length = -1;
    if (http_header(buffer, message->head_length, "content-length", value, sizeof value)) {
        message->content_length = strtol(value, NULL, 10);
        if (message->content_length < 0)
            return MESSAGE_BROKEN;
    }
    message->is_chunked =
        http_header(buffer, message->head_length, "transfer-encoding", value, sizeof value) &&
        strcasestr(value, "chunked") != NULL;
    message->closes = http_header(buffer, message->head_length, "connection", value, sizeof value) &&
                      strcasestr(value, "close") != NULL;
    return MESSAGE_COMPLETE;
}

/* Walks over whole chunks; the message ends with the chunk of length zero and the empty line after it. */
static int http_scan_chunks(struct http_message *message, const char *buffer, size_t length) {
    for (;;) {
        const char *start = buffer + message->scanned;
        const char *line_end = memmem(start, length - message->scanned, "\r\n", 2);
        if (line_end == NULL)
            return MESSAGE_INCOMPLETE;
        char *digits_end;
        long size = strtol(start, &digits_end, 16);
        if (digits_end == start || size < 0)
            return MESSAGE_BROKEN;
        size_t next = (size_t)(line_end - buffer) + 2 + (size_t)size + 2;
        if (next > length)
            return MESSAGE_INCOMPLETE;
        message->scanned = next;
        if (size == 0) {
            message->total_length = next;
            return MESSAGE_COMPLETE;
        }
    }
}

/* Returns MESSAGE_COMPLETE once `buffer` holds the whole message. The buffer must end with a zero byte past `length`;
 * clear `message` with memset before the first call for a message. */
static int http_scan(struct http_message *message, const char *buffer, size_t length) {
    if (message->head_length == 0) {
        int outcome = http_scan_head(message, buffer, length);
        if (outcome != MESSAGE_COMPLETE)
            return outcome;
    }
    if (message->is_chunked)
        return http_scan_chunks(message, buffer, length);
    size_t body_length = message->content_length > 0 ? (size_t)message->content_length : 0;
    message->total_length = message->head_length + body_length;
    return length >= message->total_length ? MESSAGE_COMPLETE : MESSAGE_INCOMPLETE;
}

#endif
