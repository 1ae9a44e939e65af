/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the module know of each other. */
#ifndef NR_MODULE_H
#define NR_MODULE_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/skbuff.h>
#include <net/sock.h>

#include "shared.h"

/* main.c: the device, the timer, the thread */
extern struct nr_counters *nr_counters;
extern int nr_period_ms;
bool nr_ask(u32 number, const char *name, long value);	/* false: one before is not done, ask again */

/* commands.c: what can be asked for */
struct nr_command {
	u32 number;
	char name[24];
	long value;
};
bool nr_parse(char *line, struct nr_command *command);
int nr_carry_out(const struct nr_command *command);
int nr_find_symbols(void);
int nr_min_free_kb(void);
int nr_boost_factor(void);		/* -1: this kernel has none, or it is not to be found */
unsigned long nr_symbol(const char *name);

/* block.c: the block device's sockets and requests */
#define NR_SOCKETS_MAX 8
int nr_take_socket(int fd);
int nr_take_connections(const struct nr_peer *peer);
int nr_take_block(int fd);
int nr_set_memalloc(bool on);
int nr_memalloc(void);			/* 1, 0; -1: there is no block socket */
struct sock *nr_block_sock(void);	/* the socket that carries data, or NULL */
__be32 nr_target(void);
bool nr_is_block_sock(const struct sock *sk);
struct request_queue *nr_block_queue(void);
struct nr_requests {
	int in_flight;
	unsigned long reads, writes;
};
void nr_requests(struct nr_requests *requests);

/* hook.c: the interface policy */
extern atomic_long_t nr_iface_drops;
int nr_set_iface(bool on);
bool nr_iface(void);

/* sender.c: the sender's rights */
extern atomic_long_t nr_bare_sends;	/* sends of the block socket that had none ... */
extern atomic_long_t nr_bare_reclaimers;	/* ... and those among them that no worker made */
int nr_set_sender_memalloc(bool on);
bool nr_sender_memalloc(void);

/* probes.c: failures by path, and the head reserve */
enum nr_count { NR_FAIL_HEAD, NR_FAIL_DATA, NR_FAIL_PAGE, NR_FILTER_DROP, NR_HEAD_FIXED, NR_UDP_QUEUED, NR_COUNTS };
extern atomic_long_t nr_count[NR_COUNTS];
extern bool nr_head_reserve;
void nr_plant(void);
bool nr_planted(enum nr_count count);

/* spares.c: memory held back, given out by hand */
void nr_hold_spares(void);
int nr_give_heads(long count);
int nr_give_pages(long count);

/* figures.c: the telemetry line */
void nr_take_device_figures(void);	/* in the thread: drivers lock without disabling softirqs */
void nr_note_free(void);
const char *nr_line(u32 ack, u32 nak, size_t *bytes);

#endif
