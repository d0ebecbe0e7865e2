/* SPDX-License-Identifier: Apache-2.0 */
/* An event as one line of text: the form "legacy" of --audit-log-format. */
#include "apiserver/audit.h"

#include "codec/json.h"
#include "codec/json_quote.h"

static void put_quoted(struct buf *to, const char *name, struct str value)
{
	buf_printf(to, " %s=", name);
	json_write_quoted(value, to);
}

/* A list as one string: each word quoted, and all of it again. */
static void put_groups(struct buf *to, const char *name, yyjson_mut_val *groups,
		       struct str otherwise)
{
	AUTO_BUF list = { 0 };

	if (!groups) {
		put_quoted(to, name, otherwise);
		return;
	}
	buf_init(&list, AUDIT_LINE_BYTES_MAX);
	JSON_MUT_EACH (group, groups) {
		if (list.len)
			buf_put_char(&list, ',');
		json_write_quoted(json_mut_str(group), &list);
	}
	put_quoted(to, name, buf_str(&list));
}

static struct str or (struct str value, const char *otherwise)
{
	return value.len ? value : str_from(otherwise);
}

void audit_write_line(yyjson_mut_val *event, struct buf *to)
{
	yyjson_mut_val *user = json_mut_get(event, "user"),
		       *as = json_mut_get(event, "impersonatedUser"),
		       *status = json_mut_get(event, "responseStatus");

	buf_put_str(to, json_mut_get_str(event, "requestReceivedTimestamp"));
	buf_put_c(to, " AUDIT:");
	put_quoted(to, "id", json_mut_get_str(event, "auditID"));
	put_quoted(to, "stage", json_mut_get_str(event, "stage"));
	put_quoted(to, "ip",
		   or (json_mut_str(yyjson_mut_arr_get_first(json_mut_get(event, "sourceIPs"))),
		       "<unknown>"));
	put_quoted(to, "method", json_mut_get_str(event, "verb"));
	put_quoted(to, "user", or (json_mut_get_str(user, "username"), "<none>"));
	put_groups(to, "groups", json_mut_get(user, "groups"), STR("<none>"));
	put_quoted(to, "as", as ? json_mut_get_str(as, "username") : STR("<self>"));
	put_groups(to, "asgroups", json_mut_get(as, "groups"), STR("<lookup>"));
	put_quoted(to, "user-agent", json_mut_get_str(event, "userAgent"));
	put_quoted(to, "namespace", or (json_mut_get_str(event, "objectRef.namespace"), "<none>"));
	put_quoted(to, "uri", json_mut_get_str(event, "requestURI"));
	if (status)
		buf_printf(to, " response=\"%lld\"",
			   (long long)json_mut_get_int(status, "code", 0));
	else
		buf_put_c(to, " response=\"<deferred>\"");
}
