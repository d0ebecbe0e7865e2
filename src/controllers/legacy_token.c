/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens in Secrets that older clusters made for service accounts have no end. Those that nobody
 * used for a year are marked, by which API servers refuse them, and a year later deleted. Looked
 * for once a day; there is one key.
 */
#include "controllers/legacy_token.h"

#include <stdio.h>
#include "base/log.h"
#include "controllers/controller.h"

#define KEY STR("tokens")
#define LOOK_MS (24 * 3600 * 1000)
#define TRACKING_KEY STR("kube-system/kube-apiserver-legacy-service-account-token-tracking")
#define TOKEN_TYPE "kubernetes.io/service-account-token"
#define NAME_ANNOTATION "kubernetes.io/service-account.name"
#define UID_ANNOTATION "kubernetes.io/service-account.uid"

enum { WATCH_SECRETS, WATCH_ACCOUNTS, WATCH_PODS, WATCH_CONFIG_MAPS };

static bool is_listed(struct controller *c, const struct obj *secret)
{
	struct str name = obj_annotation(secret, NAME_ANNOTATION);
	struct str uid = obj_annotation(secret, UID_ANNOTATION);
	const struct obj *account;
	char text[CLIENT_KEY_BYTES_MAX];
	int len = snprintf(text, sizeof(text), STR_FMT "/" STR_FMT, STR_ARG(secret->namespace_),
			   STR_ARG(name));

	if (!name.len || len < 0 || len >= CLIENT_KEY_BYTES_MAX)
		return false;
	account = informer_get(c->informers[WATCH_ACCOUNTS], str_sub(text, (size_t)len));
	if (!account || (uid.len && !str_eq(uid, account->uid)))
		return false;
	JSON_EACH (item, json_get(account->root, "secrets"))
		if (str_eq(json_get_str(item, "name"), secret->name))
			return true;
	return false;
}

static bool is_used(struct controller *c, const struct obj *secret)
{
	struct informer_set pods = index_lookup(c->indexes[WATCH_PODS], secret->namespace_);

	INFORMER_SET_FOR_EACH (pod, pods)
		if (legacy_token_pod_uses(pod, secret->name))
			return true;
	return false;
}

static void mark(struct controller *c, const struct obj *secret)
{
	AUTO_JSON_MUT doc = json_new_object();
	yyjson_mut_val *metadata = json_set_object(doc, yyjson_mut_doc_get_root(doc), "metadata");
	char day[LEGACY_TOKEN_DAY_BYTES];
	struct request r;

	legacy_token_day(env_wall_ns(c->env), day);
	log_info("controllers",
		 "service account token " STR_FMT "/" STR_FMT " is marked as invalid since %s",
		 STR_ARG(secret->namespace_), STR_ARG(secret->name), day);
	json_set_str(doc, metadata, "uid", secret->uid);
	json_put_str(doc, json_set_object(doc, metadata, "labels"), STR(LEGACY_TOKEN_INVALID_LABEL),
		     str_from(day));
	r = request_patch(&kind_secret, secret, API_PATCH_MERGE, doc);
	doc = NULL; /* it moved */
	r.missing_is_fine = true;
	controller_submit(c, KEY, r);
}

static void look_at(struct controller *c, const struct obj *secret)
{
	bool listed = is_listed(c, secret);
	struct request r;

	switch (legacy_token_plan(secret, listed, listed && is_used(c, secret),
				  env_wall_ns(c->env))) {
	case LEGACY_TOKEN_KEEP:
		break;
	case LEGACY_TOKEN_MARK:
		mark(c, secret);
		break;
	case LEGACY_TOKEN_DELETE:
		log_info("controllers", "service account token " STR_FMT "/" STR_FMT " is deleted",
			 STR_ARG(secret->namespace_), STR_ARG(secret->name));
		r = request_delete(&kind_secret, secret, -1, NULL);
		r.missing_is_fine = true;
		controller_submit(c, KEY, r);
		break;
	}
}

static enum reconcile_result reconcile(struct controller *c, struct key key, struct err *err)
{
	const struct obj *tracking = informer_get(c->informers[WATCH_CONFIG_MAPS], TRACKING_KEY);

	(void)err; /* nothing here can fail before the API answers */
	queue_add_after(&c->queue, key.text, LOOK_MS);
	if (!tracking || !legacy_token_is_tracked(json_get_str(tracking->root, "data.since"),
						  env_wall_ns(c->env)))
		return RECONCILE_DONE;
	INFORMER_SET_FOR_EACH (secret, informer_all(c->informers[WATCH_SECRETS]))
		if (str_eq_c(json_get_str(secret->root, "type"), TOKEN_TYPE))
			look_at(c, secret);
	return RECONCILE_DONE;
}

/* Days are what it is about: changes wait for the next look. */
static void changed(struct controller *c, const struct obj *old, const struct obj *new_)
{
	(void)c;
	(void)old;
	(void)new_;
}

static void start(struct controller *c)
{
	queue_add(&c->queue, KEY);
}

const struct controller_type controller_legacy_token = {
	.name = "legacy-serviceaccount-token-cleaner-controller",
	.component = "legacy-service-account-token-cleaner",
	.summary = "Marks and deletes tokens of service accounts in Secrets that nobody uses",
	.watches = {
		{ &kind_secret, changed },
		{ &kind_serviceaccount, changed },
		{ &kind_pod, changed, index_by_namespace },
		{ &kind_configmap, changed },
	},
	.reconcile = reconcile,
	.start = start,
};
