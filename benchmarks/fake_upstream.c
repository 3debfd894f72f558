/* A fake chat-completions provider that is never the bottleneck: one thread, epoll, no dependencies.
 *
 *   gcc -O2 -o fake_upstream fake_upstream.c && ./fake_upstream PORT
 *
 *   POST .../chat/completions   an answer of 25 input and 20 output tokens; as server-sent events (a role chunk, 20
 *                               content chunks, the finish chunk, the usage chunk when stream_options.include_usage
 *                               asks for it, [DONE]) when the body has "stream": true. "model" is echoed.
 *   POST /delay/50              from now on every answer begins 50 ms after its request was read, whatever connection
 *                               it comes from; no thread waits for it. Every target keeps its one base URL.
 *   GET  /tally                 {"requests", "streams", "abandoned"}: what came in, and how many callers hung up first
 *
 * It listens on 127.0.0.1 only. A client sends its next request after the answer to the last one (no pipelining).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "http_message.h"

enum { CONTENT_CHUNKS = 20, PROMPT_TOKENS = 25, MAX_EVENTS = 256, MAX_REQUEST = 16 << 20, MODEL_CAPACITY = 128 };

/* What an epoll event belongs to. A connection that delays answers has a timer of its own. */
enum source_kind { LISTENER, CONNECTION, TIMER };

struct connection;

struct source {
    enum source_kind kind;
    int fd;
    struct connection *connection;
};

struct connection {
    struct source socket;
    struct source timer;    /* fd -1 until the first delayed answer */
    char *in;
    size_t in_length, in_capacity;
    char *out;
    size_t out_length, out_sent, out_capacity;
    struct http_message request;
    bool answer_is_due;     /* the timer runs; nothing is read until the answer has left */
    bool wants_stream, wants_usage;
    bool is_dead;           /* freed after the current batch of events, which may still name it */
    char model[MODEL_CAPACITY];
};

static int epoll_fd;
static long delay_ms;
static unsigned long request_count, stream_count, abandoned_count;
static struct connection *dead[MAX_EVENTS];
static int dead_count;

static void *checked(void *memory) {
    if (memory == NULL) {
        fputs("fake_upstream: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static void watch(struct source *source, uint32_t events, int operation) {
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(epoll_fd, operation, source->fd, &event) != 0) {
        perror("fake_upstream: epoll_ctl");
        exit(1);
    }
}

/* ---- answers ---- */

static void append(struct connection *c, const char *bytes, size_t length) {
    if (c->out_length + length > c->out_capacity) {
        c->out_capacity = (c->out_length + length) * 2;
        c->out = checked(realloc(c->out, c->out_capacity));
    }
    memcpy(c->out + c->out_length, bytes, length);
    c->out_length += length;
}

static void append_json(struct connection *c, const char *status, const char *body, size_t length) {
    char head[192];
    int head_length = snprintf(head, sizeof head,
                               "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status,
                               length);
    append(c, head, (size_t)head_length);
    append(c, body, length);
}

static void append_event(struct connection *c, const char *event, int length) {
    char size_line[24];
    append(c, size_line, (size_t)snprintf(size_line, sizeof size_line, "%x\r\n", (unsigned)length));
    append(c, event, (size_t)length);
    append(c, "\r\n", 2);
}

static void append_completion(struct connection *c) {
    char body[1024];
    int length = snprintf(
        body, sizeof body,
        "{\"id\":\"chatcmpl-%lu\",\"object\":\"chat.completion\",\"created\":%ld,\"model\":\"%s\",\"choices\":[{"
        "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"A load balancer spreads requests over several "
        "servers, so that none is overloaded and the loss of one goes unnoticed.\",\"refusal\":null},\"logprobs\":null,"
        "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d,\"total_tokens\":%d,"
        "\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}},"
        "\"system_fingerprint\":\"fp_fake\"}",
        request_count, (long)time(NULL), c->model, PROMPT_TOKENS, CONTENT_CHUNKS, PROMPT_TOKENS + CONTENT_CHUNKS);
    append_json(c, "200 OK", body, (size_t)length);
}

static void append_stream(struct connection *c) {
    static const char *const words[] = {"A ", "load ", "balancer ", "spreads ", "requests ", "over ", "servers. "};
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    char prefix[320], event[640];
    append(c, head, sizeof head - 1);
    snprintf(prefix, sizeof prefix,
             "data: {\"id\":\"chatcmpl-%lu\",\"object\":\"chat.completion.chunk\",\"created\":%ld,\"model\":\"%s\",",
             request_count, (long)time(NULL), c->model);
#define EVENT(format, ...) append_event(c, event, snprintf(event, sizeof event, "%s" format "\n\n", prefix, __VA_ARGS__))
    EVENT("\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":%s}]}", "null");
    for (int i = 0; i < CONTENT_CHUNKS; i++)
        EVENT("\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"},\"finish_reason\":null}]}", words[i % 7]);
    EVENT("\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"%s\"}]}", "stop");
    if (c->wants_usage)
        EVENT("\"choices\":[],\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d,\"total_tokens\":%d}}",
              PROMPT_TOKENS, CONTENT_CHUNKS, PROMPT_TOKENS + CONTENT_CHUNKS);
#undef EVENT
    append_event(c, "data: [DONE]\n\n", 14);
    append(c, "0\r\n\r\n", 5);
}

/* ---- one request ---- */

/* Whether the JSON object in `body` has `key` (with its quotes) set to true; enough for the bodies of a benchmark. */
static bool is_true(const char *body, size_t length, const char *key) {
    const char *end = body + length;
    const char *found = memmem(body, length, key, strlen(key));
    if (found == NULL)
        return false;
    found += strlen(key);
    while (found < end && (*found == ' ' || *found == ':'))
        found++;
    return end - found >= 4 && memcmp(found, "true", 4) == 0;
}

static void read_model(struct connection *c, const char *body, size_t length) {
    strcpy(c->model, "fake");
    const char *end = body + length;
    const char *key = memmem(body, length, "\"model\"", 7);
    const char *open = key == NULL ? NULL : memchr(key + 7, '"', (size_t)(end - key - 7));
    const char *close = open == NULL ? NULL : memchr(open + 1, '"', (size_t)(end - open - 1));
    if (close == NULL || close - open - 1 >= MODEL_CAPACITY)
        return;
    memcpy(c->model, open + 1, (size_t)(close - open - 1));
    c->model[close - open - 1] = '\0';
}

static void forget_request(struct connection *c) {
    c->in_length -= c->request.total_length;
    memmove(c->in, c->in + c->request.total_length, c->in_length);
    memset(&c->request, 0, sizeof c->request);
}

static void answer_completion(struct connection *c) {
    if (c->wants_stream)
        append_stream(c);
    else
        append_completion(c);
    forget_request(c);
}

static void start_timer(struct connection *c) {
    if (c->timer.fd < 0) {
        c->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        watch(&c->timer, EPOLLIN, EPOLL_CTL_ADD);
    }
    struct itimerspec due = {.it_value = {.tv_sec = delay_ms / 1000, .tv_nsec = delay_ms % 1000 * 1000000}};
    timerfd_settime(c->timer.fd, 0, &due, NULL);
    c->answer_is_due = true;
}

static void serve_request(struct connection *c) {
    char method[8] = "", path[256] = "", text[160];
    sscanf(c->in, "%7s %255s", method, path);
    size_t path_length = strlen(path);
    static const char suffix[] = "/chat/completions";
    if (strcmp(method, "POST") == 0 && path_length >= sizeof suffix - 1 &&
        strcmp(path + path_length - (sizeof suffix - 1), suffix) == 0) {
        const char *body = c->in + c->request.head_length;
        size_t body_length = c->request.total_length - c->request.head_length;
        c->wants_stream = is_true(body, body_length, "\"stream\"");
        c->wants_usage = is_true(body, body_length, "\"include_usage\"");
        read_model(c, body, body_length);
        request_count++;
        stream_count += c->wants_stream;
        if (delay_ms > 0)
            start_timer(c);
        else
            answer_completion(c);
        return;
    }
    int length;
    if (strcmp(method, "POST") == 0 && sscanf(path, "/delay/%ld", &delay_ms) == 1)
        length = snprintf(text, sizeof text, "{\"delay_ms\":%ld}", delay_ms);
    else if (strcmp(path, "/tally") == 0)
        length = snprintf(text, sizeof text, "{\"requests\":%lu,\"streams\":%lu,\"abandoned\":%lu}", request_count,
                          stream_count, abandoned_count);
    else {
        append_json(c, "404 Not Found", "{\"error\":{\"message\":\"No such path.\"}}", 37);
        forget_request(c);
        return;
    }
    append_json(c, "200 OK", text, (size_t)length);
    forget_request(c);
}

/* ---- connections ---- */

static void bury(struct connection *c) {
    if (c->is_dead)
        return;
    if (c->answer_is_due || c->out_sent < c->out_length)
        abandoned_count++;
    close(c->socket.fd);
    if (c->timer.fd >= 0)
        close(c->timer.fd);
    c->is_dead = true;
    dead[dead_count++] = c;
}

static void free_dead(void) {
    while (dead_count > 0) {
        struct connection *c = dead[--dead_count];
        free(c->in);
        free(c->out);
        free(c);
    }
}

/* Sends what is ready; the rest waits until the socket takes more. */
static void flush(struct connection *c) {
    while (c->out_sent < c->out_length) {
        ssize_t sent = send(c->socket.fd, c->out + c->out_sent, c->out_length - c->out_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            watch(&c->socket, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        if (sent < 0) {
            bury(c);
            return;
        }
        c->out_sent += (size_t)sent;
        if (c->out_sent == c->out_length)
            break;
    }
    c->out_length = c->out_sent = 0;
}

static void serve(struct connection *c) {
    while (!c->answer_is_due && c->in_length > 0) {
        int outcome = http_scan(&c->request, c->in, c->in_length);
        if (outcome == MESSAGE_BROKEN || c->in_length > MAX_REQUEST) {
            bury(c);
            return;
        }
        if (outcome == MESSAGE_INCOMPLETE)
            break;
        serve_request(c);
    }
    flush(c);
}

static void on_socket(struct connection *c, uint32_t events) {
    if (events & EPOLLOUT) {
        watch(&c->socket, EPOLLIN, EPOLL_CTL_MOD);
        flush(c);
    }
    if (c->is_dead || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    if (c->in_capacity - c->in_length < 8192) {
        c->in_capacity = c->in_capacity * 2 + 16384;
        c->in = checked(realloc(c->in, c->in_capacity + 1));
    }
    ssize_t received = recv(c->socket.fd, c->in + c->in_length, c->in_capacity - c->in_length, 0);
    if (received < 0 && errno == EAGAIN)
        return;
    if (received <= 0) {
        bury(c);
        return;
    }
    c->in_length += (size_t)received;
    c->in[c->in_length] = '\0';
    serve(c);
}

static void on_timer(struct connection *c) {
    uint64_t expirations;
    if (read(c->timer.fd, &expirations, sizeof expirations) < 0)
        return;
    c->answer_is_due = false;
    answer_completion(c);
    serve(c);
}

static void accept_connections(int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *c = checked(calloc(1, sizeof *c));
        c->socket = (struct source){.kind = CONNECTION, .fd = fd, .connection = c};
        c->timer = (struct source){.kind = TIMER, .fd = -1, .connection = c};
        watch(&c->socket, EPOLLIN, EPOLL_CTL_ADD);
    }
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4096) != 0) {
        perror("fake_upstream: cannot listen");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 2 || atoi(argv[1]) <= 0) {
        fputs("usage: fake_upstream PORT\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct source listener = {.kind = LISTENER, .fd = listen_on(atoi(argv[1]))};
    watch(&listener, EPOLLIN, EPOLL_CTL_ADD);
    struct epoll_event events[MAX_EVENTS];
    for (;;) {
        int count = epoll_wait(epoll_fd, events, MAX_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct source *source = events[i].data.ptr;
            if (source->kind == LISTENER)
                accept_connections(source->fd);
            else if (source->connection->is_dead)
                continue;
            else if (source->kind == TIMER)
                on_timer(source->connection);
            else
                on_socket(source->connection, events[i].events);
        }
        free_dead();
    }
}
