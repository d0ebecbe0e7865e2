/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of the Kubernetes project itself: who defines kinds there says where that was approved. */
#include "api/custom.h"

static bool is_protected(struct str group)
{
	return str_eq_c(group, "k8s.io") || str_has_suffix(group, STR(".k8s.io")) ||
	       str_eq_c(group, "kubernetes.io") || str_has_suffix(group, STR(".kubernetes.io"));
}

/* scheme://host... */
static bool is_url(struct str text)
{
	size_t at = str_find_char(text, ':', 0);
	struct str rest = str_slice(text, at == SIZE_MAX ? text.len : at, text.len);

	if (!at || !str_strip_prefix(&rest, STR("://")) || !rest.len || rest.ptr[0] == '/')
		return false;
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] <= ' ')
			return false;
	return true;
}

enum custom_approval custom_approval(struct str group, struct str annotation, struct arena *arena,
				     struct str *ret_reason)
{
	static const char pull[] = "see https://github.com/kubernetes/enhancements/pull/1111";
	static const char must[] =
		"protected groups must have approval annotation \"" CUSTOM_APPROVED_KEY "\"";

	if (!is_protected(group))
		return CUSTOM_APPROVAL_NONE;
	if (!annotation.len) {
		*ret_reason = str_printf_in(arena, "%s, %s", must, pull);
		return CUSTOM_APPROVAL_MISSING;
	}
	if (str_has_prefix(annotation, STR("unapproved"))) {
		*ret_reason = str_printf_in(arena, "not approved: \"" STR_FMT "\"",
					    STR_ARG(annotation));
		return CUSTOM_APPROVAL_BYPASSED;
	}
	if (is_url(annotation)) {
		*ret_reason = str_printf_in(arena, "approved in " STR_FMT, STR_ARG(annotation));
		return CUSTOM_APPROVAL_GIVEN;
	}
	*ret_reason = str_printf_in(
		arena, "%s with either a URL or a reason starting with \"unapproved\", %s", must,
		pull);
	return CUSTOM_APPROVAL_INVALID;
}
