/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes core/v1 Events about objects: equal ones are counted in one Event, many similar ones are
 * combined, a noisy source is cut off per object. Fire and forget: a failed write is dropped with a
 * log line.
 */
#ifndef CUBE_CLIENT_RECORDER_H
#define CUBE_CLIENT_RECORDER_H

#include "client/client.h"

struct recorder;

#define EVENT_NORMAL "Normal"
#define EVENT_WARNING "Warning"

/* component: "kubelet", "default-scheduler", "deployment-controller"; host may be empty. Both
 * copied. */
struct recorder *recorder_new(struct client *client, struct str component,
			      struct str host) MUST_CHECK;
void recorder_free(struct recorder *recorder);
void recorder_event(struct recorder *recorder, const struct obj *about, const char *type,
		    const char *reason, const char *fmt, ...) PRINTF_LIKE(5, 6);

struct event_note {
	struct str api_version, kind, namespace_, name, uid, resource_version; /* involvedObject */
	struct str field_path; /* "spec.containers{web}" */
	const char *type;
	const char *reason;
	struct str message;
};
struct event_note event_note_about(const struct obj *about);
/* Strings are copied. */
void recorder_note(struct recorder *recorder, const struct event_note *note);

#endif
