/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a text that is no JSON, in the words of Go's decoder: clients of the API
 * server show them. Reads bytes, makes nothing of them.
 */
#ifndef CUBE_CODEC_JSON_SYNTAX_H
#define CUBE_CODEC_JSON_SYNTAX_H

#include "base/buf.h"

/* `invalid character 'x' after top-level value`. False: Go would take it. */
bool json_syntax_problem(struct str text, struct buf *to);

#endif
