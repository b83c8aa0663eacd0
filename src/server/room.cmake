room(server
  SOURCES server/database.cc server/database_sqlite.cc server/database_postgres.cc server/store.cc server/seal.cc
          server/child.cc server/ground.cc server/resources.cc server/endpoints.cc server/connections.cc
          server/certificates.cc server/instances.cc server/subnet_groups.cc server/tags.cc server/account.cc
          server/subscriptions.cc server/signed_call.cc server/courier.cc server/tasks.cc server/task_life.cc
          server/runs.cc server/assessments.cc server/replications.cc server/supervisor.cc server/budgets.cc server/machine.cc
          server/metrics.cc server/bounds.cc server/audit.cc server/front.cc
          server/connection.cc server/http.cc server/users.cc server/api_client.cc server/columns.cc
          server/client.cc server/status.cc
  DEPENDS api wire
  LINKS SQLite::SQLite3 PostgreSQL::PostgreSQL OpenSSL::SSL OpenSSL::Crypto nlohmann_json::nlohmann_json cpp-httplib
  PRECOMPILED_BY api)

add_executable(millrace-server src/server/main.cc src/server/command_line.cc)
target_link_libraries(millrace-server PRIVATE server CLI11::CLI11)
optimised_lightly(server millrace-server)
set_target_properties(millrace-server PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

unit_test(server_test SOURCES src/server/store_test.cc src/server/front_test.cc src/server/http_test.cc
          src/server/status_test.cc src/server/budgets_test.cc src/server/operations_test.cc DEPENDS server)
