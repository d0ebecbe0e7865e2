#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles api/schema/*.schema into constant tables: gen_schema.py OUTPUT.c FILE...

A file starts with one line

  group GROUP version VERSION short PREFIX package OPENAPI-PREFIX [priority GROUP VERSION [preferred] [off]]

and holds blocks: a head line and tab-indented lines, ended by an empty line. Text behind " : " is the description.

  kind NAME plural/singular : ...      a served kind; then "short A B", "in CATEGORY", "scope Namespaced|Cluster", "verbs all|...",
                                       "sub NAME GROUP/VERSION.KIND verbs", "stored VERSION HASH", "column NAME : TYPE [FORMAT]
                                       [wide] [= PATH] [: description]" (Name and Age: that of the metadata), "select FIELD...", "traits generation create-on-update unconditional-update orphans",
                                       "strategy NAME", "listable", "symbol NAME"
  object NAME : ...                    has apiVersion and kind but no resource of its own
  type NAME : ...
  atomic                               in a block: apply replaces values of this type as a whole

Every other line is a field: NAME TYPE FLAGS... [= DEFAULT] [@PROTOBUF-NUMBER] [: description]

  TYPE    string int32 int64 bool double bytes time microtime quantity int-or-string object any fieldset or the name of a type
          (of this file, or group/version.Name); [TYPE] is a list, {TYPE} a map with string keys; a trailing ? means that
          zero and absent differ; (A|B) lists all allowed values, (A|B|...) the known ones
  FLAGS   required nonempty always(written even when empty) immutable set map(keys) merge merge(key) retain atomic granular
          wrapped(a list that is a message {items=1} in protobuf)
          go:NAME(in Go's decoding errors) min(n) max(n) items(n) bytes(n) format(name)
"""
import re
import sys

VALUES = ['string', 'int32', 'int64', 'bool', 'double', 'bytes', 'time', 'microtime', 'duration', 'quantity', 'int-or-string',
          'object', 'any', 'fieldset', 'REF', 'schema-or-list', 'schema-or-bool', 'schema-or-strings']
ENUM = ['STRING', 'INT32', 'INT64', 'BOOL', 'DOUBLE', 'BYTES', 'TIME', 'MICROTIME', 'DURATION', 'QUANTITY', 'INT_OR_STRING',
        'RAW', 'ANY', 'FIELDSET', 'OBJECT', 'OR_LIST', 'OR_BOOL', 'OR_STRINGS']
VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
FLAGS = {'required': 0, 'nonempty': 1, 'always': 2, 'pointer': 3, 'merge': 4, 'retain': 5, 'atomic': 6, 'closed': 7,
         'immutable': 8, 'default': 13, 'wrapped': 14}
TRAITS = {'generation': 'KIND_HAS_GENERATION', 'create-on-update': 'KIND_CREATE_ON_UPDATE',
          'unconditional-update': 'KIND_UNCONDITIONAL_UPDATE', 'orphans': 'KIND_ORPHANS'}
NONE = 0xffff


class Pool:
    def __init__(self):
        self.bytes = bytearray(b'\0')
        self.at = {'': 0}

    def add(self, text):
        if text not in self.at:
            self.at[text] = len(self.bytes)
            self.bytes += text.encode() + b'\0'
        return self.at[text]


class Failure(Exception):
    pass


def split_doc(line):
    head, sep, doc = line.partition(' : ')
    return head, doc if sep else ''


def parse_type(text):
    """'[core/v1.Pod]?(A|B|...)' -> shape, name, pointer, values, closed"""
    values, closed = None, False
    if text.endswith(')'):
        text, _, values = text[:-1].partition('(')
        closed = not values.endswith('|...')
        values = values[:-4] if not closed else values
    pointer = text.endswith('?')
    text = text.rstrip('?')
    shape = 'ONE'
    if text.startswith('{['):
        shape, text = 'MAP_OF_LISTS', text[2:-2]
    elif text.startswith('[['):
        shape, text = 'LIST_OF_LISTS', text[2:-2]
    elif text.startswith('['):
        shape, text = 'LIST', text[1:-1]
    elif text.startswith('{'):
        shape, text = 'MAP', text[1:-1]
    return shape, text, pointer, values, closed


def pack_numbers(numbers):
    """Field numbers of Go structs embedded in each other: N, outer << 8 | N, or 0x8000 | outermost << 10 | outer << 5 | N."""
    if len(numbers) == 3:
        return 0x8000 | numbers[0] << 10 | numbers[1] << 5 | numbers[2]
    return numbers[0] << 8 | numbers[1] if len(numbers) == 2 else numbers[0]


def tokens(text):
    """Words; parentheses may hold blanks."""
    out, depth, word = [], 0, ''
    for c in text:
        if c == ' ' and not depth:
            if word:
                out.append(word)
            word = ''
            continue
        depth += (c == '(') - (c == ')')
        word += c
    return out + [word] if word else out


class Field:
    def __init__(self, line):
        head, self.doc = split_doc(line)
        head, _, number = head.partition(' @')
        head, has_default, default = head.partition(' = ')
        words = tokens(head)
        self.name = words[0]
        self.shape, self.type, pointer, self.values, closed = parse_type(words[1])
        self.default = default if has_default else None
        self.proto = pack_numbers([int(n) for n in number.split('.')] if number else [0])
        self.flags = {'pointer'} if pointer else set()
        self.list = 'ATOMIC'
        self.extra = dict.fromkeys(['merge_key', 'list_keys', 'format', 'go_type', 'min', 'max', 'items', 'bytes'])
        if closed:
            self.flags.add('closed')
        if has_default:
            self.flags.add('default')
        for word in words[2:]:
            self.flag(word)

    def flag(self, word):
        name, _, argument = word.rstrip(')').partition('(')
        if word.startswith('go:'):
            self.extra['go_type'] = word[3:]
        elif name == 'map':
            self.list, self.extra['list_keys'] = 'MAP', argument
        elif name == 'set':
            self.list = 'SET'
        elif name == 'merge':
            self.flags.add('merge')
            self.extra['merge_key'] = argument or None
        elif name in self.extra:
            self.extra[name] = argument
        elif name in FLAGS and not argument:
            self.flags.add(name)
        elif name != 'granular':
            raise Failure('field %s: unknown flag %s' % (self.name, word))

    def default_json(self):
        value = self.default
        if value is None:
            return None
        if self.shape == 'LIST':
            return '[' + ','.join('"%s"' % v for v in value[1:-1].split(',')) + ']'
        if self.type in ('string', 'quantity'):
            return '"%s"' % value.strip('"')
        return value


class Type:
    def __init__(self, group, head):
        words, self.doc = split_doc(head)
        words = words.split()
        self.word, self.name, self.group = words[0], words[1], group
        self.plural, _, self.singular = (words[2] if len(words) > 2 else '').partition('/')
        self.short, self.categories, self.subs, self.columns, self.select, self.traits = [], [], [], [], [], []
        self.scope, self.verbs, self.stored, self.hash = 'Cluster', [], None, ''
        self.strategy, self.symbol, self.atomic, self.listable = 'plain', None, False, False
        self.fields = []

    def full_symbol(self):
        if self.symbol:
            return 'kind_' + self.symbol
        name = self.singular or self.name.lower()
        version = self.group.version
        if self.group.name == 'events.k8s.io':
            name = 'events_event'
        if version != 'v1' and self.group.name != 'autoscaling':
            name += '_' + version
        elif version == 'v1' and self.group.name == 'autoscaling' and self.word == 'kind':
            name += '_v1'
        return 'kind_' + name

    def line(self, text):
        words = text.split()
        rest = words[1:]
        if words == ['atomic']:
            self.atomic = True
        elif words == ['listable']:
            self.listable = True
        elif words[0] == 'short' and self.word == 'kind' and not text.startswith('short string'):
            self.short = rest
        elif words[0] == 'in' and self.word == 'kind':
            self.categories = rest
        elif words[0] == 'scope' and rest[0] in ('Namespaced', 'Cluster'):
            self.scope = rest[0]
        elif words[0] == 'verbs' and self.word == 'kind':
            self.verbs = VERBS if rest == ['all'] else rest
        elif words[0] == 'sub':
            group_version, _, kind = rest[1].rpartition('.')
            group, _, version = group_version.rpartition('/')
            self.subs.append((rest[0], group, version, kind, rest[2:]))
        elif words[0] == 'stored':
            self.stored, self.hash = rest
        elif words[0] == 'column':
            name, text = split_doc(text[len('column '):])
            text, doc = split_doc(text)
            attributes, _, path = text.partition(' = ')
            attributes = attributes.split()
            wide = attributes[-1] == 'wide'
            attributes = attributes[:-1] if wide else attributes
            self.columns.append((name, attributes[0], attributes[1] if len(attributes) > 1 else '',
                                 doc, '"%s"' % path if path else 'NULL', int(wide)))
        elif words[0] == 'select' and self.word == 'kind':
            self.select = rest
        elif words[0] == 'traits':
            self.traits = rest
        elif words[0] == 'strategy' and len(words) == 2 and rest[0].islower() and rest[0] not in VALUES:
            self.strategy = rest[0]
        elif words[0] == 'symbol':
            self.symbol = rest[0]
        else:
            self.fields.append(Field(text))


class Group:
    def __init__(self, line):
        words = line.split()
        self.name, self.version = words[1].replace('core', '') if words[1] == 'core' else words[1], words[3]
        self.prefix, self.package = words[5], words[7]
        self.priority = (int(words[9]), int(words[10])) if len(words) > 8 else None
        self.preferred, self.off = 'preferred' in words, 'off' in words


def read(path):
    group, types, block = None, [], None
    with open(path, encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip('\n')
            try:
                if not line or line.startswith('#'):
                    continue
                if line.startswith('group '):
                    group = Group(line)
                elif line.startswith('\t'):
                    block.line(line.strip())
                else:
                    block = Type(group, line)
                    types.append(block)
            except (Failure, IndexError, ValueError, AttributeError) as failure:
                raise Failure('%s:%d: %s' % (path, number, failure)) from failure
    return group, types


def list_type(item):
    """The List kind of a kind that is marked listable."""
    out = Type(item.group, 'object %sList : A list of %s.' % (item.name, item.plural or item.name))
    out.of = item
    for line in ('apiVersion string', 'items [%s] required always @2' % item.name, 'kind string',
                 'metadata meta/v1.ListMeta always @1'):
        out.line(line)
    return out


def c_string(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def c_str(text):
    return 'STR_INIT(%s)' % c_string(text)


class Tables:
    def __init__(self, groups, types):
        self.groups, self.types = groups, types
        self.pool, self.extras, self.extra_at = Pool(), [], {}
        self.index = {t.group.prefix + '.' + t.name: i for i, t in enumerate(types)}
        self.fields = []

    def ref(self, owner, field):
        if field.type.startswith('schema-or-'):
            return self.index['apiextensions/v1.JSONSchemaProps']
        if field.type in VALUES:
            return NONE
        name = field.type if '.' in field.type else owner.group.prefix + '.' + field.type
        if name not in self.index:
            raise Failure('%s.%s: no type %s' % (owner.name, field.name, name))
        return self.index[name]

    def extra(self, field):
        e = field.extra
        row = (field.default_json(), field.values, e['merge_key'], e['list_keys'], e['format'], e['go_type'],
               e['min'], e['max'], e['items'], e['bytes'])
        if not any(v is not None for v in row):
            return NONE
        if row not in self.extra_at:
            self.extra_at[row] = len(self.extras)
            texts = [str(self.pool.add(v) if v is not None else 0) for v in row[:6]]
            self.extras.append('{ %s, %s, %s, %s, %s, %s, %s }' % (
                ', '.join(texts), row[6] or 0, row[7] or 0, row[8] or 0, row[9] or 0,
                'true' if row[6] is not None else 'false', 'true' if row[7] is not None else 'false'))
        return self.extra_at[row]

    def field_row(self, owner, field):
        value = VALUES.index(field.type) if field.type in VALUES else VALUES.index('REF')
        flags = sum(1 << FLAGS[f] for f in field.flags)
        self.fields.append('{ %d, %d, %#x, %d, %d, %d, %d, SCHEMA_%s, SCHEMA_%s, SCHEMA_LIST_%s },' % (
            self.pool.add(field.name), self.pool.add(field.doc), flags, self.ref(owner, field), self.extra(field),
            field.proto, len(field.name), ENUM[value], field.shape, field.list))

    def write(self, out):
        kinds = [t for t in self.types if t.word in ('kind', 'object')]
        kinds = [t for t in kinds if t.word == 'kind' or t.symbol]
        kinds.sort(key=lambda t: (t.word != 'kind', -(t.group.priority or (0, 0))[0], -(t.group.priority or (0, 0))[1], t.name))
        kind_at = {id(t): i for i, t in enumerate(kinds)}
        type_rows = []
        for t in self.types:
            fields = sorted(t.fields, key=lambda f: f.name)
            gvk = '%s/%s/%s' % (t.group.name, t.group.version, t.name) if t.word != 'type' else ''
            if t.word == 'object' and t.group.prefix == 'meta/v1' and t.name in ('Status', 'APIGroup', 'APIGroupList', 'APIResourceList',
                                                                                 'APIVersions'):
                gvk = '/v1/' + t.name
            type_rows.append('{ %d, %d, %d, %d, %d, %d, %d, %s, %d, %d },' % (
                self.pool.add(t.group.prefix + '.' + t.name), self.pool.add(t.name),
                self.pool.add(t.group.package + '.' + t.name), self.pool.add(t.doc), len(self.fields), len(fields),
                kind_at.get(id(t), NONE), 'SCHEMA_ATOMIC' if t.atomic else '0',
                sum(f.default is not None for f in fields), self.pool.add(gvk)))
            for field in fields:
                self.field_row(t, field)
        if len(self.types) >= 0x8000 or len(self.extras) >= NONE:
            raise Failure('too many types or extras')
        out.write('/* Generated by tools/gen_schema.py from api/schema. */\n'
                  '#include "api/kind.h"\n#include "api/strategy.h"\n\n')
        self.write_strings(out)
        for name, rows in (('types', type_rows), ('fields', self.fields)):
            out.write('static const struct schema_%s %s[] = {\n%s\n};\n\n' % (name[:-1], name, '\n'.join('\t' + r for r in rows)))
        out.write('static const struct schema_extra extras[] = {\n%s\n};\n\n' % '\n'.join('\t' + r + ',' for r in self.extras))
        out.write('const struct schema_set schema_builtin = {\n\t.strings = (const char *)strings, .types = types, .fields = fields, '
                  '.extras = extras,\n\t.type_count = %d, .field_count = %d, .extra_count = %d,\n};\n\n'
                  % (len(type_rows), len(self.fields), len(self.extras)))
        self.write_kinds(out, kinds)
        self.write_groups(out)

    def write_strings(self, out):
        out.write('static const unsigned char strings[] = {\n')
        for i in range(0, len(self.pool.bytes), 24):
            out.write('\t' + ','.join(str(b) for b in self.pool.bytes[i:i + 24]) + ',\n')
        out.write('};\n\n')

    def write_kinds(self, out, kinds):
        for name in sorted({t.strategy for t in kinds}):
            out.write('extern const struct strategy strategy_%s;\n' % name)
        for t in kinds:
            self.write_kind(out, t, {(k.group.name, k.group.version, k.name): k for k in kinds})
        out.write('\nconst struct kind *const kind_table[] = {\n%s\n};\nconst size_t kind_count = ARRAY_COUNT(kind_table);\n'
                  % '\n'.join('\t&%s,' % t.full_symbol() for t in kinds))

    def with_doc(self, column):
        """The name and the age of an object are what its metadata says."""
        name, doc = column[0], column[3]
        told = {'Age': 'creationTimestamp', 'Created At': 'creationTimestamp', 'Name': 'name'}.get(name)
        if told and not doc:
            doc = next(f.doc for t in self.types if t.name == 'ObjectMeta' for f in t.fields if f.name == told)
        return column[:3] + (c_string(doc),) + column[4:]

    def write_kind(self, out, t, by_name):
        symbol, group = t.full_symbol(), t.group
        rows = ['.group = %s, .version = %s' % (c_str(group.name), c_str(group.version)),
                '.name = %s, .list_name = %s' % (c_str(t.name), c_str(t.name + 'List')),
                '.api_version = %s' % c_str((group.name + '/' if group.name else '') + group.version),
                '.strategy = &strategy_%s' % t.strategy,
                '.schema = { &schema_builtin, &types[%d] }' % self.index[group.prefix + '.' + t.name]]
        if t.name == 'Status':
            rows[0] = '.group = STR_INIT(""), .version = STR_INIT("v1")'
            rows[2] = '.api_version = STR_INIT("v1")'
        flags = [TRAITS[x] for x in t.traits]
        if t.word == 'kind':
            rows.append('.plural = %s, .singular = %s' % (c_str(t.plural), c_str(t.singular)))
        else:
            flags.append('KIND_UNSERVED')
        for name, values in (('short_names', t.short), ('categories', t.categories), ('selectable_fields', t.select)):
            if values:
                rows.append('.%s = (const char *const[]){ %s, NULL }' % (name, ', '.join(c_string(v) for v in values)))
        if t.subs:
            subs = ['{ "%s", "%s", "%s", "%s", %s }' % (n, g, v, k, self.verb_bits(verbs)) for n, g, v, k, verbs in t.subs]
            rows.append('.subresources = (const struct kind_subresource[]){\n\t\t%s, { 0 } }' % ',\n\t\t'.join(subs))
            if any(s[0] == 'status' for s in t.subs):
                flags.append('KIND_HAS_STATUS')
        if t.columns:
            columns = ['{ "%s", "%s", "%s", %s, %s, %d }' % self.with_doc(c) for c in t.columns]
            rows.append('.columns = (const struct kind_column[]){\n\t\t%s, { 0 } }' % ',\n\t\t'.join(columns))
        if t.hash:
            rows.append('.storage_hash = %s' % c_str(t.hash))
        stored = by_name.get((group.name, t.stored, t.name))
        if group.name == 'events.k8s.io':
            stored = by_name[('', 'v1', 'Event')]
        elif group.name == 'autoscaling' and t.name == 'HorizontalPodAutoscaler':
            stored = by_name[('autoscaling', 'v2', t.name)]
        elif stored is None and t.word == 'kind':
            stored = by_name.get((group.name, 'v1', t.name))
        if stored and stored is not t:
            rows.append('.storage = &%s' % stored.full_symbol())
        if t.scope == 'Namespaced':
            flags.append('KIND_NAMESPACED')
        if group.off:
            flags.append('KIND_OFF_BY_DEFAULT')
        rows.append('.verbs = %s' % self.verb_bits(t.verbs))
        rows.append('.flags = %s' % (' | '.join(flags) or '0'))
        out.write('\nconst struct kind %s = {\n%s\n};\n' % (symbol, '\n'.join('\t%s,' % r for r in rows)))

    @staticmethod
    def verb_bits(verbs):
        return '%#x' % sum(1 << VERBS.index(v) for v in verbs)

    def write_groups(self, out):
        served = sorted((g for g in self.groups if g.priority), key=lambda g: (-g.priority[0], g.name, -g.priority[1]))
        out.write('\nconst struct kind_group kind_groups[] = {\n')
        for g in served:
            out.write('\t{ %s, %s, %d, %d, %s, %s },\n' % (c_str(g.name), c_str(g.version), g.priority[0], g.priority[1],
                                                         'true' if g.preferred else 'false', 'false' if g.off else 'true'))
        out.write('};\nconst size_t kind_group_count = ARRAY_COUNT(kind_groups);\n')


def main():
    groups, types = [], []
    try:
        for path in sorted(sys.argv[2:]):
            group, found = read(path)
            groups.append(group)
            types += found + [list_type(t) for t in found if t.listable]
        tables = Tables(groups, types)
        with open(sys.argv[1], 'w', encoding='utf-8') as out:
            tables.write(out)
    except Failure as failure:
        sys.exit('gen_schema: %s' % failure)


if __name__ == '__main__':
    main()
