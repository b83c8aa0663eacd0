room(base SOURCES base/error.cc base/thread.cc base/clock.cc base/disk.cc base/json.cc)
unit_test(base_test SOURCES
  src/base/channel_test.cc
  src/base/disk_test.cc
  src/base/thread_test.cc
  DEPENDS base)
