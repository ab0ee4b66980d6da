/*
 * mock.c: the provider of the benchmark: one thread, one epoll loop, answers composed before the
 * first connection, so that it costs less than any proxy in front of it. Listens on a port of the
 * kernel's choice and prints it.
 *
 *   mock json              a chat completion of about 1 KB for every request
 *   mock stream N GAP_MS   an SSE answer of N events, one chunk each, GAP_MS apart (all streams in
 * step)
 *
 * It owns nothing worth keeping and trusts its clients: it is not a server for anything else.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MAX_FDS  65536
#define HEAD_MAX 8192

struct client {
	bool open;
	size_t head_len;    /* bytes of the head collected */
	uint64_t body_left; /* of the request */
	bool in_body;
	bool streaming;
	int sent;           /* events */
	int next_streaming; /* list of streaming clients, -1 ends */
	char head[HEAD_MAX + 1];
};

static struct client *clients[MAX_FDS];
static int first_streaming = -1;
static int epoll_fd, events_per_stream;
static char answer[4096], event_chunk[1024], last_chunk[1024];
static const char stream_head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
				  "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";

#define CHUNK_START                                                                               \
	"{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000," \
	"\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\","                      \
	"\"system_fingerprint\":\"fp_0123\","
#define USAGE "\"usage\":{\"prompt_tokens\":210,\"completion_tokens\":50,\"total_tokens\":260}"

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void compose(void)
{
	char content[521], body[2048], text[900];

	for (size_t i = 0; i < sizeof(content) - 1; i++)
		content[i] = "lorem ipsum dolor sit amet "[i % 27];
	content[sizeof(content) - 1] = '\0';
	snprintf(body, sizeof(body),
		"{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1700000000,"
		"\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,\"message\":{"
		"\"role\":\"assistant\",\"content\":\"%s\",\"refusal\":null},\"logprobs\":null,"
		"\"finish_reason\":\"stop\"}]," USAGE ",\"service_tier\":\"default\","
		"\"system_fingerprint\":\"fp_0123\"}",
		content);
	snprintf(answer, sizeof(answer),
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n"
		"%s",
		strlen(body), body);
	snprintf(text, sizeof(text),
		"data: " CHUNK_START "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},"
		"\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n");
	snprintf(event_chunk, sizeof(event_chunk), "%zx\r\n%s\r\n", strlen(text), text);
	snprintf(text, sizeof(text),
		"data: " CHUNK_START "\"choices\":[]," USAGE "}\n\ndata: [DONE]\n\n");
	snprintf(last_chunk, sizeof(last_chunk), "%zx\r\n%s\r\n0\r\n\r\n", strlen(text), text);
}

static void client_close(int fd)
{
	for (int *link = &first_streaming; *link != -1; link = &clients[*link]->next_streaming) {
		if (*link == fd) {
			*link = clients[fd]->next_streaming;
			break;
		}
	}
	clients[fd]->streaming = clients[fd]->open = clients[fd]->in_body = false;
	clients[fd]->head_len = 0;
	close(fd);
}

static void client_send(int fd, const char *bytes, size_t n)
{
	if (clients[fd]->open && send(fd, bytes, n, MSG_NOSIGNAL) != (ssize_t)n)
		client_close(fd);
}

static void client_stream(int fd)
{
	clients[fd]->streaming = true;
	clients[fd]->next_streaming = first_streaming;
	first_streaming = fd;
}

static void client_answer(int fd)
{
	struct client *c = clients[fd];

	if (events_per_stream == 0) {
		client_send(fd, answer, strlen(answer));
		return;
	}
	client_send(fd, stream_head, sizeof(stream_head) - 1);
	c->sent = 0;
	if (c->open && !c->streaming)
		client_stream(fd);
}

/* Every stream gets its next event. */
static void tick(void)
{
	int fd = first_streaming;

	first_streaming = -1; /* built anew below: a stream may end, a connection may close */
	while (fd != -1) {
		struct client *c = clients[fd];
		int next = c->next_streaming;
		bool last = ++c->sent >= events_per_stream;

		c->streaming = false;
		if (last)
			client_send(fd, last_chunk, strlen(last_chunk));
		else
			client_send(fd, event_chunk, strlen(event_chunk));
		if (!last && c->open)
			client_stream(fd);
		fd = next;
	}
}

/* Takes the bytes of one read: heads and bodies of one request after the other. */
static void client_feed(int fd, const char *bytes, size_t n)
{
	struct client *c = clients[fd];

	while (n > 0 && c->open) {
		const char *end, *length;
		size_t take;

		if (c->in_body) {
			take = n < c->body_left ? n : (size_t)c->body_left;
			c->body_left -= take;
		} else {
			size_t old = c->head_len;

			take = n < HEAD_MAX - old ? n : HEAD_MAX - old;
			memcpy(c->head + old, bytes, take);
			c->head_len += take;
			c->head[c->head_len] = '\0';
			end = strstr(c->head, "\r\n\r\n");
			if (end == NULL) {
				if (c->head_len == HEAD_MAX)
					client_close(fd);
				return;
			}
			take = (size_t)(end + 4 - c->head) - old;
			length = strcasestr(c->head, "\r\ncontent-length:");
			c->body_left = length != NULL && length < end
					       ? strtoull(length + 17, NULL, 10)
					       : 0;
			c->in_body = true;
			c->head_len = 0;
		}
		bytes += take;
		n -= take;
		if (c->in_body && c->body_left == 0) {
			c->in_body = false;
			client_answer(fd);
		}
	}
}

static void client_accept(int listen_fd)
{
	int fd, one = 1;

	while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

		if (fd >= MAX_FDS) {
			close(fd);
			continue;
		}
		/* A slot lives on for the next connection of that number; a stale tick may still
		 * hold it. */
		if (clients[fd] == NULL && (clients[fd] = calloc(1, sizeof(**clients))) == NULL)
			die("calloc");
		clients[fd]->open = true;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
			die("epoll_ctl");
	}
}

static int listen_any(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, len) != 0 || listen(fd, 4096) != 0 ||
		getsockname(fd, (struct sockaddr *)&sin, &len) != 0)
		die("listen");
	printf("%d\n", ntohs(sin.sin_port));
	fflush(stdout);
	return fd;
}

static int start_clock(long gap_ms)
{
	struct itimerspec every = { .it_interval = { gap_ms / 1000, gap_ms % 1000 * 1000000 },
		.it_value = { gap_ms / 1000, gap_ms % 1000 * 1000000 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) != 0)
		die("timerfd");
	return fd;
}

static void watch(int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
		die("epoll_ctl");
}

static void loop(int listen_fd, int clock_fd)
{
	static char buffer[262144];
	struct epoll_event ready[512];

	for (;;) {
		int n = epoll_wait(epoll_fd, ready, 512, -1);

		for (int i = 0; i < n; i++) {
			int fd = ready[i].data.fd;
			uint64_t ticks;
			ssize_t got;

			if (fd == listen_fd) {
				client_accept(fd);
			} else if (fd == clock_fd) {
				if (read(fd, &ticks, sizeof(ticks)) > 0)
					tick();
			} else if (clients[fd]->open) {
				got = read(fd, buffer, sizeof(buffer));
				if (got > 0)
					client_feed(fd, buffer, (size_t)got);
				else if (got == 0 || errno != EAGAIN)
					client_close(fd);
			}
		}
	}
}

int main(int argc, char **argv)
{
	struct rlimit files;
	int listen_fd, clock_fd = -1;

	if (argc == 4 && strcmp(argv[1], "stream") == 0) {
		events_per_stream = atoi(argv[2]);
	} else if (argc != 2 || strcmp(argv[1], "json") != 0) {
		fprintf(stderr, "usage: mock json | mock stream EVENTS GAP_MS\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	compose();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	listen_fd = listen_any();
	watch(listen_fd);
	if (events_per_stream > 0) {
		clock_fd = start_clock(atol(argv[3]));
		watch(clock_fd);
	}
	loop(listen_fd, clock_fd);
	return 0;
}
