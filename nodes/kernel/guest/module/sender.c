// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The sender's rights, taken away: how a kernel sent to its swap device before 3.6.
 *
 * Since then nbd allocates with PF_MEMALLOC and __GFP_MEMALLOC around each send, whatever the socket's flag (__sock_xmit in
 * drivers/block/nbd.c), so clearing the flag does not make such a kernel again. Before, a thread of nbd's own sent everything,
 * with GFP_NOIO alone: down to min and no further (sock_xmit and nbd_thread in 3.5). Here a probe has the queue run by a
 * worker, which stands for that thread (a task in reclaim has PF_MEMALLOC by itself, and must not reclaim again); others take
 * the rights from each of its sends, at the last place before they are used: the receiver's own calls set sk_allocation anew
 * while a send is under way.
 */
#include <linux/blk-mq.h>
#include <linux/kprobes.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <net/sock.h>

#include "netreserve.h"

#define BARE (GFP_NOIO | __GFP_NOMEMALLOC)

atomic_long_t nr_bare_sends, nr_bare_reclaimers;
static bool bare, planted;
static struct task_struct *sender;

/* tcp_sendmsg(sk, message, size): what it was before comes back by itself, in memalloc_noreclaim_restore. */
static int on_send(struct kprobe *probe, struct pt_regs *regs)
{
	struct sock *sk = (void *)regs->di;

	if (!READ_ONCE(bare) || !nr_is_block_sock(sk))
		return 0;
	sk->sk_allocation = BARE;
	WRITE_ONCE(sender, current);
	if (current->flags & PF_WQ_WORKER)
		current->flags &= ~PF_MEMALLOC;
	else
		atomic_long_inc(&nr_bare_reclaimers);
	atomic_long_inc(&nr_bare_sends);
	return 0;
}

/* tcp_recvmsg(sk, ...) and sk_page_frag_refill(sk, fragment) */
static int on_use(struct kprobe *probe, struct pt_regs *regs)
{
	struct sock *sk = (void *)regs->di;

	if (READ_ONCE(bare) && nr_is_block_sock(sk))
		sk->sk_allocation = BARE;
	return 0;
}

/* __alloc_skb(size, gfp_mask, flags, node) */
static int on_head(struct kprobe *probe, struct pt_regs *regs)
{
	if (READ_ONCE(bare) && READ_ONCE(sender) == current && in_task())
		regs->si = (regs->si & ~(unsigned long)__GFP_MEMALLOC) | __GFP_NOMEMALLOC;
	return 0;
}

/* blk_mq_run_hw_queue(hctx, async) */
static int on_run(struct kprobe *probe, struct pt_regs *regs)
{
	const struct blk_mq_hw_ctx *hctx = (void *)regs->di;

	if (READ_ONCE(bare) && hctx->queue == nr_block_queue())
		regs->si = true;
	return 0;
}

static struct kprobe on_sending = {.symbol_name = "tcp_sendmsg", .pre_handler = on_send},
		     on_receiving = {.symbol_name = "tcp_recvmsg", .pre_handler = on_use},
		     on_data = {.symbol_name = "sk_page_frag_refill", .pre_handler = on_use},
		     on_heads = {.symbol_name = "__alloc_skb", .pre_handler = on_head},
		     on_running = {.symbol_name = "blk_mq_run_hw_queue", .pre_handler = on_run};
static struct kprobe *probes[] = {&on_sending, &on_receiving, &on_data, &on_heads, &on_running};

/* The probes are planted when they are first asked for: other machines run without them. All of them, or nothing. */
int nr_set_sender_memalloc(bool on)
{
	if (!on && !planted) {
		if (register_kprobes(probes, ARRAY_SIZE(probes)))
			return -ENOSYS;
		planted = true;
	}
	WRITE_ONCE(bare, !on);
	return 0;
}

bool nr_sender_memalloc(void)
{
	return !READ_ONCE(bare);
}
