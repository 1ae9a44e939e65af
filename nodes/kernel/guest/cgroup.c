/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A control group with a limit on memory, for the application and the storage socket: a socket is charged to the group of
 * who makes it (mem_cgroup_sk_alloc, mm/memcontrol.c).
 */
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "init.h"

#define ROOT "/sys/fs/cgroup"
#define GROUP ROOT "/limited"

static bool limited;

void make_cgroup(void)
{
	if (!number_of("cgroup_bytes", 0))
		return;
	if (mount("cgroup2", ROOT, "cgroup2", 0, NULL))
		fail("mount " ROOT);
	must_put(ROOT "/cgroup.subtree_control", "+memory");
	if (mkdir(GROUP, 0755))
		fail(GROUP);
	must_put(GROUP "/memory.max", text_of("cgroup_bytes"));
	limited = true;
}

void enter_cgroup(void)
{
	if (limited)
		must_put(GROUP "/cgroup.procs", "0");
}

void leave_cgroup(void)
{
	if (limited)
		must_put(ROOT "/cgroup.procs", "0");
}
