// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/ddl_trigger.h"

#include <fmt/format.h>

#include <tuple>

#include "connectors/postgres/cells.h"

namespace postgres {
namespace {

using base::Result;

constexpr std::string_view function_body = R"sql(
DECLARE r record;
BEGIN
  IF tg_event = 'sql_drop' THEN
    FOR r IN SELECT d.objid, d.schema_name AS s, d.object_name AS t FROM pg_event_trigger_dropped_objects() d
        WHERE d.object_type = 'table' AND NOT d.is_temporary LOOP
      PERFORM pg_logical_emit_message(true, 'millrace_ddl', json_build_object('tag', tg_tag, 'oid', r.objid::bigint,
        'schema', r.s, 'table', r.t, 'command', 'DROP TABLE', 'event', tg_event)::text);
    END LOOP;
  ELSE
    FOR r IN SELECT DISTINCT c.objid, n.nspname AS s, k.relname AS t, c.command_tag AS command
        FROM pg_event_trigger_ddl_commands() c JOIN pg_class k ON k.oid = c.objid
        JOIN pg_namespace n ON n.oid = k.relnamespace
        WHERE c.classid = 'pg_class'::regclass AND k.relkind IN ('r', 'p') AND k.relpersistence <> 't' LOOP
      PERFORM pg_logical_emit_message(true, 'millrace_ddl', json_build_object('tag', tg_tag, 'oid', r.objid::bigint,
        'schema', r.s, 'table', r.t, 'command', r.command, 'event', tg_event, 'columns', (SELECT
        json_agg(json_build_array(a.attnum, a.attname) ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = r.objid
        AND a.attnum > 0 AND NOT a.attisdropped))::text);
    END LOOP;
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
        std::tuple{"sql_drop", "_drop", "'DROP TABLE', 'DROP SCHEMA', 'DROP OWNED', 'DROP EXTENSION'"}}) {
    const std::string trigger = quote_identifier(name + suffix);
    statements.push_back(fmt::format("DROP EVENT TRIGGER IF EXISTS {}", trigger));
    statements.push_back(fmt::format("CREATE EVENT TRIGGER {} ON {} WHEN TAG IN ({}) EXECUTE FUNCTION {}()", trigger,
                                     event, tags, function));
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
