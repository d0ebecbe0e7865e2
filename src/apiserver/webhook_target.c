/* SPDX-License-Identifier: Apache-2.0 */
/* Where a webhook is: from its clientConfig to a URL. Pure. */
#include "apiserver/limits.h"
#include "apiserver/webhook_client.h"
#include "codec/base64.h"

#define DEFAULT_PORT 443

static int read_authorities(yyjson_val *config, struct arena *arena, struct webhook_target *to,
			    struct err *err)
{
	struct str text = json_get_str(config, "caBundle");
	AUTO_BUF pem = { 0 };

	if (!text.len)
		return 0;
	buf_init(&pem, WEBHOOK_CA_BYTES_MAX);
	if (base64_decode(text, &pem, err) < 0 || buf_check(&pem, "caBundle", err) < 0)
		return err_wrap(err, "caBundle");
	to->ca_pem = str_in(arena, buf_str(&pem));
	return 0;
}

static void read_service(yyjson_val *service, struct arena *arena, struct webhook_target *to)
{
	struct str path = json_get_str(service, "path");

	to->namespace_ = str_in(arena, json_get_str(service, "namespace"));
	to->name = str_in(arena, json_get_str(service, "name"));
	to->port = json_get_int(service, "port", DEFAULT_PORT);
	to->url = str_printf_in(arena, "https://" STR_FMT "." STR_FMT ".svc:%lld%s" STR_FMT,
				STR_ARG(to->name), STR_ARG(to->namespace_), (long long)to->port,
				str_has_prefix(path, STR("/")) ? "" : "/", STR_ARG(path));
}

int webhook_target_read(yyjson_val *client_config, struct arena *arena, struct webhook_target *ret,
			struct err *err)
{
	struct webhook_target to = { 0 };
	yyjson_val *service = json_get(client_config, "service");

	if (read_authorities(client_config, arena, &to, err) < 0)
		return -1;
	if (yyjson_is_obj(service)) {
		read_service(service, arena, &to);
	} else {
		to.url = str_in(arena, json_get_str(client_config, "url"));
		if (!str_has_prefix(to.url, STR("https://")))
			return err_set(err, ERR_INVALID,
				       "webhook configuration must have either service or URL");
	}
	*ret = to;
	return 0;
}

/* --- words --- */

/* What OpenSSL says about a certificate, as Go's x509 says it. */
static const struct {
	const char *ours, *theirs;
} verdicts[] = {
	{ "hostname mismatch", "x509: certificate is not valid for the requested name" },
	{ "IP address mismatch", "x509: certificate is not valid for the requested address" },
	{ "certificate has expired", "x509: certificate has expired or is not yet valid" },
	{ "certificate is not yet valid", "x509: certificate has expired or is not yet valid" },
	{ "", "x509: certificate signed by unknown authority" },
};

static void word_verdict(struct str verdict, struct err *ret)
{
	for (size_t i = 0; i < ARRAY_COUNT(verdicts); i++)
		if (str_contains(verdict, str_from(verdicts[i].ours))) {
			(void)err_set(ret, ERR_CLOSED, "tls: failed to verify certificate: %s",
				      verdicts[i].theirs);
			return;
		}
}

void webhook_word_error(const struct err *from, struct err *ret)
{
	struct str text = str_from(from->msg);
	size_t at = str_find(text, STR("verify failed"), 0);
	struct str reason;

	*ret = *from;
	if (from->code == ERR_TIMEOUT) {
		(void)err_set(ret, ERR_TIMEOUT, "context deadline exceeded");
	} else if (at != SIZE_MAX) {
		word_verdict(str_slice(text, at, text.len), ret);
	} else if (from->code == ERR_OS && str_has_prefix(text, STR("dial "))) {
		/* "dial 10.0.0.1:443: connect: Connection refused" */
		reason = str_slice(text, str_rfind_char(text, ':'), text.len);
		text = str_slice(text, sizeof("dial ") - 1, text.len - reason.len);
		(void)err_set(ret, ERR_UNAVAILABLE, "dial tcp " STR_FMT ": %c" STR_FMT,
			      STR_ARG(text), reason.len > 2 ? reason.ptr[2] | 0x20 : ' ',
			      STR_ARG(str_slice(reason, 3, reason.len)));
	} else if (from->code == ERR_CLOSED && str_contains(text, STR("without an answer"))) {
		(void)err_set(ret, ERR_CLOSED, "EOF");
	} else if (from->code == ERR_CLOSED && str_contains(text, STR("cut off"))) {
		(void)err_set(ret, ERR_CLOSED, "unexpected EOF");
	}
}
