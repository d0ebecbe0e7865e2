/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bootstrap tokens, Secrets of kube-system by which machines join: those whose time is over are
 * deleted (a key is a Secret), and ConfigMap kube-public/cluster-info is signed with each that
 * shall sign, so that who knows a token can tell the true one (there is one key).
 */
#include "base/mem.h"
#include "base/time.h"
#include "codec/base64.h"
#include "controllers/controller.h"
#include "loop/env.h"

enum { WATCH_SECRETS, WATCH_CONFIG_MAPS };

#define TOKEN_TYPE "bootstrap.kubernetes.io/token"
#define NAMESPACE "kube-system"
#define CLUSTER_KEY "kube-public/cluster-info"
#define SIGNATURE_PREFIX "jws-kubeconfig-"
#define FIELD_BYTES_MAX 1024
#define SIGNATURE_BYTES_MAX 1024

static bool is_token(const struct obj *secret)
{
	return str_eq_c(secret->namespace_, NAMESPACE) &&
	       str_eq_c(json_get_str(secret->root, "type"), TOKEN_TYPE);
}

static bool read_field(const struct obj *secret, const char *name, struct buf *to)
{
	buf_init(to, FIELD_BYTES_MAX);
	return base64_decode(json_str(json_key(json_get(secret->root, "data"), str_from(name))), to,
			     NULL) == 0 &&
	       !buf_failed(to);
}

/* How long it is good; INT64_MAX: it has no end. One that cannot be read is over. */
static int64_t life_left_ns(const struct controller *c, const struct obj *secret)
{
	AUTO_BUF text = { 0 };
	int64_t end_ns;

	if (!json_key(json_get(secret->root, "data"), STR("expiration")))
		return INT64_MAX;
	if (!read_field(secret, "expiration", &text))
		return 0;
	if (!text.len)
		return INT64_MAX;
	return time_parse(buf_str(&text), &end_ns, NULL) < 0 ? 0 : end_ns - env_wall_ns(c->env);
}

/* --- token cleaner --- */

static enum reconcile_result clean(struct controller *c, struct key key, struct err *err)
{
	const struct obj *secret = informer_get(c->informers[WATCH_SECRETS], key.text);
	struct request r;
	int64_t left_ns;

	(void)err; /* nothing here can fail before the API answers */
	if (!secret || !is_token(secret) || obj_is_deleting(secret))
		return RECONCILE_DONE;
	left_ns = life_left_ns(c, secret);
	if (left_ns > 0) {
		if (left_ns != INT64_MAX)
			queue_add_after(&c->queue, key.text, left_ns / TIME_NS_PER_MS + 1);
		return RECONCILE_DONE;
	}
	r = request_delete(&kind_secret, secret, -1, NULL);
	r.missing_is_fine = true;
	controller_submit(c, key.text, r);
	return RECONCILE_DONE;
}

static void token_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	(void)old;
	if (new_ && is_token(new_))
		queue_add_obj(&c->queue, new_);
}

/* --- bootstrap signer --- */

static bool signs(const struct controller *c, const struct obj *secret, struct buf *id,
		  struct buf *key)
{
	AUTO_BUF usage = { 0 };

	return is_token(secret) && !obj_is_deleting(secret) && life_left_ns(c, secret) > 0 &&
	       read_field(secret, "usage-bootstrap-signing", &usage) &&
	       str_eq_c(buf_str(&usage), "true") && read_field(secret, "token-id", id) && id->len &&
	       read_field(secret, "token-secret", key) && key->len;
}

/* A JWS with its payload left out (RFC 7515, appendix F): header..signature. */
static void write_signature(const struct controller *c, struct str payload, struct str id,
			    struct str key, struct buf *to)
{
	AUTO_JSON_MUT header = json_new_object();
	yyjson_mut_val *root = yyjson_mut_doc_get_root(header);
	AUTO_BUF text = { 0 };
	AUTO_BUF signed_text = { 0 };
	uint8_t sum[32];

	json_set_str(header, root, "alg", STR("HS256"));
	json_set_str(header, root, "kid", id);
	buf_init(&text, FIELD_BYTES_MAX);
	json_mut_write(root, &text);
	base64_url_encode(buf_str(&text), to);
	buf_init(&signed_text, 2 * payload.len + SIGNATURE_BYTES_MAX);
	buf_put_str(&signed_text, buf_str(to));
	buf_put_char(&signed_text, '.');
	base64_url_encode(payload, &signed_text);
	c->options->authority.authenticate(key, buf_str(&signed_text), sum);
	buf_put_c(to, "..");
	base64_url_encode(str_sub((const char *)sum, sizeof(sum)), to);
}

static void add_signature(const struct controller *c, const struct obj *secret, yyjson_mut_doc *doc,
			  yyjson_mut_val *data)
{
	struct str payload = json_mut_str(json_mut_key(data, STR("kubeconfig")));
	AUTO_BUF id = { 0 };
	AUTO_BUF key = { 0 };
	AUTO_BUF signature = { 0 };
	AUTO_BUF name = { 0 };

	if (signs(c, secret, &id, &key)) {
		buf_init(&signature, SIGNATURE_BYTES_MAX);
		buf_init(&name, SIGNATURE_BYTES_MAX);
		write_signature(c, payload, buf_str(&id), buf_str(&key), &signature);
		buf_put_c(&name, SIGNATURE_PREFIX);
		buf_put_str(&name, buf_str(&id));
		json_put_str(doc, data, buf_str(&name), buf_str(&signature));
	}
	mem_wipe(key.ptr, key.len);
}

static void drop_signatures(const struct obj *old, yyjson_mut_val *data)
{
	JSON_MEMBERS (key, value, json_get(old->root, "data")) {
		(void)value;
		if (str_has_prefix(json_str(key), STR(SIGNATURE_PREFIX)))
			(void)json_remove(data, json_str(key)); /* the doc owns it */
	}
}

/* Signatures end with their tokens. */
static void come_back_in_time(struct controller *c, struct key key)
{
	int64_t first_ns = INT64_MAX;

	INFORMER_SET_FOR_EACH (secret, informer_all(c->informers[WATCH_SECRETS])) {
		int64_t left_ns = is_token(secret) ? life_left_ns(c, secret) : 0;

		if (left_ns > 0 && left_ns < first_ns)
			first_ns = left_ns;
	}
	if (first_ns != INT64_MAX)
		queue_add_after(&c->queue, key.text, first_ns / TIME_NS_PER_MS + 1);
}

static enum reconcile_result sign(struct controller *c, struct key key, struct err *err)
{
	const struct obj *old = informer_get(c->informers[WATCH_CONFIG_MAPS], key.text);
	AUTO_JSON_MUT doc = NULL;
	yyjson_mut_val *data;

	(void)err; /* nothing here can fail before the API answers */
	if (!old || obj_is_deleting(old) || !c->options->authority.authenticate ||
	    !json_key(json_get(old->root, "data"), STR("kubeconfig")))
		return RECONCILE_DONE;
	doc = json_thaw(old->root);
	data = json_mut_get(yyjson_mut_doc_get_root(doc), "data");
	drop_signatures(old, data);
	INFORMER_SET_FOR_EACH (secret, informer_all(c->informers[WATCH_SECRETS]))
		add_signature(c, secret, doc, data);
	come_back_in_time(c, key);
	if (!json_mixed_equal(data, json_get(old->root, "data")))
		controller_submit(c, key.text, request_update(&kind_configmap, old, TAKE(doc)));
	return RECONCILE_DONE;
}

static void signer_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	if (is_token(new_ ? new_ : old))
		queue_add(&c->queue, STR(CLUSTER_KEY));
}

static void cluster_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	(void)old;
	if (new_ && str_eq_c(new_->name, "cluster-info") &&
	    str_eq_c(new_->namespace_, "kube-public"))
		queue_add(&c->queue, STR(CLUSTER_KEY));
}

const struct controller_type controller_token_cleaner = {
	.name = "token-cleaner-controller",
	.component = "token-cleaner",
	.summary = "Deletes bootstrap tokens whose time is over",
	.watches = { { &kind_secret, token_changed } },
	.reconcile = clean,
};

const struct controller_type controller_bootstrap_signer = {
	.name = "bootstrap-signer-controller",
	.component = "bootstrap-signer",
	.summary = "Signs the public cluster-info with bootstrap tokens",
	.watches = {
		{ &kind_secret, signer_changed },
		{ &kind_configmap, cluster_changed },
	},
	.reconcile = sign,
};
