/* SPDX-License-Identifier: Apache-2.0 */
/* The fixture: everything runs on one loop in one thread, over loopback TCP. */
#include "net_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/time.h"

#define LIMIT_MS 10000

struct alarm {
	struct timer timer;
	struct fixture *fixture;
	const bool *flag;
	struct task poll;
};

static void on_limit(struct timer *timer)
{
	struct alarm *alarm = CONTAINER_OF(timer, struct alarm, timer);

	alarm->fixture->timed_out = true;
	loop_stop(alarm->fixture->loop);
}

static void on_poll(struct task *task)
{
	struct alarm *alarm = CONTAINER_OF(task, struct alarm, poll);

	if (alarm->flag && *alarm->flag)
		loop_stop(alarm->fixture->loop);
	else
		env_defer(alarm->fixture->env, task);
}

void fixture_run_until(struct fixture *f, const bool *flag)
{
	struct alarm alarm = { .fixture = f, .flag = flag };

	f->timed_out = false;
	timer_init(&alarm.timer, f->env, on_limit);
	timer_start(&alarm.timer, LIMIT_MS);
	task_init(&alarm.poll, on_poll);
	env_defer(f->env, &alarm.poll);
	loop_run(f->loop);
	env_cancel(f->env, &alarm.poll);
	timer_stop(&alarm.timer);
	assert_false(f->timed_out);
	assert_true(*flag);
}

void fixture_run_for(struct fixture *f, int64_t ms)
{
	struct alarm alarm = { .fixture = f };

	timer_init(&alarm.timer, f->env, on_limit);
	timer_start(&alarm.timer, ms);
	loop_run(f->loop);
}

void fixture_make_pair(struct fixture *f, struct x509_spec *spec, const struct x509_pair *issuer,
		       struct x509_pair *ret)
{
	struct err err;
	char serial[16];

	env_random(f->env, serial, sizeof(serial));
	spec->serial_bytes = str_sub(serial, sizeof(serial));
	if (spec->not_after_ns == 0) {
		spec->not_before_ns = env_wall_ns(f->env) - 3600 * TIME_NS_PER_SECOND;
		spec->not_after_ns = env_wall_ns(f->env) + 3600 * TIME_NS_PER_SECOND;
	}
	if (x509_make(spec, issuer, &f->arena, ret, &err) < 0)
		fail_msg("%s", err.msg);
}

static void make_certificates(struct fixture *f)
{
	static const struct str groups[] = { STR_INIT("system:masters"), STR_INIT("devs") };
	static const struct str names[] = { STR_INIT("localhost"), STR_INIT("kubernetes.default") };
	static const struct str ips[] = { STR_INIT("127.0.0.1"), STR_INIT("::1") };
	struct x509_spec ca = { .common_name = STR("ca"), .usage = X509_USAGE_CA };
	struct x509_spec server = { .common_name = STR("server"), .usage = X509_USAGE_SERVER, .dns_names = names,
				    .dns_name_count = 2, .ip_names = ips, .ip_name_count = 2 };
	struct x509_spec client = { .common_name = STR("alice"), .usage = X509_USAGE_CLIENT,
				    .organizations = groups, .organization_count = 2 };
	struct tls_server_options options;
	struct err err;

	fixture_make_pair(f, &ca, NULL, &f->ca);
	fixture_make_pair(f, &ca, NULL, &f->other_ca);
	fixture_make_pair(f, &server, &f->ca, &f->server_pair);
	fixture_make_pair(f, &client, &f->ca, &f->client_pair);
	fixture_make_pair(f, &client, &f->other_ca, &f->stranger_pair);
	options = (struct tls_server_options){ .certificate_pem = f->server_pair.certificate_pem,
					       .key_pem = f->server_pair.key_pem,
					       .client_ca_pem = f->ca.certificate_pem };
	if (tls_server_new(&options, &f->tls, &err) < 0)
		fail_msg("%s", err.msg);
}

void fixture_open(struct fixture *f, const struct http_handlers *handlers, void *arg, bool tls,
		  const struct http_server_limits *limits)
{
	struct http_server_options options = { .handlers = handlers, .arg = arg, .plain_http2 = !tls };
	struct address any;
	struct err err;

	memset(f, 0, sizeof(*f));
	f->loop = loop_new();
	f->env = loop_env(f->loop);
	arena_init(&f->arena, ARENA_DEFAULT_MAX);
	if (tls)
		make_certificates(f);
	options.env = f->env;
	options.tls = f->tls;
	if (limits)
		options.limits = *limits;
	f->server = http_server_new(&options);
	if (address_parse(STR("127.0.0.1:0"), &any, &err) < 0 ||
	    http_server_listen(f->server, &any, 0600, &f->address, &err) < 0)
		fail_msg("%s", err.msg);
	snprintf(f->url, sizeof(f->url), "%s://127.0.0.1:%u", tls ? "https" : "http", address_port(&f->address));
}

void fixture_close(struct fixture *f)
{
	http_server_free(f->server);
	tls_server_free(f->tls);
	arena_deinit(&f->arena);
	loop_free(f->loop);
}

/* --- raw clients --- */

static void on_raw(struct io_watch *watch, int events)
{
	struct raw *r = CONTAINER_OF(watch, struct raw, watch);
	char bytes[65536];
	ssize_t n = recv(r->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n > 0) {
		buf_put(&r->in, bytes, (size_t)n);
		r->has_wanted = r->wanted && str_contains(buf_str(&r->in), str_from(r->wanted));
	} else if (n == 0 || errno != EAGAIN) {
		r->eof = true;
		io_stop(watch);
	}
}

void raw_open(struct raw *r, struct fixture *f)
{
	struct err err;
	bool done;

	memset(r, 0, sizeof(*r));
	r->fixture = f;
	buf_init(&r->in, FIXTURE_BYTES_MAX);
	r->fd = address_connect(&f->address, &done, &err);
	assert_true(r->fd >= 0);
	r->watch.fn = on_raw;
	if (io_start(f->env, &r->watch, r->fd, IO_READ, &err) < 0)
		fail_msg("%s", err.msg);
}

void raw_send(struct raw *r, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(r->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			fixture_run_for(r->fixture, 1);
			continue;
		}
		if (n < 0)
			return; /* refused in the middle: what came back is what the test looks at */
		bytes += n;
		len -= (size_t)n;
	}
}

void raw_wait_for(struct raw *r, const char *text)
{
	r->wanted = text;
	r->has_wanted = str_contains(buf_str(&r->in), str_from(text));
	fixture_run_until(r->fixture, &r->has_wanted);
}

void raw_wait_eof(struct raw *r)
{
	fixture_run_until(r->fixture, &r->eof);
}

void raw_close(struct raw *r)
{
	io_stop(&r->watch);
	close(r->fd);
	buf_deinit(&r->in);
}
