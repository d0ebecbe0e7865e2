/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of the cluster's pod addresses each node gets. Pure: numbers and texts only. */
#ifndef CUBE_CONTROLLERS_NODE_CIDR_H
#define CUBE_CONTROLLERS_NODE_CIDR_H

#include "base/err.h"
#include "base/str.h"

#define CIDR_TEXT_BYTES 64

struct cidr {
	uint8_t address[16]; /* network byte order; the first 4 for IPv4 */
	bool v6;
	int prefix_bits;
};

int cidr_parse(struct str text, struct cidr *ret,
	       struct err *err) MUST_CHECK; /* host bits must be 0 */
const char *cidr_format(const struct cidr *cidr, char to[CIDR_TEXT_BYTES]);
/* How many subnets of node_bits the cluster has, at most NODE_CIDRS_MAX; 0 when node_bits is
 * shorter than it. */
size_t cidr_subnet_count(const struct cidr *cluster, int node_bits);
void cidr_subnet(const struct cidr *cluster, int node_bits, size_t index, struct cidr *ret);
/* Index of the subnet, SIZE_MAX when it is none of the cluster's. */
size_t cidr_subnet_index(const struct cidr *cluster, int node_bits, const struct cidr *subnet);

#endif
