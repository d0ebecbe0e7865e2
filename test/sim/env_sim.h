/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated env: a world of named processes in one thread, whose clock jumps to whatever is due next and whose
 * chance comes from a seed. The same seed and the same calls give the same run, byte for byte: sim_hash says whether
 * they did. A process can crash: its tasks, timers and work vanish, its files stay.
 */
#ifndef CUBE_SIM_ENV_SIM_H
#define CUBE_SIM_ENV_SIM_H

#include "loop/env.h"

struct sim;

struct sim *sim_new(uint64_t seed) MUST_CHECK;
void sim_free(struct sim *sim);

/* The env of a process, made at its first mention; valid until sim_free. Child processes and sockets are refused by an
 * assertion: roles of a simulated cluster are connected in process. */
struct env *sim_env(struct sim *sim, const char *process);
/* What the process had queued or running is forgotten without a call; its files and its env stay. Owners then free
 * their memory without stopping timers or cancelling tasks first (doing so is harmless). */
void sim_crash(struct sim *sim, struct env *env);
/* Tasks of several processes, and mailbox against deferred ones of one process, run in a random order instead of
 * in turn. The order within one queue is always kept, as the real loop keeps it. */
void sim_shuffle(struct sim *sim, bool shuffle);
/* Work runs up to this much later (default 5). */
void sim_set_work_delay(struct sim *sim, int64_t delay_ms_max);

/* One task, or else the earliest timer or work, with the clock set to it. False when nothing is left to happen. */
bool sim_step(struct sim *sim);
/* Steps until cond(arg), at most limit_ms of simulated time. True when cond holds. */
bool sim_run_until(struct sim *sim, bool (*cond)(void *arg), void *arg, int64_t limit_ms);
void sim_run_for(struct sim *sim, int64_t duration_ms);
/* Steps until no task is ready; the clock does not jump. At most steps_max steps; false when they did not suffice. */
bool sim_settle(struct sim *sim, size_t steps_max);

int64_t sim_now_ms(const struct sim *sim); /* since the world began */
uint64_t sim_random(struct sim *sim);
uint64_t sim_random_below(struct sim *sim, uint64_t bound);
bool sim_chance(struct sim *sim, unsigned int per_mille);

/* Adds a line to the trace: to its hash always, and to fd, with the time before it, when one is set. Steps are part of
 * the hash too. */
void sim_trace(struct sim *sim, const char *fmt, ...) PRINTF_LIKE(2, 3);
void sim_trace_to(struct sim *sim, int fd); /* -1: none */
uint64_t sim_hash(const struct sim *sim);
uint64_t sim_seed(const struct sim *sim);

#endif
