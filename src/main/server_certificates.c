/* SPDX-License-Identifier: Apache-2.0 */
/* What kubernetes.io's signers sign, and for how long: as upstream's controller does it. */
#include "base/time.h"
#include "main/server.h"

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

int server_sign(void *arg, const struct certificate_wish *wish, struct arena *arena,
		struct str *ret_pem, struct err *err)
{
	struct server *s = arg;
	const struct signer *signer = NULL;
	struct x509_request request;
	struct x509_spec spec = { .request_pem = wish->request_pem };
	int64_t now_ns = env_wall_ns(s->env), seconds = wish->seconds;
	uint8_t *serial = arena_alloc(arena, 16);

	for (size_t i = 0; i < ARRAY_COUNT(signers); i++)
		if (str_eq_c(wish->signer, signers[i].name))
			signer = &signers[i];
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
