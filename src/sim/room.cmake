room(sim SOURCES
  sim/chance.cc
  sim/disk.cc
  sim/fiber.cc
  sim/plan.cc
  sim/rows.cc
  sim/run.cc
  sim/scheduler.cc
  sim/shrink.cc
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

# The same with faults planted in it, to show that the checkers can see them: ./dev sim --planted.
option(MILLRACE_PLANTED_FAULTS "build millrace_sim_planted" OFF)
if(MILLRACE_PLANTED_FAULTS)
  set(_planter ${CMAKE_SOURCE_DIR}/tools/sim/plant_faults.py)
  execute_process(COMMAND ${Python3_EXECUTABLE} ${_planter} --files OUTPUT_VARIABLE _files
                  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(_originals ${_files})
  list(TRANSFORM _originals PREPEND ${CMAKE_SOURCE_DIR}/src/)
  list(TRANSFORM _files PREPEND ${CMAKE_BINARY_DIR}/planted/)
  add_custom_command(OUTPUT ${_files} COMMAND ${Python3_EXECUTABLE} ${_planter} --write ${CMAKE_BINARY_DIR}/planted
                     DEPENDS ${_planter} ${_originals})
  # A changed file has all names of the file in the library, which is therefore not linked.
  add_executable(millrace_sim_planted EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/src/sim/main.cc ${_files})
  target_link_libraries(millrace_sim_planted PRIVATE system_openssl sim)
endif()
