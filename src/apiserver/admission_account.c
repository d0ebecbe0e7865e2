/* SPDX-License-Identifier: Apache-2.0 */
/* What the ServiceAccount plug-in does to pods: the volume by which they reach the API, and which
 * secrets they may name. */
#include "apiserver/admission.h"

#include "apiserver/limits.h"
#include "apiserver/registry.h"
#include "loop/env.h"

#define ACCESS_PREFIX "kube-api-access-"
#define ACCESS_PATH "/var/run/secrets/kubernetes.io/serviceaccount"
#define ACCESS_SUFFIX_BYTES 5
#define ACCESS_MODE 0644

static const char *const container_lists[] = { "initContainers", "containers" };
static const char *const all_containers[] = { "initContainers", "containers",
					      "ephemeralContainers" };

/* --- kube-api-access --- */

/* The pod's word counts, then the account's, then yes. */
static bool wants_token(yyjson_mut_val *spec, const struct obj *account)
{
	yyjson_mut_val *own = json_mut_get(spec, "automountServiceAccountToken");

	if (own)
		return json_mut_bool(own, true);
	return !account || json_get_bool(account->root, "automountServiceAccountToken", true);
}

static bool is_mounted(yyjson_mut_val *container)
{
	JSON_MUT_EACH (mount, json_mut_get(container, "volumeMounts"))
		if (str_eq_c(json_mut_get_str(mount, "mountPath"), ACCESS_PATH))
			return true;
	return false;
}

/* The volume a copied pod brought along, or a new name. */
static struct str volume_name(struct operation *op, yyjson_mut_val *spec, bool *ret_is_there)
{
	char suffix[ACCESS_SUFFIX_BYTES + 1];

	*ret_is_there = true;
	JSON_MUT_EACH (volume, json_mut_get(spec, "volumes"))
		if (str_has_prefix(json_mut_get_str(volume, "name"), STR(ACCESS_PREFIX)))
			return json_mut_get_str(volume, "name");
	*ret_is_there = false;
	env_name_suffix(registry_env(op->registry), suffix, ACCESS_SUFFIX_BYTES);
	return str_printf_in(op->arena, ACCESS_PREFIX "%s", suffix);
}

static void add_volume(yyjson_mut_doc *doc, yyjson_mut_val *spec, struct str name)
{
	yyjson_mut_val *volume = json_append_object(doc, json_ensure_array(doc, spec, "volumes"));
	yyjson_mut_val *projected, *sources, *source, *item;

	json_set_str(doc, volume, "name", name);
	projected = json_set_object(doc, volume, "projected");
	sources = json_set_array(doc, projected, "sources");
	source = json_set_object(doc, json_append_object(doc, sources), "serviceAccountToken");
	json_set_int(doc, source, "expirationSeconds", TOKEN_POD_SECONDS);
	json_set_str(doc, source, "path", STR("token"));
	source = json_set_object(doc, json_append_object(doc, sources), "configMap");
	item = json_append_object(doc, json_set_array(doc, source, "items"));
	json_set_str(doc, item, "key", STR("ca.crt"));
	json_set_str(doc, item, "path", STR("ca.crt"));
	json_set_str(doc, source, "name", STR("kube-root-ca.crt"));
	source = json_set_object(doc, json_append_object(doc, sources), "downwardAPI");
	item = json_append_object(doc, json_set_array(doc, source, "items"));
	source = json_set_object(doc, item, "fieldRef");
	json_set_str(doc, source, "apiVersion", STR("v1"));
	json_set_str(doc, source, "fieldPath", STR("metadata.namespace"));
	json_set_str(doc, item, "path", STR("namespace"));
	json_set_int(doc, projected, "defaultMode", ACCESS_MODE);
}

void admission_mount_token(struct operation *op, const struct obj *account)
{
	yyjson_mut_doc *doc = op->edit.doc;
	yyjson_mut_val *spec = json_mut_get(op->edit.root, "spec"), *mount;
	bool is_there, is_used = false;
	struct str name;

	if (!wants_token(spec, account))
		return;
	name = volume_name(op, spec, &is_there);
	for (size_t i = 0; i < ARRAY_COUNT(container_lists); i++)
		JSON_MUT_EACH (container, json_mut_get(spec, container_lists[i])) {
			if (is_mounted(container))
				continue;
			mount = json_append_object(
				doc, json_ensure_array(doc, container, "volumeMounts"));
			json_set_str(doc, mount, "name", name);
			json_set_bool(doc, mount, "readOnly", true);
			json_set_str(doc, mount, "mountPath", STR(ACCESS_PATH));
			is_used = true;
		}
	if (is_used && !is_there)
		add_volume(doc, spec, name);
}

/* --- enforce-mountable-secrets --- */

static bool is_listed(yyjson_val *references, struct str name)
{
	JSON_EACH (reference, references)
		if (str_eq(json_get_str(reference, "name"), name))
			return true;
	return false;
}

static int check_volumes(struct operation *op, const struct obj *account)
{
	yyjson_val *allowed = json_get(account->root, "secrets");

	JSON_MUT_EACH (volume, json_mut_get(op->edit.root, "spec.volumes")) {
		struct str name = json_mut_get_str(volume, "secret.secretName");

		if (name.len && !is_listed(allowed, name))
			return refusal_forbidden(
				&op->refusal, operation_subject(op),
				"volume with secret.secretName=\"" STR_FMT
				"\" is not allowed because service account " STR_FMT
				" does not reference that secret",
				STR_ARG(name), STR_ARG(account->name));
	}
	return 0;
}

static int check_container(struct operation *op, const struct obj *account, const char *what,
			   yyjson_mut_val *container)
{
	yyjson_val *allowed = json_get(account->root, "secrets");

	JSON_MUT_EACH (variable, json_mut_get(container, "env")) {
		struct str name = json_mut_get_str(variable, "valueFrom.secretKeyRef.name");

		if (name.len && !is_listed(allowed, name))
			return refusal_forbidden(
				&op->refusal, operation_subject(op),
				"%s " STR_FMT " with envVar " STR_FMT
				" referencing secret.secretName=\"" STR_FMT
				"\" is not allowed because service account " STR_FMT
				" does not reference that secret",
				what, STR_ARG(json_mut_get_str(container, "name")),
				STR_ARG(json_mut_get_str(variable, "name")), STR_ARG(name),
				STR_ARG(account->name));
	}
	JSON_MUT_EACH (source, json_mut_get(container, "envFrom")) {
		struct str name = json_mut_get_str(source, "secretRef.name");

		if (name.len && !is_listed(allowed, name))
			return refusal_forbidden(
				&op->refusal, operation_subject(op),
				"%s " STR_FMT
				" with envFrom referencing secret.secretName=\"" STR_FMT
				"\" is not allowed because service account " STR_FMT
				" does not reference that secret",
				what, STR_ARG(json_mut_get_str(container, "name")), STR_ARG(name),
				STR_ARG(account->name));
	}
	return 0;
}

static int check_pull_secrets(struct operation *op, const struct obj *account)
{
	yyjson_val *allowed = json_get(account->root, "imagePullSecrets");
	size_t i = 0;

	JSON_MUT_EACH (reference, json_mut_get(op->edit.root, "spec.imagePullSecrets")) {
		struct str name = json_mut_get_str(reference, "name");

		if (!is_listed(allowed, name))
			return refusal_forbidden(
				&op->refusal, operation_subject(op),
				"imagePullSecrets[%zu].name=\"" STR_FMT
				"\" is not allowed because service account " STR_FMT
				" does not reference that imagePullSecret",
				i, STR_ARG(name), STR_ARG(account->name));
		i++;
	}
	return 0;
}

int admission_check_references(struct operation *op, const struct obj *account)
{
	static const char *const names[] = { "init container", "container", "ephemeral container" };
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	struct str asked = obj_annotation(account, "kubernetes.io/enforce-mountable-secrets");
	bool is_asked = false;

	for (size_t i = 0; i < ARRAY_COUNT(yes); i++)
		is_asked |= str_eq_c(asked, yes[i]);
	if (!is_asked)
		return 0;
	if (check_volumes(op, account) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_COUNT(all_containers); i++)
		JSON_MUT_EACH (container,
			       json_mut_get(json_mut_get(op->edit.root, "spec"), all_containers[i]))
			if (check_container(op, account, names[i], container) < 0)
				return -1;
	return check_pull_secrets(op, account);
}

/* --- mirrors of static pods --- */

static bool names_secret(yyjson_mut_val *spec)
{
	if (json_mut_get_count(spec, "imagePullSecrets"))
		return true;
	for (size_t i = 0; i < ARRAY_COUNT(all_containers); i++)
		JSON_MUT_EACH (container, json_mut_get(spec, all_containers[i])) {
			JSON_MUT_EACH (source, json_mut_get(container, "envFrom"))
				if (json_mut_get(source, "secretRef"))
					return true;
			JSON_MUT_EACH (variable, json_mut_get(container, "env"))
				if (json_mut_get(variable, "valueFrom.secretKeyRef"))
					return true;
		}
	JSON_MUT_EACH (volume, json_mut_get(spec, "volumes")) {
		if (json_mut_get(volume, "secret"))
			return true;
		JSON_MUT_EACH (source, json_mut_get(volume, "projected.sources"))
			if (json_mut_get(source, "secret"))
				return true;
	}
	return false;
}

int admission_check_mirror(struct operation *op)
{
	yyjson_mut_val *spec = json_mut_get(op->edit.root, "spec");

	if (op->kind != &kind_pod || op->subresource.len ||
	    !json_mut_key(json_mut_get(op->edit.root, "metadata.annotations"),
			  STR("kubernetes.io/config.mirror")))
		return 0;
	if (json_mut_get_str(spec, "serviceAccountName").len)
		return refusal_forbidden(&op->refusal, operation_subject(op),
					 "a mirror pod may not reference service accounts");
	if (names_secret(spec))
		return refusal_forbidden(&op->refusal, operation_subject(op),
					 "a mirror pod may not reference secrets");
	JSON_MUT_EACH (volume, json_mut_get(spec, "volumes"))
		JSON_MUT_EACH (source, json_mut_get(volume, "projected.sources"))
			if (json_mut_get(source, "serviceAccountToken"))
				return refusal_forbidden(
					&op->refusal, operation_subject(op),
					"a mirror pod may not use ServiceAccountToken volume "
					"projections");
	return 0;
}
