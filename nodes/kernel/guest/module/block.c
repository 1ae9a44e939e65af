// SPDX-License-Identifier: GPL-2.0-or-later
/* The block device: its sockets, whose SOCK_MEMALLOC is set and cleared, and its requests. */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/net.h>
#include <linux/part_stat.h>
#include <net/inet_hashtables.h>
#include <net/tcp.h>

#include "netreserve.h"

static struct sock *socks[NR_SOCKETS_MAX];
static int sock_count;
static struct file *block_file;
static struct block_device *block;

/* With a reference, which is kept. */
static void take(struct sock *sk)
{
	socks[sock_count] = sk;
	smp_store_release(&sock_count, sock_count + 1);
}

static u64 moved_bytes(const struct sock *sk)
{
	return tcp_sk(sk)->bytes_acked + tcp_sk(sk)->bytes_received;
}

int nr_take_socket(int fd)
{
	int error;
	struct socket *socket = sockfd_lookup(fd, &error);

	if (!socket)
		return error;
	if (socket->sk->sk_family != AF_INET || !sk_is_tcp(socket->sk)) {
		error = -EPROTOTYPE;
	} else if (sock_count >= NR_SOCKETS_MAX) {
		error = -ENOSPC;
	} else {
		error = 0;
		sock_hold(socket->sk);
		take(socket->sk);
	}
	sockfd_put(socket);
	return error;
}

static bool is_to(const struct sock *sk, const struct nr_peer *peer)
{
	return sk->sk_state == TCP_ESTABLISHED && sk->sk_family == AF_INET && sk->sk_daddr == peer->address &&
	       sk->sk_dport == peer->port;
}

bool nr_is_block_sock(const struct sock *sk)
{
	int i, count = smp_load_acquire(&sock_count);

	for (i = 0; i < count; i++)
		if (socks[i] == sk)
			return true;
	return false;
}

/*
 * False: look through it anew. As __inet_lookup_established does: a socket that is freed meanwhile may become another at the
 * same place (SLAB_TYPESAFE_BY_RCU), in another chain even. So only what is held is surely looked at, and a walk that ends
 * in another chain was led astray.
 */
static bool take_from(struct inet_hashinfo *table, unsigned int chain, const struct nr_peer *peer)
{
	const struct hlist_nulls_node *node;
	struct sock *sk;

	sk_nulls_for_each_rcu(sk, node, &table->ehash[chain].chain) {
		if (sock_count >= NR_SOCKETS_MAX)
			return true;
		if (!is_to(sk, peer) || nr_is_block_sock(sk) || !refcount_inc_not_zero(&sk->sk_refcnt))
			continue;
		if (!is_to(sk, peer)) {
			sock_put(sk);
			return false;
		}
		take(sk);
	}
	return get_nulls_value(node) == chain;
}

/* Block devices that open their own sockets show them to nobody: look for them among all connections. */
int nr_take_connections(const struct nr_peer *peer)
{
	struct inet_hashinfo *table = init_net.ipv4.tcp_death_row.hashinfo;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i <= table->ehash_mask; i++)
		while (!take_from(table, i, peer))
			;
	rcu_read_unlock();
	return sock_count ? sock_count : -ENOTCONN;
}

int nr_take_block(int fd)
{
	struct file *file = fget(fd);
	int error;

	if (!file)
		return -EBADF;
	/* never another one: the timer may be reading its figures */
	error = !S_ISBLK(file_inode(file)->i_mode) ? -ENOTBLK : block_file ? -EBUSY : 0;
	if (error) {
		fput(file);
		return error;
	}
	block_file = file;
	WRITE_ONCE(block, I_BDEV(file->f_mapping->host));
	return 0;
}

/* NVMe has a connection for each queue: the one that has moved most carries data, the admin queue's stands still. */
struct sock *nr_block_sock(void)
{
	int i, count = smp_load_acquire(&sock_count);
	struct sock *busiest = count ? socks[0] : NULL;

	for (i = 1; i < count; i++)
		if (moved_bytes(socks[i]) > moved_bytes(busiest))
			busiest = socks[i];
	return busiest;
}

__be32 nr_target(void)
{
	struct sock *sk = nr_block_sock();

	return sk ? sk->sk_daddr : 0;
}

/*
 * sk_set_memalloc patches code (a static key) and may sleep: never from the timer. Without lock_sock, as NBD and NVMe
 * themselves do it: in a machine that hangs a sender that waits for memory may hold it, and then no rescue would come.
 */
int nr_set_memalloc(bool on)
{
	int i, count = smp_load_acquire(&sock_count);

	if (!count)
		return -ENOTCONN;
	for (i = 0; i < count; i++) {
		if (on && !sock_flag(socks[i], SOCK_MEMALLOC))
			sk_set_memalloc(socks[i]);
		else if (!on && sock_flag(socks[i], SOCK_MEMALLOC))
			sk_clear_memalloc(socks[i]);
	}
	return 0;
}

/* NVMe's client may have connected anew, with sockets that nobody has shown us: those we know tell nothing then. */
int nr_memalloc(void)
{
	int i, count = smp_load_acquire(&sock_count), flagged = count ? 1 : -1;

	for (i = 0; i < count; i++) {
		if (socks[i]->sk_state != TCP_ESTABLISHED)
			return -1;
		if (!sock_flag(socks[i], SOCK_MEMALLOC))
			flagged = 0;
	}
	return flagged;
}

struct request_queue *nr_block_queue(void)
{
	struct block_device *device = READ_ONCE(block);

	return device ? bdev_get_queue(device) : NULL;
}

static bool count_one(struct request *request, void *counter)
{
	++*(int *)counter;
	return true;
}

void nr_requests(struct nr_requests *requests)
{
	struct block_device *device = READ_ONCE(block);
	struct request_queue *queue = nr_block_queue();

	memset(requests, 0, sizeof(*requests));
	if (!device)
		return;
	if (queue && queue->tag_set)
		blk_mq_tagset_busy_iter(queue->tag_set, count_one, &requests->in_flight);
	requests->reads = part_stat_read(device, ios[STAT_READ]);
	requests->writes = part_stat_read(device, ios[STAT_WRITE]);
}
