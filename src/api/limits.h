/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes the object model refuses to pass. */
#ifndef CUBE_API_LIMITS_H
#define CUBE_API_LIMITS_H

#include "codec/limits.h"

#define OBJECT_BYTES_MAX (3u << 20) /* of a request body; as upstream */
/* Objects and lists in one body, and elements of one in protobuf: two bytes of it may become
 * hundreds, and more again when fields that are not there get their defaults. */
#define OBJECT_PARTS_MAX (1u << 18)
#define OBJECT_ELEMENTS_MAX (1u << 20)
#define OBJECT_NOTICES_MAX 100	  /* unknown and duplicate fields named in one answer */
#define DECODE_TYPE_BYTES_MAX 128 /* Go's name of the type of a field, in one error */
#define FIELD_ERRORS_MAX 200	  /* causes of one Status */
#define FIELD_DEPTH_MAX JSON_DEPTH_MAX
/* of an object: below metadata.managedFields its fields are named once more, some levels deeper */
#define OBJECT_DEPTH_MAX (JSON_DEPTH_MAX - 8)
#define OBJECT_METADATA_BYTES_MAX (256u << 10) /* annotations, keys and values together */
#define SELECTOR_REQUIREMENTS_MAX 1000
#define SELECTOR_BYTES_MAX (64u << 10)
#define FIELD_OWNERS_BYTES_MAX (16u << 20) /* text of one managedFields being made */
#define APPLY_CONFLICTS_MAX 200		   /* named in one answer */
#define FIELD_SET_KEYS_MAX 16		   /* of one item of a list that is a map */
#define FIELD_OWNER_NAME_BYTES_MAX 128
#define FIELD_OWNERS_UPDATING_MAX \
	10			  /* entries of updates in managedFields; older ones become one */
#define OWNER_NAME_RANDOM_BYTES 5 /* behind generateName */
#define GENERATE_NAME_BYTES_MAX (DNS_LABEL_BYTES_MAX - OWNER_NAME_RANDOM_BYTES)

#define MATCH_CONDITIONS_MAX 64
#define CUSTOM_DEFAULTS_MAX 500000	    /* values that defaults add to one object */
#define CUSTOM_SELECTABLE_MAX 8		    /* fields of one version; as upstream */
#define CUSTOM_STRINGS_BYTES_MAX (1u << 20) /* names of a definition's versions */
#define CONDITION_REASON_BYTES_MAX 1024 /* as upstream */
#define CONDITION_MESSAGE_BYTES_MAX (32u << 10) /* as upstream */
#define PATTERN_STEPS_MAX 10000000u /* of one pattern over one value; then it is refused */
#define LIMIT_VIOLATIONS_MAX 64 /* told; more help nobody */
#define OPENAPI_DEFAULT_BYTES_MAX 65536 /* of one default of a definition; longer ones are not shown */

#endif
