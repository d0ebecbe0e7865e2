/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cluster's keys are used for on behalf of controllers: what kubernetes.io's signers sign,
 * and for how long, which kubelets get a certificate without being asked for, and tokens that lie
 * in Secrets. As upstream's controllers do it.
 */
#include "apiserver/apiserver.h"
#include "apiserver/target.h"
#include "apiserver/user.h"
#include "base/time.h"
#include "main/server.h"
#include "net/x509.h"

#define SECONDS_DEFAULT (365 * 24 * 3600)

struct signer {
	const char *name;
	bool is_client,
		is_server; /* what certificates of it are for; neither: whatever is asked for */
	bool is_node;	   /* subjects are nodes */
};

static const struct signer signers[] = {
	{ "kubernetes.io/kube-apiserver-client", .is_client = true },
	{ "kubernetes.io/kube-apiserver-client-kubelet", .is_client = true, .is_node = true },
	{ "kubernetes.io/kubelet-serving", .is_server = true, .is_node = true },
	{ "kubernetes.io/legacy-unknown" },
};

static bool has_usage(const struct certificate_wish *wish, const char *usage)
{
	for (size_t i = 0; i < wish->usages.count; i++)
		if (str_eq_c(wish->usages.items[i], usage))
			return true;
	return false;
}

static int check_usages(const struct signer *signer, const struct certificate_wish *wish,
			struct err *err)
{
	const char *own = signer->is_client ? "client auth" : "server auth";
	bool is_free = !signer->is_client && !signer->is_server;

	if (!is_free && !has_usage(wish, own))
		return err_set(err, ERR_INVALID, "usages did not contain \"%s\"", own);
	for (size_t i = 0; i < wish->usages.count && !is_free; i++) {
		struct str usage = wish->usages.items[i];

		if (!str_eq_c(usage, own) && !str_eq_c(usage, "digital signature") &&
		    !str_eq_c(usage, "key encipherment"))
			return err_set(err, ERR_INVALID,
				       "usages contain \"" STR_FMT "\", which "
				       "%s does not sign",
				       STR_ARG(usage), signer->name);
	}
	return 0;
}

static int check_node(const struct signer *signer, const struct x509_request *request,
		      struct err *err)
{
	if (request->organizations.count != 1 ||
	    !str_eq_c(request->organizations.items[0], "system:nodes"))
		return err_set(err, ERR_INVALID, "subject organization is not system:nodes");
	if (!str_has_prefix(request->common_name, STR("system:node:")))
		return err_set(err, ERR_INVALID,
			       "subject common name does not begin with system:node:");
	if (request->other_name_count)
		return err_set(err, ERR_INVALID,
			       "email and URI subject alternative names are not allowed");
	if (signer->is_client && (request->dns_name_count || request->ip_name_count))
		return err_set(err, ERR_INVALID,
			       "DNS and IP subject alternative names are not allowed");
	if (signer->is_server && !request->dns_name_count && !request->ip_name_count)
		return err_set(err, ERR_INVALID, "DNS or IP subjectAltName is required");
	return 0;
}

static const struct signer *signer_of(const struct certificate_wish *wish)
{
	for (size_t i = 0; i < ARRAY_COUNT(signers); i++)
		if (str_eq_c(wish->signer, signers[i].name))
			return &signers[i];
	return NULL;
}

static int sign(void *arg, const struct certificate_wish *wish, struct arena *arena,
		struct str *ret_pem, struct err *err)
{
	struct server *s = arg;
	const struct signer *signer = signer_of(wish);
	struct x509_request request;
	struct x509_spec spec = { .request_pem = wish->request_pem };
	int64_t now_ns = env_wall_ns(s->env), seconds = wish->seconds;
	uint8_t *serial = arena_alloc(arena, 16);

	if (!signer)
		return err_set(err, ERR_INVALID, "no such signer");
	if (x509_read_request(wish->request_pem, arena, &request, err) < 0) {
		if (err)
			err->code = ERR_INVALID;
		return -1;
	}
	if (check_usages(signer, wish, err) < 0 ||
	    (signer->is_node && check_node(signer, &request, err) < 0))
		return -1;
	if (!seconds || seconds > SECONDS_DEFAULT)
		seconds = SECONDS_DEFAULT;
	env_random(s->env, serial, 16);
	spec.serial_bytes = str_sub((const char *)serial, 16);
	spec.not_before_ns = now_ns - 5 * 60 * TIME_NS_PER_SECOND; /* clocks differ a little */
	spec.not_after_ns = now_ns + seconds * TIME_NS_PER_SECOND;
	spec.usage = !has_usage(wish, "server auth")  ? X509_USAGE_CLIENT
		     : has_usage(wish, "client auth") ? X509_USAGE_SERVER_AND_CLIENT
						      : X509_USAGE_SERVER;
	return x509_sign_request(&spec, &s->pki.ca, arena, ret_pem, err);
}

/* --- approving --- */

static struct str_list strings_of(yyjson_val *list, struct arena *arena)
{
	struct str *items = arena_array(arena, yyjson_arr_size(list) + 1, sizeof(items[0]));
	size_t count = 0;

	JSON_EACH (item, list)
		items[count++] = json_str(item);
	return (struct str_list){ items, count };
}

/* Who asked, as admission wrote it into the request. */
static struct user user_of(const struct obj *request, struct arena *arena)
{
	yyjson_val *spec = json_get(request->root, "spec"), *extra = json_get(spec, "extra");
	struct str_list groups = strings_of(json_get(spec, "groups"), arena);
	struct user_extra *extras = arena_array(arena, yyjson_obj_size(extra) + 1,
						sizeof(extras[0]));
	struct user user = { .name = json_get_str(spec, "username"),
			     .uid = json_get_str(spec, "uid"),
			     .groups = groups.items,
			     .group_count = groups.count,
			     .extras = extras };

	JSON_MEMBERS (key, value, extra)
		extras[user.extra_count++] = (struct user_extra){ json_str(key),
								  strings_of(value, arena) };
	return user;
}

static bool may_create(struct server *s, const struct user *user, const char *subresource)
{
	struct target target = { .verb = STR("create"),
				 .is_resource = true,
				 .group = STR("certificates.k8s.io"),
				 .version = STR("*"),
				 .resource = STR("certificatesigningrequests"),
				 .subresource = str_from(subresource) };

	return apiserver_allows(s->apiserver, user, &target);
}

static const char *approve(void *arg, const struct certificate_wish *wish,
			   const struct obj *request, struct arena *arena)
{
	struct server *s = arg;
	const struct signer *signer = signer_of(wish);
	struct user user = user_of(request, arena);
	struct x509_request parsed;

	if (!signer || !signer->is_client || !signer->is_node ||
	    x509_read_request(wish->request_pem, arena, &parsed, NULL) < 0 ||
	    check_usages(signer, wish, NULL) < 0 || check_node(signer, &parsed, NULL) < 0)
		return NULL;
	if (str_eq(user.name, parsed.common_name) && may_create(s, &user, "selfnodeclient"))
		return "Auto approving self kubelet client certificate after SubjectAccessReview.";
	if (may_create(s, &user, "nodeclient"))
		return "Auto approving kubelet client certificate after SubjectAccessReview.";
	return NULL;
}

/* --- tokens --- */

static int make_token(void *arg, const struct token_wish *wish, struct arena *arena,
		      struct str *ret, struct err *err)
{
	struct server *s = arg;
	struct apiserver_secret_token token = { .namespace_ = wish->namespace_,
						.account = wish->account,
						.account_uid = wish->account_uid,
						.secret = wish->secret };

	return apiserver_make_secret_token(s->apiserver, &token, arena, ret, err);
}

struct controllers_authority server_authority(struct server *s)
{
	return (struct controllers_authority){ .sign = sign,
					       .approve = approve,
					       .ends_ns = x509_end_ns,
					       .make_token = make_token,
					       .authenticate = x509_hmac_sha256,
					       .arg = s };
}
