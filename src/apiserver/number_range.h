/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which numbers of a range are taken: node ports, and offsets into a service network. The lower
 * band is kept for numbers that users ask for by name: free choice takes from above it first, so
 * that both seldom meet. Filled again from the registry's cache at every start; nothing of it is
 * stored.
 */
#ifndef CUBE_APISERVER_NUMBER_RANGE_H
#define CUBE_APISERVER_NUMBER_RANGE_H

#include "base/err.h"
#include "base/str.h"

struct env;

struct number_range {
	uint64_t *taken; /* bitmap */
	uint32_t first, count, used_count;
	uint32_t band_count; /* lowest numbers, taken by free choice only when nothing else is left
			      */
};

void number_range_init(struct number_range *range, uint32_t first, uint32_t count);
void number_range_deinit(struct number_range *range);
bool number_range_holds(const struct number_range *range, uint32_t number) PURE;
bool number_range_is_taken(const struct number_range *range, uint32_t number) PURE;
bool number_range_take(struct number_range *range,
		       uint32_t number); /* false: taken already, or outside */
void number_range_release(struct number_range *range, uint32_t number); /* fine when free */
bool number_range_take_any(struct number_range *range, struct env *env,
			   uint32_t *ret_number); /* false: full */

/* A network of which addresses are given out: IPv4 or IPv6, the first 2^20 at most, without network
 * and broadcast. */
struct address_range {
	uint8_t base[16];
	bool is_v6;
	struct str cidr; /* as given; heap */
	struct number_range offsets;
};

#define SERVICE_ADDRESS_BYTES 46

int address_range_init(struct address_range *range, struct str cidr, struct err *err) MUST_CHECK;
void address_range_deinit(struct address_range *range);
const char *address_range_text(const struct address_range *range, uint32_t offset,
			       char to[SERVICE_ADDRESS_BYTES]);
/* False: not an address of this range. */
bool address_range_offset(const struct address_range *range, struct str address,
			  uint32_t *ret_offset);

#endif
