/* A load generator for HTTP/1.1 on loopback: one thread, epoll, closed and open loop, JSON on standard output.
 *
 *   gcc -O2 -o loadgen loadgen.c -lm
 *   ./loadgen --port 8000 --path /v1/chat/completions --body '{"model": "auto", ...}' --header 'Authorization: Bearer K'
 *             --connections 64 --seconds 8 --warmup 1 --rate 0 --expect '"usage"'
 *
 * --rate 0      closed loop: every connection sends its next request when its answer has ended. Counted in the figures
 *               is what ENDED in the measured window.
 * --rate R      open loop: R requests a second are due, whether or not the server keeps up. Latency runs from the
 *               moment a request was DUE, so that a stall is charged to every request it holds up. Counted is what
 *               was DUE in the window.
 * --expect TEXT an answer without TEXT in it is not counted as good (a stream that ends without [DONE], for example).
 *
 * An answer has ended when its last byte is there: the end of the stated length, or the last chunk. After the window
 * no request is sent and answers under way are waited for (--drain seconds), so that the totals "sent", "answered" and
 * "ok" cover the whole run and can be compared with what the server has recorded. "unsent" counts requests that were
 * due but found every connection busy to the end: above zero, the server did not hold the rate.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
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

enum { MAX_EVENTS = 256, MAX_CONNECTIONS = 4096, MAX_CONNECT_FAILURES = 200 };

/* How late after the window the last due requests may still be sent: a moment of ours, not a queue of the server's. */
static const double GRACE_SECONDS = 0.02;

struct options {
    int port, connections;
    double seconds, warmup, rate, drain;
    const char *path, *body, *expect;
    char headers[4096];
};

struct connection {
    int fd;             /* -1 while not connected */
    bool is_busy;
    double due_at, first_byte_at;
    char *in;
    size_t in_length, in_capacity;
    struct http_message answer;
};

struct samples {
    double *values;
    size_t count, capacity;
};

static struct options options = {.port = 0,
                                 .connections = 64,
                                 .seconds = 8,
                                 .warmup = 1,
                                 .rate = 0,
                                 .drain = 30,
                                 .path = "/v1/chat/completions",
                                 .body = "{}",
                                 .expect = ""};
static int epoll_fd, timer_fd;
static char *request;
static size_t request_length;
static struct connection connections[MAX_CONNECTIONS];
/* Idle connections are used in turn: taking the newest first would leave some of a server's workers without work. */
static int idle[MAX_CONNECTIONS], idle_first, idle_count;
static double window_starts_at, window_ends_at, next_due_at;
static struct samples totals_ms, first_bytes_ms;
static unsigned long sent, answered, ok, lacking, broken, busy_count;
static unsigned long by_status[600];
static int connect_failures;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fail(const char *message) {
    fprintf(stderr, "loadgen: %s\n", message);
    exit(1);
}

static void *checked(void *memory) {
    if (memory == NULL)
        fail("out of memory");
    return memory;
}

static void add_sample(struct samples *samples, double value) {
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity * 2 + 4096;
        samples->values = checked(realloc(samples->values, samples->capacity * sizeof *samples->values));
    }
    samples->values[samples->count++] = value;
}

/* ---- connections ---- */

static bool connect_again(struct connection *c) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)options.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        if (c->fd >= 0)
            close(c->fd);
        c->fd = -1;
        if (++connect_failures > MAX_CONNECT_FAILURES)
            fail("the server refuses connections");
        return false;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
    return true;
}

static void disconnect(struct connection *c) {
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static bool write_request(struct connection *c) {
    size_t written = 0;
    while (written < request_length) {
        ssize_t n = send(c->fd, request + written, request_length - written, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        written += (size_t)n;
    }
    return true;
}

static void put_idle(struct connection *c) {
    idle[(idle_first + idle_count++) % options.connections] = (int)(c - connections);
}

/* Sends one request. A kept-alive connection that the server closed in the meantime is replaced once: nothing of the
 * request can have been served by then. */
static void start_request(struct connection *c, double due_at) {
    c->is_busy = true;
    c->due_at = due_at;
    c->first_byte_at = 0;
    c->in_length = 0;
    memset(&c->answer, 0, sizeof c->answer);
    sent++;
    busy_count++;
    if (c->fd >= 0 && write_request(c))
        return;
    disconnect(c);
    if (connect_again(c) && write_request(c))
        return;
    disconnect(c);
    c->is_busy = false;
    busy_count--;
    broken++;
    put_idle(c);
}

static void send_what_is_due(void) {
    double t = now();
    if (options.rate <= 0) {
        for (int i = idle_count; i > 0 && t < window_ends_at; i--) {
            struct connection *c = &connections[idle[idle_first]];
            idle_first = (idle_first + 1) % options.connections;
            idle_count--;
            start_request(c, t);
        }
        return;
    }
    while (next_due_at <= t && next_due_at < window_ends_at && t < window_ends_at + GRACE_SECONDS && idle_count > 0) {
        struct connection *c = &connections[idle[idle_first]];
        idle_first = (idle_first + 1) % options.connections;
        idle_count--;
        start_request(c, next_due_at);
        next_due_at += 1 / options.rate;
    }
}

/* ---- answers ---- */

static void finish_request(struct connection *c, bool is_whole) {
    double t = now();
    c->is_busy = false;
    busy_count--;
    if (!is_whole) {
        broken++;
    } else {
        int status = c->in_length > 12 ? atoi(c->in + 9) : 0;
        bool has_text = memmem(c->in, c->in_length, options.expect, strlen(options.expect)) != NULL;
        double counted_at = options.rate > 0 ? c->due_at : t;
        answered++;
        by_status[status > 0 && status < 600 ? status : 0]++;
        if (status == 200 && !has_text)
            lacking++;
        if (status == 200 && has_text) {
            ok++;
            if (counted_at >= window_starts_at && counted_at < window_ends_at) {
                add_sample(&totals_ms, (t - c->due_at) * 1e3);
                add_sample(&first_bytes_ms, (c->first_byte_at - c->due_at) * 1e3);
            }
        }
    }
    if (!is_whole || c->answer.closes)
        disconnect(c);
    put_idle(c);
}

static void read_answer(struct connection *c) {
    if (c->in_capacity - c->in_length < 16384) {
        c->in_capacity = c->in_capacity * 2 + 65536;
        c->in = checked(realloc(c->in, c->in_capacity + 1));
    }
    ssize_t received = recv(c->fd, c->in + c->in_length, c->in_capacity - c->in_length, MSG_DONTWAIT);
    if (received < 0 && errno == EAGAIN)
        return;
    if (!c->is_busy) {
        disconnect(c); /* The server closed an idle connection; the next request opens a new one. */
        return;
    }
    if (received <= 0) {
        finish_request(c, false);
        return;
    }
    c->in_length += (size_t)received;
    c->in[c->in_length] = '\0';
    int outcome = http_scan(&c->answer, c->in, c->in_length);
    if (c->first_byte_at == 0 && c->answer.head_length > 0 && c->in_length > c->answer.head_length)
        c->first_byte_at = now();
    if (outcome == MESSAGE_BROKEN)
        finish_request(c, false);
    else if (outcome == MESSAGE_COMPLETE)
        finish_request(c, c->answer.is_chunked || c->answer.content_length >= 0);
}

/* ---- the run ---- */

/* Wakes the loop when the next request is due, or a twentieth of a second later to look at the clock. */
static void set_timer(void) {
    double wait = 0.05;
    if (options.rate > 0 && idle_count > 0 && next_due_at < window_ends_at)
        wait = fmin(wait, fmax(next_due_at - now(), 1e-6));
    struct itimerspec due = {.it_value = {.tv_sec = 0, .tv_nsec = (long)(wait * 1e9)}};
    timerfd_settime(timer_fd, 0, &due, NULL);
}

static void run(void) {
    struct epoll_event events[MAX_EVENTS];
    struct epoll_event timer = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &timer);
    double began_at = now();
    /* Half an interval off the window's edges, so that rounding never moves a request over one. */
    next_due_at = began_at + (options.rate > 0 ? 0.5 / options.rate : 0);
    window_starts_at = began_at + options.warmup;
    window_ends_at = window_starts_at + options.seconds;
    for (;;) {
        send_what_is_due();
        double t = now();
        if (t >= window_ends_at && (busy_count == 0 || t >= window_ends_at + options.drain))
            return;
        set_timer();
        int count = epoll_wait(epoll_fd, events, MAX_EVENTS, 1000);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            uint64_t expirations;
            if (c == NULL)
                (void)!read(timer_fd, &expirations, sizeof expirations);
            else if (c->fd >= 0)
                read_answer(c);
        }
    }
}

/* ---- the report ---- */

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Prints null where there is no sample. Nearest rank: the smallest value that `share` of the samples do not exceed. */
static void print_quantile(const char *name, const struct samples *samples, double share) {
    if (samples->count == 0) {
        printf(",\"%s\":null", name);
        return;
    }
    size_t rank = (size_t)ceil(share * (double)samples->count);
    printf(",\"%s\":%.4f", name, samples->values[rank > 0 ? rank - 1 : 0]);
}

static void report(void) {
    double behind = options.rate > 0 ? fmax((window_ends_at - next_due_at) * options.rate, 0) : 0;
    qsort(totals_ms.values, totals_ms.count, sizeof(double), compare);
    qsort(first_bytes_ms.values, first_bytes_ms.count, sizeof(double), compare);
    printf("{\"sent\":%lu,\"answered\":%lu,\"ok\":%lu,\"lacking\":%lu,\"broken\":%lu,\"unanswered\":%lu,"
           "\"unsent\":%ld",
           sent, answered, ok, lacking, broken, busy_count, lround(floor(behind)));
    printf(",\"measured\":%zu,\"per_second\":%.3f", totals_ms.count, (double)totals_ms.count / options.seconds);
    print_quantile("p50_ms", &totals_ms, 0.50);
    print_quantile("p95_ms", &totals_ms, 0.95);
    print_quantile("p99_ms", &totals_ms, 0.99);
    print_quantile("max_ms", &totals_ms, 1.00);
    print_quantile("first_byte_p50_ms", &first_bytes_ms, 0.50);
    print_quantile("first_byte_p99_ms", &first_bytes_ms, 0.99);
    printf(",\"statuses\":{");
    const char *separator = "";
    for (int status = 0; status < 600; status++) {
        if (by_status[status] == 0)
            continue;
        printf("%s\"%d\":%lu", separator, status, by_status[status]);
        separator = ",";
    }
    printf("}}\n");
}

static void read_options(int argc, char **argv) {
    if (argc % 2 == 0)
        fail("every option takes a value");
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--port") == 0)
            options.port = atoi(value);
        else if (strcmp(name, "--path") == 0)
            options.path = value;
        else if (strcmp(name, "--body") == 0)
            options.body = value;
        else if (strcmp(name, "--expect") == 0)
            options.expect = value;
        else if (strcmp(name, "--connections") == 0)
            options.connections = atoi(value);
        else if (strcmp(name, "--seconds") == 0)
            options.seconds = atof(value);
        else if (strcmp(name, "--warmup") == 0)
            options.warmup = atof(value);
        else if (strcmp(name, "--rate") == 0)
            options.rate = atof(value);
        else if (strcmp(name, "--drain") == 0)
            options.drain = atof(value);
        else if (strcmp(name, "--header") == 0 &&
                 strlen(options.headers) + strlen(value) + 3 < sizeof options.headers)
            strcat(strcat(options.headers, value), "\r\n");
        else
            fail("unknown option, or headers too long; the head of loadgen.c lists the options");
    }
    if (options.port <= 0 || options.connections < 1 || options.connections > MAX_CONNECTIONS || options.seconds <= 0)
        fail("--port, --connections (1 to 4096) and --seconds must be positive");
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    int length = asprintf(&request,
                          "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                          "Content-Length: %zu\r\n%s\r\n%s",
                          options.path, options.port, strlen(options.body), options.headers, options.body);
    if (length < 0)
        fail("out of memory");
    request_length = (size_t)length;
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    /* Opened one after the other: of a burst, one worker of a server with several would accept nearly all. */
    struct timespec pause = {.tv_nsec = 2000000};
    for (int i = 0; i < options.connections; i++) {
        connect_again(&connections[i]);
        put_idle(&connections[i]);
        nanosleep(&pause, NULL);
    }
    run();
    report();
    return 0;
}
