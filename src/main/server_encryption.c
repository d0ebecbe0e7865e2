/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --encryption-provider-config: read at the start, where what is stored waits for the data keys
 * that KMS plug-ins have to give, and, with --encryption-provider-config-automatic-reload, whenever
 * the file changes: the new one is used once its plug-ins are healthy.
 */
#include <fcntl.h>

#include "apiserver/encryption.h"
#include "apiserver/identity.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/time.h"
#include "loop/loop.h"
#include "main/server.h"

#define FLAG_NAME "encryption-provider-config"
#define FILE_BYTES_MAX ((size_t)1 << 20)
#define OPEN_TIMEOUT_MS 60000 /* for all data keys of what is stored */
#define OPEN_AGAIN_MS 1000
#define HEALTHY_WITHIN_MS 10000 /* or it is told of */

/* --- at the start: nothing else runs yet, the loop turns until there is an answer --- */

static void on_change(void *arg)
{
	struct server *s = arg;

	if (s->encryption_waits)
		loop_stop(s->loop);
}

static void on_wait_over(struct timer *timer)
{
	loop_stop(CONTAINER_OF(timer, struct server, encryption_timer)->loop);
}

static void wait_ms(struct server *s, int64_t ms)
{
	s->encryption_waits = true;
	timer_start(&s->encryption_timer, ms);
	loop_run(s->loop);
	timer_stop(&s->encryption_timer);
	s->encryption_waits = false;
}

static int parse(struct server *s, struct str text, void (*changed)(void *arg),
		 struct encryption **ret, struct err *err)
{
	struct encryption_options options = {
		.env = s->env, .metrics = &s->form.metrics, .on_change = changed, .arg = s
	};

	return encryption_parse(&options, text, ret, err);
}

int server_encryption_open(struct server *s, struct err *err)
{
	AUTO_BUF text = { 0 };
	const char *path = str_c_in(s->arena, s->opts->encryption_config);
	char identity[IDENTITY_BYTES];

	stored_form_init(&s->form, str_from(identity_of(s->plan.node_name, identity)));
	timer_init(&s->encryption_timer, s->env, on_wait_over);
	s->form.is_reloading = s->opts->encryption_reloads;
	if (!*path)
		return s->opts->encryption_reloads
			       ? err_set(err, ERR_INVALID,
					 "--" FLAG_NAME
					 "-automatic-reload must be set with --" FLAG_NAME)
			       : 0;
	buf_init(&text, FILE_BYTES_MAX);
	if (fd_read_file(AT_FDCWD, path, FILE_BYTES_MAX, &text, err) < 0)
		return err_wrap(err, "--" FLAG_NAME);
	if (parse(s, buf_str(&text), on_change, &s->form.encryption, err) < 0) {
		mem_wipe(text.ptr, text.len);
		return err_wrap(err, "--" FLAG_NAME " %s", path);
	}
	kms_metrics_config(&s->form.metrics, buf_str(&text));
	mem_wipe(text.ptr, text.len);
	/* Each plug-in has its timeout to answer in; one that does not is asked again later. */
	while (!encryption_is_settled(s->form.encryption))
		wait_ms(s, OPEN_TIMEOUT_MS);
	return 0;
}

int server_encryption_wait(struct server *s, int64_t begun_ns, struct err *err)
{
	int64_t passed_ms = (env_mono_ns(s->env) - begun_ns) / TIME_NS_PER_MS;

	if (err->code != ERR_UNAVAILABLE || !encryption_plugin_count(s->form.encryption) ||
	    passed_ms >= OPEN_TIMEOUT_MS)
		return -1;
	if (!encryption_is_asking(s->form.encryption)) /* it was refused: not at once again */
		wait_ms(s, OPEN_AGAIN_MS);
	while (encryption_is_asking(s->form.encryption))
		wait_ms(s, OPEN_TIMEOUT_MS);
	return 0;
}

/* --- while the server runs --- */

struct server_encryption {
	struct server *server;
	struct encryption *next; /* NULL: none waits to be used */
	char hash[KMS_ID_TEXT_BYTES];
	struct timer late;
	struct task look;
};

static void use(struct server_encryption *c)
{
	struct server *s = c->server;

	stored_form_replace(&s->form, c->next);
	c->next = NULL;
	timer_stop(&c->late);
	memcpy(s->form.metrics.config_hash, c->hash, sizeof(c->hash));
	kms_metrics_reload(&s->form.metrics, true, env_wall_ns(s->env));
	log_info("server", "--" FLAG_NAME ": the file changed and is in use");
}

/* A plug-in tells of itself: it must not be freed by what comes of that at once. */
static void on_look(struct task *task)
{
	struct server_encryption *c = CONTAINER_OF(task, struct server_encryption, look);

	if (c->next && encryption_is_settled(c->next) && encryption_health(c->next, NULL) == 0)
		use(c);
}

static void on_next_change(void *arg)
{
	struct server *s = arg;

	env_defer(s->env, &s->encryption_change->look);
}

static void on_late(struct timer *timer)
{
	struct server_encryption *c = CONTAINER_OF(timer, struct server_encryption, late);
	struct err err = { 0 };

	if (encryption_health(c->next, &err) == 0)
		return; /* it is being taken */
	log_error("server",
		  "--" FLAG_NAME ": the file changed and is not in use: health check for new "
		  "transformers failed: %s; it will be when they are healthy",
		  err.msg);
	kms_metrics_reload(&c->server->form.metrics, false, env_wall_ns(c->server->env));
}

static int take(struct server *s, void *arg, struct str text, struct arena *arena, struct err *err)
{
	struct server_encryption *c = s->encryption_change;
	struct encryption *next;

	(void)arena;
	if (parse(s, text, on_next_change, &next, err) < 0) {
		kms_metrics_reload(&s->form.metrics, false, env_wall_ns(s->env));
		return -1;
	}
	encryption_free(c->next);
	c->next = next;
	kms_id_text(text, c->hash);
	timer_start(&c->late, HEALTHY_WITHIN_MS);
	env_defer(s->env, &c->look);
	return 1;
}

int server_encryption_watch(struct server *s, struct err *err)
{
	struct server_encryption *c;

	if (!s->opts->encryption_reloads)
		return 0;
	c = ARENA_NEW(s->arena, struct server_encryption);
	c->server = s;
	timer_init(&c->late, s->env, on_late);
	task_init(&c->look, on_look);
	s->encryption_change = c;
	return server_reload_watch(
		s, &(struct server_reload_file){ FLAG_NAME, s->opts->encryption_config, take, NULL },
		err);
}

void server_encryption_close(struct server *s)
{
	struct server_encryption *c = s->encryption_change;

	if (c) {
		timer_stop(&c->late);
		env_cancel(s->env, &c->look);
		encryption_free(c->next);
	}
	stored_form_deinit(&s->form);
}
