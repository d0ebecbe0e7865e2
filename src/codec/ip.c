/* SPDX-License-Identifier: Apache-2.0 */
/* Two readers of addresses: inet_pton(), and one that takes what was taken once. */
#include "codec/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include "base/num.h"

static bool address_is(struct str text, int family)
{
	char copy[INET6_ADDRSTRLEN + 1], raw[16];

	return text.len && str_copy_to(text, copy, sizeof(copy)) == 0 &&
	       inet_pton(family, copy, raw) == 1;
}

bool ip_is_v6(struct str text)
{
	return address_is(text, AF_INET6);
}

bool ip_is_valid(struct str text)
{
	return address_is(text, AF_INET) || ip_is_v6(text);
}

bool cidr_is_valid(struct str text)
{
	struct str address, bits;
	uint64_t count;

	return str_cut(text, '/', &address, &bits) && ip_is_valid(address) &&
	       num_parse_u64(bits, ip_is_v6(address) ? 128 : 32, "prefix", &count, NULL) == 0;
}

/* ---- what was taken once ---- */

struct loose_ip {
	unsigned char bytes[16];
	bool is_v6, is_padded; /* zeros in front of numbers */
};

static bool read_padded(struct str text, unsigned char to[4])
{
	char plain[INET_ADDRSTRLEN + 1];
	struct str rest = text, number;
	size_t len = 0;

	while (str_next_part(&rest, '.', &number)) {
		while (number.len > 1 && number.ptr[0] == '0')
			number = str_slice(number, 1, number.len);
		if (len + number.len + 2 > sizeof(plain))
			return false;
		if (len)
			plain[len++] = '.';
		memcpy(plain + len, number.ptr, number.len);
		len += number.len;
	}
	plain[len] = '\0';
	return inet_pton(AF_INET, plain, to) == 1;
}

static bool read_loosely(struct str text, struct loose_ip *ret)
{
	char copy[INET6_ADDRSTRLEN + 1];

	*ret = (struct loose_ip){ .is_v6 = str_find_char(text, ':', 0) != SIZE_MAX };
	if (text.len && str_copy_to(text, copy, sizeof(copy)) == 0 &&
	    inet_pton(ret->is_v6 ? AF_INET6 : AF_INET, copy, ret->bytes) == 1)
		return true;
	ret->is_padded = !ret->is_v6 && text.len && read_padded(text, ret->bytes);
	return ret->is_padded;
}

static bool is_mapped(const struct loose_ip *ip)
{
	static const unsigned char prefix[12] = { [10] = 0xff, [11] = 0xff };

	return ip->is_v6 && memcmp(ip->bytes, prefix, sizeof(prefix)) == 0;
}

struct loose_range {
	struct loose_ip ip;
	unsigned bits;
	bool is_padded;
};

static bool read_range_loosely(struct str text, struct loose_range *ret)
{
	struct str address, bits;
	uint64_t count;

	if (!str_cut(text, '/', &address, &bits) || !read_loosely(address, &ret->ip) ||
	    num_parse_u64(bits, ret->ip.is_v6 ? 128 : 32, "prefix", &count, NULL) < 0)
		return false;
	ret->bits = (unsigned)count;
	ret->is_padded = ret->ip.is_padded || (bits.len > 1 && bits.ptr[0] == '0');
	return true;
}

static void mask(unsigned char bytes[16], unsigned bits)
{
	for (unsigned bit = bits; bit < 128; bit++)
		bytes[bit / 8] &= (unsigned char)~(0x80 >> bit % 8);
}

static bool has_host_bits(const struct loose_range *range)
{
	unsigned char network[16];

	memcpy(network, range->ip.bytes, sizeof(network));
	mask(network, range->bits);
	return memcmp(network, range->ip.bytes, sizeof(network)) != 0;
}

/* ---- problems ---- */

const char *ip_problem(struct str text)
{
	struct loose_ip ip;

	if (!read_loosely(text, &ip))
		return "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
	if (ip.is_padded)
		return "must not have leading 0s";
	return is_mapped(&ip) ? "must not be an IPv4-mapped IPv6 address" : NULL;
}

const char *cidr_problem(struct str text)
{
	struct loose_range range;

	if (!read_range_loosely(text, &range))
		return "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
	if (range.is_padded)
		return "must not have leading 0s in IP or prefix length";
	if (is_mapped(&range.ip))
		return "must not have an IPv4-mapped IPv6 address";
	return has_host_bits(&range) ? "must not have bits set beyond the prefix length" : NULL;
}

/* ---- forms ---- */

static void write_ip(const struct loose_ip *ip, char to[IP_TEXT_BYTES])
{
	const unsigned char *b = ip->bytes;

	if (is_mapped(ip))
		(void)inet_ntop(AF_INET, b + 12, to, IP_TEXT_BYTES); /* the room is right, always */
	else
		(void)inet_ntop(ip->is_v6 ? AF_INET6 : AF_INET, b, to, IP_TEXT_BYTES);
	/* glibc shows "::102:304" as "::1.2.3.4", which RFC 5952 does not */
	if (ip->is_v6 && !is_mapped(ip) && strchr(to, '.'))
		snprintf(to, IP_TEXT_BYTES, "::%x:%x", (unsigned)(b[12] << 8 | b[13]),
			 (unsigned)(b[14] << 8 | b[15]));
}

bool ip_canonical(struct str text, char to[IP_TEXT_BYTES])
{
	struct loose_ip ip;

	if (!read_loosely(text, &ip))
		return false;
	write_ip(&ip, to);
	return true;
}

bool cidr_canonical(struct str text, char to[IP_RANGE_TEXT_BYTES])
{
	struct loose_range range;
	char address[IP_TEXT_BYTES];
	bool is_v4;

	if (!read_range_loosely(text, &range))
		return false;
	is_v4 = is_mapped(&range.ip); /* is shown as such */
	range.bits = is_v4 ? NUM_MAX(range.bits, 96u) : range.bits;
	mask(range.ip.bytes, range.bits);
	write_ip(&range.ip, address);
	snprintf(to, IP_RANGE_TEXT_BYTES, "%s/%u", address, range.bits - (is_v4 ? 96 : 0));
	return true;
}

bool ip_range_read(struct ip_range *ret, struct str cidr)
{
	struct loose_range range;

	if (!read_range_loosely(cidr, &range))
		return false;
	*ret = (struct ip_range){ .bits = range.bits, .is_v6 = range.ip.is_v6 };
	memcpy(ret->bytes, range.ip.bytes, sizeof(ret->bytes));
	mask(ret->bytes, range.bits);
	return true;
}

bool ip_range_has(const struct ip_range *outer, const struct ip_range *inner)
{
	unsigned char bytes[16];

	if (outer->is_v6 != inner->is_v6 || inner->bits < outer->bits)
		return false;
	memcpy(bytes, inner->bytes, sizeof(bytes));
	mask(bytes, outer->bits);
	return memcmp(bytes, outer->bytes, sizeof(bytes)) == 0;
}

/* ---- warnings ---- */

size_t ip_warnings(struct str text, struct arena *arena, struct str ret[IP_WARNINGS_MAX])
{
	struct loose_ip ip;
	char canonical[IP_TEXT_BYTES];

	if (!read_loosely(text, &ip))
		return 0;
	write_ip(&ip, canonical);
	if (ip.is_padded || is_mapped(&ip))
		ret[0] = str_printf_in(arena,
				       "non-standard IP address \"" STR_FMT
				       "\" will be considered invalid in a future Kubernetes "
				       "release: use \"%s\"",
				       STR_ARG(text), canonical);
	else if (ip.is_v6 && !str_eq_c(text, canonical))
		ret[0] = str_printf_in(arena,
				       "IPv6 address \"" STR_FMT
				       "\" should be in RFC 5952 canonical format (\"%s\")",
				       STR_ARG(text), canonical);
	else
		return 0;
	return 1;
}

size_t cidr_warnings(struct str text, struct arena *arena, struct str ret[IP_WARNINGS_MAX])
{
	struct loose_range range;
	char address[IP_TEXT_BYTES], canonical[IP_RANGE_TEXT_BYTES];
	size_t count = 0;

	if (!read_range_loosely(text, &range) || !cidr_canonical(text, canonical))
		return 0;
	write_ip(&range.ip, address);
	if (has_host_bits(&range))
		ret[count++] = str_printf_in(arena,
					     "CIDR value \"" STR_FMT
					     "\" is ambiguous in this context (should be \"%s\" or "
					     "\"%s/%d\"?)",
					     STR_ARG(text), canonical, address,
					     range.ip.is_v6 ? 128 : 32);
	if (range.is_padded || is_mapped(&range.ip))
		ret[count++] = str_printf_in(arena,
					     "non-standard CIDR value \"" STR_FMT
					     "\" will be considered invalid in a future Kubernetes "
					     "release: use \"%s\"",
					     STR_ARG(text), canonical);
	if (!count && range.ip.is_v6 && !str_eq_c(text, canonical))
		ret[count++] = str_printf_in(arena,
					     "IPv6 CIDR value \"" STR_FMT
					     "\" should be in RFC 5952 canonical format (\"%s\")",
					     STR_ARG(text), canonical);
	return count;
}
