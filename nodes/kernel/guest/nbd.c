/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's NBD client, set up by ioctl after the fixed newstyle handshake (NetworkBlockDevice's proto.md). */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/nbd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init.h"

#define NODE "/dev/nbd0"
#define BLOCK_BYTES 4096UL
#define OPTION_EXPORT_NAME 1
#define FIXED_NEWSTYLE 1
#define NO_ZEROES 2

static const uint64_t NBDMAGIC = 0x4e42444d41474943, IHAVEOPT = 0x49484156454f5054;

static void take(int fd, void *into, size_t bytes)
{
	ssize_t got = recv(fd, into, bytes, MSG_WAITALL);

	if (got == (ssize_t)bytes)
		return;
	if (got >= 0)
		errno = ECONNRESET;	/* the server does not want us: it closes the connection */
	fail("handshake with target %s", text_of("target"));
}

/* The default export's size in bytes. */
static uint64_t shake_hands(int fd, uint16_t *flags)
{
	struct __attribute__((packed)) {
		uint64_t magic, option;
		uint16_t flags;
	} greeting;
	struct __attribute__((packed)) {
		uint32_t flags;
		uint64_t magic;
		uint32_t option, name_bytes;
	} answer = {htobe32(FIXED_NEWSTYLE | NO_ZEROES), htobe64(IHAVEOPT), htobe32(OPTION_EXPORT_NAME), 0};
	struct __attribute__((packed)) {
		uint64_t bytes;
		uint16_t flags;
	} export;

	take(fd, &greeting, sizeof greeting);
	if (be64toh(greeting.magic) != NBDMAGIC || be64toh(greeting.option) != IHAVEOPT) {
		errno = EPROTO;
		fail("handshake with target %s", text_of("target"));
	}
	if (!(be16toh(greeting.flags) & NO_ZEROES))
		answer.flags = htobe32(FIXED_NEWSTYLE);
	if (send(fd, &answer, sizeof answer, 0) != sizeof answer)
		fail("handshake with target %s", text_of("target"));
	take(fd, &export, sizeof export);
	if (!(be16toh(greeting.flags) & NO_ZEROES)) {
		char zeroes[124];

		take(fd, zeroes, sizeof zeroes);
	}
	*flags = be16toh(export.flags);
	return be64toh(export.bytes);
}

/* The device has its size once the other process is in NBD_DO_IT. */
static void wait_for_size(uint64_t bytes)
{
	for (double until = now_s() + 10; now_s() < until; sleep_s(0.005)) {
		uint64_t is = 0;
		int fd = open(NODE, O_RDONLY | O_CLOEXEC);

		if (fd >= 0)
			ioctl(fd, BLKGETSIZE64, &is);
		close(fd);
		if (is == bytes)
			return;
	}
	errno = ETIMEDOUT;
	fail("size of " NODE);
}

const char *attach_nbd(int observer)
{
	uint16_t flags;
	int fd = connect_to(text_of("target"), 15);
	uint64_t bytes = shake_hands(fd, &flags) / BLOCK_BYTES * BLOCK_BYTES;
	int device = open(NODE, O_RDWR | O_CLOEXEC);

	if (device < 0)
		fail(NODE);
	if (observer >= 0 && ioctl(observer, NR_SOCKET, fd))
		fail("block socket");
	if (number_of("relay", 0))
		fd = relayed(fd);
	ioctl(device, NBD_CLEAR_SOCK);
	if (ioctl(device, NBD_SET_BLKSIZE, BLOCK_BYTES) || ioctl(device, NBD_SET_SIZE_BLOCKS, bytes / BLOCK_BYTES) ||
	    ioctl(device, NBD_SET_TIMEOUT, 0UL) || ioctl(device, NBD_SET_FLAGS, (unsigned long)flags) ||
	    ioctl(device, NBD_SET_SOCK, (unsigned long)fd))
		fail("NBD client");
	if (!fork_resident("NBD client")) {
		ioctl(device, NBD_DO_IT);
		say("NBD ended: %s", strerror(errno));
		_exit(0);
	}
	wait_for_size(bytes);
	return NODE;
}
