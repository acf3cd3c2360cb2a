// loadgen: drives N concurrent conversations through any relay of fake_ollama and prints one JSON line.
//   cc -O2 -o loadgen loadgen.c
// It does not parse the relay's framing: it scans received bytes for the marks that fake_ollama puts in
// every token ("zq" SEQ4 USEC10), so HTTP NDJSON, SSE and WebSocket relays are all measured alike.
//   --port P --proto http|ws --path /x [--header 'A: b']... --body TEXT ({{ID}} {{CONN}} are replaced)
//   [--pre TEXT (ws message sent once)] [--ready PAT (wait for it before the first request)]
//   --done PAT (ends a reply) --conns N --secs S --warm S --stagger S [--reqs R per connection] [--fresh: new
//   connection each request]
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { OFF, CONNECTING, SHAKE, READYWAIT, BUSY, FINISHED };
typedef struct {
    int fd, st, idx, seq, reqs, checked;
    int64_t t_start, t_send, last_rx, last_ts, head;
    char carry[256];
    int ncarry;
} C;
static int ep, port, nconn = 1, maxreq, fresh;
static double secs = 5, warm = 0, stagger = 0;
static char *path = "/", *body = "", *pre, *ready, *done = "\r\n0\r\n\r\n", *host = "127.0.0.1";
static int ws;
static char hdrs[8192];
static C *cs;
static int64_t T0, TW, TE;
static long tokens, reqs_done, errors, bytes_rx, reads, ids;
static int live;
static int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

#define SUB 512 // sub-buckets per octave: 0.2 % resolution
typedef struct {
    long n[64 * SUB], cnt;
    double sum;
    int64_t max;
} H; // log-linear histogram, microseconds
static H lat, jit, ttft, total;
static void hadd(H *h, int64_t v) {
    if (v < 0)
        v = 0;
    if (v > h->max)
        h->max = v;
    h->cnt++;
    h->sum += v;
    int i = v < SUB ? v : 0;
    if (v >= SUB) {
        int e = 63 - __builtin_clzll(v);
        i = (e - 8) * SUB + ((v >> (e - 9)) & (SUB - 1));
    }
    h->n[i]++;
}
static double hq(H *h, double q) {
    long want = ceil(h->cnt * q), s = 0;
    if (!h->cnt)
        return -1;
    for (int i = 0; i < 55 * SUB; i++) {
        s += h->n[i];
        if (s >= want) {
            if (i < SUB)
                return i;
            int e = i / SUB + 8;
            return (SUB + i % SUB + 0.5) * pow(2, e - 9);
        }
    }
    return h->max;
}
static void hout(const char *k, H *h) {
    printf("\"%s\":{\"n\":%ld,\"mean\":%.3f,\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"max\":%.3f},", k, h->cnt,
           h->cnt ? h->sum / h->cnt / 1e3 : -1, hq(h, .5) / 1e3, hq(h, .95) / 1e3, hq(h, .99) / 1e3,
           h->max / 1e3);
}

static void send_all(C *c, const char *b, size_t n) {
    while (n) {
        ssize_t k = send(c->fd, b, n, MSG_NOSIGNAL);
        if (k < 0) {
            if (errno == EAGAIN) {
                usleep(50);
                continue;
            }
            return;
        }
        b += k;
        n -= k;
    }
}
static void ws_send(C *c, const char *b, size_t n) {
    unsigned char h[14];
    int k = 2;
    h[0] = 0x81;
    if (n < 126)
        h[1] = 0x80 | n;
    else if (n < 65536) {
        h[1] = 0x80 | 126;
        h[2] = n >> 8;
        h[3] = n;
        k = 4;
    } else {
        h[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++)
            h[2 + i] = (uint64_t)n >> (56 - 8 * i);
        k = 10;
    }
    memset(h + k, 0, 4);
    char *m = malloc(n + 14);
    memcpy(m, h, k + 4);
    memcpy(m + k + 4, b, n);
    send_all(c, m, n + k + 4);
    free(m);
}
static char *fill(const char *t, C *c) {
    char *o = malloc(strlen(t) * 2 + 4096), *w = o;
    while (*t) {
        if (!strncmp(t, "{{ID}}", 6)) {
            w += sprintf(w, "%08lx", ids);
            t += 6;
        } else if (!strncmp(t, "{{CONN}}", 8)) {
            w += sprintf(w, "%06x", c->idx);
            t += 8;
        } else
            *w++ = *t++;
    }
    *w = 0;
    return o;
}
static void request(C *c) {
    ids++;
    char *b = fill(body, c);
    c->seq = -1;
    c->last_rx = 0;
    c->st = BUSY;
    c->checked = ws;
    c->t_send = now_us();
    c->reqs++;
    if (ws)
        ws_send(c, b, strlen(b));
    else {
        char *p = fill(path, c), *r = malloc(strlen(b) + strlen(hdrs) + strlen(p) + 500);
        int n = sprintf(r,
                        "POST %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: "
                        "application/json\r\nContent-Length: %zu\r\n%s\r\n%s",
                        p, host, port, strlen(b), hdrs, b);
        send_all(c, r, n);
        free(r);
        free(p);
    }
    free(b);
}
static void copen(C *c) {
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &a.sin_addr);
    connect(c->fd, (void *)&a, sizeof a);
    c->st = CONNECTING;
    c->ncarry = 0;
    c->head = 0;
    live++;
    struct epoll_event e = {EPOLLIN | EPOLLOUT, {.ptr = c}};
    epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
}
static void cclose(C *c, int err) {
    if (err)
        errors++;
    close(c->fd);
    c->fd = -1;
    live--;
    c->st = FINISHED;
    if (now_us() < TE && (!maxreq || c->reqs < maxreq) && errors < 50)
        copen(c);
}
static int64_t unhex(const char *p, int n) {
    int64_t v = 0;
    while (n--) {
        char ch = *p++;
        int d = ch >= '0' && ch <= '9' ? ch - '0' : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}
static void on_data(C *c, int64_t t) {
    static char buf[1 << 18];
    memcpy(buf, c->carry, c->ncarry);
    int had = c->ncarry;
    ssize_t k = recv(c->fd, buf + had, sizeof buf - had - 1, 0);
    if (k < 0 && errno == EAGAIN)
        return;
    if (k <= 0) {
        cclose(c, c->st != FINISHED && t < TE);
        return;
    }
    reads++;
    if (t >= TW && t < TE)
        bytes_rx += k;
    int n = had + k;
    buf[n] = 0;
    char *p = buf, *e = buf + n, *m;
    if (c->st == SHAKE) {
        char *x = memmem(buf, n, "\r\n\r\n", 4);
        if (!x)
            goto keep;
        if (strncmp(buf, "HTTP/1.1 101", 12)) {
            static int said;
            if (!said++)
                fprintf(stderr, "ws handshake refused: %.600s\n", buf);
            cclose(c, 1);
            return;
        }
        if (pre) {
            char *q = fill(pre, c);
            for (char *l = q, *nl; l; l = nl) {
                nl = strchr(l, '\x1e');
                if (nl)
                    *nl++ = 0;
                ws_send(c, l, strlen(l));
            }
            free(q);
        }
        p = x + 4;
        if (ready)
            c->st = READYWAIT;
        else {
            request(c);
            c->ncarry = 0;
            return;
        }
    }
    if (c->st == READYWAIT) {
        if (!memmem(p, e - p, ready, strlen(ready)))
            goto keep;
        c->ncarry = 0;
        request(c);
        return;
    }
    if (!c->checked && n >= 12) {
        c->checked = 1;
        if (strncmp(buf, "HTTP/1.1 200", 12)) {
            static int said;
            if (said++ < 2)
                fprintf(stderr, "http error: %.700s\n", buf);
            cclose(c, 1);
            return;
        }
    }
    int in = t >= TW && t < TE;
    while ((m = memmem(p, e - p, "zq", 2)) && m + 16 <= e) {
        int64_t s = unhex(m + 2, 4), ts = unhex(m + 6, 10);
        p = m + 2;
        if (s < 0 || ts < 0 || s <= c->seq || ts < (c->t_send & 0xffffffffffLL))
            continue;
        p = m + 16;
        int64_t l = (t & 0xffffffffffLL) - ts;
        if (in) {
            tokens += s - c->seq;
            hadd(&lat, l);
            if (c->seq < 0)
                hadd(&ttft, t - c->t_send);
            else {
                int64_t d = (t - c->last_rx) - (ts - c->last_ts);
                hadd(&jit, d < 0 ? -d : d);
            }
        }
        c->seq = s;
        c->last_rx = t;
        c->last_ts = ts;
    }
    if (c->seq >= 0 && memmem(buf, n, done, strlen(done))) {
        if (in) {
            hadd(&total, t - c->t_send);
            reqs_done++;
        }
        c->ncarry = 0;
        if (t >= TE || (maxreq && c->reqs >= maxreq)) {
            cclose(c, 0);
            return;
        }
        if (fresh) {
            cclose(c, 0);
            return;
        }
        request(c);
        return;
    }
keep:;
    int keep = n < 200 ? n : (int)(c->st == SHAKE ? 255 : 40);
    if (keep > n)
        keep = n;
    if (keep > 40 && c->st == BUSY)
        keep = 40;
    if (keep > n)
        keep = n;
    memcpy(c->carry, buf + n - keep, keep);
    c->ncarry = keep;
}
int main(int argc, char **argv) {
    static struct option o[] = {{"port", 1, 0, 'p'},   {"proto", 1, 0, 'o'}, {"path", 1, 0, 'a'},
                                {"header", 1, 0, 'h'}, {"body", 1, 0, 'b'},  {"pre", 1, 0, 'P'},
                                {"ready", 1, 0, 'R'},  {"done", 1, 0, 'd'},  {"conns", 1, 0, 'n'},
                                {"secs", 1, 0, 's'},   {"warm", 1, 0, 'w'},  {"stagger", 1, 0, 'g'},
                                {"reqs", 1, 0, 'r'},   {"fresh", 0, 0, 'f'}, {0}};
    for (int k; (k = getopt_long(argc, argv, "", o, 0)) != -1;)
        switch (k) {
        case 'p':
            port = atoi(optarg);
            break;
        case 'o':
            ws = !strcmp(optarg, "ws");
            break;
        case 'a':
            path = optarg;
            break;
        case 'h':
            strcat(hdrs, optarg);
            strcat(hdrs, "\r\n");
            break;
        case 'b':
            body = optarg;
            break;
        case 'P':
            pre = optarg;
            break;
        case 'R':
            ready = optarg;
            break;
        case 'd':
            done = optarg;
            break;
        case 'n':
            nconn = atoi(optarg);
            break;
        case 's':
            secs = atof(optarg);
            break;
        case 'w':
            warm = atof(optarg);
            break;
        case 'g':
            stagger = atof(optarg);
            break;
        case 'r':
            maxreq = atoi(optarg);
            break;
        case 'f':
            fresh = 1;
            break;
        default:
            return 2;
        }
    struct rlimit rl;
    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rl);
    signal(SIGPIPE, SIG_IGN);
    ep = epoll_create1(0);
    cs = calloc(nconn, sizeof *cs);
    T0 = now_us();
    TW = T0 + warm * 1e6;
    TE = TW + secs * 1e6;
    int opened = 0;
    struct epoll_event ev[512];
    for (;;) {
        int64_t t = now_us();
        if (t >= TE || errors >= 50)
            break;
        while (opened < nconn && t - T0 >= stagger * 1e6 * opened / nconn) {
            cs[opened].idx = opened;
            copen(&cs[opened++]);
        }
        if (opened == nconn && !live)
            break;
        int to = opened < nconn ? 1 : (TE - t) / 1000 + 1, n = epoll_wait(ep, ev, 512, to);
        for (int i = 0; i < n; i++) {
            C *c = ev[i].data.ptr;
            if (c->fd < 0)
                continue;
            if (c->st == CONNECTING && (ev[i].events & (EPOLLOUT | EPOLLERR))) {
                int err = 0;
                socklen_t sl = sizeof err;
                getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &sl);
                if (err) {
                    cclose(c, 1);
                    continue;
                }
                struct epoll_event e = {EPOLLIN, {.ptr = c}};
                epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
                if (ws) {
                    char r[9500], *p = fill(path, c);
                    int k = snprintf(r, sizeof r,
                                     "GET %s HTTP/1.1\r\nHost: %s:%d\r\nConnection: Upgrade\r\nUpgrade: "
                                     "websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
                                     "dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                                     p, host, port, hdrs);
                    free(p);
                    c->st = SHAKE;
                    send_all(c, r, k);
                } else
                    request(c);
            } else if (ev[i].events)
                on_data(c, now_us());
        }
    }
    int64_t end = now_us();
    if (end > TE)
        end = TE;
    double dur = (end - TW) / 1e6;
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    printf("{\"conns\":%d,\"secs\":%.3f,\"tokens\":%ld,\"tok_s\":%.1f,\"reqs\":%ld,\"errors\":%ld,\"bytes\":%"
           "ld,\"reads\":%ld,",
           nconn, dur, tokens, dur > 0 ? tokens / dur : 0, reqs_done, errors, bytes_rx, reads);
    hout("ttft_ms", &ttft);
    hout("lat_ms", &lat);
    hout("jit_ms", &jit);
    hout("total_ms", &total);
    printf("\"client_cpu\":%.3f}\n",
           ru.ru_utime.tv_sec + ru.ru_stime.tv_sec + (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
    return errors >= 50;
}
