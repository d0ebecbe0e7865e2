/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members that a configuration file may have, said in one line of text, and the first thing in
 * a tree that is not so: an unknown member, or one of another type.
 *
 *	"kind:s plugins[name:s path:s configuration:*] defaults{enforce:s} users:l"
 *
 * s string, i whole number, b true or false, l list of strings, m strings by name, * anything;
 * name{…} an object, name[…] a list of objects.
 */
#ifndef CUBE_CODEC_SHAPE_H
#define CUBE_CODEC_SHAPE_H

#include "codec/json.h"

/* ERR_INVALID with the member's path: `strict decoding error: unknown field "plugins[0].nam"`. */
int shape_check(yyjson_val *root, const char *shape, struct err *err) MUST_CHECK;

#endif
