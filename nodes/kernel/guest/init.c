/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's whole user space: one static binary, process 1 of a kernel that swaps over the network. It reads what it is to
 * be from the command line, brings all into force, says READY, and from then on only watches. All of it is resident, so that
 * nothing of it can wait for the swap that it serves. What it says on the console begins with `netreserve: `.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

static bool is_up;

static void mount_all(void)
{
	static const char *const mounts[][2] = {{"proc", "/proc"}, {"devtmpfs", "/dev"}, {"sysfs", "/sys"}};

	for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
		mkdir(mounts[i][1], 0755);
		if (mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, NULL))
			fail("mount %s", mounts[i][1]);
	}
	open_console();
}

/* As soon as its driver is there: some links need seconds to come up, while the other modules load. */
static void bring_network_up(void)
{
	if (!is_up)
		is_up = bring_up("eth0", text_of("address"));
}

static void set_three(const char *path, long value)
{
	char text[64];

	if (!value)
		return;
	snprintf(text, sizeof text, "%ld %ld %ld", value, value, value);
	must_put(path, text);
}

static void set_limits(void)
{
	char text[64];
	long rmem_max = number_of("rmem_max_bytes", 0);

	set_three("/proc/sys/net/ipv4/udp_mem", number_of("udp_mem_pages", 0));
	set_three("/proc/sys/net/ipv4/tcp_mem", number_of("tcp_mem_pages", 0));
	if (rmem_max) {
		long middle = rmem_max < 131072 ? rmem_max : 131072;	/* the kernel's own: tcp_rmem's default */

		snprintf(text, sizeof text, "4096 %ld %ld", middle < 4096 ? 4096 : middle, rmem_max);
		must_put("/proc/sys/net/ipv4/tcp_rmem", text);
	}
	put("/proc/sys/kernel/hung_task_timeout_secs", "0");	/* the autopsy asks by itself */
}

/* The same words as on the control port. */
static void order(int observer, const char *name, long value)
{
	char text[40];

	if (observer < 0) {
		errno = ENODEV;
		fail("%s = %ld: no module", name, value);
	}
	snprintf(text, sizeof text, "%s %ld", name, value);
	if (write(observer, text, strlen(text)) < 0)
		fail("%s = %ld", name, value);
}

/* Swap, or files: whatever the application's pages go to. The storage socket is made within the application's limit. */
static void attach_storage(int observer)
{
	const char *node = NULL;

	enter_cgroup();
	if (number_of("disk", 0))
		node = "/dev/vda";
	else if (!strcmp(text_of("transport"), "nvme"))
		node = attach_nvme(observer);
	else if (*text_of("target"))
		node = attach_nbd(observer);
	leave_cgroup();
	if (!node)
		return;
	if (observer >= 0 && !number_of("disk", 0))
		order(observer, "memalloc", number_of("memalloc", 0));
	if (number_of("files", 0))
		use_files(node, observer);
	else
		use_swap(node, observer);
}

static void set_policy(int observer)
{
	char text[32];

	if (number_of("min_free_kb", 0)) {
		snprintf(text, sizeof text, "%ld", number_of("min_free_kb", 0));
		must_put("/proc/sys/vm/min_free_kbytes", text);
	}
	if (number_of("boost_factor", -1) >= 0)
		must_put("/proc/sys/vm/watermark_boost_factor", text_of("boost_factor"));
	if (!number_of("sender_memalloc", 1))
		order(observer, "sender_memalloc", 0);
	if (number_of("head_reserve", 0))
		order(observer, "head_reserve", 1);
	if (number_of("iface", 0))
		order(observer, "iface", 1);
}

/* Without the module nobody else tells how fast it swaps. */
static void tell_progress(const struct nr_counters *counters)
{
	for (;;) {
		uint64_t progress = 0;

		for (int i = 0; i < NR_TASKS_MAX; i++)
			progress += counters->task[i].progress + counters->task[i].populated;
		say("progress %.3f s %llu pages", now_s(), (unsigned long long)progress);
		sleep_s(1);
	}
}

static void watch_children(struct nr_counters *counters)
{
	for (;;) {
		int status, pid = wait(&status);

		if (pid < 0)
			pause();
		else if (!eater_ended(pid, status, counters))
			say("process %d ended, status %x", pid, status);
	}
}

static void show_memory(void)
{
	static char text[4096];
	int file = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);

	if (file >= 0 && read(file, text, sizeof text - 1) > 0)
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
			if (!strncmp(line, "Mem", 3) || !strncmp(line, "SwapTotal", 9))
				say("%s", line);
	close(file);
}

int main(void)
{
	struct nr_counters *counters;
	int observer;

	mount_all();
	read_settings();
	say("init after %.2f s", now_s());
	must_put("/proc/self/oom_score_adj", "-1000");
	load_modules(bring_network_up);
	if (!is_up) {
		errno = ENODEV;
		fail("eth0");
	}
	if (*text_of("storage_address"))
		add_address("eth0:1", text_of("storage_address"));
	bring_up("lo", "127.0.0.1/8");
	add_neighbours("eth0", text_of("neighbours"));
	set_limits();
	if (number_of("server", 0))
		serve_nvme();
	observer = open("/dev/netreserve", O_RDWR | O_CLOEXEC);
	counters = mmap(NULL, sizeof *counters, PROT_READ | PROT_WRITE,
			observer < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, observer, 0);
	if (counters == MAP_FAILED)
		fail("counters");
	make_cgroup();
	attach_storage(observer);
	set_policy(observer);
	open_sinks(text_of("sinks"), counters);
	stay_resident();
	show_memory();
	put("/proc/sys/kernel/printk", "7");	/* stacks of sysrq are KERN_INFO */
	say("ready after %.2f s", now_s());
	start_eaters(counters);
	if (observer < 0 && !fork_resident("progress"))
		tell_progress(counters);
	watch_children(counters);
}
