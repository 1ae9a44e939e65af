/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An initiator in user space: the kernel's NBD client speaks to a UNIX socket, and a process carries its bytes to the target
 * and back, as nbdkit, a tunnel or a storage daemon beside the swap does. It may lock its memory (mlockall) and say what it is
 * (PR_SET_IO_FLUSHER), or not.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init.h"

#define BUFFER_BYTES (256 << 10)
#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57	/* since 5.6 */
#endif

/* What one side has sent goes to the other, whole. */
static void carry(int from, int to, char *buffer)
{
	ssize_t got = recv(from, buffer, BUFFER_BYTES, 0);

	if (got <= 0)
		fail("relay: the storage connection ended");
	for (ssize_t sent = 0, now; sent < got; sent += now) {
		now = send(to, buffer + sent, got - sent, MSG_NOSIGNAL);
		if (now < 0)
			fail("relay");
	}
}

/* One process a direction, so that neither waits for the other's socket to have room. */
static void start(int from, int to)
{
	char *buffer;

	if (fork())
		return;
	buffer = malloc(BUFFER_BYTES);
	memset(buffer, 0, BUFFER_BYTES);
	must_put("/proc/self/oom_score_adj", "-1000");
	if (number_of("relay_locked", 0))
		stay_resident();
	if (number_of("relay_flusher", 0) && prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0))
		fail("PR_SET_IO_FLUSHER");
	for (;;)
		carry(from, to, buffer);
}

int relayed(int target)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		fail("relay");
	start(ends[1], target);
	start(target, ends[1]);
	close(ends[1]);
	say("relay: locked %ld, IO flusher %ld", number_of("relay_locked", 0), number_of("relay_flusher", 0));
	return ends[0];
}
