/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS server that tests' webhooks answer from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hook.h"

#include <stdio.h>
#include "base/time.h"
#include "codec/base64.h"
#include "loop/env.h"
#include "store/store.h"

#define LIMIT_MS 10000

static void on_request(void *arg, struct http_exchange *x)
{
	struct hook *hook = arg;

	hook->count++;
	hook->peer = x->peer;
	hook->answer(hook, x);
}

static void make_pair(struct hook *hook, struct x509_spec *spec, const struct x509_pair *issuer,
		      struct x509_pair *ret)
{
	struct env *env = hook->fixture->env;
	struct err err;
	char serial[16];

	env_random(env, serial, sizeof(serial));
	spec->serial_bytes = str_sub(serial, sizeof(serial));
	spec->not_before_ns = env_wall_ns(env) - 3600 * TIME_NS_PER_SECOND;
	spec->not_after_ns = env_wall_ns(env) + 3600 * TIME_NS_PER_SECOND;
	if (x509_make(spec, issuer, &hook->arena, ret, &err) < 0)
		fail_msg("%s", err.msg);
}

static void make_certificates(struct hook *hook)
{
	static const struct str names[] = { STR_INIT("hook.default.svc") };
	static const struct str ips[] = { STR_INIT("127.0.0.1") };
	struct x509_spec ca = { .common_name = STR("ca"), .usage = X509_USAGE_CA };
	struct x509_spec server = { .common_name = STR("hook"),
				    .usage = X509_USAGE_SERVER,
				    .dns_names = names,
				    .dns_name_count = 1,
				    .ip_names = ips,
				    .ip_name_count = 1 };
	struct x509_pair pair;
	struct tls_server_options options;
	AUTO_BUF encoded = { 0 };
	struct err err;

	make_pair(hook, &ca, NULL, &hook->ca);
	make_pair(hook, &ca, NULL, &hook->other_ca);
	make_pair(hook, &server, &hook->ca, &pair);
	options = (struct tls_server_options){ .certificate_pem = pair.certificate_pem,
					       .key_pem = pair.key_pem };
	if (tls_server_new(&options, &hook->tls, &err) < 0)
		fail_msg("%s", err.msg);
	buf_init(&encoded, 1u << 20);
	base64_encode(hook->ca.certificate_pem, &encoded);
	hook->ca_base64 = str_in(&hook->arena, buf_str(&encoded));
}

void hook_open(struct hook *hook, struct http_fixture *fixture,
	       void (*answer)(struct hook *hook, struct http_exchange *x), void *arg)
{
	struct address any, bound;
	struct err err;

	*hook = (struct hook){ .fixture = fixture, .answer = answer, .arg = arg };
	arena_init(&hook->arena, ARENA_DEFAULT_MAX);
	make_certificates(hook);
	hook->handlers = (struct http_handlers){ .on_request = on_request };
	hook->server = http_server_new(&(struct http_server_options){
		.env = fixture->env, .handlers = &hook->handlers, .arg = hook, .tls = hook->tls });
	if (address_parse(STR("127.0.0.1:0"), &any, &err) < 0 ||
	    http_server_listen(hook->server, &any, 0600, &bound, &err) < 0)
		fail_msg("%s", err.msg);
	hook->port = address_port(&bound);
}

void hook_close(struct hook *hook)
{
	http_server_free(hook->server);
	tls_server_free(hook->tls);
	arena_deinit(&hook->arena);
}

struct wait {
	struct timer limit;
	struct task poll;
	struct hook *hook;
	const bool *flag;
	bool timed_out;
};

static void on_limit(struct timer *timer)
{
	struct wait *wait = CONTAINER_OF(timer, struct wait, limit);

	wait->timed_out = true;
	loop_stop(wait->hook->fixture->loop);
}

static void on_poll(struct task *task)
{
	struct wait *wait = CONTAINER_OF(task, struct wait, poll);

	if (*wait->flag)
		loop_stop(wait->hook->fixture->loop);
	else
		env_defer(wait->hook->fixture->env, task);
}

void hook_run_until(struct hook *hook, const bool *flag)
{
	struct wait wait = { .hook = hook, .flag = flag };

	timer_init(&wait.limit, hook->fixture->env, on_limit);
	timer_start(&wait.limit, LIMIT_MS);
	task_init(&wait.poll, on_poll);
	env_defer(hook->fixture->env, &wait.poll);
	loop_run(hook->fixture->loop);
	env_cancel(hook->fixture->env, &wait.poll);
	timer_stop(&wait.limit);
	assert_false(wait.timed_out);
}

struct slice {
	struct store_op op;
	struct store_write write;
	char text[512];
	bool done;
};

static struct blob *encode_slice(struct store_op *op, int64_t revision, struct err *err)
{
	return blob_new(str_from(((struct slice *)op->owner)->text));
}

static void slice_done(struct store_write *write, int64_t revision, struct err *err)
{
	CONTAINER_OF(write, struct slice, write)->done = true;
}

void hook_put_slice(struct hook *hook)
{
	struct slice slice = { .done = false };

	snprintf(slice.text, sizeof(slice.text),
		 "{\"kind\":\"EndpointSlice\",\"apiVersion\":\"discovery.k8s.io/"
		 "v1\",\"metadata\":{\"name\":\"a\","
		 "\"namespace\":\"default\",\"labels\":{\"kubernetes.io/service-name\":\"hook\"}},"
		 "\"addressType\":\"IPv4\",\"ports\":[{\"name\":\"other\",\"port\":1},{\"name\":"
		 "\"https\",\"port\":%u}],"
		 "\"endpoints\":[{\"addresses\":[\"192.0.2.1\"],\"conditions\":{\"ready\":false}},"
		 "{\"addresses\":[\"127.0.0.1\"]}]}",
		 hook->port);
	slice.op = (struct store_op){ .type = STORE_PUT,
				      .key = STR("/registry/endpointslices/default/a"),
				      .encode = encode_slice,
				      .owner = &slice };
	slice.write = (struct store_write){ .ops = &slice.op, .op_count = 1, .done = slice_done };
	store_submit(hook->fixture->store, &slice.write);
	hook_run_until(hook, &slice.done);
}
