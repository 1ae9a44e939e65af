/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files instead of swap: an ext4 on the target's disk. The host has made its metadata (nodes/kernel/filesystem.py). */
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"

#define METADATA "/m/filesystem"

/* Blocks of 4 KiB, each after its place on the disk, in bytes. */
static void write_metadata(const char *area, int disk)
{
	struct __attribute__((packed)) {
		uint64_t place;
		char block[4096];
	} entry;
	int metadata = open(METADATA, O_RDONLY | O_CLOEXEC);

	if (metadata < 0)
		fail(METADATA);
	while (read(metadata, &entry, sizeof entry) == sizeof entry)
		if (pwrite(disk, entry.block, sizeof entry.block, entry.place) != sizeof entry.block)
			fail("file system on %s", area);
	close(metadata);
	unlink(METADATA);
	if (fsync(disk))
		fail("file system on %s", area);
}

void use_files(const char *node, int observer)
{
	const char *area = area_of(node);
	int disk = open(area, O_RDWR | O_CLOEXEC);

	if (disk < 0)
		fail("%s", area);
	write_metadata(area, disk);
	if (observer >= 0 && ioctl(observer, NR_BLOCK, disk))
		fail("block device");
	close(disk);
	mkdir(FILES, 0755);
	if (mount(area, FILES, "ext4", MS_NOATIME, "noinit_itable"))
		fail("mount %s", area);
	say("files on %s", area);
}
