/* SPDX-License-Identifier: Apache-2.0 */
/* Subnets of a network, by index. */
#include "controllers/node_cidr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include "base/num.h"
#include "controllers/limits.h"

static int address_bits(const struct cidr *c)
{
	return c->v6 ? 128 : 32;
}

/* The bits from..to of an address as a number; at most 63 of them. */
static uint64_t bits_get(const uint8_t *address, int from, int to)
{
	uint64_t value = 0;

	for (int i = from; i < to; i++)
		value = value << 1 | (address[i / 8] >> (7 - i % 8) & 1);
	return value;
}

static void bits_set(uint8_t *address, int from, int to, uint64_t value)
{
	for (int i = to - 1; i >= from; i--, value >>= 1) {
		address[i / 8] &= (uint8_t) ~(1u << (7 - i % 8));
		address[i / 8] |= (uint8_t)((value & 1) << (7 - i % 8));
	}
}

int cidr_parse(struct str text, struct cidr *ret, struct err *err)
{
	struct cidr cidr = { .v6 = str_find_char(text, ':', 0) != SIZE_MAX };
	struct str address, bits;
	char copy[INET6_ADDRSTRLEN];
	uint64_t prefix;

	if (!str_cut(text, '/', &address, &bits) || str_copy_to(address, copy, sizeof(copy)) < 0 ||
	    inet_pton(cidr.v6 ? AF_INET6 : AF_INET, copy, cidr.address) != 1)
		return err_set(err, ERR_INVALID,
			       "\"" STR_FMT "\" is not a network like 10.244.0.0/16",
			       STR_ARG(text));
	if (num_parse_u64(bits, (uint64_t)address_bits(&cidr), "prefix length", &prefix, err) < 0)
		return -1;
	cidr.prefix_bits = (int)prefix;
	for (int i = cidr.prefix_bits; i < address_bits(&cidr); i++)
		if (bits_get(cidr.address, i, i + 1))
			return err_set(err, ERR_INVALID,
				       "\"" STR_FMT "\" has bits set behind its prefix",
				       STR_ARG(text));
	*ret = cidr;
	return 0;
}

const char *cidr_format(const struct cidr *cidr, char to[CIDR_TEXT_BYTES])
{
	char address[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(cidr->v6 ? AF_INET6 : AF_INET, cidr->address, address,
			sizeof(address));					  /* fits */
	(void)snprintf(to, CIDR_TEXT_BYTES, "%s/%d", address, cidr->prefix_bits); /* fits */
	return to;
}

size_t cidr_subnet_count(const struct cidr *cluster, int node_bits)
{
	int bits = node_bits - cluster->prefix_bits;

	if (bits < 0 || node_bits > address_bits(cluster))
		return 0;
	return bits >= 16 ? NODE_CIDRS_MAX : (size_t)1 << bits;
}

void cidr_subnet(const struct cidr *cluster, int node_bits, size_t index, struct cidr *ret)
{
	int from = NUM_MAX(cluster->prefix_bits, node_bits - 63);

	*ret = *cluster;
	ret->prefix_bits = node_bits;
	bits_set(ret->address, from, node_bits, index);
}

size_t cidr_subnet_index(const struct cidr *cluster, int node_bits, const struct cidr *subnet)
{
	size_t index;

	if (subnet->v6 != cluster->v6 || subnet->prefix_bits != node_bits ||
	    node_bits < cluster->prefix_bits)
		return SIZE_MAX;
	for (int i = 0; i < cluster->prefix_bits; i++)
		if (bits_get(subnet->address, i, i + 1) != bits_get(cluster->address, i, i + 1))
			return SIZE_MAX;
	index = bits_get(subnet->address, NUM_MAX(cluster->prefix_bits, node_bits - 63), node_bits);
	return index < cidr_subnet_count(cluster, node_bits) ? index : SIZE_MAX;
}
