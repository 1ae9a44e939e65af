/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The application: it goes round its pages, sees that each is what it wrote, and writes it anew. A page's words are derived
 * from its number and the round, so that an old or another's page is known. In its steady state it makes no system call
 * but to sleep, and needs no memory but what it asks for.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

#define WORDS (4096 / sizeof(uint64_t))
#define BURST_PAGES 16	/* touched between two looks at the clock */
#define DEBT_S 0.1	/* what it was late by and may make up for; beyond that it was held up, and does not hurry */

static int pids[NR_TASKS_MAX];

struct eater {
	struct nr_task *counters;
	uint64_t *memory;
	uint64_t first, pages;	/* its part of all pages */
	double pages_per_s;	/* 0: as fast as it can */
	int file;		/* its pages are those of a file, and `memory` holds one at a time; -1: of its own memory */
	bool writes;
	double due_s;
};

/* The first of splitmix64's mixing steps: enough for seeds of other pages and rounds to lie far off. */
static uint64_t seed_of(uint64_t page, uint64_t round)
{
	uint64_t z = (page << 20) ^ round * 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	return z ^ (z >> 27);
}

static void write_page(uint64_t *words, uint64_t seed)
{
	for (size_t i = 0; i < WORDS; i++)
		words[i] = seed + i;
}

static bool is_right(const uint64_t *words, uint64_t seed)
{
	for (size_t i = 0; i < WORDS; i++)
		if (words[i] != seed + i)
			return false;
	return true;
}

static void keep_pace(struct eater *eater, unsigned touched)
{
	double now;

	if (!eater->pages_per_s)
		return;
	now = now_s();
	eater->due_s += touched / eater->pages_per_s;
	if (eater->due_s > now)
		sleep_s(eater->due_s - now);
	else if (eater->due_s < now - DEBT_S)
		eater->due_s = now - DEBT_S;
}

/* A page that does not come back ends a process that has it mapped: likewise one that reads it. */
static void move(struct eater *eater, uint64_t index, ssize_t (*move_page)(int, void *, size_t, off_t))
{
	if (eater->file >= 0 && move_page(eater->file, eater->memory, 4096, index * 4096) != 4096)
		raise(SIGBUS);
}

static ssize_t write_out(int file, void *page, size_t bytes, off_t place)
{
	return pwrite(file, page, bytes, place);
}

static void touch(struct eater *eater, uint64_t index, uint64_t round)
{
	volatile struct nr_task *counters = eater->counters;
	uint64_t *words = eater->memory + (eater->file < 0 ? index * WORDS : 0), page = eater->first + index;
	uint64_t was = seed_of(page, eater->writes ? round - 1 : 0);

	if (!round) {
		write_page(words, seed_of(page, 0));
		move(eater, index, write_out);
		counters->populated++;
		return;
	}
	move(eater, index, pread);
	if (is_right(words, was)) {
		counters->verified++;
	} else {
		counters->corrupt++;
		write_page(words, was);	/* so that it is counted once */
	}
	if (eater->writes) {
		write_page(words, seed_of(page, round));
		move(eater, index, write_out);
	}
	counters->progress++;
}

static int open_file(uint64_t number)
{
	char path[32];
	int file;

	if (!number_of("files", 0))
		return -1;
	snprintf(path, sizeof path, FILES "/%llu", (unsigned long long)number);
	file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (file < 0)
		fail("%s", path);
	return file;
}

static _Noreturn void eat(struct eater eater)
{
	uint64_t touched = 0;

	enter_cgroup();
	eater.memory = mmap(NULL, (eater.file < 0 ? eater.pages : 1) * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (eater.memory == MAP_FAILED)
		fail("working set");
	must_put("/proc/self/oom_score_adj", "500");
	eater.due_s = now_s();
	for (uint64_t round = 0;; round++)
		for (uint64_t index = 0; index < eater.pages; index++) {
			touch(&eater, index, round);
			if (++touched % BURST_PAGES == 0)	/* whole bursts, whatever a round has */
				keep_pace(&eater, BURST_PAGES);
		}
}

void start_eaters(struct nr_counters *counters)
{
	uint64_t pages = number_of("working_set_pages", 0), tasks = number_of("tasks", 1), first = 0;

	if (tasks > NR_TASKS_MAX)
		tasks = NR_TASKS_MAX;
	for (uint64_t i = 0; pages && i < tasks; i++) {
		struct eater eater = {
			.counters = &counters->task[i],
			.first = first,
			.pages = (pages - first) / (tasks - i),
			.pages_per_s = (double)number_of("touch_pages_per_s", 0) / tasks,
			.writes = strcmp(text_of("work"), "read"),
		};

		first += eater.pages;
		pids[i] = fork_resident("eater");
		if (!pids[i]) {
			eater.file = open_file(i);
			eat(eater);
		}
	}
}

bool eater_ended(int pid, int status, struct nr_counters *counters)
{
	for (int i = 0; i < NR_TASKS_MAX; i++)
		if (pids[i] == pid) {
			counters->task[i].dead = 1;
			say("eater %d ended: %s %d", i, WIFSIGNALED(status) ? "signal" : "exit",
			    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
			return true;
		}
	return false;
}
