/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CertificateSubjectRestriction, CertificateApproval and CertificateSigning: who asks for a
 * certificate is written into the request, what it must not be for is refused, and only who may
 * approve or sign for its signer does so.
 */
#include "apiserver/admission.h"
#include "apiserver/authz.h"
#include "apiserver/limits.h"
#include "codec/base64.h"
#include "net/x509.h"

#define CLIENT_SIGNER "kubernetes.io/kube-apiserver-client"

static bool is_request(const struct operation *op)
{
	return op->kind == &kind_certificatesigningrequest;
}

int certificate_fill(struct operation *op)
{
	yyjson_mut_doc *doc = op->edit.doc;
	yyjson_mut_val *spec, *user;
	static const char *const fields[] = { "uid", "groups", "extra" };

	if (!is_request(op) || op->edit.old)
		return 0;
	spec = json_ensure_object(doc, op->edit.root, "spec");
	for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
		(void)json_remove(spec, str_from(fields[i])); /* the doc owns it */
	json_set_str(doc, spec, "username", op->user);
	if (!op->who)
		return 0;
	user = yyjson_mut_obj(doc);
	user_write(op->who, doc, user);
	for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
		if (json_mut_get(user, fields[i]))
			json_set(doc, spec, fields[i],
				 json_mut_copy(doc, json_mut_get(user, fields[i])));
	return 0;
}

int certificate_read(struct operation *op, struct x509_request *ret, const char **ret_problem)
{
	AUTO_BUF pem = { 0 };
	struct err err = { 0 };

	buf_init(&pem, REQUEST_BODY_BYTES_MAX);
	if (base64_decode(json_mut_get_str(op->edit.root, "spec.request"), &pem, NULL) < 0 ||
	    !str_has_prefix(buf_str(&pem), STR("-----BEGIN CERTIFICATE REQUEST-----"))) {
		*ret_problem = "PEM block type must be CERTIFICATE REQUEST";
		return -1;
	}
	if (x509_read_request(buf_str(&pem), op->arena, ret, &err) < 0) {
		*ret_problem = str_c_in(op->arena, str_from(err.msg));
		return -1;
	}
	return 0;
}

static void check_issued(struct operation *op, struct field_errors *errors)
{
	struct str text = json_mut_get_str(op->edit.root, "status.certificate");
	AUTO_BUF pem = { 0 };
	struct err err = { 0 };

	if (!text.len || str_eq(text, json_get_str(op->edit.old, "status.certificate")))
		return;
	buf_init(&pem, REQUEST_BODY_BYTES_MAX);
	if (base64_decode(text, &pem, NULL) == 0 && x509_check_chain(buf_str(&pem), &err) < 0)
		field_invalid_str(errors, FIELD_NAME(FIELD_NAME(NULL, "status"), "certificate"),
				  STR("<certificate data>"), err.msg);
}

void certificate_check(struct operation *op, struct field_errors *errors)
{
	struct x509_request request;
	const char *problem;

	if (!is_request(op))
		return;
	if (!op->edit.old && certificate_read(op, &request, &problem) < 0)
		field_invalid_val(errors, FIELD_NAME(FIELD_NAME(NULL, "spec"), "request"),
				  json_mut_get(op->edit.root, "spec.request"), problem);
	check_issued(op, errors);
}

/* Nobody gets a certificate that is above all roles. */
int certificate_subject_validate(struct operation *op)
{
	struct x509_request request;
	const char *problem;

	if (!is_request(op) || op->edit.old ||
	    !str_eq_c(json_mut_get_str(op->edit.root, "spec.signerName"), CLIENT_SIGNER))
		return 0;
	if (certificate_read(op, &request, &problem) < 0)
		return 0; /* refused as invalid before */
	for (size_t i = 0; i < request.organizations.count; i++)
		if (str_eq_c(request.organizations.items[i], "system:masters"))
			return refusal_forbidden(
				&op->refusal, operation_subject(op),
				"use of " CLIENT_SIGNER
				" signer with system:masters group is not allowed");
	return 0;
}

/* Permission is for one signer, or for all of its domain as "example.com" and "/" and "*". */
static enum outcome may(struct operation *op, const char *verb, struct str signer)
{
	struct str domain, rest;
	struct target target = { .verb = str_from(verb),
				 .is_resource = true,
				 .group = STR("certificates.k8s.io"),
				 .version = STR("v1"),
				 .resource = STR("signers"),
				 .name = signer };
	struct authz_attributes attributes = { .user = op->who, .target = &target };
	enum outcome allowed = operation_authorize(op, &attributes);

	if (allowed != OUTCOME_REFUSED || !str_cut(signer, '/', &domain, &rest))
		return allowed;
	target.name = str_printf_in(op->arena,
				    STR_FMT "/"
					    "*",
				    STR_ARG(domain));
	return operation_authorize(op, &attributes);
}

static enum outcome check_signer(struct operation *op, const char *verb)
{
	struct str signer = json_get_str(op->edit.old, "spec.signerName");
	enum outcome allowed = may(op, verb, signer);

	if (allowed != OUTCOME_REFUSED)
		return allowed;
	return outcome_of(refusal_forbidden(
		&op->refusal, operation_subject(op),
		"user not permitted to %s requests with signerName \"" STR_FMT "\"", verb,
		STR_ARG(signer)));
}

enum outcome certificate_approval_validate(struct operation *op)
{
	/* a controller of this process is trusted */
	if (!is_request(op) || !op->edit.old || !op->who || !str_eq_c(op->subresource, "approval"))
		return OUTCOME_DONE;
	return check_signer(op, "approve");
}

enum outcome certificate_signing_validate(struct operation *op)
{
	if (!is_request(op) || !op->edit.old || !op->who || !str_eq_c(op->subresource, "status") ||
	    json_mixed_equal(json_mut_get(op->edit.root, "status"),
			     json_get(op->edit.old, "status")))
		return OUTCOME_DONE;
	return check_signer(op, "sign");
}
