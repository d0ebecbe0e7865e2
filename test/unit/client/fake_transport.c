/* SPDX-License-Identifier: Apache-2.0 */
/* The fake transport. A body is freed when its call is answered, as a real transport would have. */
#include "unit/client/fake_transport.h"

#include "base/assert.h"
#include "codec/json.h"

static struct fake *fake_of(struct api_transport *transport)
{
	return CONTAINER_OF(transport, struct fake, transport);
}

static void call(struct api_transport *transport, struct api_call *api_call)
{
	struct fake *fake = fake_of(transport);

	ASSERT(fake->call_count < FAKE_CALLS_MAX);
	fake->calls[fake->call_count++] = api_call;
	fake->calls_ever++;
}

static void watch_start(struct api_transport *transport, struct api_watch *watch)
{
	fake_of(transport)->watch = watch;
}

static void watch_stop(struct api_transport *transport, struct api_watch *watch)
{
	struct fake *fake = fake_of(transport);

	if (fake->watch == watch)
		fake->watch = NULL;
}

static int64_t revision(struct api_transport *transport)
{
	return fake_of(transport)->revision;
}

static const struct api_transport_ops ops = { .call = call,
					      .watch_start = watch_start,
					      .watch_stop = watch_stop,
					      .revision = revision };

void fake_init(struct fake *fake)
{
	*fake = (struct fake){ .transport = { &ops } };
}

static struct api_call *take(struct fake *fake)
{
	struct api_call *taken = fake->calls[0];

	ASSERT(fake->call_count);
	fake->call_count--;
	memmove(fake->calls, fake->calls + 1, fake->call_count * sizeof(fake->calls[0]));
	json_mut_free(taken->body);
	taken->body = NULL;
	return taken;
}

void fake_answer(struct fake *fake, const char *json)
{
	struct api_call *answered = take(fake);
	AUTO_BLOB blob = blob_new(str_from(json));

	answered->done(answered, obj_get(blob), NULL);
}

void fake_refuse(struct fake *fake, enum err_code code)
{
	struct api_call *refused = take(fake);
	struct err err;

	(void)err_set(&err, code, "refused"); /* is passed on */
	refused->done(refused, NULL, &err);
}

void fake_event(struct fake *fake, enum api_event_type type, const char *json, int64_t at)
{
	AUTO_BLOB blob = json ? blob_new(str_from(json)) : NULL;
	struct api_event event = { type, blob ? obj_get(blob) : NULL, at };

	fake->watch->on_event(fake->watch, &event);
	fake->revision = at;
}
