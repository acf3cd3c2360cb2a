// fake_ollama: a very fast single-threaded Ollama-protocol server for measuring relays.
//   cc -O2 -o fake_ollama fake_ollama.c && ./fake_ollama PORT
// The model name controls the reply: bench-t200-d5-f20-b1 => t tokens, d ms apart, f ms to the
// first token, b tokens per write() (each token still is its own HTTP chunk). d/f accept
// decimals (d0.5). Every token's text is a 17-byte mark "zq" SEQ(4 hex) MICROSECONDS(10 hex) " ",
// stamped with CLOCK_MONOTONIC at write time, so a client can compute one-way added latency of any
// relay, whatever framing the relay uses. GET /__stats, POST /__reset.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHAT, GENERATE, OPENAI };
typedef struct Conn {
    int fd, closing, blocked, gen, kind, stream, heap_i, in_ready;
    char *in;
    size_t inlen, incap;
    char *out;
    size_t outlen, outpos, outcap;
    char model[96];
    int total, sent, batch;
    int64_t delay, first, start, due;
    size_t prompt;
    struct Conn *rn;
} Conn;
static int ep;
static Conn **heap;
static int hn, hcap;
static Conn *ready_h, *ready_t;
static struct {
    long requests, chats, completed, aborted, tokens, active, max_active, conns, max_conns;
    int64_t max_late;
} S;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
static const char *rfc3339(void) { // cached per second, nanoseconds patched in
    static char b[40];
    static time_t last;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (t.tv_sec != last) {
        struct tm g;
        gmtime_r(&t.tv_sec, &g);
        strftime(b, sizeof b, "%Y-%m-%dT%H:%M:%S.000000000Z", &g);
        last = t.tv_sec;
    }
    long n = t.tv_nsec;
    for (int i = 28; i > 19; i--) {
        b[i] = '0' + n % 10;
        n /= 10;
    }
    return b;
}
static void need(char **b, size_t *cap, size_t n) {
    if (n > *cap) {
        *cap = n * 2 + 256;
        *b = realloc(*b, *cap);
    }
}
static void put(Conn *c, const char *s, size_t n) {
    need(&c->out, &c->outcap, c->outlen + n);
    memcpy(c->out + c->outlen, s, n);
    c->outlen += n;
}

static void hswap(int a, int b) {
    Conn *t = heap[a];
    heap[a] = heap[b];
    heap[b] = t;
    heap[a]->heap_i = a;
    heap[b]->heap_i = b;
}
static void hup(int i) {
    while (i && heap[(i - 1) / 2]->due > heap[i]->due) {
        hswap(i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
}
static void hdown(int i) {
    for (;;) {
        int l = 2 * i + 1, m = i;
        if (l < hn && heap[l]->due < heap[m]->due)
            m = l;
        if (l + 1 < hn && heap[l + 1]->due < heap[m]->due)
            m = l + 1;
        if (m == i)
            return;
        hswap(i, m);
        i = m;
    }
}
static void hpush(Conn *c) {
    if (hn == hcap) {
        hcap = hcap * 2 + 64;
        heap = realloc(heap, hcap * sizeof *heap);
    }
    heap[hn] = c;
    c->heap_i = hn;
    hup(hn++);
}
static void hdel(Conn *c) {
    int i = c->heap_i;
    if (i < 0)
        return;
    c->heap_i = -1;
    Conn *l = heap[--hn];
    if (l != c) {
        heap[i] = l;
        l->heap_i = i;
        hup(i);
        hdown(l->heap_i);
    }
}
static void ready_add(Conn *c) {
    if (c->in_ready)
        return;
    c->in_ready = 1;
    c->rn = NULL;
    if (ready_t)
        ready_t->rn = c;
    else
        ready_h = c;
    ready_t = c;
}

static int flush_out(Conn *c) { // 0 ok or blocked, -1 dead
    while (c->outpos < c->outlen) {
        ssize_t n = send(c->fd, c->out + c->outpos, c->outlen - c->outpos, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN) {
                if (!c->blocked) {
                    c->blocked = 1;
                    struct epoll_event e = {EPOLLIN | EPOLLRDHUP | EPOLLOUT, {.ptr = c}};
                    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
                }
                return 0;
            }
            return -1;
        }
        c->outpos += n;
    }
    c->outpos = c->outlen = 0;
    if (c->blocked) {
        c->blocked = 0;
        struct epoll_event e = {EPOLLIN | EPOLLRDHUP, {.ptr = c}};
        epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
    }
    return 0;
}
static void kill_conn(Conn *c) {
    if (c->closing)
        return;
    c->closing = 1;
    if (c->gen) {
        S.aborted++;
        S.active--;
        c->gen = 0;
    }
    hdel(c);
    S.conns--;
    close(c->fd);
    c->fd = -1;
    if (!c->in_ready)
        ready_add(c); // freed when it comes round the ready list
}
static void reply(Conn *c, int code, const char *body) {
    char h[200];
    int n = snprintf(
        h, sizeof h,
        "HTTP/1.1 %d %s\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %zu\r\n\r\n",
        code, code == 200 ? "OK" : "Error", strlen(body));
    put(c, h, n);
    put(c, body, strlen(body));
}
static void hex(char *p, int n, uint64_t v) {
    while (n--) {
        p[n] = "0123456789abcdef"[v & 15];
        v >>= 4;
    }
}
static void mark(char *m, int seq) {
    m[0] = 'z';
    m[1] = 'q';
    hex(m + 2, 4, seq);
    hex(m + 6, 10, now_ns() / 1000);
    m[16] = ' ';
}
static void chunk(Conn *c, const char *b, int n) {
    char h[16];
    put(c, h, snprintf(h, sizeof h, "%x\r\n", n));
    put(c, b, n);
    put(c, "\r\n", 2);
}
static int add(char *b, int n, const char *s) {
    int l = strlen(s);
    memcpy(b + n, s, l);
    return n + l;
}
static int stats_json(Conn *c, char *b, int sz) {
    int64_t t = now_ns() - c->start;
    return snprintf(
        b, sz,
        "\"done\":true,\"done_reason\":\"stop\",\"total_duration\":%ld,\"load_duration\":1000,\"prompt_eval_"
        "count\":%zu,\"prompt_eval_duration\":%ld,\"eval_count\":%d,\"eval_duration\":%ld}",
        (long)t, c->prompt / 4 + 1, (long)c->first, c->total, (long)(t > c->first ? t - c->first : 1));
}
static void token(Conn *c) {
    char b[512];
    int n = 0;
    if (c->kind == OPENAI) {
        n = add(b, n,
                "data: "
                "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
                "\"model\":\"");
        n = add(b, n, c->model);
        n = add(b, n, "\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"");
        mark(b + n, c->sent);
        n += 17;
        n = add(b, n, "\"},\"finish_reason\":null}]}\n\n");
    } else {
        n = add(b, n, "{\"model\":\"");
        n = add(b, n, c->model);
        n = add(b, n, "\",\"created_at\":\"");
        n = add(b, n, rfc3339());
        n = add(b, n,
                c->kind == CHAT ? "\",\"message\":{\"role\":\"assistant\",\"content\":\""
                                : "\",\"response\":\"");
        mark(b + n, c->sent);
        n += 17;
        n = add(b, n, c->kind == CHAT ? "\"},\"done\":false}\n" : "\",\"done\":false}\n");
    }
    chunk(c, b, n);
    c->sent++;
    S.tokens++;
}
static void finish(Conn *c) {
    char st[400], b[900];
    stats_json(c, st, sizeof st);
    int n;
    if (c->kind == OPENAI)
        n = snprintf(
            b, sizeof b,
            "data: "
            "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"%"
            "s\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
            c->model);
    else
        n = snprintf(b, sizeof b, "{\"model\":\"%s\",\"created_at\":\"%s\",%s,%s\n", c->model, rfc3339(),
                     c->kind == CHAT ? "\"message\":{\"role\":\"assistant\",\"content\":\"\"}"
                                     : "\"response\":\"\"",
                     st);
    chunk(c, b, n);
    put(c, "0\r\n\r\n", 5);
    c->gen = 0;
    S.active--;
    S.completed++;
}
static void whole(Conn *c) { // stream:false
    int cap = c->total * 17 + 1400, n;
    char *b = malloc(cap), st[400];
    stats_json(c, st, sizeof st);
    if (c->kind == OPENAI)
        n = snprintf(b, cap,
                     "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":"
                     "\"%s\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"",
                     c->model);
    else
        n = snprintf(
            b, cap,
            c->kind == CHAT
                ? "{\"model\":\"%s\",\"created_at\":\"%s\",\"message\":{\"role\":\"assistant\",\"content\":\""
                : "{\"model\":\"%s\",\"created_at\":\"%s\",\"response\":\"",
            c->model, rfc3339());
    for (int i = 0; i < c->total; i++, n += 17)
        mark(b + n, i);
    if (c->kind == OPENAI)
        n += sprintf(b + n,
                     "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":%zu,\"completion_"
                     "tokens\":%d,\"total_tokens\":%zu}}",
                     c->prompt / 4 + 1, c->total, c->prompt / 4 + 1 + c->total);
    else
        n += sprintf(b + n, "\"%s,%s", c->kind == CHAT ? "}" : "", st);
    b[n] = 0;
    c->sent = c->total;
    S.tokens += c->total;
    reply(c, 200, b);
    free(b);
    c->gen = 0;
    S.active--;
    S.completed++;
}
// crude but sufficient: finds "key" : at any depth and returns the first character of the value
static const char *jkey(const char *b, const char *key) {
    char pat[40];
    snprintf(pat, sizeof pat, "\"%s\"", key);
    const char *p = b;
    while ((p = strstr(p, pat))) {
        const char *q = p + strlen(pat);
        while (*q == ' ' || *q == '\n')
            q++;
        if (*q == ':') {
            q++;
            while (*q == ' ')
                q++;
            return q;
        }
        p++;
    }
    return NULL;
}
static double opt(const char *m, char k, double d) {
    char p[3] = {'-', k, 0};
    while ((m = strstr(m, p))) {
        if (m[2] >= '0' && m[2] <= '9')
            return atof(m + 2);
        m++;
    }
    return d;
}
static const char *DETAILS = "{\"parent_model\":\"\",\"format\":\"gguf\",\"family\":\"llama\",\"families\":["
                             "\"llama\"],\"parameter_size\":\"8B\",\"quantization_level\":\"Q4_K_M\"}";

static void start_gen(Conn *c, int kind, const char *body, size_t blen) {
    const char *m = jkey(body, "model"), *s = jkey(body, "stream");
    char mbuf[96] = "bench-t20-d0-f0";
    int i = 0;
    if (m && *m == '"') {
        for (m++; *m && *m != '"' && i < 90;)
            mbuf[i++] = *m++;
        mbuf[i] = 0;
    }
    strcpy(c->model, mbuf);
    c->kind = kind;
    c->stream = kind == OPENAI ? (s && !strncmp(s, "true", 4)) : !(s && !strncmp(s, "false", 5));
    c->total = opt(mbuf, 't', 20);
    if (c->total > 65535)
        c->total = 65535;
    c->delay = opt(mbuf, 'd', 0) * 1e6;
    c->first = opt(mbuf, 'f', 0) * 1e6;
    c->batch = opt(mbuf, 'b', 1);
    if (c->batch < 1)
        c->batch = 1;
    c->sent = 0;
    c->prompt = blen;
    c->start = now_ns();
    c->gen = 1;
    S.chats++;
    if (++S.active > S.max_active)
        S.max_active = S.active;
    c->due = c->start + c->first + (c->stream ? 0 : c->delay * (c->total - 1));
    if (c->stream) {
        const char *h =
            kind == OPENAI
                ? "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                : "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n";
        put(c, h, strlen(h));
    }
    if (c->delay || c->first)
        hpush(c);
    else
        ready_add(c);
}
static void serve(Conn *c, const char *method, const char *path, const char *body, size_t blen) {
    static char b[16384];
    S.requests++;
    if (!strncmp(path, "/api/chat", 9))
        return start_gen(c, CHAT, body, blen);
    if (!strncmp(path, "/api/generate", 13))
        return start_gen(c, GENERATE, body, blen);
    if (!strncmp(path, "/v1/chat/completions", 20))
        return start_gen(c, OPENAI, body, blen);
    if (!strcmp(path, "/api/version"))
        return reply(c, 200, "{\"version\":\"0.13.0\"}");
    if (!strcmp(path, "/api/tags") || !strcmp(path, "/api/ps") || !strcmp(path, "/v1/models")) {
        static const char *M[] = {"bench-t500-d0-f0-b1:latest", "bench-t500-d0-f0-b8:latest",
                                  "bench-t200-d50-f0:latest",   "bench-t400-d50-f50:latest",
                                  "bench-t50-d20-f20:latest",   "bench-t500-d10-f50:latest",
                                  "bench-t100-d100-f0:latest",  "bench-t12-d1000-f0:latest",
                                  "bench-t1-d0-f0:latest",      "bench-t20-d0-f0:latest",
                                  "bench-t20-d50-f0:latest"};
        int v1 = path[1] == 'v',
            n = snprintf(b, sizeof b, v1 ? "{\"object\":\"list\",\"data\":[" : "{\"models\":[");
        for (unsigned i = 0; i < sizeof M / sizeof *M; i++)
            n += v1 ? snprintf(b + n, sizeof b - n,
                               "%s{\"id\":\"%s\",\"object\":\"model\",\"created\":1700000000,\"owned_by\":"
                               "\"library\"}",
                               i ? "," : "", M[i])
                    : snprintf(b + n, sizeof b - n,
                               "%s{\"name\":\"%s\",\"model\":\"%s\",\"modified_at\":\"2025-01-01T00:00:00Z\","
                               "\"expires_at\":\"2030-01-01T00:00:00Z\",\"size\":4000000000,\"size_vram\":"
                               "4000000000,\"digest\":\"%064x\",\"details\":%s}",
                               i ? "," : "", M[i], M[i], i + 1, DETAILS);
        snprintf(b + n, sizeof b - n, "]}");
        return reply(c, 200, b);
    }
    if (!strcmp(path, "/api/show")) {
        snprintf(
            b, sizeof b,
            "{\"modelfile\":\"FROM x\",\"parameters\":\"\",\"template\":\"{{ .Prompt "
            "}}\",\"details\":%s,\"model_info\":{\"general.architecture\":\"llama\",\"llama.context_length\":"
            "8192},\"capabilities\":[\"completion\",\"tools\"],\"modified_at\":\"2025-01-01T00:00:00Z\"}",
            DETAILS);
        return reply(c, 200, b);
    }
    if (!strncmp(path, "/api/embed", 10))
        return reply(c, 200,
                     !strcmp(path, "/api/embeddings")
                         ? "{\"embedding\":[0.1,0.2,0.3,0.4]}"
                         : "{\"model\":\"bench\",\"embeddings\":[[0.1,0.2,0.3,0.4]],\"total_duration\":1000,"
                           "\"load_duration\":1000,\"prompt_eval_count\":4}");
    if (!strcmp(path, "/__stats") || !strcmp(path, "/__reset")) {
        snprintf(b, sizeof b,
                 "{\"requests\":%ld,\"chats\":%ld,\"completed\":%ld,\"aborted\":%ld,\"tokens\":%ld,"
                 "\"active\":%ld,\"max_active\":%ld,\"conns\":%ld,\"max_late_us\":%ld}",
                 S.requests, S.chats, S.completed, S.aborted, S.tokens, S.active, S.max_active, S.conns,
                 (long)(S.max_late / 1000));
        if (path[3] == 'r') {
            S.requests = S.chats = S.completed = S.aborted = S.tokens = S.max_late = 0;
            S.max_active = S.active;
        }
        return reply(c, 200, b);
    }
    if (!strcmp(path, "/"))
        return reply(c, 200, "\"Ollama is running\"");
    reply(c, 404, "{\"error\":\"not found\"}");
    (void)method;
}
static void parse(Conn *c) { // serves as many complete requests as are buffered, one generation at a time
    while (!c->gen && c->inlen) {
        c->in[c->inlen] = 0;
        char *e = strstr(c->in, "\r\n\r\n");
        if (!e)
            return;
        size_t hl = e + 4 - c->in, bl = 0;
        char *l = c->in;
        for (char *p = c->in; p && p < e; p = strstr(p, "\r\n")) {
            if (p != c->in)
                p += 2;
            if (!strncasecmp(p, "content-length:", 15))
                bl = strtoul(p + 15, 0, 10);
            if (p == c->in)
                p++;
        }
        if (strcasestr(c->in, "\r\nExpect: 100-continue") && c->inlen < hl + bl) {
            put(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
        }
        if (c->inlen < hl + bl)
            return;
        char method[12], path[200];
        if (sscanf(l, "%11s %199s", method, path) != 2) {
            reply(c, 400, "{}");
            c->inlen = 0;
            return;
        }
        char *q = strchr(path, '?');
        if (q)
            *q = 0;
        char save = c->in[hl + bl];
        c->in[hl + bl] = 0;
        serve(c, method, path, c->in + hl, bl);
        c->in[hl + bl] = save;
        memmove(c->in, c->in + hl + bl, c->inlen - hl - bl);
        c->inlen -= hl + bl;
    }
}
static void on_read(Conn *c) {
    for (;;) {
        need(&c->in, &c->incap, c->inlen + 65536 + 1);
        ssize_t n = recv(c->fd, c->in + c->inlen, c->incap - c->inlen - 1, 0);
        if (n == 0)
            return kill_conn(c);
        if (n < 0) {
            if (errno == EAGAIN)
                break;
            return kill_conn(c);
        }
        c->inlen += n;
        if (c->inlen < 65536)
            break;
    }
    parse(c);
    if (c->outlen && flush_out(c) < 0)
        kill_conn(c);
}
static void step(Conn *c, int n) { // emit up to n tokens (and the end), one write
    while (n-- && c->sent < c->total)
        token(c);
    if (c->sent >= c->total)
        finish(c);
    if (flush_out(c) < 0)
        kill_conn(c);
    else if (!c->gen && c->inlen) {
        parse(c);
        flush_out(c);
    }
}
int main(int argc, char **argv) {
    int port = argc > 1 ? atoi(argv[1]) : 11999, one = 1,
        ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    signal(SIGPIPE, SIG_IGN);
    setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(ls, (void *)&a, sizeof a) || listen(ls, 4096)) {
        perror("bind");
        return 1;
    }
    ep = epoll_create1(0);
    struct epoll_event e = {EPOLLIN, {.ptr = NULL}}, ev[512];
    epoll_ctl(ep, EPOLL_CTL_ADD, ls, &e);
    for (;;) {
        int64_t t = now_ns();
        struct timespec ts = {3600, 0};
        if (hn) {
            int64_t w = heap[0]->due - t;
            if (w < 0)
                w = 0;
            ts.tv_sec = w / 1000000000;
            ts.tv_nsec = w % 1000000000;
        }
        if (ready_h)
            ts.tv_sec = ts.tv_nsec = 0;
        int n = epoll_pwait2(ep, ev, 512, &ts, NULL);
        for (int i = 0; i < n; i++) {
            Conn *c = ev[i].data.ptr;
            if (!c)
                for (int fd; (fd = accept4(ls, 0, 0, SOCK_NONBLOCK)) >= 0;) {
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    c = calloc(1, sizeof *c);
                    c->fd = fd;
                    c->heap_i = -1;
                    S.conns++;
                    struct epoll_event x = {EPOLLIN | EPOLLRDHUP, {.ptr = c}};
                    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &x);
                }
            else if (c->closing)
                continue;
            else if (ev[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                kill_conn(c);
            else {
                if (ev[i].events & EPOLLIN)
                    on_read(c);
                if (!c->closing && (ev[i].events & EPOLLOUT)) {
                    if (flush_out(c) < 0)
                        kill_conn(c);
                    else if (!c->blocked && c->gen && !c->delay && c->heap_i < 0)
                        ready_add(c);
                }
            }
        }
        t = now_ns();
        while (hn && heap[0]->due <= t) {
            Conn *c = heap[0];
            int64_t late = t - c->due;
            if (late > S.max_late)
                S.max_late = late;
            if (!c->stream) {
                hdel(c);
                whole(c);
                if (flush_out(c) < 0)
                    kill_conn(c);
                continue;
            }
            if (!c->delay) {
                hdel(c);
                ready_add(c);
                continue;
            }
            if (c->sent + c->batch >= c->total)
                hdel(c);
            else {
                c->due += c->delay * c->batch;
                hdown(c->heap_i);
            }
            step(c, c->batch);
        }
        for (Conn *c = ready_h, *end = ready_t, *nx; c; c = nx) { // delay-0 streams, round robin
            nx = c->rn;
            ready_h = nx;
            if (!nx)
                ready_t = NULL;
            c->in_ready = 0;
            int last = c == end;
            if (c->closing) {
                free(c->in);
                free(c->out);
                free(c);
            } else if (c->gen && !c->stream) {
                whole(c);
                if (flush_out(c) < 0)
                    kill_conn(c);
            } else if (c->gen && !c->blocked) {
                step(c, c->batch);
                if (c->gen && !c->blocked && !c->closing)
                    ready_add(c);
            }
            if (last)
                break;
        }
    }
}
