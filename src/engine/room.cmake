room(engine
  SOURCES
    engine/attempt.cc
    engine/bound_tables.cc
    engine/change_queue.cc
    engine/characters.cc
    engine/control_report.cc
    engine/explain.cc
    engine/group.cc
    engine/kept_changes.cc
    engine/ledger.cc
    engine/load.cc
    engine/lookup.cc
    engine/monitor.cc
    engine/pace.cc
    engine/plan.cc
    engine/relay_only.cc
    engine/retry.cc
    engine/route.cc
    engine/settings.cc
    engine/settings_table.cc
    engine/shapes.cc
    engine/sqlite_store.cc
    engine/state_store.cc
    engine/statistics.cc
    engine/streaming.cc
    engine/task.cc
    engine/validate.cc
    engine/validate_unordered.cc
    engine/value_edits.cc
  DEPENDS base model connect mapping relay
  LINKS SQLite::SQLite3)
unit_test(engine_test
  SOURCES
    src/engine/bound_tables_test.cc
    src/engine/change_queue_test.cc
    src/engine/control_report_test.cc
    src/engine/group_test.cc
    src/engine/pace_test.cc
    src/engine/retry_test.cc
    src/engine/settings_test.cc
    src/engine/shapes_test.cc
    src/engine/state_store_test.cc
    src/engine/value_edits_test.cc
  DEPENDS engine)
if(TARGET engine_test)
  target_compile_definitions(engine_test PRIVATE MILLRACE_SOURCE_FOLDER="${CMAKE_SOURCE_DIR}")
endif()
