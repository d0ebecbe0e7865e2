/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses and networks as Kubernetes takes them since 1.36: no zeros in front of numbers, no IPv4
 * in IPv6's clothes, no bits behind a prefix. What objects of before still hold is read
 * by the looser rules of then: the *_canonical functions and the warnings know those.
 */
#ifndef CUBE_CODEC_IP_H
#define CUBE_CODEC_IP_H

#include <stdbool.h>
#include "base/arena.h"
#include "base/str.h"

#define IP_TEXT_BYTES 46
#define IP_RANGE_TEXT_BYTES (IP_TEXT_BYTES + 4)
#define IP_WARNINGS_MAX 2

bool ip_is_valid(struct str text); /* IPv4 dotted without leading zeros, or IPv6 */
bool ip_is_v6(struct str text);
bool cidr_is_valid(struct str text);
/* NULL when the text is fine, else what upstream says behind "Invalid value: ...: ". */
const char *ip_problem(struct str text);
const char *cidr_problem(struct str text);
/* As everybody writes it, for IPv6 by RFC 5952; false: not an address, a network. */
bool ip_canonical(struct str text, char to[IP_TEXT_BYTES]);
bool cidr_canonical(struct str text, char to[IP_RANGE_TEXT_BYTES]);

struct ip_range {
	unsigned char bytes[16]; /* of the network: zeros behind the prefix */
	unsigned bits;
	bool is_v6;
};

bool ip_range_read(struct ip_range *range, struct str cidr);
bool ip_range_has(const struct ip_range *outer, const struct ip_range *inner); /* or is the same */

/* What clients are told of a form that will not be taken for ever, behind "<field>: "; how many. */
size_t ip_warnings(struct str text, struct arena *arena, struct str ret[IP_WARNINGS_MAX]);
size_t cidr_warnings(struct str text, struct arena *arena, struct str ret[IP_WARNINGS_MAX]);

#endif
