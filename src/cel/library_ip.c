/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and prefixes. Zones and IPv4-mapped IPv6 addresses are refused, as upstream does. */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/num.h"
#include "cel/opaque_internal.h"

#define ADDRESS_BYTES (INET6_ADDRSTRLEN + 1)

/* NULL when text is an address, else what is wrong with it. */
static const char *parse_address(struct str text, struct cel_ip *ret)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char copy[ADDRESS_BYTES];

	*ret = (struct cel_ip){ 0 };
	if (str_find_char(text, '%', 0) != SIZE_MAX)
		return "zone";
	if (str_copy_to(text, copy, sizeof(copy)) < 0)
		return "unable to parse IP";
	if (inet_pton(AF_INET, copy, ret->bytes) == 1) {
		ret->size = 4;
	} else if (inet_pton(AF_INET6, copy, ret->bytes) == 1) {
		ret->size = 16;
		if (memcmp(ret->bytes, mapped, sizeof(mapped)) == 0)
			return "mapped";
	} else {
		return "unable to parse IP";
	}
	ret->bits = (uint8_t)(8 * ret->size);
	return NULL;
}

/* The canonical text: RFC 5952. */
static const char *format_address(const struct cel_ip *ip, char to[ADDRESS_BYTES])
{
	return inet_ntop(ip->size == 4 ? AF_INET : AF_INET6, ip->bytes, to, ADDRESS_BYTES);
}

static struct cel_value make_ip(struct cel_frame *f, const struct cel_value *args)
{
	struct str text = cel_str(args[0]);
	struct cel_ip *ip = cel_take_small(f, sizeof(*ip));
	const char *problem = parse_address(text, ip);

	if (!problem)
		return cel_make_opaque(&cel_type_ip, ip);
	if (strcmp(problem, "zone") == 0)
		return cel_fail(f, "IP address \"" STR_FMT "\" with zone value is not allowed",
				STR_ARG(text));
	if (strcmp(problem, "mapped") == 0)
		return cel_fail(f, "IPv4-mapped IPv6 address \"" STR_FMT "\" is not allowed",
				STR_ARG(text));
	return cel_fail(f,
			"IP Address \"" STR_FMT
			"\" parse error during conversion from string: ParseAddr(\"" STR_FMT
			"\"): %s",
			STR_ARG(text), STR_ARG(text), problem);
}

static struct cel_value is_ip(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_ip ip;

	return cel_bool(!parse_address(cel_str(args[0]), &ip));
}

static struct cel_value is_canonical(struct cel_frame *f, const struct cel_value *args)
{
	char text[ADDRESS_BYTES];
	struct cel_ip ip;
	const char *problem = parse_address(cel_str(args[0]), &ip);

	if (problem)
		return make_ip(f, args);
	return cel_bool(str_eq_c(cel_str(args[0]), format_address(&ip, text)));
}

static struct cel_value string_of_ip(struct cel_frame *f, const struct cel_value *args)
{
	char text[ADDRESS_BYTES];

	return cel_text(f, str_from(format_address(args[0].opaque, text)));
}

static struct cel_value family(struct cel_frame *f, const struct cel_value *args)
{
	return cel_int(((const struct cel_ip *)args[0].opaque)->size == 4 ? 4 : 6);
}

static bool is_zero(const struct cel_ip *ip, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ip->bytes[i])
			return false;
	return true;
}

static bool is_loopback(const struct cel_ip *ip)
{
	return ip->size == 4 ? ip->bytes[0] == 127 : is_zero(ip, 15) && ip->bytes[15] == 1;
}

static bool is_link_local_multicast(const struct cel_ip *ip)
{
	return ip->size == 4 ? ip->bytes[0] == 224 && ip->bytes[1] == 0 && ip->bytes[2] == 0
			     : ip->bytes[0] == 0xff && (ip->bytes[1] & 0x0f) == 2;
}

static bool is_link_local_unicast(const struct cel_ip *ip)
{
	return ip->size == 4 ? ip->bytes[0] == 169 && ip->bytes[1] == 254
			     : ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80;
}

static bool is_unspecified(const struct cel_ip *ip)
{
	return is_zero(ip, ip->size);
}

static bool is_multicast(const struct cel_ip *ip)
{
	return ip->size == 4 ? (ip->bytes[0] & 0xf0) == 0xe0 : ip->bytes[0] == 0xff;
}

static bool is_global_unicast(const struct cel_ip *ip)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

	return !(ip->size == 4 && memcmp(ip->bytes, broadcast, 4) == 0) && !is_unspecified(ip) &&
	       !is_loopback(ip) && !is_multicast(ip) && !is_link_local_unicast(ip);
}

static const struct {
	const char *name;
	bool (*test)(const struct cel_ip *ip);
} tests[] = {
	{ "isUnspecified", is_unspecified },
	{ "isLoopback", is_loopback },
	{ "isLinkLocalMulticast", is_link_local_multicast },
	{ "isLinkLocalUnicast", is_link_local_unicast },
	{ "isGlobalUnicast", is_global_unicast },
};

static struct cel_value test_ip(struct cel_frame *f, const struct cel_value *args)
{
	for (size_t i = 0; i < ARRAY_COUNT(tests); i++)
		if (str_eq_c(f->node->name, tests[i].name))
			return cel_bool(tests[i].test(args[0].opaque));
	return cel_no_overload();
}

/* ---- prefixes ---- */

static const char *parse_prefix(struct str text, struct cel_ip *ret)
{
	const char *problem;
	struct str address;
	struct str bits;
	uint64_t count;

	if (!str_cut(text, '/', &address, &bits))
		return "no '/'";
	problem = parse_address(address, ret);
	if (problem)
		return strcmp(problem, "zone") == 0 ? "IPv6 zones cannot be present in a prefix"
						    : problem;
	if (bits.len > 1 && bits.ptr[0] == '0')
		return "bad bits after slash";
	if (num_parse_u64(bits, 999, "bits", &count, NULL) < 0)
		return "bad bits after slash";
	if (count > ret->bits)
		return "prefix length out of range";
	ret->bits = (uint8_t)count;
	return NULL;
}

static struct cel_value make_cidr(struct cel_frame *f, const struct cel_value *args)
{
	struct str text = cel_str(args[0]);
	struct cel_ip *prefix = cel_take_small(f, sizeof(*prefix));
	const char *problem = parse_prefix(text, prefix);

	if (!problem)
		return cel_make_opaque(&cel_type_cidr, prefix);
	if (strcmp(problem, "mapped") == 0)
		return cel_fail(f, "IPv4-mapped IPv6 address \"" STR_FMT "\" is not allowed",
				STR_ARG(text));
	return cel_fail(f,
			"network address parse error during conversion from string: "
			"netip.ParsePrefix(\"" STR_FMT "\"): %s",
			STR_ARG(text), problem);
}

static struct cel_value is_cidr(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_ip prefix;

	return cel_bool(!parse_prefix(cel_str(args[0]), &prefix));
}

static struct cel_value string_of_cidr(struct cel_frame *f, const struct cel_value *args)
{
	const struct cel_ip *prefix = args[0].opaque;
	char address[ADDRESS_BYTES];
	char text[ADDRESS_BYTES + 8];

	snprintf(text, sizeof(text), "%s/%u", format_address(prefix, address), prefix->bits);
	return cel_text(f, str_from(text));
}

static bool same_bits(const struct cel_ip *a, const struct cel_ip *b, unsigned bits)
{
	unsigned whole = bits / 8;
	uint8_t mask = (uint8_t)(0xff00 >> bits % 8);

	return a->size == b->size && memcmp(a->bytes, b->bytes, whole) == 0 &&
	       (bits % 8 == 0 || !((a->bytes[whole] ^ b->bytes[whole]) & mask));
}

static struct cel_value contains(struct cel_frame *f, const struct cel_value *args)
{
	const struct cel_ip *prefix = args[0].opaque;
	const struct cel_ip *other = args[1].opaque;

	return cel_bool(prefix->bits <= other->bits && same_bits(prefix, other, prefix->bits));
}

static struct cel_value contains_ip_string(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_value pair[2] = { args[0], make_ip(f, args + 1) };

	return cel_is_error(pair[1]) ? pair[1] : contains(f, pair);
}

static struct cel_value contains_cidr_string(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_value pair[2] = { args[0], make_cidr(f, args + 1) };

	return cel_is_error(pair[1]) ? pair[1] : contains(f, pair);
}

static struct cel_value ip_of_cidr(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_ip *ip = cel_take_small(f, sizeof(*ip));

	*ip = *(const struct cel_ip *)args[0].opaque;
	ip->bits = (uint8_t)(8 * ip->size);
	return cel_make_opaque(&cel_type_ip, ip);
}

static struct cel_value masked(struct cel_frame *f, const struct cel_value *args)
{
	struct cel_ip *prefix = cel_take_small(f, sizeof(*prefix));

	*prefix = *(const struct cel_ip *)args[0].opaque;
	for (unsigned bit = prefix->bits; bit < 8u * prefix->size; bit++)
		prefix->bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return cel_make_opaque(&cel_type_cidr, prefix);
}

static struct cel_value prefix_length(struct cel_frame *f, const struct cel_value *args)
{
	return cel_int(((const struct cel_ip *)args[0].opaque)->bits);
}

/* Columns: function, parameter, result, C function, cost. */
#define GLOBAL(function, from, returns, fn, rule)                                              \
	{                                                                                      \
		.name = (function), .count = 1, .parameters = { (from) }, .result = (returns), \
		.call = (fn), .cost = (rule),                                                  \
	}
#define MEMBER(function, of, returns, fn)                                               \
	{                                                                               \
		.name = (function), .member = true, .count = 1, .parameters = { (of) }, \
		.result = (returns), .call = (fn),                                      \
	}
#define CONTAINS(function, what, fn, rule)                                                        \
	{                                                                                         \
		.name = (function), .member = true, .count = 2,                                   \
		.parameters = { &cel_type_cidr, (what) }, .result = &cel_type_bool, .call = (fn), \
		.cost = (rule),                                                                   \
	}

const struct cel_function cel_library_ip[] = {
	GLOBAL("ip", &cel_type_string, &cel_type_ip, make_ip, CEL_COST_PARSE),
	GLOBAL("isIP", &cel_type_string, &cel_type_bool, is_ip, CEL_COST_PARSE),
	GLOBAL("ip.isCanonical", &cel_type_string, &cel_type_bool, is_canonical,
	       CEL_COST_CANONICAL),
	GLOBAL("string", &cel_type_ip, &cel_type_string, string_of_ip, CEL_COST_ONE),
	GLOBAL("cidr", &cel_type_string, &cel_type_cidr, make_cidr, CEL_COST_PARSE),
	GLOBAL("isCIDR", &cel_type_string, &cel_type_bool, is_cidr, CEL_COST_PARSE),
	GLOBAL("string", &cel_type_cidr, &cel_type_string, string_of_cidr, CEL_COST_ONE),
	MEMBER("family", &cel_type_ip, &cel_type_int, family),
	MEMBER("isUnspecified", &cel_type_ip, &cel_type_bool, test_ip),
	MEMBER("isLoopback", &cel_type_ip, &cel_type_bool, test_ip),
	MEMBER("isLinkLocalMulticast", &cel_type_ip, &cel_type_bool, test_ip),
	MEMBER("isLinkLocalUnicast", &cel_type_ip, &cel_type_bool, test_ip),
	MEMBER("isGlobalUnicast", &cel_type_ip, &cel_type_bool, test_ip),
	MEMBER("ip", &cel_type_cidr, &cel_type_ip, ip_of_cidr),
	MEMBER("masked", &cel_type_cidr, &cel_type_cidr, masked),
	MEMBER("prefixLength", &cel_type_cidr, &cel_type_int, prefix_length),
	CONTAINS("containsIP", &cel_type_ip, contains, CEL_COST_CONTAINS_IP),
	CONTAINS("containsIP", &cel_type_string, contains_ip_string, CEL_COST_CONTAINS_IP_STRING),
	CONTAINS("containsCIDR", &cel_type_cidr, contains, CEL_COST_CONTAINS_CIDR),
	CONTAINS("containsCIDR", &cel_type_string, contains_cidr_string,
		 CEL_COST_CONTAINS_CIDR_STRING),
	{ 0 },
};
