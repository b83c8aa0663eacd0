// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/ddl_trigger.h"

#include <fmt/format.h>

#include <tuple>

#include "connectors/postgres/cells.h"

namespace postgres {
namespace {

using base::Result;

// EXCEPTION makes it a subtransaction. The server merges those by log position, counts a message at its end and a row
// at its beginning, and takes the row first when both are equal: so a second message follows, which keeps a row that
// comes at once away from the first.
constexpr std::string_view function_body = R"sql(
DECLARE r record; q text := current_query(); list jsonb;
BEGIN
  IF tg_event = 'sql_drop' THEN
    FOR r IN SELECT d.objid, d.schema_name AS s, d.object_name AS t FROM pg_event_trigger_dropped_objects()
        WITH ORDINALITY AS d WHERE d.object_type = 'table' AND NOT d.is_temporary ORDER BY d.original DESC, d.ordinality LOOP
      PERFORM pg_logical_emit_message(true, 'millrace_ddl', json_build_object('tag', tg_tag, 'oid', r.objid::bigint,
        'schema', r.s, 'table', r.t, 'command', 'DROP TABLE', 'event', tg_event)::text);
    END LOOP;
    SELECT jsonb_agg(DISTINCT jsonb_build_object('oid', d.objid::bigint, 'command', 'DROP COLUMN', 'made', false))
      INTO list FROM pg_event_trigger_dropped_objects() d
      WHERE d.object_type = 'table column' AND tg_tag <> 'ALTER TABLE';
  ELSE
    SELECT jsonb_agg(DISTINCT jsonb_build_object('command', c.command_tag, 'oid',
      CASE WHEN p.relispartition THEN pg_partition_root(p.oid)::oid ELSE p.oid END::bigint,
      'made', p.relispartition AND c.command_tag <> 'ALTER TABLE'))
      INTO list FROM pg_event_trigger_ddl_commands() c JOIN pg_class p ON p.oid = c.objid
      WHERE c.classid = 'pg_class'::regclass;
  END IF;
  FOR r IN SELECT k.oid, n.nspname AS s, k.relname AS t, k.relkind, o.command, o.made
      FROM jsonb_to_recordset(list) AS o(oid bigint, command text, made boolean)
      JOIN pg_class k ON k.oid = o.oid JOIN pg_namespace n ON n.oid = k.relnamespace
      WHERE k.relkind IN ('r', 'p') AND k.relpersistence <> 't' LOOP
    PERFORM pg_logical_emit_message(true, 'millrace_ddl', json_build_object('tag', tg_tag, 'oid', r.oid::bigint,
      'schema', r.s, 'table', r.t, 'command', r.command, 'event', 'ddl_command_end', 'made', r.made,
      'converts', q !~* '\malter\s+table\M' OR q ~* '\musing\M',
      'columns', (SELECT json_agg(json_build_array(a.attnum, a.attname, a.atttypid::bigint, a.atttypmod, a.attnotnull,
        a.attgenerated <> '', a.attidentity, pg_get_expr(d.adbin, d.adrelid), format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attcollation NOT IN (0, y.typcollation) THEN a.attcollation::regcollation::text END,
        a.atthasmissing OR r.relkind = 'p') ORDER BY a.attnum) FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped),
      'partitions', CASE WHEN r.relkind = 'p' THEN (SELECT coalesce(json_agg(json_build_array(pn.nspname, pc.relname)),
        '[]') FROM pg_partition_tree(r.oid) pt JOIN pg_class pc ON pc.oid = pt.relid JOIN pg_namespace pn
        ON pn.oid = pc.relnamespace WHERE pt.level > 0) END)::text);
  END LOOP;
  IF list IS NOT NULL OR tg_event = 'sql_drop' THEN
    PERFORM pg_logical_emit_message(true, 'millrace_ddl_end', '');
  END IF;
EXCEPTION WHEN OTHERS THEN
  NULL;
END
)sql";

}  // namespace

std::vector<std::string> ddl_trigger_statements(const std::string& schema, const std::string& name) {
  const std::string function = quoted({schema, name});
  std::vector<std::string> statements;
  statements.push_back(fmt::format(
      "CREATE OR REPLACE FUNCTION {}() RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog AS {}",
      function, quote_literal(function_body)));
  for (const auto& [event, suffix, tags] :
       {std::tuple{"ddl_command_end", "_end", "'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE'"},
        std::tuple{"sql_drop", "_drop", ""}}) {
    const std::string trigger = quote_identifier(name + suffix);
    statements.push_back(fmt::format("DROP EVENT TRIGGER IF EXISTS {}", trigger));
    const std::string when = *tags == '\0' ? "" : fmt::format("WHEN TAG IN ({}) ", tags);
    statements.push_back(
        fmt::format("CREATE EVENT TRIGGER {} ON {} {}EXECUTE FUNCTION {}()", trigger, event, when, function));
  }
  return statements;
}

Result<bool> may_create_ddl_trigger(Connection& connection) {
  const Rows rows =
      TRY(connection.query("SELECT r.rolsuper OR EXISTS (SELECT FROM pg_roles s WHERE s.rolname = 'rds_superuser'"
                           " AND pg_has_role(r.oid, s.oid, 'MEMBER')) FROM pg_roles r WHERE r.rolname = current_user",
                           {}));
  return rows.size() == 1 && true_at(rows[0], 0);
}

Result<bool> create_ddl_trigger(Connection& connection, const std::string& schema, const std::string& name) {
  if (!TRY(may_create_ddl_trigger(connection))) return false;
  TRY(connection.execute("BEGIN"));
  TRY(connection.execute("SET LOCAL lock_timeout = '5s'"));
  for (const std::string& statement : ddl_trigger_statements(schema, name)) {
    Result<std::uint64_t> made = connection.execute(statement);
    if (made.ok()) continue;
    TRY(connection.execute("ROLLBACK"));
    if (made.error().is(errors::privilege_missing)) return false;
    return made.take_error();
  }
  TRY(connection.execute("COMMIT"));
  return true;
}

Result<bool> has_ddl_trigger(Connection& connection, const std::string& name) {
  const Rows rows =
      TRY(connection.query("SELECT count(*) = 2 FROM pg_event_trigger WHERE evtname IN ($1, $2) AND evtenabled <> 'D'",
                           {name + "_end", name + "_drop"}));
  return rows.size() == 1 && true_at(rows[0], 0);
}

Result<void> drop_ddl_trigger(Connection& connection, const std::string& name) {
  for (const char* suffix : {"_end", "_drop"}) {
    TRY(connection.execute("DROP EVENT TRIGGER IF EXISTS " + quote_identifier(name + suffix)));
  }
  const Rows rows = TRY(connection.query(
      "SELECT n.nspname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.proname = $1", {name}));
  for (const Row& row : rows) {
    TRY(connection.execute("DROP FUNCTION IF EXISTS " + quoted({text_at(row, 0), name}) + "()"));
  }
  return {};
}

}  // namespace postgres
