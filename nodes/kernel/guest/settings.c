/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init.h"

#define SETTINGS_MAX 64

static char command_line[4096];
static struct {
	const char *name, *value;
} settings[SETTINGS_MAX];
static int count;

void read_settings(void)
{
	int file = open("/proc/cmdline", O_RDONLY);

	if (file < 0 || read(file, command_line, sizeof command_line - 1) < 0)
		fail("/proc/cmdline");
	close(file);
	for (char *word = strtok(command_line, " \n"); word && count < SETTINGS_MAX; word = strtok(NULL, " \n")) {
		char *equals = strchr(word, '=');

		if (strncmp(word, "nr.", 3) || !equals)
			continue;
		*equals = 0;
		settings[count].name = word + 3;
		settings[count++].value = equals + 1;
	}
}

const char *text_of(const char *name)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(settings[i].name, name))
			return settings[i].value;
	return "";
}

long number_of(const char *name, long otherwise)
{
	const char *text = text_of(name);

	return *text ? atol(text) : otherwise;
}
