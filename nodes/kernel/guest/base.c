/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every part of the guest needs: to say and to fail on the console, to write a file, to stay in memory, to wait. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#include "base.h"

static int console = 2;	/* stderr, until the console is open */

void open_console(void)
{
	console = open("/dev/console", O_RDWR | O_CLOEXEC);
}

static void say_all(const char *mark, const char *format, va_list values, int error)
{
	char line[400];
	int length = snprintf(line, sizeof line, "netreserve: %s", mark);

	length += vsnprintf(line + length, sizeof line - length, format, values);
	if (error && length < (int)sizeof line)
		length += snprintf(line + length, sizeof line - length, ": %s", strerror(error));
	if (length > (int)sizeof line - 2)
		length = sizeof line - 2;
	line[length] = '\n';
	(void)!write(console, line, length + 1);
}

void say(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	say_all("", format, values, 0);
	va_end(values);
}

void fail(const char *format, ...)
{
	int error = errno;
	va_list values;

	va_start(values, format);
	say_all("FAILED ", format, values, error);
	va_end(values);
	sleep_s(0.1);	/* the console's last bytes */
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

bool put(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);
	bool done = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
	int error = errno;

	if (file >= 0)
		close(file);
	errno = error;
	return done;
}

void must_put(const char *path, const char *text)
{
	if (!put(path, text))
		fail("%s = %s", path, text);
}

void stay_resident(void)
{
	if (mlockall(MCL_CURRENT))
		fail("mlockall");
}

int fork_resident(const char *what)
{
	int pid = fork();

	if (pid < 0)
		fail("%s: fork", what);
	if (!pid)
		stay_resident();
	return pid;
}

double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

void sleep_s(double seconds)
{
	struct timespec time = {.tv_sec = (time_t)seconds};

	time.tv_nsec = (long)((seconds - time.tv_sec) * 1e9);
	nanosleep(&time, NULL);
}
