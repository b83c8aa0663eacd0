# The rooms, lowest first. Each folder lists its own sources and tests in room.cmake; nothing is globbed.
foreach(room_folder base model connect relational convert formats wire mapping relay engine
        connectors/memory connectors/postgres connectors/mysql connectors/files sim api server main)
  if(EXISTS ${CMAKE_SOURCE_DIR}/src/${room_folder}/room.cmake)
    include(${CMAKE_SOURCE_DIR}/src/${room_folder}/room.cmake)
  endif()
endforeach()
