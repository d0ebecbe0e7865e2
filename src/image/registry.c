/* SPDX-License-Identifier: Apache-2.0 */
/* The registry protocol over http_fetch. One retry after an authentication challenge, one switch
 * from HTTP to HTTPS. */
#include "image/registry.h"

#include "base/mem.h"
#include "codec/json.h"
#include "image/auth.h"
#include "image/limits.h"
#include "net/http_client.h"
#include "oci/image_manifest.h"

#define MANIFEST_ACCEPT \
	OCI_MEDIA_INDEX ", " OCI_MEDIA_MANIFEST ", " DOCKER_MEDIA_INDEX ", " DOCKER_MEDIA_MANIFEST

struct registry {
	struct registry_options options;
	struct http_fetcher *fetcher;
	struct arena arena; /* lives as long as the registry: tokens */
	struct str token;
	bool basic; /* the registry asked for basic authentication */
	bool plain;
};

/* One request, and what comes of it. */
struct exchange {
	struct str url, accept;
	size_t body_bytes_max;
	struct http_fetch_result result;
	/* with a writer a body with status 200 goes there */
	struct content_writer *writer;
	int64_t size_bytes;
	_Atomic int64_t *done_bytes;
	int status;
};

bool registry_is_loopback(struct str domain)
{
	struct str host = domain, port;

	if (str_has_prefix(domain, STR("[::1]")))
		return true;
	str_cut(domain, ':', &host, &port);
	return str_eq_c(host, "localhost") || str_has_suffix(host, STR(".localhost")) ||
	       str_has_prefix(host, STR("127."));
}

struct registry *registry_new(const struct registry_options *options)
{
	struct registry *r = NEW(struct registry);
	struct http_client_options http = { .tls = options->tls, .resolve_inline = true };

	r->options = *options;
	arena_init(&r->arena, 16u << 20);
	r->token = str_in(&r->arena, options->token);
	if (options->auth->registry_token.len)
		r->token = options->auth->registry_token;
	r->plain = options->plain_http;
	r->fetcher = http_fetcher_new(&http);
	return r;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	http_fetcher_free(r->fetcher);
	arena_deinit(&r->arena);
	mem_free(r);
}

void registry_cancel(struct registry *r)
{
	http_fetcher_cancel(r->fetcher);
}

struct str registry_token(const struct registry *r)
{
	return r->token;
}

bool registry_is_plain(const struct registry *r)
{
	return r->plain;
}

static struct str registry_url(struct registry *r, const char *what, struct str name,
			       struct arena *arena)
{
	struct str host = r->options.reference->domain;

	if (str_eq_c(host, "docker.io"))
		host = STR("registry-1.docker.io");
	return str_printf_in(arena, "%s://" STR_FMT "/v2/" STR_FMT "/%s/" STR_FMT,
			     r->plain ? "http" : "https", STR_ARG(host),
			     STR_ARG(r->options.reference->path), what, STR_ARG(name));
}

static int exchange_on_headers(void *arg, const struct http_reply *reply, struct err *err)
{
	struct exchange *x = arg;

	x->status = reply->status;
	if (x->status == 200 && x->size_bytes >= 0 && reply->length_bytes >= 0 &&
	    reply->length_bytes != x->size_bytes)
		return err_set(err, ERR_PARSE, "blob has %lld bytes, expected %lld",
			       (long long)reply->length_bytes, (long long)x->size_bytes);
	return 0;
}

static int exchange_on_body(void *arg, struct str bytes, struct err *err)
{
	struct exchange *x = arg;

	if (x->status != 200)
		return 0;
	if (x->size_bytes >= 0 && (int64_t)bytes.len > x->size_bytes - x->writer->size_bytes)
		return err_set(err, ERR_PARSE, "blob is longer than %lld bytes",
			       (long long)x->size_bytes);
	if (content_write(x->writer, bytes, err) < 0)
		return -1;
	atomic_fetch_add_explicit(x->done_bytes, (int64_t)bytes.len, memory_order_relaxed);
	return 0;
}

static int exchange_once(struct registry *r, struct exchange *x, struct arena *arena,
			 struct err *err)
{
	struct http_header accept = HTTP_HEADER(STR("Accept"), x->accept);
	struct http_request request = {
		.method = STR("GET"),
		.url = x->url,
		.headers = { &accept, x->accept.len ? 1 : 0 },
		.redirect_max = REGISTRY_REDIRECTS_MAX,
		.idle_timeout_ms = REGISTRY_IDLE_TIMEOUT_MS,
		.deadline_ms = x->writer ? 0 : REGISTRY_MANIFEST_TIMEOUT_MS,
	};
	struct http_fetch_options options = { .arena = arena, .body_bytes_max = x->body_bytes_max };

	if (x->writer) {
		options.on_headers = exchange_on_headers;
		options.on_body = exchange_on_body;
		options.arg = x;
	}

	if (r->basic) {
		request.basic_user = r->options.auth->username;
		request.basic_password = r->options.auth->password;
	} else {
		request.bearer_token = r->token;
	}
	if (http_fetch(r->fetcher, &request, &options, &x->result, err) < 0) {
		if (err && (err->code == ERR_CANCELLED || err->code == ERR_NO_SPACE))
			return -1;
		return err_wrap(err, "failed to do request: Get \"" STR_FMT "\"", STR_ARG(x->url));
	}
	return 0;
}

static int unexpected_status(const char *what, struct str url, int status, struct err *err)
{
	enum err_code code = status == 404   ? ERR_NOT_FOUND
			     : status == 401 ? ERR_UNAUTHORIZED
			     : status == 403 ? ERR_FORBIDDEN
			     : status == 429 ? ERR_TOO_MANY
					     : ERR_UNAVAILABLE;

	return err_set(err, code, "unexpected status from %s " STR_FMT ": %d %s", what,
		       STR_ARG(url), status, http_status_text(status));
}

static int read_token(struct registry *r, struct str body, struct err *err)
{
	AUTO_JSON doc = json_parse(body, REGISTRY_TOKEN_BYTES_MAX, err);
	yyjson_val *root;
	struct str token;

	if (!doc)
		return err_wrap(err, "token");
	root = yyjson_doc_get_root(doc);
	token = json_str(json_key(root, STR("token")));
	if (token.len == 0)
		token = json_str(json_key(root, STR("access_token")));
	if (token.len == 0 || !http_is_value(token))
		return err_set(err, ERR_UNAUTHORIZED,
			       "authorization server did not include a token in the response");
	r->token = str_in(&r->arena, token);
	return 0;
}

static struct str token_form(struct registry *r, const struct auth_challenge *c,
			     struct arena *arena)
{
	AUTO_BUF form = { 0 };

	buf_init(&form, REGISTRY_TOKEN_BYTES_MAX);
	if (r->options.auth->identity_token.len) {
		buf_put_c(&form, "grant_type=refresh_token&client_id=cube&refresh_token=");
		url_encode(&form, r->options.auth->identity_token);
		buf_put_char(&form, '&');
	}
	buf_put_c(&form, "service=");
	url_encode(&form, c->service);
	buf_put_c(&form, "&scope=");
	if (c->scope.len)
		url_encode(&form, c->scope);
	else
		url_encode(&form, str_printf_in(arena, "repository:" STR_FMT ":pull",
						STR_ARG(r->options.reference->path)));
	return str_in(arena, buf_str(&form));
}

/* Docker's token protocol: GET with basic credentials (or none), POST with a refresh token. */
static int fetch_token(struct registry *r, const struct auth_challenge *c, struct err *err)
{
	AUTO_ARENA arena = { 0 };
	const struct image_auth *auth = r->options.auth;
	bool post = auth->identity_token.len > 0;
	struct http_header type = HTTP_HEADER(STR("Content-Type"),
					      STR("application/x-www-form-urlencoded"));
	struct http_piece body;
	struct http_request request = { .redirect_max = REGISTRY_REDIRECTS_MAX,
					.deadline_ms = REGISTRY_MANIFEST_TIMEOUT_MS };
	struct http_fetch_options options = { .arena = &arena,
					      .body_bytes_max = REGISTRY_TOKEN_BYTES_MAX };
	struct http_fetch_result result;
	struct str form;

	arena_init(&arena, 4u << 20);
	if (!str_has_prefix(c->realm, STR("https://")) &&
	    !(r->plain && str_has_prefix(c->realm, STR("http://"))))
		return err_set(err, ERR_UNAUTHORIZED,
			       "refusing to send credentials to token realm \"" STR_FMT "\"",
			       STR_ARG(str_slice(c->realm, 0, 200)));
	form = token_form(r, c, &arena);
	if (post) {
		body = HTTP_BYTES(form);
		request.method = STR("POST");
		request.url = c->realm;
		request.pieces = &body;
		request.piece_count = 1;
		request.headers = (struct http_headers){ &type, 1 };
	} else {
		request.method = STR("GET");
		request.url = str_printf_in(&arena, STR_FMT "%c" STR_FMT, STR_ARG(c->realm),
					    str_find_char(c->realm, '?', 0) == SIZE_MAX ? '?' : '&',
					    STR_ARG(form));
		request.basic_user = auth->username;
		request.basic_password = auth->password;
	}
	if (http_fetch(r->fetcher, &request, &options, &result, err) < 0)
		return err_wrap(err, "failed to do request");
	if (result.status != 200)
		return unexpected_status(post ? "POST request to" : "GET request to", c->realm,
					 result.status, err);
	return read_token(r, result.body, err);
}

static int authorize(struct registry *r, const struct exchange *x, struct err *err)
{
	struct auth_challenge challenge, bearer = { 0 };
	size_t cursor = 0;
	struct str header;
	bool found = false;

	while (http_header_next(&x->result.headers, STR("WWW-Authenticate"), &cursor, &header)) {
		if (auth_challenge_parse(header, &r->arena, &challenge, NULL) < 0)
			continue;
		if (!found || challenge.is_bearer)
			bearer = challenge;
		found = true;
	}
	if (!found)
		return unexpected_status("GET request to", x->url, 401, err);
	if (!bearer.is_bearer) {
		if (r->options.auth->username.len == 0)
			return err_set(
				err, ERR_UNAUTHORIZED,
				"pull access denied, repository does not exist or may require "
				"authorization: authorization failed: no basic auth credentials");
		r->basic = true;
		return 0;
	}
	if (fetch_token(r, &bearer, err) < 0)
		return err_wrap(err, "failed to authorize: failed to fetch %s token",
				r->options.auth->username.len ? "oauth" : "anonymous");
	return 0;
}

/* Status 200, or an error. */
static int exchange_run(struct registry *r, struct exchange *x, struct arena *arena,
			struct err *err)
{
	bool authorized = r->basic;
	int64_t written = x->writer ? x->writer->size_bytes : 0;

	for (;;) {
		if (exchange_once(r, x, arena, err) < 0)
			return -1;
		if (x->writer && x->writer->size_bytes != written && x->result.status != 200)
			return err_set(err, ERR_INTERNAL, "body of a failed request was stored");
		if (x->result.status != 401 || authorized)
			break;
		if (authorize(r, x, err) < 0)
			return -1;
		authorized = true;
	}
	if (x->result.status == 401 || x->result.status == 403)
		return err_set(err, x->result.status == 401 ? ERR_UNAUTHORIZED : ERR_FORBIDDEN,
			       "pull access denied, repository does not exist or may require "
			       "authorization: authorization failed: "
			       "%d %s",
			       x->result.status, http_status_text(x->result.status));
	return 0;
}

static int check_manifest(const struct exchange *x, struct str wanted,
			  char ret_digest[IMAGE_DIGEST_BYTES], struct err *err)
{
	struct str stated = http_header_get(&x->result.headers, STR("Docker-Content-Digest"));

	digest_of(x->result.body, ret_digest);
	if (oci_digest_is_valid(wanted))
		stated = wanted;
	if (stated.len && !str_eq_c(stated, ret_digest))
		return err_set(err, ERR_PARSE, "manifest has digest %s, expected " STR_FMT,
			       ret_digest, STR_ARG(str_slice(stated, 0, 100)));
	return 0;
}

int registry_manifest(struct registry *r, struct str tag_or_digest, struct arena *arena,
		      struct str *ret_bytes, char ret_digest[IMAGE_DIGEST_BYTES], struct err *err)
{
	struct exchange x = { .accept = STR(MANIFEST_ACCEPT),
			      .body_bytes_max = OCI_MANIFEST_BYTES_MAX,
			      .size_bytes = -1 };

	x.url = registry_url(r, "manifests", tag_or_digest, arena);
	if (exchange_run(r, &x, arena, err) < 0)
		return -1;
	if (x.result.status == 400 && r->plain) { /* what an HTTPS server says to HTTP */
		r->plain = false;
		x.url = registry_url(r, "manifests", tag_or_digest, arena);
		if (exchange_run(r, &x, arena, err) < 0)
			return -1;
	}
	if (x.result.status == 404)
		return err_set(err, ERR_NOT_FOUND, STR_FMT ": not found",
			       STR_ARG(r->options.reference->full));
	if (x.result.status != 200)
		return unexpected_status("GET request to", x.url, x.result.status, err);
	if (check_manifest(&x, tag_or_digest, ret_digest, err) < 0)
		return -1;
	*ret_bytes = x.result.body;
	return 0;
}

int registry_blob(struct registry *r, struct content *content, struct str digest,
		  int64_t size_bytes, _Atomic int64_t *done_bytes, struct err *err)
{
	AUTO_ARENA arena = { 0 };
	AUTO_CONTENT writer = { .fd = -1 };
	struct exchange x = { .writer = &writer,
			      .size_bytes = size_bytes,
			      .done_bytes = done_bytes };

	if (content_has(content, digest))
		return 0;
	arena_init(&arena, 4u << 20);
	if (content_begin(content, &writer, err) < 0)
		return -1;
	x.url = registry_url(r, "blobs", digest, &arena);
	if (exchange_run(r, &x, &arena, err) < 0)
		return -1;
	if (x.result.status == 404)
		return err_set(err, ERR_NOT_FOUND, "content digest " STR_FMT ": not found",
			       STR_ARG(digest));
	if (x.result.status != 200)
		return unexpected_status("GET request to", x.url, x.result.status, err);
	return content_commit(&writer, digest, size_bytes, NULL, err);
}
