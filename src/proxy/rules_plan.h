/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From Services and EndpointSlices to packet-filter rules, purely: rules_service() reads one
 * Service and its slices into a struct, rules_plan() turns all of them into one nft transaction.
 * Nothing here looks at the network.
 */
#ifndef CUBE_PROXY_RULES_PLAN_H
#define CUBE_PROXY_RULES_PLAN_H

#include <netinet/in.h>
#include "api/obj.h"
#include "base/arena.h"
#include "base/buf.h"

struct rules_endpoint {
	struct in_addr address;
	uint16_t port;
	bool local; /* on this node */
};

struct rules_port {
	struct str name;      /* "<namespace>/<service>/<protocol>/<port>", a word for nft */
	const char *protocol; /* "tcp", "udp", "sctp" */
	uint16_t port;
	uint16_t node_port; /* 0 = none */
	const struct rules_endpoint *endpoints;
	size_t endpoint_count;
	size_t left_out_count; /* beyond PROXY_ENDPOINTS_MAX */
};

struct rules_service {
	struct in_addr cluster_ip;
	const struct in_addr *external; /* externalIPs and load-balancer addresses */
	size_t external_count;
	uint32_t affinity_seconds; /* 0 = none */
	bool internal_local;	   /* internalTrafficPolicy Local */
	bool external_local;	   /* externalTrafficPolicy Local */
	const struct rules_port *ports;
	size_t port_count;
};

/* False when there is nothing to translate: headless, ExternalName, no IPv4 address. Memory is the
 * arena's, strings are borrowed from the objects. Endpoints are the ready ones; when there are
 * none, those that still serve while terminating. */
bool rules_service(struct arena *arena, const struct obj *service, const struct obj *const *slices,
		   size_t slice_count, struct str node_name, struct rules_service *ret);

struct rules_node {
	struct in_addr pods; /* pod range: what leaves it for elsewhere is masqueraded */
	uint8_t pods_prefix_len;
	const char *bridge;
	const char *table; /* "cube" */
};

/* Names of chains and sets that a transaction made, so that the next one can delete those no longer
 * wanted. */
struct rules_names {
	struct str *chains;
	size_t chain_count;
	struct str *sets;
	size_t set_count;
};

/* Writes the transaction that brings the table from what previous describes (NULL: unknown, starts
 * afresh) to these services. ret_names lives in the arena. */
void rules_plan(struct arena *arena, const struct rules_node *node,
		const struct rules_service *services, size_t service_count,
		const struct rules_names *previous, struct buf *out, struct rules_names *ret_names);

#endif
