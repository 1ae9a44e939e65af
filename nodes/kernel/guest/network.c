/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init.h"

#define OWN_PORT 1010	/* privileged, and of no service (own) */
#define REFUSALS_S 3.0	/* how long a target may refuse before it is believed */

static int any_socket(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail("socket");
	return fd;
}

static void set_address(struct ifreq *request, struct in_addr address, unsigned long what)
{
	struct sockaddr_in *to = (struct sockaddr_in *)&request->ifr_addr;

	memset(to, 0, sizeof *to);
	to->sin_family = AF_INET;
	to->sin_addr = address;
	if (ioctl(any_socket(), what, request))
		fail("address of %s", request->ifr_name);
}

/* `interface` may be a label, such as eth0:1: an address beside the first. */
void add_address(const char *interface, const char *address_and_prefix)
{
	struct ifreq request = {0};
	struct in_addr address, mask;
	char text[32];
	int prefix = 24;

	snprintf(text, sizeof text, "%s", address_and_prefix);
	if (strchr(text, '/')) {
		prefix = atoi(strchr(text, '/') + 1);
		*strchr(text, '/') = 0;
	}
	if (!inet_aton(text, &address) || prefix < 1 || prefix > 32) {
		errno = 0;
		fail("'%s' is not an address: for example 198.18.1.5/24", address_and_prefix);
	}
	mask.s_addr = htonl(~0U << (32 - prefix));
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
	set_address(&request, address, SIOCSIFADDR);
	set_address(&request, mask, SIOCSIFNETMASK);
}

/* False: there is no such interface (yet). */
bool bring_up(const char *interface, const char *address_and_prefix)
{
	struct ifreq request = {0};

	if (!if_nametoindex(interface))
		return false;
	add_address(interface, address_and_prefix);
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
	if (ioctl(any_socket(), SIOCGIFFLAGS, &request))
		fail("flags of %s", interface);
	request.ifr_flags |= IFF_UP;
	if (ioctl(any_socket(), SIOCSIFFLAGS, &request))
		fail("link %s up", interface);
	return true;
}

/* `address/mac,...`: entries that never expire. */
void add_neighbours(const char *interface, const char *list)
{
	while (*list) {
		struct arpreq entry = {.arp_flags = ATF_COM | ATF_PERM};
		struct sockaddr_in *to = (struct sockaddr_in *)&entry.arp_pa;
		unsigned char *mac = (unsigned char *)entry.arp_ha.sa_data;
		char address[16];
		int used = 0;

		if (sscanf(list, "%15[0-9.]/%hhx:%hhx:%hhx:%hhx:%hhx:%hhx%n", address, mac, mac + 1, mac + 2, mac + 3,
			   mac + 4, mac + 5, &used) != 7 || !inet_aton(address, &to->sin_addr)) {
			errno = 0;
			fail("neighbours %s: 198.18.1.2/52:54:00:00:00:01,... is needed", list);
		}
		to->sin_family = AF_INET;
		entry.arp_ha.sa_family = ARPHRD_ETHER;
		snprintf(entry.arp_dev, sizeof entry.arp_dev, "%s", interface);
		if (ioctl(any_socket(), SIOCSARP, &entry))
			fail("neighbour %s", address);
		list += used;
		list += *list == ',';
	}
}

void split_target(const char *host_and_port, char *host, size_t bytes, int *port)
{
	const char *colon = strrchr(host_and_port, ':');

	if (!colon || (size_t)(colon - host_and_port) >= bytes) {
		errno = 0;
		fail("target %s: host:port is needed", host_and_port);
	}
	memcpy(host, host_and_port, colon - host_and_port);
	host[colon - host_and_port] = 0;
	*port = atoi(colon + 1);
}

/*
 * Always from the same port: a guest that was ended said no goodbye, and the target would keep its connection, and all the
 * memory that serves it, for ever. The next guest's SYN meets that connection, is answered with an ACK of its state, and the
 * RST that this calls for ends it (RFC 9293 3.5.1, half-open connections); the SYN is sent again at once.
 */
static void bind_own_port(int fd)
{
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(OWN_PORT)};
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) || bind(fd, (struct sockaddr *)&own, sizeof own))
		fail("port %d", OWN_PORT);
}

/* -1: not within `wait_ms`, errno says why. */
static int try_once(const struct sockaddr_in *to, int wait_ms)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0, one = 1;
	socklen_t bytes = sizeof error;
	struct pollfd wait = {fd, POLLOUT, 0};

	if (fd < 0)
		fail("socket");
	bind_own_port(fd);
	if (!connect(fd, (const struct sockaddr *)to, sizeof *to) || errno == EINPROGRESS) {
		if (poll(&wait, 1, wait_ms) == 1)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
		else
			error = ETIMEDOUT;
	} else {
		error = errno;
	}
	if (!error) {
		fcntl(fd, F_SETFL, 0);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		return fd;
	}
	close(fd);
	errno = error;
	return -1;
}

/* Some drivers take seconds to see their link; what is sent before is lost, and with it the time until it is sent again. */
static void wait_for_link(double until)
{
	char up = 0;

	while (now_s() < until) {
		int file = open("/sys/class/net/eth0/carrier", O_RDONLY | O_CLOEXEC);

		if (file < 0)
			return;
		(void)!read(file, &up, 1);
		close(file);
		if (up == '1')
			return;
		sleep_s(0.01);
	}
}

/* A target may be about to start: it is asked again. */
int connect_to(const char *host_and_port, double patience_s)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	double until = now_s() + patience_s, refused_until = 0;
	char host[32];
	int port, fd;

	split_target(host_and_port, host, sizeof host, &port);
	if (!inet_aton(host, &to.sin_addr)) {
		errno = 0;
		fail("target %s: an IPv4 address is needed", host_and_port);
	}
	to.sin_port = htons(port);
	wait_for_link(until);
	do {
		fd = try_once(&to, 200);
		if (fd >= 0)
			return fd;
		if (errno == ECONNREFUSED) {
			if (!refused_until)
				refused_until = now_s() + REFUSALS_S;
			if (now_s() > refused_until)
				break;
			sleep_s(0.05);
		}
	} while (now_s() < until);
	fail("target %s", host_and_port);
}
