/* SPDX-License-Identifier: GPL-2.0-or-later */
/* init: the guest's whole user space. What its parts know of each other. */
#ifndef NR_INIT_H
#define NR_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"
#include "shared.h"

/* settings.c: nr.<name>=<value> of the kernel's command line (nodes/kernel/protocol.py, Settings) */
void read_settings(void);
const char *text_of(const char *name);		/* "" where it is not given */
long number_of(const char *name, long otherwise);

/* modules.c */
void load_modules(void (*after_each)(void));
void load_module(const char *name, const char *options);

/* network.c */
bool bring_up(const char *interface, const char *address_and_prefix);
void add_address(const char *label, const char *address_and_prefix);
void add_neighbours(const char *interface, const char *list);
int connect_to(const char *host_and_port, double patience_s);
void split_target(const char *host_and_port, char *host, size_t bytes, int *port);

/* nbd.c, nvme.c: bring a block device of the target; return its node's name */
const char *attach_nbd(int observer);
const char *attach_nvme(int observer);
_Noreturn void serve_nvme(void);

/* swap.c */
const char *area_of(const char *node);		/* this guest's part of a disk, or the disk: its node's name */
void use_swap(const char *node, int observer);

/* files.c */
#define FILES "/files"
void use_files(const char *node, int observer);

/* relay.c */
int relayed(int target);	/* the kernel's end of a process that carries to and from the socket `target` */

/* cgroup.c: nothing, where no limit is asked for */
void make_cgroup(void);
void enter_cgroup(void);	/* the calling process, and what it makes from now on */
void leave_cgroup(void);

/* sinks.c */
void open_sinks(const char *list, const struct nr_counters *counters);

/* eater.c */
void start_eaters(struct nr_counters *counters);
bool eater_ended(int pid, int status, struct nr_counters *counters);	/* true: it was one */

#endif
