/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, crashing and starting again. A crash takes memory and what was in flight; the disk and
 * the nodes stay. */
#include "sim/cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "apiserver/apiserver.h"
#include "base/time.h"
#include "controllers/controllers.h"
#include "scheduler/scheduler.h"

static enum store_fault ask_fault(void *arg, uint64_t write_index)
{
	struct cluster *c = arg;

	return c->options.fault ? c->options.fault(c, write_index) : STORE_FAULT_NONE;
}

static void crashed(void *arg)
{
	struct cluster *c = arg;

	c->crashed = true;
	c->crash_count++;
}

static void role_open(struct cluster *c, struct role *role, const char *user)
{
	role->slow = slow_transport_new(c->sim, c->env,
					apiserver_transport(c->apiserver, str_from(user)),
					c->options.delay_ms_max);
	role->client = client_new(c->env, slow_transport_base(role->slow), str_from(user));
}

static void start_roles(struct cluster *c)
{
	struct controllers_options controllers = { .env = c->env,
						   .root_ca = STR("-----BEGIN CERTIFICATE-----\n"),
						   .cluster_cidr = STR("10.1.0.0/16") };
	struct scheduler_options scheduler = { .env = c->env };

	role_open(c, &c->controlling, "system:kube-controller-manager");
	role_open(c, &c->scheduling, "system:kube-scheduler");
	controllers.client = c->controlling.client;
	c->controllers = controllers_new(&controllers);
	controllers_start(c->controllers);
	scheduler.client = c->scheduling.client;
	c->scheduler = scheduler_new(&scheduler);
	scheduler_start(c->scheduler);
	for (size_t i = 0; i < CLUSTER_NODES; i++) {
		if (hollow_is_dead(c->hollows[i]))
			continue;
		c->nodes[i].slow = slow_transport_new(
			c->sim, c->env, apiserver_transport(c->apiserver, STR("system:node")),
			c->options.delay_ms_max);
		hollow_connect(c->hollows[i], slow_transport_base(c->nodes[i].slow));
	}
}

static void go_up(struct cluster *c)
{
	struct apiserver_options options = { .env = c->env };
	struct err err = { .code = ERR_NONE };

	if (store_open_memory(c->env, c->disk, NULL, &c->store, &err) < 0)
		fail_msg("store: %s", err.msg);
	if (c->acked_revision > store_revision(c->store))
		cluster_violate(c, "an acknowledged write is not in the store after a crash");
	options.store = c->store;
	if (apiserver_new(&options, &c->apiserver, &err) < 0)
		fail_msg("API server: %s", err.msg);
	apiserver_start(c->apiserver, NULL, NULL);
	start_roles(c);
	c->user = client_new(c->env, apiserver_transport(c->apiserver, STR("user")), STR("user"));
	cluster_watch(c);
	c->is_up = true;
	c->step_submitted = false;
}

/* As if the process had been killed: roles are freed in an order that calls nobody. */
static void go_down(struct cluster *c)
{
	scheduler_free(c->scheduler);
	controllers_free(c->controllers);
	client_close(c->scheduling.client);
	client_close(c->controlling.client);
	client_close(c->user);
	for (size_t i = 0; i < CLUSTER_NODES; i++)
		hollow_disconnect(c->hollows[i]);
	store_abandon(c->store);
	slow_transport_free(c->scheduling.slow);
	slow_transport_free(c->controlling.slow);
	for (size_t i = 0; i < CLUSTER_NODES; i++)
		if (c->nodes[i].slow)
			slow_transport_free(c->nodes[i].slow);
	apiserver_free(c->apiserver);
	client_abandon(c->scheduling.client);
	client_abandon(c->controlling.client);
	client_abandon(c->user);
	for (size_t i = 0; i < CLUSTER_NODES; i++) {
		hollow_forget(c->hollows[i]);
		c->nodes[i].slow = NULL;
	}
	sim_crash(c->sim, c->env);
	c->is_up = false;
}

void cluster_start(struct cluster *c, const struct cluster_options *options)
{
	struct store_disk_faults faults = { .fault = ask_fault,
					    .crashed = crashed,
					    .arg = c,
					    .commit_delay_ms_max = options->delay_ms_max / 4 };

	*c = (struct cluster){ .options = *options };
	c->sim = sim_new(options->seed);
	sim_shuffle(c->sim, options->shuffle);
	c->env = sim_env(c->sim, "control");
	c->disk = store_disk_new();
	store_disk_set_faults(c->disk, &faults);
	for (size_t i = 0; i < CLUSTER_NODES; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "node-%zu", i); /* fits */
		c->hollows[i] = hollow_new(c->sim, name);
	}
	script_enter(c);
	go_up(c);
}

void cluster_end(struct cluster *c)
{
	go_down(c);
	for (size_t i = 0; i < CLUSTER_NODES; i++)
		hollow_free(c->hollows[i]);
	store_disk_free(c->disk);
	sim_free(c->sim);
}

static bool has_news(void *arg)
{
	struct cluster *c = arg;

	if (c->crashed || c->violation)
		return true;
	if (!c->step_submitted && apiserver_is_ready(c->apiserver)) {
		c->step_submitted = true;
		if (!c->step_acked)
			script_submit(c);
	}
	return c->step_acked && script_is_done(c);
}

const char *cluster_run(struct cluster *c)
{
	int64_t end_ms = script_limit_ms(c);

	while (c->step < script_step_count) {
		if (!sim_run_until(c->sim, has_news, c, end_ms - sim_now_ms(c->sim)))
			return "does not converge";
		if (c->violation)
			return c->violation;
		if (c->crashed) {
			c->crashed = false;
			sim_trace(c->sim, "crash %u", c->crash_count);
			go_down(c);
			go_up(c);
			continue;
		}
		sim_trace(c->sim, "done %s", script_step_name(c->step));
		c->step++;
		c->step_acked = c->step_submitted = false;
		if (c->step < script_step_count) {
			script_enter(c);
			end_ms = sim_now_ms(c->sim) + script_limit_ms(c);
		}
	}
	return NULL;
}
