/* SPDX-License-Identifier: Apache-2.0 */
/* What upstream's ValidateEndpointIP and IsValid...ForLegacyField say. */
#include "api/kinds/address.h"

#include "codec/ip.h"
#include "codec/name.h"

static const struct {
	struct ip_range range;
	const char *problem;
} special[] = {
	{ { { 127 }, 8, false }, "may not be in the loopback range (127.0.0.0/8, ::1/128)" },
	{ { { [15] = 1 }, 128, true }, "may not be in the loopback range (127.0.0.0/8, ::1/128)" },
	{ { { 169, 254 }, 16, false },
	  "may not be in the link-local range (169.254.0.0/16, fe80::/10)" },
	{ { { 0xfe, 0x80 }, 10, true },
	  "may not be in the link-local range (169.254.0.0/16, fe80::/10)" },
	{ { { 224 }, 24, false },
	  "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)" },
	{ { { 0xff, 0x02 }, 16, true },
	  "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)" },
};

static bool read_one(struct str ip, struct ip_range *ret)
{
	char text[IP_RANGE_TEXT_BYTES], canonical[IP_TEXT_BYTES];

	if (!ip_canonical(ip, canonical))
		return false;
	snprintf(text, sizeof(text), "%s/%d", canonical, strchr(canonical, ':') ? 128 : 32);
	return ip_range_read(ret, str_from(text));
}

void address_check_special(const struct scope *s, const struct field_path *path, struct str ip)
{
	static const unsigned char unspecified[16];
	struct ip_range one;

	if (!read_one(ip, &one))
		return;
	if (memcmp(one.bytes, unspecified, sizeof(unspecified)) == 0)
		field_invalid_str(s->errors, path, ip,
				  str_printf_in(s->errors->arena,
						"may not be unspecified (" STR_FMT ")", STR_ARG(ip))
					  .ptr);
	for (size_t i = 0; i < ARRAY_COUNT(special); i++)
		if (ip_range_has(&special[i].range, &one))
			field_invalid_str(s->errors, path, ip, special[i].problem);
}

void rule_plain_ip(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	if (address_check(s, path, json_mut_str(v), NULL))
		address_check_special(s, path, json_mut_str(v));
}

static bool was_there(yyjson_val *old_list, struct str text)
{
	JSON_EACH (old, old_list)
		if (yyjson_is_str(old) && str_eq(json_str(old), text))
			return true;
	return false;
}

static bool check(const struct scope *s, const struct field_path *path, struct str text,
		  const char *problem)
{
	if (problem)
		field_invalid_str(s->errors, path, text, problem);
	return !problem;
}

bool address_check(const struct scope *s, const struct field_path *path, struct str text,
		   yyjson_val *old_list)
{
	const char *problem = ip_problem(text);

	return check(s, path, text, problem && was_there(old_list, text) ? NULL : problem);
}

bool range_check(const struct scope *s, const struct field_path *path, struct str text,
		 yyjson_val *old_list)
{
	const char *problem = cidr_problem(text);

	return check(s, path, text, problem && was_there(old_list, text) ? NULL : problem);
}

void rule_interface_address(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	struct str text = json_mut_str(v), address, bits, canonical;
	char written[IP_TEXT_BYTES];

	if (!cidr_is_valid(text) || !str_cut(text, '/', &address, &bits) ||
	    !ip_canonical(address, written)) {
		field_invalid_str(s->errors, path, text,
				  "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or "
				  "2001:db8::1/64)");
		return;
	}
	while (bits.len > 1 && bits.ptr[0] == '0')
		bits = str_slice(bits, 1, bits.len);
	canonical = str_printf_in(s->errors->arena, "%s/" STR_FMT, written, STR_ARG(bits));
	if (!str_eq(text, canonical))
		field_invalid_str(s->errors, path, text,
				  str_printf_in(s->errors->arena,
						"must be in canonical form (\"" STR_FMT "\")",
						STR_ARG(canonical))
					  .ptr);
}

/* ---- load balancers ---- */

static void check_entry_point(const struct scope *s, const struct field_path *path,
			      yyjson_mut_val *v, yyjson_val *old_points)
{
	static const struct rule rules[] = { RULE_NAME("hostname", name_subdomain_problem), { 0 } };
	struct str ip = json_mut_get_str(v, "ip"), mode = json_mut_get_str(v, "ipMode"),
		   host = json_mut_get_str(v, "hostname");
	const struct field_path *here = FIELD_NAME(path, "ipMode");
	bool was_so = false;

	JSON_EACH (old, old_points)
		was_so |= str_eq(json_get_str(old, "ip"), ip);
	if (mode.len && !ip.len)
		field_forbidden(s->errors, here, "may not be specified when `ip` is not set");
	else if (mode.len && !schema_values_have(STR("Proxy|VIP"), mode))
		field_unsupported(s->errors, here, mode, "Proxy|VIP");
	if (ip.len && !was_so)
		(void)address_check(s, FIELD_NAME(path, "ip"), ip, NULL); /* nothing more to say */
	rules_check(s, rules, path, v);
	if (ip_is_valid(host))
		field_invalid_str(s->errors, FIELD_NAME(path, "hostname"), host,
				  "must be a DNS name, not an IP address");
}

void rule_balancer_status(const struct scope *s, const struct field_path *path, yyjson_mut_val *v)
{
	yyjson_val *old = s->edit->old ? json_get(s->edit->old, "status.loadBalancer.ingress")
				       : NULL;
	size_t i = 0;

	JSON_MUT_EACH (point, yyjson_mut_obj_get(v, "ingress"))
		check_entry_point(s, FIELD_INDEX(FIELD_NAME(path, "ingress"), i++), point, old);
}

/* ---- warnings ---- */

static void warn(struct notices *n, const struct field_path *path, const struct str *texts,
		 size_t count)
{
	for (size_t i = 0; i < count; i++)
		notices_add(n, STR_FMT ": " STR_FMT, STR_ARG(field_path_in(n->arena, path)),
			    STR_ARG(texts[i]));
}

void address_warn(struct notices *n, const struct field_path *path, struct str text)
{
	struct str texts[IP_WARNINGS_MAX];

	warn(n, path, texts, ip_warnings(text, n->arena, texts));
}

void range_warn(struct notices *n, const struct field_path *path, struct str text)
{
	struct str texts[IP_WARNINGS_MAX];

	warn(n, path, texts, cidr_warnings(text, n->arena, texts));
}

void balancer_status_warn(struct edit *e, struct notices *n)
{
	const struct field_path *status = FIELD_NAME(NULL, "status"),
				*list = FIELD_NAME(FIELD_NAME(status, "loadBalancer"), "ingress");
	size_t i = 0;

	JSON_MUT_EACH (point, json_mut_get(e->root, "status.loadBalancer.ingress"))
		address_warn(n, FIELD_INDEX(list, i++), json_mut_get_str(point, "ip"));
}
