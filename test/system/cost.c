/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command costs, in numbers that do not depend on how busy the machine is. Runs it under
 * ptrace, with all that it makes, and prints "calls N" (system calls of its own program: not of
 * what its children exec), "processes N" and "resident N" (KiB: the largest that one of the
 * processes ever had in memory). Ends with the command, with its exit status; what that leaves
 * running goes on untraced. A child's rusage would not do: that starts with the memory of who made
 * it.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES_MAX 64
#define OPTIONS                                                                                 \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXIT | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | \
	 PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)

struct process {
	pid_t pid;
	bool is_in_call, has_execed;
};

struct cost {
	struct process processes[PROCESSES_MAX];
	size_t count;
	long calls, resident_kb;
};

static void die(const char *what)
{
	perror(what);
	exit(125);
}

static struct process *process_of(struct cost *cost, pid_t pid)
{
	for (size_t i = 0; i < cost->count; i++) {
		if (cost->processes[i].pid == pid)
			return &cost->processes[i];
	}
	if (cost->count == PROCESSES_MAX) {
		fprintf(stderr, "more than %d processes\n", PROCESSES_MAX);
		exit(125);
	}
	cost->processes[cost->count] = (struct process){ .pid = pid };
	return &cost->processes[cost->count++];
}

static void note_memory(struct cost *cost, pid_t pid)
{
	char path[40], line[200];
	long kb;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "VmHWM: %ld", &kb) == 1 && kb > cost->resident_kb)
			cost->resident_kb = kb;
	}
	fclose(file);
}

/* Called at the beginning and at the end of each call. The memory of who execs is gone afterwards.
 */
static void note_call(struct cost *cost, struct process *p)
{
	struct __ptrace_syscall_info call;

	p->is_in_call = !p->is_in_call;
	if (!p->is_in_call)
		return;
	cost->calls += !p->has_execed;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, sizeof(call), &call) > 0 &&
	    call.op == PTRACE_SYSCALL_INFO_ENTRY && call.entry.nr == SYS_execve)
		note_memory(cost, p->pid);
}

/* Returns the signal to go on with. */
static int note_stop(struct cost *cost, pid_t first, pid_t pid, int status)
{
	struct process *p = process_of(cost, pid);
	int signal = WSTOPSIG(status);

	switch (status >> 16) {
	case PTRACE_EVENT_EXIT:
		note_memory(cost, pid);
		return 0;
	case PTRACE_EVENT_EXEC:
		p->has_execed = pid != first;
		return 0;
	case 0:
		break;
	default:
		return 0;
	}
	if (signal == (SIGTRAP | 0x80)) {
		note_call(cost, p);
		return 0;
	}
	return signal;
}

static int trace(struct cost *cost, pid_t first)
{
	int status = 0, signal;
	pid_t pid;

	for (;;) {
		pid = waitpid(-1, &status, __WALL);
		if (pid < 0)
			die("wait");
		if (pid == first && !WIFSTOPPED(status))
			break;
		if (!WIFSTOPPED(status))
			continue;
		signal = note_stop(cost, first, pid, status);
		/* it may have been killed meanwhile */
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)signal) < 0 && errno != ESRCH)
			die("ptrace");
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	struct cost cost = { .count = 0 };
	int status;
	pid_t pid;

	if (argc < 2) {
		fprintf(stderr, "usage: test-cost COMMAND...\n");
		return 125;
	}
	pid = fork();
	if (pid == 0) {
		raise(SIGSTOP);
		execvp(argv[1], argv + 1);
		die(argv[1]);
	}
	if (pid < 0 || waitpid(pid, &status, WUNTRACED) != pid ||
	    ptrace(PTRACE_SEIZE, pid, NULL, (void *)(long)OPTIONS) < 0)
		die("trace");
	if (kill(pid, SIGCONT) < 0)
		die("continue");
	status = trace(&cost, pid);
	fprintf(stderr, "calls %ld\nprocesses %zu\nresident %ld\n", cost.calls, cost.count,
		cost.resident_kb);
	return status;
}
