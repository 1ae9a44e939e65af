// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The interface policy (Phillips 2005): a packet that lies in reserve memory is dropped as soon as it comes in, unless it
 * comes from the storage target. Mainline drops it later, at the socket.
 */
#include <linux/ip.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_netdev.h>
#include <linux/rtnetlink.h>

#include "netreserve.h"

atomic_long_t nr_iface_drops;
static bool active, hooked;

static bool from_target(const struct sk_buff *skb)
{
	struct iphdr copy;
	const struct iphdr *ip;

	if (skb->protocol != htons(ETH_P_IP))
		return false;
	ip = skb_header_pointer(skb, skb_network_offset(skb), sizeof(copy), &copy);
	return ip && ip->saddr == nr_target();
}

static unsigned int on_packet(void *unused, struct sk_buff *skb, const struct nf_hook_state *state)
{
	if (!READ_ONCE(active) || !skb_pfmemalloc(skb) || from_target(skb))
		return NF_ACCEPT;
	atomic_long_inc(&nr_iface_drops);	/* a queue may be on any CPU */
	return NF_DROP;
}

static struct nf_hook_ops hook = {
	.hook = on_packet, .pf = NFPROTO_NETDEV, .hooknum = NF_NETDEV_INGRESS, .priority = -1000};

bool nr_iface(void)
{
	return READ_ONCE(active);
}

int nr_set_iface(bool on)
{
	int error = 0;

	if (on && !hooked) {
		hook.dev = dev_get_by_name(&init_net, "eth0");
		if (!hook.dev)
			return -ENODEV;
		error = nf_register_net_hook(&init_net, &hook);
		dev_put(hook.dev);
		hooked = !error;
	}
	if (!error)
		WRITE_ONCE(active, on);
	return error;
}
