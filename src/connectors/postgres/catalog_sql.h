// SPDX-License-Identifier: Apache-2.0
//
// The catalogue's statements, apart from the code that reads their answers. No session has a search path, so that
// every name in a definition comes out qualified. $1 is an array of OIDs, so that one round trip describes many
// tables. Everything is in pg_catalog of releases 13 to 18; fields that not every release has are read via to_jsonb.
#pragma once

#include <string_view>

namespace postgres::sql {

// Schemas and tables a user could mean: no system schema, none of our own tables. Uses the aliases n and c.
#define MR_USER_RELATION                                                                              \
  "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname !~ '^(awsdms|millrace)_' " \
  "AND c.relname !~ '^(awsdms|millrace)_' AND NOT c.relispartition "

// Sizes come from the statistics where there are some, so that a locked table does not block the listing.
inline constexpr std::string_view list_tables =
    "SELECT n.nspname, c.relname,"
    " CASE c.relkind WHEN 'p' THEN 'partitioned' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'"
    "  WHEN 'f' THEN 'foreign' ELSE CASE c.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'table' END END,"
    " s.rows::bigint, s.bytes, c.oid "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL ("
    " SELECT CASE WHEN min(l.reltuples) < 0 OR bool_or(l.reltuples = 0 AND l.relpages = 0) THEN -1"
    "  ELSE sum(l.reltuples) END AS rows,"
    "  coalesce(sum(CASE WHEN l.relkind NOT IN ('r', 'm') THEN 0 WHEN l.relpages > 0 THEN"
    "   (l.relpages + coalesce(x.relpages, 0)) * current_setting('block_size')::bigint"
    "   ELSE pg_table_size(l.oid) END), 0)::bigint AS bytes"
    " FROM (SELECT c.oid UNION ALL SELECT relid FROM pg_partition_tree(c.oid) WHERE c.relkind = 'p' AND isleaf) m"
    " JOIN pg_class l ON l.oid = m.oid LEFT JOIN pg_class x ON x.oid = l.reltoastrelid"
    ") s WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't' AND " MR_USER_RELATION
    "ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"";

// $1, $2: arrays of schema and table names.
inline constexpr std::string_view find_tables =
    "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relreplident,"
    " CASE c.relkind WHEN 'p' THEN 'PARTITION BY ' || pg_get_partkeydef(c.oid) END, obj_description(c.oid, 'pg_class') "
    "FROM unnest($1::text[], $2::text[]) w(s, t) JOIN pg_namespace n ON n.nspname = w.s "
    "JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.t "
    "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition";

inline constexpr std::string_view table_of_oid =
    "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.oid = $1::oid AND c.relkind IN ('r', 'p') AND " MR_USER_RELATION;

// A type is portable when its OID is fixed in every release and its binary form names no OID of this server. Not so
// int2vector, oidvector and tsquery, whose empty value some receive functions refuse, and xml, whose binary form gets a
// declaration that the text form of the stream does not have.
inline constexpr std::string_view columns =
    "SELECT a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.atttypid, a.atttypmod,"
    " a.attnotnull, a.attgenerated <> '', a.attidentity, pg_get_expr(d.adbin, d.adrelid),"
    " CASE WHEN a.attcollation NOT IN (0, t.typcollation) THEN a.attcollation::regcollation::text END,"
    " CASE WHEN a.attcollation NOT IN (0, t.typcollation) AND a.attcollation >= 16384 THEN a.attcollation END,"
    " col_description(a.attrelid, a.attnum),"
    " t.oid < 10000 AND t.typtype IN ('b', 'r', 'm') AND t.typsend <> 0 AND t.typname !~ '^_?reg'"
    "  AND ltrim(t.typname, '_') NOT IN ('aclitem', 'int2vector', 'oidvector', 'tsquery', 'xml') AS portable "
    "FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "
    "LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
    "WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum";

inline constexpr std::string_view indexes =
    "SELECT i.indrelid, ic.relname, i.indisprimary, i.indisunique, i.indimmediate, i.indisreplident, i.indisvalid,"
    " i.indpred IS NOT NULL OR i.indexprs IS NOT NULL AS partial,"
    " array_to_string((i.indkey::int2[])[0:i.indnkeyatts - 1], ' '), k.conname, pg_get_constraintdef(k.oid),"
    " pg_get_indexdef(i.indexrelid),"
    " format('CREATE %sINDEX %I ON %s%I.%I ', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, ic.relname,"
    "  CASE WHEN ic.relkind = 'I' THEN 'ONLY ' ELSE '' END, n.nspname, c.relname) "
    "FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x') "
    "WHERE i.indrelid = ANY($1::oid[]) AND i.indislive ORDER BY i.indrelid, ic.relname COLLATE \"C\"";

inline constexpr std::string_view constraints =
    "SELECT k.conrelid, k.contype, k.conname,"
    " CASE k.contype WHEN 'c' THEN pg_get_constraintdef(k.oid) ELSE"
    "  CASE k.confmatchtype WHEN 'f' THEN ' MATCH FULL' ELSE '' END ||"
    "  CASE k.confupdtype WHEN 'c' THEN ' ON UPDATE CASCADE' WHEN 'n' THEN ' ON UPDATE SET NULL'"
    "   WHEN 'd' THEN ' ON UPDATE SET DEFAULT' WHEN 'r' THEN ' ON UPDATE RESTRICT' ELSE '' END ||"
    "  CASE k.confdeltype WHEN 'c' THEN ' ON DELETE CASCADE' WHEN 'n' THEN ' ON DELETE SET NULL'"
    "   WHEN 'd' THEN ' ON DELETE SET DEFAULT' WHEN 'r' THEN ' ON DELETE RESTRICT' ELSE '' END ||"
    "  coalesce((SELECT ' (' || string_agg(quote_ident(a.attname), ', ' ORDER BY x.n) || ')'"
    "   FROM jsonb_array_elements_text(nullif(to_jsonb(k) -> 'confdelsetcols', 'null')) WITH ORDINALITY x(v, n)"
    "   JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.v::int2), '') ||"
    "  CASE WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END ||"
    "  CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END ||"
    "  CASE WHEN k.convalidated THEN '' ELSE ' NOT VALID' END END,"
    " fn.nspname, f.relname,"
    " (SELECT array_agg(a.attname::text ORDER BY x.n) FROM unnest(k.conkey) WITH ORDINALITY x(v, n)"
    "  JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.v),"
    " (SELECT array_agg(a.attname::text ORDER BY x.n) FROM unnest(k.confkey) WITH ORDINALITY x(v, n)"
    "  JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.v) "
    "FROM pg_constraint k LEFT JOIN pg_class f ON f.oid = k.confrelid "
    "LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace "
    "WHERE k.conrelid = ANY($1::oid[]) AND k.contype IN ('c', 'f') AND k.conparentid = 0 "
    "ORDER BY k.conrelid, k.conname COLLATE \"C\"";

// Sequences that belong to a column (serial: a, identity: i) or that a default mentions (n).
inline constexpr std::string_view sequences =
    "WITH fed AS ("
    " SELECT d.objid AS seq, d.refobjid AS rel, d.refobjsubid AS num, d.deptype = 'i' AS identity, true AS owned"
    "  FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'"
    "  WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass"
    "  AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0 AND d.refobjid = ANY($1::oid[])"
    " UNION ALL SELECT d.refobjid, a.adrelid, a.adnum, false, false FROM pg_attrdef a"
    "  JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid"
    "  AND d.refclassid = 'pg_class'::regclass JOIN pg_class c ON c.oid = d.refobjid AND c.relkind = 'S'"
    "  WHERE a.adrelid = ANY($1::oid[])) "
    "SELECT DISTINCT ON (f.rel, f.seq, f.num) f.rel, f.num, n.nspname, c.relname, f.identity, f.owned,"
    " format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,"
    " CASE WHEN has_sequence_privilege(c.oid, 'SELECT,USAGE') THEN pg_sequence_last_value(c.oid) END "
    "FROM fed f JOIN pg_class c ON c.oid = f.seq JOIN pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_sequence s ON s.seqrelid = f.seq ORDER BY f.rel, f.seq, f.num, f.owned DESC";

// All partitions under each root, parents first, with what decides whether UPDATE and DELETE pass on them.
inline constexpr std::string_view partitions =
    "SELECT r.root, n.nspname, c.relname, pn.nspname, pc.relname, pg_get_expr(c.relpartbound, c.oid),"
    " CASE c.relkind WHEN 'p' THEN 'PARTITION BY ' || pg_get_partkeydef(c.oid) END, c.relkind, c.relreplident, "
    "c.relpersistence,"
    " (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_index i"
    "  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY((i.indkey::int2[])[0:i.indnkeyatts - 1])"
    "  WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate"
    "  AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END) "
    "FROM unnest($1::oid[]) r(root) CROSS JOIN LATERAL pg_partition_tree(r.root) t JOIN pg_class c ON c.oid = t.relid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class pc ON pc.oid = t.parentrelid "
    "JOIN pg_namespace pn ON pn.oid = pc.relnamespace "
    "WHERE t.level > 0 ORDER BY r.root, t.level, n.nspname COLLATE \"C\", c.relname COLLATE \"C\"";

// The types of $1 with the types and collations their definitions mention, one level down.
inline constexpr std::string_view types =
    "SELECT t.oid, t.typtype, n.nspname, t.typname, x.extname, xn.nspname,"
    " CASE WHEN t.typelem <> 0 AND t.typlen = -1 AND el.typarray = t.oid THEN t.typelem ELSE 0 END,"
    " CASE t.typtype"
    "  WHEN 'e' THEN (SELECT format('CREATE TYPE %I.%I AS ENUM (%s)', n.nspname, t.typname,"
    "   string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)) FROM pg_enum e"
    "   WHERE e.enumtypid = t.oid)"
    "  WHEN 'd' THEN format('CREATE DOMAIN %I.%I AS %s', n.nspname, t.typname, format_type(t.typbasetype, t.typtypmod))"
    "   || CASE WHEN t.typcollation NOT IN (0, bt.typcollation) THEN ' COLLATE ' || t.typcollation::regcollation"
    "    ELSE '' END || coalesce(' DEFAULT ' || t.typdefault, '')"
    "   || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END"
    "   || coalesce((SELECT string_agg(format(' CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)), ''"
    "    ORDER BY k.conname) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), '')"
    "  WHEN 'c' THEN CASE WHEN (SELECT relkind FROM pg_class WHERE oid = t.typrelid) = 'c' THEN"
    "   format('CREATE TYPE %I.%I AS (%s)', n.nspname, t.typname, (SELECT string_agg(format('%I %s%s', a.attname,"
    "    format_type(a.atttypid, a.atttypmod), CASE WHEN a.attcollation NOT IN (0, at.typcollation)"
    "    THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END), ', ' ORDER BY a.attnum)"
    "    FROM pg_attribute a JOIN pg_type at ON at.oid = a.atttypid"
    "    WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)) END"
    "  WHEN 'r' THEN CASE WHEN r.rngcanonical = 0 THEN format('CREATE TYPE %I.%I AS RANGE (subtype = %s', n.nspname,"
    "    t.typname, format_type(r.rngsubtype, NULL))"
    "   || CASE WHEN r.rngcollation NOT IN (0, st.typcollation) THEN ', collation = ' || r.rngcollation::regcollation"
    "    ELSE '' END"
    "   || CASE WHEN oc.opcdefault THEN '' ELSE format(', subtype_opclass = %I.%I', ocn.nspname, oc.opcname) END"
    "   || CASE WHEN r.rngsubdiff::oid BETWEEN 1 AND 16383 THEN ', subtype_diff = ' || r.rngsubdiff ELSE '' END"
    "   || coalesce((SELECT format(', multirange_type_name = %I.%I', mn.nspname, mt.typname) FROM pg_type mt"
    "    JOIN pg_namespace mn ON mn.oid = mt.typnamespace"
    "    WHERE mt.oid = (to_jsonb(r) ->> 'rngmultitypid')::oid), '') || ')' END END,"
    " array_remove(CASE t.typtype WHEN 'd' THEN ARRAY[t.typbasetype] WHEN 'r' THEN ARRAY[r.rngsubtype]"
    "  WHEN 'm' THEN ARRAY(SELECT g.rngtypid FROM pg_range g WHERE (to_jsonb(g) ->> 'rngmultitypid')::oid = t.oid)"
    "  WHEN 'c' THEN ARRAY(SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0"
    "   AND NOT a.attisdropped ORDER BY a.attnum) ELSE '{}' END, 0::oid),"
    " CASE t.typtype WHEN 'd' THEN ARRAY[t.typcollation] WHEN 'r' THEN ARRAY[r.rngcollation]"
    "  WHEN 'c' THEN ARRAY(SELECT a.attcollation FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0"
    "   AND NOT a.attisdropped) ELSE '{}' END, t.typtypmod "
    "FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_type el ON el.oid = t.typelem "
    "LEFT JOIN pg_type bt ON bt.oid = t.typbasetype LEFT JOIN pg_range r ON r.rngtypid = t.oid "
    "LEFT JOIN pg_type st ON st.oid = r.rngsubtype LEFT JOIN pg_opclass oc ON oc.oid = r.rngsubopc "
    "LEFT JOIN pg_namespace ocn ON ocn.oid = oc.opcnamespace "
    "LEFT JOIN pg_depend xd ON xd.classid = 'pg_type'::regclass AND xd.objid = t.oid AND xd.deptype = 'e' "
    "LEFT JOIN pg_extension x ON x.oid = xd.refobjid LEFT JOIN pg_namespace xn ON xn.oid = x.extnamespace "
    "WHERE t.oid = ANY($1::oid[])";

inline constexpr std::string_view collations =
    "SELECT co.oid, n.nspname, co.collname, CASE co.collprovider"
    " WHEN 'c' THEN format('CREATE COLLATION %I.%I (provider = libc, lc_collate = %L, lc_ctype = %L)', n.nspname,"
    "  co.collname, co.collcollate, co.collctype)"
    " WHEN 'i' THEN format('CREATE COLLATION %I.%I (provider = icu, locale = %L, deterministic = %s)', n.nspname,"
    "  co.collname, coalesce(to_jsonb(co) ->> 'colllocale', to_jsonb(co) ->> 'colliculocale', co.collcollate),"
    "  CASE WHEN co.collisdeterministic THEN 'true' ELSE 'false' END) END "
    "FROM pg_collation co JOIN pg_namespace n ON n.oid = co.collnamespace "
    "WHERE co.oid = ANY($1::oid[]) AND co.oid >= 16384";

}  // namespace postgres::sql
