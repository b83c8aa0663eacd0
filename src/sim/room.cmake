room(sim SOURCES
  sim/chance.cc
  sim/disk.cc
  sim/fiber.cc
  sim/plan.cc
  sim/rows.cc
  sim/run.cc
  sim/scheduler.cc
  sim/source_connector.cc
  sim/source_server.cc
  sim/source_stream.cc
  sim/target_apply.cc
  sim/target_connector.cc
  sim/target_server.cc
  sim/workload.cc
  sim/checks/acknowledged.cc
  sim/checks/bank.cc
  sim/checks/equality.cc
  sim/checks/key_order.cc
  sim/checks/positions.cc
  DEPENDS base model connect mapping relay engine connectors_postgres connectors_files)
add_executable(millrace_sim ${CMAKE_SOURCE_DIR}/src/sim/main.cc)
target_link_libraries(millrace_sim PRIVATE system_openssl sim)
unit_test(sim_test SOURCES tests/sim/sim_test.cc DEPENDS sim)
