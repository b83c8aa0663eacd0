# The list of error codes is made from the headers of all rooms.
set(error_list ${CMAKE_BINARY_DIR}/generated/error_list.cc)
find_package(Python3 COMPONENTS Interpreter REQUIRED)
add_custom_target(make_error_list ALL
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tools/error_list.py ${CMAKE_SOURCE_DIR}/src ${error_list}
  BYPRODUCTS ${error_list})

set(connector_rooms)
foreach(connector connectors_postgres connectors_mysql connectors_files)
  if(TARGET ${connector})
    list(APPEND connector_rooms ${connector})
  endif()
endforeach()

room(main_room
  SOURCES main/time_text.cc main/endpoint.cc main/task_document.cc main/data_dir.cc main/log_file.cc main/signals.cc
          main/connectors.cc main/progress.cc main/table_text.cc main/reports.cc main/command_line.cc
          main/help_pages.cc main/log_levels.cc main/session.cc main/settings_pages.cc main/commands.cc
          main/mapping_commands.cc main/worker.cc main/secrets.cc main/assessment.cc main/assessment_results.cc main/run_report.cc main/mapping_pages.cc main/mapping_rows.cc
  DEPENDS engine ${connector_rooms}
  LINKS spdlog::spdlog CLI11::CLI11 nlohmann_json::nlohmann_json)
# connectors.cc lists each connector whose register.h is there: compile it again when one appears.
file(GLOB registered ${CMAKE_SOURCE_DIR}/src/connectors/*/register.h)
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/main/connectors.cc PROPERTIES OBJECT_DEPENDS "${registered}"
                            SKIP_UNITY_BUILD_INCLUSION ON)
target_sources(main_room PRIVATE ${error_list})
add_dependencies(main_room make_error_list)

add_executable(millrace src/main/main.cc)
target_link_libraries(millrace PRIVATE system_openssl main_room)
# PyArrow lives in a folder of its own; the binary finds it there.
set_target_properties(millrace PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

optimised_lightly(main_room millrace)

add_dependencies(millrace millrace-server)

unit_test(main_test
  SOURCES src/main/task_document_test.cc src/main/progress_test.cc src/main/data_dir_test.cc
          src/main/help_pages_test.cc src/main/settings_pages_test.cc src/main/filter_oracle_test.cc
          src/main/mapping_rows_test.cc src/main/assessment_test.cc
  DEPENDS main_room)
if(TARGET main_test)
  target_compile_definitions(main_test PRIVATE MILLRACE_SOURCE_FOLDER="${CMAKE_SOURCE_DIR}")
endif()

# Only what the document needs, so that the target builds without the clients of the databases.
fuzz_target(task_document
  SOURCES tests/fuzz/task_document.cc src/main/task_document.cc src/main/endpoint.cc src/main/secrets.cc src/main/time_text.cc
          src/engine/characters.cc src/engine/settings.cc src/engine/settings_table.cc src/engine/value_edits.cc
  DEPENDS base model connect mapping wire)
