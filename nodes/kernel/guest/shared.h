/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What init and the module share: the counters' page and the ioctls of /dev/netreserve. */
#ifndef NR_SHARED_H
#define NR_SHARED_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define NR_TASKS_MAX 64

/* One eater's counters, alone on its cache line: only that eater writes them, `dead` only init. */
struct nr_task {
	__u64 populated; /* pages touched for the first time */
	__u64 progress;  /* pages touched again */
	__u64 verified;  /* pages whose pattern was right */
	__u64 corrupt;
	__u64 dead;
	__u64 unused[3];
};

/* Page 0 of /dev/netreserve. */
struct nr_counters {
	struct nr_task task[NR_TASKS_MAX];
};

struct nr_peer {
	__be32 address;
	__be16 port;
	__u16 unused;
};

#define NR_IOCTL 0xd7 /* a type that Documentation/userspace-api/ioctl/ioctl-number.rst gives to nobody */
#define NR_SOCKET _IOW(NR_IOCTL, 1, int)		 /* the block device's socket, by file descriptor */
#define NR_CONNECTIONS _IOW(NR_IOCTL, 2, struct nr_peer) /* ... or every TCP socket connected to a peer; returns how many */
#define NR_BLOCK _IOW(NR_IOCTL, 3, int)			 /* the swap device, by file descriptor */

#endif
