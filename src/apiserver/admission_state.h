/* SPDX-License-Identifier: Apache-2.0 */
/* What admission's plug-ins were told, and what they keep between requests. */
#ifndef CUBE_APISERVER_ADMISSION_STATE_H
#define CUBE_APISERVER_ADMISSION_STATE_H

#include "apiserver/admission_settings.h"
#include "apiserver/own_write.h"

struct event_rates;

struct admission_state {
	const struct admission_settings *settings; /* never NULL */
	uint64_t plugins_off;			   /* by their place in the table */
	struct event_rates *event_rates;	   /* NULL: that plug-in is off; likewise */
	struct review_hook *image_policy;
	struct own_writes writes; /* namespaces that are made */
	struct list provisions;	  /* struct operation; that wait for them */
};

/* settings NULL: none; else it lives as long as the state. Fails when plug-ins are unknown, or miss
 * what they cannot be without. */
int admission_state_new(struct registry *registry, const struct admission_settings *settings,
			const struct str_list *enable, const struct str_list *disable,
			struct admission_state **ret, struct err *err) MUST_CHECK;
void admission_state_free(struct admission_state *state); /* NULL is fine */

struct event_rates *event_rates_new(const struct admission_settings *settings) MUST_CHECK;
void event_rates_free(struct event_rates *rates); /* NULL is fine */

#endif
