room(connectors_files
  SOURCES connectors/files/options.cc connectors/files/object_file.cc connectors/files/load.cc
          connectors/files/change_file.cc connectors/files/stream.cc connectors/files/target.cc
          connectors/files/register.cc connectors/files/place.cc connectors/files/table_files.cc connectors/files/reader.cc
  DECODERS connectors/files/names.cc connectors/files/notes.cc connectors/files/time_zone.cc
  DEPENDS base model formats wire connect
  LINKS formats_decoders)
unit_test(files_test SOURCES src/connectors/files/stream_test.cc src/connectors/files/names_test.cc
          src/connectors/files/reader_test.cc src/connectors/files/place_test.cc
          src/connectors/files/local_folder_test.cc DEPENDS connectors_files)
if(BUILD_TESTING)
  add_executable(files_exporter src/connectors/files/exporter_for_test.cc)
  target_link_libraries(files_exporter PRIVATE system_openssl connectors_files)
  add_test(NAME files_parquet_readers COMMAND ${MILLRACE_PYTHON}
           ${CMAKE_SOURCE_DIR}/tests/python/test_files_parquet.py $<TARGET_FILE:files_exporter>)
endif()
fuzz_target(file_names SOURCES tests/fuzz/file_names.cc DEPENDS connectors_files_decoders)
fuzz_target(time_zone SOURCES tests/fuzz/time_zone.cc DEPENDS connectors_files_decoders)
