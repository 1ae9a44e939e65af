/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Swap over NVMe/TCP. In one guest nvmet offers a disk in memory; in the other the kernel's client connects to it, opens
 * the sockets itself, and flags them itself: sk_set_memalloc in nvme_tcp_alloc_queue, drivers/nvme/host/tcp.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"

#define SUBSYSTEM "nqn.2000-01.invalid.netreserve:swap"
#define NODE "/dev/nvme0n1"
#define CONFIG "/sys/kernel/config/"
#define DISK CONFIG "nullb/nullb0/"
#define OFFERED CONFIG "nvmet/subsystems/" SUBSYSTEM "/"
#define PORT CONFIG "nvmet/ports/1/"
#define SHOWN PORT "subsystems/" SUBSYSTEM
#define MIB 1048576
#define DAY_S 86400

/*
 * One queue, as deep as NBD's (128), on one socket. A keep-alive that a hanging machine cannot answer would make the
 * kernel connect anew, with sockets that it flags: that is another policy, so it gets a day. The kernel's own is 5 s, and
 * 0 is not none but 5 s (nvmf_parse_options, drivers/nvme/host/fabrics.c).
 */
static void ask_for_connection(const char *host, int port)
{
	char order[300];

	snprintf(order, sizeof order,
		 "transport=tcp,traddr=%s,trsvcid=%d,nqn=" SUBSYSTEM ",nr_io_queues=1,queue_size=128,keep_alive_tmo=%d,"
		 "ctrl_loss_tmo=-1", host, port, DAY_S);
	if (!put("/dev/nvme-fabrics", order))
		fail("NVMe target %s:%d", host, port);
}

static void wait_for_node(void)
{
	for (double until = now_s() + 10; now_s() < until; sleep_s(0.005)) {
		int fd = open(NODE, O_RDONLY | O_CLOEXEC);

		if (fd >= 0) {
			close(fd);
			return;
		}
	}
	fail(NODE);
}

const char *attach_nvme(int observer)
{
	struct nr_peer peer = {0};
	char host[32];
	int port;

	close(connect_to(text_of("target"), 15));	/* so that the target is there when the kernel asks, once */
	split_target(text_of("target"), host, sizeof host, &port);
	ask_for_connection(host, port);
	wait_for_node();
	inet_pton(AF_INET, host, &peer.address);
	peer.port = htons(port);
	if (observer >= 0 && ioctl(observer, NR_CONNECTIONS, &peer) < 2)
		fail("connections to %s:%d: one for the admin queue and one for data are needed", host, port);
	return NODE;
}

static void make_folder(const char *path)
{
	if (mkdir(path, 0755) && errno != EEXIST)
		fail("%s", path);
}

/* null_blk: its pages are taken as they are written. */
static void make_disk(void)
{
	char mebibytes[24];

	snprintf(mebibytes, sizeof mebibytes, "%ld", (number_of("swap_bytes", 0) + MIB - 1) / MIB);
	make_folder(DISK);
	must_put(DISK "size", mebibytes);
	must_put(DISK "blocksize", "4096");
	must_put(DISK "memory_backed", "1");
	must_put(DISK "power", "1");
}

static void offer_disk(const char *host, int port)
{
	char service[16];

	make_folder(OFFERED);
	must_put(OFFERED "attr_allow_any_host", "1");
	make_folder(OFFERED "namespaces/1");
	must_put(OFFERED "namespaces/1/device_path", "/dev/nullb0");
	must_put(OFFERED "namespaces/1/enable", "1");
	snprintf(service, sizeof service, "%d", port);
	make_folder(PORT);
	must_put(PORT "addr_trtype", "tcp");
	must_put(PORT "addr_adrfam", "ipv4");
	must_put(PORT "addr_traddr", host);
	must_put(PORT "addr_trsvcid", service);
	if (symlink(OFFERED, SHOWN))
		fail(SHOWN);
}

void serve_nvme(void)
{
	char host[32];
	int port;

	split_target(text_of("target"), host, sizeof host, &port);
	if (mount("configfs", CONFIG, "configfs", 0, NULL))
		fail("mount " CONFIG);
	make_disk();
	offer_disk(host, port);
	stay_resident();
	say("ready after %.2f s: NVMe/TCP at %s:%d", now_s(), host, port);
	for (;;)
		pause();
}
