/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing node ports and service addresses. */
#include "apiserver/number_range.h"

#include <arpa/inet.h>
#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "loop/env.h"

enum { V6_PREFIX_BITS_MIN = 64, SERVICE_ADDRESSES_MIN = 6 };

void number_range_init(struct number_range *range, uint64_t first, uint64_t count)
{
	/* upstream: a sixteenth of the range, at least 16 and at most 256 numbers; none of a range
	 * too small for that */
	uint64_t sixteenth = NUM_MAX(count / 16, (uint64_t)16),
		 band = NUM_MIN(sixteenth, (uint64_t)256);

	*range = (struct number_range){ .first = first,
					.count = count,
					.band_count = band < count ? band : 0 };
}

bool number_range_holds(const struct number_range *range, uint64_t number)
{
	return number >= range->first && number - range->first < range->count;
}

bool number_range_pick(const struct number_range *range, struct env *env,
		       number_is_taken_fn *is_taken, void *arg, uint64_t *ret_number)
{
	const uint64_t bounds[] = { range->band_count, range->count, 0, range->band_count };

	/* From a random number of each part, going round. */
	for (size_t part = 0; part < ARRAY_COUNT(bounds); part += 2) {
		uint64_t from = range->first + bounds[part];
		uint64_t count = bounds[part + 1] - bounds[part];
		uint64_t start = count ? env_random_below(env, count) : 0;

		for (uint64_t i = 0; i < count; i++) {
			uint64_t number = from + (start + i) % count;

			if (is_taken(arg, number))
				continue;
			*ret_number = number;
			return true;
		}
	}
	return false;
}

int address_range_parse(struct address_range *range, struct str cidr, struct err *err)
{
	struct str address, bits_text;
	char text[SERVICE_ADDRESS_BYTES];
	uint64_t prefix_bits, host_bits, total_bits;
	uint64_t count = 0;

	*range = (struct address_range){ 0 };
	if (!str_cut(cidr, '/', &address, &bits_text) ||
	    str_copy_to(address, text, sizeof(text)) < 0)
		return err_set(err, ERR_INVALID, "'" STR_FMT "' is not a network in CIDR notation",
			       STR_ARG(cidr));
	range->is_v6 = str_find_char(address, ':', 0) != SIZE_MAX;
	total_bits = range->is_v6 ? 128 : 32;
	if (inet_pton(range->is_v6 ? AF_INET6 : AF_INET, text, range->base) != 1 ||
	    num_parse_u64(bits_text, total_bits, "prefix length", &prefix_bits, NULL) < 0)
		return err_set(err, ERR_INVALID, "'" STR_FMT "' is not a network in CIDR notation",
			       STR_ARG(cidr));
	host_bits = total_bits - prefix_bits;
	for (uint64_t bit = prefix_bits; bit < total_bits; bit++)
		range->base[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	/* offset 0 names the network; the last IPv4 address is its broadcast address */
	if (!range->is_v6)
		count = (UINT64_C(1) << host_bits) - NUM_MIN(UINT64_C(1) << host_bits, UINT64_C(2));
	else if (prefix_bits >= V6_PREFIX_BITS_MIN)
		count = host_bits == 64 ? UINT64_MAX : (UINT64_C(1) << host_bits) - 1;
	range->prefix_bits = (uint8_t)prefix_bits;
	number_range_init(&range->offsets, 1, count);
	range->cidr = cidr;
	return 0;
}

int address_range_init(struct address_range *range, struct str cidr, struct err *err)
{
	if (address_range_parse(range, cidr, err) < 0)
		return -1;
	range->cidr = STR_NONE;
	if (range->is_v6 && range->prefix_bits < V6_PREFIX_BITS_MIN)
		return err_set(err, ERR_INVALID,
			       "specified --service-cluster-ip-range is too large; for 128-bit "
			       "addresses, the mask must be >= %d",
			       V6_PREFIX_BITS_MIN);
	if (range->offsets.count < SERVICE_ADDRESSES_MIN)
		return err_set(
			err, ERR_INVALID,
			"the service cluster IP range must be at least 8 IP addresses, " STR_FMT
			" is not",
			STR_ARG(cidr));
	range->cidr = str_dup(cidr);
	return 0;
}

void address_range_deinit(struct address_range *range)
{
	mem_free((void *)range->cidr.ptr);
	range->cidr = STR_NONE;
}

static size_t address_bytes(const struct address_range *range)
{
	return range->is_v6 ? 16 : 4;
}

const char *address_range_text(const struct address_range *range, uint64_t offset,
			       char to[SERVICE_ADDRESS_BYTES])
{
	uint8_t address[16];
	char text[SERVICE_ADDRESS_BYTES];
	size_t len = address_bytes(range);

	memcpy(address, range->base, sizeof(address));
	for (size_t i = 0; i < NUM_MIN(len, sizeof(offset));
	     i++) /* the host part of base is zero */
		address[len - 1 - i] |= (uint8_t)(offset >> 8 * i);
	if (!inet_ntop(range->is_v6 ? AF_INET6 : AF_INET, address, text, sizeof(text)) ||
	    !ip_canonical(str_from(text), to))
		UNREACHABLE();
	return to;
}

struct str address_range_cidr(const struct address_range *range, struct arena *arena)
{
	char first[SERVICE_ADDRESS_BYTES];

	return str_printf_in(arena, "%s/%u", address_range_text(range, 0, first),
			     (unsigned)range->prefix_bits);
}

bool address_range_offset(const struct address_range *range, struct str address,
			  uint64_t *ret_offset)
{
	char text[SERVICE_ADDRESS_BYTES];
	uint8_t bytes[16] = { 0 };
	size_t len = address_bytes(range);
	uint64_t offset = 0;

	if (str_copy_to(address, text, sizeof(text)) < 0 ||
	    inet_pton(range->is_v6 ? AF_INET6 : AF_INET, text, bytes) != 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		uint8_t difference = bytes[i] ^ range->base[i];

		if (difference && i + sizeof(offset) < len)
			return false;
		offset = offset << 8 | difference;
	}
	if (!number_range_holds(&range->offsets, offset))
		return false;
	*ret_offset = offset;
	return true;
}

struct str address_canonical(struct str address, char to[SERVICE_ADDRESS_BYTES])
{
	return ip_canonical(address, to)
		       ? str_from(to)
		       : str_slice(address, 0,
				   NUM_MIN(address.len, (size_t)SERVICE_ADDRESS_BYTES - 1));
}
