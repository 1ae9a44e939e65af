/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where junk goes: sockets that are never read (stalled), read at once (fast), or read by the application while it is not
 * held up (app: a process of its own, which reads only while the application's counters move). One process a reader.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init.h"

#define SINKS_MAX 16
#define CONNECTIONS_MAX 4096	/* a reader; what HTTP keeps of each is resident */
#define FILES_OWN 64		/* beside sinks and connections, at most */
#define EVENTS_MAX 64
#define APP_LOOKS_MS 10	/* between two looks at the application's counters */
#define HEAD_BYTES_MAX 16384

enum kind { UDP, TCP, HTTP };
#define LISTENER 4	/* added to a kind in what an event brings */

struct sink {
	enum kind kind;
	int port, sockets, rcvbuf_bytes;
	char reader[8];
};

static const char RESPONSE[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n";

static struct sink sinks[SINKS_MAX];
static int sink_count, reactor, files_max;
static char buffer[65536];

/* HTTP, one state a connection: the head's present line, the length that the head has named, what of a body is to come. */
static struct exchange {
	unsigned line_bytes, head_bytes, length, body_bytes;
	char line[32];
} *exchanges;

static int make_socket(const struct sink *sink, int port)
{
	int fd = socket(AF_INET, (sink->kind == UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};

	if (fd < 0)
		fail("sink on port %d", port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &sink->rcvbuf_bytes, sizeof sink->rcvbuf_bytes))
		fail("receive buffer of port %d", port);
	if (bind(fd, (struct sockaddr *)&here, sizeof here) || (sink->kind != UDP && listen(fd, 1024)))
		fail("sink on port %d", port);
	return fd;
}

static void watch(int fd, int what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)what << 32 | fd};

	if (epoll_ctl(reactor, EPOLL_CTL_ADD, fd, &event))
		fail("epoll");
}

/* Sockets accept in every case: only reading is left out. An accepted socket inherits its listener's receive buffer. */
static void accept_all(int listener, enum kind kind, bool reads)
{
	for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
		if (fd >= files_max) {
			close(fd);
			continue;
		}
		if (kind == HTTP)
			memset(&exchanges[fd], 0, sizeof *exchanges);
		if (reads)
			watch(fd, kind);
	}
}

static void end_of_line(struct exchange *http)
{
	http->line[http->line_bytes < sizeof http->line ? http->line_bytes : sizeof http->line - 1] = 0;
	if (!strncasecmp(http->line, "content-length:", 15))
		http->length = strtoul(http->line + 15, NULL, 10);
	http->line_bytes = 0;
}

/* True: a head has ended with this character, and its body begins. Only the beginning of a line is kept. */
static bool head_ends(struct exchange *http, char c)
{
	http->head_bytes++;
	if (c == '\n') {
		bool empty = !http->line_bytes;

		end_of_line(http);
		if (empty) {
			http->body_bytes = http->length;
			http->head_bytes = http->length = 0;
		}
		return empty;
	}
	if (c != '\r') {
		if (http->line_bytes < sizeof http->line)
			http->line[http->line_bytes] = c;
		http->line_bytes++;
	}
	return false;
}

/* How many requests have ended in these bytes; -1: their head is too long. */
static int feed(struct exchange *http, const char *bytes, size_t count)
{
	int ended = 0;

	while (count) {
		if (http->body_bytes) {
			size_t skipped = count < http->body_bytes ? count : http->body_bytes;

			http->body_bytes -= skipped;
			bytes += skipped;
			count -= skipped;
			ended += !http->body_bytes;
			continue;
		}
		if (head_ends(http, *bytes))
			ended += !http->body_bytes;
		if (http->head_bytes > HEAD_BYTES_MAX)
			return -1;
		bytes++;
		count--;
	}
	return ended;
}

static void answer(int fd, ssize_t got)
{
	int ended = feed(&exchanges[fd], buffer, got);

	if (ended < 0)
		close(fd);
	for (int i = 0; i < ended; i++)
		if (send(fd, RESPONSE, sizeof RESPONSE - 1, MSG_NOSIGNAL) < 0)
			break;	/* a peer that does not read its answers gets none */
}

static void read_all(int fd, enum kind kind)
{
	ssize_t got;

	for (int i = 0; i < 64; i++) {	/* then the others' turn */
		got = recv(fd, buffer, sizeof buffer, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (kind != UDP && got <= 0) {
			close(fd);
			return;
		}
		if (kind == HTTP)
			answer(fd, got);
	}
}

static uint64_t movement(const struct nr_counters *counters)
{
	uint64_t sum = 0;

	for (int i = 0; i < NR_TASKS_MAX; i++) {
		const volatile struct nr_task *task = &counters->task[i];

		sum += task->populated + task->progress;
	}
	return sum;
}

static void turn(bool reads, int wait_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(reactor, events, EVENTS_MAX, wait_ms);

	for (int i = 0; i < count; i++) {
		int fd = (int)events[i].data.u64, what = events[i].data.u64 >> 32;

		if (what & LISTENER)
			accept_all(fd, what & ~LISTENER, reads);
		else
			read_all(fd, what);
	}
}

static _Noreturn void serve(const char *reader, const struct nr_counters *counters)
{
	bool stalled = !strcmp(reader, "stalled"), app = !strcmp(reader, "app");
	uint64_t before = 0;

	for (;;) {
		if (app && movement(counters) == before) {
			sleep_s(APP_LOOKS_MS / 1e3);
			continue;
		}
		before = movement(counters);
		turn(!stalled, app ? APP_LOOKS_MS : -1);
	}
}

static void parse(const char *list)
{
	static const char *const kinds[] = {"udp", "tcp", "http"};

	while (*list) {
		struct sink *sink = &sinks[sink_count];
		char kind[8];
		int used = 0;

		if (sink_count == SINKS_MAX || sscanf(list, "%7[a-z]:%d:%d:%d:%7[a-z]%n", kind, &sink->port, &sink->sockets,
						      &sink->rcvbuf_bytes, sink->reader, &used) != 5) {
			errno = 0;
			fail("sinks %s: kind:port:sockets:rcvbuf_bytes:reader,... is needed, %d at most", list, SINKS_MAX);
		}
		for (sink->kind = UDP; sink->kind <= HTTP && strcmp(kind, kinds[sink->kind]); sink->kind++)
			;
		if (sink->kind > HTTP) {
			errno = 0;
			fail("sinks: kind %s: udp, tcp or http is needed", kind);
		}
		sink_count++;
		list += used;
		list += *list == ',';
	}
}

static void open_those_of(const char *reader)
{
	bool reads = strcmp(reader, "stalled");

	for (int i = 0; i < sink_count; i++) {
		if (strcmp(sinks[i].reader, reader))
			continue;
		if (sinks[i].kind == HTTP && !exchanges && !(exchanges = calloc(files_max, sizeof *exchanges)))
			fail("state of %d connections", files_max);
		for (int n = 0; n < sinks[i].sockets; n++) {
			int fd = make_socket(&sinks[i], sinks[i].port + n);

			if (sinks[i].kind != UDP)
				watch(fd, sinks[i].kind | LISTENER);
			else if (reads)
				watch(fd, UDP);
		}
	}
}

/* So that accept has room for one that is closed at once: left in its queue it would wake the reader for ever. */
static void allow_files(void)
{
	struct rlimit files;

	files_max = FILES_OWN + CONNECTIONS_MAX;
	for (int i = 0; i < sink_count; i++)
		files_max += sinks[i].sockets;
	files.rlim_cur = files.rlim_max = files_max + FILES_OWN;
	if (setrlimit(RLIMIT_NOFILE, &files))
		fail("limit of open files");
}

/* Returns when all sockets are open. */
void open_sinks(const char *list, const struct nr_counters *counters)
{
	static const char *const readers[] = {"stalled", "app", "fast"};

	parse(list);
	allow_files();
	for (int i = 0; i < 3; i++) {
		int ready[2];
		char byte;

		if (pipe(ready))
			fail("pipe");
		if (!fork_resident("sinks")) {
			close(ready[0]);
			reactor = epoll_create1(EPOLL_CLOEXEC);
			if (reactor < 0)
				fail("epoll");
			open_those_of(readers[i]);
			stay_resident();	/* what it has got since, too */
			close(ready[1]);
			serve(readers[i], counters);
		}
		close(ready[1]);
		(void)!read(ready[0], &byte, 1);
		close(ready[0]);
	}
}
