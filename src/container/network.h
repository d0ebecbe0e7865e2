/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bridge network: one bridge in the daemon's network namespace, a veth pair and an IPv4 address
 * per sandbox, leases kept in files so that a restarted daemon knows them. A sandbox's address is a
 * /32 and all its traffic goes through the bridge's address, so that replies of translated
 * connections between two sandboxes pass the packet filter too.
 *
 * Called on the loop; what blocks runs on workers.
 */
#ifndef CUBE_CONTAINER_NETWORK_H
#define CUBE_CONTAINER_NETWORK_H

#include <netinet/in.h>
#include "loop/env.h"

struct network;

#define NETWORK_ID_MAX 128 /* bytes of a sandbox id */

struct network_options {
	struct env *env;
	const char *bridge;    /* interface name, "cube0" */
	struct in_addr subnet; /* sandboxes get addresses from subnet/prefix_len; the first is the
				  bridge's own */
	uint8_t prefix_len;    /* 8..30 */
	struct in_addr routed; /* further range reached through the bridge (services), prefix_len 0
				  = none */
	uint8_t routed_prefix_len;
	uint32_t mtu;	       /* 0 = 1500 */
	const char *lease_dir; /* made when missing; one file per address, its content is the
				  sandbox id */
	const char *forwarding_record; /* file that keeps what forwarding was before it was turned
					  on, for network_remove(); NULL = none */
};

/* Makes the bridge (an existing one is reused), turns forwarding on in this network namespace and
 * reads the leases. Blocks; for start-up. */
int network_open(const struct network_options *options, struct network **ret,
		 struct err *err) MUST_CHECK;
void network_close(struct network *network); /* leaves bridge, veths and leases in place */
/* What network_open() and the leases made: links of leased sandboxes, the bridge with its routes,
 * and forwarding as it was before. For when no container is left; does not need an open network.
 * Blocks. */
int network_remove(const struct network_options *options, struct err *err) MUST_CHECK;

struct network_attach {
	struct work work; /* the network's */
	struct network *network;
	const char *id;		/* sandbox id; the caller's, kept until done */
	int netns_fd;		/* the caller's, kept open until done */
	struct in_addr address; /* result */
	uint8_t prefix_len;	/* result: of the subnet */
	struct in_addr gateway; /* result */
	void (*done)(struct network_attach *attach,
		     const struct err *err); /* err NULL = success; nothing is left on failure */
	struct err err;
	void *owner;
};
/* Leases an address (ERR_NO_SPACE when the subnet is used up), makes the pair with eth0 inside the
 * namespace, sets lo, eth0 and the routes up. */
void network_attach(struct network *network, struct network_attach *attach);

struct network_detach {
	struct work work;
	struct network *network;
	const char *id;		/* the caller's, kept until done */
	struct in_addr address; /* the network's: what id had, 0.0.0.0 = nothing */
	void (*done)(struct network_detach *detach, const struct err *err);
	struct err err;
	void *owner;
};
/* Deletes the pair, if it is still there, and gives the address back. An unknown id is fine. */
void network_detach(struct network *network, struct network_detach *detach);

/* False when id has no lease. */
bool network_address(const struct network *network, const char *id, struct in_addr *ret);
/* Gives back leases whose id keep() refuses; for start-up, after the containers were restored. */
void network_forget_others(struct network *network, bool (*keep)(void *arg, const char *id),
			   void *arg);

#endif
