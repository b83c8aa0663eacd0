room(sim SOURCES
  sim/bucket.cc
  sim/chance.cc
  sim/crash_point.cc
  sim/disk.cc
  sim/farm.cc
  sim/fiber.cc
  sim/file_target.cc
  sim/lake.cc
  sim/pgoutput_writer.cc
  sim/plan.cc
  sim/plan_families.cc
  sim/plan_points.cc
  sim/plan_text.cc
  sim/rows.cc
  sim/run.cc
  sim/scheduler.cc
  sim/shrink.cc
  sim/source_connector.cc
  sim/source_server.cc
  sim/source_stream.cc
  sim/tables.cc
  sim/target_apply.cc
  sim/target_connector.cc
  sim/target_server.cc
  sim/workload.cc
  sim/workload_ddl.cc
  sim/checks/acknowledged.cc
  sim/checks/bank.cc
  sim/checks/equality.cc
  sim/checks/foreign_keys.cc
  sim/checks/key_order.cc
  sim/checks/lake_content.cc
  sim/checks/lake_names.cc
  sim/checks/memory.cc
  sim/checks/owner.cc
  sim/checks/positions.cc
  sim/checks/rebuild.cc
  DEPENDS base model formats wire connect relational mapping relay engine connectors_postgres connectors_files)

# The simulator is built from copies of the sources in which every durable step knows its crash point. A copy has all
# names of the file in the library, which is therefore not linked.
set(_pointer ${CMAKE_SOURCE_DIR}/tools/sim/crash_points.py)
execute_process(COMMAND ${Python3_EXECUTABLE} ${_pointer} --files OUTPUT_VARIABLE _pointed
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${Python3_EXECUTABLE} ${_pointer} --scanned OUTPUT_VARIABLE _scanned
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
list(TRANSFORM _scanned PREPEND ${CMAKE_SOURCE_DIR}/src/)
set(_planter ${CMAKE_SOURCE_DIR}/tools/sim/plant_faults.py)
execute_process(COMMAND ${Python3_EXECUTABLE} ${_planter} --files OUTPUT_VARIABLE _planted
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
# What a copy takes the place of is an object of its own.
set(_replaced ${_pointed} ${_planted})
list(REMOVE_DUPLICATES _replaced)
list(TRANSFORM _replaced PREPEND ${CMAKE_SOURCE_DIR}/src/)
set_source_files_properties(${_replaced} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
set(_copies ${_pointed})
list(TRANSFORM _copies PREPEND ${CMAKE_BINARY_DIR}/points/)
set(_points_list ${CMAKE_BINARY_DIR}/points/crash_points.cc)
add_custom_command(OUTPUT ${_points_list} ${_copies}
                   COMMAND ${Python3_EXECUTABLE} ${_pointer} --write ${CMAKE_BINARY_DIR}/points "${_pointed}"
                   DEPENDS ${_pointer} ${_scanned} VERBATIM)
add_library(sim_points OBJECT ${_copies} ${_points_list})
target_link_libraries(sim_points PUBLIC sim)
precompile(sim_points base)
compile_in_batches(sim_points)
add_executable(millrace_sim ${CMAKE_SOURCE_DIR}/src/sim/main.cc)
target_link_libraries(millrace_sim PRIVATE system_openssl sim_points sim)
unit_test(sim_test SOURCES src/sim/plan_families_test.cc tests/sim/sim_test.cc DEPENDS sim_points sim)
if(TARGET sim_test)
  target_compile_definitions(sim_test PRIVATE MILLRACE_TOP="${CMAKE_SOURCE_DIR}")
endif()

# The same with faults planted in it, to show that the checkers can see them: ./dev sim --planted.
option(MILLRACE_PLANTED_FAULTS "build millrace_sim_planted" OFF)
if(MILLRACE_PLANTED_FAULTS)
  set(_files ${_planted})
  set(_originals ${_planted})
  list(TRANSFORM _originals PREPEND ${CMAKE_SOURCE_DIR}/src/)
  list(TRANSFORM _files PREPEND ${CMAKE_BINARY_DIR}/planted/)
  add_custom_command(OUTPUT ${_files} COMMAND ${Python3_EXECUTABLE} ${_planter} --write ${CMAKE_BINARY_DIR}/planted
                     DEPENDS ${_planter} ${_pointer} ${_originals} ${_scanned})
  add_executable(millrace_sim_planted EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/src/sim/main.cc ${_files} ${_points_list})
  target_link_libraries(millrace_sim_planted PRIVATE system_openssl sim)
endif()
