/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /m/list names the modules in /m in dependency order, one a line: `<name> <options>` (nodes/kernel/initramfs.py). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init.h"

void load_module(const char *name, const char *options)
{
	char path[96];
	int file;

	snprintf(path, sizeof path, "/m/%s.ko", name);
	file = open(path, O_RDONLY);
	if (file < 0)
		fail("module %s", name);
	if (syscall(SYS_finit_module, file, options, 0) && errno != EEXIST)
		fail("module %s", name);
	close(file);
	unlink(path);	/* it lies in memory */
}

void load_modules(void (*after_each)(void))
{
	static char list[4096];
	int file = open("/m/list", O_RDONLY);
	char *rest;

	if (file < 0 || read(file, list, sizeof list - 1) < 0)
		fail("/m/list");
	close(file);
	for (char *line = strtok_r(list, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *options = strchr(line, ' ');

		if (options)
			*options++ = 0;
		if (!strcmp(line, "netreserve") && !number_of("module", 1))
			continue;
		load_module(line, options ? options : "");
		after_each();
	}
}
