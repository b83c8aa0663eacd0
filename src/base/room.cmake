room(base SOURCES base/error.cc base/thread.cc base/clock.cc base/disk.cc base/json.cc)
