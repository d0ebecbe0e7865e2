/* SPDX-License-Identifier: Apache-2.0 */
/* What names may look like, checked by hand; the regular expressions are part of the messages only.
 */
#include "codec/name.h"

#include <arpa/inet.h>
#include "base/num.h"

#define REGEX(message, examples, regex) \
	message " (e.g. " examples ", regex used for validation is '" regex "')"
#define LABEL_REGEX "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define QUALIFIED_REGEX "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"

static const char label_text[] = REGEX(
	"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
	"and must start and end with an alphanumeric character",
	"'my-name',  or '123-abc'", LABEL_REGEX);
static const char subdomain_text[] = REGEX(
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "
	"'-' or '.', and must start and end with an alphanumeric character",
	"'example.com'", LABEL_REGEX "(\\." LABEL_REGEX ")*");
static const char label1035_text[] = REGEX(
	"a DNS-1035 label must consist of lower case alphanumeric characters or '-', start "
	"with an alphabetic character, and end with an alphanumeric character",
	"'my-name',  or 'abc-123'", "[a-z]([-a-z0-9]*[a-z0-9])?");
static const char wildcard_text[] = REGEX(
	"a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS "
	"subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end "
	"with an alphanumeric character",
	"'*.example.com'", "\\*\\." LABEL_REGEX "(\\." LABEL_REGEX ")*");
#define QUALIFIED_TEXT                                                                            \
	REGEX("must consist of alphanumeric characters, '-', '_' or '.', and must start and end " \
	      "with an "                                                                          \
	      "alphanumeric character",                                                           \
	      "'MyName',  or 'my.name',  or '123-abc'", QUALIFIED_REGEX)

static const char long_label[] = "must be no more than 63 characters";
static const char long_subdomain[] = "must be no more than 253 characters";

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
static bool is_alnum(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool is_label(struct str s)
{
	if (!s.len || !is_lower(s.ptr[0]) || !is_lower(s.ptr[s.len - 1]))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_lower(s.ptr[i]) && s.ptr[i] != '-')
			return false;
	}
	return true;
}

static bool is_subdomain(struct str s)
{
	struct str part;

	if (!s.len)
		return false;
	while (str_next_part(&s, '.', &part)) {
		if (!is_label(part))
			return false;
	}
	return true;
}

const char *name_label_problem(struct str name)
{
	if (name.len > DNS_LABEL_BYTES_MAX)
		return long_label;
	if (is_label(name))
		return NULL;
	return is_subdomain(name) ? "must not contain dots" : label_text;
}

const char *name_label1035_problem(struct str name)
{
	if (name.len > DNS_LABEL_BYTES_MAX)
		return long_label;
	return is_label(name) && name.ptr[0] > '9' ? NULL : label1035_text;
}

const char *name_subdomain_problem(struct str name)
{
	if (name.len > DNS_SUBDOMAIN_BYTES_MAX)
		return long_subdomain;
	return is_subdomain(name) ? NULL : subdomain_text;
}

const char *name_subdomain_wildcard_problem(struct str name)
{
	if (name.len > DNS_SUBDOMAIN_BYTES_MAX)
		return long_subdomain;
	return str_has_prefix(name, STR("*.")) && is_subdomain(str_slice(name, 2, name.len))
		       ? NULL
		       : wildcard_text;
}

static bool is_qualified_part(struct str s)
{
	if (!s.len || !is_alnum(s.ptr[0]) || !is_alnum(s.ptr[s.len - 1]))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_alnum(s.ptr[i]) && !strchr("-_.", s.ptr[i]))
			return false;
	}
	return memchr(s.ptr, '\0', s.len) == NULL;
}

const char *name_qualified_problem(struct str name)
{
	size_t slash = str_find_char(name, '/', 0);

	if (slash != SIZE_MAX) {
		struct str prefix = str_slice(name, 0, slash);

		name = str_slice(name, slash + 1, name.len);
		if (str_find_char(name, '/', 0) != SIZE_MAX)
			return "a qualified name " QUALIFIED_TEXT
			       " with an optional DNS subdomain prefix and '/' (e.g. "
			       "'example.com/MyName')";
		if (!prefix.len)
			return "prefix part must be non-empty";
		if (prefix.len > DNS_SUBDOMAIN_BYTES_MAX)
			return "prefix part must be no more than 253 characters";
		if (!is_subdomain(prefix))
			return "prefix part " REGEX("a lowercase RFC 1123 subdomain must consist "
						    "of lower case alphanumeric "
						    "characters, '-' or '.', and must start and "
						    "end with an alphanumeric character",
						    "'example.com'",
						    LABEL_REGEX "(\\." LABEL_REGEX ")*");
	}
	if (!name.len)
		return "name part must be non-empty";
	if (name.len > DNS_LABEL_BYTES_MAX)
		return "name part must be no more than 63 characters";
	return is_qualified_part(name) ? NULL : "name part " QUALIFIED_TEXT;
}

const char *name_label_value_problem(struct str value)
{
	if (value.len > DNS_LABEL_BYTES_MAX)
		return long_label;
	if (!value.len || is_qualified_part(value))
		return NULL;
	return REGEX("a valid label must be an empty string or consist of alphanumeric characters, "
		     "'-', '_' or '.', and must start "
		     "and end with an alphanumeric character",
		     "'MyValue',  or 'my_value',  or '12345'", "(" QUALIFIED_REGEX ")?");
}

const char *name_port_problem(struct str name)
{
	bool letter = false;

	if (name.len > 15)
		return "must be no more than 15 characters";
	for (size_t i = 0; i < name.len; i++) {
		if (!is_lower(name.ptr[i]) && name.ptr[i] != '-')
			return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens "
			       "(-)";
		letter |= name.ptr[i] >= 'a' && name.ptr[i] <= 'z';
		if (i && name.ptr[i] == '-' && name.ptr[i - 1] == '-')
			return "must not contain consecutive hyphens";
	}
	if (!letter)
		return "must contain at least one letter (a-z)";
	return name.ptr[0] == '-' || name.ptr[name.len - 1] == '-'
		       ? "must not begin or end with a hyphen"
		       : NULL;
}

const char *name_path_segment_problem(struct str name)
{
	if (str_eq_c(name, "."))
		return "may not be '.'";
	if (str_eq_c(name, ".."))
		return "may not be '..'";
	if (str_find_char(name, '/', 0) != SIZE_MAX)
		return "may not contain '/'";
	return str_find_char(name, '%', 0) != SIZE_MAX ? "may not contain '%'" : NULL;
}

static const char *dots_problem(struct str text)
{
	if (str_eq_c(text, "."))
		return "must not be '.'";
	if (str_eq_c(text, ".."))
		return "must not be '..'";
	return str_has_prefix(text, STR("..")) ? "must not start with '..'" : NULL;
}

const char *name_config_key_problem(struct str key)
{
	if (key.len > DNS_SUBDOMAIN_BYTES_MAX)
		return long_subdomain;
	for (size_t i = 0; i < key.len; i++) {
		if (is_alnum(key.ptr[i]) || (key.ptr[i] && strchr("-._", key.ptr[i])))
			continue;
		key.len = 0;
	}
	if (!key.len)
		return REGEX("a valid config key must consist of alphanumeric characters, '-', '_' "
			     "or '.'",
			     "'key.name',  or 'KEY_NAME',  or 'key-name'", "[-._a-zA-Z0-9]+");
	return dots_problem(key);
}

const char *name_env_problem(struct str name)
{
	if (!name.len)
		return "environment variable name must be non-empty";
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] < ' ' || name.ptr[i] > '~' || name.ptr[i] == '=')
			return "a valid environment variable name must consist only of printable "
			       "ASCII characters other than '='";
	}
	return NULL;
}

static bool is_underscore_label(struct str s)
{
	if (s.len && s.ptr[0] == '_')
		s = str_slice(s, 1, s.len);
	if (!s.len || !is_lower(s.ptr[0]) || !is_lower(s.ptr[s.len - 1]))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_lower(s.ptr[i]) && s.ptr[i] != '-' && s.ptr[i] != '_')
			return false;
	}
	return true;
}

const char *name_search_domain_problem(struct str name)
{
	bool good = name.len > 0;
	struct str rest = name, part;

	if (name.len > DNS_SUBDOMAIN_BYTES_MAX)
		return long_subdomain;
	while (good && str_next_part(&rest, '.', &part))
		good = is_underscore_label(part);
	return good ? NULL
		    : REGEX("a lowercase RFC 1123 subdomain must consist of lower case "
			    "alphanumeric characters, '_', '-' or '.', and must start and end with "
			    "an alphanumeric character",
			    "'example.com'",
			    "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)"
			    "*");
}

const char *name_http_header_problem(struct str name)
{
	bool good = name.len > 0;

	for (size_t i = 0; i < name.len; i++)
		good &= is_alnum(name.ptr[i]) || name.ptr[i] == '-';
	return good ? NULL
		    : REGEX("a valid HTTP header must consist of alphanumeric characters or '-'",
			    "'X-Header-Name'", "[-A-Za-z0-9]+");
}

const char *name_sysctl_problem(struct str name)
{
	bool good = name.len && name.len <= DNS_SUBDOMAIN_BYTES_MAX;
	char before = '.';

	for (size_t i = 0; good && i < name.len; i++) {
		char c = name.ptr[i], after = i + 1 < name.len ? name.ptr[i + 1] : '.';

		if (c == '.' || c == '/')
			good = is_lower(before) && is_lower(after) && i + 1 < name.len;
		else
			good = is_lower(c) || ((c == '-' || c == '_') && before != '.' &&
					       before != '/' && after != '.' && after != '/');
		before = c;
	}
	return good ? NULL
		    : "must have at most 253 characters and match regex "
		      "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
}

/* Case does not matter here. */
const char *name_csi_driver_problem(struct str name)
{
	char lower[DNS_SUBDOMAIN_BYTES_MAX];

	if (name.len > sizeof(lower))
		return name_subdomain_problem(name);
	for (size_t i = 0; i < name.len; i++)
		lower[i] = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z'
				   ? (char)(name.ptr[i] + 'a' - 'A')
				   : name.ptr[i];
	return name_subdomain_problem(str_sub(lower, name.len));
}

/* A prefix may end in what a name must not: something is put behind it. */
static struct str without_dash(struct str name, char to[256])
{
	if (!name.len || name.ptr[name.len - 1] != '-' || name.len > 254)
		return name;
	memcpy(to, name.ptr, name.len);
	to[name.len - 1] = 'a';
	return str_sub(to, name.len);
}

const char *name_is_label(struct str name, bool is_prefix)
{
	char room[256];

	return name_label_problem(is_prefix ? without_dash(name, room) : name);
}

const char *name_is_label1035(struct str name, bool is_prefix)
{
	char room[256];

	return name_label1035_problem(is_prefix ? without_dash(name, room) : name);
}

const char *name_is_subdomain(struct str name, bool is_prefix)
{
	char room[256];

	return name_subdomain_problem(is_prefix ? without_dash(name, room) : name);
}

const char *name_is_path_segment(struct str name, bool is_prefix)
{
	if (is_prefix && (str_eq_c(name, ".") || str_eq_c(name, "..")))
		return NULL;
	return name_path_segment_problem(name);
}

/* ---- addresses ---- */

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

const char *ip_problem(struct str text)
{
	return ip_is_valid(text) ? NULL
				 : "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
}

const char *cidr_problem(struct str text)
{
	return cidr_is_valid(text)
		       ? NULL
		       : "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
}
