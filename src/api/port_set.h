/* SPDX-License-Identifier: Apache-2.0 */
/* A set of port numbers: one bit for each that there may be; what is none is in no set. */
#ifndef CUBE_API_PORT_SET_H
#define CUBE_API_PORT_SET_H

#include <stdbool.h>
#include <stdint.h>

struct port_set {
	uint64_t bits[(UINT16_MAX + 1) / 64];
};

static inline bool port_set_has(const struct port_set *set, int64_t number)
{
	return number > 0 && number <= UINT16_MAX &&
	       set->bits[number / 64] & UINT64_C(1) << (number % 64);
}

static inline void port_set_add(struct port_set *set, int64_t number)
{
	if (number > 0 && number <= UINT16_MAX)
		set->bits[number / 64] |= UINT64_C(1) << (number % 64);
}

#endif
