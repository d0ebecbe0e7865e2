/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record of a log file. CRI: "2024-01-02T03:04:05.123456789Z stdout F text"; json-file:
 * {"log":"text\n", "stream":"stdout","time":"…"}. The files are written by monitors, but their text
 * is the container's.
 */
#include "base/time.h"
#include "codec/json.h"
#include "container/limits.h"
#include "container/log_read.h"

static int parse_stream(struct str name, int *ret, struct err *err)
{
	if (str_eq_c(name, "stdout"))
		*ret = 1;
	else if (str_eq_c(name, "stderr"))
		*ret = 2;
	else
		return err_set(err, ERR_PARSE, "log line: unexpected stream type \"" STR_FMT "\"",
			       STR_ARG(str_slice(name, 0, 100)));
	return 0;
}

static int parse_cri(struct str record, struct buf *scratch, struct log_line *ret, struct err *err)
{
	struct str time, stream, tag, rest = record;

	if (!str_cut(rest, ' ', &time, &rest) || !str_cut(rest, ' ', &stream, &rest))
		return err_set(err, ERR_PARSE, "log line: timestamp or stream is missing");
	if (!str_cut(rest, ' ', &tag, &rest))
		rest = STR("");
	if (time_parse(time, &ret->at_ns, err) < 0)
		return err_wrap(err, "log line");
	if (parse_stream(stream, &ret->stream, err) < 0)
		return -1;
	str_cut(tag, ':', &tag, &stream); /* further tags may follow the first */
	ret->partial = str_eq_c(tag, "P");
	if (!ret->partial && !str_eq_c(tag, "F"))
		return err_set(err, ERR_PARSE, "log line: unexpected tag \"" STR_FMT "\"",
			       STR_ARG(str_slice(tag, 0, 100)));
	buf_reset(scratch);
	buf_put_str(scratch, rest);
	if (!ret->partial)
		buf_put_char(scratch, '\n');
	ret->text = buf_str(scratch);
	return buf_check(scratch, "log line", err);
}

static int parse_json(struct str record, struct buf *scratch, struct log_line *ret, struct err *err)
{
	AUTO_JSON doc = json_parse(record, LOG_LINE_BYTES_MAX, err);
	yyjson_val *root;

	if (!doc)
		return err_wrap(err, "log line");
	root = yyjson_doc_get_root(doc);
	if (time_parse(json_get_str(root, "time"), &ret->at_ns, err) < 0)
		return err_wrap(err, "log line");
	if (parse_stream(json_get_str(root, "stream"), &ret->stream, err) < 0)
		return -1;
	buf_reset(scratch);
	buf_put_str(scratch, json_get_str(root, "log"));
	ret->text = buf_str(scratch);
	ret->partial = !str_has_suffix(ret->text, STR("\n"));
	return buf_check(scratch, "log line", err);
}

int log_line_parse(enum container_log_format format, struct str record, struct buf *scratch,
		   struct log_line *ret, struct err *err)
{
	struct log_line line = { 0 };

	if (record.len > LOG_LINE_BYTES_MAX)
		return err_set(err, ERR_TOO_LARGE, "log line is longer than %u bytes",
			       LOG_LINE_BYTES_MAX);
	str_strip_suffix(&record, STR("\n"));
	if (format == CONTAINER_LOG_NONE)
		return err_set(err, ERR_UNSUPPORTED,
			       "configured logging driver does not support reading");
	if ((format == CONTAINER_LOG_CRI ? parse_cri : parse_json)(record, scratch, &line, err) < 0)
		return -1;
	*ret = line;
	return 0;
}
