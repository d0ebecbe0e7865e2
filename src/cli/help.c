/* SPDX-License-Identifier: Apache-2.0 */
/* What the tables of commands say, as help text, completion script and manual page. */
#include "cli/cmd.h"

#include <stdio.h>
#include <string.h>

#define COLUMN 34

static const char *value_name(const struct flag *flag)
{
	if (flag->value)
		return flag->value;
	switch (flag->type) {
	case FLAG_TYPE_STRING:
		return "string";
	case FLAG_TYPE_INT:
		return "int";
	case FLAG_TYPE_DURATION:
		return "duration";
	case FLAG_TYPE_LIST:
	case FLAG_TYPE_EACH:
		return "list";
	case FLAG_TYPE_BOOL:
	case FLAG_TYPE_NONE:
		break;
	}
	return "";
}

static void pad_to(struct buf *out, size_t line_start, size_t column)
{
	do
		buf_put_char(out, ' ');
	while (out->len - line_start < column);
}

static void help_flag(const struct flag *flag, struct buf *out)
{
	size_t start = out->len;

	if (flag->short_name)
		buf_printf(out, "  -%c, --%s", flag->short_name, flag->name);
	else
		buf_printf(out, "      --%s", flag->name);
	if (flag->type != FLAG_TYPE_BOOL)
		buf_printf(out, " %s", value_name(flag));
	pad_to(out, start, COLUMN);
	buf_put_c(out, flag->help);
	if (*flag->fallback)
		buf_printf(out, " (default %s)", flag->fallback);
	buf_put_char(out, '\n');
}

void help_cmd(const struct program *program, const struct cmd *cmd, struct buf *out)
{
	buf_printf(out, "%s\n\nUsage:\n  %s %s%s%s%s\n", cmd->summary, program->name, cmd->path,
		   cmd->flags ? " [flags]" : "", *cmd->args ? " " : "", cmd->args);
	if (cmd->description)
		buf_printf(out, "\n%s\n", cmd->description);
	if (cmd->example)
		buf_printf(out, "\nExamples:\n%s\n", cmd->example);
	buf_put_c(out, "\nFlags:\n");
	for (const struct flag *flag = cmd->flags; flag && flag->type != FLAG_TYPE_NONE; flag++)
		help_flag(flag, out);
	buf_put_c(out, "  -h, --help");
	pad_to(out, out->len - strlen("  -h, --help"), COLUMN);
	buf_put_c(out, "show this text\n");
}

void help_program(const struct program *program, struct buf *out)
{
	buf_printf(out, "%s\n\nUsage:\n  %s COMMAND [flags]\n\nCommands:\n", program->summary,
		   program->name);
	for (size_t i = 0; program->cmds[i]; i++) {
		size_t start = out->len;

		if (program->cmds[i]->hidden)
			continue;
		buf_printf(out, "  %s", program->cmds[i]->path);
		pad_to(out, start, 20);
		buf_printf(out, "%s\n", program->cmds[i]->summary);
	}
	buf_printf(out, "\nSee '%s COMMAND --help' for a command's flags.\n", program->name);
}

void help_completion(const struct program *program, struct buf *out)
{
	buf_printf(out,
		   "# bash completion for %s\n_%s() {\n\tlocal "
		   "words=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\" word="
		   "\"${COMP_WORDS[COMP_CWORD]}\" list\n\tcase \"$words\" in\n",
		   program->name, program->name);
	for (size_t i = 0; program->cmds[i]; i++) {
		const struct cmd *cmd = program->cmds[i];

		buf_printf(out, "\t\"%s\"*) list=\"--help", cmd->path);
		for (const struct flag *flag = cmd->flags; flag && flag->type != FLAG_TYPE_NONE;
		     flag++)
			buf_printf(out, " --%s", flag->name);
		buf_put_c(out, "\" ;;\n");
	}
	buf_put_c(out, "\t*) list=\"--help");
	for (size_t i = 0; program->cmds[i]; i++)
		if (!program->cmds[i]->hidden)
			buf_printf(out, " %s", program->cmds[i]->path);
	buf_printf(out,
		   "\" ;;\n\tesac\n\tif [ \"${word#-}\" = \"$word\" ] && [ -n \"$words\" ]; then\n"
		   "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n\telse\n"
		   "\t\tmapfile -t COMPREPLY < <(compgen -W \"$list\" -- "
		   "\"$word\")\n\tfi\n}\ncomplete -F _%s %s\n",
		   program->name, program->name);
}

static void man_text(struct buf *out, const char *text)
{
	for (const char *c = text; *c; c++) {
		if (*c == '-' || *c == '\\')
			buf_put_char(out, '\\');
		if ((*c == '.' || *c == '\'') && (c == text || c[-1] == '\n'))
			buf_put_c(out, "\\&");
		buf_put_char(out, *c);
	}
	buf_put_char(out, '\n');
}

void help_man(const struct program *program, struct buf *out)
{
	buf_printf(out, ".TH %s 1\n.SH NAME\n%s \\- ", program->name, program->name);
	man_text(out, program->summary);
	buf_printf(out, ".SH SYNOPSIS\n.B %s\n.I COMMAND\n[flags]\n.SH COMMANDS\n", program->name);
	for (size_t i = 0; program->cmds[i]; i++) {
		const struct cmd *cmd = program->cmds[i];

		if (cmd->hidden)
			continue;
		buf_printf(out, ".SS %s %s %s\n", program->name, cmd->path, cmd->args);
		man_text(out, cmd->summary);
		if (cmd->description) {
			buf_put_c(out, ".PP\n");
			man_text(out, cmd->description);
		}
		for (const struct flag *flag = cmd->flags; flag && flag->type != FLAG_TYPE_NONE;
		     flag++) {
			buf_put_c(out, ".TP\n.B ");
			buf_printf(out, "\\-\\-%s", flag->name);
			buf_printf(out, "%s%s\n", flag->type == FLAG_TYPE_BOOL ? "" : " ",
				   value_name(flag));
			man_text(out, flag->help);
		}
	}
}
