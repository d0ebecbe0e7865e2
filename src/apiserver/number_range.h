/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A range of numbers to choose from: node ports, and offsets into a service network. The lower band
 * is kept for numbers that users ask for by name: free choice takes from above it first, so that
 * both seldom meet. What is taken is for others to know (service_ledger.h).
 */
#ifndef CUBE_APISERVER_NUMBER_RANGE_H
#define CUBE_APISERVER_NUMBER_RANGE_H

#include "base/err.h"
#include "base/str.h"
#include "codec/ip.h"

struct env;

struct number_range {
	uint64_t first, count;
	uint64_t band_count; /* lowest numbers, taken by free choice only when nothing else is left
			      */
};

void number_range_init(struct number_range *range, uint64_t first, uint64_t count);
bool number_range_holds(const struct number_range *range, uint64_t number) PURE;
typedef bool number_is_taken_fn(void *arg, uint64_t number);
/* False: all are taken. */
bool number_range_pick(const struct number_range *range, struct env *env,
		       number_is_taken_fn *is_taken, void *arg, uint64_t *ret_number);

/* A network of which addresses are given out, without network and broadcast: IPv4, or IPv6 of
 * /64 and longer; of what is larger none are, as upstream. */
struct address_range {
	uint8_t base[16];
	bool is_v6;
	struct str cidr; /* as given; heap after address_range_init */
	uint8_t prefix_bits;
	struct number_range offsets;
};

#define SERVICE_ADDRESS_BYTES IP_TEXT_BYTES

/* Borrows the text; any size, so there may be no address at all. */
int address_range_parse(struct address_range *range, struct str cidr, struct err *err) MUST_CHECK;
int address_range_init(struct address_range *range, struct str cidr, struct err *err) MUST_CHECK;
void address_range_deinit(struct address_range *range);
/* The network, without bits behind its prefix. */
struct str address_range_cidr(const struct address_range *range, struct arena *arena);
const char *address_range_text(const struct address_range *range, uint64_t offset,
			       char to[SERVICE_ADDRESS_BYTES]);
/* The address as IPAddress objects are named; what is none stays as it is. */
struct str address_canonical(struct str address, char to[SERVICE_ADDRESS_BYTES]);
/* False: not an address of this range. */
bool address_range_offset(const struct address_range *range, struct str address,
			  uint64_t *ret_offset);

#endif
