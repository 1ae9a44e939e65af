// SPDX-License-Identifier: GPL-2.0-or-later
/* What the host can ask for: `<number> <name> <value>`, one line each. All of it runs in process context. */
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "netreserve.h"

static int *min_free, *user_min_free, *boost_factor;
static void (*set_watermarks)(void);
static unsigned long (*lookup)(const char *name);

unsigned long nr_symbol(const char *name)
{
	return lookup(name);
}

/* kallsyms_lookup_name is not exported since 5.7; a kprobe still finds it. */
int nr_find_symbols(void)
{
	struct kprobe probe = {.symbol_name = "kallsyms_lookup_name"};
	int error = register_kprobe(&probe);

	if (error)
		return error;
	lookup = (void *)probe.addr;
	unregister_kprobe(&probe);
	min_free = (int *)lookup("min_free_kbytes");
	user_min_free = (int *)lookup("user_min_free_kbytes");
	boost_factor = (int *)lookup("watermark_boost_factor");
	set_watermarks = (void (*)(void))lookup("setup_per_zone_wmarks");
	return 0;
}

int nr_min_free_kb(void)
{
	return min_free ? READ_ONCE(*min_free) : 0;
}

int nr_boost_factor(void)
{
	return boost_factor ? READ_ONCE(*boost_factor) : -1;
}

/* What writing vm.min_free_kbytes does (mm/page_alloc.c), without a process that would have to run for it. */
static int set_min_free_kb(long value)
{
	if (!min_free || !set_watermarks)
		return -ENOSYS;
	if (value < 128 || value > totalram_pages() * (PAGE_SIZE / 1024) / 2)
		return -ERANGE;
	WRITE_ONCE(*min_free, value);
	if (user_min_free)
		WRITE_ONCE(*user_min_free, value);
	set_watermarks();
	return 0;
}

static int set_period_ms(long value)
{
	if (value < 20 || value > 60000)
		return -ERANGE;
	WRITE_ONCE(nr_period_ms, value);
	return 0;
}

static int set_memalloc(long value) { return nr_set_memalloc(value); }
static int set_sender_memalloc(long value) { return nr_set_sender_memalloc(value); }
static int set_iface(long value) { return nr_set_iface(value); }
static int set_head_reserve(long value)
{
	if (value && !nr_planted(NR_HEAD_FIXED))
		return -ENOSYS;
	WRITE_ONCE(nr_head_reserve, value);
	return 0;
}

static const struct {
	const char *name;
	int (*act)(long value);
} commands[] = {
	{"memalloc", set_memalloc},
	{"sender_memalloc", set_sender_memalloc},
	{"head_reserve", set_head_reserve},
	{"iface", set_iface},
	{"min_free_kb", set_min_free_kb},
	{"give_heads", nr_give_heads},
	{"give_pages", nr_give_pages},
	{"period_ms", set_period_ms},
};

bool nr_parse(char *line, struct nr_command *command)
{
	return sscanf(line, "%u %23s %ld", &command->number, command->name, &command->value) == 3;
}

int nr_carry_out(const struct nr_command *command)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(command->name, commands[i].name))
			return commands[i].act(command->value);
	return -EINVAL;
}
