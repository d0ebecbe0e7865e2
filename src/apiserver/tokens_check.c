/* SPDX-License-Identifier: Apache-2.0 */
/* What the claims of a service account's token say, and whether it is still so. */
#include <stdio.h>

#include "api/obj.h"
#include "apiserver/limits.h"
#include "apiserver/registry.h"
#include "apiserver/tokens_internal.h"
#include "base/mem.h"
#include "base/time.h"
#include "codec/base64.h"
#include "loop/env.h"

#define SKEW_SECONDS 60		   /* clocks may differ so much, as upstream */
#define DELETION_LEEWAY_SECONDS 60 /* a pod that ends in time keeps its token so long */
#define LEGACY "kubernetes.io/serviceaccount/"

static int refuse(struct err *err, const char *why)
{
	return err_set(err, ERR_UNAUTHORIZED, "%s", why);
}

/* --- reading claims --- */

static struct token_reference read_reference(yyjson_val *claims, const char *key,
					     struct arena *arena)
{
	yyjson_val *reference = json_key(claims, str_from(key));

	return (struct token_reference){
		.name = str_in(arena, json_get_str(reference, "name")),
		.uid = str_in(arena, json_get_str(reference, "uid")),
	};
}

/* "aud" is one string or a list of them (RFC 7519, 4.1.3). */
static struct str_list read_audiences(yyjson_val *value, struct arena *arena)
{
	size_t count = yyjson_is_str(value) ? 1 : yyjson_arr_size(value), i = 0;
	struct str *items = arena_array(arena, count + 1, sizeof(items[0]));

	if (yyjson_is_str(value))
		items[i++] = str_in(arena, json_str(value));
	JSON_EACH (item, value)
		items[i++] = str_in(arena, json_str(item));
	return (struct str_list){ items, i };
}

static void read_legacy(yyjson_val *root, struct token_claims *c, struct arena *arena)
{
	c->is_legacy = true;
	c->namespace_ = str_in(arena, json_str(json_key(root, STR(LEGACY "namespace"))));
	c->account.name = str_in(arena,
				 json_str(json_key(root, STR(LEGACY "service-account.name"))));
	c->account.uid = str_in(arena, json_str(json_key(root, STR(LEGACY "service-account.uid"))));
	c->secret.name = str_in(arena, json_str(json_key(root, STR(LEGACY "secret.name"))));
}

static void read_bound(yyjson_val *root, struct token_claims *c, struct arena *arena)
{
	yyjson_val *own = json_key(root, STR("kubernetes.io"));

	c->namespace_ = str_in(arena, json_get_str(own, "namespace"));
	c->account = read_reference(own, "serviceaccount", arena);
	c->pod = read_reference(own, "pod", arena);
	c->node = read_reference(own, "node", arena);
	c->secret = read_reference(own, "secret", arena);
	c->id = str_in(arena, json_get_str(root, "jti"));
	c->audiences = read_audiences(json_get(root, "aud"), arena);
	c->issued_s = json_get_int(root, "iat", 0);
	c->not_before_s = json_get_int(root, "nbf", 0);
	c->expires_s = json_get_int(root, "exp", 0);
	c->warn_after_s = json_get_int(own, "warnafter", 0);
}

static void add_extra(struct known_token *known, const char *key, struct str value)
{
	struct user_extra *extra =
		(struct user_extra *)&known->user.extras[known->user.extra_count];
	struct str *values = arena_array(&known->arena, 1, sizeof(values[0]));

	if (!value.len)
		return;
	values[0] = value;
	*extra = (struct user_extra){ str_from(key), { values, 1 } };
	known->user.extra_count++;
}

static void make_user(struct known_token *known)
{
	const struct token_claims *c = &known->claims;
	struct arena *arena = &known->arena;
	struct str *groups = arena_array(arena, 3, sizeof(groups[0]));

	groups[0] = STR("system:serviceaccounts");
	groups[1] = str_printf_in(arena, "system:serviceaccounts:" STR_FMT, STR_ARG(c->namespace_));
	groups[2] = STR("system:authenticated");
	known->user.name = str_printf_in(arena, USER_ACCOUNT_PREFIX STR_FMT ":" STR_FMT,
					 STR_ARG(c->namespace_), STR_ARG(c->account.name));
	known->user.uid = c->account.uid;
	known->user.groups = groups;
	known->user.group_count = 3;
	known->user.extras = arena_array(arena, 5, sizeof(struct user_extra));
	if (c->id.len)
		add_extra(known, USER_CREDENTIAL_KEY,
			  str_printf_in(arena, "JTI=" STR_FMT, STR_ARG(c->id)));
	add_extra(known, "authentication.kubernetes.io/node-name", c->node.name);
	add_extra(known, "authentication.kubernetes.io/node-uid", c->node.uid);
	add_extra(known, "authentication.kubernetes.io/pod-name", c->pod.name);
	add_extra(known, "authentication.kubernetes.io/pod-uid", c->pod.uid);
}

int token_claims_read(yyjson_val *root, struct known_token *known, struct err *err)
{
	struct token_claims *c = &known->claims;
	struct str subject;

	if (str_eq(json_get_str(root, "iss"), STR(TOKEN_LEGACY_ISSUER)))
		read_legacy(root, c, &known->arena);
	else
		read_bound(root, c, &known->arena);
	if (!c->namespace_.len || !c->account.name.len || !c->account.uid.len)
		return refuse(err, "the token does not name a service account");
	if (!c->is_legacy && (!c->expires_s || !c->audiences.count))
		return refuse(err, "the token has no end or no audience");
	if (c->is_legacy && !c->secret.name.len)
		return refuse(err, "the token does not name its secret");
	make_user(known);
	subject = json_get_str(root, "sub");
	if (!str_eq(subject, known->user.name))
		return refuse(err, "the token's subject is not its service account");
	return 0;
}

/* --- writing claims --- */

static void write_reference(yyjson_mut_doc *doc, yyjson_mut_val *own, const char *key,
			    struct token_reference reference)
{
	yyjson_mut_val *object;

	if (!reference.name.len)
		return;
	object = json_set_object(doc, own, key);
	json_set_str(doc, object, "name", reference.name);
	if (reference.uid.len)
		json_set_str(doc, object, "uid", reference.uid);
}

static void write_legacy(const struct token_claims *c, yyjson_mut_doc *doc)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);

	json_set_str(doc, root, LEGACY "namespace", c->namespace_);
	json_set_str(doc, root, LEGACY "secret.name", c->secret.name);
	json_set_str(doc, root, LEGACY "service-account.name", c->account.name);
	json_set_str(doc, root, LEGACY "service-account.uid", c->account.uid);
}

static void write_bound(const struct token_claims *c, yyjson_mut_doc *doc)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *own, *list;

	list = json_set_array(doc, root, "aud");
	for (size_t i = 0; i < c->audiences.count; i++)
		json_append_str(doc, list, c->audiences.items[i]);
	json_set_int(doc, root, "exp", c->expires_s);
	json_set_int(doc, root, "iat", c->issued_s);
	json_set_int(doc, root, "nbf", c->not_before_s);
	json_set_str(doc, root, "jti", c->id);
	own = json_set_object(doc, root, "kubernetes.io");
	json_set_str(doc, own, "namespace", c->namespace_);
	write_reference(doc, own, "node", c->node);
	write_reference(doc, own, "pod", c->pod);
	write_reference(doc, own, "secret", c->secret);
	write_reference(doc, own, "serviceaccount", c->account);
	if (c->warn_after_s)
		json_set_int(doc, own, "warnafter", c->warn_after_s);
}

void token_claims_write(const struct token_claims *c, struct str issuer, yyjson_mut_doc *doc)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	char subject[512];

	json_set_str(doc, root, "iss", c->is_legacy ? STR(TOKEN_LEGACY_ISSUER) : issuer);
	snprintf(subject, sizeof(subject), USER_ACCOUNT_PREFIX STR_FMT ":" STR_FMT,
		 STR_ARG(c->namespace_), STR_ARG(c->account.name));
	json_set_str(doc, root, "sub", str_from(subject));
	if (c->is_legacy)
		write_legacy(c, doc);
	else
		write_bound(c, doc);
}

/* --- whether it still holds --- */

struct checking {
	struct tokens *tokens;
	struct registry *registry;
	const struct token_question *question;
	const struct token_claims *claims;
	struct token_answer *answer;
	int64_t now_ns;
};

static bool is_gone(const struct obj *obj, struct str uid, int64_t now_ns)
{
	int64_t deleted_ns;

	if (!obj || (uid.len && !str_eq(obj->uid, uid)))
		return true;
	return obj->deletion_timestamp.len &&
	       time_parse(obj->deletion_timestamp, &deleted_ns, NULL) == 0 &&
	       deleted_ns + DELETION_LEEWAY_SECONDS * TIME_NS_PER_SECOND < now_ns;
}

/* A legacy token lives as long as its secret holds it. */
static bool secret_holds(const struct obj *secret, struct str token)
{
	AUTO_BUF text = { 0 };
	bool holds;

	buf_init(&text, BEARER_BYTES_MAX);
	holds = base64_decode(json_get_str(secret->root, "data.token"), &text, NULL) == 0 &&
		text.len == token.len && mem_equal_secret(text.ptr, token.ptr, token.len);
	mem_wipe(text.ptr, text.len);
	return holds;
}

static bool lists(const struct obj *account, struct str secret)
{
	JSON_EACH (item, json_get(account->root, "secrets"))
		if (str_eq(json_get_str(item, "name"), secret))
			return true;
	return false;
}

static int check_secret(const struct checking *k, const struct obj *account, struct err *err)
{
	const struct token_claims *c = k->claims;
	struct arena *arena = k->question->arena;
	const struct obj *secret = registry_get(k->registry, &kind_secret, c->namespace_,
						c->secret.name);

	if (is_gone(secret, c->secret.uid, k->now_ns) ||
	    (c->is_legacy && !secret_holds(secret, k->question->text)))
		return refuse(err, "service account token has been invalidated");
	if (!c->is_legacy)
		return 0;
	token_use_note(k->tokens, k->registry, secret);
	if (obj_label(secret, TOKEN_INVALID_LABEL).len) {
		k->answer->secret = TOKEN_SECRET_INVALID;
		k->answer->secret_name = str_printf_in(arena, STR_FMT "/" STR_FMT,
						       STR_ARG(secret->name),
						       STR_ARG(secret->namespace_));
		return err_set(err, ERR_UNAUTHORIZED,
			       "the token in secret " STR_FMT "/" STR_FMT
			       " for service account " STR_FMT "/" STR_FMT
			       " has been marked invalid. Use tokens from the TokenRequest API or "
			       "manually created secret-based tokens, or remove the "
			       "'" TOKEN_INVALID_LABEL "' label from the secret to temporarily "
			       "allow use of this token",
			       STR_ARG(c->namespace_), STR_ARG(c->secret.name),
			       STR_ARG(c->namespace_), STR_ARG(c->account.name));
	}
	k->answer->secret = lists(account, secret->name) ? TOKEN_SECRET_AUTOMATIC
							 : TOKEN_SECRET_MANUAL;
	k->answer->secret_name = str_in(arena, secret->name);
	return 0;
}

static int check_objects(const struct checking *k, struct err *err)
{
	const struct token_claims *c = k->claims;
	struct registry *registry = k->registry;
	int64_t now_ns = k->now_ns;
	const struct obj *account = registry_get(registry, &kind_serviceaccount, c->namespace_,
						 c->account.name);

	if (is_gone(account, STR_NONE, now_ns))
		return err_set(err, ERR_UNAUTHORIZED,
			       "service account " STR_FMT "/" STR_FMT " has been deleted",
			       STR_ARG(c->namespace_), STR_ARG(c->account.name));
	if (!str_eq(account->uid, c->account.uid))
		return err_set(err, ERR_UNAUTHORIZED,
			       "service account UID (" STR_FMT ") does not match claim (" STR_FMT
			       ")",
			       STR_ARG(account->uid), STR_ARG(c->account.uid));
	if (c->secret.name.len && check_secret(k, account, err) < 0)
		return -1;
	if (c->pod.name.len &&
	    is_gone(registry_get(registry, &kind_pod, c->namespace_, c->pod.name), c->pod.uid,
		    now_ns))
		return refuse(err, "service account token has been invalidated");
	/* a pod's token names its node for information; only one without a pod is bound to it */
	if (c->node.name.len && !c->pod.name.len &&
	    is_gone(registry_get(registry, &kind_node, STR_NONE, c->node.name), c->node.uid,
		    now_ns))
		return refuse(err, "service account token has been invalidated");
	return 0;
}

static int check_time(const struct token_claims *c, int64_t now_s, struct err *err)
{
	if (c->is_legacy)
		return 0;
	if (now_s - SKEW_SECONDS > c->expires_s)
		return refuse(err, "service account token has expired");
	if (now_s + SKEW_SECONDS < c->not_before_s)
		return refuse(err, "service account token is not valid yet");
	return 0;
}

static struct str quote_list(struct str_list list, struct arena *arena)
{
	AUTO_BUF text = { 0 };

	buf_init(&text, BEARER_BYTES_MAX);
	for (size_t i = 0; i < list.count; i++) {
		buf_put_c(&text, i ? " " : "[");
		json_write_quoted(list.items[i], &text);
	}
	buf_put_c(&text, list.count ? "]" : "[]");
	return str_in(arena, buf_str(&text));
}

static int check_audiences(const struct tokens *t, const struct token_claims *c,
			   struct str_list wanted, struct arena *arena, struct str_list *ret,
			   struct err *err)
{
	struct str_list own = c->audiences.count ? c->audiences : t->audiences;
	struct str *both = arena_array(arena, own.count + 1, sizeof(both[0]));
	size_t count = 0;

	if (!wanted.count)
		wanted = t->audiences;
	for (size_t i = 0; i < own.count; i++)
		for (size_t j = 0; j < wanted.count; j++)
			if (str_eq(own.items[i], wanted.items[j])) {
				both[count++] = str_in(arena, own.items[i]);
				break;
			}
	if (!count)
		return err_set(err, ERR_UNAUTHORIZED,
			       "token audiences " STR_FMT
			       " is invalid for the target audiences " STR_FMT,
			       STR_ARG(quote_list(own, arena)), STR_ARG(quote_list(wanted, arena)));
	*ret = (struct str_list){ both, count };
	return 0;
}

int tokens_check(struct tokens *t, struct registry *registry, const struct token_question *question,
		 struct token_answer *ret, struct err *err)
{
	const struct known_token *known;
	int64_t now_ns = env_wall_ns(t->env);
	struct checking checking = { .tokens = t,
				     .registry = registry,
				     .question = question,
				     .answer = ret,
				     .now_ns = now_ns };

	if (tokens_verify(t, question->text, &known, err) < 0)
		return -1;
	checking.claims = &known->claims;
	if (check_time(&known->claims, now_ns / TIME_NS_PER_SECOND, err) < 0 ||
	    check_audiences(t, &known->claims, question->audiences, question->arena,
			    &ret->audiences, err) < 0 ||
	    check_objects(&checking, err) < 0)
		return -1;
	/* what is known may be forgotten before the request ends */
	ret->user = user_in(question->arena, &known->user);
	return 0;
}
