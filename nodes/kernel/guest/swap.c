/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A swap area on a whole disk, or on its part of a disk that several guests share. */
#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/swap.h>
#include <unistd.h>

#include "init.h"

#define PAGE_BYTES 4096

static uint64_t disk_bytes(int fd)
{
	uint64_t bytes = 0;

	ioctl(fd, BLKGETSIZE64, &bytes);
	return bytes;
}

/* A partition that is in no table: the kernel is told of it. Its node's name. */
static const char *part_of(const char *node, long long offset, long long bytes)
{
	static char name[32];
	struct blkpg_partition part = {.start = offset, .length = bytes, .pno = 1};
	struct blkpg_ioctl_arg order = {.op = BLKPG_ADD_PARTITION, .datalen = sizeof part, .data = &part};
	int disk = open(node, O_RDONLY | O_CLOEXEC);	/* stays open: a last close may make the kernel forget the part */

	if (disk < 0)
		fail("%s", node);
	if (!bytes)
		part.length = disk_bytes(disk) - offset;
	if (ioctl(disk, BLKPG, &order))
		fail("swap area of %lld bytes at %lld on %s", bytes, offset, node);
	snprintf(name, sizeof name, "%s%s1", node, strchr("0123456789", node[strlen(node) - 1]) ? "p" : "");
	for (double until = now_s() + 2; access(name, F_OK) && now_s() < until;)
		sleep_s(0.005);
	return name;
}

/* What mkswap writes (include/linux/swap.h, union swap_header). */
static void write_header(int fd, uint64_t bytes)
{
	static union {
		char page[PAGE_BYTES];
		struct {
			char boot[1024];
			uint32_t version, last_page, bad_pages;
		} info;
	} header;

	header.info.version = 1;
	header.info.last_page = bytes / PAGE_BYTES - 1;
	memcpy(header.page + PAGE_BYTES - 10, "SWAPSPACE2", 10);
	if (pwrite(fd, &header, sizeof header, 0) != sizeof header || fsync(fd))
		fail("swap header");
}

const char *area_of(const char *node)
{
	long offset = number_of("swap_offset", 0), bytes = number_of("swap_bytes", 0);

	return offset || bytes ? part_of(node, offset, bytes) : node;
}

void use_swap(const char *node, int observer)
{
	const char *area = area_of(node);
	int fd = open(area, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail("%s", area);
	write_header(fd, disk_bytes(fd));
	if (observer >= 0 && ioctl(observer, NR_BLOCK, fd))
		fail("block device");
	if (swapon(area, 0))
		fail("swapon %s", area);
	say("swap on %s, %llu KiB", area, (unsigned long long)disk_bytes(fd) / 1024);
	close(fd);
}
