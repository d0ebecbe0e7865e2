/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets of type kubernetes.io/service-account-token: they get the token of the account they
 * name, the cluster's certificate and the namespace, and go with the account. A key is a Secret.
 */
#include "base/mem.h"
#include "codec/base64.h"
#include "controllers/controller.h"

enum { WATCH_SECRETS, WATCH_ACCOUNTS };

#define TOKEN_TYPE "kubernetes.io/service-account-token"
#define ACCOUNT_NAME "kubernetes.io/service-account.name"
#define ACCOUNT_UID "kubernetes.io/service-account.uid"
#define DATA_BYTES_MAX ((size_t)1 << 20)

static bool is_token_secret(const struct obj *secret)
{
	return str_eq_c(json_get_str(secret->root, "type"), TOKEN_TYPE);
}

static void index_by_account(const struct obj *secret, struct index_values *values)
{
	if (is_token_secret(secret))
		index_value_add(values, obj_annotation(secret, ACCOUNT_NAME));
}

/* The account the secret is of; one that was made anew under its name is another one. */
static const struct obj *account_of(const struct controller *c, const struct obj *secret)
{
	const struct obj *account = informer_find(c->informers[WATCH_ACCOUNTS], secret->namespace_,
						  obj_annotation(secret, ACCOUNT_NAME));
	struct str uid = obj_annotation(secret, ACCOUNT_UID);

	if (!account || (uid.len && !str_eq(uid, account->uid)))
		return NULL;
	return account;
}

static bool holds(const struct obj *secret, const char *key, struct str wanted)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, DATA_BYTES_MAX);
	base64_encode(wanted, &text);
	return str_eq(json_str(json_key(json_get(secret->root, "data"), str_from(key))),
		      buf_str(&text));
}

static bool is_complete(const struct controller *c, const struct obj *secret)
{
	return obj_annotation(secret, ACCOUNT_UID).len &&
	       json_str(json_key(json_get(secret->root, "data"), STR("token"))).len &&
	       holds(secret, "namespace", secret->namespace_) &&
	       (!c->options->root_ca.len || holds(secret, "ca.crt", c->options->root_ca));
}

static void put(yyjson_mut_doc *doc, yyjson_mut_val *to, const char *key, struct str bytes)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, DATA_BYTES_MAX);
	base64_encode(bytes, &text);
	json_put_str(doc, to, str_from(key), buf_str(&text));
}

static int fill(struct controller *c, struct key key, const struct obj *secret,
		const struct obj *account, struct err *err)
{
	const struct controllers_authority *authority = &c->options->authority;
	struct token_wish wish = { secret->namespace_, account->name, account->uid, secret->name };
	AUTO_JSON_MUT doc = json_thaw(secret->root);
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *data, *annotations;
	AUTO_ARENA arena = { 0 };
	struct str token;

	arena_init(&arena, ARENA_DEFAULT_MAX);
	data = json_ensure_object(doc, root, "data");
	annotations = json_ensure_object(doc, json_mut_get(root, "metadata"), "annotations");
	if (!json_mut_str(json_mut_key(data, STR("token"))).len) {
		if (authority->make_token(authority->arg, &wish, &arena, &token, err) < 0)
			return -1;
		put(doc, data, "token", token);
	}
	put(doc, data, "namespace", secret->namespace_);
	if (c->options->root_ca.len)
		put(doc, data, "ca.crt", c->options->root_ca);
	json_put_str(doc, annotations, STR(ACCOUNT_UID), account->uid);
	controller_submit(c, key.text, request_update(&kind_secret, secret, TAKE(doc)));
	return 0;
}

static enum reconcile_result reconcile(struct controller *c, struct key key, struct err *err)
{
	const struct obj *secret = informer_get(c->informers[WATCH_SECRETS], key.text), *account;

	if (!c->options->authority.make_token || !secret || !is_token_secret(secret) ||
	    obj_is_deleting(secret))
		return RECONCILE_DONE;
	account = account_of(c, secret);
	if (!account) {
		struct request r = request_delete(&kind_secret, secret, -1, NULL);

		/* it may be newer than what is known of accounts */
		if (!queue_failures(&c->queue, key.text))
			return RECONCILE_RETRY;
		r.missing_is_fine = true;
		controller_submit(c, key.text, r);
		return RECONCILE_DONE;
	}
	if (is_complete(c, secret))
		return RECONCILE_DONE;
	return fill(c, key, secret, account, err) < 0 ? RECONCILE_RETRY : RECONCILE_DONE;
}

static void secret_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	(void)old;
	if (new_ && is_token_secret(new_))
		queue_add_obj(&c->queue, new_);
}

static void account_changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	const struct obj *account = new_ ? new_ : old;

	if (old && new_ && str_eq(old->uid, new_->uid))
		return;
	INFORMER_SET_FOR_EACH (secret, index_lookup(c->indexes[WATCH_SECRETS], account->name))
		if (str_eq(secret->namespace_, account->namespace_))
			queue_add_obj(&c->queue, secret);
}

const struct controller_type controller_account_token = {
	.name = "serviceaccount-token-controller",
	.component = "serviceaccount-token-controller",
	.summary = "Fills and removes the Secrets that hold tokens of ServiceAccounts",
	.watches = {
		{ &kind_secret, secret_changed, index_by_account },
		{ &kind_serviceaccount, account_changed },
	},
	.reconcile = reconcile,
};
