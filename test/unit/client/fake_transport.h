/* SPDX-License-Identifier: Apache-2.0 */
/* A transport that a test answers by hand: calls wait in a list, watches are told what the test
 * says. */
#ifndef CUBE_TEST_FAKE_TRANSPORT_H
#define CUBE_TEST_FAKE_TRANSPORT_H

#include "api/transport.h"

#define FAKE_CALLS_MAX 64

struct fake {
	struct api_transport transport;
	struct api_call *calls[FAKE_CALLS_MAX]; /* not answered yet, oldest first */
	size_t call_count;
	struct api_watch *watch; /* the last one started */
	int64_t revision;
	size_t calls_ever;
};

void fake_init(struct fake *fake);
/* Answers the oldest call: with an object of this JSON, or with an error. */
void fake_answer(struct fake *fake, const char *json);
void fake_refuse(struct fake *fake, enum err_code code);
void fake_event(struct fake *fake, enum api_event_type type, const char *json, int64_t revision);

#endif
