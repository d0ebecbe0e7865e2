/* SPDX-License-Identifier: Apache-2.0 */
/* What names may look like, checked by hand; the regular expressions are part of the messages only.
 */
#include "codec/name.h"

#include "base/buf.h"
#include "base/num.h"

#define REGEX(message, examples, regex) \
	message " (e.g. " examples ", regex used for validation is '" regex "')"
#define LABEL_REGEX "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define QUALIFIED_REGEX "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"

#define LABEL_TEXT                                                                                \
	REGEX("a lowercase RFC 1123 label must consist of lower case alphanumeric characters or " \
	      "'-', and must start and end with an alphanumeric character",                       \
	      "'my-name',  or '123-abc'", LABEL_REGEX)
#define SUBDOMAIN_TEXT                                                                  \
	REGEX("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric " \
	      "characters, "                                                            \
	      "'-' or '.', and must start and end with an alphanumeric character",      \
	      "'example.com'", LABEL_REGEX "(\\." LABEL_REGEX ")*")
#define LABEL1035_TEXT                                                                             \
	REGEX("a DNS-1035 label must consist of lower case alphanumeric characters or '-', start " \
	      "with an alphabetic character, and end with an alphanumeric character",              \
	      "'my-name',  or 'abc-123'", "[a-z]([-a-z0-9]*[a-z0-9])?")
#define WILDCARD_TEXT                                                                            \
	REGEX("a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS "     \
	      "subdomain, which must consist of lower case alphanumeric characters, '-' or '.' " \
	      "and end with an alphanumeric character",                                          \
	      "'*.example.com'", "\\*\\." LABEL_REGEX "(\\." LABEL_REGEX ")*")
#define QUALIFIED_TEXT                                                                            \
	REGEX("must consist of alphanumeric characters, '-', '_' or '.', and must start and end " \
	      "with an "                                                                          \
	      "alphanumeric character",                                                           \
	      "'MyName',  or 'my.name',  or '123-abc'", QUALIFIED_REGEX)
#define VALUE_TEXT                                                                                 \
	REGEX("a valid label must be an empty string or consist of alphanumeric characters, '-', " \
	      "'_' or '.', and must start and end with an alphanumeric character",                 \
	      "'MyValue',  or 'my_value',  or '12345'", "(" QUALIFIED_REGEX ")?")
#define UNDERSCORE_TEXT                                                                   \
	REGEX("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "   \
	      "characters, '_', '-' or '.', and must start and end with an alphanumeric " \
	      "character",                                                                \
	      "'example.com'",                                                            \
	      "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*")
#define CONFIG_KEY_TEXT                                                                      \
	REGEX("a valid config key must consist of alphanumeric characters, '-', '_' or '.'", \
	      "'key.name',  or 'KEY_NAME',  or 'key-name'", "[-._a-zA-Z0-9]+")

/* Upstream counts some in characters and some in bytes. */
#define LONG_LABEL "must be no more than 63 characters"
#define LONG_SUBDOMAIN "must be no more than 253 characters"
#define LONG_KEY "must be no more than 63 bytes"
#define LONG_PREFIX "must be no more than 253 bytes"
#define UPWARDS "must not start with '..'"
#define AND NAME_PROBLEM_BREAK

/* Up to two things are wrong: it is too long, and it does not look as it must. */
static const char *both(bool is_long, bool is_odd, const char *const texts[3])
{
	return is_long || is_odd ? texts[is_long + 2 * is_odd - 1] : NULL;
}
#define BOTH(is_long_, is_odd_, long_, odd_) \
	both(is_long_, is_odd_, (const char *const[]){ long_, odd_, long_ AND odd_ })

const char *name_problems_in(struct arena *arena, const char *problems, const char *between)
{
	struct str rest = str_from(problems), one;
	AUTO_BUF text = { 0 };

	if (!problems || !strpbrk(problems, NAME_PROBLEM_BREAK))
		return problems;
	buf_init(&text, 4096);
	while (name_next_problem(&rest, &one)) {
		if (text.len)
			buf_put_c(&text, between);
		buf_put_str(&text, one);
	}
	return str_c_in(arena, buf_str(&text));
}

bool name_next_problem(struct str *rest, struct str *ret_problem)
{
	return rest->len && str_next_part(rest, NAME_PROBLEM_BREAK[0], ret_problem);
}

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
	bool is_long = name.len > DNS_LABEL_BYTES_MAX;

	if (is_label(name))
		return is_long ? LONG_LABEL : NULL;
	return is_subdomain(name) ? BOTH(is_long, true, LONG_LABEL, "must not contain dots")
				  : BOTH(is_long, true, LONG_LABEL, LABEL_TEXT);
}

const char *name_label1035_problem(struct str name)
{
	return BOTH(name.len > DNS_LABEL_BYTES_MAX, !is_label(name) || name.ptr[0] <= '9',
		    LONG_LABEL, LABEL1035_TEXT);
}

const char *name_subdomain_problem(struct str name)
{
	return BOTH(name.len > DNS_SUBDOMAIN_BYTES_MAX, !is_subdomain(name), LONG_SUBDOMAIN,
		    SUBDOMAIN_TEXT);
}

const char *name_subdomain_wildcard_problem(struct str name)
{
	bool is_odd = !str_has_prefix(name, STR("*.")) ||
		      !is_subdomain(str_slice(name, 2, name.len));

	return BOTH(name.len > DNS_SUBDOMAIN_BYTES_MAX, is_odd, LONG_SUBDOMAIN, WILDCARD_TEXT);
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

/* What is wrong with the part in front of the slash, and what with the one behind it. */
enum part_problem { PART_FINE, PART_EMPTY, PART_LONG, PART_ODD, PART_LONG_ODD, PART_PROBLEM_END };

/* clang-format off */
#define NAME_ODD "name part " QUALIFIED_TEXT
#define PREFIX_ODD "prefix part " SUBDOMAIN_TEXT
#define NAME_PROBLEMS(prefix_) { \
	[PART_EMPTY] = prefix_ "name part must be non-empty" AND NAME_ODD, \
	[PART_LONG] = prefix_ "name part " LONG_KEY, \
	[PART_ODD] = prefix_ NAME_ODD, \
	[PART_LONG_ODD] = prefix_ "name part " LONG_KEY AND NAME_ODD, \
}
/* clang-format on */

static const char *const prefix_problems[PART_PROBLEM_END] = {
	[PART_EMPTY] = "prefix part must be non-empty",
	[PART_LONG] = "prefix part " LONG_PREFIX,
	[PART_ODD] = PREFIX_ODD,
	[PART_LONG_ODD] = "prefix part " LONG_PREFIX AND PREFIX_ODD,
};

static const char *const key_problems[PART_PROBLEM_END][PART_PROBLEM_END] = {
	[PART_FINE] = NAME_PROBLEMS(""),
	[PART_EMPTY] = NAME_PROBLEMS("prefix part must be non-empty" AND),
	[PART_LONG] = NAME_PROBLEMS("prefix part " LONG_PREFIX AND),
	[PART_ODD] = NAME_PROBLEMS(PREFIX_ODD AND),
	[PART_LONG_ODD] = NAME_PROBLEMS("prefix part " LONG_PREFIX AND PREFIX_ODD AND),
};

static enum part_problem part_problem(struct str part, size_t bytes_max,
				      bool (*is_good)(struct str))
{
	bool is_long = part.len > bytes_max;

	if (!part.len)
		return PART_EMPTY;
	if (is_good(part))
		return is_long ? PART_LONG : PART_FINE;
	return is_long ? PART_LONG_ODD : PART_ODD;
}

const char *name_qualified_problem(struct str name)
{
	size_t slash = str_find_char(name, '/', 0);
	enum part_problem prefix = PART_FINE, own;

	if (slash != SIZE_MAX) {
		prefix = part_problem(str_slice(name, 0, slash), DNS_SUBDOMAIN_BYTES_MAX,
				      is_subdomain);
		name = str_slice(name, slash + 1, name.len);
		if (str_find_char(name, '/', 0) != SIZE_MAX)
			return "a valid label key " QUALIFIED_TEXT
			       " with an optional DNS subdomain prefix and '/' (e.g. "
			       "'example.com/MyName')";
	}
	own = part_problem(name, DNS_LABEL_BYTES_MAX, is_qualified_part);
	return own == PART_FINE ? prefix_problems[prefix] : key_problems[prefix][own];
}

const char *name_label_value_problem(struct str value)
{
	return BOTH(value.len > DNS_LABEL_BYTES_MAX, value.len && !is_qualified_part(value),
		    LONG_KEY, VALUE_TEXT);
}

/* Each of five things may be wrong: a text for each set of them. */
/* clang-format off */
#define PORT_ENDS(before_) before_, before_ "must not begin or end with a hyphen" AND
#define PORT_TWICE(before_) PORT_ENDS(before_), PORT_ENDS(before_ "must not contain consecutive hyphens" AND)
#define PORT_LETTER(before_) PORT_TWICE(before_), PORT_TWICE(before_ "must contain at least one letter (a-z)" AND)
#define PORT_CHARS(before_) PORT_LETTER(before_), \
	PORT_LETTER(before_ "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)" AND)
/* clang-format on */
static const char *const port_problems[32] = {
	PORT_CHARS(""), PORT_CHARS("must be no more than 15 characters" AND)
};

const char *name_port_problem(struct str name)
{
	bool is_odd = !name.len, has_letter = false, twice = false, ends = false;
	unsigned which;

	for (size_t i = 0; i < name.len; i++) {
		is_odd |= !is_lower(name.ptr[i]) && name.ptr[i] != '-';
		has_letter |= name.ptr[i] >= 'a' && name.ptr[i] <= 'z';
		twice |= i && name.ptr[i] == '-' && name.ptr[i - 1] == '-';
	}
	ends = name.len && (name.ptr[0] == '-' || name.ptr[name.len - 1] == '-');
	which = (name.len > 15) << 4 | is_odd << 3 | !has_letter << 2 | twice << 1 | ends;
	return which ? port_problems[which] : NULL;
}

const char *name_path_segment_problem(struct str name)
{
	if (str_eq_c(name, "."))
		return "may not be '.'";
	if (str_eq_c(name, ".."))
		return "may not be '..'";
	return BOTH(str_find_char(name, '/', 0) != SIZE_MAX,
		    str_find_char(name, '%', 0) != SIZE_MAX, "may not contain '/'",
		    "may not contain '%'");
}

const char *name_config_key_problem(struct str key)
{
	bool is_long = key.len > DNS_SUBDOMAIN_BYTES_MAX, is_odd = !key.len;

	if (str_eq_c(key, "."))
		return "must not be '.'";
	if (str_eq_c(key, ".."))
		return "must not be '..'";
	for (size_t i = 0; i < key.len; i++)
		is_odd |= !is_alnum(key.ptr[i]) && !(key.ptr[i] && strchr("-._", key.ptr[i]));
	if (!str_has_prefix(key, STR("..")))
		return BOTH(is_long, is_odd, LONG_SUBDOMAIN, CONFIG_KEY_TEXT);
	return (const char *const[]){
		UPWARDS,
		LONG_SUBDOMAIN AND UPWARDS,
		CONFIG_KEY_TEXT AND UPWARDS,
		LONG_SUBDOMAIN AND CONFIG_KEY_TEXT AND UPWARDS,
	}[is_long + 2 * is_odd];
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

	while (good && str_next_part(&rest, '.', &part))
		good = is_underscore_label(part);
	return BOTH(name.len > DNS_SUBDOMAIN_BYTES_MAX, !good, LONG_SUBDOMAIN, UNDERSCORE_TEXT);
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
