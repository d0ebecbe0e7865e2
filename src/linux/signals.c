/* SPDX-License-Identifier: Apache-2.0 */
/* See signals.h. */
#include "linux/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/num.h"

static const struct {
	char name[8];
	unsigned char number;
} signals[] = {
	{ "HUP", SIGHUP },       { "INT", SIGINT },       { "QUIT", SIGQUIT },   { "ILL", SIGILL },
	{ "TRAP", SIGTRAP },     { "ABRT", SIGABRT },     { "IOT", SIGABRT },    { "BUS", SIGBUS },
	{ "FPE", SIGFPE },       { "KILL", SIGKILL },     { "USR1", SIGUSR1 },   { "SEGV", SIGSEGV },
	{ "USR2", SIGUSR2 },     { "PIPE", SIGPIPE },     { "ALRM", SIGALRM },   { "TERM", SIGTERM },
	{ "STKFLT", SIGSTKFLT }, { "CHLD", SIGCHLD },     { "CLD", SIGCHLD },    { "CONT", SIGCONT },
	{ "STOP", SIGSTOP },     { "TSTP", SIGTSTP },     { "TTIN", SIGTTIN },   { "TTOU", SIGTTOU },
	{ "URG", SIGURG },       { "XCPU", SIGXCPU },     { "XFSZ", SIGXFSZ },   { "VTALRM", SIGVTALRM },
	{ "PROF", SIGPROF },     { "WINCH", SIGWINCH },   { "IO", SIGIO },       { "POLL", SIGPOLL },
	{ "PWR", SIGPWR },       { "SYS", SIGSYS },
};

int signal_number(const char *text)
{
	uint64_t number;

	if (num_parse_u64(str_from(text), 64, "signal", &number, NULL) == 0)
		return number > 0 ? (int)number : -EINVAL;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (size_t i = 0; i < ARRAY_COUNT(signals); i++) {
		if (strcasecmp(signals[i].name, text) == 0)
			return signals[i].number;
	}
	if (strcasecmp(text, "RTMIN") == 0)
		return 34; /* as every libc numbers them: two are its own */
	if (strcasecmp(text, "RTMAX") == 0)
		return 64;
	if (strncasecmp(text, "RTMIN+", 6) == 0 &&
	    num_parse_u64(str_from(text + 6), 30, "signal", &number, NULL) == 0)
		return 34 + (int)number;
	if (strncasecmp(text, "RTMAX-", 6) == 0 &&
	    num_parse_u64(str_from(text + 6), 30, "signal", &number, NULL) == 0)
		return 64 - (int)number;
	return -EINVAL;
}

const char *signal_text(int number, char *to)
{
	const char *text = sigdescr_np(number);

	if (text)
		snprintf(to, SIGNAL_TEXT_BYTES, "%c%s",
			 text[0] >= 'A' && text[0] <= 'Z' ? text[0] | 0x20 : text[0], text + 1);
	else
		snprintf(to, SIGNAL_TEXT_BYTES, "signal %d", number);
	return to;
}
