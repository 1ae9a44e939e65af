// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which allocation of the receive path fails, seen by return probes; and the head reserve.
 *
 * The head reserve is netreserve's own extension and in no kernel. While the block socket is flagged, the data of a
 * received packet may come from the reserve, but its descriptor, the sk_buff head, is allocated with plain GFP_ATOMIC
 * (napi_skb_cache_get, __build_skb in net/core/skbuff.c). Here the head gets the same right.
 */
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/skbuff.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#include <net/hotdata.h>
#endif

#include "netreserve.h"

static bool probes = true;
module_param(probes, bool, 0444);
MODULE_PARM_DESC(probes, "count failures by path, allow head_reserve (default: yes)");

atomic_long_t nr_count[NR_COUNTS];
bool nr_head_reserve;
static bool planted[NR_COUNTS];
static struct kmem_cache *head_cache;

static void add(enum nr_count which)
{
	atomic_long_inc(&nr_count[which]);
}

/*
 * Reception alone is watched. A return probe puts itself between a function and its caller: in a task that sleeps there
 * it would hide the caller from the stack that an autopsy reads, but a softirq never sleeps.
 */
static int in_reception(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	return !in_serving_softirq();	/* not 0: do not look at what it returns */
}

/* kmem_cache_alloc*(cache, flags, ...) */
static int head_asked(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	if ((void *)regs->di != head_cache || !in_serving_softirq())
		return 1;
	if (READ_ONCE(nr_head_reserve) && nr_memalloc() == 1) {
		regs->si |= __GFP_MEMALLOC;
		add(NR_HEAD_FIXED);
	}
	return 0;
}

static int head_came(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	if (!regs_return_value(regs))
		add(NR_FAIL_HEAD);
	return 0;
}

static int data_came(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	if (!regs_return_value(regs))
		add(NR_FAIL_DATA);
	return 0;
}

static int refill_came(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	if (!(regs_return_value(regs) & 0xff)) /* a bool */
		add(NR_FAIL_DATA);
	return 0;
}

/* What sk_filter_trim_cap() answers for the want of a flag alone: a negative errno in 6.12, a reason in 7.3. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#define NOT_FLAGGED SKB_DROP_REASON_PFMEMALLOC
#else
#define NOT_FLAGGED (-ENOMEM)
#endif

static int filter_came(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	if ((int)regs_return_value(regs) == NOT_FLAGGED)
		add(NR_FILTER_DROP);
	return 0;
}

static int datagram_came(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	if (!(int)regs_return_value(regs))
		add(NR_UDP_QUEUED);
	return 0;
}

/* Every function by the names it has had, newest first: 6.10 put `_noprof` behind those that allocate. */
static struct {
	struct kretprobe probe;
	const char *names[3];
	enum nr_count count;
} watched[] = {
	{{.handler = head_came, .entry_handler = head_asked}, {"kmem_cache_alloc_bulk_noprof", "kmem_cache_alloc_bulk"}, NR_FAIL_HEAD},
	{{.handler = head_came, .entry_handler = head_asked}, {"kmem_cache_alloc_noprof", "kmem_cache_alloc"}, NR_FAIL_HEAD},
	{{.handler = head_came, .entry_handler = head_asked}, {"kmem_cache_alloc_node_noprof", "kmem_cache_alloc_node"}, NR_FAIL_HEAD},
	{{.handler = data_came, .entry_handler = in_reception}, {"__page_frag_alloc_align", "page_frag_alloc_align"}, NR_FAIL_DATA},
	{{.handler = refill_came, .entry_handler = in_reception}, {"skb_page_frag_refill"}, NR_FAIL_DATA},
	{{.handler = filter_came, .entry_handler = in_reception}, {"sk_filter_trim_cap"}, NR_FILTER_DROP},
	{{.handler = datagram_came, .entry_handler = in_reception}, {"__udp_enqueue_schedule_skb"}, NR_UDP_QUEUED},
};

/*
 * warn_alloc(flags, nodemask, "page allocation failure: order:%u", order) is called for every failure, whether it warns
 * or not. Only single pages count: whoever asks for more tries again with one.
 */
static int page_failed(struct kprobe *probe, struct pt_regs *regs)
{
	if (!(u32)regs->cx) {
		add(NR_FAIL_PAGE);
		nr_note_free();
	}
	return 0;
}

static struct kprobe page_probe = {.symbol_name = "warn_alloc", .pre_handler = page_failed};

/* Its variable was renamed in 6.3, and moved into net_hotdata in 6.9. */
static struct kmem_cache *find_head_cache(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	return net_hotdata.skbuff_cache;
#else
	struct kmem_cache **cache = (void *)nr_symbol("skbuff_head_cache");

	if (!cache)
		cache = (void *)nr_symbol("skbuff_cache");
	return cache ? *cache : NULL;
#endif
}

static bool plant(struct kretprobe *probe, const char *const names[3])
{
	int i;

	if (probe->entry_handler == head_asked && !head_cache) {
		pr_warn("netreserve: no probe on %s: the heads' cache is not to be found\n", names[0]);
		return false;
	}
	for (i = 0; i < 3 && names[i]; i++)
		if (nr_symbol(names[i])) {
			probe->kp.symbol_name = names[i];
			probe->maxactive = 32;
			if (!register_kretprobe(probe))
				return true;
			break;
		}
	pr_warn("netreserve: no probe on %s\n", names[0]);
	return false;
}

/* A count holds only if all its places are watched: what is seen at one of them alone would pass for all there is. */
void nr_plant(void)
{
	bool complete[NR_COUNTS] = {};
	int i;

	if (!probes)
		return;
	head_cache = find_head_cache();
	for (i = 0; i < ARRAY_SIZE(watched); i++)
		complete[watched[i].count] = true;
	for (i = 0; i < ARRAY_SIZE(watched); i++)
		complete[watched[i].count] &= plant(&watched[i].probe, watched[i].names);
	complete[NR_HEAD_FIXED] = complete[NR_FAIL_HEAD];
	complete[NR_FAIL_PAGE] = !register_kprobe(&page_probe);
	if (!complete[NR_FAIL_PAGE])
		pr_warn("netreserve: no probe on %s\n", page_probe.symbol_name);
	memcpy(planted, complete, sizeof(planted));
}

bool nr_planted(enum nr_count count)
{
	return planted[count];
}
