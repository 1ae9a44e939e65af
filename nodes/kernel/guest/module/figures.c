// SPDX-License-Identifier: GPL-2.0-or-later
/* The telemetry line: `T key=value ...`, built in a buffer of its own from counters that the kernel keeps anyway. */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/netdevice.h>
#include <linux/timekeeping.h>
#include <linux/vmstat.h>
#include <net/ip.h>
#include <net/tcp.h>
#include <net/udp.h>

#include "netreserve.h"

static char line[2048];
static size_t length;
static unsigned long lowest = ULONG_MAX;
static u64 rx_packets, rx_dropped;

static void put(const char *name, long long value)
{
	length += scnprintf(line + length, sizeof(line) - length, " %s=%lld", name, value);
}

static long long counted(enum nr_count which)
{
	return atomic_long_read(&nr_count[which]);
}

/* What nobody counts is left out: 0 would say that there was none. */
static void put_counted(const char *name, enum nr_count which)
{
	if (nr_planted(which))
		put(name, counted(which));
}

/* The guest has one node of memory; for_each_populated_zone() is not for modules. */
#define for_each_zone_here(zone) \
	for (zone = NODE_DATA(0)->node_zones; zone < NODE_DATA(0)->node_zones + MAX_NR_ZONES; zone++) \
		if (populated_zone(zone))

static unsigned long pages_free(void)
{
	unsigned long pages = 0;
	struct zone *zone;

	for_each_zone_here(zone)
		pages += zone_page_state_snapshot(zone, NR_FREE_PAGES);
	return pages;
}

void nr_note_free(void)
{
	unsigned long pages = pages_free();

	if (pages < READ_ONCE(lowest))
		WRITE_ONCE(lowest, pages);
}

/*
 * Some drivers count under a lock that softirqs do not respect (e1000e, igb: stats64_lock). Figures are cleared before they
 * are summed up: the timer may see them only when they are whole.
 */
void nr_take_device_figures(void)
{
	struct net_device *device = dev_get_by_name(&init_net, "eth0");
	struct rtnl_link_stats64 figures;

	if (!device)
		return;
	dev_get_stats(device, &figures);
	dev_put(device);
	WRITE_ONCE(rx_packets, figures.rx_packets);
	WRITE_ONCE(rx_dropped, figures.rx_dropped + figures.rx_missed_errors);
}

static void put_memory(void)
{
	unsigned long min = 0, low = 0, high = 0, boost = 0, pcp = 0, pages = pages_free();
	struct zone *zone;
	int cpu;

	for_each_zone_here(zone) {
		/* without the boost that a fragmented zone gets for a while, which is told apart */
		min += zone->_watermark[WMARK_MIN];
		low += zone->_watermark[WMARK_LOW];
		high += zone->_watermark[WMARK_HIGH];
		boost += READ_ONCE(zone->watermark_boost);
		for_each_online_cpu(cpu)
			pcp += per_cpu_ptr(zone->per_cpu_pageset, cpu)->count;
	}
	put("min_free_kb", nr_min_free_kb());
	put("free", pages);
	put("pcp", pcp);
	put("min", min);
	put("low", low);
	put("high", high);
	put("boost", boost);
	put("boost_factor", nr_boost_factor());
	put("lowest", min(xchg(&lowest, ULONG_MAX), pages));
	put("dirty", global_node_page_state(NR_FILE_DIRTY));
	put("writeback", global_node_page_state(NR_WRITEBACK));
	put("anon", global_node_page_state(NR_ACTIVE_ANON) + global_node_page_state(NR_INACTIVE_ANON));
	put("slab", global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B) +
		    global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B));
}

static void put_events(void)
{
	unsigned long in = 0, out = 0, stalls = 0, oom = 0, sectors = 0;
	int cpu, zone;

	for_each_possible_cpu(cpu) {
		unsigned long *event = per_cpu(vm_event_states, cpu).event;

		in += event[PSWPIN];
		out += event[PSWPOUT];
		oom += event[OOM_KILL];
		sectors += event[PGPGIN];
		for (zone = 0; zone < MAX_NR_ZONES; zone++)
			stalls += event[ALLOCSTALL_NORMAL - ZONE_NORMAL + zone];
	}
	put("swap_in", in);
	put("swap_out", out);
	put("read_in", sectors >> PAGE_SECTORS_SHIFT);
	put("written", global_node_page_state(NR_WRITTEN));
	put("stalls", stalls);
	put("oom", oom);
}

/* Of the group that the storage socket is charged to. */
static void put_cgroup(const struct sock *sk)
{
#ifdef CONFIG_MEMCG
	struct mem_cgroup *group = READ_ONCE(sk->sk_memcg);

	if (!group)
		return;
	put("cgroup_max", READ_ONCE(group->memory.max));
	put("cgroup", page_counter_read(&group->memory));
#endif
}

static void put_block(void)
{
	struct nr_requests requests;
	struct sock *sk = nr_block_sock();

	nr_requests(&requests);
	put("in_flight", requests.in_flight);
	put("reads", requests.reads);
	put("writes", requests.writes);
	if (!sk)
		return;
	put_cgroup(sk);
	put("bare_sends", atomic_long_read(&nr_bare_sends));
	put("bare_reclaimers", atomic_long_read(&nr_bare_reclaimers));
	put("block_drop", atomic_read(&sk->sk_drops));
	put("rcv_nxt", tcp_sk(sk)->rcv_nxt);
	put("snd_una", tcp_sk(sk)->snd_una);
	put("snd_nxt", tcp_sk(sk)->snd_nxt);
	put("rto_ms", jiffies_to_msecs(inet_csk(sk)->icsk_rto));
	put("retransmits", inet_csk(sk)->icsk_retransmits);
}

/* As snmp_fold_field() of net/ipv4/af_inet.c does, which newer kernels (7.3) keep to themselves. */
static unsigned long folded(const void __percpu *mib, int which)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += ((const unsigned long *)per_cpu_ptr(mib, cpu))[which];
	return sum;
}

static unsigned long tcp_figure(int which)
{
	return folded(init_net.mib.net_statistics, which);
}

static unsigned long udp_figure(int which)
{
	return folded(init_net.mib.udp_statistics, which);
}

static void put_network(void)
{
	unsigned long pfmemalloc_drop = tcp_figure(LINUX_MIB_PFMEMALLOCDROP);

	put("rx_packets", READ_ONCE(rx_packets));
	put("rx_dropped", READ_ONCE(rx_dropped));
	put("pfmemalloc_drop", pfmemalloc_drop);
	put("filter_drop", nr_planted(NR_FILTER_DROP) ? counted(NR_FILTER_DROP) : pfmemalloc_drop);
	put("rcvbuf_drop", udp_figure(UDP_MIB_RCVBUFERRORS) + tcp_figure(LINUX_MIB_TCPRCVQDROP) +
			   tcp_figure(LINUX_MIB_TCPBACKLOGDROP));
	put("iface_drop", atomic_long_read(&nr_iface_drops));
	put_counted("fail_head", NR_FAIL_HEAD);
	put_counted("fail_data", NR_FAIL_DATA);
	put_counted("fail_page", NR_FAIL_PAGE);
	put_counted("head_fixed", NR_HEAD_FIXED);
	put("udp_pages", atomic_long_read(udp_prot.memory_allocated));
	put("tcp_pages", atomic_long_read(tcp_prot.memory_allocated));
	put("udp_packets", nr_planted(NR_UDP_QUEUED) ? counted(NR_UDP_QUEUED) : udp_figure(UDP_MIB_INDATAGRAMS));
}

static void put_tasks(void)
{
	struct nr_task sum = {};
	int i;

	for (i = 0; i < NR_TASKS_MAX; i++) {
		const struct nr_task *task = &nr_counters->task[i];

		sum.progress += READ_ONCE(task->progress);
		sum.populated += READ_ONCE(task->populated);
		sum.verified += READ_ONCE(task->verified);
		sum.corrupt += READ_ONCE(task->corrupt);
		sum.dead += READ_ONCE(task->dead);
	}
	put("progress", sum.progress);
	put("populated", sum.populated);
	put("verified", sum.verified);
	put("corrupt", sum.corrupt);
	put("dead", sum.dead);
}

/* Only the timer calls it, so there is one at a time. */
const char *nr_line(u32 ack, u32 nak, size_t *bytes)
{
	line[0] = 'T';
	length = 1;
	put("t", ktime_get_boottime_ns() / NSEC_PER_MSEC);
	put("ack", ack);
	put("nak", nak);
	put("memalloc", nr_memalloc());
	put("sender_memalloc", nr_sender_memalloc());
	put("head_reserve", READ_ONCE(nr_head_reserve));
	put("iface", nr_iface());
	put_memory();
	put_events();
	put_block();
	put_network();
	put_tasks();
	length = min(length, sizeof(line) - 2);
	line[length++] = '\n';
	*bytes = length;
	return line;
}
