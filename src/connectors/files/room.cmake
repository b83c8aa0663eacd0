room(connectors_files
  SOURCES connectors/files/options.cc connectors/files/names.cc connectors/files/time_zone.cc
          connectors/files/notes.cc connectors/files/object_file.cc connectors/files/load.cc
          connectors/files/change_file.cc connectors/files/stream.cc connectors/files/target.cc
          connectors/files/register.cc
  DEPENDS base model formats wire connect)
unit_test(files_test SOURCES src/connectors/files/stream_test.cc src/connectors/files/names_test.cc DEPENDS connectors_files)
