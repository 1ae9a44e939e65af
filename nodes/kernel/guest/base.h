/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every part of the guest stands on (base.c). */
#ifndef NR_BASE_H
#define NR_BASE_H

#include <stdbool.h>

void open_console(void);	/* once /dev is mounted */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Tells on the console what could not be done and why (errno, unless 0), and powers the machine off. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool put(const char *path, const char *text);	/* writes text to a file; false: errno says why */
void must_put(const char *path, const char *text);
void stay_resident(void);	/* all memory that the process has now; a child of fork does not inherit it */
int fork_resident(const char *what);	/* as fork, but it does not return when it fails */
double now_s(void);
void sleep_s(double seconds);

#endif
